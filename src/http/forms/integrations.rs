//! Forms of the cards: verify, disconnect, restore, and the test message. Connecting is in `connect`.

use std::time::Instant;

use axum::extract::Path;
use axum::response::Response;

use super::Submission;
use super::connect::make_assistants;
use crate::app::components::accounts::encoded;
use crate::calls::messages::{NewText, Purpose, Sent, hot_lead_text};
use crate::calls::{senders, test_message};
use crate::domain::card::Meaning;
use crate::domain::{Account, CredentialId, Outcome, ProviderId};
use crate::http::error::{FieldError, HttpError};
use crate::http::flash::{Said, SmsSaid};
use crate::http::pages::integrations::SAMPLE_LEAD;
use crate::http::pages::millis;
use crate::integrations::verify::{self, Restored};
use crate::integrations::{disconnect, pause, primary, purge, signing};
use crate::providers::twilio::Channel;
use crate::providers::{TestReport, catalogue};

pub const HOME: &str = "/dashboard/integrations";
/// The field that names an account beside the primary one.
pub const LABEL: &str = "label";

/// `POST /dashboard/integrations/{provider}/verify`
pub async fn submit_verify(Path(provider): Path<String>, form: Submission) -> Result<Response, HttpError> {
    let account = account(&provider, &form)?;
    let back = format!("{HOME}#{}", account.provider.as_str());
    match verify::verify(&form.state.services, &form.caller, account.clone()).await {
        Ok(report) => form.go(&back, said_of(&account, &report)).await,
        Err(error) => form.back(&back, error.into(), &[], "").await,
    }
}

/// `POST /dashboard/integrations/{provider}/pause`
pub async fn submit_pause(Path(provider): Path<String>, form: Submission) -> Result<Response, HttpError> {
    set_paused(&provider, form, true).await
}

/// `POST /dashboard/integrations/{provider}/resume`
pub async fn submit_resume(Path(provider): Path<String>, form: Submission) -> Result<Response, HttpError> {
    set_paused(&provider, form, false).await
}

async fn set_paused(provider: &str, form: Submission, paused: bool) -> Result<Response, HttpError> {
    let account = account(provider, &form)?;
    let back = format!("{HOME}#{}", account.provider.as_str());
    let name = shown(&account);
    match pause::set_paused(&form.state.services, &form.caller, account, paused).await {
        Ok(()) if paused => {
            form.go(&back, Said::message(Meaning::Unknown, format!("{name} is paused"))).await
        }
        Ok(()) => form.go(&back, Said::message(Meaning::Works, format!("{name} is in use again"))).await,
        Err(error) => form.back(&back, error.into(), &[], "").await,
    }
}

/// `POST /dashboard/integrations/{provider}/purge`
pub async fn submit_purge(Path(provider): Path<String>, form: Submission) -> Result<Response, HttpError> {
    let account = account(&provider, &form)?;
    let name = shown(&account);
    if form.fields.text("sure") != "yes" {
        let panel = format!("{}&confirm=disconnect", panel_of(&account));
        let sentence = format!("Nothing was deleted: tick the box to delete everything stored for {name}.");
        return form.go(&panel, Said::message(Meaning::Attention, sentence)).await;
    }
    let back = format!("{HOME}#{}", account.provider.as_str());
    match purge::purge(&form.state.services, &form.caller, account).await {
        Ok(_) => {
            form.go(
                &back,
                Said::message(Meaning::Unknown, format!("Everything stored for {name} is deleted")),
            )
            .await
        }
        Err(error) => form.back(&back, error.into(), &[], "").await,
    }
}

/// `POST /dashboard/integrations/{provider}/restore`
pub async fn submit_restore(Path(provider): Path<String>, form: Submission) -> Result<Response, HttpError> {
    let account = account(&provider, &form)?;
    let back = format!("{HOME}#{}", account.provider.as_str());
    let credential = form.fields.text("credential").parse().ok().map(CredentialId);
    match verify::restore(&form.state.services, &form.caller, account.clone(), credential).await {
        Ok(Restored::InUse(_)) => {
            if account == ProviderId::Vapi.into() {
                make_assistants(&form).await?;
            }
            let name = shown(&account);
            form.go(&back, Said::message(Meaning::Works, format!("{name} is connected again"))).await
        }
        Ok(Restored::NotRestored(report)) => form.go(&back, said_of(&account, &report)).await,
        Err(error) => form.back(&back, error.into(), &[], "").await,
    }
}

/// `POST /dashboard/integrations/{provider}/disconnect`
pub async fn submit_disconnect(
    Path(provider): Path<String>,
    form: Submission,
) -> Result<Response, HttpError> {
    let account = account(&provider, &form)?;
    let back = format!("{HOME}#{}", account.provider.as_str());
    let spec = catalogue::find(account.provider).spec();
    let name = shown(&account);
    match disconnect::disconnect(&form.state.services, &form.caller, account).await {
        Ok(disconnected) => {
            let mut said = Said::message(Meaning::Unknown, format!("{name} is disconnected"));
            let detail = match disconnected.is_known_there {
                false => spec.after_disconnect.to_owned(),
                true => format!(
                    "Google could not be told right now: remove this service under {} yourself.",
                    spec.console_url
                ),
            };
            if let Some(message) = said.message.as_mut() {
                message.detail = Some(detail);
            }
            form.go(&back, said).await
        }
        Err(error) => form.back(&back, error.into(), &[], "").await,
    }
}

/// `POST /dashboard/integrations/{provider}/rotate-secret`: a new secret for webhooks. Vapi's only.
pub async fn submit_rotate_secret(
    Path(provider): Path<String>,
    form: Submission,
) -> Result<Response, HttpError> {
    let provider = parse(&provider)?;
    if provider != ProviderId::Vapi {
        return Err(HttpError::not_found());
    }
    let back = format!("{HOME}#{}", provider.as_str());
    match signing::rotate(&form.state.services, &form.caller).await {
        Ok(rotated) => {
            let meaning = if rotated.waits.is_some() { Meaning::Attention } else { Meaning::Works };
            form.go(&back, Said::message(meaning, rotated.sentence())).await
        }
        Err(error) => form.back(&back, error.into(), &[], "").await,
    }
}

/// `POST /dashboard/sms/test`: sends the text of a hot lead to a chosen number.
pub async fn submit_test_sms(form: Submission) -> Result<Response, HttpError> {
    const PANEL: &str = "/dashboard/integrations?panel=sms";
    let services = &form.state.services;
    test_message::require(services, &form.caller).await?;
    let text = hot_lead_text(SAMPLE_LEAD);
    let started = Instant::now();
    let new = NewText::parse(form.fields.text("to"), &text, Channel::Sms, Purpose::Test, form.caller.user());
    let asked = Some(form.fields.text("sender")).filter(|word| !word.is_empty());
    let new = new.and_then(|new| Ok(NewText { sender: asked.map(senders::parse).transpose()?, ..new }));
    let sent = match new {
        Ok(new) => test_message::send(services, &form.caller, new).await,
        Err(error) => return form.back(PANEL, error.into(), &["to", "sender"], "sms").await,
    };
    let result = match sent {
        Ok(sent) => SmsSaid {
            ok: true,
            text: took(&sent),
            sid: Some(sent.sid),
            status: Some(sent.status),
            at: millis(services.clock.now()),
            took_ms: elapsed(started),
        },
        Err(error) => SmsSaid {
            ok: false,
            text: error.sentence(),
            sid: None,
            status: None,
            at: millis(services.clock.now()),
            took_ms: elapsed(started),
        },
    };
    let said = Said {
        values: form.fields.keep(&["to", "sender"]),
        form: "sms".to_owned(),
        sms: Some(result),
        ..Said::default()
    };
    form.go(PANEL, said).await
}

/// Who took it, and why somebody else than the first did.
fn took(sent: &Sent) -> String {
    let name = senders::name(sent.provider);
    match &sent.note {
        Some(note) => format!("{name} took the message as the fallback. {note}"),
        None => format!("{name} took the message."),
    }
}

fn elapsed(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

pub(super) fn parse(provider: &str) -> Result<ProviderId, HttpError> {
    provider.parse().map_err(|()| HttpError::not_found())
}

/// The account that a form is about: the primary one, unless it names another.
pub(super) fn account(provider: &str, form: &Submission) -> Result<Account, HttpError> {
    let label = form.fields.text(LABEL);
    Account::named(parse(provider)?, Some(label)).map_err(|sentence| {
        let errors = vec![FieldError { field: LABEL.to_owned(), message: sentence.to_owned() }];
        HttpError::invalid("invalid_fields", sentence, errors)
    })
}

/// An account in sentences: "Twilio", "Twilio (Branch office)".
pub(super) fn shown(account: &Account) -> String {
    let name = catalogue::find(account.provider).spec().name;
    match account.label() {
        Some(label) => format!("{name} ({label})"),
        None => name.to_owned(),
    }
}

/// Where the panel of an account is.
pub(super) fn panel_of(account: &Account) -> String {
    let panel = format!("{HOME}?panel={}", account.provider.as_str());
    match account.label() {
        Some(label) => format!("{panel}&account={}", encoded(label)),
        None => panel,
    }
}

/// `POST /dashboard/integrations/{provider}/primary`
pub async fn submit_primary(Path(provider): Path<String>, form: Submission) -> Result<Response, HttpError> {
    let account = account(&provider, &form)?;
    let back = format!("{HOME}#{}", account.provider.as_str());
    match primary::make_primary(&form.state.services, &form.caller, &account).await {
        Ok(()) => {
            if account.provider == ProviderId::Vapi {
                make_assistants(&form).await?;
            }
            let sentence = format!("{} is the primary account now", shown(&account));
            form.go(&back, Said::message(Meaning::Works, sentence)).await
        }
        Err(error) => form.back(&back, error.into(), &[], "").await,
    }
}

/// What a test of something stored says at the top of the page.
fn said_of(account: &Account, report: &TestReport) -> Said {
    let name = shown(account);
    let mut said = match report.outcome {
        Outcome::Accepted => Said::message(Meaning::Works, format!("{name} works")),
        Outcome::Refused => Said::message(Meaning::Broken, report.headline.clone()),
        Outcome::Undetermined => Said::message(Meaning::Unknown, report.headline.clone()),
    };
    if let Some(message) = said.message.as_mut() {
        let parts: Vec<String> =
            report.fix.as_ref().map(|fix| fix.text.to_string()).into_iter().chain(report.again()).collect();
        message.detail = (!parts.is_empty()).then(|| parts.join(" "));
        message.reference.clone_from(&report.reference);
    }
    said
}
