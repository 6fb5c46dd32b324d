//! `/dashboard/webhooks/deliveries`: deliveries by status, endpoint and day; and the page of one.

use axum::extract::{FromRequestParts, Path, Query, State};
use axum::http::request::Parts;
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::endpoints::unfinished;
use crate::app::NavItem;
use crate::app::pages::webhooks::deliveries::{
    ADDRESS, DeliveriesView, DeliveryLine, Filter, deliveries_page,
};
use crate::app::pages::webhooks::delivery::{Bodies, DeliveryView, TryView, delivery_page};
use crate::db::deliveries::{self as rows, AttemptRow, DeliveryFilter, DeliveryRow};
use crate::db::{endpoints, organizations};
use crate::http::error::HttpError;
use crate::http::extract::Visitor;
use crate::http::pages::{Page, millis};
use crate::http::range::{Range, RangeQuery};
use crate::integrations::endpoints::deliveries::{self, OpenedDelivery};
use crate::state::AppState;
use crate::webhooks::outbound::Payload;

/// Deliveries on one page.
const SHOWN: i64 = 100;

/// What the address says.
#[derive(Debug, Deserialize)]
pub struct DeliveriesQuery {
    #[serde(default)]
    range: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    endpoint: String,
    /// The last delivery of the page before.
    #[serde(default)]
    before: String,
}

/// `GET /dashboard/webhooks/deliveries`
pub async fn list(mut page: Page, Query(query): Query<DeliveriesQuery>) -> Result<Html<String>, HttpError> {
    let zone = organizations::find(&mut page.tx).await?.time_zone;
    let named = endpoints::list(&mut page.tx).await?;
    let endpoint = match query.endpoint.as_str() {
        "" => None,
        name => Some(named.iter().find(|row| row.workflow_name == name).ok_or_else(HttpError::not_found)?.id),
    };
    let status = Some(query.status.as_str())
        .filter(|status| matches!(*status, "pending" | "succeeded" | "dead" | "parked"))
        .unwrap_or_default()
        .to_owned();
    // What needs somebody is listed however old it is, unless days are asked for.
    let is_any_time = query.range.is_empty();
    let asked = RangeQuery { range: query.range, from: query.from, to: query.to };
    let range = Range::choose(&asked, page.state.services.clock.now(), &zone, "7d");
    let span = range.span(None);
    let filter = DeliveryFilter {
        endpoint,
        status: Some(status.clone()).filter(|status| !status.is_empty()),
        since: (!is_any_time).then_some(span.from),
        until: (!is_any_time).then_some(span.until),
        before: query.before.parse().ok(),
        limit: SHOWN,
    };
    let found = rows::list(&mut page.tx, &filter).await?;
    let counts = unfinished(rows::count_unfinished(&mut page.tx, endpoint).await?);
    let mut keep = vec![("status", status.clone())];
    if endpoint.is_some() {
        keep.push(("endpoint", query.endpoint.clone()));
    }
    let mut shown = range.view(ADDRESS, keep);
    if is_any_time {
        shown.chosen.clear();
    }
    let older_href = found.last().filter(|_| found.len() as i64 == SHOWN).map(|last| {
        let days = if is_any_time {
            String::new()
        } else {
            format!("&range={}&from={}&to={}", shown.chosen, shown.from, shown.to)
        };
        format!("{ADDRESS}?status={status}&endpoint={}{days}&before={}", query.endpoint, last.id)
    });
    let view = DeliveriesView {
        org: page.scope.org,
        now: page.now(),
        can_configure: page.can_connect(),
        range: shown,
        filter: Filter { status, endpoint: query.endpoint },
        unfinished: counts,
        endpoints: named.into_iter().map(|row| row.workflow_name).collect(),
        deliveries: found.into_iter().map(line).collect(),
        older_href,
    };
    page.draw("Deliveries", NavItem::Webhooks, || deliveries_page(view)).await
}

fn line(row: DeliveryRow) -> DeliveryLine {
    DeliveryLine {
        id: row.id,
        endpoint: row.workflow_name,
        kind: row.kind,
        status: row.status,
        attempts: u32::try_from(row.attempts).unwrap_or_default(),
        last_status: row.last_status.and_then(|code| u16::try_from(code).ok()),
        last_error: row.last_error,
        triggered_by: row.triggered_by,
        created_at: millis(row.created_at),
        next_attempt_at: row.next_attempt_at.map(millis),
    }
}

/// What the address of one delivery says.
#[derive(Debug, Default, Deserialize)]
pub struct BodiesQuery {
    #[serde(default)]
    bodies: String,
}

/// `GET /dashboard/webhooks/deliveries/{id}`. With `?bodies=open` an owner or admin sees what was sent
/// and answered, and that they did is recorded.
pub async fn show(
    State(state): State<AppState>,
    Path(id): Path<String>,
    Query(query): Query<BodiesQuery>,
    mut parts: Parts,
) -> Result<Response, HttpError> {
    let id: Uuid = id.parse().map_err(|_| HttpError::not_found())?;
    let mut opened = None;
    if query.bodies == "open" {
        // Before the page begins its own transaction: one request holds one connection.
        let visitor = Visitor::from_request_parts(&mut parts, &state).await?;
        if let Ok(caller) = visitor.caller(&state, None).await
            && caller.scope.role.may_configure()
        {
            opened = Some(deliveries::open(&state.services, &caller, id).await?);
        }
    }
    let mut page = match Page::from_request_parts(&mut parts, &state).await {
        Ok(page) => page,
        Err(answer) => return Ok(answer),
    };
    let may_ask = page.may_ask().await?;
    let (delivery, bodies, tries) = match opened {
        Some(OpenedDelivery { delivery, payload, attempts }) => {
            let tries = attempts.into_iter().map(|one| try_view(one.row, one.answer)).collect();
            (delivery, open_bodies(payload), tries)
        }
        None => {
            let delivery = rows::find(&mut page.tx, id).await?.ok_or_else(HttpError::not_found)?;
            let attempts = rows::list_attempts(&mut page.tx, id).await?;
            (delivery, Bodies::Closed, attempts.into_iter().map(|row| try_view(row, None)).collect())
        }
    };
    let view = view(&page, delivery, bodies, tries, may_ask);
    let answer = page.draw("Delivery", NavItem::Webhooks, || delivery_page(view)).await?;
    Ok(answer.into_response())
}

fn view(
    page: &Page,
    row: DeliveryRow,
    bodies: Bodies,
    tries: Vec<TryView>,
    may_ask: Option<String>,
) -> DeliveryView {
    DeliveryView {
        org: page.scope.org,
        now: page.now(),
        can_configure: page.can_connect(),
        can_open: page.can_configure(),
        may_ask,
        id: row.id,
        event: row.event_id,
        endpoint: row.workflow_name,
        kind: row.kind,
        status: row.status,
        replays: u32::try_from(row.rounds - 1).unwrap_or_default(),
        triggered_by: row.triggered_by,
        created_at: millis(row.created_at),
        next_attempt_at: row.next_attempt_at.map(millis),
        last_error: row.last_error,
        bodies,
        tries,
    }
}

fn open_bodies(payload: Option<Payload>) -> Bodies {
    let metadata = payload
        .as_ref()
        .filter(|payload| payload.metadata.as_object().is_some_and(|members| !members.is_empty()))
        .map(|payload| pretty(&payload.metadata));
    let payload = payload.map(|payload| match serde_json::from_str::<Value>(&payload.body) {
        Ok(value) => pretty(&value),
        Err(_) => payload.body,
    });
    Bodies::Open { payload, metadata }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

fn try_view(row: AttemptRow, answer: Option<String>) -> TryView {
    TryView {
        number: u32::try_from(row.number).unwrap_or_default(),
        outcome: row.outcome,
        status_code: row.status_code.and_then(|code| u16::try_from(code).ok()),
        millis: u32::try_from(row.millis).unwrap_or_default(),
        error: row.error,
        at: millis(row.attempted_at),
        sent_headers: headers(&row.request_headers.0),
        answer_headers: headers(&row.response_headers.0),
        answer,
        answer_bytes: u32::try_from(row.answer_bytes).unwrap_or_default(),
        is_emptied: row.emptied_at.is_some(),
    }
}

fn headers(value: &Value) -> Vec<(String, String)> {
    let pairs = value.as_object().into_iter().flatten();
    pairs.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
}
