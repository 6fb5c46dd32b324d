//! One event out and its way to each endpoint, stage by stage: what the test tool shows.

use leptos::prelude::*;
use uuid::Uuid;

use super::words::{HOME, delivery_href, endpoint_href, status_words};
use crate::app::components::badge::Badge;
use crate::app::components::button::{ButtonLink, Weight};
use crate::app::components::chart::scale::millis;
use crate::app::components::empty::Empty;
use crate::app::components::page_header::PageHeader;
use crate::app::components::table::{Cell, Row, RowHead, Table};
use crate::app::components::time::Moment;
use crate::app::icons::IconName;
use crate::app::islands::live_region::LiveRegion;
use crate::app::relative::UnixMillis;
use crate::domain::OrgId;
use crate::domain::card::Meaning;

/// The page of an event out.
pub fn told_href(event: Uuid) -> String {
    format!("{HOME}/events/{event}")
}

/// What the page shows.
#[derive(Clone, Debug)]
pub struct ToldView {
    pub org: OrgId,
    /// The `webhook-id` of every try.
    pub event: Uuid,
    pub kind: String,
    pub is_test: bool,
    pub triggered_by: String,
    pub at: UnixMillis,
    /// The call that caused it, by Vapi's id.
    pub call_id: Option<String>,
    pub ways: Vec<WayView>,
}

/// The way to one endpoint.
#[derive(Clone, Debug)]
pub struct WayView {
    pub delivery: Uuid,
    pub endpoint: String,
    /// `pending`, `succeeded`, `dead` or `parked`.
    pub status: String,
    pub stages: Vec<StageLine>,
}

/// A stage.
#[derive(Clone, Debug)]
pub struct StageLine {
    /// "Stored", "Answered with 200".
    pub what: String,
    pub meaning: Meaning,
    pub note: Option<String>,
    pub at: UnixMillis,
    /// Since the event was stored; none for what is still to come.
    pub after_millis: Option<f64>,
}

/// The page.
pub fn told_page(view: ToldView) -> impl IntoView {
    let ToldView { org, event, kind, is_test, triggered_by, at, call_id, ways } = view;
    let lead = if is_test { "A test event, and its way." } else { "An event, and its way." };
    let test = is_test.then(|| {
        view! { <p><Badge meaning=Meaning::Unknown text="Test" /></p> }
    });
    let call = call_id.map(|id| {
        view! {
            <div>
                <dt>"Call"</dt>
                <dd><code>{id}</code></dd>
            </div>
        }
    });
    let list = if ways.is_empty() {
        view! {
            <Empty
                icon=IconName::Send
                title="Told to nobody"
                text="No endpoint that was switched on listened to this event when it happened."
            />
        }
        .into_any()
    } else {
        ways.into_iter().map(way).collect_view().into_any()
    };
    view! {
        <p class="crumb"><a href=HOME>"Webhooks"</a></p>
        <PageHeader title=kind lead=lead.to_owned()>
            <ButtonLink href="/dashboard/events/test" label="Send another test" weight=Weight::Quiet />
        </PageHeader>
        <section class="surface section" aria-label="About this event">
            {test}
            <dl class="facts">
                <div>
                    <dt>"webhook-id"</dt>
                    <dd><code>{event.to_string()}</code></dd>
                </div>
                <div>
                    <dt>"Told of"</dt>
                    <dd>
                        <Moment at />
                        {format!(", by {triggered_by}")}
                    </dd>
                </div>
                {call}
            </dl>
        </section>
        <LiveRegion topics="deliveries".to_owned() org=org.to_string()>
            <div data-live-body="">{list}</div>
        </LiveRegion>
    }
}

fn way(way: WayView) -> impl IntoView {
    let (word, meaning) = status_words(&way.status);
    let (title, id) = (format!("way-{}", way.delivery), format!("way-{}", way.delivery));
    let rows = way.stages.into_iter().map(stage).collect_view();
    view! {
        <section class="section" aria-labelledby=title>
            <header>
                <h2 id=id>
                    "To "
                    <a href=endpoint_href(&way.endpoint)>{way.endpoint.clone()}</a>
                </h2>
                <p>
                    <Badge meaning text=word />
                    " "
                    <a href=delivery_href(way.delivery)>"What was sent and answered"</a>
                </p>
            </header>
            <Table caption="Stages of this delivery" columns=vec!["Stage", "After", "When"]>{rows}</Table>
        </section>
    }
}

fn stage(line: StageLine) -> impl IntoView {
    let what = match line.meaning {
        Meaning::Unknown => view! { <span>{line.what}</span> }.into_any(),
        meaning => view! { <Badge meaning text=line.what /> }.into_any(),
    };
    view! {
        <Row>
            <RowHead>
                {what}
                {line.note.map(|note| view! { <span class="second">{note}</span> })}
            </RowHead>
            <Cell label="After" class="numbers cell-tight">
                {line.after_millis.map(millis)}
            </Cell>
            <Cell label="When" class="cell-tight">
                <Moment at=line.at />
            </Cell>
        </Row>
    }
}
