//! How statements travel when a pooler stands between this process and PostgreSQL.
//!
//! A pooler in transaction mode lends its connection to the server for one transaction at a time. What
//! a client left there, its next transaction may not find, and somebody else's may: a statement that
//! was prepared under a name (sqlx counts them, so all clients use the same names) or under none,
//! where parsing and executing are two steps. So behind a pooler nothing is prepared under a name, and
//! every statement runs inside of a transaction; a single one gets its own. Limits of a session are set
//! per transaction.

use std::pin::Pin;

use futures_util::{Stream, TryStreamExt, stream};
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArguments, PgQueryResult, PgRow, PgStatement, PgTypeInfo};
use sqlx::{Describe, Either, Error, Execute, Executor, PgConnection, Postgres, SqlStr};

use super::pool::PgPool;

type Step = Either<PgQueryResult, PgRow>;
type Steps<'e> = Pin<Box<dyn Stream<Item = Result<Step, Error>> + Send + 'e>>;
type Answer<'e, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'e>>;

/// The limits of a session (see [`super::pool`]), for one transaction.
pub(super) const BEGIN: &str = "begin; set local statement_timeout = '10s'; set local lock_timeout = '5s'; \
                                set local idle_in_transaction_session_timeout = '15s'";

/// A query that may be told not to leave a prepared statement behind.
struct Told<E> {
    query: E,
    is_named: bool,
}

impl<'q, E: Execute<'q, Postgres>> Execute<'q, Postgres> for Told<E> {
    fn sql(self) -> SqlStr {
        self.query.sql()
    }

    fn statement(&self) -> Option<&PgStatement> {
        self.query.statement()
    }

    fn take_arguments(&mut self) -> Result<Option<PgArguments>, BoxDynError> {
        self.query.take_arguments()
    }

    fn persistent(&self) -> bool {
        self.is_named && self.query.persistent()
    }
}

/// The connection of a transaction, for one statement.
#[derive(Debug)]
pub(super) struct Conn<'c> {
    pub inner: &'c mut PgConnection,
    pub is_pooled: bool,
}

impl<'c> Executor<'c> for Conn<'c> {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> Steps<'e>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        self.inner.fetch_many(Told { query, is_named: !self.is_pooled })
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> Answer<'e, Option<PgRow>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        self.inner.fetch_optional(Told { query, is_named: !self.is_pooled })
    }

    fn prepare_with<'e>(self, sql: SqlStr, parameters: &'e [PgTypeInfo]) -> Answer<'e, PgStatement>
    where
        'c: 'e,
    {
        self.inner.prepare_with(sql, parameters)
    }

    fn describe<'e>(self, sql: SqlStr) -> Answer<'e, Describe<Postgres>>
    where
        'c: 'e,
    {
        self.inner.describe(sql)
    }
}

impl<'p> Executor<'p> for &'p PgPool {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> Steps<'e>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        if !self.is_pooled() {
            return self.direct().fetch_many(query);
        }
        let steps =
            async move { Ok::<_, Error>(stream::iter(alone(self, query).await?.into_iter().map(Ok))) };
        Box::pin(stream::once(steps).try_flatten())
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> Answer<'e, Option<PgRow>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        if !self.is_pooled() {
            return self.direct().fetch_optional(query);
        }
        Box::pin(async move { Ok(alone(self, query).await?.into_iter().find_map(Either::right)) })
    }

    fn prepare_with<'e>(self, sql: SqlStr, parameters: &'e [PgTypeInfo]) -> Answer<'e, PgStatement>
    where
        'p: 'e,
    {
        self.direct().prepare_with(sql, parameters)
    }

    fn describe<'e>(self, sql: SqlStr) -> Answer<'e, Describe<Postgres>>
    where
        'p: 'e,
    {
        self.direct().describe(sql)
    }
}

/// Runs one statement in a transaction of its own. Given up in between, the connection goes back
/// inside of a transaction and is closed there.
async fn alone<'q, E: 'q + Execute<'q, Postgres>>(pool: &PgPool, query: E) -> Result<Vec<Step>, Error> {
    let mut conn = pool.acquire().await?;
    if let Err(error) = conn.execute(sqlx::raw_sql(BEGIN)).await {
        conn.close_on_drop();
        return Err(error);
    }
    let steps = conn.fetch_many(Told { query, is_named: false }).try_collect::<Vec<_>>().await;
    let end = if steps.is_ok() { "commit" } else { "rollback" };
    let ended = conn.execute(sqlx::raw_sql(end)).await;
    if ended.is_err() {
        conn.close_on_drop();
    }
    let steps = steps?;
    ended?;
    Ok(steps)
}
