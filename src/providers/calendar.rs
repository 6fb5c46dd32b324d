//! What every calendar can do, whoever provides it: say when somebody is busy, take an appointment,
//! give it back. Which times are offered is decided in `calls`.

use async_trait::async_trait;
use jiff::Timestamp;

use super::report::Explanation;

/// A span of time that is taken: from its start to just before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Busy {
    pub start: Timestamp,
    pub end: Timestamp,
}

/// An appointment on its way into a calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// Ours: the same booking has the same one, so that a second try finds the first.
    pub id: String,
    pub summary: String,
    pub description: String,
    pub start: Timestamp,
    pub end: Timestamp,
    /// The clinic's time zone, as in the tz database.
    pub time_zone: String,
}

/// How an insert ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted {
    Made,
    /// An earlier try had made it already.
    WasThere,
}

/// Why a calendar did not do what it should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    /// Nobody could tell: neither free nor taken may be said.
    #[error("the calendar could not be asked")]
    Unreachable(Explanation),
    /// The calendar refused; somebody of the clinic has to do something.
    #[error("the calendar refused")]
    Refused(Explanation),
    /// The access token is of no use any more. A caller with a newer one may try once again.
    #[error("the calendar does not take the access token")]
    SignedOut(Explanation),
    /// The event of this identifier was cancelled before: the booking needs a new identifier.
    #[error("the event was cancelled")]
    Cancelled,
}

/// A calendar of a clinic, or several that are looked at together.
#[async_trait]
pub trait CalendarProvider: Send + Sync {
    /// The taken times between two moments, of all of the clinic's calendars together. One calendar
    /// that cannot be read makes the whole answer an error: a gap must never look free. The times of the
    /// events that are set aside, by their identifiers, do not count, but for what something else takes of them.
    async fn list_busy(
        &self,
        from: Timestamp,
        until: Timestamp,
        aside: &[String],
    ) -> Result<Vec<Busy>, CalendarError>;

    /// Puts an event into the calendar for bookings. Safe to repeat.
    async fn insert(&self, event: &NewEvent) -> Result<Inserted, CalendarError>;

    /// Whether an event of this identifier is there and was not cancelled.
    async fn has(&self, id: &str) -> Result<bool, CalendarError>;

    /// Takes an event out again. One that is gone already is no error.
    async fn delete(&self, id: &str) -> Result<(), CalendarError>;
}
