//! Free and busy times of several calendars, and appointments under identifiers of our own.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};
use url::Url;

use super::super::super::answer::quote;
use super::super::super::calendar::{Busy, CalendarError, CalendarProvider, Inserted, NewEvent};
use super::super::super::egress::Body;
use super::super::super::{answer::Unexpected, below};
use super::super::explain::CALENDAR;
use super::super::{GoogleClient, GoogleError};
use super::CalendarChoice;
use super::aside::{EventList, ListedEvent, set_aside};
use super::records::{CalendarEntry, CalendarList, EventRecord, FreeBusy};

/// A list longer than this many pages is cut: nobody has five thousand calendars.
const MOST_PAGES: usize = 20;
/// Google asks for free times of two months at most; a wider question is asked in parts.
const MOST_DAYS: i64 = 59;

/// The calendars of a clinic at Google.
pub struct GoogleCalendar<'a> {
    pub client: GoogleClient<'a>,
    pub choice: CalendarChoice,
}

fn calendar_url(client: &GoogleClient<'_>, segments: &[&str]) -> Url {
    let mut path = vec!["calendar", "v3"];
    path.extend(segments);
    below(client.base, &path)
}

/// All calendars of the account.
pub async fn list_calendars(client: &GoogleClient<'_>) -> Result<Vec<CalendarEntry>, GoogleError> {
    let (mut all, mut page_token) = (Vec::new(), None::<String>);
    for _ in 0..MOST_PAGES {
        let mut url = calendar_url(client, &["users", "me", "calendarList"]);
        url.query_pairs_mut().append_pair("maxResults", "250");
        if let Some(token) = &page_token {
            url.query_pairs_mut().append_pair("pageToken", token);
        }
        let page: CalendarList = client.read(url, "/users/me/calendarList").await?;
        all.extend(page.items);
        page_token = page.next_page_token;
        if page_token.is_none() {
            break;
        }
    }
    Ok(all)
}

/// What one calendar said about its free times.
pub type BusyOf = Result<Vec<Busy>, GoogleError>;

/// The taken times of each calendar. Google answers 200 although a calendar could not be read: such
/// a one has an error here, and a calendar that the answer leaves out has one as well.
pub async fn free_busy(
    client: &GoogleClient<'_>,
    calendars: &[&str],
    from: Timestamp,
    until: Timestamp,
) -> Result<BTreeMap<String, BusyOf>, GoogleError> {
    let items: Vec<Value> = calendars.iter().map(|id| json!({ "id": id })).collect();
    let body = json!({ "timeMin": from.to_string(), "timeMax": until.to_string(), "items": items });
    let url = calendar_url(client, &["freeBusy"]);
    let mut answer: FreeBusy = client.write(Method::POST, url, "/freeBusy", &body).await?;
    let read = |id: &&str| {
        let found = match answer.calendars.remove(*id) {
            None => Err(GoogleError::Unexpected(Unexpected::OtherShape)),
            Some(one) => match one.errors.first() {
                Some(error) => Err(error_of_one(&error.reason)),
                None => Ok(one.busy.iter().map(|span| Busy { start: span.start, end: span.end }).collect()),
            },
        };
        ((*id).to_owned(), found)
    };
    Ok(calendars.iter().map(read).collect())
}

fn error_of_one(reason: &str) -> GoogleError {
    match reason {
        "notFound" => GoogleError::NotFound,
        "forbidden" | "requiredAccessLevel" => GoogleError::Forbidden { reason: quote(reason) },
        "groupTooBig" | "tooManyCalendarsRequested" => GoogleError::Invalid { message: quote(reason) },
        "rateLimitExceeded" | "userRateLimitExceeded" => GoogleError::Throttled { retry_after: None },
        // What Google does not explain says nothing about the calendar.
        _ => GoogleError::Unavailable { status: 200 },
    }
}

impl GoogleCalendar<'_> {
    fn event_url(&self, event: Option<&str>) -> Url {
        let mut segments = vec!["calendars", self.choice.calendar.as_str(), "events"];
        segments.extend(event);
        calendar_url(&self.client, &segments)
    }

    /// The same for a change, of which Google tells nobody.
    fn change_url(&self, event: Option<&str>) -> Url {
        let mut url = self.event_url(event);
        url.query_pairs_mut().append_pair("sendUpdates", "none");
        url
    }

    /// The events between two moments, each repetition for itself.
    async fn list_events(&self, from: Timestamp, until: Timestamp) -> Result<Vec<ListedEvent>, GoogleError> {
        let (mut all, mut page_token) = (Vec::new(), None::<String>);
        for _ in 0..MOST_PAGES {
            let mut url = self.event_url(None);
            url.query_pairs_mut()
                .append_pair("timeMin", &from.to_string())
                .append_pair("timeMax", &until.to_string())
                .append_pair("singleEvents", "true")
                .append_pair("maxResults", "250");
            if let Some(token) = &page_token {
                url.query_pairs_mut().append_pair("pageToken", token);
            }
            let page: EventList = self.client.read(url, "/calendars/{id}/events").await?;
            all.extend(page.items);
            page_token = page.next_page_token;
            if page_token.is_none() {
                return Ok(all);
            }
        }
        // Half of a list would make what the other half takes look free.
        Err(GoogleError::Unexpected(Unexpected::OtherShape))
    }

    /// What is there under an identifier that is taken: our own event from an earlier try, or one
    /// that was cancelled since.
    async fn find_status(&self, id: &str) -> Result<String, GoogleError> {
        let event: EventRecord =
            self.client.read(self.event_url(Some(id)), "/calendars/{id}/events/{id}").await?;
        Ok(event.status)
    }
}

/// Most errors are about the whole calendar; the caller says the rest.
pub(super) fn calendar_error(error: &GoogleError) -> CalendarError {
    let explanation = error.explain(&CALENDAR);
    match error {
        GoogleError::TokenRejected | GoogleError::GrantGone => CalendarError::SignedOut(explanation),
        error if error.is_undetermined() => CalendarError::Unreachable(explanation),
        _ => CalendarError::Refused(explanation),
    }
}

#[async_trait]
impl CalendarProvider for GoogleCalendar<'_> {
    async fn list_busy(
        &self,
        from: Timestamp,
        until: Timestamp,
        aside: &[String],
    ) -> Result<Vec<Busy>, CalendarError> {
        let calendars = self.choice.all();
        let (mut busy, mut own) = (Vec::new(), Vec::new());
        let mut start = from;
        while start < until {
            let end = start
                .checked_add(jiff::SignedDuration::from_hours(24 * MOST_DAYS))
                .map_or(until, |end| end.min(until));
            let answer = free_busy(&self.client, &calendars, start, end).await;
            for (calendar, times) in answer.map_err(|error| calendar_error(&error))? {
                let times = times.map_err(|error| calendar_error(&error))?;
                // Bookings stand in this one alone.
                if calendar == self.choice.calendar { own.extend(times) } else { busy.extend(times) }
            }
            start = end;
        }
        if !aside.is_empty() && !own.is_empty() {
            match self.list_events(from, until).await {
                Ok(events) => own = set_aside(&own, &events, aside),
                // Fewer times are offered, and none is promised twice.
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "own events could not be told apart"
                    )
                }
            }
        }
        busy.extend(own);
        busy.sort_unstable();
        Ok(busy)
    }

    async fn insert(&self, event: &NewEvent) -> Result<Inserted, CalendarError> {
        let time = |at: Timestamp| json!({ "dateTime": at.to_string(), "timeZone": event.time_zone });
        let body = json!({
            "id": event.id,
            "summary": event.summary,
            "description": event.description,
            "start": time(event.start),
            "end": time(event.end),
        });
        let url = self.change_url(None);
        let made = self.client.write::<EventRecord>(Method::POST, url, "/calendars/{id}/events", &body).await;
        match made {
            Ok(_) => Ok(Inserted::Made),
            Err(GoogleError::Duplicate) => match self.find_status(&event.id).await {
                Ok(status) if status == "cancelled" => Err(CalendarError::Cancelled),
                Ok(_) => Ok(Inserted::WasThere),
                Err(error) => Err(calendar_error(&error)),
            },
            // The answer was lost, not necessarily the event: looking tells.
            Err(error) if error.may_have_happened() => match self.find_status(&event.id).await {
                Ok(status) if status != "cancelled" => Ok(Inserted::WasThere),
                _ => Err(calendar_error(&error)),
            },
            Err(error) => Err(calendar_error(&error)),
        }
    }

    async fn has(&self, id: &str) -> Result<bool, CalendarError> {
        match self.find_status(id).await {
            Ok(status) => Ok(status != "cancelled"),
            Err(GoogleError::NotFound | GoogleError::Gone) => Ok(false),
            Err(error) => Err(calendar_error(&error)),
        }
    }

    async fn delete(&self, id: &str) -> Result<(), CalendarError> {
        let url = self.change_url(Some(id));
        match self.client.send(Method::DELETE, url, "/calendars/{id}/events/{id}", Body::Empty).await {
            Ok(_) | Err(GoogleError::Gone | GoogleError::NotFound) => Ok(()),
            Err(error) => Err(calendar_error(&error)),
        }
    }
}
