//! Calendars: the list, free and busy times, events under identifiers of the client's own.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::super::state::{Shared, now_iso};
use super::world::StandInCalendar;
use super::{Answer, SharedState, error, sign_in};

/// Scopes by method, in their short names.
const LIST: &[&str] =
    &["calendar", "calendar.calendarlist", "calendar.calendarlist.readonly", "calendar.readonly"];
const FREE_BUSY: &[&str] =
    &["calendar", "calendar.events.freebusy", "calendar.freebusy", "calendar.readonly"];
const WRITE: &[&str] = &["calendar", "calendar.app.created", "calendar.events", "calendar.events.owned"];

fn not_found() -> Response {
    error(StatusCode::NOT_FOUND, "notFound", "Not Found")
}

fn invalid(message: &str) -> Response {
    error(StatusCode::BAD_REQUEST, "invalid", message)
}

pub(super) async fn list(State(shared): SharedState, headers: HeaderMap) -> Answer {
    let token = sign_in(&shared, &headers, LIST)?;
    let calendars = shared.read(|world| {
        world.google.account(&token.account).map(|account| account.calendars.clone()).unwrap_or_default()
    });
    let items: Vec<Value> = calendars
        .iter()
        .map(|one| {
            let mut item = json!({
                "kind": "calendar#calendarListEntry",
                "id": one.id,
                "summary": one.summary,
                "timeZone": one.time_zone,
                "accessRole": one.access_role,
                "selected": true,
            });
            if one.primary {
                item["primary"] = true.into();
            }
            item
        })
        .collect();
    Ok(Json(json!({ "kind": "calendar#calendarList", "items": items })).into_response())
}

fn time_of(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

pub(super) async fn free_busy(
    State(shared): SharedState,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Answer {
    let token = sign_in(&shared, &headers, FREE_BUSY)?;
    let (Some(from), Some(until)) = (time_of(&body["timeMin"]), time_of(&body["timeMax"])) else {
        return Err(invalid("Bad Request"));
    };
    if from >= until {
        let message = "The specified time range is empty.";
        return Err(error(StatusCode::BAD_REQUEST, "timeRangeEmpty", message));
    }
    let asked = body["items"].as_array().cloned().unwrap_or_default();
    if asked.len() > 50 {
        return Err(invalid("Too many calendars requested."));
    }
    let calendars: Map<String, Value> = shared.change(|world| {
        let mut account = world.google.account_mut(&token.account);
        let mut of = |id: &str| match account.as_mut().and_then(|account| account.calendar(id)) {
            None => json!({ "errors": [{ "domain": "global", "reason": "notFound" }], "busy": [] }),
            Some(StandInCalendar { busy_error: Some(reason), .. }) => {
                json!({ "errors": [{ "domain": "global", "reason": reason }], "busy": [] })
            }
            Some(calendar) => json!({ "busy": busy(calendar, from, until) }),
        };
        asked.iter().filter_map(|item| item["id"].as_str()).map(|id| (id.to_owned(), of(id))).collect()
    });
    let answer = json!({
        "kind": "calendar#freeBusy", "timeMin": from.to_string(), "timeMax": until.to_string(), "calendars": calendars,
    });
    Ok(Json(answer).into_response())
}

fn busy(calendar: &StandInCalendar, from: Timestamp, until: Timestamp) -> Vec<Value> {
    let span =
        |event: &Value| Some((time_of(&event["start"]["dateTime"])?, time_of(&event["end"]["dateTime"])?));
    let counts = |event: &&Value| event["status"] != "cancelled" && event["transparency"] != "transparent";
    let spans = calendar.events.iter().filter(counts).filter_map(span);
    let mut spans: Vec<(Timestamp, Timestamp)> =
        spans.filter(|(start, end)| *start < until && *end > from).collect();
    spans.sort_unstable();
    // As at Google, what touches or overlaps is one span.
    let mut joined: Vec<(Timestamp, Timestamp)> = Vec::new();
    for (start, end) in spans {
        match joined.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => joined.push((start, end)),
        }
    }
    let shown =
        |(start, end): (Timestamp, Timestamp)| json!({ "start": start.to_string(), "end": end.to_string() });
    joined.into_iter().map(shown).collect()
}

/// Looks for a calendar that may be written and lets something be done with its events.
fn change(
    shared: &Shared,
    headers: &HeaderMap,
    calendar: &str,
    act: impl FnOnce(&mut StandInCalendar) -> Answer,
) -> Answer {
    let token = sign_in(shared, headers, WRITE)?;
    shared.change(|world| {
        let account = world.google.account_mut(&token.account);
        let Some(calendar) = account.and_then(|account| account.calendar(calendar)) else {
            return Err(not_found());
        };
        if !matches!(calendar.access_role.as_str(), "owner" | "writer") {
            let message = "You need to have writer access to this calendar.";
            return Err(error(StatusCode::FORBIDDEN, "requiredAccessLevel", message));
        }
        act(calendar)
    })
}

fn place(calendar: &StandInCalendar, event: &str) -> Result<usize, Response> {
    calendar.events.iter().position(|known| known["id"] == event).ok_or_else(not_found)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventsQuery {
    time_min: Option<Timestamp>,
    time_max: Option<Timestamp>,
}

pub(super) async fn list_events(
    State(shared): SharedState,
    headers: HeaderMap,
    Path(calendar): Path<String>,
    Query(query): Query<EventsQuery>,
) -> Answer {
    change(&shared, &headers, &calendar, |calendar| {
        let lies_within = |event: &&Value| {
            let times = (time_of(&event["start"]["dateTime"]), time_of(&event["end"]["dateTime"]));
            let (Some(start), Some(end)) = times else { return true };
            event["status"] != "cancelled"
                && query.time_max.is_none_or(|until| start < until)
                && query.time_min.is_none_or(|from| end > from)
        };
        let items: Vec<&Value> = calendar.events.iter().filter(lies_within).collect();
        Ok(Json(json!({ "kind": "calendar#events", "items": items })).into_response())
    })
}

pub(super) async fn insert(
    State(shared): SharedState,
    headers: HeaderMap,
    Path(calendar): Path<String>,
    Json(mut event): Json<Value>,
) -> Answer {
    change(&shared, &headers, &calendar, |calendar| {
        let id = event["id"].as_str().map_or_else(|| Uuid::new_v4().simple().to_string(), str::to_owned);
        let is_valid = (5..=1024).contains(&id.len())
            && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'v'));
        if !is_valid {
            return Err(invalid("Invalid resource id value."));
        }
        let times = (time_of(&event["start"]["dateTime"]), time_of(&event["end"]["dateTime"]));
        if !matches!(times, (Some(start), Some(end)) if start < end) {
            return Err(invalid("The specified time range is empty."));
        }
        if calendar.events.iter().any(|known| known["id"] == id.as_str()) {
            let message = "The requested identifier already exists.";
            return Err(error(StatusCode::CONFLICT, "duplicate", message));
        }
        event["id"] = id.clone().into();
        event["kind"] = "calendar#event".into();
        event["status"] = "confirmed".into();
        event["iCalUID"] = format!("{id}@google.com").into();
        event["created"] = now_iso().into();
        calendar.events.push(event.clone());
        Ok(Json(event).into_response())
    })
}

pub(super) async fn show(
    State(shared): SharedState,
    headers: HeaderMap,
    Path((calendar, event)): Path<(String, String)>,
) -> Answer {
    change(&shared, &headers, &calendar, |calendar| {
        let at = place(calendar, &event)?;
        Ok(Json(calendar.events[at].clone()).into_response())
    })
}

pub(super) async fn patch(
    State(shared): SharedState,
    headers: HeaderMap,
    Path((calendar, event)): Path<(String, String)>,
    Json(changes): Json<Map<String, Value>>,
) -> Answer {
    change(&shared, &headers, &calendar, |calendar| {
        let at = place(calendar, &event)?;
        for (key, value) in changes {
            calendar.events[at][key] = value;
        }
        Ok(Json(calendar.events[at].clone()).into_response())
    })
}

pub(super) async fn delete(
    State(shared): SharedState,
    headers: HeaderMap,
    Path((calendar, event)): Path<(String, String)>,
) -> Answer {
    change(&shared, &headers, &calendar, |calendar| {
        let at = place(calendar, &event)?;
        if calendar.events[at]["status"] == "cancelled" {
            return Err(error(StatusCode::GONE, "deleted", "Resource has been deleted"));
        }
        calendar.events[at]["status"] = "cancelled".into();
        Ok(StatusCode::NO_CONTENT.into_response())
    })
}
