//! Tries as lists show them: the newest of one endpoint, or of a clinic within a span. What was sent and
//! answered is with the delivery.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{DbError, OrgTx};

/// A try in a list.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct AttemptLine {
    pub id: Uuid,
    pub delivery_id: Uuid,
    pub workflow_name: String,
    pub kind: String,
    pub number: i32,
    pub outcome: String,
    pub status_code: Option<i32>,
    pub millis: i32,
    pub error: Option<String>,
    pub triggered_by: String,
    pub attempted_at: OffsetDateTime,
}

/// Which tries are wanted.
#[derive(Clone, Debug, Default)]
pub struct AttemptFilter {
    pub endpoint: Option<Uuid>,
    pub since: Option<OffsetDateTime>,
    /// Not included.
    pub until: Option<OffsetDateTime>,
    /// Only those that failed.
    pub is_failed: bool,
    /// Time and id of the last one of the page before.
    pub before: Option<(OffsetDateTime, Uuid)>,
    pub limit: i64,
}

/// The statement for a filter: conditions that are not asked for do not stand in it, and tries are found
/// before their deliveries are looked up, so that the same index is read for the first page and for the
/// hundredth.
pub fn statement(filter: &AttemptFilter) -> String {
    let condition = |is_asked: bool, condition: &'static str, or: &'static str| {
        if is_asked { condition } else { or }
    };
    let conditions = [
        condition(filter.endpoint.is_some(), "a.endpoint_id = $1", "$1::uuid is null"),
        condition(filter.since.is_some(), "a.attempted_at >= $2", "$2::timestamptz is null"),
        condition(filter.until.is_some(), "a.attempted_at < $3", "$3::timestamptz is null"),
        condition(
            filter.before.is_some(),
            "a.attempted_at <= $4 and (a.attempted_at, a.id) < ($4, $5)",
            "$4::timestamptz is null and $5::uuid is null",
        ),
        condition(filter.is_failed, "a.outcome <> 'succeeded'", "true"),
    ];
    format!(
        "select a.id, a.delivery_id, d.workflow_name, d.kind, a.number, a.outcome, a.status_code, a.millis, a.error,
                d.triggered_by, a.attempted_at
           from (select * from delivery_attempts a where {} order by a.attempted_at desc, a.id desc limit $6) a
           join deliveries d on d.org_id = a.org_id and d.id = a.delivery_id
          order by a.attempted_at desc, a.id desc",
        conditions.join(" and ")
    )
}

/// Tries, the newest first.
pub async fn list(tx: &mut OrgTx, filter: &AttemptFilter) -> Result<Vec<AttemptLine>, DbError> {
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(statement(filter)))
        .bind(filter.endpoint)
        .bind(filter.since)
        .bind(filter.until)
        .bind(filter.before.map(|(at, _)| at))
        .bind(filter.before.map(|(_, id)| id))
        .bind(filter.limit)
        .fetch_all(tx.conn())
        .await?)
}
