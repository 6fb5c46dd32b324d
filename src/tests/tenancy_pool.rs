//! Pooled connections carry nothing over (bar T5): one connection, fifty clinics, and requests that
//! are cancelled at any point, run into timeouts, panic, or lose their server process.
//!
//! 2,000 requests; `VOXANNE_BARS=full` makes it 10,000. The same numbers in every run.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use sqlx::{AssertSqlSafe, Executor, Row};
use uuid::Uuid;
use voxanne::db::pool::connect_app;
use voxanne::db::{Access, DbError, OrgTx, PgPool, integrations, organizations};
use voxanne::domain::{OrgId, Role};

use crate::support::cluster::TestDb;
use crate::tenancy_rows::Dice;

const CLINICS: usize = 50;

/// A future that is dropped when it would be polled once too often: cancelled wherever it was.
struct CutShort<F> {
    inner: Pin<Box<F>>,
    polls: usize,
}

impl<F: Future> Future for CutShort<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.polls == 0 {
            return Poll::Ready(None);
        }
        self.polls -= 1;
        self.inner.as_mut().poll(context).map(Some)
    }
}

/// A clinic, with a session of its owner and one integration that bears its name.
#[derive(Clone, Debug)]
struct Clinic {
    org: Uuid,
    name: String,
    session: [u8; 32],
    /// The hash of its API key.
    key: [u8; 32],
    /// An issuer of tokens that may speak for it alone.
    issuer: Uuid,
    /// The session of somebody of the platform who has a live grant for it.
    staff: [u8; 32],
}

impl Clinic {
    async fn make(superuser: &sqlx::PgPool, dice: &mut Dice, number: usize) -> Self {
        let (org, user, issuer, visitor) = (dice.uuid(), dice.uuid(), dice.uuid(), dice.uuid());
        let mut hash = || {
            let mut hash = [0; 32];
            hash[..16].copy_from_slice(dice.uuid().as_bytes());
            hash
        };
        let (session, key, staff) = (hash(), hash(), hash());
        let name = format!("Clinic {number}");
        let rows = format!(
            "insert into organizations (id, name, slug) values ('{org}', '{name}', 'clinic-{number}');
             insert into users (id, email, name, password_hash) values ('{user}', 'owner-{number}@clinic.test', 'O', '');
             insert into memberships (org_id, user_id, role) values ('{org}', '{user}', 'owner');
             insert into sessions (id_hash, user_id, org_id, data, idle_expires_at, expires_at)
             values ('\\x{}', '{user}', '{org}', '', now() + interval '1 day', now() + interval '1 day');
             insert into org_integrations (org_id, id, provider, label) values ('{org}', '{org}', 'vapi', '{name}');
             insert into api_keys (org_id, id, name, prefix, key_hash, role) values ('{org}', '{org}', 'n8n', 'vx', '\\x{}', 'admin');
             insert into jwt_issuers (id, issuer, audience, only_organization, max_role, jwks_url)
             values ('{issuer}', 'issuer-{number}', 'us', '{org}', 'admin', 'https://issuer.test/keys');
             insert into users (id, email, name, password_hash) values ('{visitor}', 'staff-{number}@platform.test', 'S', '');
             insert into platform_admins (user_id) values ('{visitor}');
             insert into support_grants (org_id, id, user_id, staff, reason, expires_at)
             values ('{org}', '{org}', '{visitor}', 'S', 'a test', now() + interval '1 day');
             insert into sessions (id_hash, user_id, org_id, data, idle_expires_at, expires_at)
             values ('\\x{}', '{visitor}', null, '', now() + interval '1 day', now() + interval '1 day')",
            hex::encode(session),
            hex::encode(key),
            hex::encode(staff),
        );
        superuser.execute(sqlx::raw_sql(AssertSqlSafe(rows))).await.unwrap();
        Self { org, name, session, key, issuer, staff }
    }

    fn access(&self, dice: &mut Dice) -> Access {
        let org = OrgId(self.org);
        match dice.below(5) {
            0 => Access::Service(org),
            1 => Access::ApiKey { hash: self.key },
            2 => Access::Token {
                issuer: self.issuer,
                org,
                role: Role::Admin,
                subject: "a program".to_owned(),
                scopes: None,
                ends_at: i64::MAX,
            },
            3 => Access::Platform { hash: self.staff, org, opening: false },
            _ => Access::Session { hash: self.session, expected: Some(org) },
        }
    }
}

/// How a request ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Commit,
    Rollback,
    Drop,
    Panic,
}

/// What a page does: begin, read, write where it may. Fails the test if it sees another clinic.
async fn request(pool: PgPool, clinic: Clinic, access: Access, end: End) -> Result<(), DbError> {
    let (mut tx, scope) = match OrgTx::begin(&pool, &access).await {
        Ok(begun) => begun,
        Err(voxanne::db::BeginError::Db(error)) => return Err(error),
        Err(refusal) => panic!("{clinic:?} was refused: {refusal}"),
    };
    assert_eq!(scope.org, OrgId(clinic.org));
    let labels: Vec<String> =
        integrations::list(&mut tx, 30).await?.into_iter().map(|row| row.label).collect();
    assert_eq!(labels, std::slice::from_ref(&clinic.name));
    assert_eq!(organizations::find(&mut tx).await?.name, clinic.name);
    if scope.role.may_configure() && !matches!(access, Access::Service(_)) {
        organizations::update_profile(&mut tx, &clinic.name, "UTC", "US").await?;
    }
    match end {
        End::Commit => tx.commit().await?,
        End::Rollback => tx.rollback().await,
        End::Drop => drop(tx),
        // Without the message that panic! would print.
        End::Panic => std::panic::resume_unwind(Box::new("on purpose")),
    }
    Ok(())
}

/// Runs into the statement timeout in the middle of a transaction, through sqlx's own transaction.
async fn runs_out_of_time(pool: &PgPool, clinic: &Clinic) {
    let mut tx = pool.begin().await.unwrap();
    let settings = format!("set local app.org_id = '{}'; set local statement_timeout = '1ms'", clinic.org);
    tx.execute(sqlx::raw_sql(AssertSqlSafe(settings))).await.unwrap();
    let error = tx.execute("select pg_sleep(5)").await.unwrap_err();
    assert_eq!(error.as_database_error().unwrap().code().as_deref(), Some("57014"));
}

/// Loses its server process in the middle of a transaction.
async fn loses_its_backend(pool: &PgPool, superuser: &sqlx::PgPool, db: &str, access: &Access) {
    let (mut tx, _) = OrgTx::begin(pool, access).await.unwrap();
    let end = "select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = 'voxanne_app' and datname = $1";
    sqlx::query(end).bind(db).execute(superuser).await.unwrap();
    organizations::find(&mut tx).await.map(|_| ()).unwrap_err();
}

/// What the next user of the connection finds. Asked as a simple query: inside of a transaction `now()`
/// would be older than the statement, and inside of an aborted one there would be no answer.
async fn assert_clean(pool: &PgPool, after: &str) {
    let question = "select coalesce(current_setting('app.org_id', true), ''), coalesce(current_setting('app.role', true), ''),
                           now() = statement_timestamp()";
    let row = sqlx::raw_sql(question)
        .fetch_one(&**pool)
        .await
        .unwrap_or_else(|error| panic!("after {after}: {error}"));
    assert_eq!((row.get(0), row.get(1), row.get(2)), ("", "", true), "after {after}");
}

#[tokio::test]
async fn a_pooled_connection_carries_nothing_over() {
    let requests = if all_cases() { 10_000 } else { 2_000 };
    let db = TestDb::create().await;
    db.app.close().await;
    let pool = connect_app(db.app_options(), 1).await.unwrap();
    carries_nothing_over(&db, &pool, requests).await;
}

/// `VOXANNE_BARS=full`: all cases of every bar.
pub fn all_cases() -> bool {
    std::env::var("VOXANNE_BARS").is_ok_and(|bars| bars == "full")
}

/// The requests, through a pool of one connection, or of a pooler that has one.
pub async fn carries_nothing_over(db: &TestDb, pool: &PgPool, requests: usize) {
    let mut dice = Dice::new(0x7005);
    let mut clinics = Vec::new();
    for number in 0..CLINICS {
        clinics.push(Clinic::make(&db.superuser, &mut dice, number).await);
    }
    let mut cancelled = 0;
    for number in 0..requests {
        let clinic = &clinics[number % CLINICS];
        let access = clinic.access(&mut dice);
        let end = *dice.pick(&[End::Commit, End::Commit, End::Rollback, End::Drop]);
        let action = dice.below(20);
        match action {
            0..8 => {
                let inner = Box::pin(request(pool.clone(), clinic.clone(), access, end));
                // How many polls a request needs depends on the machine; one is always too few.
                let polls = if number % 2 == 0 { 1 } else { 1 + dice.below(14) };
                match (CutShort { inner, polls }).await {
                    Some(done) => done.unwrap(),
                    None => cancelled += 1,
                }
            }
            8 => {
                let inner = Box::pin(pool.begin());
                let polls = 1 + dice.below(3);
                drop(CutShort { inner, polls }.await);
                cancelled += 1;
            }
            9 => runs_out_of_time(pool, clinic).await,
            10 if number % 5 == 0 => loses_its_backend(pool, &db.superuser, &db.name, &access).await,
            11 => {
                let doomed = tokio::spawn(request(pool.clone(), clinic.clone(), access, End::Panic));
                assert!(doomed.await.unwrap_err().is_panic());
            }
            _ => request(pool.clone(), clinic.clone(), access, end).await.unwrap(),
        }
        assert_clean(pool, &format!("request {number}, action {action}")).await;
    }
    assert!(cancelled > requests / 8, "only {cancelled} requests were cancelled");
    assert!(pool.size() <= 1);
}

/// The check on release is what closes such connections; sqlx alone would hand them on.
#[tokio::test]
async fn a_connection_left_inside_a_transaction_is_closed_and_not_handed_on() {
    let db = TestDb::create().await;
    let pool = connect_app(db.app_options(), 1).await.unwrap();
    let backend =
        async || sqlx::query_scalar::<_, i32>("select pg_backend_pid()").fetch_one(&pool).await.unwrap();
    for leftover in [
        "begin",
        "begin; set local app.org_id = '00000000-0000-7000-8000-000000000001'",
        "set app.org_id = '00000000-0000-7000-8000-000000000001'",
        "set app.role = 'service'",
    ] {
        let before = backend().await;
        let mut connection = pool.acquire().await.unwrap();
        connection.execute(sqlx::raw_sql(leftover)).await.unwrap();
        drop(connection);
        assert_ne!(backend().await, before, "{leftover}");
    }
    let before = backend().await;
    drop(pool.acquire().await.unwrap());
    assert_eq!(backend().await, before, "a clean connection is kept");
}

#[tokio::test]
async fn the_limits_of_a_session_are_set() {
    let db = TestDb::create().await;
    for (setting, value) in [
        ("statement_timeout", "10s"),
        ("lock_timeout", "5s"),
        ("idle_in_transaction_session_timeout", "15s"),
        ("application_name", "voxanne"),
    ] {
        let found: String =
            sqlx::query_scalar("select current_setting($1)").bind(setting).fetch_one(&db.app).await.unwrap();
        assert_eq!(found, value, "{setting}");
    }
}
