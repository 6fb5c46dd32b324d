//! When a clinic is open and for what, and what a call needs to know of clinic and agent.

use sqlx::types::Json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{DbError, OrgTx};
use crate::domain::UserId;
use crate::domain::agent_tools::Fallbacks;
use crate::domain::clinic_plan::ClinicPlan;

/// A clinic's plan; none where it has said nothing yet and the usual one holds.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct ScheduleRow {
    pub plan: Option<Json<ClinicPlan>>,
    pub updated_at: Option<OffsetDateTime>,
    /// As in the tz database.
    pub time_zone: String,
}

/// The plan of the transaction's organization.
pub async fn find(tx: &mut OrgTx) -> Result<ScheduleRow, DbError> {
    Ok(sqlx::query_as(
        "select s.plan, s.updated_at, o.time_zone
           from organizations o left join clinic_schedules s on s.org_id = o.id",
    )
    .fetch_one(tx.conn())
    .await?)
}

/// Stores a plan.
pub async fn save(tx: &mut OrgTx, plan: &ClinicPlan, by: Option<UserId>) -> Result<(), DbError> {
    let org = tx.org();
    sqlx::query(
        "insert into clinic_schedules (org_id, plan, updated_by) values ($1, $2, $3)
         on conflict (org_id) do update set plan = excluded.plan, updated_by = excluded.updated_by, updated_at = now()",
    )
    .bind(org.0)
    .bind(Json(plan))
    .bind(by.map(|user| user.0))
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What a tool of a call needs to know.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct CallRow {
    pub clinic: String,
    pub time_zone: String,
    pub plan: Option<Json<ClinicPlan>>,
    pub tools: Option<Vec<String>>,
    pub fallbacks: Option<Json<Fallbacks>>,
}

/// Clinic, plan and agent of a call. A call of an assistant that is none of the two, or that names none,
/// counts as one of the inbound agent.
pub async fn find_for_call(tx: &mut OrgTx, assistant: Option<Uuid>) -> Result<CallRow, DbError> {
    Ok(sqlx::query_as(
        "select o.name as clinic, o.time_zone, s.plan, a.tools, a.fallbacks
           from organizations o
           left join clinic_schedules s on s.org_id = o.id
           left join lateral (
             select c.tools, c.fallbacks from agent_configs c where c.org_id = o.id
              order by coalesce(c.vapi_assistant_id = $1, false) desc, c.role limit 1) a on true",
    )
    .bind(assistant)
    .fetch_one(tx.conn())
    .await?)
}
