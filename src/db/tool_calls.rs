//! Tool calls of assistants: a `running` row is committed before the effect, the result after it.

use super::{DbError, OrgTx};
use crate::domain::EventId;
use crate::domain::agent_tools::AgentTool;

/// What is known of a tool call that was seen before.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct ToolCallRow {
    pub status: String,
    pub result: Option<String>,
}

/// Claims a tool call: `None` for the first to come, the row for everybody after.
pub async fn claim(
    tx: &mut OrgTx,
    call: &str,
    tool_call: &str,
    name: &str,
) -> Result<Option<ToolCallRow>, DbError> {
    let org = tx.org();
    let done = sqlx::query(
        "insert into tool_calls (org_id, call_id, tool_call_id, name) values ($1, $2, $3, $4) on conflict do nothing",
    )
    .bind(org.0)
    .bind(call)
    .bind(tool_call)
    .bind(name)
    .execute(tx.conn())
    .await?;
    if done.rows_affected() == 1 {
        return Ok(None);
    }
    find(tx, call, tool_call).await?.ok_or(DbError::NotFound).map(Some)
}

pub async fn find(tx: &mut OrgTx, call: &str, tool_call: &str) -> Result<Option<ToolCallRow>, DbError> {
    Ok(sqlx::query_as("select status, result from tool_calls where call_id = $1 and tool_call_id = $2")
        .bind(call)
        .bind(tool_call)
        .fetch_optional(tx.conn())
        .await?)
}

/// Records how a running tool call ended: `done`, `failed` or `parked`.
pub async fn finish(
    tx: &mut OrgTx,
    call: &str,
    tool_call: &str,
    status: &str,
    result: &str,
) -> Result<(), DbError> {
    sqlx::query(
        "update tool_calls set status = $3, result = $4, finished_at = now()
          where call_id = $1 and tool_call_id = $2 and status = 'running'",
    )
    .bind(call)
    .bind(tool_call)
    .bind(status)
    .bind(result)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What of an event's tool calls has no known end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Left {
    /// Parked, whoever parked them.
    pub parked: i64,
    /// Not long enough at it to have lost their process.
    pub running: i64,
}

/// Parks what a crashed process left running of an event: nobody knows whether the effect happened.
///
/// Tool calls are claimed after their event is committed and within the time that it may take, which
/// is how they are found: another event of the same call has its own.
pub async fn park_abandoned(tx: &mut OrgTx, event: EventId, seconds: i32) -> Result<Left, DbError> {
    sqlx::query(
        "update tool_calls t set status = 'parked', finished_at = now()
           from inbound_events e
          where e.id = $1 and t.call_id = coalesce(e.call_id, '') and t.status = 'running'
            and t.started_at < now() - make_interval(secs => $2)",
    )
    .bind(event.0)
    .bind(f64::from(seconds))
    .execute(tx.conn())
    .await?;
    Ok(sqlx::query_as(
        "select count(*) filter (where t.status = 'parked') as parked,
                count(*) filter (where t.status = 'running') as running
           from tool_calls t join inbound_events e on e.id = $1
          where t.call_id = coalesce(e.call_id, '')
            and t.started_at between e.received_at and e.received_at + make_interval(secs => $2)",
    )
    .bind(event.0)
    .bind(f64::from(seconds))
    .fetch_one(tx.conn())
    .await?)
}

/// Whether a parked tool call of an event has nothing to show: no appointment that it made or ended, no message, no
/// note. What it shows is found by the call, and by its time.
pub async fn has_without_trace(tx: &mut OrgTx, event: EventId) -> Result<bool, DbError> {
    let effects: Vec<&str> =
        AgentTool::ALL.into_iter().filter(|tool| tool.leaves_an_effect()).map(AgentTool::as_str).collect();
    Ok(sqlx::query_scalar(
        "select exists (
           select 1 from tool_calls t join inbound_events e on e.id = $1
            where t.call_id = coalesce(e.call_id, '') and t.status = 'parked' and t.started_at >= e.received_at
              and t.name = any ($2)
              and not exists (select 1 from appointments a
                               where (a.call_id = t.call_id and a.created_at >= t.started_at)
                                  or (a.ended_call_id = t.call_id and a.updated_at >= t.started_at))
              and not exists (select 1 from messages m where m.call_id = t.call_id and m.created_at >= t.started_at)
              and not exists (select 1 from notes n where n.call_id = t.call_id and n.created_at >= t.started_at))",
    )
    .bind(event.0)
    .bind(effects)
    .fetch_one(tx.conn())
    .await?)
}

/// Parks every tool call that has lost its process, whatever became of its event. Returns how many it were.
pub async fn park_all_abandoned(tx: &mut OrgTx, seconds: i32) -> Result<u64, DbError> {
    Ok(sqlx::query(
        "update tool_calls set status = 'parked', finished_at = now()
          where status = 'running' and started_at < now() - make_interval(secs => $1)",
    )
    .bind(f64::from(seconds))
    .execute(tx.conn())
    .await?
    .rows_affected())
}
