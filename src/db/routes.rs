//! Routing of webhooks: which clinic an assistant or a phone number of Vapi belongs to.
//!
//! The tables are global and closed to the app; all of this goes through gate functions.

use sqlx::types::Json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{DbError, OrgTx, PgPool};

/// One live verification secret of the clinic that an assistant belongs to. All columns of the
/// secret are empty where the clinic has none.
#[derive(Clone, sqlx::FromRow)]
pub struct ResolvedRow {
    pub org_id: Uuid,
    pub role: String,
    pub secret_id: Option<Uuid>,
    pub scheme: Option<String>,
    pub params: Option<Json<serde_json::Value>>,
    pub sealed: Option<Vec<u8>>,
    pub key_version: Option<i32>,
    pub not_after: Option<OffsetDateTime>,
    pub wrapped: Option<Vec<u8>>,
    pub kek_id: Option<i64>,
    /// The owner switched transcripts on.
    pub keep_transcripts: bool,
}

/// Finds the clinic of an assistant, or else of a phone number. No rows: nobody's.
pub async fn resolve_vapi(
    pool: &PgPool,
    assistant: Option<Uuid>,
    phone_number: Option<Uuid>,
) -> Result<Vec<ResolvedRow>, DbError> {
    Ok(sqlx::query_as("select * from resolve_vapi($1, $2)")
        .bind(assistant)
        .bind(phone_number)
        .fetch_all(pool)
        .await?)
}

/// Claims an assistant for the transaction's organization; false where another one has it.
pub async fn claim_assistant(
    tx: &mut OrgTx,
    assistant: Uuid,
    role: &str,
    name: &str,
) -> Result<bool, DbError> {
    Ok(sqlx::query_scalar("select claim_assistant($1, $2, $3)")
        .bind(assistant)
        .bind(role)
        .bind(name)
        .fetch_one(tx.conn())
        .await?)
}

pub async fn release_assistant(tx: &mut OrgTx, assistant: Uuid) -> Result<(), DbError> {
    sqlx::query("select release_assistant($1)").bind(assistant).execute(tx.conn()).await?;
    Ok(())
}

pub async fn claim_phone_number(tx: &mut OrgTx, id: Uuid, number: &str) -> Result<bool, DbError> {
    Ok(sqlx::query_scalar("select claim_phone_number($1, $2)")
        .bind(id)
        .bind(number)
        .fetch_one(tx.conn())
        .await?)
}

pub async fn release_all(tx: &mut OrgTx) -> Result<(), DbError> {
    sqlx::query("select release_routes()").execute(tx.conn()).await?;
    Ok(())
}

/// What the organization has claimed.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct RouteRow {
    pub kind: String,
    pub provider_id: Uuid,
    pub role: String,
    pub name: String,
    pub last_used_at: Option<OffsetDateTime>,
}

pub async fn list_own(tx: &mut OrgTx) -> Result<Vec<RouteRow>, DbError> {
    Ok(sqlx::query_as("select * from own_routes() order by kind, role, name").fetch_all(tx.conn()).await?)
}

/// Notes uses of assistants, gathered in memory.
pub async fn touch_assistants(pool: &PgPool, ids: &[Uuid]) -> Result<(), DbError> {
    sqlx::query("select touch_assistants($1)").bind(ids).execute(pool).await?;
    Ok(())
}
