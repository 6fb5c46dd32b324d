//! Appointments: a `pending` row is committed before the calendar is asked, the result after it.
//!
//! Two bookings of one time can not both get their row: whoever books holds the clinic's lock while it
//! looks and inserts. A lock and no constraint, since what the calendar says about a booked time counts
//! and not what we remember of it: the clinic's people move and delete events there.

use time::OffsetDateTime;
use uuid::Uuid;

use super::{DbError, OrgTx};

/// An appointment about to be written into the calendar. The patient is sealed.
pub struct NewAppointment<'a> {
    pub id: Uuid,
    pub call_id: Option<&'a str>,
    pub service: &'a str,
    pub practitioner: Option<&'a str>,
    pub starts_at: OffsetDateTime,
    pub ends_at: OffsetDateTime,
    pub sealed_patient: &'a [u8],
    pub key_version: i32,
    pub patient_mask: &'a str,
    pub patient_key: Option<&'a [u8]>,
    pub calendar_event_id: &'a str,
    /// The appointment that this one takes the place of.
    pub replaces: Option<Uuid>,
}

/// An appointment as it is stored.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct AppointmentRow {
    pub id: Uuid,
    pub call_id: Option<String>,
    /// The call in which it was cancelled, or moved away.
    pub ended_call_id: Option<String>,
    pub service: String,
    pub practitioner: Option<String>,
    pub starts_at: OffsetDateTime,
    pub ends_at: OffsetDateTime,
    pub status: String,
    pub sealed_patient: Option<Vec<u8>>,
    pub patient_mask: String,
    pub replaces: Option<Uuid>,
    pub must_release: bool,
    pub reason: Option<String>,
    pub created_at: OffsetDateTime,
    pub updated_at: OffsetDateTime,
}

const COLUMNS: &str =
    "id, call_id, ended_call_id, service, practitioner, starts_at, ends_at, status, sealed_patient, patient_mask, replaces,
    must_release, reason, created_at, updated_at";

/// How long a booked row stands for its time beside the calendar, which may take a moment to tell of an
/// event that was just made.
const FRESH_SECONDS: f64 = 120.0;

/// Waits until nobody else books for this clinic, and keeps others waiting until the transaction ends.
pub async fn lock(tx: &mut OrgTx) -> Result<(), DbError> {
    let key = format!("appointments of {}", tx.org());
    sqlx::query("select pg_advisory_xact_lock(hashtextextended($1, 0))").bind(key).execute(tx.conn()).await?;
    Ok(())
}

/// A row that takes a time, whatever the calendar says.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Claimed {
    pub id: Uuid,
    pub call_id: Option<String>,
    pub status: String,
    pub starts_at: OffsetDateTime,
    pub ends_at: OffsetDateTime,
    /// Since its last change, by the database's clock.
    pub seconds: f64,
}

/// Rows that take a part of a span of time: those that are pending, and those that were booked a moment
/// ago.
pub async fn list_claimed(
    tx: &mut OrgTx,
    from: OffsetDateTime,
    until: OffsetDateTime,
    except: Option<Uuid>,
) -> Result<Vec<Claimed>, DbError> {
    Ok(sqlx::query_as(
        "select id, call_id, status, starts_at, ends_at,
                extract(epoch from clock_timestamp() - updated_at)::float8 as seconds
           from appointments
          where starts_at < $2 and ends_at > $1 and id is distinct from $3
            and (status = 'pending'
                 or (status = 'booked' and updated_at > clock_timestamp() - make_interval(secs => $4)))
          order by starts_at limit 500",
    )
    .bind(from)
    .bind(until)
    .bind(except)
    .bind(FRESH_SECONDS)
    .fetch_all(tx.conn())
    .await?)
}

/// Takes a time; the caller holds the lock and has looked.
pub async fn insert(tx: &mut OrgTx, new: &NewAppointment<'_>) -> Result<(), DbError> {
    let org = tx.org();
    sqlx::query(
        "insert into appointments (org_id, id, call_id, service, practitioner, starts_at, ends_at, sealed_patient,
                                   key_version, patient_mask, patient_key, calendar_event_id, replaces)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    )
    .bind(org.0)
    .bind(new.id)
    .bind(new.call_id)
    .bind(new.service)
    .bind(new.practitioner)
    .bind(new.starts_at)
    .bind(new.ends_at)
    .bind(new.sealed_patient)
    .bind(new.key_version)
    .bind(new.patient_mask)
    .bind(new.patient_key)
    .bind(new.calendar_event_id)
    .bind(new.replaces)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Ends a pending appointment as `booked` or `failed`. False where somebody has ended it already.
pub async fn finish(
    tx: &mut OrgTx,
    id: Uuid,
    status: &'static str,
    reason: Option<&str>,
) -> Result<bool, DbError> {
    let done = sqlx::query(
        "update appointments set status = $2, reason = $3, updated_at = clock_timestamp()
          where id = $1 and status = 'pending'",
    )
    .bind(id)
    .bind(status)
    .bind(reason)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Cancels a booked appointment, in a call where one is named; its event is to be taken out of the
/// calendar. None where it is not booked.
pub async fn cancel(
    tx: &mut OrgTx,
    id: Uuid,
    reason: &str,
    call_id: Option<&str>,
) -> Result<Option<AppointmentRow>, DbError> {
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "update appointments set status = 'cancelled', must_release = true, reason = $2, ended_call_id = $3,
                updated_at = clock_timestamp()
          where id = $1 and status = 'booked' returning {COLUMNS}"
    )))
    .bind(id)
    .bind(reason)
    .bind(call_id)
    .fetch_optional(tx.conn())
    .await?)
}

/// Notes that the event of a cancelled appointment is out of the calendar.
pub async fn mark_released(tx: &mut OrgTx, id: Uuid) -> Result<(), DbError> {
    sqlx::query("update appointments set must_release = false where id = $1")
        .bind(id)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Notes that an open appointment was looked at in vain, so that it comes after the others.
pub async fn put_off(tx: &mut OrgTx, id: Uuid) -> Result<(), DbError> {
    sqlx::query(
        "update appointments set updated_at = clock_timestamp() where id = $1 and (status = 'pending' or must_release)",
    )
    .bind(id)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Bookings of unknown outcome, and cancelled ones whose event is still there, that nobody has looked at
/// for so many seconds.
pub async fn list_open(tx: &mut OrgTx, seconds: f64, limit: i64) -> Result<Vec<AppointmentRow>, DbError> {
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "select {COLUMNS} from appointments
          where (status = 'pending' or must_release) and updated_at <= clock_timestamp() - make_interval(secs => $1)
          order by updated_at limit $2"
    )))
    .bind(seconds)
    .bind(limit)
    .fetch_all(tx.conn())
    .await?)
}

pub async fn find(tx: &mut OrgTx, id: Uuid) -> Result<Option<AppointmentRow>, DbError> {
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!("select {COLUMNS} from appointments where id = $1")))
        .bind(id)
        .fetch_optional(tx.conn())
        .await?)
}

/// Booked appointments to come of a patient, by their number or because they were booked in this call.
pub async fn list_of_patient(
    tx: &mut OrgTx,
    patient_key: Option<&[u8]>,
    call_id: &str,
    now: OffsetDateTime,
) -> Result<Vec<AppointmentRow>, DbError> {
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "select {COLUMNS} from appointments
          where starts_at > $3 and status = 'booked' and (patient_key = $1 or (call_id = $2 and call_id <> ''))
          order by starts_at limit 20"
    )))
    .bind(patient_key)
    .bind(call_id)
    .bind(now)
    .fetch_all(tx.conn())
    .await?)
}

/// The appointments that a call has made, moved or cancelled.
pub async fn list_of_call(tx: &mut OrgTx, call_id: &str) -> Result<Vec<AppointmentRow>, DbError> {
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "select {COLUMNS} from appointments where call_id = $1 or ended_call_id = $1 order by created_at, id limit 50"
    )))
    .bind(call_id)
    .fetch_all(tx.conn())
    .await?)
}

/// Which appointments a list shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Booked or pending and not over, the next one first.
    Upcoming,
    /// Over, the latest first.
    Past,
    /// Cancelled, the latest first.
    Cancelled,
}

/// A list of appointments.
pub async fn list(
    tx: &mut OrgTx,
    which: Which,
    now: OffsetDateTime,
    limit: i64,
) -> Result<Vec<AppointmentRow>, DbError> {
    let filter = match which {
        Which::Upcoming => "status in ('booked', 'pending') and ends_at >= $1 order by starts_at, id",
        Which::Past => "status in ('booked', 'pending') and ends_at < $1 order by starts_at desc, id",
        Which::Cancelled => {
            "status = 'cancelled' and $1::timestamptz is not null order by starts_at desc, id"
        }
    };
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "select {COLUMNS} from appointments where {filter} limit $2"
    )))
    .bind(now)
    .bind(limit)
    .fetch_all(tx.conn())
    .await?)
}

/// Empties the patients of appointments that ended longer ago than the clinic's retention. Returns how
/// many it were.
pub async fn empty_old(tx: &mut OrgTx, limit: i64) -> Result<u64, DbError> {
    Ok(sqlx::query(
        "update appointments set sealed_patient = null, patient_key = null, emptied_at = now()
          where id in (
            select a.id from appointments a join organizations o on o.id = a.org_id
             where a.emptied_at is null and a.ends_at < now() - make_interval(days => o.retention_days)
             order by a.ends_at limit $1 for update of a skip locked)",
    )
    .bind(limit)
    .execute(tx.conn())
    .await?
    .rows_affected())
}
