//! Which clinics have something that the service must do by itself: kept too long, left in flight,
//! ended. Only ids come back; the work is done in a transaction of each clinic.

use uuid::Uuid;

use super::{DbError, PgPool};
use crate::domain::OrgId;

/// What may be overdue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overdue {
    /// Payloads of events and texts of messages, older than the clinic's retention.
    Payloads,
    /// Patients of appointments, and notes, older than the clinic's retention.
    Patients,
    /// Bookings of unknown outcome, and cancelled ones whose event is still in the calendar, that nobody
    /// has looked at for this many seconds; and what ended ones owe that nobody is at.
    Appointments { seconds: i32 },
    /// What was said in calls, who called, and whom that was told, older than the clinic's retention.
    Calls,
    /// Payloads and answers of events out, older than the clinic's retention.
    Deliveries,
    /// Endpoints whose address is not sealed yet, and drafts of their forms that have expired.
    Endpoints,
    /// Drafts that have expired, and versions that were out of use for this many days.
    Credentials { days: i32 },
    /// Messages that have been `sending`, and tool calls that have been `running`, for this many seconds.
    Messages { seconds: i32 },
    /// Webhook secrets that verify no more; those of disconnected clinics after this many days.
    Secrets { days: i32 },
    /// Assistants at Vapi that nobody has looked at for this many hours.
    Assistants { hours: i32 },
    /// Counts of what machines did, older than this many days.
    Counts { days: i32 },
}

/// Clinics with something overdue, in the order of their ids, after a given one.
pub async fn list(pool: &PgPool, what: Overdue, after: OrgId, limit: i32) -> Result<Vec<OrgId>, DbError> {
    // Where there is no span, the clinic's own retention says it.
    let (sql, span) = match what {
        Overdue::Payloads => ("select * from list_overdue_payloads($1, $2) where $3::integer is null", None),
        Overdue::Patients => ("select * from list_overdue_patients($1, $2) where $3::integer is null", None),
        Overdue::Calls => ("select * from list_overdue_calls($1, $2) where $3::integer is null", None),
        Overdue::Deliveries => {
            ("select * from list_overdue_deliveries($1, $2) where $3::integer is null", None)
        }
        Overdue::Endpoints => {
            ("select * from list_untended_endpoints($1, $2) where $3::integer is null", None)
        }
        Overdue::Appointments { seconds } => {
            ("select * from list_open_appointments($3, $1, $2)", Some(seconds))
        }
        Overdue::Credentials { days } => ("select * from list_overdue_credentials($3, $1, $2)", Some(days)),
        Overdue::Messages { seconds } => ("select * from list_stuck_messages($3, $1, $2)", Some(seconds)),
        Overdue::Secrets { days } => ("select * from list_ended_secrets($3, $1, $2)", Some(days)),
        Overdue::Assistants { hours } => ("select * from list_unensured($3, $1, $2)", Some(hours)),
        Overdue::Counts { days } => ("select * from list_old_counts($3, $1, $2)", Some(days)),
    };
    let ids: Vec<Uuid> = sqlx::query_scalar(sql).bind(after.0).bind(limit).bind(span).fetch_all(pool).await?;
    Ok(ids.into_iter().map(OrgId).collect())
}
