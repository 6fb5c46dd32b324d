//! What works for callers right now, and what to do next.

use leptos::prelude::*;

use super::calls::{CallLine, call_table};
use super::integrations::connected;
use crate::app::components::badge::{StateBadge, meaning_class, meaning_icon};
use crate::app::components::button::{ButtonLink, PostButton, Weight};
use crate::app::components::card::{CardView, ProofLine, mark_href};
use crate::app::components::page_header::PageHeader;
use crate::app::components::time::Ago;
use crate::app::icons::{Icon, IconName};
use crate::app::islands::live_region::LiveRegion;
use crate::app::relative::UnixMillis;
use crate::domain::OrgId;
use crate::domain::card::{CardState, Meaning};
use crate::domain::readiness::Readiness;

/// What the page shows.
#[derive(Clone, Debug)]
pub struct OverviewView {
    pub org: OrgId,
    pub now: UnixMillis,
    pub can_configure: bool,
    pub org_name: String,
    /// How a whole call goes, in one sentence and part by part.
    pub readiness: Readiness,
    /// What stands in the way of calls now, newest first.
    pub incidents: Vec<IncidentLine>,
    /// In order of importance; empty when there is nothing to do.
    pub next_steps: Vec<NextStep>,
    /// The newest few, newest first.
    pub calls: Vec<CallLine>,
    pub cards: Vec<CardView>,
}

/// A provider that calls needed and did not get.
#[derive(Clone, Debug)]
pub struct IncidentLine {
    pub id: String,
    pub provider_name: String,
    /// What happened and what to do.
    pub sentence: String,
    pub href: String,
    pub opened_at: UnixMillis,
    pub last_seen_at: UnixMillis,
    pub count: i64,
}

/// One thing to do, and where.
#[derive(Clone, Debug)]
pub struct NextStep {
    pub text: String,
    /// What the button says.
    pub label: String,
    pub href: String,
}

/// The page.
pub fn overview_page(view: OverviewView) -> impl IntoView {
    let OverviewView {
        now,
        org,
        can_configure,
        org_name,
        readiness,
        incidents,
        next_steps,
        calls,
        mut cards,
    } = view;
    let total = cards.len();
    let connected = connected(&cards);
    cards.sort_by_key(|card| (card.state.urgency(), card.name));
    // What nobody has set up yet is told, one by one, by the next steps and the page of all of them.
    let (set_up, fresh): (Vec<_>, Vec<_>) =
        cards.into_iter().partition(|card| card.state != CardState::NotConfigured);
    let not_set_up = fresh.len();
    let mend = readiness.first_to_mend().map(|part| {
        let label = if part.meaning == Meaning::Unknown { "Go there" } else { "Mend this" };
        view! { <ButtonLink href=part.href.clone() label weight=Weight::Plain /> }
    });
    let Readiness { sentence, meaning, parts } = readiness;
    let lines = parts
        .into_iter()
        .map(|part| {
            view! {
                <li class=format!("readiness-line {}", meaning_class(part.meaning))>
                    <Icon name=meaning_icon(part.meaning) />
                    <a class="readiness-text" href=part.href>{part.text}</a>
                </li>
            }
        })
        .collect_view();
    let strip = view! {
        <section class="surface readiness" aria-label="Readiness">
            <p class="figure">
                <strong class="numbers">{format!("{connected} of {total}")}</strong>
                <span>"connected"</span>
            </p>
            <div class="readiness-words">
                <p class=format!("readiness-sentence {}", meaning_class(meaning))>{sentence}</p>
                <ul class="readiness-lines">{lines}</ul>
                {mend}
            </div>
        </section>
    }
    .into_any();
    let incidents = incident_list(incidents, org, can_configure, now);
    let providers = view! {
        <section class="section" aria-labelledby="providers-title">
            <header>
                <h2 id="providers-title">"Integrations"</h2>
            </header>
            {(!set_up.is_empty()).then(|| {
                view! {
                    <ul class="surface rows">{set_up.into_iter().map(|card| row(card, now)).collect_view()}</ul>
                }
            })}
            {(not_set_up > 0).then(|| {
                let label = if not_set_up == 1 {
                    "See the one that is not set up".to_owned()
                } else {
                    format!("See the {not_set_up} that are not set up")
                };
                view! { <ButtonLink href="/dashboard/integrations" label weight=Weight::Quiet /> }
            })}
        </section>
    }
    .into_any();
    let steps = steps(next_steps).into_any();
    let calls = latest_calls(calls, now).into_any();
    view! {
        <PageHeader title="Overview" lead=format!("How {org_name} is reached right now.") />
        <LiveRegion topics="status agents calls".to_owned() org=org.to_string()>
            <div data-live-body="">{strip} {incidents} {steps} {calls} {providers}</div>
        </LiveRegion>
    }
}

fn latest_calls(calls: Vec<CallLine>, now: UnixMillis) -> Option<impl IntoView> {
    (!calls.is_empty()).then(|| {
        view! {
            <section class="section" aria-labelledby="calls-title">
                <header>
                    <h2 id="calls-title">"Latest calls"</h2>
                </header>
                {call_table(calls, now)}
                <ButtonLink href="/dashboard/calls" label="All calls" weight=Weight::Quiet />
            </section>
        }
    })
}

fn incident_list(
    incidents: Vec<IncidentLine>,
    org: OrgId,
    can_configure: bool,
    now: UnixMillis,
) -> Option<impl IntoView> {
    (!incidents.is_empty()).then(|| {
        let items = incidents
            .into_iter()
            .map(|incident| {
                let times = if incident.count == 1 {
                    "Met once, ".to_owned()
                } else {
                    format!("Met {} times, last ", incident.count)
                };
                let settle = can_configure.then(|| {
                    let action = format!("/dashboard/incidents/{}/close", incident.id);
                    view! { <PostButton org action label="Settled" weight=Weight::Quiet /> }
                });
                view! {
                    <li>
                        <div class="row-text">
                            <a class="row-title" href=incident.href>
                                {incident.provider_name}
                                <Icon name=IconName::ArrowRight />
                            </a>
                            <p class="row-error">{incident.sentence}</p>
                            <p class="proof">
                                {times}
                                <Ago now at=incident.last_seen_at />
                                "; began "
                                <Ago now at=incident.opened_at />
                            </p>
                        </div>
                        {settle}
                    </li>
                }
            })
            .collect_view();
        view! {
            <section class="section" aria-labelledby="incidents-title">
                <header>
                    <h2 id="incidents-title">"Needs somebody"</h2>
                    <p>"Each is told once and goes away by itself when it works again."</p>
                </header>
                <ul class="surface rows incidents">{items}</ul>
            </section>
        }
    })
}

fn steps(steps: Vec<NextStep>) -> Option<impl IntoView> {
    (!steps.is_empty()).then(|| {
        let items = steps
            .into_iter()
            .enumerate()
            .map(|(at, step)| {
                let weight = if at == 0 { Weight::Main } else { Weight::Plain };
                view! {
                    <li>
                        <span>{step.text}</span>
                        <ButtonLink href=step.href label=step.label weight />
                    </li>
                }
            })
            .collect_view();
        view! {
            <section class="section" aria-labelledby="steps-title">
                <header>
                    <h2 id="steps-title">"Next steps"</h2>
                </header>
                <ol class="surface rows">{items}</ol>
            </section>
        }
    })
}

fn row(card: CardView, now: UnixMillis) -> impl IntoView {
    let href = format!("/dashboard/integrations#{}", card.provider.as_str());
    view! {
        <li>
            <img class="mark" src=mark_href(card.provider) alt="" width="40" height="40" />
            <div class="row-text">
                <a class="row-title" href=href>
                    {card.name}
                    <Icon name=IconName::ArrowRight />
                </a>
                <ProofLine proof=card.proof now />
                {card.error.map(|error| view! { <p class="row-error">{error.headline}</p> })}
            </div>
            <StateBadge state=card.state />
        </li>
    }
}
