//! From what the use cases know to what cards and panels show.

use serde_json::Value;

use super::millis;
use crate::app::components::accounts::{AccountView, AccountsView};
use crate::app::components::card::{CardView, ErrorView, HintRow, Proof};
use crate::app::components::field::{FieldView, SavedHint};
use crate::app::components::report::CapabilityCheck;
use crate::app::pages::connect_panel::ConnectPanelView;
use crate::app::pages::consent_panel::{ChoiceView, ConsentPanelView, OtherAccountView};
use crate::app::wire::{AssistantLine, ConnectAnswer, FieldError};
use crate::db::agents::AgentRow;
use crate::db::integrations::IntegrationRow;
use crate::domain::account::MOST_ACCOUNTS;
use crate::domain::card::CardState;
use crate::domain::provider::{OAuthSpec, ProviderSpec};
use crate::domain::{CredentialId, OrgId, ProviderId, Use};
use crate::http::flash::Said;
use crate::integrations::cards::Card;
use crate::providers::sms;

/// A card, as its page shows it.
pub fn card(
    org: OrgId,
    card: &Card,
    agents: &[AgentRow],
    can_configure: bool,
    may_ask: Option<&String>,
) -> CardView {
    let row = card.row.as_ref();
    let spec = card.spec;
    let is_connected = row.is_some_and(|row| row.active_credential_id.is_some());
    let is_usable =
        matches!(card.state, CardState::Connected | CardState::ConnectedLimited | CardState::CannotCheck);
    CardView {
        org,
        provider: spec.id,
        name: spec.name,
        category: spec.category,
        purpose: spec.purpose,
        state: card.state,
        proof: row.filter(|_| is_connected).map(proof).unwrap_or_default(),
        identity_name: row.filter(|_| is_connected).and_then(|row| row.identity_name.clone()),
        capabilities: row.filter(|_| is_connected).map(|row| row.capabilities.0.clone()).unwrap_or_default(),
        error: error(card),
        notices: row.filter(|_| is_connected).map(|row| notices(row, spec.name)).unwrap_or_default(),
        hints: row
            .filter(|_| is_connected)
            .map(|row| hints(spec, row.hint.as_ref().map(|hint| &hint.0)))
            .unwrap_or_default(),
        assistants: if spec.id == ProviderId::Vapi && is_connected { assistants(agents) } else { Vec::new() },
        can_configure,
        may_ask: may_ask.cloned(),
        has_credential: is_connected,
        first_label: match (spec.oauth(), row) {
            (None, _) => "Configure",
            (Some(_), Some(row)) if row.version_count > 0 => "Reconnect",
            (Some(_), _) => "Connect",
        },
        restorable: row
            .and_then(|row| row.restorable_id)
            .filter(|_| !is_connected && spec.oauth().is_none())
            .map(CredentialId),
        can_send_test: is_usable && spec.capabilities.iter().any(|known| known.key == sms::CAPABILITY),
        callback: None,
        can_purge: false,
        accounts: accounts(card),
    }
}

/// When the account was checked and used, and by what.
fn proof(row: &IntegrationRow) -> Proof {
    let used = row.last_use();
    Proof {
        checked_at: row.last_verified_at.map(millis),
        used_at: used.map(|(at, _)| millis(at)),
        used_by: used.and_then(|(_, what)| what).map(Use::phrase),
    }
}

/// The accounts beside the primary one, and whether there is room for another.
fn accounts(card: &Card) -> AccountsView {
    let count = card.others.len() + usize::from(card.row.is_some());
    AccountsView {
        primary: card.row.as_ref().map(|row| row.label.clone()),
        others: card
            .others
            .iter()
            .map(|other| AccountView {
                label: other.row.label.clone(),
                state: other.state,
                identity_name: other.row.identity_name.clone().or_else(|| other.row.identity.clone()),
                has_credential: other.row.active_credential_id.is_some(),
                restorable: other.row.restorable_id.map(CredentialId),
            })
            .collect(),
        can_add: card.row.is_some() && count < MOST_ACCOUNTS && card.spec.oauth().is_none(),
    }
}

/// What the clinic should know although the credential works.
fn notices(row: &IntegrationRow, name: &str) -> Vec<String> {
    let shared = row.is_shared.then(|| {
        format!(
            "Another clinic here uses the same account at {name}. If that is not meant to be, connect an account of your own."
        )
    });
    row.notice.iter().cloned().chain(shared).collect()
}

fn error(card: &Card) -> Option<ErrorView> {
    let row = card.row.as_ref()?;
    if card.state == CardState::Unreadable {
        return Some(ErrorView {
            headline: "The stored credential cannot be read with the keys that this service has.".to_owned(),
            fix: Some("Enter it again, or ask support to bring the missing key back.".to_owned()),
            fix_url: None,
            reference: row.kek_id.map(|id| format!("key {id}")),
        });
    }
    let headline = row.verification_error.clone()?;
    Some(ErrorView { headline, fix: row.fix_hint.clone(), fix_url: row.fix_url.clone(), reference: None })
}

/// The masked forms of a credential, in the order of the form.
pub fn hints(spec: &ProviderSpec, stored: Option<&Value>) -> Vec<HintRow> {
    let stored = stored.cloned().unwrap_or_default();
    spec.fields
        .iter()
        .filter_map(|field| {
            let value = stored.get(field.key)?.as_str()?;
            Some(HintRow { label: field.label.to_owned(), value: value.to_owned() })
        })
        .collect()
}

/// Both assistants, with what their absence means.
pub fn assistants(agents: &[AgentRow]) -> Vec<AssistantLine> {
    agents
        .iter()
        .map(|agent| AssistantLine {
            role: agent.role.clone(),
            id: agent.vapi_assistant_id.map(|id| id.to_string()),
            note: match agent.vapi_state.as_str() {
                "ready" => None,
                "deleted" => Some("Deleted here. Save the agent to make it again.".to_owned()),
                "failed" | "pending" => agent.vapi_error.clone(),
                _ => Some("Being made.".to_owned()),
            },
        })
        .collect()
}

/// The connect panel: the form with what is stored or was typed, and what the last try said.
pub fn connect_panel(
    org: OrgId,
    spec: &'static ProviderSpec,
    stored: Option<&Value>,
    said: &Said,
    is_draft: bool,
    is_connected: bool,
) -> ConnectPanelView {
    let answer = said.connect.clone().filter(|_| said.form == spec.id.as_str()).unwrap_or_default();
    let typed = (said.form == spec.id.as_str()).then_some(&said.values);
    let fields = spec
        .fields
        .iter()
        .map(|field| {
            let kept = stored.and_then(|stored| stored.get(field.key)?.as_str()).map(str::to_owned);
            let value = typed.and_then(|values| values.get(field.key)).cloned().or_else(|| kept.clone());
            let saved =
                kept.filter(|_| field.secret).map(|masked| SavedHint { masked, from_draft: is_draft });
            FieldView {
                error: FieldError::find(&answer.field_errors, field.key).map(str::to_owned),
                ..FieldView::of_provider(field, value.unwrap_or_default(), saved)
            }
        })
        .collect();
    let ConnectAnswer { report, draft, save_anyway, success, message, .. } = answer;
    ConnectPanelView {
        org,
        account: None,
        provider: spec.id,
        name: spec.name,
        purpose: spec.purpose,
        checks: spec
            .capabilities
            .iter()
            .map(|capability| CapabilityCheck { key: capability.key, label: capability.label })
            .collect(),
        fields,
        draft,
        report,
        save_anyway,
        success,
        message,
        permissions: spec.permissions.iter().map(|text| (*text).to_owned()).collect(),
        console_url: spec.console_url,
        can_rotate: is_connected && spec.id == ProviderId::Vapi,
    }
}

/// The panel of a provider that asks for consent. `cards` are all of the clinic's.
pub fn consent_panel(
    org: OrgId,
    card: &Card,
    cards: &[Card],
    oauth: &'static OAuthSpec,
    stored: Option<&Value>,
    said: &Said,
    redirect_url: String,
) -> ConsentPanelView {
    let spec = card.spec;
    let is_own = said.form == spec.id.as_str();
    let account = account_of(card);
    let others: Vec<&Card> = cards.iter().filter(|other| shares_consent(other, card)).collect();
    let connected = account.clone().or_else(|| others.iter().find_map(|other| account_of(other)));
    let choices = if is_own { said.choices.as_slice() } else { &[] };
    let view = connect_panel(org, spec, stored, said, false, false);
    let chosen = oauth.choice.and_then(|key| view.fields.iter().find(|field| field.key == key));
    let choice = chosen.filter(|_| !choices.is_empty()).map(|field| ChoiceView {
        key: field.key,
        label: field.label,
        options: choices.iter().map(|choice| (choice.value.clone(), choice.label.clone())).collect(),
        chosen: field.value.clone(),
    });
    let listed = choice.as_ref().map(|choice| choice.key);
    let picked = said.picked.clone().filter(|_| is_own);
    ConsentPanelView {
        org,
        provider: spec.id,
        name: spec.name,
        purpose: spec.purpose,
        button: oauth.button,
        scopes: oauth.scopes,
        other_account: picked.zip(view.draft).map(|(picked, draft)| OtherAccountView {
            picked,
            connected: connected.unwrap_or_default(),
            draft,
            moves: others.iter().map(|other| other.spec.name).collect(),
        }),
        account,
        fields: view.fields.into_iter().filter(|field| Some(field.key) != listed).collect(),
        choice,
        has_list: oauth.choice.is_some(),
        report: view.report,
        message: view.message,
        redirect_url,
    }
}

/// The account of a connected card.
fn account_of(card: &Card) -> Option<String> {
    let row = card.row.as_ref().filter(|row| row.active_credential_id.is_some())?;
    row.identity_name.clone().or_else(|| row.identity.clone())
}

/// Whether a connected card lives on the same consent as another.
pub fn shares_consent(other: &Card, card: &Card) -> bool {
    let issuer = |card: &Card| card.spec.oauth().map(|oauth| oauth.issuer);
    other.spec.id != card.spec.id
        && issuer(other).is_some()
        && issuer(other) == issuer(card)
        && account_of(other).is_some()
}
