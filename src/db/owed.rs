//! What an appointment still owes: a confirmation to its patient, or a note to the team.
//!
//! It is written in the transaction that ends the booking, and taken out in the one that has done it. Whoever
//! is at it holds a claim; where another one has taken it over, the older claim sends nothing any more.

use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};
use uuid::Uuid;

use super::appointments::{AppointmentRow, COLUMNS};
use super::{DbError, OrgTx};

/// For how long a claim holds: longer than a provider is ever waited for.
pub const OWED_SECONDS: f64 = 60.0;

/// What is owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owed {
    /// The patient is told that it is booked.
    Confirmation,
    /// The team is told that it is not, although somebody may believe so.
    FollowUp,
}

impl Owed {
    /// The word in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Owed::Confirmation => "confirmation",
            Owed::FollowUp => "follow_up",
        }
    }
}

/// An appointment that this worker has a claim on.
#[derive(Clone, Debug)]
pub struct Claimed {
    pub row: AppointmentRow,
    pub owed: Owed,
    pub claim: i32,
}

impl<'r> FromRow<'r, PgRow> for Claimed {
    fn from_row(row: &'r PgRow) -> Result<Self, sqlx::Error> {
        let owed = match row.try_get::<&str, _>("owed")? {
            "confirmation" => Owed::Confirmation,
            _ => Owed::FollowUp,
        };
        Ok(Self { row: AppointmentRow::from_row(row)?, owed, claim: row.try_get("owed_claims")? })
    }
}

/// Takes what nobody is at.
pub async fn claim(tx: &mut OrgTx, limit: i64) -> Result<Vec<Claimed>, DbError> {
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "update appointments a
            set owed_at = clock_timestamp() + make_interval(secs => $2), owed_claims = a.owed_claims + 1
          where a.id in (select o.id from appointments o where o.owed is not null and o.owed_at <= clock_timestamp()
                          order by o.owed_at limit $1 for update skip locked)
         returning {COLUMNS}, owed, owed_claims"
    )))
    .bind(limit)
    .bind(OWED_SECONDS)
    .fetch_all(tx.conn())
    .await?)
}

/// Takes out what was owed; false where this claim holds no more.
pub async fn settle(tx: &mut OrgTx, id: Uuid, claim: i32) -> Result<bool, DbError> {
    let done = sqlx::query(
        "update appointments set owed = null, owed_at = null where id = $1 and owed is not null and owed_claims = $2",
    )
    .bind(id)
    .bind(claim)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Gives a claim back: somebody else may try at once.
pub async fn give_back(tx: &mut OrgTx, id: Uuid, claim: i32) -> Result<(), DbError> {
    sqlx::query(
        "update appointments set owed_at = clock_timestamp() where id = $1 and owed is not null and owed_claims = $2",
    )
    .bind(id)
    .bind(claim)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Whether a claim holds still; where it does, nobody takes it over before this transaction ends.
pub async fn holds(tx: &mut OrgTx, id: Uuid, claim: i32) -> Result<bool, DbError> {
    let found: Option<i32> = sqlx::query_scalar(
        "select 1 from appointments where id = $1 and owed is not null and owed_claims = $2 for update",
    )
    .bind(id)
    .bind(claim)
    .fetch_optional(tx.conn())
    .await?;
    Ok(found.is_some())
}

/// What the messages of an appointment say about its confirmation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromRow)]
pub struct Told {
    /// One went out.
    pub is_out: bool,
    /// Of one nobody knows, or not yet.
    pub is_unknown: bool,
}

pub async fn find_told(tx: &mut OrgTx, id: Uuid) -> Result<Told, DbError> {
    Ok(sqlx::query_as(
        "select coalesce(bool_or(status in ('queued', 'sent', 'delivered', 'read')), false) as is_out,
                coalesce(bool_or(status in ('sending', 'parked')), false) as is_unknown
           from messages where appointment_id = $1",
    )
    .bind(id)
    .fetch_one(tx.conn())
    .await?)
}
