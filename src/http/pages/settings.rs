//! `/dashboard/settings`: the clinic's profile, who sends its messages, who is told of hot leads, and a
//! table of every credential.

use axum::response::Html;

use super::{Page, millis, views};
use crate::app::NavItem;
use crate::app::pages::alerts::AlertsForm;
use crate::app::pages::retention::RetentionForm;
use crate::app::pages::senders::SendersForm;
use crate::app::pages::settings::{CredentialRow, ProfileForm, SettingsView, settings_page};
use crate::calls::senders::{self as names, Choice};
use crate::calls::{CallError, alerts};
use crate::db::integrations::IntegrationRow;
use crate::db::{organizations, senders};
use crate::domain::card::CardState;
use crate::domain::{CredentialId, ProviderId};
use crate::http::error::HttpError;
use crate::integrations::cards::{self, Card};

/// The page.
pub async fn show(mut page: Page) -> Result<Html<String>, HttpError> {
    let may_ask = page.may_ask().await?;
    let services = page.state.services.clone();
    let stored = organizations::find(&mut page.tx).await?;
    let cards = cards::list(&mut page.tx, &services).await?;
    let typed = |key: &str, stored: String| {
        page.said.values.get(key).filter(|_| page.said.form == "profile").cloned().unwrap_or(stored)
    };
    let profile = ProfileForm {
        name: typed("name", stored.name),
        time_zone: typed("timeZone", stored.time_zone),
        country: typed("country", stored.country),
        errors: if page.said.form == "profile" { page.said.errors.clone() } else { Vec::new() },
    };
    let is_retention = page.said.form == "retention";
    let retention = RetentionForm {
        days: page
            .said
            .values
            .get("days")
            .filter(|_| is_retention)
            .cloned()
            .unwrap_or_else(|| stored.retention_days.to_string()),
        errors: if is_retention { page.said.errors.clone() } else { Vec::new() },
    };
    let choice = Choice::of(&senders::find(&mut page.tx).await?);
    let senders = senders_form(&page, &choice);
    let alerts = alerts_form(&mut page, &cards).await?;
    let view = SettingsView {
        org: page.scope.org,
        now: page.now(),
        can_configure: page.can_configure(),
        may_ask,
        profile,
        senders,
        alerts,
        retention,
        credentials: cards.iter().flat_map(credentials).collect(),
    };
    page.draw("Settings", NavItem::Settings, || settings_page(view)).await
}

async fn alerts_form(page: &mut Page, cards: &[Card]) -> Result<AlertsForm, HttpError> {
    let services = page.state.services.clone();
    let settings = alerts::load(&services, &mut page.tx, page.scope.org).await.map_err(CallError::from)?;
    let recipients =
        if page.can_configure() { settings.recipients.clone() } else { settings.recipients.masked() };
    let is_ours = page.said.form == "alerts";
    let typed =
        |key: &str, stored: String| page.said.values.get(key).filter(|_| is_ours).cloned().unwrap_or(stored);
    let time = |minutes: Option<i32>| minutes.map(alerts::show_minutes).unwrap_or_default();
    let has_mailer = cards.iter().any(|card| {
        card.spec.id == ProviderId::Resend
            && card.row.as_ref().is_some_and(|row| row.active_credential_id.is_some())
    });
    let stored = if settings.is_on { "yes" } else { "" };
    Ok(AlertsForm {
        is_on: typed("isOn", stored.to_owned()) == "yes",
        threshold: typed("threshold", settings.threshold.to_string()),
        text: typed("text", settings.text),
        numbers: typed("numbers", recipients.numbers.join("\n")),
        mails: typed("mails", recipients.mails.join("\n")),
        quiet_from: typed("quietFrom", time(settings.quiet.map(|(from, _)| from))),
        quiet_until: typed("quietUntil", time(settings.quiet.map(|(_, until)| until))),
        time_zone: settings.time_zone,
        lacks_mailer: !settings.recipients.mails.is_empty() && !has_mailer,
        errors: if is_ours { page.said.errors.clone() } else { Vec::new() },
    })
}

fn senders_form(page: &Page, choice: &Choice) -> SendersForm {
    let is_ours = page.said.form == "senders";
    let word = |key: &str, stored: Option<ProviderId>| {
        let stored = stored.map_or("", ProviderId::as_str).to_owned();
        page.said.values.get(key).filter(|_| is_ours).cloned().unwrap_or(stored)
    };
    let chosen = [choice.primary, choice.fallback];
    let may_choose =
        names::family().filter(|id| choice.connected.contains(id) || chosen.contains(&Some(*id)));
    let order: Vec<&str> = choice.order(None).into_iter().map(|(id, _)| names::name(id)).collect();
    SendersForm {
        options: may_choose.map(|id| (id.as_str(), names::name(id))).collect(),
        order: if choice.primary.is_none() && choice.connected.is_empty() { Vec::new() } else { order },
        primary: word("primary", choice.primary),
        fallback: word("fallback", choice.fallback),
        errors: if is_ours { page.said.errors.clone() } else { Vec::new() },
    }
}

/// The rows of a card: the primary account, then those beside it.
fn credentials(card: &Card) -> Vec<CredentialRow> {
    let primary = card.row.iter().map(|row| credential(card, row, card.state, false));
    let others = card.others.iter().map(|other| credential(card, &other.row, other.state, true));
    primary.chain(others).flatten().collect()
}

fn credential(card: &Card, row: &IntegrationRow, state: CardState, is_other: bool) -> Option<CredentialRow> {
    Some(row).filter(|row| row.version_count > 0).map(|row| CredentialRow {
        provider: card.spec.id,
        provider_name: card.spec.name,
        label: row.label.clone(),
        is_other,
        state,
        hints: views::hints(card.spec, row.hint.as_ref().map(|hint| &hint.0)),
        verified_at: row.last_verified_at.map(millis),
        versions: u32::try_from(row.version_count).unwrap_or(0),
        has_credential: row.active_credential_id.is_some(),
        restorable: row.restorable_id.map(CredentialId),
    })
}
