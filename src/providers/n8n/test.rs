//! The test of an n8n: its address is judged, then one or two reads. Nothing is started.

use crate::domain::{Answer, Outcome};
use crate::vault::{Credential, SecretFields};

use super::super::TestContext;
use super::super::address::UrlRefusal;
use super::super::answer::quote;
use super::super::api_error::{ApiError, ErrorKind, Verdict};
use super::super::egress::EgressError;
use super::super::report::{Explanation, Lines, TestReport};
use super::client::N8nClient;
use super::records::Workflow;
use super::{API_URL, N8nCredentials, SPEC};

/// Workflows that are named on the card.
const MOST_NAMED: usize = 5;

pub(super) async fn run(context: &TestContext<'_>, fields: &SecretFields) -> TestReport {
    let Ok(credentials) = N8nCredentials::from_fields(fields) else {
        let missing = Explanation::of(
            "No address of an n8n was entered.",
            "Copy the address from the browser while n8n is open.",
            API_URL,
        );
        return TestReport::refused(&missing, Some("baseUrl"));
    };
    let client = N8nClient::of_test(context, &credentials);
    let mut lines = Lines::new(&SPEC, context.progress.as_ref());
    let result = match client.check_address() {
        Err(error) => Err(Box::new(blocked(&error))),
        Ok(()) if credentials.api_key.is_some() => with_key(&client, &mut lines).await,
        Ok(()) => without_key(&client, &mut lines).await,
    };
    let mut report = match result {
        Ok(report) => TestReport {
            identity: Some(credentials.identity()),
            identity_name: credentials.base.host_str().map(str::to_owned),
            ..report
        },
        Err(report) => {
            lines.answer("reach", report.failed_answer(), None);
            *report
        }
    };
    report.capabilities = lines.finish();
    report
}

async fn with_key(client: &N8nClient<'_>, lines: &mut Lines<'_>) -> Result<TestReport, Box<TestReport>> {
    let mut report = TestReport::new(Outcome::Accepted, "n8n accepted the address and the API key.");
    match client.workflows().await {
        Ok(found) => {
            let note = found.map_or_else(
                || "There are workflows, too large to be listed here.".to_owned(),
                |(workflows, has_more)| listed(&workflows, has_more),
            );
            lines.answer("reach", Answer::Yes, None);
            lines.answer("workflows", Answer::Yes, Some(&note));
            report.notes.push(note);
            Ok(report)
        }
        // The key may lack the scope, or the API may be off: then the instance itself still answers.
        // n8n answers for an API that is off with its server's own web page.
        Err(error)
            if matches!(
                error.kind,
                ErrorKind::Refused { status: 403 | 404, .. } | ErrorKind::Page { status: 404 }
            ) =>
        {
            if client.is_alive().await.is_err() {
                return Err(Box::new(failed(&error)));
            }
            let note = match error.kind {
                ErrorKind::Refused { status: 403, .. } => {
                    "Limited: the key may not list workflows (workflow:list)."
                }
                _ => "Limited: the API of this n8n is switched off or not in its plan.",
            };
            lines.answer("reach", Answer::Yes, None);
            lines.answer("workflows", Answer::No, Some(note));
            report.notes.push(note.to_owned());
            report.headline = "n8n answers at this address.".to_owned();
            Ok(report)
        }
        Err(error) => Err(Box::new(failed(&error))),
    }
}

async fn without_key(client: &N8nClient<'_>, lines: &mut Lines<'_>) -> Result<TestReport, Box<TestReport>> {
    client.is_alive().await.map_err(|error| Box::new(failed(&error)))?;
    lines.answer("reach", Answer::Yes, None);
    lines.answer("workflows", Answer::NotSetUp, Some("Without an API key workflows are not listed."));
    Ok(TestReport::new(Outcome::Accepted, "n8n answers at this address."))
}

/// "3 workflows: Bookings, Reminders (off), Reviews."
fn listed(workflows: &[Workflow], has_more: bool) -> String {
    if workflows.is_empty() {
        return "No workflow yet.".to_owned();
    }
    let name = |workflow: &Workflow| {
        let state = if workflow.is_active() { "" } else { " (off)" };
        format!("{}{state}", quote(&workflow.name))
    };
    let names: Vec<String> = workflows.iter().take(MOST_NAMED).map(name).collect();
    let more = if has_more || workflows.len() > MOST_NAMED { ", ..." } else { "." };
    let count = match (workflows.len(), has_more) {
        (1, false) => "1 workflow".to_owned(),
        (count, false) => format!("{count} workflows"),
        (count, true) => format!("more than {count} workflows"),
    };
    format!("{count}: {}{more}", names.join(", "))
}

fn failed(error: &ApiError) -> TestReport {
    match &error.kind {
        ErrorKind::Transport(error @ EgressError::Blocked(_)) => blocked(error),
        ErrorKind::Refused { status: 404, .. } => error.report("baseUrl"),
        _ if error.verdict() == Verdict::Silent => error.report("baseUrl"),
        _ => error.report("apiKey"),
    }
}

/// An address that may not be called is no outage: it will not be called later either.
fn blocked(error: &EgressError) -> TestReport {
    let explanation = match error {
        EgressError::Blocked(UrlRefusal::Scheme) => Explanation::of(
            "n8n is only called over https.",
            "Enter an address that begins with https://.",
            API_URL,
        ),
        EgressError::Blocked(UrlRefusal::Port) => Explanation::of(
            "n8n is only called on the port of https, 443.",
            "Enter an address without a port, or ask who runs this service to allow this one.",
            API_URL,
        ),
        _ => Explanation::of(
            "The address of this n8n is not on the public internet, so it was not called.",
            "Use a public address, or ask who runs this service to allow this one.",
            API_URL,
        ),
    };
    TestReport::refused(&explanation, Some("baseUrl"))
}
