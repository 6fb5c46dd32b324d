//! `/dashboard/webhooks/analytics`: how telling endpoints went, over a range of days.

use std::collections::BTreeMap;

use axum::extract::Query;
use axum::response::Html;
use serde::Deserialize;
use uuid::Uuid;

use crate::app::NavItem;
use crate::app::components::chart::heat::HeatCell;
use crate::app::pages::webhooks::analytics::{ADDRESS, AnalyticsView, Place, Slow, analytics_page};
use crate::app::pages::webhooks::words::Tally;
use crate::db::analytics::{self, Analytics, Step, Sums};
use crate::db::endpoints::EndpointRow;
use crate::db::{endpoints, organizations};
use crate::http::error::HttpError;
use crate::http::pages::Page;
use crate::http::range::{Range, RangeQuery, civil};

/// Endpoints in the list of the slowest.
const SLOWEST: usize = 8;

/// What the address says.
#[derive(Debug, Deserialize)]
pub struct AnalyticsQuery {
    #[serde(default)]
    range: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
    /// An endpoint's id; empty for all.
    #[serde(default)]
    endpoint: String,
}

/// The page.
pub async fn show(mut page: Page, Query(query): Query<AnalyticsQuery>) -> Result<Html<String>, HttpError> {
    let endpoint: Option<Uuid> = match query.endpoint.as_str() {
        "" => None,
        id => Some(id.parse().map_err(|_| HttpError::not_found())?),
    };
    let named = endpoints::list(&mut page.tx).await?;
    if endpoint.is_some_and(|id| named.iter().all(|row| row.id != id)) {
        return Err(HttpError::not_found());
    }
    let zone = organizations::find(&mut page.tx).await?.time_zone;
    let asked = RangeQuery { range: query.range, from: query.from, to: query.to };
    let range = Range::choose(&asked, page.state.services.clock.now(), &zone, "7d");
    let found = analytics::summarize(&mut page.tx, &range.span(endpoint)).await?;
    let view = view(&range, endpoint, &named, found);
    page.draw("Webhook analytics", NavItem::Webhooks, || analytics_page(view)).await
}

/// Sums as a page shows them.
pub fn tally(sums: &Sums) -> Tally {
    Tally {
        delivered: sums.succeeded,
        failed: sums.failed,
        average: sums.average(),
        p50: sums.percentile(0.5),
        p95: sums.percentile(0.95),
    }
}

fn view(range: &Range, endpoint: Option<Uuid>, named: &[EndpointRow], found: Analytics) -> AnalyticsView {
    let keep = endpoint.map(|id| ("endpoint", id.to_string())).into_iter().collect();
    let by_step: BTreeMap<_, _> = found.steps.iter().map(|(at, sums)| (civil(*at), tally(sums))).collect();
    let places = range
        .places()
        .into_iter()
        .map(|(at, label)| Place { label, tally: by_step.get(&at).copied().unwrap_or_default() })
        .collect();
    AnalyticsView {
        range: range.view(ADDRESS, keep),
        endpoint,
        endpoints: named.iter().map(|row| (row.id, row.workflow_name.clone())).collect(),
        tally: tally(&found.all),
        place: if range.step() == Step::Hour { "Hour" } else { "Day" },
        places,
        causes: found.failures,
        slowest: slowest(&found.endpoints, named),
        week: week(&found.week),
    }
}

/// The slowest endpoints by p95. One that was deleted is named by its id: its tries stay.
fn slowest(found: &[(Uuid, Sums)], named: &[EndpointRow]) -> Vec<Slow> {
    let mut all: Vec<Slow> = found
        .iter()
        .map(|(id, sums)| {
            let row = named.iter().find(|row| row.id == *id);
            Slow {
                is_there: row.is_some(),
                name: row.map_or_else(|| format!("deleted ({id})"), |row| row.workflow_name.clone()),
                tally: tally(sums),
                slowest: u64::try_from(sums.millis_most).unwrap_or_default(),
            }
        })
        .collect();
    let p95 = |slow: &Slow| slow.tally.p95.unwrap_or_default();
    all.sort_by(|a, b| p95(b).total_cmp(&p95(a)));
    all.truncate(SLOWEST);
    all
}

fn week(found: &[(i32, i32, Sums)]) -> [[HeatCell; 24]; 7] {
    let mut cells = [[HeatCell::default(); 24]; 7];
    for (weekday, hour, sums) in found {
        let day = usize::try_from(weekday - 1).ok().and_then(|day| cells.get_mut(day));
        let cell = day.and_then(|hours| hours.get_mut(usize::try_from(*hour).unwrap_or(usize::MAX)));
        if let Some(cell) = cell {
            *cell = HeatCell { total: sums.attempts(), failed: sums.failed };
        }
    }
    cells
}
