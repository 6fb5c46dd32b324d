//! Routing of webhooks: which clinic an assistant or a phone number of Vapi belongs to.
//!
//! The tables are global and closed to the app; all of this goes through gate functions.

use sqlx::types::Json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{DbError, OrgTx, PgPool};
use crate::domain::OrgId;

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

/// Whose an id of Vapi's is: the kind of thing, and the clinic that has claimed it.
pub async fn find_claim(pool: &PgPool, id: Uuid) -> Result<Option<(String, OrgId)>, DbError> {
    let row: Option<(String, Uuid)> =
        sqlx::query_as("select kind, org_id from find_claim($1)").bind(id).fetch_optional(pool).await?;
    Ok(row.map(|(kind, org)| (kind, OrgId(org))))
}

/// Gives back one claim; false where the organization has none on this id.
pub async fn release_claim(tx: &mut OrgTx, id: Uuid) -> Result<bool, DbError> {
    Ok(sqlx::query_scalar("select release_claim($1)").bind(id).fetch_one(tx.conn()).await?)
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

/// Notes calls, gathered in memory: by assistant, and by clinic where none was named. The clinics' Vapi
/// cards were used by them.
pub async fn touch_assistants(pool: &PgPool, ids: &[Uuid], called: &[OrgId]) -> Result<(), DbError> {
    let called: Vec<Uuid> = called.iter().map(|org| org.0).collect();
    sqlx::query("select touch_assistants($1, $2)").bind(ids).bind(called).execute(pool).await?;
    Ok(())
}
