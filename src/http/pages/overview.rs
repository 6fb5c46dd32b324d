//! `/dashboard`: what works for callers right now, and what to do next.

use axum::response::Html;

use super::{Page, calls, millis, views};
use crate::app::NavItem;
use crate::app::pages::overview::{IncidentLine, NextStep, OverviewView, overview_page};
use crate::app::pages::webhooks::words::endpoint_href;
use crate::calls::senders::Choice;
use crate::db::agents::{self, AgentRow};
use crate::db::calls::{self as call_rows, CallFilter};
use crate::db::incidents::IncidentRow;
use crate::db::{routes, senders};
use crate::domain::card::CardState;
use crate::domain::readiness::{Readiness, ReadinessFacts, Service};
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
    let own_routes = routes::list_own(&mut page.tx).await?;
    let phone_numbers = own_routes.iter().filter(|route| route.kind == "phone_number").count();
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
        readiness: readiness(&cards, &agents, &choice, phone_numbers),
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

/// The capability of a calendar that takes appointments.
const BOOK: &str = "book";

/// How a whole call goes, from what the cards, the agents and the routes say.
fn readiness(cards: &[Card], agents: &[AgentRow], choice: &Choice, phone_numbers: usize) -> Readiness {
    // Found by what it can do, so that another calendar needs no line here.
    let calendar = cards.iter().find(|card| card.spec.capabilities.iter().any(|known| known.key == BOOK));
    let vapi = cards.iter().find(|card| card.spec.id == ProviderId::Vapi);
    let find = |id: ProviderId| cards.iter().find(|card| card.spec.id == id);
    let order = choice.order(None);
    let senders: Vec<Service<'static>> =
        order.into_iter().filter_map(|(id, _)| find(id)).map(|card| service(card, sms::CAPABILITY)).collect();
    Readiness::of(&ReadinessFacts {
        vapi: vapi.map_or(CardState::NotConfigured, |card| card.state),
        assistants_ready: agents.iter().all(|agent| agent.vapi_state == "ready"),
        assistant_error: agents.iter().find_map(|agent| agent.vapi_error.as_deref()),
        notice: vapi.and_then(|card| card.row.as_ref()?.notice.as_deref()),
        phone_numbers: Some(phone_numbers),
        calendar: calendar.map(|card| service(card, BOOK)),
        senders: &senders,
    })
}

fn service(card: &Card, capability: &str) -> Service<'static> {
    let answers = card.row.iter().flat_map(|row| row.capabilities.iter());
    let mut of_it = answers.filter(|line| line.capability == capability).map(|line| line.answer);
    Service {
        name: card.spec.name,
        word: card.spec.id.as_str(),
        state: card.state,
        is_able: of_it.next() != Some(Answer::No),
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
