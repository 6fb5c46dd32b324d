//! The tests would notice (bar T4): each policy is broken once, in each way, and each break is
//! found; and where a break really opens a table, the matrix sees rows come through.

use sqlx::{AssertSqlSafe, Connection, Executor, Row};
use voxanne::db::catalogue::schema_findings;

use crate::support::cluster::TestDb;
use crate::tenancy_matrix::differences;

const RECREATE: &str = "
select format('drop policy %1$I on %2$s; create policy %1$I on %2$s as %3$s for %4$s to %5$s %6$s',
              p.polname, p.polrelid::regclass, case when p.polpermissive then 'permissive' else 'restrictive' end,
              case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end,
              p.polroles[1]::regrole, 'using (' || pg_get_expr(p.polqual, p.polrelid) || ')') as recreated";

/// Every way to break one policy, as statements.
fn broken(
    table: &str,
    name: &str,
    using: Option<&str>,
    check: Option<&str>,
    recreated: Option<&str>,
) -> Vec<String> {
    let alter = format!("alter policy {name} on {table}");
    let mut mutants = vec![format!("drop policy {name} on {table}"), format!("{alter} to public")];
    for (clause, text) in [("using", using), ("with check", check)] {
        let Some(text) = text.filter(|text| *text != "true") else { continue };
        mutants.push(format!("{alter} {clause} (true)"));
        mutants.push(format!("{alter} {clause} ({text} or true)"));
        mutants.push(format!(
            "{alter} {clause} ({})",
            text.replace("'app.org_id'::text", "'app.org_id'::text, true")
        ));
        if text.contains("ANY") {
            mutants.push(format!(
                "{alter} {clause} ({})",
                text.split(" AND ").next().unwrap().strip_prefix('(').unwrap()
            ));
        }
    }
    // Without its own WITH CHECK a policy for writing uses the other condition; for one that has
    // both and has them alike, this is the same policy in other words, so it must be refused too.
    if let (Some(_), Some(_), Some(recreated)) = (using, check, recreated) {
        mutants.push(recreated.to_owned());
    }
    mutants
}

#[tokio::test]
async fn every_broken_policy_is_found() {
    let db = TestDb::create().await;
    let mut connection = db.superuser.acquire().await.unwrap();
    assert_eq!(
        schema_findings(&mut connection).await.unwrap(),
        Vec::<String>::new(),
        "nothing is broken yet"
    );
    let query = format!(
        "{RECREATE}, p.polrelid::regclass::text, p.polname::text, pg_get_expr(p.polqual, p.polrelid),
                pg_get_expr(p.polwithcheck, p.polrelid)
           from pg_policy p join pg_class c on c.oid = p.polrelid
          where c.relnamespace = 'public'::regnamespace order by 2, 3"
    );
    let policies = connection.fetch_all(AssertSqlSafe(query)).await.unwrap();
    let mut mutants: Vec<String> = Vec::new();
    for policy in &policies {
        let text = |at: usize| policy.get::<Option<&str>, _>(at);
        mutants.extend(broken(text(1).unwrap(), text(2).unwrap(), text(3), text(4), text(0)));
    }
    let tables: Vec<String> = policies.iter().map(|policy| policy.get(1)).collect();
    for table in tables.iter().collect::<std::collections::BTreeSet<_>>() {
        mutants.push(format!("alter table {table} no force row level security"));
        mutants.push(format!("alter table {table} disable row level security"));
        if table != "organizations" {
            mutants.push(format!("drop trigger keep_org_id on {table}"));
            mutants.push(format!(
                "drop policy tenant_floor on {table}; create policy tenant_floor on {table} to voxanne_app \
                                  using (org_id = (select current_setting('app.org_id')::uuid))"
            ));
        }
    }
    assert!(mutants.len() > 400, "{}", mutants.len());
    let mut survivors = Vec::new();
    for mutant in &mutants {
        let mut tx = connection.begin().await.unwrap();
        tx.execute(sqlx::raw_sql(AssertSqlSafe(mutant.clone())))
            .await
            .unwrap_or_else(|error| panic!("{mutant}: {error}"));
        if schema_findings(&mut tx).await.unwrap().is_empty() {
            survivors.push(mutant);
        }
        tx.rollback().await.unwrap();
    }
    assert!(survivors.is_empty(), "{} of {} survived: {survivors:#?}", survivors.len(), mutants.len());
}

/// Breaks that change what comes through. The floor and the policies of the commands say the same
/// thing twice, so it takes both to open a table; each of them alone already closes it.
const OPENED: [&str; 11] = [
    "alter table jobs disable row level security",
    "drop policy tenant_floor on jobs; alter policy tenant_select on jobs using (true)",
    "drop policy tenant_floor on jobs; alter policy tenant_insert on jobs with check (true)",
    "drop policy tenant_floor on jobs; alter policy tenant_select on jobs using (true); \
     alter policy tenant_update on jobs using (true) with check (true)",
    "drop policy tenant_floor on jobs; alter policy tenant_select on jobs using (true); \
     alter policy tenant_delete on jobs using (true)",
    "alter policy tenant_floor on jobs using (org_id = nullif(current_setting('app.org_id', true), '')::uuid); \
     alter policy tenant_select on jobs using (org_id = nullif(current_setting('app.org_id', true), '')::uuid)",
    "alter table jobs disable trigger keep_org_id",
    "drop policy tenant_select on jobs",
    "drop policy tenant_insert on jobs",
    "drop policy tenant_update on jobs",
    "drop policy tenant_delete on jobs",
];

#[tokio::test]
async fn the_matrix_sees_what_comes_through() {
    for opened in OPENED {
        let db = TestDb::create().await;
        db.superuser.execute(sqlx::raw_sql(opened)).await.unwrap();
        assert!(!differences(db, "jobs", 8).await.is_empty(), "nothing was noticed of: {opened}");
    }
    assert_eq!(differences(TestDb::create().await, "jobs", 8).await, Vec::<String>::new());
}
