//! All providers as cards, worst first, and the panel that is open over them.

use leptos::prelude::*;

use super::connect_panel::{ConnectPanelView, connect_panel};
use super::consent_panel::{ConsentPanelView, consent_panel};
use super::disconnect_panel::{DisconnectPanelView, disconnect_panel};
use super::sms_panel::{SmsPanelView, sms_panel};
use crate::app::components::badge::{meaning_class, meaning_icon};
use crate::app::components::card::{CardView, IntegrationCard};
use crate::app::components::page_header::PageHeader;
use crate::app::icons::Icon;
use crate::app::relative::UnixMillis;
use crate::domain::card::{CardState, Meaning};

/// What the page shows.
#[derive(Clone, Debug)]
pub struct IntegrationsView {
    pub now: UnixMillis,
    /// In any order.
    pub cards: Vec<CardView>,
    /// Only the cards with this meaning; `None` shows all.
    pub filter: Option<Meaning>,
    pub panel: Option<Panel>,
}

/// What is open over the page.
#[derive(Clone, Debug)]
pub enum Panel {
    Connect(Box<ConnectPanelView>),
    Consent(Box<ConsentPanelView>),
    Disconnect(DisconnectPanelView),
    Sms(SmsPanelView),
}

/// The page.
pub fn integrations_page(view: IntegrationsView) -> impl IntoView {
    let IntegrationsView { now, mut cards, filter, panel } = view;
    let strip = strip(&cards, filter);
    let lead = summary(&cards);
    cards.sort_by_key(|card| (card.state.urgency(), card.name));
    cards.retain(|card| filter.is_none_or(|meaning| card.state.meaning() == meaning));
    let panel = panel.map(|panel| match panel {
        Panel::Connect(view) => connect_panel(*view).into_any(),
        Panel::Consent(view) => consent_panel(*view).into_any(),
        Panel::Disconnect(view) => disconnect_panel(view).into_any(),
        Panel::Sms(view) => sms_panel(view).into_any(),
    });
    view! {
        <PageHeader title="Integrations" lead=lead />
        {strip}
        <section class="cards" aria-label="Providers">
            {cards.into_iter().map(|card| view! { <IntegrationCard card now /> }).collect_view()}
        </section>
        {panel}
    }
}

/// "2 of 7 need attention", or that all is well.
pub fn summary(cards: &[CardView]) -> String {
    let total = cards.len();
    let count =
        |meanings: &[Meaning]| cards.iter().filter(|card| meanings.contains(&card.state.meaning())).count();
    let trouble = count(&[Meaning::Broken, Meaning::Attention]);
    if trouble > 0 {
        let verb = if trouble == 1 { "needs" } else { "need" };
        return format!("{trouble} of {total} {verb} attention.");
    }
    let connected = connected(cards);
    if connected == total {
        format!("{connected} of {total} connected. Everything works.")
    } else {
        format!("{connected} of {total} connected.")
    }
}

/// How many are connected and work, if only in part.
pub fn connected(cards: &[CardView]) -> usize {
    let works = |card: &&CardView| matches!(card.state, CardState::Connected | CardState::ConnectedLimited);
    cards.iter().filter(works).count()
}

/// Counts per meaning; each count is a filter.
fn strip(cards: &[CardView], filter: Option<Meaning>) -> impl IntoView + use<> {
    let meanings = [Meaning::Broken, Meaning::Attention, Meaning::Unknown, Meaning::Works];
    let links = meanings
        .into_iter()
        .filter_map(|meaning| {
            let count = cards.iter().filter(|card| card.state.meaning() == meaning).count();
            (count > 0 || filter == Some(meaning)).then(|| {
                let (word, label) = filter_words(meaning);
                let is_on = filter == Some(meaning);
                let href = if is_on {
                    "/dashboard/integrations".to_owned()
                } else {
                    format!("/dashboard/integrations?show={word}")
                };
                view! {
                    <li>
                        <a
                            class=format!("count {}", meaning_class(meaning))
                            href=href
                            aria-current=is_on.then_some("true")
                        >
                            <Icon name=meaning_icon(meaning) />
                            <strong class="numbers">{count.to_string()}</strong>
                            <span>{label}</span>
                        </a>
                    </li>
                }
            })
        })
        .collect_view();
    view! {
        <nav class="strip" aria-label="Filter by state">
            <ul>{links}</ul>
        </nav>
    }
}

const fn filter_words(meaning: Meaning) -> (&'static str, &'static str) {
    match meaning {
        Meaning::Works => ("works", "working"),
        Meaning::Attention => ("attention", "need attention"),
        Meaning::Broken => ("broken", "broken"),
        Meaning::Unknown => ("unknown", "not set up or not known"),
    }
}

/// Reads the `show` parameter of the page's address.
pub fn parse_filter(word: &str) -> Option<Meaning> {
    CardState::ALL.into_iter().map(CardState::meaning).find(|meaning| filter_words(*meaning).0 == word)
}
