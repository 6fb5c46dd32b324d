//! A clinic's telephone numbers at Vapi, as Vapi told them last.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{DbError, OrgTx};

/// A number as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct PhoneNumberRow {
    /// Vapi's id.
    pub id: Uuid,
    /// `+15550100123`, or `sip:` and a name.
    pub number: String,
    pub name: String,
    /// Who Vapi has it from: `twilio`.
    pub provider: String,
    /// The assistant that answers it.
    pub assistant_id: Option<Uuid>,
    pub refreshed_at: OffsetDateTime,
}

/// A number as Vapi tells it.
pub struct NewPhoneNumber<'a> {
    pub id: Uuid,
    pub number: &'a str,
    pub name: &'a str,
    pub provider: &'a str,
    pub assistant_id: Option<Uuid>,
}

/// Stores what Vapi has told about one number.
pub async fn upsert(tx: &mut OrgTx, new: &NewPhoneNumber<'_>) -> Result<(), DbError> {
    let org = tx.org();
    sqlx::query(
        "insert into phone_numbers (org_id, id, number, name, provider, assistant_id) values ($1, $2, $3, $4, $5, $6)
         on conflict (org_id, id) do update set number = excluded.number, name = excluded.name,
            provider = excluded.provider, assistant_id = excluded.assistant_id, refreshed_at = now()",
    )
    .bind(org.0)
    .bind(new.id)
    .bind(new.number)
    .bind(new.name)
    .bind(new.provider)
    .bind(new.assistant_id)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Forgets the numbers that Vapi does not know any more.
pub async fn retain(tx: &mut OrgTx, known: &[Uuid]) -> Result<(), DbError> {
    sqlx::query("delete from phone_numbers where id <> all ($1)").bind(known).execute(tx.conn()).await?;
    Ok(())
}

/// All numbers of the clinic.
pub async fn list(tx: &mut OrgTx) -> Result<Vec<PhoneNumberRow>, DbError> {
    Ok(sqlx::query_as(
        "select id, number, name, provider, assistant_id, refreshed_at from phone_numbers order by number, id",
    )
    .fetch_all(tx.conn())
    .await?)
}

/// One number of the clinic.
pub async fn find(tx: &mut OrgTx, id: Uuid) -> Result<Option<PhoneNumberRow>, DbError> {
    Ok(sqlx::query_as(
        "select id, number, name, provider, assistant_id, refreshed_at from phone_numbers where id = $1",
    )
    .bind(id)
    .fetch_optional(tx.conn())
    .await?)
}
