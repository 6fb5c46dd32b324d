//! Calls: one row for each of Vapi's call ids, made by whichever message comes first.

use serde_json::Value;
use sqlx::AssertSqlSafe;
use sqlx::types::Json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{DbError, OrgTx};

/// A call whose row this transaction holds.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct HeldCall {
    pub id: Uuid,
    /// Its report was worked off before.
    pub is_reported: bool,
    pub has_details: bool,
    pub lead_id: Option<Uuid>,
}

/// Makes the row of a call where there is none, and holds it until the transaction ends.
pub async fn hold(
    tx: &mut OrgTx,
    call_id: &str,
    id: Uuid,
    started_at: OffsetDateTime,
) -> Result<HeldCall, DbError> {
    let org = tx.org();
    Ok(sqlx::query_as(
        "insert into calls as c (org_id, id, call_id, started_at) values ($1, $2, $3, $4)
         on conflict (org_id, call_id) do update set updated_at = now()
         returning id, reported_at is not null as is_reported, sealed_details is not null as has_details, lead_id",
    )
    .bind(org.0)
    .bind(id)
    .bind(call_id)
    .bind(started_at)
    .fetch_one(tx.conn())
    .await?)
}

/// What one message says about a call; what it does not say stays.
#[derive(Clone, Debug, Default)]
pub struct CallFacts<'a> {
    pub direction: Option<&'a str>,
    pub assistant: Option<Uuid>,
    pub caller_mask: Option<&'a str>,
    pub is_ended: bool,
    pub started_at: Option<OffsetDateTime>,
    pub ended_at: Option<OffsetDateTime>,
    pub duration_seconds: Option<i32>,
    pub ended_reason: Option<&'a str>,
    pub cost: Option<f64>,
    pub outcome: Option<&'a str>,
    /// Sealed details and the version of their key, where they are new.
    pub details: Option<(&'a [u8], i32)>,
    pub has_summary: bool,
    /// This is the report: what it says wins over what a status said.
    pub is_report: bool,
}

/// Writes what a message says. Messages of one call come in any order: a status never takes back what a
/// report has said, nothing opens a call again that has ended, and the earliest start counts.
pub async fn update(tx: &mut OrgTx, id: Uuid, facts: &CallFacts<'_>) -> Result<(), DbError> {
    sqlx::query(
        "update calls c set
           direction = case when c.direction = 'unknown' then
             coalesce($2, (select a.role from agent_configs a where a.vapi_assistant_id = $3), 'unknown')
             else c.direction end,
           assistant_id = coalesce(c.assistant_id, $3),
           role = coalesce(c.role, (select a.role from agent_configs a where a.vapi_assistant_id = $3)),
           caller_mask = coalesce($4, c.caller_mask),
           status = case when $5 then 'ended' else c.status end,
           started_at = case when $14 then coalesce($6, c.started_at) when c.reported_at is null
             then least(c.started_at, coalesce($6, c.started_at)) else c.started_at end,
           ended_at = case when $14 then coalesce($7, c.ended_at, now()) else coalesce(c.ended_at, $7) end,
           duration_seconds = case when $14 then coalesce($8, c.duration_seconds) else coalesce(c.duration_seconds, $8) end,
           ended_reason = case when $14 then coalesce($9, c.ended_reason) else coalesce(c.ended_reason, $9) end,
           cost = coalesce($10::float8::numeric(12,5), c.cost),
           outcome = case when $14 then coalesce($11, c.outcome) else coalesce(c.outcome, $11) end,
           sealed_details = coalesce($12, c.sealed_details),
           key_version = coalesce($13, c.key_version),
           has_summary = c.has_summary or $15,
           emptied_at = case when $12 is null then c.emptied_at end,
           reported_at = case when $14 then coalesce(c.reported_at, now()) else c.reported_at end,
           updated_at = now()
         where c.id = $1",
    )
    .bind(id)
    .bind(facts.direction)
    .bind(facts.assistant)
    .bind(facts.caller_mask)
    .bind(facts.is_ended)
    .bind(facts.started_at)
    .bind(facts.ended_at)
    .bind(facts.duration_seconds)
    .bind(facts.ended_reason)
    .bind(facts.cost)
    .bind(facts.outcome)
    .bind(facts.details.map(|(sealed, _)| sealed))
    .bind(facts.details.map(|(_, version)| version))
    .bind(facts.is_report)
    .bind(facts.has_summary)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Notes how a call was scored, and the lead that it belongs to.
pub async fn note_score(
    tx: &mut OrgTx,
    id: Uuid,
    lead: Option<Uuid>,
    score: i32,
    reasons: &Value,
    is_hot: bool,
) -> Result<(), DbError> {
    sqlx::query(
        "update calls set lead_id = $2, lead_score = $3, lead_reasons = $4, is_hot = $5 where id = $1",
    )
    .bind(id)
    .bind(lead)
    .bind(score)
    .bind(Json(reasons))
    .bind(is_hot)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A call as lists and its page show it; nothing that was said.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct CallRow {
    pub id: Uuid,
    pub call_id: String,
    pub direction: String,
    pub role: Option<String>,
    pub status: String,
    pub caller_mask: Option<String>,
    pub has_summary: bool,
    pub started_at: OffsetDateTime,
    pub ended_at: Option<OffsetDateTime>,
    pub duration_seconds: Option<i32>,
    pub ended_reason: Option<String>,
    pub cost: Option<f64>,
    pub outcome: Option<String>,
    pub lead_id: Option<Uuid>,
    pub lead_score: Option<i32>,
    pub lead_reasons: Json<Value>,
    pub is_hot: bool,
    pub emptied_at: Option<OffsetDateTime>,
}

const COLUMNS: &str = "c.id, c.call_id, c.direction, c.role, c.status, c.caller_mask, c.has_summary, c.started_at, \
    c.ended_at, c.duration_seconds, c.ended_reason, c.cost::float8 as cost, c.outcome, c.lead_id, c.lead_score, \
    c.lead_reasons, c.is_hot, c.emptied_at";

/// Which calls are listed, newest first.
#[derive(Clone, Debug, Default)]
pub struct CallFilter {
    pub from: Option<OffsetDateTime>,
    /// Not included.
    pub until: Option<OffsetDateTime>,
    pub outcome: Option<String>,
    pub is_hot: bool,
    /// The last call of the page before: what began earlier, or at the same time with a smaller id.
    pub before: Option<(OffsetDateTime, Uuid)>,
}

/// Lists calls, newest first.
pub async fn list(tx: &mut OrgTx, filter: &CallFilter, limit: i64) -> Result<Vec<CallRow>, DbError> {
    // What is not asked for stands as a constant, so that the plan knows the index to use.
    let outcome = if filter.outcome.is_some() { "c.outcome = $3" } else { "$3::text is null" };
    let hot = if filter.is_hot { "c.is_hot" } else { "true" };
    let sql = format!(
        "select {COLUMNS} from calls c
          where c.started_at >= coalesce($1, '-infinity') and c.started_at < coalesce($2, 'infinity')
            and {outcome} and {hot}
            and (c.started_at, c.id) < (coalesce($4, 'infinity'), coalesce($5, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
          order by c.started_at desc, c.id desc limit $6"
    );
    Ok(sqlx::query_as(AssertSqlSafe(sql))
        .bind(filter.from)
        .bind(filter.until)
        .bind(&filter.outcome)
        .bind(filter.before.map(|(at, _)| at))
        .bind(filter.before.map(|(_, id)| id))
        .bind(limit)
        .fetch_all(tx.conn())
        .await?)
}

/// A call by our id or by Vapi's.
pub async fn find(tx: &mut OrgTx, id: &str) -> Result<Option<CallRow>, DbError> {
    let own = Uuid::try_parse(id).ok();
    let sql = format!(
        "select {COLUMNS} from calls c where c.id = $1 or c.call_id = $2 order by (c.id = $1) desc nulls last limit 1"
    );
    Ok(sqlx::query_as(AssertSqlSafe(sql)).bind(own).bind(id).fetch_optional(tx.conn()).await?)
}

/// The sealed details of a call: none where there are none, or the clinic's retention has emptied them.
pub async fn find_details(tx: &mut OrgTx, id: Uuid) -> Result<Option<Vec<u8>>, DbError> {
    let found: Option<Option<Vec<u8>>> = sqlx::query_scalar("select sealed_details from calls where id = $1")
        .bind(id)
        .fetch_optional(tx.conn())
        .await?;
    Ok(found.flatten())
}

/// Something that happened in a call, or because of it.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Moment {
    pub at: OffsetDateTime,
    /// `tool`, `message`, `alert`.
    pub kind: String,
    /// The tool, or the purpose of a message.
    pub name: String,
    pub status: String,
    /// A sentence, or a masked recipient.
    pub note: Option<String>,
}

/// What happened in a call, in the order in which it began.
pub async fn list_moments(tx: &mut OrgTx, call_id: &str, lead: Option<Uuid>) -> Result<Vec<Moment>, DbError> {
    Ok(sqlx::query_as(
        "select started_at as at, 'tool' as kind, name, status, result as note from tool_calls where call_id = $1
         union all
         select created_at, 'message', purpose, status,
                concat_ws(' ', provider, recipient_mask, error) from messages where call_id = $1
         union all
         select created_at, 'alert', channel, status, concat_ws(' ', recipient_mask, error) from alerts
          where subject_id = $2
         order by at limit 200",
    )
    .bind(call_id)
    .bind(lead)
    .fetch_all(tx.conn())
    .await?)
}

/// The tools of a call, and how each ended.
pub async fn list_tools(tx: &mut OrgTx, call_id: &str) -> Result<Vec<(String, String)>, DbError> {
    Ok(sqlx::query_as("select name, status from tool_calls where call_id = $1 order by started_at limit 100")
        .bind(call_id)
        .fetch_all(tx.conn())
        .await?)
}

/// Empties what was said in calls that are older than the clinic's retention. Returns how many it were.
pub async fn empty_old(tx: &mut OrgTx, limit: i64) -> Result<u64, DbError> {
    Ok(sqlx::query(
        "update calls set sealed_details = null, emptied_at = now()
          where id in (
            select c.id from calls c join organizations o on o.id = c.org_id
             where c.emptied_at is null and c.started_at < now() - make_interval(days => o.retention_days)
             order by c.started_at limit $1 for update of c skip locked)",
    )
    .bind(limit)
    .execute(tx.conn())
    .await?
    .rows_affected())
}
