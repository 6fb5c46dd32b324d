//! How telling endpoints went over a range of days: figures, and charts that say when, how fast and why
//! not.

use leptos::prelude::*;
use uuid::Uuid;

use super::range::{RangeRow, RangeView};
use super::words::{Figures, Tally, outcome_words};
use crate::app::components::button::{ButtonLink, Submit};
use crate::app::components::chart::Look;
use crate::app::components::chart::bars::{Bar, BarChart, Bars};
use crate::app::components::chart::heat::{DAYS, Heat, HeatCell, HeatMap};
use crate::app::components::chart::line::{LineChart, Lines, Series};
use crate::app::components::chart::scale::{Unit, count, millis};
use crate::app::components::page_header::PageHeader;
use crate::app::islands::chart_tips::ChartTips;

/// What the page shows.
#[derive(Clone, Debug)]
pub struct AnalyticsView {
    pub range: RangeView,
    /// The one endpoint that the numbers are about; all where there is none.
    pub endpoint: Option<Uuid>,
    /// Endpoints to choose among, by name.
    pub endpoints: Vec<(Uuid, String)>,
    pub tally: Tally,
    /// "Hour" or "Day".
    pub place: &'static str,
    pub places: Vec<Place>,
    /// Most frequent first.
    pub causes: Vec<(String, u64)>,
    /// Slowest first.
    pub slowest: Vec<Slow>,
    pub week: [[HeatCell; 24]; 7],
}

/// An hour or a day of the range.
#[derive(Clone, Debug)]
pub struct Place {
    pub label: String,
    pub tally: Tally,
}

/// How slow an endpoint is.
#[derive(Clone, Debug)]
pub struct Slow {
    pub name: String,
    /// Deleted endpoints have no page.
    pub is_there: bool,
    pub tally: Tally,
    /// The longest try, in milliseconds.
    pub slowest: u64,
}

pub const ADDRESS: &str = "/dashboard/webhooks/analytics";

/// The page.
pub fn analytics_page(view: AnalyticsView) -> impl IntoView {
    let words = view.range.words();
    let over_time = counts(&view, &words);
    let trend = trend(&view);
    let causes = causes(&view);
    let slowest = slowest(&view);
    let week = week(view.week, &words);
    view! {
        <PageHeader title="Webhook analytics" lead="How telling your endpoints went, try by try.">
            <ButtonLink href="/dashboard/webhooks" label="Endpoints" />
        </PageHeader>
        <RangeRow range=view.range.clone() />
        {choose(&view)}
        <section class="section" aria-labelledby="figures-title">
            <h2 class="visually-hidden" id="figures-title">"Figures"</h2>
            <Figures tally=view.tally />
        </section>
        <section class="section" aria-labelledby="charts-title">
            <h2 class="visually-hidden" id="charts-title">"Charts"</h2>
            <div class="charts">
                <Lines chart=over_time />
                <Lines chart=trend />
                <Bars chart=causes />
                <Bars chart=slowest />
            </div>
            <Heat map=week />
            <p class="soft chart-note">
                "Numbers are kept by the hour. Percentiles come from counts by response time, so each lies within the bounds of its class: at most half of its value away from the exact one."
            </p>
        </section>
        <ChartTips />
    }
}

/// Which endpoint the numbers are about.
fn choose(view: &AnalyticsView) -> Option<impl IntoView + use<>> {
    let chosen = view.endpoint;
    let range = &view.range;
    let is_custom = range.chosen == "custom";
    let (from, to) = (range.from.clone(), range.to.clone());
    let dates = is_custom.then(|| {
        view! {
            <input type="hidden" name="from" value=from />
            <input type="hidden" name="to" value=to />
        }
    });
    let options = view
        .endpoints
        .iter()
        .map(|(id, name)| {
            view! {
                <option value=id.to_string() selected=chosen == Some(*id)>
                    {name.clone()}
                </option>
            }
        })
        .collect_view();
    (view.endpoints.len() > 1 || chosen.is_some()).then(|| {
        view! {
            <form class="range-form" method="get" action=ADDRESS>
                <input type="hidden" name="range" value=range.chosen.clone() />
                {dates}
                <label for="endpoint-choice">"Endpoint"</label>
                <select class="input" id="endpoint-choice" name="endpoint">
                    <option value="">"All endpoints"</option>
                    {options}
                </select>
                <Submit label="Show" />
            </form>
        }
    })
}

fn counts(view: &AnalyticsView, words: &str) -> LineChart {
    let tally = view.tally;
    let is_empty = tally.total() == 0;
    let value = |number: u64| (!is_empty).then_some(number as f64);
    let summary = if is_empty {
        format!("No tries in {words}.")
    } else {
        format!("{} of {} tries were taken: {}.", count(tally.delivered), count(tally.total()), tally.rate())
    };
    LineChart {
        id: "over-time",
        title: "Successful and failed",
        summary,
        place: view.place,
        places: view.places.iter().map(|place| place.label.clone()).collect(),
        unit: Unit::Count,
        series: vec![
            Series {
                name: "Successful",
                look: Look::Works,
                values: view.places.iter().map(|place| value(place.tally.delivered)).collect(),
            },
            Series {
                name: "Failed",
                look: Look::Broken,
                values: view.places.iter().map(|place| value(place.tally.failed)).collect(),
            },
        ],
        empty: "Nothing was sent in these days.",
    }
}

fn trend(view: &AnalyticsView) -> LineChart {
    let summary = match (view.tally.p50, view.tally.p95) {
        (Some(p50), Some(p95)) => {
            format!("Half of all tries took {} at most, 95 of 100 took {} at most.", millis(p50), millis(p95))
        }
        _ => "No response times.".to_owned(),
    };
    let line = |name, look, value: fn(&Tally) -> Option<f64>| Series {
        name,
        look,
        values: view.places.iter().map(|place| value(&place.tally)).collect(),
    };
    LineChart {
        id: "trend",
        title: "Response time",
        summary,
        place: view.place,
        places: view.places.iter().map(|place| place.label.clone()).collect(),
        unit: Unit::Millis,
        series: vec![
            line("p50", Look::First, |tally| tally.p50),
            line("p95", Look::Second, |tally| tally.p95),
        ],
        empty: "Nothing was sent in these days.",
    }
}

fn causes(view: &AnalyticsView) -> BarChart {
    let failed: u64 = view.causes.iter().map(|(_, number)| number).sum();
    let summary = match view.causes.first() {
        Some((cause, number)) => format!(
            "{} failed tries; most often: {} ({}).",
            count(failed),
            outcome_words(cause),
            count(*number)
        ),
        None => "No failed tries.".to_owned(),
    };
    BarChart {
        id: "causes",
        title: "Errors by cause",
        summary,
        columns: ["Cause", "Tries"],
        unit: Unit::Count,
        look: Look::Broken,
        bars: view
            .causes
            .iter()
            .map(|(cause, number)| Bar {
                label: outcome_words(cause),
                note: None,
                href: None,
                value: *number as f64,
            })
            .collect(),
        empty: "No try failed.",
    }
}

fn slowest(view: &AnalyticsView) -> BarChart {
    let summary = match view.slowest.first() {
        Some(slow) => format!("By p95; the slowest is {}.", slow.name),
        None => "No response times.".to_owned(),
    };
    BarChart {
        id: "slowest",
        title: "Slowest endpoints",
        summary,
        columns: ["Endpoint", "p95"],
        unit: Unit::Millis,
        look: Look::First,
        bars: view
            .slowest
            .iter()
            .map(|slow| Bar {
                label: slow.name.clone(),
                note: Some(format!(
                    "{} tries, the longest {}",
                    count(slow.tally.total()),
                    millis(slow.slowest as f64)
                )),
                href: slow.is_there.then(|| format!("/dashboard/webhooks/endpoints/{}", slow.name)),
                value: slow.tally.p95.unwrap_or_default(),
            })
            .collect(),
        empty: "Nothing was sent in these days.",
    }
}

fn week(cells: [[HeatCell; 24]; 7], words: &str) -> HeatMap {
    let busiest = cells
        .iter()
        .zip(DAYS)
        .flat_map(|(hours, day)| hours.iter().enumerate().map(move |(hour, cell)| (cell.total, day, hour)))
        .max_by_key(|(total, ..)| *total)
        .filter(|(total, ..)| *total > 0);
    let summary = match busiest {
        Some((total, day, hour)) => {
            format!("Busiest in {words}: {day} from {hour:02}:00, with {} tries.", count(total))
        }
        None => format!("No tries in {words}."),
    };
    HeatMap {
        id: "week",
        title: "Hours of the week",
        summary,
        cells,
        empty: "Nothing was sent in these days.",
    }
}
