//! `/dashboard/webhooks`: the clinic's endpoints with how each of them does; and the page of one.
//!
//! The list is made of four statements, each of which reads one table by one index: the endpoints (200 at
//! most), the clinic's time zone, the counts by the hour, and the deliveries that are not done. They are not
//! one: where the range begins depends on the time zone, and a join of the other three would multiply rows
//! that have nothing to do with each other. Members cost one more, for whom to ask.

use std::collections::BTreeMap;

use axum::extract::{Path, Query};
use axum::response::Html;
use jiff::civil::DateTime;
use serde::Deserialize;
use serde_json::Value;

use super::analytics::tally;
use super::attempts::line as attempt_line;
use crate::app::NavItem;
use crate::app::components::chart::spark::Day;
use crate::app::pages::webhooks::endpoint::{EndpointPanel, EndpointView, SecretLine, endpoint_page};
use crate::app::pages::webhooks::endpoints::{EndpointLine, EndpointsView, endpoints_page};
use crate::app::pages::webhooks::form::{EndpointForm, KeptView};
use crate::app::pages::webhooks::words::{EndpointState, HOME, Unfinished};
use crate::db::analytics::{self, Recent};
use crate::db::attempts::{self, AttemptFilter};
use crate::db::endpoints::{self as rows, EndpointRow};
use crate::db::{deliveries, organizations};
use crate::domain::event_kinds::EVENT_KINDS;
use crate::http::error::HttpError;
use crate::http::pages::{Page, millis};
use crate::http::range::{Range, RangeQuery, civil};
use crate::integrations::endpoints::{self, Address, drafts};
use crate::webhooks::target::{host_of, masked_address};

/// Tries on the page of an endpoint.
const NEWEST: i64 = 100;
/// Days in the small picture of a row.
const SPARK_DAYS: usize = 30;

/// What the address says.
#[derive(Debug, Deserialize)]
pub struct EndpointsQuery {
    #[serde(default)]
    range: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
    #[serde(default)]
    panel: String,
}

/// `GET /dashboard/webhooks`
pub async fn list(mut page: Page, Query(query): Query<EndpointsQuery>) -> Result<Html<String>, HttpError> {
    let may_ask = page.may_ask().await?;
    let endpoints = rows::list(&mut page.tx).await?;
    let zone = organizations::find(&mut page.tx).await?.time_zone;
    let asked = RangeQuery { range: query.range, from: query.from, to: query.to };
    let range = Range::choose(&asked, page.state.services.clock.now(), &zone, "30d");
    let mut sums = crate::db::analytics::Sums::default();
    let recent: BTreeMap<_, Recent> =
        analytics::list_recent(&mut page.tx, &range.span(None)).await?.into_iter().collect();
    for one in recent.values() {
        sums.add(&one.all);
    }
    let unfinished = unfinished(deliveries::count_unfinished(&mut page.tx, None).await?);
    let places = places(&range);
    let now = page.now();
    let nothing = Recent::default();
    let lines = endpoints
        .iter()
        .map(|row| {
            let recent = recent.get(&row.id).unwrap_or(&nothing);
            EndpointLine {
                name: row.workflow_name.clone(),
                host: host(row),
                description: row.description.clone(),
                state: state(row, now),
                tally: tally(&recent.all),
                last_called_at: row.last_called_at.map(millis),
                days: days(recent, &places),
            }
        })
        .collect();
    let can_configure = page.can_connect();
    let panel = match query.panel == "new" && can_configure {
        true => Some(form(&mut page, None, String::new()).await?),
        false => None,
    };
    let view = EndpointsView {
        org: page.scope.org,
        now,
        can_configure,
        may_ask,
        range: range.view(HOME, Vec::new()),
        tally: tally(&sums),
        unfinished,
        endpoints: lines,
        panel,
    };
    page.draw("Webhooks", NavItem::Webhooks, || endpoints_page(view)).await
}

/// What the address of one endpoint says.
#[derive(Debug, Default, Deserialize)]
pub struct PanelQuery {
    #[serde(default)]
    panel: String,
}

/// `GET /dashboard/webhooks/endpoints/{name}`
pub async fn show(
    Path(name): Path<String>,
    page: Page,
    Query(query): Query<PanelQuery>,
) -> Result<Html<String>, HttpError> {
    draw(page, &name, &query.panel, None).await
}

/// The page of an endpoint; a secret that was just made is shown on it once.
pub async fn draw(
    mut page: Page,
    name: &str,
    panel: &str,
    fresh_secret: Option<String>,
) -> Result<Html<String>, HttpError> {
    let may_ask = page.may_ask().await?;
    let row = rows::find_by_name(&mut page.tx, name).await?.ok_or_else(HttpError::not_found)?;
    let secrets = rows::list_secrets(&mut page.tx, row.id).await?;
    let zone = organizations::find(&mut page.tx).await?.time_zone;
    let range = Range::choose(&RangeQuery::default(), page.state.services.clock.now(), &zone, "30d");
    let recent = analytics::list_recent(&mut page.tx, &range.span(Some(row.id))).await?;
    let recent = recent.into_iter().next().map(|(_, recent)| recent).unwrap_or_default();
    let filter = AttemptFilter { endpoint: Some(row.id), limit: NEWEST, ..AttemptFilter::default() };
    let newest = attempts::list(&mut page.tx, &filter).await?;
    let unfinished = unfinished(deliveries::count_unfinished(&mut page.tx, Some(row.id)).await?);
    let can_configure = page.can_connect();
    let address = endpoints::address(&page.state.services, &page.scope, &row).await?;
    let panel = match panel {
        "edit" if can_configure => {
            // One that nobody may see or read stays as it is where its field is left empty.
            let stored = match &address {
                Address::Whole(address) => address.expose().to_owned(),
                Address::Masked(_) => String::new(),
            };
            Some(EndpointPanel::Edit(Box::new(form(&mut page, Some(&row), stored).await?)))
        }
        "delete" if can_configure => Some(EndpointPanel::Delete),
        _ => None,
    };
    let now = page.now();
    let view = EndpointView {
        org: page.scope.org,
        now,
        can_configure,
        may_ask,
        url: match &address {
            Address::Whole(address) => address.expose().to_owned(),
            Address::Masked(_) => host(&row),
        },
        is_sheet: row.destination != "url",
        state: state(&row, now),
        headers: masked(&row.auth_hint.0),
        created_at: millis(row.created_at),
        last_called_at: row.last_called_at.map(millis),
        tally: tally(&recent.all),
        days: days(&recent, &places(&range)),
        unfinished,
        secrets: secrets
            .into_iter()
            .map(|secret| SecretLine {
                hint: secret.hint,
                created_at: millis(secret.created_at),
                ends_at: secret.not_after.map(millis),
            })
            .collect(),
        fresh_secret,
        samples: EVENT_KINDS.iter().map(|kind| (kind.name, kind.when)).collect(),
        attempts: newest.into_iter().map(attempt_line).collect(),
        panel,
        name: row.workflow_name,
        description: row.description,
        events: row.events,
        created_by: row.created_by,
        last_error: row.last_error,
    };
    let title = view.name.clone();
    page.draw(&title, NavItem::Webhooks, || endpoint_page(view)).await
}

/// The form as it is stored, or as it was typed where that was not right: what is secret of it waits as a
/// draft.
async fn form(
    page: &mut Page,
    row: Option<&EndpointRow>,
    address: String,
) -> Result<EndpointForm, HttpError> {
    let is_typed = page.said.form == "endpoint";
    let id = page.said.values.get("draft").filter(|_| is_typed).and_then(|id| id.parse().ok());
    let draft = match id {
        Some(id) => {
            let services = &page.state.services;
            drafts::find(&mut page.tx, services, &page.scope, row.map(|row| row.id), id).await?.zip(Some(id))
        }
        None => None,
    };
    let typed = draft.as_ref().and_then(|(draft, _)| draft.address.as_ref());
    let kept = draft.as_ref().filter(|(draft, _)| draft.has_secrets()).map(|(draft, id)| {
        let (bearer, headers) = draft.hints();
        KeptView { draft: id.to_string(), bearer, headers }
    });
    let word = |key: &str, stored: &str| {
        page.said.values.get(key).filter(|_| is_typed).cloned().unwrap_or_else(|| stored.to_owned())
    };
    let wanted = |kind: &str| match (is_typed, row) {
        (true, _) => page.said.values.contains_key(&format!("event:{kind}")),
        (false, Some(row)) => row.events.iter().any(|one| one == kind),
        (false, None) => false,
    };
    Ok(EndpointForm {
        org: page.scope.org,
        stored: row.map(|row| row.workflow_name.clone()),
        destination: match row {
            Some(row) if row.destination == "url" => String::new(),
            Some(row) => row.destination.clone(),
            None => word("destination", ""),
        },
        name: word("workflowName", row.map_or("", |row| row.workflow_name.as_str())),
        url: match typed {
            Some(typed) => typed.expose().to_owned(),
            // Emptied by whoever typed the rest.
            None if kept.is_some() => String::new(),
            None => address,
        },
        description: word("description", row.map_or("", |row| row.description.as_str())),
        kinds: EVENT_KINDS.iter().map(|kind| (kind.name, kind.when, wanted(kind.name))).collect(),
        headers: row.map(|row| masked(&row.auth_hint.0)).unwrap_or_default(),
        errors: if is_typed { page.said.errors.clone() } else { Vec::new() },
        kept,
        removes_headers: is_typed && page.said.values.contains_key("removeHeaders"),
        has_lost_secret: is_typed && page.said.values.contains_key("lostSecret"),
    })
}

/// What a row says about whether something is sent.
pub fn state(row: &EndpointRow, now: i64) -> EndpointState {
    let until = row.blocked_until.map(millis).filter(|until| *until > now);
    match (row.is_active, row.disabled_reason.as_deref(), until) {
        (true, _, Some(until)) => {
            EndpointState::Resting { until, is_asked: row.blocked_reason.as_deref() == Some("throttled") }
        }
        (true, ..) => EndpointState::Active,
        (false, None, _) => EndpointState::Paused,
        (false, Some(reason), _) => EndpointState::SwitchedOff { is_gone: reason == "gone" },
    }
}

/// The host of an endpoint's address, whose path is a secret.
pub fn host(row: &EndpointRow) -> String {
    host_of(&masked_address(&row.target))
}

/// Names and masked values of what is sent along.
pub fn masked(hint: &Value) -> Vec<(String, String)> {
    let pairs = hint.as_object().into_iter().flatten();
    pairs.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
}

pub fn unfinished(found: deliveries::Unfinished) -> Unfinished {
    Unfinished {
        waiting: found.pending.unsigned_abs(),
        dead: found.dead.unsigned_abs(),
        parked: found.parked.unsigned_abs(),
    }
}

/// The newest places of a range, as many as a small picture shows.
fn places(range: &Range) -> Vec<DateTime> {
    let places: Vec<DateTime> = range.places().into_iter().map(|(at, _)| at).collect();
    places[places.len().saturating_sub(SPARK_DAYS)..].to_vec()
}

fn days(recent: &Recent, places: &[DateTime]) -> Vec<Day> {
    let by_place: BTreeMap<_, _> =
        recent.steps.iter().map(|(at, sums)| (civil(*at), (sums.succeeded, sums.failed))).collect();
    places.iter().map(|at| by_place.get(at).copied().unwrap_or_default()).collect()
}
