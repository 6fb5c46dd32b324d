//! The one global table with rows of clinics (bar T3): of `organizations`, whoever serves requests sees and
//! changes the row of its own organization, whatever a statement asks for, and makes and removes none.

use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection};
use uuid::Uuid;

use crate::support::cluster::TestDb;
use crate::tenancy_matrix::cases;
use crate::tenancy_rows::Dice;

/// What is said of the organization, and the code with which every look at a row then fails.
const SETTINGS: [(Option<&str>, Option<&str>); 4] = [
    (Some("own"), None),
    (None, Some("42704")),
    (Some(""), Some("22P02")),
    (Some("no-organization"), Some("22P02")),
];

/// Rows that a statement gave or touched, or the code of its refusal.
async fn run(
    connection: &mut PgConnection,
    setting: Option<&str>,
    role: &str,
    sql: &str,
) -> Result<u64, String> {
    let mut tx = connection.begin().await.unwrap();
    if let Some(org) = setting {
        let set = format!("set local app.org_id = '{org}'; set local app.role = '{role}'");
        tx.execute(sqlx::raw_sql(AssertSqlSafe(set))).await.unwrap();
    }
    let done = tx.fetch_all(AssertSqlSafe(sql.to_owned())).await.map(|rows| rows.len() as u64);
    tx.rollback().await.unwrap();
    done.map_err(|error| error.as_database_error().unwrap().code().unwrap_or_default().into_owned())
}

#[tokio::test]
async fn no_statement_sees_or_changes_another_organizations_row() {
    let db = TestDb::create().await;
    let mut dice = Dice::new(0x0416);
    let orgs: Vec<Uuid> = (0..5).map(|_| dice.uuid()).collect();
    for (at, org) in orgs.iter().enumerate() {
        let row = format!(
            "insert into organizations (id, name, slug) values ('{org}', 'Clinic {at}', 'clinic-{at}')"
        );
        db.superuser.execute(AssertSqlSafe(row)).await.unwrap();
    }
    let me = 2;
    for (setting, code) in SETTINGS {
        // A connection of its own: once an organization was set on it, it is never unset again.
        let mut connection = db.app_options().connect().await.unwrap();
        let own = orgs[me].to_string();
        let setting = if setting == Some("own") { Some(own.as_str()) } else { setting };
        for _ in 0..cases() {
            let at = dice.below(orgs.len());
            // A predicate, and whether it is true of the own row.
            let (predicate, is_mine) = match dice.below(4) {
                0 => ("true".to_owned(), true),
                1 => (format!("id = '{}'", orgs[at]), at == me),
                2 => (format!("slug <= 'clinic-{at}'"), me <= at),
                _ => (format!("name like '%{at}' or retention_days < 0"), at == me),
            };
            let role = *dice.pick(&["owner", "admin", "member", "service", "platform"]);
            let may_change = matches!(role, "owner" | "admin");
            let mine = u64::from(is_mine);
            let statements = [
                (format!("select id from organizations where {predicate}"), mine),
                (
                    format!("select id from organizations where {predicate} for key share"),
                    mine * u64::from(may_change),
                ),
                (format!("with t as (select id from organizations where {predicate}) select * from t"), mine),
                (
                    format!("update organizations set name = 'x' where {predicate} returning id"),
                    mine * u64::from(may_change),
                ),
            ];
            for (sql, expected) in &statements {
                let done = run(&mut connection, setting, role, sql).await;
                let expected = code.map_or(Ok(*expected), |code| Err(code.to_owned()));
                assert_eq!(done, expected, "{setting:?} {role}: {sql}");
            }
            let denied = [
                format!("delete from organizations where {predicate}"),
                format!("insert into organizations (id, name, slug) values ('{}', 'n', 'new')", dice.uuid()),
                format!("update organizations set id = '{}' where {predicate}", dice.uuid()),
                format!("update organizations set suspended_at = null where {predicate}"),
            ];
            for sql in &denied {
                let done = run(&mut connection, setting, role, sql).await;
                assert_eq!(done, Err("42501".to_owned()), "{setting:?} {role}: {sql}");
            }
        }
        connection.close().await.unwrap();
    }
    let untouched: i64 = sqlx::query_scalar("select count(*) from organizations where name like 'Clinic _'")
        .fetch_one(&db.superuser)
        .await
        .unwrap();
    assert_eq!(untouched, 5);
}
