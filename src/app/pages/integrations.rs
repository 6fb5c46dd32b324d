//! All providers as cards, grouped by what they are for, and the panel that is open over them.
//!
//! Groups stand in the order of the catalogue, so that each has its place; one in which something is
//! wrong comes first, and within a group the worst card does.

use leptos::prelude::*;

use super::connect_panel::{ConnectPanelView, connect_panel};
use super::consent_panel::{ConsentPanelView, consent_panel};
use super::disconnect_panel::{DisconnectPanelView, disconnect_panel};
use super::sms_panel::{SmsPanelView, sms_panel};
use crate::app::components::badge::{meaning_class, meaning_icon};
use crate::app::components::button::ButtonLink;
use crate::app::components::card::{CardView, IntegrationCard};
use crate::app::components::empty::Empty;
use crate::app::components::page_header::PageHeader;
use crate::app::icons::{Icon, IconName};
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
    Sms(Box<SmsPanelView>),
}

/// The page.
pub fn integrations_page(view: IntegrationsView) -> impl IntoView {
    let IntegrationsView { now, cards, filter, panel } = view;
    let strip = strip(&cards, filter);
    let lead = summary(&cards);
    let groups = groups(cards, filter);
    let is_empty = groups.is_empty();
    let groups = groups.into_iter().map(|group| section(group, now)).collect_view();
    let panel = panel.map(|panel| match panel {
        Panel::Connect(view) => connect_panel(*view).into_any(),
        Panel::Consent(view) => consent_panel(*view).into_any(),
        Panel::Disconnect(view) => disconnect_panel(view).into_any(),
        Panel::Sms(view) => sms_panel(*view).into_any(),
    });
    view! {
        <PageHeader title="Integrations" lead=lead />
        {strip}
        {is_empty.then(|| {
            view! {
                <Empty icon=IconName::CheckCircle title="None in this state" text="No provider is in this state right now.">
                    <ButtonLink href="/dashboard/integrations" label="Show all" />
                </Empty>
            }
        })}
        {groups}
        {panel}
    }
}

/// Where a category stands on the way of a call; what is not on it comes last.
fn on_the_way(category: &str) -> usize {
    const WAY: [&str; 3] = ["Voice", "Messages", "Calendar"];
    WAY.iter().position(|known| *known == category).unwrap_or(WAY.len())
}

/// The providers of one category.
struct Group {
    category: &'static str,
    /// Of all its providers, those that a filter hides included.
    summary: String,
    /// Worst first.
    cards: Vec<CardView>,
}

fn groups(mut cards: Vec<CardView>, filter: Option<Meaning>) -> Vec<Group> {
    // Only trouble moves a group: what is merely not set up stays where it is.
    const TROUBLE: u8 = 1;
    cards.sort_by_key(|card| card.provider);
    let mut groups: Vec<(u8, Vec<CardView>)> = Vec::new();
    for card in cards {
        let urgency = card.state.urgency().min(TROUBLE + 1);
        match groups.iter_mut().find(|(_, members)| members[0].category == card.category) {
            Some((worst, members)) => {
                *worst = urgency.min(*worst);
                members.push(card);
            }
            None => groups.push((urgency, vec![card])),
        }
    }
    groups.sort_by_key(|(worst, members)| (*worst, on_the_way(members[0].category)));
    let groups = groups.into_iter().map(|(_, mut cards)| {
        let (category, summary) = (cards[0].category, group_summary(&cards));
        cards.sort_by_key(|card| (card.state.urgency(), card.provider));
        cards.retain(|card| filter.is_none_or(|meaning| card.state.meaning() == meaning));
        Group { category, summary, cards }
    });
    groups.filter(|group| !group.cards.is_empty()).collect()
}

/// "1 of 3 connected".
fn group_summary(cards: &[CardView]) -> String {
    match (connected(cards), cards.len()) {
        (0, _) => "None connected".to_owned(),
        (1, 1) => "Connected".to_owned(),
        (connected, total) => format!("{connected} of {total} connected"),
    }
}

fn section(group: Group, now: UnixMillis) -> impl IntoView {
    let id = format!(
        "group-{}",
        group.category.to_lowercase().replace(|letter: char| !letter.is_ascii_alphanumeric(), "-")
    );
    view! {
        <section class="group" aria-labelledby=id.clone()>
            <header class="group-header">
                <h2 id=id.clone()>{group.category}</h2>
                <p>{group.summary}</p>
            </header>
            <div class="cards">
                {group.cards.into_iter().map(|card| view! { <IntegrationCard card now /> }).collect_view()}
            </div>
        </section>
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
        Meaning::Unknown => ("unknown", "not set up or unchecked"),
    }
}

/// Reads the `show` parameter of the page's address.
pub fn parse_filter(word: &str) -> Option<Meaning> {
    CardState::ALL.into_iter().map(CardState::meaning).find(|meaning| filter_words(*meaning).0 == word)
}
