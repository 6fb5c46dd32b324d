//! A provider as a clinic has set it up: state, proof, what works, what to do.

use leptos::prelude::*;

use super::accounts::{Accounts, AccountsView};
use super::badge::{StateBadge, meaning_class};
use super::button::{AskSomeone, ButtonLink, PostButton, Weight};
use super::capability_list::CapabilityList;
use super::copy_box::CopyBox;
use super::flash::Reference;
use super::report::capitalized;
use super::time::Ago;
use crate::app::icons::{Icon, IconName};
use crate::app::relative::UnixMillis;
use crate::app::wire::AssistantLine;
use crate::domain::card::CardState;
use crate::domain::{CapabilityResult, CredentialId, OrgId, ProviderId};

/// What stands behind the state.
#[derive(Clone, Debug, Default)]
pub struct Proof {
    pub checked_at: Option<UnixMillis>,
    pub used_at: Option<UnixMillis>,
    /// What used it: "a call", "a message".
    pub used_by: Option<&'static str>,
}

/// What went wrong, in four parts.
#[derive(Clone, Debug)]
pub struct ErrorView {
    /// Says who said what: "Twilio rejected the Auth Token".
    pub headline: String,
    pub fix: Option<String>,
    pub fix_url: Option<String>,
    /// Also stands in the audit trail.
    pub reference: Option<String>,
}

/// A stored value in the open or in its masked form.
#[derive(Clone, Debug)]
pub struct HintRow {
    pub label: String,
    pub value: String,
}

/// Everything that a card shows.
#[derive(Clone, Debug)]
pub struct CardView {
    pub org: OrgId,
    pub provider: ProviderId,
    pub name: &'static str,
    pub category: &'static str,
    pub purpose: &'static str,
    pub state: CardState,
    pub proof: Proof,
    /// The account at the provider: "Praxis Nord (AC12...)".
    pub identity_name: Option<String>,
    pub capabilities: Vec<CapabilityResult>,
    pub error: Option<ErrorView>,
    /// Something to know although the credential works.
    pub notices: Vec<String>,
    pub hints: Vec<HintRow>,
    pub assistants: Vec<AssistantLine>,
    pub can_configure: bool,
    /// "Ask an owner or admin: A. Meyer".
    pub may_ask: Option<String>,
    pub has_credential: bool,
    /// The button of a card without a credential: "Configure", "Connect", "Reconnect".
    pub first_label: &'static str,
    /// The version that Restore would bring back.
    pub restorable: Option<CredentialId>,
    /// The provider sends text messages and can send one now.
    pub can_send_test: bool,
    /// The address that has to be entered at the provider by hand.
    pub callback: Option<Callback>,
    /// Nothing is connected, versions are stored, and the person may remove them for good.
    pub can_purge: bool,
    /// The accounts beside the primary one, which is what the card is about.
    pub accounts: AccountsView,
}

/// An address of ours for the provider.
#[derive(Clone, Debug)]
pub struct Callback {
    pub url: String,
    /// Where at the provider it is entered, and what with it.
    pub place: &'static str,
}

/// Where the mark of a provider lies.
pub fn mark_href(provider: ProviderId) -> String {
    format!("/marks/{}.svg", provider.as_str())
}

/// The card.
#[component]
pub fn IntegrationCard(card: CardView, now: UnixMillis) -> impl IntoView {
    let title_id = format!("card-{}", card.provider.as_str());
    let actions = if card.can_configure {
        actions(&card).into_any()
    } else {
        view! { <AskSomeone may_ask=card.may_ask.clone() /> }.into_any()
    };
    view! {
        <article
            class=format!("card {}", meaning_class(card.state.meaning()))
            aria-labelledby=title_id.clone()
            data-provider=card.provider.as_str()
        >
            <header class="card-header">
                <img class="mark" src=mark_href(card.provider) alt="" width="40" height="40" />
                <div class="card-title">
                    <h3 id=title_id.clone()>{card.name}</h3>
                    <StateBadge state=card.state />
                </div>
            </header>
            <div class="card-body">
                <p class="card-purpose">{card.purpose}</p>
                <ProofLine proof=card.proof now />
                {card.error.map(|error| view! { <ErrorBox error /> })}
                {card.notices.into_iter().map(|notice| view! { <p class="card-notice">{notice}</p> }).collect_view()}
                <CapabilityList lines=card.capabilities />
                {card.callback.map(|callback| {
                    view! {
                        <CopyBox label="Callback URL" value=callback.url />
                        <p class="card-callback">{callback.place}</p>
                    }
                })}
                {details(card.identity_name, card.hints, card.assistants)}
                <Accounts
                    org=card.org
                    provider=card.provider
                    name=card.name
                    accounts=card.accounts
                    can_configure=card.can_configure
                />
            </div>
            <footer class="card-footer">{actions}</footer>
        </article>
    }
}

/// "Checked 4 min ago · Last used by a call 12 s ago".
#[component]
pub fn ProofLine(proof: Proof, now: UnixMillis) -> impl IntoView {
    let checked = proof.checked_at.map(|at| {
        view! {
            <span>
                <span>"Checked "</span>
                <Ago now at />
            </span>
        }
    });
    let used = proof.used_at.map(|at| {
        let by = proof.used_by.map_or("Last used ".to_owned(), |what| format!("Last used by {what} "));
        view! {
            <span>
                <span>{by}</span>
                <Ago now at />
            </span>
        }
    });
    (checked.is_some() || used.is_some()).then(|| view! { <p class="proof">{checked} {used}</p> })
}

/// What happened, who said it, what to do.
#[component]
pub fn ErrorBox(error: ErrorView) -> impl IntoView {
    let link = error.fix_url.map(|url| {
        view! {
            <a class="external" href=url target="_blank" rel="noopener noreferrer">
                "Open the provider's page"
                <Icon name=IconName::External />
            </a>
        }
    });
    view! {
        <div class="error-box">
            <p class="error-title">{error.headline}</p>
            {error.fix.map(|fix| view! { <p>{fix}</p> })}
            {link}
            {error.reference.map(|reference| view! { <Reference reference /> })}
        </div>
    }
}

fn details(
    identity: Option<String>,
    hints: Vec<HintRow>,
    assistants: Vec<AssistantLine>,
) -> Option<impl IntoView> {
    let mut rows: Vec<(String, String)> =
        identity.map(|name| ("Account".to_owned(), name)).into_iter().collect();
    rows.extend(hints.into_iter().map(|hint| (hint.label, hint.value)));
    rows.extend(assistants.into_iter().map(|line| {
        let what = line.id.or(line.note).unwrap_or_else(|| "not made yet".to_owned());
        (format!("{} assistant", capitalized(&line.role)), what)
    }));
    (!rows.is_empty()).then(|| {
        let rows = rows
            .into_iter()
            .map(|(label, value)| {
                view! {
                    <div>
                        <dt>{label}</dt>
                        <dd>{value}</dd>
                    </div>
                }
            })
            .collect_view();
        view! {
            <details class="fold card-details">
                <summary>"Details"</summary>
                <dl class="facts">{rows}</dl>
            </details>
        }
    })
}

/// The main button of the page is where something is wrong; among many cards that only wait to be set
/// up, none calls louder than the others.
fn actions(card: &CardView) -> impl IntoView + use<> {
    let word = card.provider.as_str();
    let base = format!("/dashboard/integrations/{word}");
    let is_broken = matches!(card.state, CardState::Error | CardState::Unreadable);
    let (label, weight) = match (card.has_credential, is_broken) {
        (false, _) => (card.first_label, Weight::Plain),
        (true, true) => ("Reconnect", Weight::Main),
        (true, false) => ("Configure", Weight::Plain),
    };
    let configure = view! {
        <ButtonLink
            id=word.to_owned()
            href=format!("/dashboard/integrations?panel={word}")
            label
            weight
            full_label=format!("{label} {}", card.name)
        />
    };
    let org = card.org;
    // What cannot be read cannot be tested: the button would only fail.
    let verify = (card.has_credential && card.state != CardState::Unreadable).then(|| {
        view! { <PostButton org action=format!("{base}/verify") label="Verify" icon=IconName::Refresh weight=Weight::Quiet /> }
    });
    let resume = (card.state == CardState::Paused).then(|| {
        view! { <PostButton org action=format!("{base}/resume") label="Resume" weight=Weight::Main /> }
    });
    let test = (card.can_send_test && verify.is_some()).then(|| {
        view! {
            <ButtonLink
                href="/dashboard/integrations?panel=sms"
                label="Send test SMS"
                icon=IconName::Send
                weight=Weight::Quiet
                id="sms".to_owned()
            />
        }
    });
    let restore = card.restorable.filter(|_| !card.has_credential).map(|credential| {
        view! {
            <PostButton
                org
                action=format!("{base}/restore")
                label="Restore"
                icon=IconName::Undo
                weight=Weight::Quiet
                extra=("credential", credential.to_string())
            />
        }
    });
    let disconnect = card.has_credential.then(|| {
        view! {
            <ButtonLink
                href=format!("/dashboard/integrations?panel={word}&confirm=disconnect")
                label="Disconnect"
                weight=Weight::Quiet
                full_label=format!("Disconnect {}", card.name)
            />
        }
    });
    let purge = card.can_purge.then(|| {
        view! {
            <ButtonLink
                href=format!("/dashboard/integrations?panel={word}&confirm=disconnect")
                label="Remove for good"
                weight=Weight::Quiet
                full_label=format!("Remove for good what is stored for {}", card.name)
            />
        }
    });
    view! { {resume} {configure} {verify} {test} {restore} {disconnect} {purge} }
}
