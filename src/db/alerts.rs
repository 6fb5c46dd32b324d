//! Alerts: whom a clinic wants to be told, and each alert to each recipient, a row first.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{DbError, OrgTx, PgPool};
use crate::domain::{OrgId, UserId};

/// What a clinic wants, beside its time zone; the parts of a missing row are none.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct SettingsRow {
    pub time_zone: String,
    pub is_on: Option<bool>,
    pub threshold: Option<i32>,
    pub text: Option<String>,
    /// Minutes after midnight.
    pub quiet_from: Option<i32>,
    pub quiet_until: Option<i32>,
    pub sealed_recipients: Option<Vec<u8>>,
}

/// The settings of the transaction's clinic.
pub async fn find_settings(tx: &mut OrgTx) -> Result<SettingsRow, DbError> {
    Ok(sqlx::query_as(
        "select o.time_zone, s.is_on, s.threshold, s.text, s.quiet_from, s.quiet_until, s.sealed_recipients
           from organizations o left join alert_settings s on s.org_id = o.id",
    )
    .fetch_one(tx.conn())
    .await?)
}

/// Settings about to be stored.
pub struct NewSettings<'a> {
    pub is_on: bool,
    pub threshold: i32,
    pub text: &'a str,
    pub quiet: Option<(i32, i32)>,
    pub sealed_recipients: &'a [u8],
    pub key_version: i32,
    pub by: Option<UserId>,
}

pub async fn save_settings(tx: &mut OrgTx, new: &NewSettings<'_>) -> Result<(), DbError> {
    let org = tx.org();
    sqlx::query(
        "insert into alert_settings (org_id, is_on, threshold, text, quiet_from, quiet_until, sealed_recipients, key_version, updated_by)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         on conflict (org_id) do update set is_on = excluded.is_on, threshold = excluded.threshold, text = excluded.text,
           quiet_from = excluded.quiet_from, quiet_until = excluded.quiet_until,
           sealed_recipients = excluded.sealed_recipients, key_version = excluded.key_version,
           updated_by = excluded.updated_by, updated_at = now()",
    )
    .bind(org.0)
    .bind(new.is_on)
    .bind(new.threshold)
    .bind(new.text)
    .bind(new.quiet.map(|(from, _)| from))
    .bind(new.quiet.map(|(_, until)| until))
    .bind(new.sealed_recipients)
    .bind(new.key_version)
    .bind(new.by.map(|user| user.0))
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// An alert to one recipient. Recipient and words are sealed together.
pub struct NewAlert<'a> {
    pub id: Uuid,
    /// `hot_lead`, `incident`.
    pub kind: &'a str,
    pub subject: Uuid,
    /// `sms`, `email`.
    pub channel: &'a str,
    pub recipient_mask: &'a str,
    pub sealed_content: &'a [u8],
    pub key_version: i32,
    pub due_at: OffsetDateTime,
}

pub async fn insert(tx: &mut OrgTx, new: &NewAlert<'_>) -> Result<(), DbError> {
    let org = tx.org();
    sqlx::query(
        "insert into alerts (org_id, id, kind, subject_id, channel, recipient_mask, sealed_content, key_version, due_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(org.0)
    .bind(new.id)
    .bind(new.kind)
    .bind(new.subject)
    .bind(new.channel)
    .bind(new.recipient_mask)
    .bind(new.sealed_content)
    .bind(new.key_version)
    .bind(new.due_at)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A due alert that this worker has under a lease.
#[derive(Clone, Copy, Debug, sqlx::FromRow)]
pub struct LeasedAlert {
    #[sqlx(try_from = "Uuid")]
    pub org_id: OrgId,
    pub id: Uuid,
    /// This attempt is counted: the claim of whoever is at it.
    pub attempts: i32,
    /// A process that died was sending it.
    pub was_sending: bool,
}

/// Takes alerts that are due at a time, under a lease of the database; of one clinic so many at the same
/// time, wherever they are sent.
pub async fn lease(
    pool: &PgPool,
    now: OffsetDateTime,
    limit: i32,
    seconds: i32,
    per_clinic: i32,
) -> Result<Vec<LeasedAlert>, DbError> {
    Ok(sqlx::query_as("select org_id, id, attempts, was_sending from lease_alerts($1, $2, $3, $4)")
        .bind(now)
        .bind(limit)
        .bind(seconds)
        .bind(per_clinic)
        .fetch_all(pool)
        .await?)
}

/// An alert that is being sent, and what is known of the messages that carried it.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct AlertRow {
    pub kind: String,
    pub channel: String,
    pub sealed_content: Option<Vec<u8>>,
    pub created_at: OffsetDateTime,
    /// A message of it went out.
    pub is_out: bool,
    /// Of a message of it nobody knows.
    pub is_unknown: bool,
    pub call_id: Option<String>,
}

/// An alert under a claim, whose lease begins anew; none where the claim holds no more.
pub async fn find_sending(
    tx: &mut OrgTx,
    id: Uuid,
    claim: i32,
    seconds: i32,
) -> Result<Option<AlertRow>, DbError> {
    Ok(sqlx::query_as(
        "with held as (
           update alerts set lease_until = clock_timestamp() + make_interval(secs => $3)
            where id = $1 and status = 'sending' and attempts = $2 returning org_id, id)
         select a.kind, a.channel, a.sealed_content, a.created_at,
                exists (select 1 from messages m where m.alert_id = a.id
                         and m.status in ('queued', 'sent', 'delivered', 'read')) as is_out,
                exists (select 1 from messages m where m.alert_id = a.id and m.status in ('sending', 'parked')) as is_unknown,
                (select l.last_call_id from leads l where l.id = a.subject_id) as call_id
           from held join alerts a on a.org_id = held.org_id and a.id = held.id",
    )
    .bind(id)
    .bind(claim)
    .bind(f64::from(seconds))
    .fetch_optional(tx.conn())
    .await?)
}

/// Whether a claim on an alert holds still; where it does, nobody takes it over before this transaction ends.
pub async fn holds(tx: &mut OrgTx, id: Uuid, claim: i32) -> Result<bool, DbError> {
    let found: Option<i32> = sqlx::query_scalar(
        "select 1 from alerts where id = $1 and status = 'sending' and attempts = $2 for update",
    )
    .bind(id)
    .bind(claim)
    .fetch_optional(tx.conn())
    .await?;
    Ok(found.is_some())
}

/// Records how an alert ended: `sent`, `failed`, or `parked` where nobody knows. Changes nothing where
/// another worker has it now.
pub async fn finish(
    tx: &mut OrgTx,
    id: Uuid,
    claim: i32,
    status: &str,
    error: Option<&str>,
) -> Result<(), DbError> {
    sqlx::query(
        "update alerts set status = $2, error = $3, lease_until = null, sent_at = case when $2 = 'sent' then now() end
          where id = $1 and status = 'sending' and attempts = $4",
    )
    .bind(id)
    .bind(status)
    .bind(error)
    .bind(claim)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Puts an alert off that was surely not sent.
pub async fn put_off(
    tx: &mut OrgTx,
    id: Uuid,
    claim: i32,
    until: OffsetDateTime,
    error: &str,
) -> Result<(), DbError> {
    sqlx::query(
        "update alerts set status = 'waiting', due_at = $2, error = $3, lease_until = null
          where id = $1 and status = 'sending' and attempts = $4",
    )
    .bind(id)
    .bind(until)
    .bind(error)
    .bind(claim)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Mail addresses of the clinic's owners, where it has connected what sends mails; else nobody.
pub async fn list_owners_to_mail(tx: &mut OrgTx, mailer: &str) -> Result<Vec<String>, DbError> {
    Ok(sqlx::query_scalar(
        "select u.email from memberships m join users u on u.id = m.user_id
          where m.role = 'owner' and u.disabled_at is null
            and exists (select 1 from org_integrations i
                         where i.provider = $1 and i.active_credential_id is not null and not i.is_paused)
          order by u.email limit 10",
    )
    .bind(mailer)
    .fetch_all(tx.conn())
    .await?)
}

/// Empties recipients and words of alerts that are older than the clinic's retention. Returns how many
/// it were.
pub async fn empty_old(tx: &mut OrgTx, limit: i64) -> Result<u64, DbError> {
    Ok(sqlx::query(
        "update alerts set sealed_content = null, emptied_at = now()
          where id in (
            select a.id from alerts a join organizations o on o.id = a.org_id
             where a.emptied_at is null and a.status not in ('waiting', 'sending')
               and a.created_at < now() - make_interval(days => o.retention_days)
             order by a.created_at limit $1 for update of a skip locked)",
    )
    .bind(limit)
    .execute(tx.conn())
    .await?
    .rows_affected())
}
