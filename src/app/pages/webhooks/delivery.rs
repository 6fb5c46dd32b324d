//! One delivery: what was sent, and every try with what was answered. Bodies are shown to owners and
//! admins who ask for them.

use leptos::prelude::*;
use uuid::Uuid;

use super::told::told_href;
use super::words::{HOME, delivery_href, endpoint_href, outcome_words, status_words};
use crate::app::components::badge::Badge;
use crate::app::components::button::{AskSomeone, ButtonLink, PostButton, Weight};
use crate::app::components::chart::scale::millis;
use crate::app::components::page_header::PageHeader;
use crate::app::components::time::{Ago, Moment};
use crate::app::icons::IconName;
use crate::app::islands::live_region::LiveRegion;
use crate::app::relative::UnixMillis;
use crate::domain::OrgId;
use crate::domain::card::Meaning;

/// What the page shows.
#[derive(Clone, Debug)]
pub struct DeliveryView {
    pub org: OrgId,
    pub now: UnixMillis,
    /// May send it again.
    pub can_configure: bool,
    /// May see what was sent and answered.
    pub can_open: bool,
    pub may_ask: Option<String>,
    pub id: Uuid,
    /// The id that the receiver sees, the same in every try.
    pub event: Uuid,
    pub endpoint: String,
    pub kind: String,
    pub status: String,
    /// How often it was sent again by hand.
    pub replays: u32,
    pub triggered_by: String,
    pub created_at: UnixMillis,
    pub next_attempt_at: Option<UnixMillis>,
    pub last_error: Option<String>,
    pub bodies: Bodies,
    /// Oldest first.
    pub tries: Vec<TryView>,
}

/// What was sent.
#[derive(Clone, Debug)]
pub enum Bodies {
    /// Sealed; an owner or admin may open them.
    Closed,
    Open {
        /// Nothing where retention has emptied it.
        payload: Option<String>,
        /// What the caller said beside it, where anything.
        metadata: Option<String>,
    },
}

/// One try.
#[derive(Clone, Debug)]
pub struct TryView {
    pub number: u32,
    pub outcome: String,
    pub status_code: Option<u16>,
    pub millis: u32,
    pub error: Option<String>,
    pub at: UnixMillis,
    /// Names and values; secret values are hidden.
    pub sent_headers: Vec<(String, String)>,
    pub answer_headers: Vec<(String, String)>,
    /// The beginning of the answer, where bodies are open and there was one.
    pub answer: Option<String>,
    pub answer_bytes: u32,
    /// Retention has emptied the answer.
    pub is_emptied: bool,
}

/// The page.
pub fn delivery_page(view: DeliveryView) -> impl IntoView {
    let (word, meaning) = status_words(&view.status);
    let (org, now) = (view.org, view.now);
    let here = delivery_href(view.id);
    let replay = (view.can_configure && view.status != "pending").then(|| {
        view! {
            <PostButton
                org
                action=format!("{here}/replay")
                label="Send it again"
                weight=Weight::Main
                icon=IconName::Refresh
            />
        }
    });
    let replays = (view.replays > 0).then(|| {
        let times = if view.replays == 1 { "once".to_owned() } else { format!("{} times", view.replays) };
        view! {
            <div>
                <dt>"Sent again"</dt>
                <dd>{times}</dd>
            </div>
        }
    });
    let next = view.next_attempt_at.map(|at| {
        view! {
            <div>
                <dt>"Next try"</dt>
                <dd><Moment at /></dd>
            </div>
        }
    });
    let error = view.last_error.clone().map(|error| view! { <p class="row-error">{error}</p> });
    let is_open = matches!(view.bodies, Bodies::Open { .. });
    let bodies = bodies(view.bodies, &here, view.can_open, view.may_ask);
    let has_tries = !view.tries.is_empty();
    let tries = view.tries.into_iter().map(|one| try_view(one, now, is_open)).collect_view();
    let created_at = view.created_at;
    // What was opened is recorded each time: it stays as it is while somebody looks at it.
    let topics = if is_open { String::new() } else { "deliveries".to_owned() };
    view! {
        <p class="crumb">
            <a href=HOME>"Webhooks"</a>
            " / "
            <a href=endpoint_href(&view.endpoint)>{view.endpoint.clone()}</a>
        </p>
        <LiveRegion topics org=org.to_string()>
            <PageHeader title=view.kind lead=format!("Delivery to {}", view.endpoint)>
                <div data-live-body="replay">{replay}</div>
            </PageHeader>
            <section class="surface endpoint-facts" aria-label="About this delivery" data-live-body="state">
                <div class="endpoint-state">
                    <Badge meaning text=word />
                    {error}
                </div>
                <dl class="facts">
                    <div>
                        <dt>"webhook-id"</dt>
                        <dd><a href=told_href(view.event)><code>{view.event.to_string()}</code></a></dd>
                    </div>
                    <div>
                        <dt>"Told of"</dt>
                        <dd>
                            <Moment at=created_at />
                            {format!(", by {}", view.triggered_by)}
                        </dd>
                    </div>
                    {next}
                    {replays}
                </dl>
            </section>
            {bodies}
            <section class="section" aria-labelledby="tries-title" data-live-body="tries">
                <header>
                    <h2 id="tries-title">"Tries"</h2>
                    {(!has_tries).then(|| view! { <p>"None yet."</p> })}
                </header>
                <ol class="tries">{tries}</ol>
            </section>
        </LiveRegion>
    }
}

fn bodies(bodies: Bodies, here: &str, can_open: bool, may_ask: Option<String>) -> AnyView {
    let content = match bodies {
        Bodies::Closed if can_open => view! {
            <p>"What was sent and answered may tell of patients, so it is sealed. That you open it stands in the audit trail."</p>
            <p><ButtonLink href=format!("{here}?bodies=open") label="Open what was sent" icon=IconName::Lock /></p>
        }
        .into_any(),
        Bodies::Closed => view! {
            <p>"What was sent and answered is sealed."</p>
            <AskSomeone may_ask />
        }
        .into_any(),
        Bodies::Open { payload, metadata } => {
            let payload = match payload {
                Some(text) => view! { <pre class="body" tabindex="0">{text}</pre> }.into_any(),
                None => view! { <p class="soft">"The clinic's retention has emptied it."</p> }.into_any(),
            };
            let metadata = metadata.map(|text| {
                view! {
                    <h3>"Metadata"</h3>
                    <p class="soft">"Said by the caller, kept here, not sent."</p>
                    <pre class="body" tabindex="0">{text}</pre>
                }
            });
            view! {
                {payload}
                {metadata}
            }
            .into_any()
        }
    };
    view! {
        <section class="section" aria-labelledby="sent-title">
            <header>
                <h2 id="sent-title">"What was sent"</h2>
            </header>
            {content}
        </section>
    }
    .into_any()
}

fn try_view(one: TryView, now: UnixMillis, is_open: bool) -> impl IntoView {
    let meaning = if one.outcome == "succeeded" { Meaning::Works } else { Meaning::Broken };
    let word = match one.status_code {
        Some(code) => format!("{code} {}", outcome_words(&one.outcome)),
        None => outcome_words(&one.outcome),
    };
    let answer = match (one.answer, one.answer_bytes, one.is_emptied) {
        (Some(text), ..) => Some(view! { <pre class="body" tabindex="0">{text}</pre> }.into_any()),
        (None, _, true) => {
            Some(view! { <p class="soft">"The clinic's retention has emptied the answer."</p> }.into_any())
        }
        (None, 0, _) => None,
        (None, bytes, _) if !is_open => {
            Some(view! { <p class="soft">{format!("An answer of {bytes} bytes, sealed.")}</p> }.into_any())
        }
        (None, ..) => Some(view! { <p class="soft">"The answer cannot be read."</p> }.into_any()),
    };
    view! {
        <li class="surface try">
            <header>
                <h3>{format!("Try {}", one.number)}</h3>
                <Badge meaning text=word />
                <span class="numbers">{millis(f64::from(one.millis))}</span>
                <Ago now at=one.at />
            </header>
            {one.error.map(|error| view! { <p class="row-error">{error}</p> })}
            {answer}
            {headers("Headers that were sent", one.sent_headers)}
            {headers("Headers of the answer", one.answer_headers)}
        </li>
    }
}

fn headers(title: &'static str, headers: Vec<(String, String)>) -> Option<impl IntoView> {
    (!headers.is_empty()).then(|| {
        let list = headers
            .into_iter()
            .map(|(name, value)| {
                view! {
                    <div>
                        <dt><code>{name}</code></dt>
                        <dd><code>{value}</code></dd>
                    </div>
                }
            })
            .collect_view();
        view! {
            <details class="card-details">
                <summary>{title}</summary>
                <dl class="facts">{list}</dl>
            </details>
        }
    })
}
