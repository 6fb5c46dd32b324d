//! What came in from providers, and the way that each event took.

use leptos::prelude::*;

use crate::app::components::badge::Badge;
use crate::app::components::button::ButtonLink;
use crate::app::components::empty::Empty;
use crate::app::components::page_header::PageHeader;
use crate::app::components::table::{Cell, Row, RowHead, Table};
use crate::app::components::time::{Ago, Moment};
use crate::app::icons::IconName;
use crate::app::relative::UnixMillis;
use crate::domain::EventId;
use crate::domain::card::Meaning;

/// What the page shows.
#[derive(Clone, Debug)]
pub struct EventsView {
    pub now: UnixMillis,
    /// Newest first.
    pub events: Vec<EventRow>,
    /// The page before this one in time.
    pub older_href: Option<String>,
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
    const fn words(self) -> (&'static str, Meaning) {
        match self {
            EventStatus::Received => ("Waiting", Meaning::Unknown),
            EventStatus::Processed => ("Processed", Meaning::Works),
            EventStatus::Parked => ("Parked", Meaning::Broken),
        }
    }
}

/// One stage of an event's way.
#[derive(Clone, Debug)]
pub struct TraceStage {
    /// "Signature checked", "Stored", "Answered".
    pub name: String,
    /// Microseconds after the request's first byte.
    pub offset_us: u64,
    pub note: Option<String>,
}

/// The page.
pub fn events_page(view: EventsView) -> impl IntoView {
    let EventsView { now, events, older_href } = view;
    let list = if events.is_empty() {
        view! {
            <Empty
                icon=IconName::Inbox
                title="No events yet"
                text="As soon as Vapi reports a call, it is listed here with every stage and its time."
            />
        }
        .into_any()
    } else {
        view! {
            <Table caption="Inbound events" columns=vec!["Event", "Call", "Status", "Received", "Way"]>
                {events.into_iter().map(|event| row(event, now)).collect_view()}
            </Table>
        }
        .into_any()
    };
    view! {
        <PageHeader title="Events" lead="What came in from your providers, newest first." />
        {list}
        {older_href.map(|href| view! { <p><ButtonLink href label="Older events" /></p> })}
    }
}

fn row(event: EventRow, now: UnixMillis) -> impl IntoView {
    let (word, meaning) = event.status.words();
    let attempts = (event.attempts > 1).then(|| {
        view! { <span class="second">{format!("{} attempts", event.attempts)}</span> }
    });
    let call = match event.call_id {
        Some(id) => view! { <code>{id}</code> }.into_any(),
        None => view! { <span class="soft">"none"</span> }.into_any(),
    };
    view! {
        <Row id=event.id.to_string()>
            <RowHead>
                <code>{event.kind}</code>
                <span class="second">{event.summary.unwrap_or(event.source)}</span>
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

/// `340 µs`, `12.4 ms`, `1.30 s`.
fn span(microseconds: u64) -> String {
    match microseconds {
        0..=999 => format!("{microseconds} µs"),
        1_000..=999_999 => format!("{}.{} ms", microseconds / 1_000, microseconds % 1_000 / 100),
        _ => format!("{}.{:02} s", microseconds / 1_000_000, microseconds % 1_000_000 / 10_000),
    }
}

#[cfg(test)]
mod tests {
    use super::span;

    #[test]
    fn spans_are_read_in_their_own_unit() {
        assert_eq!(span(340), "340 µs");
        assert_eq!(span(12_449), "12.4 ms");
        assert_eq!(span(1_304_000), "1.30 s");
    }
}
