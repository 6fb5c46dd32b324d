//! The form that connects a provider, answered as a page or as a stream of lines for an island.
//!
//! Either way the work runs in a task of its own: a tab that is closed while a provider is asked
//! takes nothing with it, so what was begun ends as it would have.

use std::collections::BTreeMap;

use axum::body::{Body, Bytes};
use axum::extract::Path;
use axum::http::header::{self, HeaderName};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Serialize;
use tokio::sync::mpsc;
use tracing::Instrument;

use super::Submission;
use super::integrations::{HOME, LABEL, account, panel_of, parse, shown};
use crate::app::pages::connect_panel::{capability_line, connect_status};
use crate::app::render_fragment;
use crate::app::wire::{ConnectAnswer, FieldError, ReportView, SuccessView};
use crate::db::agents;
use crate::domain::card::Meaning;
use crate::domain::{Account, CapabilityResult, CredentialId, Outcome, ProviderId};
use crate::http::error::HttpError;
use crate::http::flash::Said;
use crate::http::pages::views_assistants;
use crate::integrations::connect::{ConnectRequest, Connected, connect};
use crate::integrations::ensure;
use crate::integrations::fields::{Submitted, is_misplaced_secret};
use crate::providers::{TestReport, catalogue};
use crate::vault::SecretText;

/// Lines of one test: more than any provider has.
const MOST_LINES: usize = 64;

/// `POST /dashboard/integrations/{provider}/connect`
pub async fn submit_connect(Path(provider): Path<String>, form: Submission) -> Result<Response, HttpError> {
    if let Some(oauth) = parse(&provider).ok().filter(|id| catalogue::find(*id).spec().oauth().is_some()) {
        return super::consent::submit(oauth, form).await;
    }
    let account = match account(&provider, &form) {
        Ok(account) => account,
        Err(error) => {
            let panel = format!("{HOME}?panel={provider}&account=new");
            return form.back(&panel, error, &[LABEL], &provider).await;
        }
    };
    if form.is_from_island() {
        return answer_in_lines(account, form).await;
    }
    let for_work = account.clone();
    let work = async move {
        let answer = run(&form, &for_work, None).await;
        (form, answer)
    };
    let (form, answer) =
        tokio::spawn(work.in_current_span()).await.map_err(|error| HttpError::fault(&error))?;
    answer_as_page(&account, &form, answer).await
}

pub(super) async fn answer_as_page(
    account: &Account,
    form: &Submission,
    answer: Result<ConnectAnswer, HttpError>,
) -> Result<Response, HttpError> {
    let provider = account.provider;
    let spec = catalogue::find(provider).spec();
    let panel = panel_of(account);
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return form.back(&panel, error, &[], provider.as_str()).await,
    };
    if answer.ok && *account != ProviderId::Vapi.into() {
        return form
            .go(
                &format!("{HOME}#{}", provider.as_str()),
                Said::message(Meaning::Works, format!("{} is connected", shown(account))),
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

/// One line of the answer to an island. The markup is drawn, and escaped, by `app`.
#[derive(Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
enum Line {
    /// What the provider answered for one capability.
    Capability { capability: String, html: String },
    /// What is done now.
    Stage { stage: &'static str },
    /// The end: all that there is to say, and a sentence for each wrong field.
    Answer { html: String, ok: bool, field_errors: BTreeMap<String, String> },
}

/// The way to the island. Has room for all lines, so that nobody who reads slowly, or no longer, holds
/// up what is being done.
pub(super) struct Lines(mpsc::UnboundedSender<Result<Bytes, HttpError>>);

impl Lines {
    fn send(&self, line: &Line) {
        // A closed channel only means that nobody watches.
        let _ = self.0.send(Ok(one_line(line)));
    }

    async fn pass_on(&self, mut answers: mpsc::Receiver<CapabilityResult>) {
        while let Some(line) = answers.recv().await {
            let capability = line.capability.clone();
            let html = render_fragment(|| capability_line(line));
            self.send(&Line::Capability { capability, html });
        }
    }
}

fn one_line(value: &impl Serialize) -> Bytes {
    let mut line = serde_json::to_vec(value).unwrap_or_default();
    line.push(b'\n');
    line.into()
}

/// The answer begins with its first line. What fails before that has a status of its own; what fails
/// later is the last line, as a problem document.
async fn answer_in_lines(account: Account, form: Submission) -> Result<Response, HttpError> {
    let (sender, mut lines) = mpsc::unbounded_channel();
    let work = async move {
        let to_island = Lines(sender);
        match run(&form, &account, Some(&to_island)).await {
            Ok(answer) => to_island.send(&last_line(account.provider, answer)),
            Err(error) => {
                let _ = to_island.0.send(Err(error));
            }
        }
    };
    let task = tokio::spawn(work.in_current_span());
    let first = match lines.recv().await {
        Some(first) => first?,
        None => {
            task.await.map_err(|error| HttpError::fault(&error))?;
            return Err(HttpError::of_status(axum::http::StatusCode::INTERNAL_SERVER_ERROR));
        }
    };
    let body = stream::unfold((Some(first), lines), |(first, mut lines)| async move {
        let line = match first {
            Some(line) => line,
            None => lines.recv().await?.unwrap_or_else(|error| one_line(&error.problem())),
        };
        Some((Ok::<_, std::convert::Infallible>(line), (None, lines)))
    });
    let headers = [
        (header::CONTENT_TYPE, "application/x-ndjson"),
        // A proxy that collects the answer would take its point away.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::from_stream(body)).into_response())
}

fn last_line(provider: ProviderId, answer: ConnectAnswer) -> Line {
    let name = catalogue::find(provider).spec().name;
    let ok = answer.ok;
    let field_errors =
        answer.field_errors.iter().map(|error| (error.field.clone(), error.message.clone())).collect();
    Line::Answer { html: render_fragment(|| connect_status(provider, name, answer)), ok, field_errors }
}

/// Connects, and makes the assistants where there are some to make.
async fn run(
    form: &Submission,
    account: &Account,
    lines: Option<&Lines>,
) -> Result<ConnectAnswer, HttpError> {
    let services = &form.state.services;
    let request = request(form, account.provider);
    let connected = match lines {
        Some(lines) => {
            let (progress, answers) = mpsc::channel(MOST_LINES);
            let work = connect(services, &form.caller, account.clone(), request, Some(progress));
            tokio::join!(work, lines.pass_on(answers)).0
        }
        None => connect(services, &form.caller, account.clone(), request, None).await,
    };
    answer(form, account, connected?, lines).await
}

/// What there is to say, and the assistants where some are to be made.
pub(super) async fn answer(
    form: &Submission,
    account: &Account,
    connected: Connected,
    lines: Option<&Lines>,
) -> Result<ConnectAnswer, HttpError> {
    Ok(match connected {
        // The browser has been sent on its way.
        Connected::Consent { .. } => ConnectAnswer::default(),
        Connected::ConsentRefused { report } => {
            ConnectAnswer { report: Some(report_view(report)), ..ConnectAnswer::default() }
        }
        Connected::Saved { report, .. } => {
            let success = if *account == ProviderId::Vapi.into() {
                if let Some(lines) = lines {
                    lines.send(&Line::Stage { stage: "Saved. Setting up both assistants" });
                }
                make_assistants(form).await?
            } else {
                SuccessView::default()
            };
            ConnectAnswer {
                ok: true,
                report: Some(report_view(report)),
                success: Some(success),
                ..ConnectAnswer::default()
            }
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
            let name = catalogue::find(account.provider).spec().name;
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

pub(super) fn request(form: &Submission, provider: ProviderId) -> ConnectRequest {
    let spec = catalogue::find(provider).spec();
    ConnectRequest {
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
    }
}

/// Makes the assistants now. Where that takes longer or fails, the job goes on and the lines say so.
pub(super) async fn make_assistants(form: &Submission) -> Result<SuccessView, HttpError> {
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
        again: report.again(),
        retry_after_seconds: report.retry_after_seconds,
        outcome: report.outcome,
        headline: report.headline,
        fix: report.fix.as_ref().map(|fix| fix.text.to_string()),
        fix_url: report.fix.as_ref().map(|fix| fix.url.to_string()),
        reference: report.reference,
        lines: report.capabilities,
    }
}
