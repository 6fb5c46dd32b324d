//! `/dashboard/integrations`: the cards, and the panel that is open over them.

use axum::extract::Query;
use axum::response::Html;
use serde::Deserialize;

use super::{Page, millis, views};
use crate::app::NavItem;
use crate::app::components::card::{Callback, CardView};
use crate::app::components::field::FieldView;
use crate::app::pages::disconnect_panel::DisconnectPanelView;
use crate::app::pages::integrations::{IntegrationsView, Panel, integrations_page, parse_filter};
use crate::app::pages::sms_panel::{SmsPanelView, SmsResult, UnknownTest};
use crate::app::wire::FieldError;
use crate::calls::messages::hot_lead_text;
use crate::calls::senders::{self as names, Choice};
use crate::db::integrations::IntegrationRow;
use crate::db::{ContextRole, agents, credentials, messages, routes, senders};
use crate::domain::card::CardState;
use crate::domain::{AccountLabel, ProviderId, Role};
use crate::http::error::HttpError;
use crate::http::flash::Said;
use crate::http::forms::integrations::LABEL;
use crate::integrations::cards::{self, Card, OtherAccount};

#[derive(Deserialize)]
pub struct Shown {
    panel: Option<String>,
    /// The label of an account that is not the primary one; `new` for one that is to be added.
    account: Option<String>,
    confirm: Option<String>,
    show: Option<String>,
}

/// The page.
pub async fn show(mut page: Page, Query(shown): Query<Shown>) -> Result<Html<String>, HttpError> {
    let may_ask = page.may_ask().await?;
    let services = page.state.services.clone();
    let cards = cards::list(&mut page.tx, &services).await?;
    let agents = agents::list(&mut page.tx).await?;
    let org = page.scope.org;
    let panel = match (shown.panel.as_deref(), page.can_connect()) {
        (Some("sms"), true) if page.can_configure() => {
            Some(Panel::Sms(Box::new(sms_panel(&mut page, &cards).await?)))
        }
        (Some(word), true) => {
            let provider: ProviderId = word.parse().map_err(|()| HttpError::not_found())?;
            Some(provider_panel(&mut page, provider, &cards, &shown).await?)
        }
        (Some(_), false) => return Err(HttpError::forbidden(may_ask.unwrap_or_default())),
        (None, _) => None,
    };
    let can_configure = page.can_connect();
    let mut views: Vec<CardView> =
        cards.iter().map(|card| views::card(org, card, &agents, can_configure, may_ask.as_ref())).collect();
    let is_owner = page.scope.role == ContextRole::Person(Role::Owner);
    for view in views.iter_mut().filter(|view| is_owner && !view.has_credential) {
        let card = cards.iter().find(|card| card.spec.id == view.provider);
        view.can_purge = card.and_then(|card| card.row.as_ref()).is_some_and(|row| row.version_count > 0);
    }
    let receives = |card: &&mut CardView| card.provider == ProviderId::WhatsApp && card.has_credential;
    if let Some(card) = views.iter_mut().find(receives).filter(|_| can_configure) {
        let url = services.whatsapp_webhook_url(org).await?;
        card.callback = Some(Callback { url, place: WHATSAPP_PLACE });
    }
    let takes_news = |card: &&mut CardView| card.provider == ProviderId::Resend && card.has_credential;
    if let Some(card) = views.iter_mut().find(takes_news).filter(|_| can_configure) {
        let url = services.resend_webhook_url(org).await?;
        card.callback = Some(Callback { url, place: RESEND_PLACE });
    }
    let view = IntegrationsView {
        now: page.now(),
        cards: views,
        filter: shown.show.as_deref().and_then(parse_filter),
        panel,
    };
    page.draw("Integrations", NavItem::Integrations, || integrations_page(view)).await
}

/// Where the address of WhatsApp's webhook is entered.
const WHATSAPP_PLACE: &str = "Enter it at Meta for Developers: your app, WhatsApp, Configuration, Webhook, together with your \
     verify token. Then subscribe to the field messages.";

/// Where the address of Resend's webhook is entered.
const RESEND_PLACE: &str = "To see what became of e-mails, enter it at Resend under Webhooks, choose the events of e-mails, and \
     enter the signing secret here.";

async fn provider_panel(
    page: &mut Page,
    provider: ProviderId,
    cards: &[Card],
    shown: &Shown,
) -> Result<Panel, HttpError> {
    let card = cards.iter().find(|card| card.spec.id == provider).ok_or_else(HttpError::not_found)?;
    let account = account_of(card, shown.account.as_deref())?;
    let (row, state) = match &account {
        AccountShown::Primary => (card.row.as_ref(), card.state),
        AccountShown::Other(other) => (Some(&other.row), other.state),
        AccountShown::New(_) => (None, CardState::NotConfigured),
    };
    let active = row.filter(|row| row.active_credential_id.is_some());
    let label = account.label();
    let is_stored = row.is_some_and(|row| row.version_count > 0);
    if shown.confirm.is_some() && (active.is_some() || is_stored || matches!(account, AccountShown::Other(_)))
    {
        let own = routes::list_own(&mut page.tx).await?;
        let count = |kind: &str| own.iter().filter(|route| route.kind == kind).count();
        let uses = match provider {
            ProviderId::Vapi if label.is_none() => {
                vec![counted(count("assistant"), "assistant"), counted(count("phone_number"), "phone number")]
            }
            _ => Vec::new(),
        };
        return Ok(Panel::Disconnect(DisconnectPanelView {
            org: page.scope.org,
            provider,
            name: card.spec.name,
            stops: if label.is_none() {
                card.spec.on_disconnect
            } else {
                "Nothing: no call uses this account."
            },
            account: label,
            after: card.spec.after_disconnect,
            console_url: card.spec.console_url,
            undo: match card.spec.oauth() {
                None => "the credential stays sealed for 30 days, and Restore brings it back.",
                Some(_) if cards.iter().any(|other| views::shares_consent(other, card)) => {
                    "by connecting again; the permission itself stays, because another card uses it."
                }
                Some(_) => "by connecting again; the permission itself is given back now.",
            },
            uses,
            has_credential: active.is_some(),
            is_paused: state == CardState::Paused,
            can_purge: page.scope.role == ContextRole::Person(Role::Owner),
        }));
    }
    let draft = page.said.connect.as_ref().and_then(|answer| answer.draft.as_deref()?.parse().ok());
    let draft = match draft {
        Some(id) => credentials::find_draft(&mut page.tx, id).await?,
        None => None,
    };
    let is_draft = draft.is_some();
    let hints =
        draft.map(|row| row.hint.0).or_else(|| active.and_then(|row| row.hint.clone()).map(|hint| hint.0));
    if let Some(oauth) = card.spec.oauth() {
        let redirect_url = page.state.services.google_redirect_url();
        let view = views::consent_panel(
            page.scope.org,
            card,
            cards,
            oauth,
            hints.as_ref(),
            &page.said,
            redirect_url,
        );
        return Ok(Panel::Consent(Box::new(view)));
    }
    let is_primary = matches!(account, AccountShown::Primary);
    let mut view = views::connect_panel(
        page.scope.org,
        card.spec,
        hints.as_ref(),
        &page.said,
        is_draft,
        active.is_some() && is_primary,
    );
    if let AccountShown::New(None) = account {
        view.fields.insert(0, label_field(&page.said));
    }
    view.account = label;
    Ok(Panel::Connect(Box::new(view)))
}

/// The account that a panel is about.
enum AccountShown<'a> {
    Primary,
    Other(&'a OtherAccount),
    /// One that is to be added, with its label where that was typed already.
    New(Option<String>),
}

impl AccountShown<'_> {
    fn label(&self) -> Option<String> {
        match self {
            AccountShown::Primary => None,
            AccountShown::Other(other) => Some(other.row.label.clone()),
            AccountShown::New(label) => label.clone(),
        }
    }
}

fn account_of<'a>(card: &'a Card, word: Option<&str>) -> Result<AccountShown<'a>, HttpError> {
    let word = match word {
        None | Some("") => return Ok(AccountShown::Primary),
        Some(_) if card.spec.oauth().is_some() => return Err(HttpError::not_found()),
        Some("new") => return Ok(AccountShown::New(None)),
        Some(word) => word,
    };
    let label = AccountLabel::parse(word).map_err(|_| HttpError::not_found())?;
    let is_it = |row: &IntegrationRow| row.label.to_lowercase() == label.as_str().to_lowercase();
    if card.row.as_ref().is_some_and(is_it) {
        return Ok(AccountShown::Primary);
    }
    let other = card.others.iter().find(|other| is_it(&other.row));
    Ok(other.map_or_else(|| AccountShown::New(Some(label.as_str().to_owned())), AccountShown::Other))
}

/// The field for the label of an account that is to be added.
fn label_field(said: &Said) -> FieldView {
    let typed = said.values.get(LABEL).cloned().unwrap_or_default();
    FieldView {
        example: "Branch office",
        help: "Your own name for it. Calls go on with the primary account until you make this one primary.",
        error: FieldError::find(&said.errors, LABEL).map(str::to_owned),
        ..FieldView::new(LABEL, "Name of this account", typed)
    }
}

/// "1 assistant", "2 assistants".
fn counted(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

async fn sms_panel(page: &mut Page, cards: &[Card]) -> Result<SmsPanelView, HttpError> {
    let unknown = messages::find_unknown_test(&mut page.tx).await?;
    let choice = Choice::of(&senders::find(&mut page.tx).await?);
    let order = choice.order(None);
    let from = order.first().and_then(|(first, _)| shown_sender(cards, *first));
    // Where there is nothing to choose, nothing is asked.
    let connected = if choice.connected.len() > 1 { choice.connected } else { Vec::new() };
    let names: Vec<&str> = order.iter().map(|(id, _)| names::name(*id)).collect();
    let senders = connected.into_iter().map(|id| (id.as_str().to_owned(), names::name(id).to_owned()));
    Ok(SmsPanelView {
        org: page.scope.org,
        now: page.now(),
        to: page.said.values.get("to").cloned().unwrap_or_default(),
        sender: page.said.values.get("sender").cloned().unwrap_or_default(),
        usual: names.join(", then "),
        senders: senders.collect(),
        from,
        preview: hot_lead_text(SAMPLE_LEAD),
        error: page.said.errors.first().map(|error| error.message.clone()),
        result: page.said.sms.clone().map(|said| SmsResult {
            ok: said.ok,
            text: said.text,
            sid: said.sid,
            status: said.status,
            at: said.at,
            took_ms: Some(said.took_ms),
        }),
        // What was just said about it is not said twice.
        unknown: unknown.filter(|_| page.said.sms.is_none()).map(|row| UnknownTest {
            to: row.recipient_mask,
            at: millis(row.created_at),
            sentence: row.error.unwrap_or_default(),
        }),
    })
}

/// Who a message of this provider comes from, as the clinic has entered it.
fn shown_sender(cards: &[Card], id: ProviderId) -> Option<String> {
    let row = cards.iter().find(|card| card.spec.id == id)?.row.as_ref()?;
    let hint = &row.hint.as_ref()?.0;
    ["phoneNumber", "messagingServiceSid", "sender", "senderId", "originationNumber"]
        .iter()
        .find_map(|key| hint.get(*key)?.as_str())
        .map(str::to_owned)
}

/// The name in the test message.
pub const SAMPLE_LEAD: &str = "Alex Example";
