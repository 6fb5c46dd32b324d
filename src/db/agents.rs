//! Agent configurations: one for inbound and one for outbound calls, per organization.

use sqlx::types::Json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{DbError, OrgTx};
use crate::domain::UserId;
use crate::domain::agent_tools::{AgentTool, Fallbacks};

/// A configuration as it is stored, with its state at Vapi.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct AgentRow {
    pub role: String,
    pub name: String,
    pub first_message: String,
    pub system_prompt: String,
    pub model_provider: String,
    pub model: String,
    pub voice_provider: String,
    pub voice_id: String,
    pub language: String,
    pub max_duration_seconds: i32,
    /// None where nobody has chosen.
    pub tools: Option<Vec<String>>,
    pub fallbacks: Option<Json<Fallbacks>>,
    pub vapi_assistant_id: Option<Uuid>,
    pub vapi_state: String,
    pub vapi_error: Option<String>,
    pub vapi_synced_hash: Option<String>,
    pub vapi_synced_at: Option<OffsetDateTime>,
    /// Of what was last sent, without how its messages are authenticated.
    pub vapi_config_hash: Option<String>,
    /// `same`, `changed` or `gone`: how Vapi's assistant compared with what was last sent.
    pub vapi_found: Option<String>,
    pub vapi_checked_at: Option<OffsetDateTime>,
    /// When the page last asked Vapi by itself.
    pub vapi_asked_at: Option<OffsetDateTime>,
    /// Nothing came of it.
    pub vapi_unanswered: bool,
    /// It was saved here since: whatever Vapi has is replaced.
    pub vapi_overwrite: bool,
    pub updated_at: OffsetDateTime,
}

impl AgentRow {
    /// The tools that are switched on.
    pub fn tools(&self) -> Vec<AgentTool> {
        AgentTool::of_stored(self.tools.as_deref())
    }

    /// What happens when a tool can not do its work.
    pub fn fallbacks(&self) -> Fallbacks {
        self.fallbacks.as_ref().map(|stored| stored.0.clone()).unwrap_or_default()
    }
}

/// What people may change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentChange {
    pub name: String,
    pub first_message: String,
    pub system_prompt: String,
    pub model_provider: String,
    pub model: String,
    pub voice_provider: String,
    pub voice_id: String,
    pub language: String,
    pub max_duration_seconds: i32,
    pub tools: Vec<AgentTool>,
    pub fallbacks: Fallbacks,
}

const COLUMNS: &str = "role, name, first_message, system_prompt, model_provider, model, voice_provider, voice_id, language,
    max_duration_seconds, tools, fallbacks, vapi_assistant_id, vapi_state, vapi_error, vapi_synced_hash, vapi_synced_at,
    vapi_config_hash, vapi_found, vapi_checked_at, vapi_asked_at, vapi_unanswered, vapi_overwrite, updated_at";

pub async fn list(tx: &mut OrgTx) -> Result<Vec<AgentRow>, DbError> {
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!("select {COLUMNS} from agent_configs order by role")))
        .fetch_all(tx.conn())
        .await?)
}

pub async fn find(tx: &mut OrgTx, role: &str) -> Result<Option<AgentRow>, DbError> {
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!("select {COLUMNS} from agent_configs where role = $1")))
        .bind(role)
        .fetch_optional(tx.conn())
        .await?)
}

/// The assistant of a role, where Vapi has it. One whose latest change is still on its way takes calls
/// all the same.
pub async fn find_ready(tx: &mut OrgTx, role: &str) -> Result<Option<Uuid>, DbError> {
    Ok(sqlx::query_scalar(
        "select vapi_assistant_id from agent_configs
          where role = $1 and vapi_state in ('ready', 'pending') and vapi_assistant_id is not null",
    )
    .bind(role)
    .fetch_optional(tx.conn())
    .await?)
}

/// Makes a configuration where there is none yet.
pub async fn insert_default(
    tx: &mut OrgTx,
    role: &str,
    name: &str,
    first_message: &str,
    system_prompt: &str,
) -> Result<(), DbError> {
    let org = tx.org();
    sqlx::query(
        "insert into agent_configs (org_id, role, id, name, first_message, system_prompt)
         values ($1, $2, $3, $4, $5, $6) on conflict do nothing",
    )
    .bind(org.0)
    .bind(role)
    .bind(Uuid::now_v7())
    .bind(name)
    .bind(first_message)
    .bind(system_prompt)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Stores what a person changed; what is at Vapi is then out of date.
pub async fn update(
    tx: &mut OrgTx,
    role: &str,
    change: &AgentChange,
    by: Option<UserId>,
) -> Result<(), DbError> {
    let done = sqlx::query(
        "update agent_configs set name = $2, first_message = $3, system_prompt = $4, model_provider = $5, model = $6,
                voice_provider = $7, voice_id = $8, language = $9, max_duration_seconds = $10,
                vapi_state = case when vapi_state = 'deleted' then 'missing' else vapi_state end,
                vapi_overwrite = true, tools = $11, fallbacks = $12, updated_by = $13, updated_at = now() where role = $1",
    )
    .bind(role)
    .bind(&change.name)
    .bind(&change.first_message)
    .bind(&change.system_prompt)
    .bind(&change.model_provider)
    .bind(&change.model)
    .bind(&change.voice_provider)
    .bind(&change.voice_id)
    .bind(&change.language)
    .bind(change.max_duration_seconds)
    .bind(change.tools.iter().map(|tool| tool.as_str()).collect::<Vec<_>>())
    .bind(Json(&change.fallbacks))
    .bind(by.map(|user| user.0))
    .execute(tx.conn())
    .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(DbError::NotFound) }
}

/// Notes that an assistant exists at Vapi and what it was made from: the row as it was read, so what was saved
/// meanwhile is still to be brought there.
pub async fn mark_ready(
    tx: &mut OrgTx,
    row: &AgentRow,
    assistant: Uuid,
    synced_hash: &str,
    config_hash: &str,
) -> Result<(), DbError> {
    sqlx::query(
        "update agent_configs set vapi_assistant_id = $2, vapi_state = 'ready', vapi_error = null, vapi_synced_hash = $3,
                vapi_config_hash = $4, vapi_synced_at = now(), vapi_found = 'same', vapi_checked_at = now(),
                vapi_unanswered = false, vapi_overwrite = vapi_overwrite and updated_at > $5
          where role = $1",
    )
    .bind(&row.role)
    .bind(assistant)
    .bind(synced_hash)
    .bind(config_hash)
    .bind(row.updated_at)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Notes that an assistant takes calls, and that somebody has changed it at Vapi since the last write: it is left
/// so.
pub async fn mark_left(tx: &mut OrgTx, role: &str, assistant: Uuid) -> Result<(), DbError> {
    sqlx::query(
        "update agent_configs set vapi_assistant_id = $2, vapi_state = 'ready', vapi_error = null, vapi_found = 'changed',
                vapi_checked_at = now()
          where role = $1",
    )
    .bind(role)
    .bind(assistant)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Notes how the assistant at Vapi compared with what was last sent, unless something else was sent
/// meanwhile.
pub async fn mark_found(
    tx: &mut OrgTx,
    role: &str,
    synced_hash: Option<&str>,
    found: &'static str,
) -> Result<(), DbError> {
    sqlx::query(
        "update agent_configs set vapi_found = $3, vapi_checked_at = now(), vapi_unanswered = false
          where role = $1 and vapi_synced_hash is not distinct from $2",
    )
    .bind(role)
    .bind(synced_hash)
    .bind(found)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Takes it upon the caller to ask Vapi about the assistant of a role. False where there is none that
/// could be asked about, or somebody has asked within so many seconds, whatever came of it.
pub async fn claim_look(tx: &mut OrgTx, role: &str, seconds: f64) -> Result<bool, DbError> {
    let done = sqlx::query(
        "update agent_configs set vapi_asked_at = now()
          where role = $1 and vapi_state = 'ready' and vapi_assistant_id is not null
            and greatest(vapi_asked_at, vapi_checked_at, '-infinity') < now() - make_interval(secs => $2)",
    )
    .bind(role)
    .bind(seconds)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Notes that Vapi was asked about an assistant in vain: what was known stays.
pub async fn mark_unanswered(tx: &mut OrgTx, role: &str) -> Result<(), DbError> {
    sqlx::query("update agent_configs set vapi_unanswered = true where role = $1")
        .bind(role)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Notes another state at Vapi: `missing`, `pending`, `failed` (with a sentence) or `deleted`.
pub async fn mark_state(tx: &mut OrgTx, role: &str, state: &str, error: Option<&str>) -> Result<(), DbError> {
    sqlx::query(
        "update agent_configs set vapi_state = $2, vapi_error = $3,
                vapi_assistant_id = case when $2 in ('missing', 'deleted') then null else vapi_assistant_id end,
                vapi_synced_hash = case when $2 in ('missing', 'deleted') then null else vapi_synced_hash end,
                vapi_found = case when $2 in ('missing', 'deleted') then null else vapi_found end
          where role = $1",
    )
    .bind(role)
    .bind(state)
    .bind(error)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Notes why an assistant is not ready, unless it is or somebody deleted it on purpose.
pub async fn mark_unfinished(tx: &mut OrgTx, role: &str, state: &str, error: &str) -> Result<(), DbError> {
    sqlx::query("update agent_configs set vapi_state = $2, vapi_error = $3 where role = $1 and vapi_state not in ('deleted')")
        .bind(role)
        .bind(state)
        .bind(error)
        .execute(tx.conn())
        .await?;
    Ok(())
}
