//! Appointments: a `pending` row is committed before the calendar is asked, the result after it.
//!
//! Two bookings of one time can not both get their row: whoever books holds the clinic's lock while it
//! looks and inserts. A lock and no constraint, since what the calendar says about a booked time counts
//! and not what we remember of it: the clinic's people move and delete events there.

use time::OffsetDateTime;
use uuid::Uuid;

use super::owed::{OWED_SECONDS, Owed};
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
    /// How often the calendar was looked at in vain.
    pub looks: i32,
    pub reason: Option<String>,
    pub created_at: OffsetDateTime,
    pub updated_at: OffsetDateTime,
}

pub(super) const COLUMNS: &str =
    "id, call_id, ended_call_id, service, practitioner, starts_at, ends_at, status, sealed_patient, patient_mask, replaces,
    must_release, looks, reason, created_at, updated_at";

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
    pub practitioner: Option<String>,
    pub starts_at: OffsetDateTime,
    pub ends_at: OffsetDateTime,
    /// Since its last change, by the database's clock.
    pub seconds: f64,
}

/// Rows that take a part of a span of time: those that are pending, and those that were booked a moment
/// ago. An appointment with somebody takes that person's time; one with nobody in particular everybody's.
pub async fn list_claimed(
    tx: &mut OrgTx,
    from: OffsetDateTime,
    until: OffsetDateTime,
    except: Option<Uuid>,
    practitioner: Option<&str>,
) -> Result<Vec<Claimed>, DbError> {
    Ok(sqlx::query_as(
        "select id, call_id, status, practitioner, starts_at, ends_at,
                extract(epoch from clock_timestamp() - updated_at)::float8 as seconds
           from appointments
          where starts_at < $2 and ends_at > $1 and id is distinct from $3
            and ($5::text is null or practitioner is null or practitioner = $5)
            and (status = 'pending'
                 or (status = 'booked' and updated_at > clock_timestamp() - make_interval(secs => $4)))
          order by starts_at limit 500",
    )
    .bind(from)
    .bind(until)
    .bind(except)
    .bind(FRESH_SECONDS)
    .bind(practitioner)
    .fetch_all(tx.conn())
    .await?)
}

/// Appointments in a span of time that are with somebody else than a practitioner.
pub async fn list_of_others(
    tx: &mut OrgTx,
    from: OffsetDateTime,
    until: OffsetDateTime,
    practitioner: &str,
) -> Result<Vec<Uuid>, DbError> {
    Ok(sqlx::query_scalar(
        "select id from appointments
          where starts_at < $2 and ends_at > $1 and status in ('booked', 'pending') and practitioner <> $3
          order by starts_at limit 2000",
    )
    .bind(from)
    .bind(until)
    .bind(practitioner)
    .fetch_all(tx.conn())
    .await?)
}

/// Whether a call has booked this very time already, however long ago.
pub async fn is_booked_by_call(
    tx: &mut OrgTx,
    call_id: &str,
    starts_at: OffsetDateTime,
    service: &str,
) -> Result<bool, DbError> {
    Ok(sqlx::query_scalar(
        "select exists (select 1 from appointments
                         where starts_at = $2 and call_id = $1 and service = $3 and status = 'booked')",
    )
    .bind(call_id)
    .bind(starts_at)
    .bind(service)
    .fetch_one(tx.conn())
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

/// How a pending appointment ends.
#[derive(Clone, Copy, Debug)]
pub enum End<'a> {
    Booked,
    /// Why, for people. `must_release` where its event is in the calendar all the same.
    Failed {
        reason: &'a str,
        must_release: bool,
    },
}

/// Ends a pending appointment, and writes down what it owes from then on: a confirmation, or a note to the
/// team. Whoever ends it has [`OWED_SECONDS`] to see to that. Returns the number of that claim; none where
/// somebody has ended the appointment already.
pub async fn finish(tx: &mut OrgTx, id: Uuid, end: &End<'_>) -> Result<Option<i32>, DbError> {
    let (status, owed, reason, must_release) = match end {
        End::Booked => ("booked", Owed::Confirmation, None, false),
        End::Failed { reason, must_release } => ("failed", Owed::FollowUp, Some(*reason), *must_release),
    };
    Ok(sqlx::query_scalar(
        "update appointments set status = $2, reason = $3, must_release = $4, looks = 0, updated_at = clock_timestamp(),
                owed = $5, owed_at = clock_timestamp() + make_interval(secs => $6), owed_claims = owed_claims + 1
          where id = $1 and status = 'pending' returning owed_claims",
    )
    .bind(id)
    .bind(status)
    .bind(reason)
    .bind(must_release)
    .bind(owed.as_str())
    .bind(OWED_SECONDS)
    .fetch_optional(tx.conn())
    .await?)
}

/// Holds a pending appointment until the transaction ends; none where it is not pending.
pub async fn lock_pending(tx: &mut OrgTx, id: Uuid) -> Result<Option<AppointmentRow>, DbError> {
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "select {COLUMNS} from appointments where id = $1 and status = 'pending' for update"
    )))
    .bind(id)
    .fetch_optional(tx.conn())
    .await?)
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
        "update appointments set status = 'cancelled', must_release = true, looks = 0, reason = $2, ended_call_id = $3,
                owed = null,
                updated_at = clock_timestamp()
          where id = $1 and status = 'booked' returning {COLUMNS}"
    )))
    .bind(id)
    .bind(reason)
    .bind(call_id)
    .fetch_optional(tx.conn())
    .await?)
}

/// Notes that the event of a cancelled appointment is out of the calendar, or is not waited for any more.
/// False where that was noted before.
pub async fn mark_released(tx: &mut OrgTx, id: Uuid) -> Result<bool, DbError> {
    let done = sqlx::query("update appointments set must_release = false where id = $1 and must_release")
        .bind(id)
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Notes that an open appointment was looked at in vain, so that it comes after the others, and later each
/// time.
pub async fn put_off(tx: &mut OrgTx, id: Uuid) -> Result<(), DbError> {
    sqlx::query(
        "update appointments set updated_at = clock_timestamp(), looks = looks + 1
          where id = $1 and (status = 'pending' or must_release)",
    )
    .bind(id)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Bookings of unknown outcome, and cancelled ones whose event is still there, that nobody has looked at
/// for so many seconds: twice as many after each look in vain, up to five minutes while somebody waits to
/// hear of a booking, and two hours where an event is to go. The gate that names clinics counts alike.
pub async fn list_open(tx: &mut OrgTx, seconds: f64, limit: i64) -> Result<Vec<AppointmentRow>, DbError> {
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "select {COLUMNS} from appointments
          where (status = 'pending' or must_release)
            and updated_at <= clock_timestamp() - make_interval(secs =>
                least($1 * power(2, least(looks, 12)), case when status = 'pending' then 300 else 7200 end))
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

/// The latest appointment that a call has made, whatever became of it.
pub async fn find_of_call(tx: &mut OrgTx, call_id: &str) -> Result<Option<AppointmentRow>, DbError> {
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "select {COLUMNS} from appointments where call_id = $1 and call_id <> '' order by created_at desc limit 1"
    )))
    .bind(call_id)
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

/// A list of appointments; on from behind one of them where that is named.
pub async fn list(
    tx: &mut OrgTx,
    which: Which,
    now: OffsetDateTime,
    limit: i64,
    behind: Option<Uuid>,
) -> Result<Vec<AppointmentRow>, DbError> {
    let (filter, is_latest_first) = match which {
        Which::Upcoming => ("status in ('booked', 'pending') and ends_at >= $1", false),
        Which::Past => ("status in ('booked', 'pending') and ends_at < $1", true),
        Which::Cancelled => ("status = 'cancelled' and $1::timestamptz is not null", true),
    };
    let (than, order) = if is_latest_first { ("<", "desc") } else { (">", "asc") };
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "select {COLUMNS} from appointments
          where {filter}
            and ($3::uuid is null
                 or (starts_at, id) {than} (select b.starts_at, b.id from appointments b where b.id = $3))
          order by starts_at {order}, id {order} limit $2"
    )))
    .bind(now)
    .bind(limit)
    .bind(behind)
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
