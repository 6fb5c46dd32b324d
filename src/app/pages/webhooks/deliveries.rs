//! Deliveries: one event for one endpoint each, with what became of it; and the console for those that
//! need somebody.

use leptos::prelude::*;
use uuid::Uuid;

use super::range::{RangeRow, RangeView};
use super::words::{HOME, Unfinished, counted, delivery_href, endpoint_href, status_words};
use crate::app::components::badge::{Badge, meaning_class, meaning_icon};
use crate::app::components::button::{ButtonLink, OrgField, PostButton, Submit};
use crate::app::components::empty::Empty;
use crate::app::components::page_header::PageHeader;
use crate::app::components::table::{Cell, Row, RowHead, Table};
use crate::app::components::time::Ago;
use crate::app::icons::{Icon, IconName};
use crate::app::islands::live_region::LiveRegion;
use crate::app::relative::UnixMillis;
use crate::domain::OrgId;

pub const ADDRESS: &str = "/dashboard/webhooks/deliveries";

/// What the page shows.
#[derive(Clone, Debug)]
pub struct DeliveriesView {
    pub org: OrgId,
    pub now: UnixMillis,
    pub can_configure: bool,
    pub range: RangeView,
    pub filter: Filter,
    pub unfinished: Unfinished,
    /// Names of the endpoints to choose among.
    pub endpoints: Vec<String>,
    /// Newest first.
    pub deliveries: Vec<DeliveryLine>,
    pub older_href: Option<String>,
}

/// Which deliveries are listed.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// `dead`, `parked`, `pending`, `succeeded`; empty for all.
    pub status: String,
    /// An endpoint's name; empty for all.
    pub endpoint: String,
}

/// One delivery.
#[derive(Clone, Debug)]
pub struct DeliveryLine {
    pub id: Uuid,
    pub endpoint: String,
    pub kind: String,
    pub status: String,
    pub attempts: u32,
    pub last_status: Option<u16>,
    pub last_error: Option<String>,
    pub triggered_by: String,
    pub created_at: UnixMillis,
    pub next_attempt_at: Option<UnixMillis>,
}

/// The page.
pub fn deliveries_page(view: DeliveriesView) -> impl IntoView {
    let DeliveriesView {
        org,
        now,
        can_configure,
        range,
        filter,
        unfinished,
        endpoints,
        deliveries,
        older_href,
    } = view;
    let is_console = matches!(filter.status.as_str(), "dead" | "parked");
    let replay =
        (is_console && can_configure && !deliveries.is_empty()).then(|| replay_all(org, &range, &filter));
    let list = if deliveries.is_empty() {
        view! {
            <Empty
                icon=IconName::Inbox
                title="No deliveries here"
                text="Nothing matches. Choose another status, endpoint or range of days."
            />
        }
        .into_any()
    } else {
        let rows = deliveries.into_iter().map(|line| row(line, org, now, can_configure)).collect_view();
        view! {
            <Table
                caption="Deliveries"
                columns=vec!["Event", "Endpoint", "Status", "Tries", "Since", ""]
            >
                {rows}
            </Table>
        }
        .into_any()
    };
    view! {
        <PageHeader title="Deliveries" lead="One event for one endpoint each, and what became of it.">
            <ButtonLink href=HOME label="Endpoints" />
        </PageHeader>
        {statuses(&filter, unfinished)}
        <RangeRow range=range.clone() />
        {choose_endpoint(&range, &filter, endpoints)}
        {replay}
        <LiveRegion topics="deliveries".to_owned() org=org.to_string()>
            <div data-live-body="">{list}</div>
        </LiveRegion>
        {older_href.map(|href| view! { <p><ButtonLink href label="Older deliveries" /></p> })}
    }
}

/// The statuses as filters, with how many there are of those that are not done.
fn statuses(filter: &Filter, unfinished: Unfinished) -> impl IntoView + use<> {
    let numbers = [
        ("", None),
        ("dead", Some(unfinished.dead)),
        ("parked", Some(unfinished.parked)),
        ("pending", Some(unfinished.waiting)),
        ("succeeded", None),
    ];
    let endpoint = match filter.endpoint.as_str() {
        "" => String::new(),
        name => format!("&endpoint={name}"),
    };
    let links = numbers
        .map(|(status, number)| {
            let current = (filter.status == status).then_some("true");
            let (word, meaning) = status_words(status);
            let (word, class, icon) = if status.is_empty() {
                ("All", "count", None)
            } else {
                (word, meaning_class(meaning), Some(meaning_icon(meaning)))
            };
            let class = if status.is_empty() { class.to_owned() } else { format!("count {class}") };
            view! {
                <li>
                    <a class=class href=format!("{ADDRESS}?status={status}{endpoint}") aria-current=current>
                        {icon.map(|name| view! { <Icon name /> })}
                        <span>{word}</span>
                        {number.map(|number| view! { <strong>{counted(number)}</strong> })}
                    </a>
                </li>
            }
        })
        .collect_view();
    view! {
        <nav class="strip" aria-label="Status">
            <ul>{links}</ul>
        </nav>
    }
}

fn choose_endpoint(range: &RangeView, filter: &Filter, names: Vec<String>) -> Option<impl IntoView + use<>> {
    let chosen = filter.endpoint.clone();
    let status = filter.status.clone();
    let kept = (!range.chosen.is_empty()).then(|| {
        let (word, from, to) = (range.chosen.clone(), range.from.clone(), range.to.clone());
        view! {
            <input type="hidden" name="range" value=word />
            <input type="hidden" name="from" value=from />
            <input type="hidden" name="to" value=to />
        }
    });
    (names.len() > 1 || !chosen.is_empty()).then(|| {
        let options = names
            .into_iter()
            .map(|name| {
                let is_chosen = name == chosen;
                view! {
                    <option value=name.clone() selected=is_chosen>
                        {name.clone()}
                    </option>
                }
            })
            .collect_view();
        view! {
            <form class="range-form" method="get" action=ADDRESS>
                <input type="hidden" name="status" value=status />
                {kept}
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

/// Sends all of it again: of the endpoint and since the first day that are chosen.
fn replay_all(org: OrgId, range: &RangeView, filter: &Filter) -> impl IntoView + use<> {
    let since = if range.chosen.is_empty() { String::new() } else { range.from.clone() };
    let of = if filter.endpoint.is_empty() { "all endpoints".to_owned() } else { filter.endpoint.clone() };
    let label = match since.as_str() {
        "" => format!("Replay everything dead or parked of {of}"),
        since => format!("Replay everything dead or parked of {of} since {since}"),
    };
    let endpoint = filter.endpoint.clone();
    view! {
        <form class="range-form" method="post" action=format!("{ADDRESS}/replay")>
            <OrgField org />
            <input type="hidden" name="endpoint" value=endpoint />
            <input type="hidden" name="since" value=since />
            <Submit label icon=IconName::Refresh />
            <span class="soft">"What belongs to an endpoint that is off stays where it is. Each keeps its id."</span>
        </form>
    }
}

fn row(line: DeliveryLine, org: OrgId, now: UnixMillis, can_configure: bool) -> impl IntoView {
    let (word, meaning) = status_words(&line.status);
    let full_label = format!("Open the delivery of {} to {}", line.kind, line.endpoint);
    let replay = (can_configure && matches!(line.status.as_str(), "dead" | "parked")).then(|| {
        view! {
            <PostButton
                org
                action=format!("{}/replay", delivery_href(line.id))
                label="Replay"
                icon=IconName::Refresh
            />
        }
    });
    let answer = line.last_status.map(|code| format!("last answer {code}"));
    let next =
        line.next_attempt_at.map(|at| view! { <span class="second">"next try " <Ago now at /></span> });
    let (endpoint, delivery) = (endpoint_href(&line.endpoint), delivery_href(line.id));
    view! {
        <Row>
            <RowHead>
                <code>{line.kind}</code>
                <span class="second">{format!("by {}", line.triggered_by)}</span>
            </RowHead>
            <Cell label="Endpoint">
                <a href=endpoint>{line.endpoint}</a>
            </Cell>
            <Cell label="Status">
                <Badge meaning text=word />
                {line.last_error.map(|error| view! { <span class="second">{error}</span> })}
            </Cell>
            <Cell label="Tries" class="numbers">
                {line.attempts.to_string()}
                {answer.map(|answer| view! { <span class="second">{answer}</span> })}
                {next}
            </Cell>
            <Cell label="Since" class="cell-tight">
                <Ago now at=line.created_at />
            </Cell>
            <Cell label="" class="cell-actions">
                {replay}
                <ButtonLink href=delivery label="Open" full_label />
            </Cell>
        </Row>
    }
}
