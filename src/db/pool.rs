//! The pool of connections that serve requests, logged in as `voxanne_app`.
//!
//! Which organization a connection works for is said per transaction (`set_config(.., true)`), so it
//! ends with the transaction. What sqlx does not guarantee by itself is that the transaction ended:
//! a future dropped between BEGIN and its answer leaves the connection inside a transaction that
//! sqlx does not know of, and the next user would work in it, uncommitted and perhaps in the name of
//! another clinic. So every connection is asked on its way back whether it is outside of a
//! transaction and without an organization, and is closed if not. That costs one round trip (25
//! microseconds) *after* the request, while nobody waits for it, instead of the one before each
//! request that `test_before_acquire` would cost.

use std::ops::Deref;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Executor, PgConnection, Row};

use super::commits::Commits;

/// sqlx's pool, and whether a pooler in transaction mode stands behind it: see `pooler`.
#[derive(Clone, Debug)]
pub struct PgPool {
    direct: sqlx::PgPool,
    is_pooled: bool,
    commits: Commits,
}

impl PgPool {
    /// True where a pooler may give each transaction another connection to the server.
    pub(super) const fn is_pooled(&self) -> bool {
        self.is_pooled
    }

    /// The pool itself, whose statements are prepared under names.
    pub(super) const fn direct(&self) -> &sqlx::PgPool {
        &self.direct
    }

    /// Whose work this process has committed, for those who show it.
    pub const fn commits(&self) -> &Commits {
        &self.commits
    }
}

impl Deref for PgPool {
    type Target = sqlx::PgPool;

    fn deref(&self) -> &sqlx::PgPool {
        &self.direct
    }
}

/// How long a request waits for a connection before it is told to come back later.
const ACQUIRE_LIMIT: Duration = Duration::from_secs(3);

/// Limits of a session. Far above what any statement of ours takes, below what a person waits for.
/// The idle limit ends transactions that were held across something slow, which none may be.
const SESSION_LIMITS: &str = "set statement_timeout = '10s'; set lock_timeout = '5s'; \
                              set idle_in_transaction_session_timeout = '15s'";

/// A simple query, so that it is one message and its own transaction: inside of an older one, `now()`
/// is the time when that one began; in an aborted one the question itself is an error.
const IS_CLEAN: &str = "select now() = statement_timestamp() \
                        and coalesce(current_setting('app.org_id', true), '') = '' \
                        and coalesce(current_setting('app.user_id', true), '') = '' \
                        and coalesce(current_setting('app.role', true), '') = ''";

/// Connects the pool of the server, with at most `max` connections.
///
/// Fails if the first connection can not be made.
pub async fn connect_app(options: PgConnectOptions, max: u32) -> Result<PgPool, sqlx::Error> {
    let direct = pool_options(max)
        .after_connect(|connection, _| {
            Box::pin(async move { connection.execute(SESSION_LIMITS).await.map(|_| ()) })
        })
        .connect_with(options.application_name("voxanne"))
        .await?;
    Ok(PgPool { direct, is_pooled: false, commits: Commits::default() })
}

/// The same through a pooler in transaction mode, such as PgBouncer. What is set for a session would
/// stay with a connection that others use too; so the limits come with each transaction.
pub async fn connect_through_pooler(options: PgConnectOptions, max: u32) -> Result<PgPool, sqlx::Error> {
    // PgBouncer refuses a client that asks for a setting which it does not know to keep apart.
    let options = options.application_name("voxanne").extra_float_digits(None).statement_cache_capacity(0);
    let direct = pool_options(max).connect_with(options).await?;
    Ok(PgPool { direct, is_pooled: true, commits: Commits::default() })
}

fn pool_options(max: u32) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(max)
        .acquire_timeout(ACQUIRE_LIMIT)
        .test_before_acquire(false)
        .after_release(|connection, _| Box::pin(is_clean(connection)))
}

/// Whether a connection may serve the next request: no transaction and no setting left over.
async fn is_clean(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let clean: bool = sqlx::raw_sql(IS_CLEAN).fetch_one(connection).await?.try_get(0)?;
    if !clean {
        tracing::error!("a connection came back inside a transaction or with a setting; it was closed");
    }
    Ok(clean)
}
