//! `/dashboard`: what works for callers right now, and what to do next.

use axum::response::Html;

use super::{Page, views};
use crate::app::NavItem;
use crate::app::pages::overview::{NextStep, OverviewView, ReadinessLine, overview_page};
use crate::db::agents::{self, AgentRow};
use crate::domain::ProviderId;
use crate::domain::card::{CardState, Meaning};
use crate::http::error::HttpError;
use crate::integrations::cards::{self, Card};

/// The page.
pub async fn show(mut page: Page) -> Result<Html<String>, HttpError> {
    let may_ask = page.may_ask().await?;
    let services = page.state.services.clone();
    let cards = cards::list(&mut page.tx, &services).await?;
    let agents = agents::list(&mut page.tx).await?;
    let org = page.scope.org;
    let can_configure = page.can_configure();
    let view = OverviewView {
        now: page.now(),
        org_name: page.scope.org_name.clone(),
        readiness: readiness(&cards, &agents),
        next_steps: if can_configure { next_steps(&cards) } else { Vec::new() },
        cards: cards
            .iter()
            .map(|card| views::card(org, card, &agents, can_configure, may_ask.as_ref()))
            .collect(),
    };
    page.draw("Overview", NavItem::Overview, || overview_page(view)).await
}

fn state(cards: &[Card], provider: ProviderId) -> CardState {
    cards.iter().find(|card| card.spec.id == provider).map_or(CardState::NotConfigured, |card| card.state)
}

/// One line for each thing that callers notice, with the reason where it does not work.
fn readiness(cards: &[Card], agents: &[AgentRow]) -> Vec<ReadinessLine> {
    let vapi = state(cards, ProviderId::Vapi);
    let are_ready = agents.iter().all(|agent| agent.vapi_state == "ready");
    let calls = match vapi {
        CardState::Connected | CardState::ConnectedLimited if are_ready => {
            line(Meaning::Works, "Calls are answered", None)
        }
        CardState::Connected | CardState::ConnectedLimited => {
            let reason = agents.iter().find_map(|agent| agent.vapi_error.clone());
            line(
                Meaning::Attention,
                "Calls are not ready yet",
                reason.or(Some("An assistant is missing at Vapi.".to_owned())),
            )
        }
        other => line(other.meaning(), "Calls are not answered", Some(reason_of("Vapi", other))),
    };
    let messages = match state(cards, ProviderId::Twilio) {
        CardState::Connected | CardState::ConnectedLimited => {
            line(Meaning::Works, "Text messages are sent", None)
        }
        other => line(other.meaning(), "Text messages are not sent", Some(reason_of("Twilio", other))),
    };
    vec![calls, messages]
}

fn line(meaning: Meaning, text: &str, reason: Option<String>) -> ReadinessLine {
    ReadinessLine { meaning, text: text.to_owned(), reason }
}

fn reason_of(name: &str, state: CardState) -> String {
    match state {
        CardState::NotConfigured => format!("{name} is not connected."),
        CardState::Paused => format!("{name} is paused."),
        CardState::Error => format!("{name} refused the credential at the last check."),
        CardState::CannotCheck => format!("{name} could not be reached at the last check; calls still try."),
        CardState::Unreadable => format!("The stored credential for {name} cannot be read."),
        CardState::NeedsVerification | CardState::Connected | CardState::ConnectedLimited => {
            format!("{name} needs to be verified.")
        }
    }
}

fn next_steps(cards: &[Card]) -> Vec<NextStep> {
    cards
        .iter()
        .filter_map(|card| {
            let (name, word) = (card.spec.name, card.spec.id.as_str());
            let (text, label) = match card.state {
                // Calls need these two; everything else is a clinic's own choice and no task.
                CardState::NotConfigured if matches!(card.spec.id, ProviderId::Vapi | ProviderId::Twilio) => {
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
