//! Finding free appointments in a clinic's own calendar, and booking one.
//!
//! A calendar that cannot be asked is an answer of its own: neither "free" nor "full" is ever said on
//! a guess. A booking looks again before it writes, and writes under an identifier that is made from
//! the booking, so that trying again finds what an earlier try has made.

use std::time::Duration;

use jiff::SignedDuration;
use uuid::Uuid;

use super::clinic::moment;
use super::incidents;
use super::slots::{self, Schedule, Slot, Wish};
use crate::db::{DbError, OrgTx, appointments};
use crate::domain::clinic_plan::Practitioner;
use crate::domain::{OrgId, ProviderId, Use};
use crate::integrations::tokens::{self, Access};
use crate::integrations::{IntegrationError, connect::bulkhead};
use crate::providers::Deadline;
use crate::providers::calendar::{CalendarError, CalendarProvider, Inserted, NewEvent};
use crate::providers::google::GoogleClient;
use crate::providers::google::calendar::{CalendarChoice, GoogleCalendar, event_id};
use crate::providers::report::Explanation;
use crate::state::Services;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    Slots(Vec<Slot>),
    /// The calendar was read, and nothing is free.
    Full,
    /// Nobody knows what is free.
    Unavailable(Unavailable),
}

/// Why a calendar could not be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unavailable {
    /// For the people of the clinic; callers hear a sentence of the tools.
    pub why: Explanation,
    /// Whether trying later may help, without anybody doing anything.
    pub is_passing: bool,
}

/// An appointment to be booked.
#[derive(Clone, Debug)]
pub struct Booking {
    pub id: Uuid,
    pub slot: Slot,
    pub summary: String,
    pub description: String,
    /// The time of an own appointment that this one takes the place of: what it takes does not count.
    pub instead_of: Option<Slot>,
    /// Bookings with somebody else, whose events take nothing.
    pub aside: Vec<Uuid>,
}

fn events_of(bookings: &[Uuid]) -> Vec<String> {
    bookings.iter().map(|booking| event_id(*booking)).collect()
}

/// How long a look may take before something is written: somebody waits, and what was not written can
/// be said to be so.
const LOOK: Duration = Duration::from_millis(2500);

/// How a booking ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Booked {
    /// It stands in the calendar under this identifier.
    Done { event: String, how: Inserted },
    /// Somebody was faster, or it does not lie within the hours.
    Taken,
    /// The booking was cancelled in the calendar since: a new one needs an id of its own.
    Cancelled,
    /// Nobody knows whether it is free; surely nothing was written.
    Unavailable(Unavailable),
    /// Nobody knows whether it was written. Trying again with the same id is safe.
    Unknown(Unavailable),
}

/// Finds free appointments in the clinic's calendar. The events of the bookings that are set aside are with
/// somebody else and take nothing.
///
/// # Errors
/// Where there is no calendar to ask: not connected, paused, refused at its last check.
pub async fn find_slots(
    services: &Services,
    org: OrgId,
    schedule: &Schedule,
    wish: &Wish,
    aside: &[Uuid],
    deadline: Deadline,
) -> Result<Found, IntegrationError> {
    let aside = &events_of(aside);
    match with_calendar(services, org, deadline, &Find { schedule, wish, aside }).await? {
        Ok(slots) if slots.is_empty() => Ok(Found::Full),
        Ok(slots) => Ok(Found::Slots(slots)),
        Err(unavailable) => Ok(Found::Unavailable(unavailable)),
    }
}

/// The bookings between two moments that are with somebody else: they do not take this one's time. None where it
/// does not matter who does it, since then everybody's time counts.
pub(super) async fn of_others(
    services: &Services,
    org: OrgId,
    (from, until): (jiff::Timestamp, jiff::Timestamp),
    practitioner: Option<&Practitioner>,
) -> Result<Vec<Uuid>, DbError> {
    let Some(person) = practitioner else { return Ok(Vec::new()) };
    let mut tx = OrgTx::service(&services.pool, org).await?;
    let rows = appointments::list_of_others(&mut tx, moment(from), moment(until), &person.name).await?;
    tx.commit().await?;
    Ok(rows)
}

/// Books an appointment: looks again, then writes.
///
/// # Errors
/// As [`find_slots`].
pub async fn book(
    services: &Services,
    org: OrgId,
    schedule: &Schedule,
    wish: &Wish,
    booking: &Booking,
    deadline: Deadline,
) -> Result<Booked, IntegrationError> {
    match with_calendar(services, org, deadline, &Write { schedule, wish, booking }).await? {
        Ok(booked) => Ok(booked),
        Err(unavailable) => Ok(Booked::Unavailable(unavailable)),
    }
}

/// Frees the time of a booking again.
///
/// # Errors
/// As [`find_slots`].
pub async fn cancel(
    services: &Services,
    org: OrgId,
    booking: Uuid,
    deadline: Deadline,
) -> Result<Result<(), Unavailable>, IntegrationError> {
    with_calendar(services, org, deadline, &Delete(event_id(booking))).await
}

/// Whether the event of a booking stands in the calendar.
///
/// # Errors
/// As [`find_slots`].
pub async fn is_there(
    services: &Services,
    org: OrgId,
    booking: Uuid,
    deadline: Deadline,
) -> Result<Result<bool, Unavailable>, IntegrationError> {
    with_calendar(services, org, deadline, &Has(event_id(booking))).await
}

/// Something to be done with a calendar. A trait and no closure: what runs in a task of its own must be
/// known to be able to.
trait Act: Sync {
    type Out: Send;
    /// What the card says that the calendar was used for.
    const USE: Use = Use::Booking;

    fn run(
        &self,
        calendar: &dyn CalendarProvider,
    ) -> impl Future<Output = Result<Self::Out, CalendarError>> + Send;
}

struct Find<'a> {
    schedule: &'a Schedule,
    wish: &'a Wish,
    aside: &'a [String],
}

impl Act for Find<'_> {
    type Out = Vec<Slot>;
    const USE: Use = Use::FreeTimes;

    async fn run(&self, calendar: &dyn CalendarProvider) -> Result<Self::Out, CalendarError> {
        find_in(calendar, self.schedule, self.wish, self.aside).await
    }
}

struct Write<'a> {
    schedule: &'a Schedule,
    wish: &'a Wish,
    booking: &'a Booking,
}

impl Act for Write<'_> {
    type Out = Booked;

    async fn run(&self, calendar: &dyn CalendarProvider) -> Result<Self::Out, CalendarError> {
        book_in(calendar, self.schedule, self.wish, self.booking).await
    }
}

struct Has(String);

impl Act for Has {
    type Out = bool;

    async fn run(&self, calendar: &dyn CalendarProvider) -> Result<Self::Out, CalendarError> {
        calendar.has(&self.0).await
    }
}

struct Delete(String);

impl Act for Delete {
    type Out = ();

    async fn run(&self, calendar: &dyn CalendarProvider) -> Result<Self::Out, CalendarError> {
        calendar.delete(&self.0).await
    }
}

async fn find_in(
    calendar: &dyn CalendarProvider,
    schedule: &Schedule,
    wish: &Wish,
    aside: &[String],
) -> Result<Vec<Slot>, CalendarError> {
    let midnight = |day: jiff::civil::Date| {
        day.to_zoned_datetime(schedule.time_zone.clone())
            .map(|zoned| zoned.timestamp())
            .unwrap_or(wish.not_before)
    };
    let until = midnight(wish.last_day.saturating_add(jiff::Span::new().days(1)));
    let from = midnight(wish.first_day).max(wish.not_before);
    if from >= until {
        return Ok(Vec::new());
    }
    // What ends just before the first appointment still counts with its buffers.
    let wide = |at: jiff::Timestamp, by: SignedDuration| at.checked_add(by).unwrap_or(at);
    let busy =
        calendar.list_busy(wide(from, -wish.buffer_before), wide(until, wish.buffer_after), aside).await?;
    Ok(slots::find(schedule, wish, &busy))
}

async fn book_in(
    calendar: &dyn CalendarProvider,
    schedule: &Schedule,
    wish: &Wish,
    booking: &Booking,
) -> Result<Booked, CalendarError> {
    let Booking { id, slot, summary, description, instead_of, aside } = booking;
    let aside = events_of(aside);
    let event = NewEvent {
        id: event_id(*id),
        summary: summary.clone(),
        description: description.clone(),
        start: slot.start,
        end: slot.end,
        time_zone: schedule.time_zone.iana_name().unwrap_or("UTC").to_owned(),
    };
    let wide = |at: jiff::Timestamp, by: SignedDuration| at.checked_add(by).unwrap_or(at);
    let from = wide(slot.start, -wish.buffer_before);
    let until = wide(slot.end, wish.buffer_after);
    let looked = tokio::time::timeout(LOOK, calendar.list_busy(from, until, &aside)).await;
    let mut busy = looked.map_err(|_| CalendarError::Unreachable(late().why))??;
    if let Some(own) = instead_of {
        busy = slots::without(&busy, own);
    }
    if !slots::fits(schedule, wish, slot, &busy) {
        // An earlier try of this very booking may be what takes the time.
        let is_own = slots::fits(schedule, wish, slot, &[]) && calendar.has(&event.id).await?;
        return Ok(if is_own {
            Booked::Done { event: event.id, how: Inserted::WasThere }
        } else {
            Booked::Taken
        });
    }
    match calendar.insert(&event).await {
        Ok(how) => Ok(Booked::Done { event: event.id, how }),
        Err(CalendarError::Cancelled) => Ok(Booked::Cancelled),
        // From here on it may stand in the calendar although nobody heard of it.
        Err(CalendarError::Unreachable(why)) => Ok(Booked::Unknown(Unavailable { why, is_passing: true })),
        Err(error) => Err(error),
    }
}

/// Lets something be done with the clinic's calendar, and notes where it stands in the way.
async fn with_calendar<A: Act>(
    services: &Services,
    org: OrgId,
    deadline: Deadline,
    act: &A,
) -> Result<Result<A::Out, Unavailable>, IntegrationError> {
    const ID: ProviderId = ProviderId::GoogleCalendar;
    let done = ask_calendar(services, org, deadline, act).await;
    let trouble = match &done {
        Ok(Ok(_)) => {
            incidents::close_later(services, org, ID);
            None
        }
        Ok(Err(unavailable)) => Some(incidents::of_calendar(ID, unavailable)),
        Err(error) => incidents::of_error(ID, error),
    };
    if let Some(trouble) = trouble {
        incidents::note(services, org, &trouble).await;
    }
    done
}

/// An access token that the calendar rejects is renewed once.
async fn ask_calendar<A: Act>(
    services: &Services,
    org: OrgId,
    deadline: Deadline,
    act: &A,
) -> Result<Result<A::Out, Unavailable>, IntegrationError> {
    let opened = services.vault.open::<CalendarChoice>(org).await?;
    // A refresh goes on in its own task when the caller's time is over.
    let in_time = |time: Duration| time.max(Duration::from_millis(1));
    let access =
        match tokio::time::timeout(in_time(deadline.remaining()), tokens::access(services, org)).await {
            Ok(Ok(access)) => access,
            Ok(Err(error)) => return unavailable_or_error(error),
            Err(_) => return Ok(Err(late())),
        };
    let choice = &opened.credentials;
    let mut result = run_with(services, org, deadline, choice, &access, act).await;
    if matches!(result, Err(CalendarError::SignedOut(_))) {
        match tokens::access_after(services, org, &access).await {
            Ok(access) => result = run_with(services, org, deadline, choice, &access, act).await,
            Err(error) => return unavailable_or_error(error),
        }
    }
    Ok(match result {
        Ok(value) => {
            services.uses.integration(org, opened.integration_id, A::USE);
            Ok(value)
        }
        Err(CalendarError::Unreachable(why)) => Err(Unavailable { why, is_passing: true }),
        Err(CalendarError::Refused(why) | CalendarError::SignedOut(why)) => {
            Err(Unavailable { why, is_passing: false })
        }
        Err(CalendarError::Cancelled) => Err(late()),
    })
}

async fn run_with<A: Act>(
    services: &Services,
    org: OrgId,
    deadline: Deadline,
    choice: &CalendarChoice,
    access: &Access,
    act: &A,
) -> Result<A::Out, CalendarError> {
    let client = GoogleClient {
        egress: &services.egress,
        base: &services.bases.google_api,
        token: &access.token,
        bulkhead: bulkhead(org, ProviderId::GoogleCalendar),
        deadline,
    };
    act.run(&GoogleCalendar { client, choice: choice.clone() }).await
}

fn late() -> Unavailable {
    let why = Explanation::of(
        "Google Calendar did not answer in time.",
        "Try again in a moment.",
        "https://www.google.com/appsstatus/dashboard/",
    );
    Unavailable { why, is_passing: true }
}

/// Without a token nobody knows what is free; without a consent there is nothing to ask.
fn unavailable_or_error<T>(error: tokens::TokenError) -> Result<Result<T, Unavailable>, IntegrationError> {
    const ID: ProviderId = ProviderId::GoogleCalendar;
    match error {
        error @ (tokens::TokenError::Google(_) | tokens::TokenError::Busy) => {
            Ok(Err(Unavailable { why: error.explain(ID), is_passing: true }))
        }
        other => Err(other.of(ID)),
    }
}
