//! The panel of a provider that asks for consent on its own page: what will be asked, the way there,
//! and what is chosen once there is a consent. A plain form: the browser leaves the page anyway.

use leptos::prelude::*;

use super::connect_panel::INTEGRATIONS;
use crate::app::components::button::{ButtonLink, OrgField, Submit, Weight};
use crate::app::components::card::mark_href;
use crate::app::components::copy_box::CopyBox;
use crate::app::components::dialog::Panel;
use crate::app::components::field::{Field, FieldView};
use crate::app::components::report::Report;
use crate::app::wire::ReportView;
use crate::domain::provider::ScopeSpec;
use crate::domain::{OrgId, ProviderId};

/// What may be chosen in the account.
#[derive(Clone, Debug)]
pub struct ChoiceView {
    pub key: &'static str,
    pub label: &'static str,
    /// Value and words.
    pub options: Vec<(String, String)>,
    pub chosen: String,
}

/// The consent of another account than the connected one, which waits for a word.
#[derive(Clone, Debug)]
pub struct OtherAccountView {
    pub picked: String,
    pub connected: String,
    pub draft: String,
    /// Cards that live on the same permission and move along.
    pub moves: Vec<&'static str>,
}

/// Everything that the panel shows.
#[derive(Clone, Debug)]
pub struct ConsentPanelView {
    pub org: OrgId,
    pub provider: ProviderId,
    pub name: &'static str,
    pub purpose: &'static str,
    pub button: &'static str,
    pub scopes: &'static [ScopeSpec],
    /// The connected account; none while there is no consent.
    pub account: Option<String>,
    /// Fields of the form but the choice, where that has options.
    pub fields: Vec<FieldView>,
    pub choice: Option<ChoiceView>,
    /// The account has a list that something is chosen from.
    pub has_list: bool,
    pub other_account: Option<OtherAccountView>,
    pub report: Option<ReportView>,
    /// A sentence for the whole form.
    pub message: Option<String>,
    /// Has to be registered at an OAuth client of the clinic's own.
    pub redirect_url: String,
}

/// The panel.
pub fn consent_panel(view: ConsentPanelView) -> impl IntoView {
    let word = view.provider.as_str();
    let close = format!("{INTEGRATIONS}#{word}");
    let title = if view.account.is_some() { view.name.to_owned() } else { format!("Connect {}", view.name) };
    let body = match view.other_account.clone() {
        Some(other) => other_account(&view, other).into_any(),
        None => form(&view).into_any(),
    };
    view! {
        <Panel id="consent" title lead=view.purpose.to_owned() close_href=close mark=mark_href(view.provider)>
            {view.report.map(|report| view! { <Report report /> })}
            {view.message.map(|message| view! { <p class="error-title">{message}</p> })}
            {body}
        </Panel>
    }
}

fn form(view: &ConsentPanelView) -> impl IntoView + use<> {
    let word = view.provider.as_str();
    let action = format!("{INTEGRATIONS}/{word}/connect");
    let close = format!("{INTEGRATIONS}#{word}");
    let has_consent = view.account.is_some();
    let asked = (!has_consent).then(|| asked(view.scopes));
    let account = view.account.clone().map(|account| {
        view! {
            <p>
                "Signed in as "
                <strong>{account}</strong>
                "."
            </p>
        }
    });
    let is_listed = view.choice.is_some() || !view.has_list;
    let choice = view.choice.clone().map(choice_field);
    let (open, folded): (Vec<_>, Vec<_>) = view
        .fields
        .iter()
        .filter(|field| has_consent || field.folded_under.is_some())
        .cloned()
        .partition(|field| field.folded_under.is_none());
    let open = open.into_iter().map(|field| view! { <Field field /> }).collect_view();
    let folded = folds(folded, &view.redirect_url);
    let buttons = if has_consent {
        let list = (!is_listed).then(|| view! { <Submit label="List calendars" sends=("intent", "list") /> });
        view! {
            <Submit label="Test and save" weight=Weight::Main sends=("intent", "test_and_save") />
            {list}
            <Submit label="Sign in again" sends=("intent", "sign_in") />
            <ButtonLink href=close label="Cancel" weight=Weight::Quiet />
        }
        .into_any()
    } else {
        view! {
            <Submit label=view.button weight=Weight::Main sends=("intent", "sign_in") />
            <ButtonLink href=close label="Cancel" weight=Weight::Quiet />
        }
        .into_any()
    };
    view! {
        <form class="form" id="consent-form" method="post" action=action>
            <OrgField org=view.org />
            {asked}
            {account}
            {choice}
            {open}
            {folded}
            <div class="form-actions">{buttons}</div>
        </form>
    }
}

/// What the provider's page will ask, and what does not work without it.
fn asked(scopes: &'static [ScopeSpec]) -> impl IntoView {
    let lines = scopes
        .iter()
        .map(|scope| {
            view! {
                <li>
                    <strong>{scope.words}</strong>
                    <span>{format!(" Without it: {}", scope.without)}</span>
                </li>
            }
        })
        .collect_view();
    view! {
        <div class="permissions">
            <p>
                <strong>"Leave all boxes ticked on the next page"</strong>
            </p>
            <ul class="consequences">{lines}</ul>
        </div>
    }
}

fn choice_field(choice: ChoiceView) -> impl IntoView {
    let id = format!("field-{}", choice.key);
    let options = choice
        .options
        .into_iter()
        .map(|(value, words)| {
            let is_chosen = value == choice.chosen;
            view! {
                <option value=value selected=is_chosen>
                    {words}
                </option>
            }
        })
        .collect_view();
    view! {
        <div class="field">
            <label for=id.clone()>{choice.label}</label>
            <select class="input" id=id name=choice.key>
                {options}
            </select>
        </div>
    }
}

/// The folded groups; the one with the client's fields also says what has to be registered there.
fn folds(fields: Vec<FieldView>, redirect_url: &str) -> impl IntoView + use<> {
    let mut groups: Vec<(&'static str, Vec<FieldView>)> = Vec::new();
    for field in fields {
        let heading = field.folded_under.unwrap_or_default();
        match groups.iter_mut().find(|(known, _)| *known == heading) {
            Some((_, members)) => members.push(field),
            None => groups.push((heading, vec![field])),
        }
    }
    groups
        .into_iter()
        .map(|(heading, members)| {
            let is_open = members
                .iter()
                .any(|field| field.error.is_some() || !field.value.is_empty() || field.saved.is_some());
            let redirect = members.iter().any(|field| field.secret).then(|| {
                view! {
                    <p>"Register this address at the client, under Authorized redirect URIs:"</p>
                    <CopyBox value=redirect_url.to_owned() />
                }
                .into_any()
            });
            view! {
                <details class="fold" open=is_open>
                    <summary>{heading}</summary>
                    <div class="fold-body">
                        {redirect}
                        {members.into_iter().map(|field| view! { <Field field /> }.into_any()).collect_view()}
                    </div>
                </details>
            }
            // A type of its own, or the compiler gives up on the depth of all of them together.
            .into_any()
        })
        .collect_view()
}

fn other_account(view: &ConsentPanelView, other: OtherAccountView) -> impl IntoView + use<> {
    let word = view.provider.as_str();
    let OtherAccountView { picked, connected, draft, moves } = other;
    let moves = (!moves.is_empty()).then(|| {
        view! { <p>{format!("{} uses the same permission and moves to it as well.", moves.join(" and "))}</p> }
    });
    view! {
        <form class="form" method="post" action=format!("{INTEGRATIONS}/{word}/connect")>
            <OrgField org=view.org />
            <input type="hidden" name="draft" value=draft />
            <p>
                "You picked "
                <strong>{picked.clone()}</strong>
                ". Connected is "
                <strong>{connected.clone()}</strong>
                ". Nothing was changed yet."
            </p>
            {moves}
            <div class="form-actions">
                <Submit
                    label=format!("Switch to {picked}")
                    weight=Weight::Danger
                    sends=("intent", "switch_account")
                />
                <ButtonLink href=format!("{INTEGRATIONS}#{word}") label=format!("Keep {connected}") />
            </div>
        </form>
    }
}
