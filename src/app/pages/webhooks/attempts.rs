//! Tries in a list: the newest of an endpoint on its page, all of a clinic within a range of days here.

use leptos::prelude::*;
use uuid::Uuid;

use super::range::{RangeRow, RangeView};
use super::words::{HOME, delivery_href, endpoint_href, outcome_words};
use crate::app::components::badge::Badge;
use crate::app::components::button::ButtonLink;
use crate::app::components::chart::scale::millis;
use crate::app::components::empty::Empty;
use crate::app::components::page_header::PageHeader;
use crate::app::components::table::{Cell, Row, RowHead, Table};
use crate::app::components::time::Ago;
use crate::app::icons::IconName;
use crate::app::relative::UnixMillis;
use crate::domain::card::Meaning;

pub const ADDRESS: &str = "/dashboard/webhooks/attempts";

/// What the page shows.
#[derive(Clone, Debug)]
pub struct AttemptsView {
    pub now: UnixMillis,
    pub range: RangeView,
    /// Only those that failed; where the other choice leads.
    pub is_failed: bool,
    pub other_href: String,
    /// Newest first.
    pub attempts: Vec<AttemptLine>,
    pub older_href: Option<String>,
}

/// One try.
#[derive(Clone, Debug)]
pub struct AttemptLine {
    pub delivery: Uuid,
    pub endpoint: String,
    pub kind: String,
    pub number: u32,
    /// `succeeded`, `timeout` and so on.
    pub outcome: String,
    pub status_code: Option<u16>,
    pub millis: u32,
    pub error: Option<String>,
    pub triggered_by: String,
    pub at: UnixMillis,
}

/// The page.
pub fn attempts_page(view: AttemptsView) -> impl IntoView {
    let AttemptsView { now, range, is_failed, other_href, attempts, older_href } = view;
    let list = if attempts.is_empty() {
        view! {
            <Empty
                icon=IconName::Send
                title="No tries in these days"
                text="Each time that an endpoint is told of something, the try is listed here with its answer."
            />
        }
        .into_any()
    } else {
        view! { <AttemptTable attempts now /> }.into_any()
    };
    view! {
        <PageHeader title="Tries" lead="Each time that an endpoint was told of something, newest first.">
            <ButtonLink href=other_href label=if is_failed { "Show all tries" } else { "Only failed tries" } />
            <ButtonLink href=HOME label="Endpoints" />
        </PageHeader>
        <RangeRow range />
        {list}
        {older_href.map(|href| view! { <p><ButtonLink href label="Older tries" /></p> })}
    }
}

/// Tries, each with the way to its delivery.
#[component]
pub fn AttemptTable(attempts: Vec<AttemptLine>, now: UnixMillis) -> impl IntoView {
    let rows = attempts.into_iter().map(|line| row(line, now)).collect_view();
    view! {
        <Table caption="Tries" columns=vec!["Event", "Endpoint", "Outcome", "Time", "When", ""]>
            {rows}
        </Table>
    }
}

fn row(line: AttemptLine, now: UnixMillis) -> impl IntoView {
    let meaning = if line.outcome == "succeeded" { Meaning::Works } else { Meaning::Broken };
    let word = match line.status_code {
        Some(code) => code.to_string(),
        None => outcome_words(&line.outcome),
    };
    let nth = if line.number > 1 { format!("try {}, ", line.number) } else { String::new() };
    let label = format!("Open the delivery of {} to {}", line.kind, line.endpoint);
    let (endpoint, delivery) = (endpoint_href(&line.endpoint), delivery_href(line.delivery));
    view! {
        <Row>
            <RowHead>
                <code>{line.kind}</code>
                <span class="second">{format!("{nth}by {}", line.triggered_by)}</span>
            </RowHead>
            <Cell label="Endpoint">
                <a href=endpoint>{line.endpoint}</a>
            </Cell>
            <Cell label="Outcome">
                <Badge meaning text=word />
                {line.error.map(|error| view! { <span class="second">{error}</span> })}
            </Cell>
            <Cell label="Time" class="cell-tight numbers">{millis(f64::from(line.millis))}</Cell>
            <Cell label="When" class="cell-tight">
                <Ago now at=line.at />
            </Cell>
            <Cell label="" class="cell-actions">
                <ButtonLink href=delivery label="Open" full_label=label />
            </Cell>
        </Row>
    }
}
