//! The clinic's endpoints: whom events are told to, and how that goes.

use leptos::prelude::*;

use super::form::{EndpointForm, endpoint_panel};
use super::range::{RangeRow, RangeView};
use super::words::{
    EndpointBadge, EndpointState, Figures, HOME, Tally, Unfinished, counted, endpoint_href, time_or_dash,
};
use crate::app::components::button::{AskSomeone, ButtonLink, PostButton, Weight};
use crate::app::components::chart::scale::count;
use crate::app::components::chart::spark::{Day, Spark};
use crate::app::components::empty::Empty;
use crate::app::components::page_header::PageHeader;
use crate::app::components::table::{Cell, Row, RowHead, Table};
use crate::app::components::time::Ago;
use crate::app::icons::IconName;
use crate::app::islands::live_region::LiveRegion;
use crate::app::relative::UnixMillis;
use crate::domain::OrgId;

/// What the page shows.
#[derive(Clone, Debug)]
pub struct EndpointsView {
    pub org: OrgId,
    pub now: UnixMillis,
    pub can_configure: bool,
    pub may_ask: Option<String>,
    pub range: RangeView,
    /// Of all endpoints, within the range.
    pub tally: Tally,
    pub unfinished: Unfinished,
    /// By name.
    pub endpoints: Vec<EndpointLine>,
    /// The form of a new endpoint, open over the page.
    pub panel: Option<EndpointForm>,
}

/// One endpoint.
#[derive(Clone, Debug)]
pub struct EndpointLine {
    pub name: String,
    /// Host of its address: the path may be a secret of its own.
    pub host: String,
    pub description: String,
    pub state: EndpointState,
    /// Within the range.
    pub tally: Tally,
    pub last_called_at: Option<UnixMillis>,
    /// Taken and failed by day, oldest first.
    pub days: Vec<Day>,
}

/// The page.
pub fn endpoints_page(view: EndpointsView) -> impl IntoView {
    let EndpointsView { org, now, can_configure, may_ask, range, tally, unfinished, endpoints, panel } = view;
    let add = || {
        view! {
            <ButtonLink
                href=format!("{HOME}?panel=new")
                label="Add an endpoint"
                weight=Weight::Main
                id="add-endpoint".to_owned()
            />
        }
    };
    let is_empty = endpoints.is_empty();
    let words = range.words();
    let body = if is_empty {
        let text = "Name an address, at n8n, Zapier or anywhere else, and it is told of calls, leads and appointments as they happen, signed and tried again until it answers.";
        view! {
            <Empty icon=IconName::Send title="No endpoints yet" text>
                {can_configure.then(add)}
            </Empty>
        }
        .into_any()
    } else {
        let rows = endpoints.into_iter().map(|line| row(line, org, now, can_configure)).collect_view();
        view! {
            <RangeRow range />
            <section class="section" aria-labelledby="figures-title">
                <h2 class="visually-hidden" id="figures-title">{format!("All endpoints, {words}")}</h2>
                <Figures tally />
            </section>
            <Console unfinished />
            <Table
                caption="Endpoints"
                columns=vec!["Endpoint", "State", "Tries", "Success", "p50 / p95", "Last called", "By day"]
            >
                {rows}
            </Table>
        }
        .into_any()
    };
    view! {
        <PageHeader title="Webhooks" lead="Whom your events are told to, and how that goes.">
            {(!is_empty)
                .then(|| {
                    view! {
                        <ButtonLink href=format!("{HOME}/analytics") label="Analytics" />
                        <ButtonLink href=format!("{HOME}/attempts") label="Tries" />
                        <ButtonLink href=format!("{HOME}/deliveries") label="Deliveries" />
                        {can_configure.then(add)}
                    }
                })}
        </PageHeader>
        {(!can_configure).then(|| view! { <AskSomeone may_ask /> })}
        <LiveRegion topics="deliveries".to_owned() org=org.to_string()>
            <div data-live-body="">{body}</div>
        </LiveRegion>
        {panel.map(endpoint_panel)}
    }
}

/// What is not done, each with the way to it. Nothing where all is done.
#[component]
pub fn Console(unfinished: Unfinished) -> impl IntoView {
    let Unfinished { waiting, dead, parked } = unfinished;
    let line = |number: u64, status: &'static str, class: &'static str, text: &'static str| {
        (number > 0).then(|| {
            view! {
                <li>
                    <a class=format!("count {class}") href=format!("{HOME}/deliveries?status={status}")>
                        <strong>{counted(number)}</strong>
                        <span>{text}</span>
                    </a>
                </li>
            }
        })
    };
    (waiting + dead + parked > 0).then(|| {
        view! {
            <nav class="strip" aria-label="Deliveries that are not done">
                <ul>
                    {line(dead, "dead", "is-broken", "dead: all tries failed")}
                    {line(parked, "parked", "is-attention", "parked: the endpoint is off")}
                    {line(waiting, "pending", "is-unknown", "waiting for a try")}
                </ul>
            </nav>
        }
    })
}

fn row(line: EndpointLine, org: OrgId, now: UnixMillis, can_configure: bool) -> impl IntoView {
    let tally = line.tally;
    let about = if line.description.is_empty() { line.host } else { line.description };
    let is_off = matches!(line.state, EndpointState::SwitchedOff { .. });
    let again = (is_off && can_configure).then(|| {
        view! {
            <PostButton
                org
                action=format!("{}/on", endpoint_href(&line.name))
                label="Switch on and replay"
                icon=IconName::Refresh
                extra=("replay", "yes".to_owned())
            />
        }
    });
    let failed = (tally.failed > 0)
        .then(|| view! { <span class="second">{format!("{} failed", count(tally.failed))}</span> });
    let times = format!("{} / {}", time_or_dash(tally.p50), time_or_dash(tally.p95));
    let href = endpoint_href(&line.name);
    let reason = line.state.reason().filter(|_| line.state != EndpointState::Paused);
    view! {
        <Row>
            <RowHead>
                <a href=href>{line.name}</a>
                <span class="second">{about}</span>
            </RowHead>
            <Cell label="State">
                <EndpointBadge state=line.state />
                {reason.map(|reason| view! { <span class="second">{reason}</span> })}
                {again}
            </Cell>
            <Cell label="Tries" class="numbers">
                {count(tally.total())}
                {failed}
            </Cell>
            <Cell label="Success" class="cell-tight numbers">{tally.rate()}</Cell>
            <Cell label="p50 / p95" class="cell-tight numbers">{times}</Cell>
            <Cell label="Last called" class="cell-tight">
                {match line.last_called_at {
                    Some(at) => view! { <Ago now at /> }.into_any(),
                    None => view! { <span class="soft">"never"</span> }.into_any(),
                }}
            </Cell>
            <Cell label="By day">
                <Spark days=line.days />
            </Cell>
        </Row>
    }
}
