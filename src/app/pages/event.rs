//! One inbound event: its way, what went wrong, what it brought, and running it again.

use leptos::prelude::*;

use super::events::{EventRow, EventStatus, query_value};
use crate::app::components::badge::Badge;
use crate::app::components::button::{ButtonLink, PostButton, Weight};
use crate::app::components::page_header::PageHeader;
use crate::app::components::time::Moment;
use crate::app::components::waterfall::Waterfall;
use crate::app::icons::IconName;
use crate::app::islands::live_region::LiveRegion;
use crate::app::relative::UnixMillis;
use crate::domain::OrgId;

/// What the page shows.
#[derive(Clone, Debug)]
pub struct EventView {
    pub org: OrgId,
    pub event: EventRow,
    pub processed_at: Option<UnixMillis>,
    pub payload: PayloadView,
    /// Why it may not be run again; none where it may.
    pub no_replay: Option<String>,
    pub can_configure: bool,
}

/// What is shown of what an event brought.
#[derive(Clone, Debug)]
pub enum PayloadView {
    Emptied,
    Unreadable,
    /// JSON, without what tells about a patient.
    Masked(String),
    /// JSON, as it came but for secrets.
    Full(String),
}

/// The page.
pub fn event_page(view: EventView) -> impl IntoView {
    let EventView { org, event, processed_at, payload, no_replay, can_configure } = view;
    let (word, meaning) = event.status.words();
    let id = event.id;
    let is_test = event.is_test;
    let lead = if is_test {
        "A test that this clinic sent itself through the same way that Vapi's messages take."
    } else {
        "One message of a provider: how it came in and what became of it."
    };
    let call = event.call_id.clone().map(|call| {
        let href = format!("/dashboard/events?call={}", query_value(&call));
        fact("Call", view! { <a href=href><code>{call}</code></a> }.into_any())
    });
    let trouble = event.error.clone().map(|error| trouble(event.status, event.attempts, error));
    let waits = event.status == EventStatus::Received;
    let replay = match no_replay {
        Some(why) => view! { <p class="soft">{why}</p> }.into_any(),
        None if waits => view! { <p class="soft">"It waits for the workers. This page shows when they are done."</p> }.into_any(),
        None if can_configure => {
            view! {
                <PostButton
                    org
                    action=format!("/dashboard/events/{id}/replay")
                    label="Run it again"
                    icon=IconName::Refresh
                />
                <p class="soft">"The handler has its effect once, however often the event is run. It is recorded in the audit trail."</p>
            }
            .into_any()
        }
        None => view! { <p class="soft">"An owner or admin can run it again."</p> }.into_any(),
    };
    let facts = view! {
        <section class="surface padded" aria-label="Event">
            <dl class="facts">
                {fact("Kind", view! { <code>{event.kind.clone()}</code> }.into_any())}
                {fact("Source", event.source.clone().into_any())}
                {fact("Status", view! { <Badge meaning text=word /> }.into_any())}
                {call}
                {event.summary.clone().map(|text| fact("Summary", text.into_any()))}
                {fact("Received", view! { <Moment at=event.received_at /> }.into_any())}
                {processed_at.map(|at| fact("Ended", view! { <Moment at /> }.into_any()))}
                {(event.attempts > 0).then(|| fact("Attempts", event.attempts.to_string().into_any()))}
            </dl>
            {trouble}
        </section>
    }
    .into_any();
    let way = view! {
        <section class="section" aria-labelledby="way-title">
            <header>
                <h2 id="way-title">"Its way"</h2>
                <p>"Counted from the first byte of the request."</p>
            </header>
            <div class="surface padded"><Waterfall stages=event.trace /></div>
        </section>
    }
    .into_any();
    let again = view! {
        <section class="section" aria-labelledby="replay-title">
            <header>
                <h2 id="replay-title">"Run again"</h2>
            </header>
            <div class="surface padded stack">{replay}</div>
        </section>
    }
    .into_any();
    view! {
        <PageHeader title="Event" lead>
            <ButtonLink href="/dashboard/events" label="All events" weight=Weight::Quiet />
        </PageHeader>
        <LiveRegion topics="events".to_owned() org=org.to_string()>
            <div data-live-body="">{facts} {way} {again}</div>
        </LiveRegion>
        {payload_section(payload, id.to_string(), can_configure)}
    }
}

fn fact(label: &'static str, value: AnyView) -> AnyView {
    view! {
        <div>
            <dt>{label}</dt>
            <dd>{value}</dd>
        </div>
    }
    .into_any()
}

/// What went wrong, in words, and what to do.
fn trouble(status: EventStatus, attempts: u32, error: String) -> AnyView {
    let (headline, fix) = match status {
        EventStatus::Parked => (
            format!("Parked after {attempts} attempts"),
            "Mend what it names, then run it again here, or recover everything that was parked since then.",
        ),
        EventStatus::Received => {
            ("The last attempt failed".to_owned(), "It is tried again by itself, a little later each time.")
        }
        EventStatus::Processed => ("It ended with a note".to_owned(), "There is nothing to do."),
    };
    view! {
        <div class="error-box">
            <p class="error-title">{headline}</p>
            <p>{error}</p>
            <p>{fix}</p>
        </div>
    }
    .into_any()
}

fn payload_section(payload: PayloadView, id: String, can_configure: bool) -> AnyView {
    let (text, words) = match payload {
        PayloadView::Emptied => {
            (None, "The clinic's retention has emptied what it brought. The rest is kept.")
        }
        PayloadView::Unreadable => {
            (None, "What it brought is sealed with a key that this service does not have. Ask support.")
        }
        PayloadView::Masked(text) => (
            Some((text, false)),
            "Secrets and conversations were dropped when it came in. Names, numbers and words of patients are hidden.",
        ),
        PayloadView::Full(text) => (
            Some((text, true)),
            "In full, without the secrets that were dropped. That you opened it is recorded.",
        ),
    };
    let is_full = text.as_ref().is_some_and(|(_, is_full)| *is_full);
    let is_there = text.is_some();
    let more = (is_there && can_configure).then(|| {
        if is_full {
            view! { <ButtonLink href=format!("/dashboard/events/{id}") label="Hide again" weight=Weight::Quiet /> }
                .into_any()
        } else {
            view! {
                <ButtonLink
                    href=format!("/dashboard/events/{id}?payload=full#payload")
                    label="Open in full"
                    icon=IconName::Lock
                    weight=Weight::Quiet
                />
                <p class="soft">"This is recorded in the audit trail."</p>
            }
            .into_any()
        }
    });
    view! {
        <section class="section" aria-labelledby="payload-title" id="payload">
            <header>
                <h2 id="payload-title">"What it brought"</h2>
                <p>{words}</p>
            </header>
            {text.map(|(text, _)| view! {
                <div class="surface padded">
                    <pre class="payload" tabindex="0" aria-label="Payload as JSON"><code>{text}</code></pre>
                </div>
            })}
            <div class="stack">{more}</div>
        </section>
    }
    .into_any()
}
