//! What a state looks like: an icon, a word and one of four meanings.

use leptos::prelude::*;

use crate::app::icons::{Icon, IconName};
use crate::domain::card::{CardState, Meaning};

/// The class that colours a meaning.
pub const fn meaning_class(meaning: Meaning) -> &'static str {
    match meaning {
        Meaning::Works => "is-works",
        Meaning::Attention => "is-attention",
        Meaning::Broken => "is-broken",
        Meaning::Unknown => "is-unknown",
    }
}

/// The icon of a meaning, where no finer one is known.
pub const fn meaning_icon(meaning: Meaning) -> IconName {
    match meaning {
        Meaning::Works => IconName::CheckCircle,
        Meaning::Attention => IconName::Alert,
        Meaning::Broken => IconName::Octagon,
        Meaning::Unknown => IconName::Question,
    }
}

const fn state_icon(state: CardState) -> IconName {
    match state {
        CardState::NotConfigured => IconName::Dotted,
        CardState::Connected => IconName::CheckCircle,
        CardState::ConnectedLimited => IconName::Alert,
        CardState::NeedsVerification => IconName::Clock,
        CardState::Error => IconName::Octagon,
        CardState::Paused => IconName::Pause,
        CardState::CannotCheck => IconName::Question,
        CardState::Unreadable => IconName::Lock,
    }
}

/// A word with a meaning.
#[component]
pub fn Badge(meaning: Meaning, #[prop(into)] text: String) -> impl IntoView {
    let class = format!("badge {}", meaning_class(meaning));
    view! {
        <span class=class>
            <Icon name=meaning_icon(meaning) />
            <span>{text}</span>
        </span>
    }
}

/// The state of a card.
#[component]
pub fn StateBadge(state: CardState) -> impl IntoView {
    let class = format!("badge {}", meaning_class(state.meaning()));
    view! {
        <span class=class data-state=state.as_str()>
            <Icon name=state_icon(state) />
            <span>{state.label()}</span>
        </span>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_its_own_word_and_an_icon() {
        for state in CardState::ALL {
            let html = Owner::new().with(|| view! { <StateBadge state /> }.to_html());
            assert!(html.contains("<svg"), "{html}");
            assert!(html.contains(state.label()), "{html}");
        }
    }
}
