//! The transaction of one organization: the only door to tenant tables.
//!
//! `begin` sends `BEGIN` and the gate function in one round trip: the database checks who asks,
//! decides the organization and sets it for this transaction only. A refusal is an answer, not an
//! error, so the connection stays sound; after any error the connection is closed, never reused.

use sqlx::pool::PoolConnection;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Executor, Postgres, Row};
use tokio::sync::Notify;
use uuid::Uuid;

use super::commits::Commits;
use super::pooler::{self, Conn};
use super::{DbError, PgPool};
use crate::domain::{OrgId, Role, UserId};

/// By which right a transaction is begun.
#[derive(Clone, Debug)]
pub enum Access {
    /// A browser session (SHA-256 of the cookie), and the organization its page was opened with.
    Session { hash: [u8; 32], expected: Option<OrgId> },
    /// A program's key (SHA-256 of it).
    ApiKey { hash: [u8; 32] },
    /// A program with a verified token of an issuer, for the clinic that the token names.
    /// `ends_at` is Unix time, for what goes on after the request was let in.
    Token { issuer: Uuid, org: OrgId, role: Role, subject: String, scopes: Option<String>, ends_at: i64 },
    /// Staff of the platform (SHA-256 of the session's cookie), for a clinic that the address names:
    /// with a live grant, or to open one.
    Platform { hash: [u8; 32], org: OrgId, opening: bool },
    /// The service itself, for an organization that a verified webhook or a leased job named.
    Service(OrgId),
}

/// In which role the transaction acts; the policies of the database read the same word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContextRole {
    Person(Role),
    Service,
    /// Staff of the platform under a grant.
    Platform,
}

impl ContextRole {
    pub const fn as_str(self) -> &'static str {
        match self {
            ContextRole::Person(role) => role.as_str(),
            ContextRole::Service => "service",
            ContextRole::Platform => "platform",
        }
    }

    /// May change what the clinic is and does: agents, senders, settings, accounts.
    pub const fn may_configure(self) -> bool {
        match self {
            ContextRole::Person(role) => role.may_configure(),
            ContextRole::Service => true,
            ContextRole::Platform => false,
        }
    }

    /// May connect accounts and endpoints, which staff may do as well.
    pub const fn may_connect(self) -> bool {
        matches!(self, ContextRole::Platform) || self.may_configure()
    }
}

/// Who acts, where and as what: what the database said at the beginning of the transaction.
#[derive(Clone, Debug)]
pub struct Scope {
    pub org: OrgId,
    pub org_name: String,
    pub user: Option<UserId>,
    pub user_name: String,
    pub user_email: String,
    pub role: ContextRole,
    pub is_staff: bool,
    /// The clinics that the person may switch to, this one included.
    pub organizations: Vec<(OrgId, String)>,
    /// What a program is limited to, separated by spaces; none where only the role limits.
    pub scopes: Option<String>,
}

impl Scope {
    /// How the trail names whoever acts. The clinic's own people and staff are told apart.
    pub fn actor(&self) -> String {
        if self.role == ContextRole::Platform {
            format!("platform staff: {}", self.user_email)
        } else if self.user_email.is_empty() {
            self.user_name.clone()
        } else {
            self.user_email.clone()
        }
    }
}

/// Why no transaction was begun.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    #[error("nobody is signed in")]
    NoSession,
    #[error("the signed-in person belongs to no clinic")]
    NoOrganization { user: UserId, name: String, email: String },
    #[error("the clinic is suspended")]
    Suspended { org_name: String },
    #[error("the page was opened for another clinic than the current one")]
    OtherOrganization { org_name: String },
    #[error("the API key is unknown, revoked or expired")]
    NoKey,
    #[error("the token names a clinic that its issuer may not speak for")]
    ForeignOrganization,
    /// Whoever is no staff learns nothing of what is there.
    #[error("only staff of the platform may do this")]
    NotStaff,
    #[error("staff needs to say why before entering a clinic")]
    NoGrant { org_name: String },
    #[error(transparent)]
    Db(#[from] DbError),
}

/// A transaction that is tied to one organization.
pub struct OrgTx {
    /// Taken when the transaction ends; still there on drop, the work is rolled back.
    conn: Option<PoolConnection<Postgres>>,
    org: OrgId,
    is_pooled: bool,
    commits: Commits,
    /// Whom this process tells once this is committed.
    wakes: Option<&'static Notify>,
}

/// Ends a transaction, and says whether it has written anything: only what writes gets an id.
const COMMIT_AND_TELL: &str = "select pg_current_xact_id_if_assigned() is not null; commit";

impl OrgTx {
    /// Begins a transaction, or says why the caller may not.
    pub async fn begin(pool: &PgPool, access: &Access) -> Result<(Self, Scope), BeginError> {
        let mut conn = pool.acquire().await.map_err(DbError::from)?;
        let begin = if pool.is_pooled() { pooler::BEGIN } else { "begin" };
        let rows = match conn.fetch_all(sqlx::raw_sql(AssertSqlSafe(begin_sql(begin, access)))).await {
            Ok(rows) => rows,
            Err(error) => {
                // The connection may be inside an aborted transaction: nobody gets it again.
                conn.close_on_drop();
                return Err(DbError::from(error).into());
            }
        };
        let begun = rows
            .first()
            .ok_or(DbError::NotFound)
            .map_err(BeginError::from)
            .and_then(|row| read_scope(row, access));
        let mut tx = OrgTx {
            conn: Some(conn),
            org: OrgId(Uuid::nil()),
            is_pooled: pool.is_pooled(),
            commits: pool.commits().clone(),
            wakes: None,
        };
        match begun {
            Ok(scope) => {
                tx.org = scope.org;
                Ok((tx, scope))
            }
            Err(refusal) => {
                tx.rollback().await;
                Err(refusal)
            }
        }
    }

    /// Begins a transaction of the service itself.
    pub async fn service(pool: &PgPool, org: OrgId) -> Result<Self, DbError> {
        match Self::begin(pool, &Access::Service(org)).await {
            Ok((tx, _)) => Ok(tx),
            Err(BeginError::Db(error)) => Err(error),
            Err(_) => Err(DbError::NotFound),
        }
    }

    pub const fn org(&self) -> OrgId {
        self.org
    }

    /// The connection, for the queries of this module's siblings.
    pub(super) fn conn(&mut self) -> Conn<'_> {
        match self.conn.as_mut() {
            Some(conn) => Conn { inner: conn, is_pooled: self.is_pooled },
            None => unreachable!("the connection is taken only by the methods that consume the transaction"),
        }
    }

    /// Makes the work permanent. Where somebody watches, they are told of it, unless it was only reading.
    pub async fn commit(mut self) -> Result<(), DbError> {
        let Some(mut conn) = self.conn.take() else { return Ok(()) };
        let sql = if self.commits.is_heard() { COMMIT_AND_TELL } else { "commit" };
        // All rows, and so the end of all statements: the first row comes before the commit.
        match conn.fetch_all(sqlx::raw_sql(sql)).await {
            Ok(rows) => {
                if let Some(due) = self.wakes {
                    due.notify_one();
                }
                if rows.first().is_some_and(|row| row.try_get(0).unwrap_or(true)) {
                    self.commits.tell([self.org]);
                }
                Ok(())
            }
            Err(error) => {
                conn.close_on_drop();
                Err(error.into())
            }
        }
    }

    /// Tells somebody of this process once, and only if, this is committed.
    pub(super) fn wake_on_commit(&mut self, due: &'static Notify) {
        self.wakes = Some(due);
    }

    /// Undoes the work now, instead of when the value is dropped.
    pub async fn rollback(mut self) {
        if let Some(conn) = self.conn.take() {
            roll_back(conn).await;
        }
    }
}

impl Drop for OrgTx {
    fn drop(&mut self) {
        let Some(mut conn) = self.conn.take() else { return };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => {
                runtime.spawn(roll_back(conn));
            }
            Err(_) => conn.close_on_drop(),
        }
    }
}

async fn roll_back(mut conn: PoolConnection<Postgres>) {
    if conn.execute(sqlx::raw_sql("rollback")).await.is_err() {
        conn.close_on_drop();
    }
}

/// The text of the one round trip. Only hexadecimal digits and UUIDs are put into it.
fn begin_sql(begin: &str, access: &Access) -> String {
    match access {
        Access::Session { hash, expected } => {
            let expected = expected.map_or_else(|| "null".to_owned(), |org| format!("'{org}'"));
            format!("{begin}; select * from public.begin_request('\\x{}', {expected})", hex::encode(hash))
        }
        Access::ApiKey { hash } => {
            format!("{begin}; select * from public.begin_api_key('\\x{}')", hex::encode(hash))
        }
        Access::Token { issuer, org, role, .. } => {
            format!("{begin}; select * from public.begin_token('{issuer}', '{org}', '{}')", role.as_str())
        }
        Access::Platform { hash, org, opening } => {
            format!(
                "{begin}; select * from public.begin_platform('\\x{}', '{org}', {opening})",
                hex::encode(hash)
            )
        }
        Access::Service(org) => format!(
            "{begin}; select set_config('app.org_id', '{org}', true), set_config('app.user_id', '', true), \
             set_config('app.role', 'service', true)"
        ),
    }
}

fn read_scope(row: &PgRow, access: &Access) -> Result<Scope, BeginError> {
    if let Access::Service(org) = access {
        return Ok(Scope {
            org: *org,
            org_name: String::new(),
            user: None,
            user_name: String::new(),
            user_email: String::new(),
            role: ContextRole::Service,
            is_staff: false,
            organizations: Vec::new(),
            scopes: None,
        });
    }
    let text = |column: &str| -> Result<String, DbError> {
        Ok(row.try_get::<Option<String>, _>(column)?.unwrap_or_default())
    };
    let id = |column: &str| -> Result<Option<Uuid>, DbError> { Ok(row.try_get(column)?) };
    match text("verdict")?.as_str() {
        "ok" => {}
        "no_session" => return Err(BeginError::NoSession),
        "no_key" => return Err(BeginError::NoKey),
        "not_staff" => return Err(BeginError::NotStaff),
        "no_grant" => return Err(BeginError::NoGrant { org_name: text("org_name")? }),
        "foreign_organization" => return Err(BeginError::ForeignOrganization),
        "suspended" => return Err(BeginError::Suspended { org_name: text("org_name")? }),
        "other_organization" => return Err(BeginError::OtherOrganization { org_name: text("org_name")? }),
        "no_organization" => {
            return Err(match id("user_id")? {
                Some(user) => BeginError::NoOrganization {
                    user: UserId(user),
                    name: text("user_name")?,
                    email: text("user_email")?,
                },
                None => BeginError::NoSession,
            });
        }
        _ => return Err(DbError::NotFound.into()),
    }
    let role = match text("role")?.as_str() {
        "platform" => ContextRole::Platform,
        word => ContextRole::Person(word.parse::<Role>().map_err(|()| DbError::NotFound)?),
    };
    let org = id("org_id")?.ok_or(DbError::NotFound)?;
    let is_session = matches!(access, Access::Session { .. });
    let is_person = is_session || matches!(access, Access::Platform { .. });
    let (program, scopes) = match access {
        Access::Token { subject, scopes, .. } => (format!("token of {subject}"), scopes.clone()),
        Access::ApiKey { .. } => {
            ("API key".to_owned(), row.try_get::<Option<String>, _>("scopes").map_err(DbError::from)?)
        }
        _ => (String::new(), None),
    };
    Ok(Scope {
        org: OrgId(org),
        org_name: text("org_name")?,
        user: if is_person { id("user_id")?.map(UserId) } else { None },
        user_name: if is_person { text("user_name")? } else { program },
        user_email: if is_person { text("user_email")? } else { String::new() },
        role,
        is_staff: role == ContextRole::Platform
            || is_session && row.try_get::<bool, _>("is_staff").map_err(DbError::from)?,
        organizations: if is_session {
            serde_json::from_str(&text("organizations")?).unwrap_or_default()
        } else {
            Vec::new()
        },
        scopes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_begins_gets_the_limits_of_a_session_with_it() {
        let (hash, org) = ([7; 32], OrgId(Uuid::from_u128(1)));
        let ways = [
            Access::Session { hash, expected: Some(org) },
            Access::Session { hash, expected: None },
            Access::ApiKey { hash },
            Access::Token {
                issuer: Uuid::from_u128(2),
                org,
                role: Role::Admin,
                subject: String::new(),
                scopes: None,
                ends_at: 0,
            },
            Access::Platform { hash, org, opening: false },
            Access::Service(org),
        ];
        for access in ways {
            let text = begin_sql(pooler::BEGIN, &access);
            assert!(text.starts_with(&format!("{}; select ", pooler::BEGIN)), "{access:?}: {text}");
            assert!(begin_sql("begin", &access).starts_with("begin; select "), "{access:?}");
        }
    }
}
