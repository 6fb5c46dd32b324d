//! The accounts of a provider beside its primary one, as its card lists them, and the way to one more.

use leptos::prelude::*;

use super::badge::StateBadge;
use super::button::{ButtonLink, PostButton, Weight};
use crate::app::icons::IconName;
use crate::domain::card::CardState;
use crate::domain::{CredentialId, OrgId, ProviderId};

/// One of them.
#[derive(Clone, Debug)]
pub struct AccountView {
    pub label: String,
    pub state: CardState,
    /// The account at the provider, where it is known.
    pub identity_name: Option<String>,
    pub has_credential: bool,
    pub restorable: Option<CredentialId>,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub struct AccountsView {
    /// What the clinic calls the primary one; told only where there are others.
    pub primary: Option<String>,
    pub others: Vec<AccountView>,
    /// There is room for one more, and the provider takes several.
    pub can_add: bool,
}

/// The list, where there is anything in it or to add.
#[component]
pub fn Accounts(
    org: OrgId,
    provider: ProviderId,
    name: &'static str,
    accounts: AccountsView,
    can_configure: bool,
) -> impl IntoView {
    let word = provider.as_str();
    let AccountsView { primary, others, can_add } = accounts;
    let primary = primary.filter(|_| !others.is_empty()).map(|label| {
        view! {
            <p class="account-primary">
                "Calls use "
                <strong>{label}</strong>
                "."
            </p>
        }
    });
    let count = others.len();
    let list = (!others.is_empty()).then(|| {
        let rows = others.into_iter().map(|other| row(org, word, name, other, can_configure)).collect_view();
        view! { <ul class="accounts" aria-label=format!("Other accounts of {name}")>{rows}</ul> }
    });
    let add = (can_add && can_configure).then(|| {
        view! {
            <ButtonLink
                href=format!("/dashboard/integrations?panel={word}&account=new")
                label="Add another account"
                weight=Weight::Quiet
                full_label=format!("Add another account of {name}")
            />
        }
    });
    (list.is_some() || add.is_some()).then(|| {
        let summary =
            if count == 0 { "More accounts".to_owned() } else { format!("More accounts ({count})") };
        view! {
            <details class="fold card-accounts" open=count != 0>
                <summary>{summary}</summary>
                <div class="fold-body">{primary} {list} {add}</div>
            </details>
        }
    })
}

fn row(
    org: OrgId,
    word: &'static str,
    name: &'static str,
    other: AccountView,
    can_configure: bool,
) -> impl IntoView {
    let base = format!("/dashboard/integrations/{word}");
    let label = other.label.clone();
    let panel = format!("/dashboard/integrations?panel={word}&account={}", encoded(&label));
    let post = |path: &str, text: &'static str, icon: Option<IconName>| {
        let (action, extra) = (format!("{base}/{path}"), ("label", label.clone()));
        match icon {
            Some(icon) => {
                view! { <PostButton org action label=text icon weight=Weight::Quiet extra /> }.into_any()
            }
            None => view! { <PostButton org action label=text weight=Weight::Quiet extra /> }.into_any(),
        }
    };
    let is_usable = other.has_credential && other.state != CardState::Unreadable;
    let actions = can_configure.then(|| {
        let verify = is_usable.then(|| post("verify", "Verify", Some(IconName::Refresh)));
        let resume = (other.state == CardState::Paused).then(|| post("resume", "Resume", None));
        let primary = is_usable.then(|| post("primary", "Make primary", None));
        let restore = other
            .restorable
            .filter(|_| !other.has_credential)
            .map(|_| post("restore", "Restore", Some(IconName::Undo)));
        view! {
            <div class="account-actions">
                {resume} {primary} {verify} {restore}
                <ButtonLink
                    href=panel.clone()
                    label="Configure"
                    weight=Weight::Quiet
                    full_label=format!("Configure {name} {label}")
                />
                <ButtonLink
                    href=format!("{panel}&confirm=disconnect")
                    label="Disconnect"
                    weight=Weight::Quiet
                    full_label=format!("Disconnect {name} {label}")
                />
            </div>
        }
    });
    view! {
        <li>
            <div class="account-title">
                <strong>{other.label}</strong>
                <StateBadge state=other.state />
            </div>
            {other.identity_name.map(|identity| view! { <p>{identity}</p> })}
            {actions}
        </li>
    }
}

/// A label as part of an address.
pub fn encoded(label: &str) -> String {
    url::form_urlencoded::byte_serialize(label.as_bytes()).collect()
}
