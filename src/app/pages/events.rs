//! What came in from providers, with its filters, and the way that each event took.

use leptos::prelude::*;

use crate::app::components::badge::Badge;
use crate::app::components::button::{AskSomeone, ButtonLink, OrgField, Submit, Weight};
use crate::app::components::empty::Empty;
use crate::app::components::filters::{FilterBar, FilterField};
use crate::app::components::page_header::PageHeader;
use crate::app::components::table::{Cell, Row, RowHead, Table};
use crate::app::components::time::{Ago, Moment};
use crate::app::components::waterfall::{TraceStage, span};
use crate::app::icons::IconName;
use crate::app::islands::live_region::LiveRegion;
use crate::app::relative::UnixMillis;
use crate::domain::card::Meaning;
use crate::domain::{EventId, OrgId};

/// What the page shows.
#[derive(Clone, Debug)]
pub struct EventsView {
    pub org: OrgId,
    pub now: UnixMillis,
    /// In the order in which they are shown, each with what was asked for.
    pub filters: Vec<FilterField>,
    /// Something is filtered, so an empty list does not mean that nothing came.
    pub is_filtered: bool,
    /// Newest first.
    pub events: Vec<EventRow>,
    /// The page before this one in time.
    pub older_href: Option<String>,
    /// Back to the newest; none where they are shown.
    pub newest_href: Option<String>,
    pub recover: RecoverForm,
    pub can_configure: bool,
    pub may_ask: Option<String>,
}

/// The form that gives parked events back to the workers.
#[derive(Clone, Debug, Default)]
pub struct RecoverForm {
    /// As `<input type="datetime-local">` writes it, in UTC.
    pub since: String,
    pub error: Option<String>,
}

/// One inbound event. Holds no transcript and no number in full.
#[derive(Clone, Debug)]
pub struct EventRow {
    pub id: EventId,
    /// The provider's word: `end-of-call-report`.
    pub kind: String,
    pub source: String,
    pub call_id: Option<String>,
    /// One line of what it was about, free of personal data.
    pub summary: Option<String>,
    pub status: EventStatus,
    pub attempts: u32,
    pub received_at: UnixMillis,
    pub error: Option<String>,
    pub trace: Vec<TraceStage>,
    /// Sent by the clinic itself, to see whether it arrives.
    pub is_test: bool,
}

/// How far an event has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventStatus {
    Received,
    Processed,
    /// Given up on until somebody looks.
    Parked,
}

impl EventStatus {
    /// The word and its meaning.
    pub const fn words(self) -> (&'static str, Meaning) {
        match self {
            EventStatus::Received => ("Waiting", Meaning::Unknown),
            EventStatus::Processed => ("Processed", Meaning::Works),
            EventStatus::Parked => ("Parked", Meaning::Broken),
        }
    }
}

/// The page.
pub fn events_page(view: EventsView) -> impl IntoView {
    let EventsView {
        org,
        now,
        filters,
        is_filtered,
        events,
        older_href,
        newest_href,
        recover,
        can_configure,
        may_ask,
    } = view;
    // Older pages stand still: what is new is not on them.
    let is_newest = newest_href.is_none();
    let list = view! {
        <div data-live-body="">
            {list(events, now, is_filtered)}
        </div>
    }
    .into_any();
    let list = if is_newest {
        view! { <LiveRegion topics="events".to_owned() org=org.to_string()>{list}</LiveRegion> }.into_any()
    } else {
        list.into_any()
    };
    view! {
        <PageHeader title="Events" lead="What came in from your providers, newest first.">
            <ButtonLink href="/dashboard/events/test" label="Send a test event" icon=IconName::Flask />
        </PageHeader>
        <FilterBar action="/dashboard/events" label="Filter events" fields=filters is_filtered />
        {list}
        <nav class="pager" aria-label="Pages of events">
            {newest_href.map(|href| view! { <ButtonLink href label="Newest events" weight=Weight::Quiet /> })}
            {older_href.map(|href| view! { <ButtonLink href label="Older events" /> })}
        </nav>
        {recover_section(recover, org, can_configure, may_ask)}
    }
}

fn list(events: Vec<EventRow>, now: UnixMillis, is_filtered: bool) -> AnyView {
    if events.is_empty() && is_filtered {
        return view! {
            <Empty
                icon=IconName::Inbox
                title="No such events here"
                text="Nothing that was looked through fits these filters. Take one away, or look further back."
            />
        }
        .into_any();
    }
    if events.is_empty() {
        return view! {
            <Empty
                icon=IconName::Inbox
                title="No events yet"
                text="As soon as Vapi reports a call, it is listed here with every stage and its time."
            />
        }
        .into_any();
    }
    view! {
        <Table caption="Inbound events" columns=vec!["Event", "Call", "Status", "Received", "Way"]>
            {events.into_iter().map(|event| row(event, now)).collect_view()}
        </Table>
    }
    .into_any()
}

fn row(event: EventRow, now: UnixMillis) -> AnyView {
    let (word, meaning) = event.status.words();
    let attempts = (event.attempts > 1).then(|| {
        view! { <span class="second">{format!("{} attempts", event.attempts)}</span> }
    });
    let call = match event.call_id {
        Some(id) => {
            let href = format!("/dashboard/events?call={}", query_value(&id));
            view! { <a href=href><code>{id}</code></a> }.into_any()
        }
        None => view! { <span class="soft">"none"</span> }.into_any(),
    };
    let test = event.is_test.then(|| view! { <Badge meaning=Meaning::Unknown text="Test" /> });
    view! {
        <Row id=event.id.to_string()>
            <RowHead>
                <a href=format!("/dashboard/events/{}", event.id)><code>{event.kind}</code></a>
                <span class="second">{event.summary.unwrap_or(event.source)}</span>
                {test}
            </RowHead>
            <Cell label="Call">{call}</Cell>
            <Cell label="Status">
                <Badge meaning text=word />
                {attempts}
                {event.error.map(|error| view! { <span class="second">{error}</span> })}
            </Cell>
            <Cell label="Received" class="cell-tight">
                <Ago now at=event.received_at />
                <span class="second"><Moment at=event.received_at /></span>
            </Cell>
            <Cell label="Way">{way(event.trace)}</Cell>
        </Row>
    }
    .into_any()
}

/// A value as the part of an address behind `=` may hold it.
pub fn query_value(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

fn way(trace: Vec<TraceStage>) -> AnyView {
    let Some(last) = trace.last() else { return view! { <span class="soft">"none"</span> }.into_any() };
    let total = span(last.offset_us);
    let summary = format!("{} stages, {total}", trace.len());
    let stages = trace
        .into_iter()
        .map(|stage| {
            view! {
                <li>
                    <span>
                        {stage.name}
                        {stage.note.map(|note| view! { <span class="second">{note}</span> })}
                    </span>
                    <span class="offset numbers">{format!("+{}", span(stage.offset_us))}</span>
                </li>
            }
        })
        .collect_view();
    view! {
        <details>
            <summary class="cell-tight">{summary}</summary>
            <ol class="stages">{stages}</ol>
        </details>
    }
    .into_any()
}

fn recover_section(form: RecoverForm, org: OrgId, can_configure: bool, may_ask: Option<String>) -> AnyView {
    let body = if can_configure {
        let is_wrong = form.error.is_some();
        view! {
            <form class="stack" method="post" action="/dashboard/events/recover">
                <OrgField org />
                <div class="field">
                    <label for="recover-since">"Everything parked since (UTC)"</label>
                    <input
                        class="input"
                        id="recover-since"
                        name="since"
                        type="datetime-local"
                        required=true
                        value=form.since
                        aria-describedby="recover-since-help recover-since-error"
                        aria-invalid=is_wrong.then_some("true")
                    />
                    <p class="field-error" id="recover-since-error" hidden=!is_wrong>
                        <span>{form.error.unwrap_or_default()}</span>
                    </p>
                    <p class="field-help" id="recover-since-help">
                        <span>
                            "Use it once what parked them is mended. Each event has its effect once. What was answered while the caller waited stays parked: running it again could send or book twice."
                        </span>
                    </p>
                </div>
                <div><Submit label="Work on them again" icon=IconName::Refresh /></div>
            </form>
        }
        .into_any()
    } else {
        view! { <AskSomeone may_ask /> }.into_any()
    };
    view! {
        <section class="section" aria-labelledby="recover-title" id="recover">
            <header>
                <h2 id="recover-title">"Recover parked events"</h2>
                <p>"An event that failed again and again is parked until somebody looks."</p>
            </header>
            <div class="surface padded">{body}</div>
        </section>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::query_value;

    #[test]
    fn what_a_provider_wrote_stays_inside_of_its_value() {
        assert_eq!(query_value("a b&c=d#é"), "a%20b%26c%3Dd%23%C3%A9");
        assert_eq!(query_value("c0ffee00-0000"), "c0ffee00-0000");
    }
}
