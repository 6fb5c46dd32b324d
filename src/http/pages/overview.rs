//! `/dashboard`: what works for callers right now, and what to do next.

use axum::response::Html;

use super::phone::answered_by;
use super::{Page, calls, millis, views};
use crate::app::NavItem;
use crate::app::pages::overview::{IncidentLine, NextStep, OverviewView, overview_page};
use crate::app::pages::phone::AnsweredBy;
use crate::app::pages::webhooks::words::endpoint_href;
use crate::calls::senders::Choice;
use crate::db::agents::{self, AgentRow};
use crate::db::calls::{self as call_rows, CallFilter};
use crate::db::incidents::IncidentRow;
use crate::db::phone_numbers::{self, PhoneNumberRow};
use crate::db::senders;
use crate::domain::card::CardState;
use crate::domain::readiness::{Numbers, OutOfStep, Readiness, ReadinessFacts, Service};
use crate::domain::{Answer, ProviderId};
use crate::http::error::HttpError;
use crate::integrations::cards::{self, Card};
use crate::integrations::incidents;
use crate::providers::sms;

/// Calls on this page; the others are on their own.
const CALLS: i64 = 3;

/// The page.
pub async fn show(mut page: Page) -> Result<Html<String>, HttpError> {
    let may_ask = page.may_ask().await?;
    let services = page.state.services.clone();
    let cards = cards::list(&mut page.tx, &services).await?;
    let agents = agents::list(&mut page.tx).await?;
    let numbers = phone_numbers::list(&mut page.tx).await?;
    let org = page.scope.org;
    let can_configure = page.can_configure();
    let choice = Choice::of(&senders::find(&mut page.tx).await?);
    let open = incidents::list_open(&mut page.tx).await?;
    let newest = call_rows::list(&mut page.tx, &CallFilter::default(), CALLS).await?;
    let view = OverviewView {
        org,
        now: page.now(),
        can_configure,
        org_name: page.scope.org_name.clone(),
        incidents: open.iter().map(incident).collect(),
        readiness: readiness(&cards, &agents, &choice, &numbers),
        next_steps: if can_configure { next_steps(&cards) } else { Vec::new() },
        calls: newest.into_iter().map(calls::line).collect(),
        cards: cards
            .iter()
            .map(|card| views::card(org, card, &agents, can_configure, may_ask.as_ref()))
            .collect(),
    };
    page.draw("Overview", NavItem::Overview, || overview_page(view)).await
}

fn incident(row: &IncidentRow) -> IncidentLine {
    IncidentLine {
        id: row.id.to_string(),
        provider_name: incidents::name_of(row),
        sentence: row.sentence.clone(),
        href: match &row.endpoint {
            Some(endpoint) => endpoint_href(endpoint),
            None => format!("/dashboard/integrations#{}", row.target),
        },
        opened_at: millis(row.opened_at),
        last_seen_at: millis(row.last_seen_at),
        count: row.count,
    }
}

/// The capability of a calendar that takes appointments, and what a caller can not have without it.
const BOOK: (&str, &str) = ("book", "book appointments");
/// Nothing is offered where free times cannot be found.
const FREE_BUSY: (&str, &str) = ("free_busy", "show its free times");
const TEXT: (&str, &str) = (sms::CAPABILITY, "send text messages");

/// How a whole call goes, from what the cards, the agents and the numbers say.
fn readiness(cards: &[Card], agents: &[AgentRow], choice: &Choice, numbers: &[PhoneNumberRow]) -> Readiness {
    // Found by what it can do, so that another calendar needs no line here.
    let calendar = cards.iter().find(|card| card.spec.capabilities.iter().any(|known| known.key == BOOK.0));
    let vapi = cards.iter().find(|card| card.spec.id == ProviderId::Vapi);
    let find = |id: ProviderId| cards.iter().find(|card| card.spec.id == id);
    let order = choice.order(None);
    let senders: Vec<Service<'static>> =
        order.into_iter().filter_map(|(id, _)| find(id)).map(|card| service(card, &[TEXT])).collect();
    let is_ours = |row: &&PhoneNumberRow| {
        matches!(answered_by(row, agents), AnsweredBy::Inbound | AnsweredBy::Outbound)
    };
    Readiness::of(&ReadinessFacts {
        vapi: vapi.map_or(CardState::NotConfigured, |card| card.state),
        assistants_ready: agents.iter().all(|agent| agent.vapi_state == "ready"),
        assistant_error: agents.iter().find_map(|agent| agent.vapi_error.as_deref()),
        notice: vapi.and_then(|card| card.row.as_ref()?.notice.as_deref()),
        out_of_step: agents.iter().find_map(out_of_step),
        numbers: Numbers { all: numbers.len(), answered: numbers.iter().filter(is_ours).count() },
        calendar: calendar.map(|card| service(card, &[FREE_BUSY, BOOK])),
        senders: &senders,
    })
}

/// What somebody saw at Vapi: server URL and webhook credential are a part of what is compared.
fn out_of_step(agent: &AgentRow) -> Option<OutOfStep> {
    match agent.vapi_found.as_deref() {
        Some("gone") => Some(OutOfStep::Gone),
        Some("changed") => Some(OutOfStep::Changed),
        _ => None,
    }
}

fn service(card: &Card, needs: &[(&str, &'static str)]) -> Service<'static> {
    let is_refused = |key: &str| {
        let mut answers = card.row.iter().flat_map(|row| row.capabilities.iter());
        answers.any(|line| line.capability == key && line.answer == Answer::No)
    };
    Service {
        name: card.spec.name,
        word: card.spec.id.as_str(),
        state: card.state,
        lacks: needs.iter().find(|(key, _)| is_refused(key)).map(|(_, what)| *what),
    }
}

/// Whether a call that is answered, booked and confirmed needs this provider.
const fn is_needed(provider: ProviderId) -> bool {
    matches!(provider, ProviderId::Vapi | ProviderId::Twilio | ProviderId::GoogleCalendar)
}

fn next_steps(cards: &[Card]) -> Vec<NextStep> {
    let sends = |card: &Card| card.spec.capabilities.iter().any(|known| known.key == sms::CAPABILITY);
    // One sender is enough; without any, the first is proposed.
    let has_sender = cards.iter().any(|card| sends(card) && card.state != CardState::NotConfigured);
    let proposed = sms::senders().next().map(|first| first.spec().id).filter(|_| !has_sender);
    cards
        .iter()
        .filter(|card| {
            card.state != CardState::NotConfigured || !sends(card) || proposed == Some(card.spec.id)
        })
        .filter_map(|card| {
            let (name, word) = (card.spec.name, card.spec.id.as_str());
            let (text, label) = match card.state {
                // A whole call needs these; everything else is a clinic's own choice and no task.
                CardState::NotConfigured if is_needed(card.spec.id) => {
                    (format!("Connect {name}. {}", card.spec.purpose), format!("Connect {name}"))
                }
                CardState::Error | CardState::Unreadable => {
                    (format!("{name} needs a working credential."), format!("Mend {name}"))
                }
                _ => return None,
            };
            Some(NextStep { text, label, href: format!("/dashboard/integrations?panel={word}") })
        })
        .collect()
}
