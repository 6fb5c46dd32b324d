//! Who does not want to be written to, per clinic and channel. A number is a keyed hash; what is shown
//! of it is its mask.

use time::OffsetDateTime;

use super::{DbError, OrgTx};

/// What was said about a number.
#[derive(Clone, Copy, Debug)]
pub struct OptOut<'a> {
    pub number_hash: &'a [u8; 32],
    /// `sms` or `whatsapp`.
    pub channel: &'a str,
    pub number_mask: &'a str,
    /// False: wants to be written to again.
    pub is_out: bool,
    /// `patient`, `provider` or `staff`.
    pub source: &'a str,
    /// When it was said; now where nobody knows.
    pub at: Option<OffsetDateTime>,
}

/// Notes what was said. What was said earlier than what is known changes nothing.
pub async fn note(tx: &mut OrgTx, said: &OptOut<'_>) -> Result<(), DbError> {
    let org = tx.org();
    sqlx::query(
        "insert into opt_outs as o (org_id, number_hash, channel, number_mask, is_out, source, changed_at)
         values ($1, $2, $3, $4, $5, $6, coalesce($7, now()))
         on conflict (org_id, number_hash, channel) do update
            set is_out = excluded.is_out, source = excluded.source, changed_at = excluded.changed_at
          where o.changed_at <= excluded.changed_at",
    )
    .bind(org.0)
    .bind(said.number_hash.as_slice())
    .bind(said.channel)
    .bind(said.number_mask)
    .bind(said.is_out)
    .bind(said.source)
    .bind(said.at)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Whether a number does not want to be written to: whoever said so on one channel meant every one.
pub async fn is_out(tx: &mut OrgTx, number_hash: &[u8; 32]) -> Result<bool, DbError> {
    Ok(sqlx::query_scalar("select exists (select 1 from opt_outs where number_hash = $1 and is_out)")
        .bind(number_hash.as_slice())
        .fetch_one(tx.conn())
        .await?)
}

/// Lets a number be written to again on every channel; false where it was not out.
pub async fn lift(tx: &mut OrgTx, number_hash: &[u8; 32]) -> Result<bool, DbError> {
    let done = sqlx::query(
        "update opt_outs set is_out = false, source = 'staff', changed_at = now() where number_hash = $1 and is_out",
    )
    .bind(number_hash.as_slice())
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// How many numbers of the clinic are out.
pub async fn count(tx: &mut OrgTx) -> Result<i64, DbError> {
    Ok(sqlx::query_scalar("select count(distinct number_hash) from opt_outs where is_out")
        .fetch_one(tx.conn())
        .await?)
}
