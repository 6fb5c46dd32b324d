//! Consents under way, and the token pairs that came of them. Everything secret in them is sealed.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{DbError, OrgTx};
use crate::domain::UserId;

/// How long somebody may take on the provider's consent page, in minutes.
pub const ATTEMPT_MINUTES: i32 = 10;

/// A consent that somebody begins.
pub struct NewAttempt<'a> {
    pub id: Uuid,
    pub provider: &'a str,
    pub state_hash: &'a [u8],
    pub session_hash: &'a [u8],
    pub by: UserId,
    pub sealed: &'a [u8],
    pub key_version: i32,
}

/// Stores a consent that begins, and forgets those that nobody ended within a day.
pub async fn insert_attempt(tx: &mut OrgTx, new: &NewAttempt<'_>) -> Result<(), DbError> {
    let org = tx.org();
    sqlx::query("delete from oauth_attempts where expires_at < now() - interval '1 day'")
        .execute(tx.conn())
        .await?;
    sqlx::query(
        "insert into oauth_attempts (org_id, id, provider, state_hash, session_hash, started_by, sealed, key_version, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, now() + make_interval(mins => $9))",
    )
    .bind(org.0)
    .bind(new.id)
    .bind(new.provider)
    .bind(new.state_hash)
    .bind(new.session_hash)
    .bind(new.by.0)
    .bind(new.sealed)
    .bind(new.key_version)
    .bind(ATTEMPT_MINUTES)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A consent under way, as its answer finds it.
#[derive(Clone, sqlx::FromRow)]
pub struct AttemptRow {
    pub provider: String,
    pub state_hash: Vec<u8>,
    pub session_hash: Vec<u8>,
    pub sealed: Vec<u8>,
    pub is_expired: bool,
    pub is_used: bool,
}

/// A consent by its id, locked until the transaction ends.
pub async fn lock_attempt(tx: &mut OrgTx, id: Uuid) -> Result<Option<AttemptRow>, DbError> {
    Ok(sqlx::query_as(
        "select provider, state_hash, session_hash, sealed, expires_at < now() as is_expired, used_at is not null as is_used
           from oauth_attempts where id = $1 for update",
    )
    .bind(id)
    .fetch_optional(tx.conn())
    .await?)
}

/// Uses a consent up: no second answer is taken for it.
pub async fn use_attempt(tx: &mut OrgTx, id: Uuid) -> Result<(), DbError> {
    sqlx::query("update oauth_attempts set used_at = now() where id = $1")
        .bind(id)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// A token pair as it is stored.
#[derive(Clone, sqlx::FromRow)]
pub struct TokenRow {
    pub id: Uuid,
    pub subject: String,
    pub email: Option<String>,
    pub scopes: Vec<String>,
    pub sealed: Vec<u8>,
    pub revision: i64,
    pub expires_at: OffsetDateTime,
    pub consented_at: OffsetDateTime,
    pub refused_at: Option<OffsetDateTime>,
}

/// The token pair of an issuer.
pub async fn find_tokens(tx: &mut OrgTx, issuer: &str) -> Result<Option<TokenRow>, DbError> {
    Ok(sqlx::query_as(
        "select id, subject, email, scopes, sealed, revision, expires_at, consented_at, refused_at
           from oauth_tokens where issuer = $1",
    )
    .bind(issuer)
    .fetch_optional(tx.conn())
    .await?)
}

/// What a consent gave.
pub struct NewTokens<'a> {
    pub id: Uuid,
    pub issuer: &'a str,
    pub subject: &'a str,
    pub email: Option<&'a str>,
    pub scopes: &'a [String],
    pub sealed: &'a [u8],
    pub key_version: i32,
    pub expires_at: OffsetDateTime,
    pub consented_at: OffsetDateTime,
    /// The revision that was there before; 0 where there was none.
    pub replaces: i64,
}

/// Stores what a consent gave. False where the pair has changed since it was read.
pub async fn upsert_tokens(tx: &mut OrgTx, new: &NewTokens<'_>) -> Result<bool, DbError> {
    let org = tx.org();
    let done = sqlx::query(
        "insert into oauth_tokens as t (org_id, id, issuer, subject, email, scopes, sealed, key_version, expires_at, consented_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         on conflict on constraint oauth_tokens_issuer_key do update
            set subject = excluded.subject, email = excluded.email, scopes = excluded.scopes, sealed = excluded.sealed,
                key_version = excluded.key_version, expires_at = excluded.expires_at, consented_at = excluded.consented_at,
                refused_at = null, revision = t.revision + 1, updated_at = now()
          where t.revision = $11 and t.id = excluded.id",
    )
    .bind(org.0)
    .bind(new.id)
    .bind(new.issuer)
    .bind(new.subject)
    .bind(new.email)
    .bind(new.scopes)
    .bind(new.sealed)
    .bind(new.key_version)
    .bind(new.expires_at)
    .bind(new.consented_at)
    .bind(new.replaces)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// What a refresh gave.
pub struct Refreshed<'a> {
    pub id: Uuid,
    pub revision: i64,
    pub sealed: &'a [u8],
    pub key_version: i32,
    pub scopes: &'a [String],
    pub expires_at: OffsetDateTime,
}

/// Stores a refreshed pair over the revision that the refresh began with; false where somebody else
/// was faster.
pub async fn store_refreshed(tx: &mut OrgTx, new: &Refreshed<'_>) -> Result<bool, DbError> {
    let done = sqlx::query(
        "update oauth_tokens set sealed = $3, key_version = $4, scopes = $5, expires_at = $6, refused_at = null,
                revision = revision + 1, updated_at = now()
          where id = $1 and revision = $2",
    )
    .bind(new.id)
    .bind(new.revision)
    .bind(new.sealed)
    .bind(new.key_version)
    .bind(new.scopes)
    .bind(new.expires_at)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Notes that the access token of a revision is of no use any more, before its time.
pub async fn expire(tx: &mut OrgTx, issuer: &str, revision: i64) -> Result<(), DbError> {
    sqlx::query("update oauth_tokens set expires_at = 'epoch' where issuer = $1 and revision = $2")
        .bind(issuer)
        .bind(revision)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Notes that the issuer refused the refresh token of a revision; false where it is another by now.
pub async fn mark_refused(tx: &mut OrgTx, issuer: &str, revision: i64) -> Result<bool, DbError> {
    let done = sqlx::query(
        "update oauth_tokens set refused_at = now(), updated_at = now() where issuer = $1 and revision = $2",
    )
    .bind(issuer)
    .bind(revision)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Forgets the token pair of an issuer.
pub async fn delete_tokens(tx: &mut OrgTx, issuer: &str) -> Result<(), DbError> {
    sqlx::query("delete from oauth_tokens where issuer = $1").bind(issuer).execute(tx.conn()).await?;
    Ok(())
}

/// Writes onto the cards of these providers that a new consent is needed.
pub async fn mark_signed_out(
    tx: &mut OrgTx,
    providers: &[&str],
    sentence: &str,
    fix: &str,
    url: &str,
) -> Result<(), DbError> {
    sqlx::query(
        "update org_integrations
            set verification_status = 'failed', verification_error = $2, fix_hint = $3, fix_url = $4,
                last_refusal_at = now(), updated_at = now()
          where provider = any ($1::text[]) and active_credential_id is not null",
    )
    .bind(providers)
    .bind(sentence)
    .bind(fix)
    .bind(url)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Those of these providers that are connected.
pub async fn list_connected(tx: &mut OrgTx, providers: &[&str]) -> Result<Vec<String>, DbError> {
    Ok(sqlx::query_scalar(
        "select distinct provider from org_integrations where provider = any ($1::text[]) and active_credential_id is not null",
    )
    .bind(providers)
    .fetch_all(tx.conn())
    .await?)
}
