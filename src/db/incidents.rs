//! Incidents: what a call needed of a provider and did not get, or an endpoint that was switched off; one
//! open row for a cause.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{DbError, OrgTx};
use crate::domain::UserId;

/// Something that stands in the way now.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The id of the row, where there is none yet.
    pub id: Uuid,
    /// `not_connected`, `paused`, `refused`, `unreachable`; of an endpoint `gone`, `failing`.
    pub kind: &'a str,
    /// The provider's word, or [`of_endpoint`].
    pub target: &'a str,
    /// What happened and what to do, for people.
    pub sentence: &'a str,
}

/// What stands in the place of a provider's word where an endpoint of the clinic is meant.
pub fn of_endpoint(endpoint: Uuid) -> String {
    format!("endpoint:{endpoint}")
}

/// What is read of an incident. An endpoint is named as it is called now.
const COLUMNS: &str = "id, kind, target, sentence, opened_at, last_seen_at, count, closed_at,
    (select e.workflow_name from endpoints e
      where e.org_id = incidents.org_id and 'endpoint:' || e.id = incidents.target) as endpoint";

/// Opens an incident, or counts it where it is open; true where it was opened.
pub async fn note(tx: &mut OrgTx, seen: &Seen<'_>) -> Result<bool, DbError> {
    let org = tx.org();
    Ok(sqlx::query_scalar(
        "insert into incidents as i (org_id, id, kind, target, sentence) values ($1, $2, $3, $4, $5)
         on conflict (org_id, target, kind) where closed_at is null
         do update set count = i.count + 1, last_seen_at = now(), sentence = excluded.sentence
         returning id = $2",
    )
    .bind(org.0)
    .bind(seen.id)
    .bind(seen.kind)
    .bind(seen.target)
    .bind(seen.sentence)
    .fetch_one(tx.conn())
    .await?)
}

/// An incident as pages show it.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct IncidentRow {
    pub id: Uuid,
    pub kind: String,
    pub target: String,
    pub sentence: String,
    pub opened_at: OffsetDateTime,
    pub last_seen_at: OffsetDateTime,
    pub count: i64,
    pub closed_at: Option<OffsetDateTime>,
    /// The name of the endpoint that it is about.
    pub endpoint: Option<String>,
}

/// Closes what is open of a provider or an endpoint: it works again. Returns what was closed.
pub async fn close_of(tx: &mut OrgTx, target: &str) -> Result<Vec<IncidentRow>, DbError> {
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "update incidents set closed_at = now() where target = $1 and closed_at is null returning {COLUMNS}"
    )))
    .bind(target)
    .fetch_all(tx.conn())
    .await?)
}

/// Closes one by hand; none where it is not open.
pub async fn settle(tx: &mut OrgTx, id: Uuid, by: Option<UserId>) -> Result<Option<IncidentRow>, DbError> {
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "update incidents set closed_at = now(), closed_by = $2 where id = $1 and closed_at is null
         returning {COLUMNS}"
    )))
    .bind(id)
    .bind(by.map(|user| user.0))
    .fetch_optional(tx.conn())
    .await?)
}

/// What is open, newest first.
pub async fn list_open(tx: &mut OrgTx) -> Result<Vec<IncidentRow>, DbError> {
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "select {COLUMNS} from incidents where closed_at is null order by opened_at desc limit 20"
    )))
    .fetch_all(tx.conn())
    .await?)
}
