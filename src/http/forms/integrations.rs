//! Forms of the cards: connect, verify, disconnect, restore, and the test message.

use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};

use super::Submission;
use crate::app::wire::{ConnectAnswer, FieldError, ReportView, SuccessView};
use crate::calls::messages::{self, NewText, Purpose, hot_lead_text};
use crate::db::agents;
use crate::domain::card::Meaning;
use crate::domain::{CredentialId, Outcome, ProviderId};
use crate::http::error::HttpError;
use crate::http::flash::{Said, SmsSaid};
use crate::http::pages::integrations::SAMPLE_LEAD;
use crate::http::pages::{millis, views_assistants};
use crate::integrations::connect::{ConnectRequest, Connected, choices, connect};
use crate::integrations::fields::{Submitted, is_misplaced_secret};
use crate::integrations::{disconnect, ensure, verify};
use crate::providers::egress::Deadline;
use crate::providers::twilio::Channel;
use crate::providers::{TestReport, catalogue};
use crate::vault::SecretText;

pub const HOME: &str = "/dashboard/integrations";

/// `POST /dashboard/integrations/{provider}/connect`
pub async fn submit_connect(Path(provider): Path<String>, form: Submission) -> Result<Response, HttpError> {
    let provider = parse(&provider)?;
    let spec = catalogue::find(provider).spec();
    let request = ConnectRequest {
        fields: form
            .fields
            .iter()
            .filter(|(key, _)| spec.field(key).is_some())
            .map(|(key, value)| (key.to_owned(), Submitted::Value(SecretText::new(value.to_owned()))))
            .collect(),
        draft: form.fields.text("draft").parse().ok().map(CredentialId),
        save_anyway: form.fields.text("intent") == "save_anyway",
        switch_account: spec.oauth().is_some() && form.fields.text("intent") == "switch_account",
        sign_in: form.fields.text("intent") == "sign_in",
    };
    let panel = format!("{HOME}?panel={}", provider.as_str());
    if spec.oauth().is_some() && form.fields.text("intent") == "list" {
        form.caller.require_configure(&form.state.services, "integration.listed", provider.as_str()).await?;
        let choices = choices(&form.state.services, &form.caller, provider).await;
        let mut said = Said { form: provider.as_str().to_owned(), choices, ..Said::default() };
        if said.choices.is_empty() {
            said.message = Said::message(Meaning::Unknown, "The list could not be read right now.").message;
        }
        return form.go(&panel, said).await;
    }
    let connected = match connect(&form.state.services, &form.caller, provider, request, None).await {
        Ok(connected) => connected,
        Err(error) => return form.back(&panel, error.into(), &[], provider.as_str()).await,
    };
    if let Connected::Consent { url } = &connected {
        return Ok(Redirect::to(url.as_str()).into_response());
    }
    let answer = answer(&form, provider, connected).await?;
    if form.wants_json() {
        return Ok(Json(answer).into_response());
    }
    if answer.ok && provider != ProviderId::Vapi {
        return form
            .go(
                &format!("{HOME}#{}", provider.as_str()),
                Said::message(Meaning::Works, format!("{} is connected", spec.name)),
            )
            .await;
    }
    let open: Vec<&str> = spec
        .fields
        .iter()
        .filter(|field| !field.secret && !is_misplaced_secret(spec, field.key, form.fields.text(field.key)))
        .map(|field| field.key)
        .collect();
    let said = Said {
        values: form.fields.keep(&open),
        form: provider.as_str().to_owned(),
        connect: Some(answer),
        ..Said::default()
    };
    form.go(&panel, said).await
}

async fn answer(
    form: &Submission,
    provider: ProviderId,
    connected: Connected,
) -> Result<ConnectAnswer, HttpError> {
    Ok(match connected {
        Connected::Saved { report, .. } => {
            let success =
                if provider == ProviderId::Vapi { assistants(form).await? } else { SuccessView::default() };
            ConnectAnswer {
                ok: true,
                report: Some(report_view(report)),
                success: Some(success),
                ..ConnectAnswer::default()
            }
        }
        Connected::Consent { .. } => ConnectAnswer::default(),
        Connected::ConsentRefused { report } => {
            ConnectAnswer { report: Some(report_view(report)), ..ConnectAnswer::default() }
        }
        Connected::Invalid { problems, draft } => ConnectAnswer {
            draft: draft.map(|id| id.to_string()),
            field_errors: problems
                .into_iter()
                .map(|p| FieldError { field: p.field, message: p.message })
                .collect(),
            message: Some("Some fields need your attention.".to_owned()),
            ..ConnectAnswer::default()
        },
        Connected::NotSaved { report, draft, is_other_account } => {
            let name = catalogue::find(provider).spec().name;
            let field_errors = report
                .field
                .as_ref()
                .filter(|_| report.outcome == Outcome::Refused)
                .map(|field| FieldError { field: field.to_string(), message: report.headline.clone() });
            ConnectAnswer {
                draft: Some(draft.to_string()),
                field_errors: field_errors.into_iter().collect(),
                save_anyway: report.outcome == Outcome::Undetermined && !is_other_account,
                message: is_other_account.then(|| {
                    format!("This works, but it is another {name} account than the connected one. Disconnect {name} first if you want to switch.")
                }),
                report: Some(report_view(report)),
                ..ConnectAnswer::default()
            }
        }
    })
}

/// Makes the assistants now. Where that takes longer or fails, the job goes on and the lines say so.
async fn assistants(form: &Submission) -> Result<SuccessView, HttpError> {
    let services = &form.state.services;
    let ensured = ensure::ensure_assistants(services, form.caller.org()).await;
    if let Err(error) = &ensured {
        tracing::warn!(error = error as &dyn std::error::Error, org = %form.caller.org(), "the assistants are not there yet");
    }
    let mut tx = form.caller.begin(services).await?;
    let rows = agents::list(&mut tx).await?;
    tx.commit().await?;
    Ok(SuccessView { assistants: views_assistants(&rows) })
}

/// A report as pages and islands show it.
pub fn report_view(report: TestReport) -> ReportView {
    ReportView {
        outcome: report.outcome,
        headline: report.headline,
        fix: report.fix.as_ref().map(|fix| fix.text.to_string()),
        fix_url: report.fix.as_ref().map(|fix| fix.url.to_string()),
        reference: report.reference,
        lines: report.capabilities,
    }
}

/// `POST /dashboard/integrations/{provider}/verify`
pub async fn submit_verify(Path(provider): Path<String>, form: Submission) -> Result<Response, HttpError> {
    let provider = parse(&provider)?;
    let back = format!("{HOME}#{}", provider.as_str());
    match verify::verify(&form.state.services, &form.caller, provider).await {
        Ok(report) => form.go(&back, said_of(provider, &report)).await,
        Err(error) => form.back(&back, error.into(), &[], "").await,
    }
}

/// `POST /dashboard/integrations/{provider}/restore`
pub async fn submit_restore(Path(provider): Path<String>, form: Submission) -> Result<Response, HttpError> {
    let provider = parse(&provider)?;
    let back = format!("{HOME}#{}", provider.as_str());
    let credential = form.fields.text("credential").parse().ok().map(CredentialId);
    match verify::restore(&form.state.services, &form.caller, provider, credential).await {
        Ok(report) if report.outcome != Outcome::Refused => {
            if provider == ProviderId::Vapi {
                assistants(&form).await?;
            }
            let name = catalogue::find(provider).spec().name;
            form.go(&back, Said::message(Meaning::Works, format!("{name} is connected again"))).await
        }
        Ok(report) => form.go(&back, said_of(provider, &report)).await,
        Err(error) => form.back(&back, error.into(), &[], "").await,
    }
}

/// `POST /dashboard/integrations/{provider}/disconnect`
pub async fn submit_disconnect(
    Path(provider): Path<String>,
    form: Submission,
) -> Result<Response, HttpError> {
    let provider = parse(&provider)?;
    let back = format!("{HOME}#{}", provider.as_str());
    let spec = catalogue::find(provider).spec();
    match disconnect::disconnect(&form.state.services, &form.caller, provider).await {
        Ok(disconnected) => {
            let mut said = Said::message(Meaning::Unknown, format!("{} is disconnected", spec.name));
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

/// `POST /dashboard/sms/test`: sends the text of a hot lead to a chosen number.
pub async fn submit_test_sms(form: Submission) -> Result<Response, HttpError> {
    const PANEL: &str = "/dashboard/integrations?panel=sms";
    let services = &form.state.services;
    form.caller.require_configure(services, "message.tested", "sms").await?;
    let text = hot_lead_text(SAMPLE_LEAD);
    let started = Instant::now();
    let new = NewText::parse(form.fields.text("to"), &text, Channel::Sms, Purpose::Test, form.caller.user());
    let sent = match new {
        Ok(new) => {
            messages::send(services, form.caller.org(), new, Deadline::after(Duration::from_secs(10))).await
        }
        Err(error) => return form.back(PANEL, error.into(), &["to"], "sms").await,
    };
    let result = match sent {
        Ok(sent) => SmsSaid {
            ok: true,
            text: "Twilio took the message.".to_owned(),
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
        values: form.fields.keep(&["to"]),
        form: "sms".to_owned(),
        sms: Some(result),
        ..Said::default()
    };
    form.go(PANEL, said).await
}

fn elapsed(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn parse(provider: &str) -> Result<ProviderId, HttpError> {
    provider.parse().map_err(|()| HttpError::not_found())
}

/// What a test of something stored says at the top of the page.
fn said_of(provider: ProviderId, report: &TestReport) -> Said {
    let name = catalogue::find(provider).spec().name;
    let mut said = match report.outcome {
        Outcome::Accepted => Said::message(Meaning::Works, format!("{name} works")),
        Outcome::Refused => Said::message(Meaning::Broken, report.headline.clone()),
        Outcome::Undetermined => Said::message(Meaning::Unknown, report.headline.clone()),
    };
    if let Some(message) = said.message.as_mut() {
        message.detail = report.fix.as_ref().map(|fix| fix.text.to_string());
        message.reference.clone_from(&report.reference);
    }
    said
}
