//! The test of a HubSpot token: three reads, nothing changed, no contact looked at.

use crate::domain::{Answer, Outcome};
use crate::vault::{Credential, SecretFields};

use super::super::TestContext;
use super::super::api_error::{ApiError, Verdict};
use super::super::report::{Explanation, Lines, TestReport, grouped};
use super::client::HubSpotClient;
use super::{HubSpotCredentials, KEYS_URL, SPEC};

pub(super) async fn run(context: &TestContext<'_>, fields: &SecretFields) -> TestReport {
    let Ok(credentials) = HubSpotCredentials::from_fields(fields) else {
        let missing = Explanation::of(
            "No access token was entered.",
            "Copy the access token of a private app in HubSpot.",
            KEYS_URL,
        );
        return TestReport::refused(&missing, Some("accessToken"));
    };
    let client = HubSpotClient::of_test(context, &credentials);
    let mut lines = Lines::new(&SPEC, context.progress.as_ref());
    let mut report = match client.details().await {
        Ok(details) => {
            let kind = details.account_type.filter(|kind| kind != "STANDARD");
            let kind =
                kind.map(|kind| format!("Account of the kind {}.", super::super::answer::quote(&kind)));
            lines.answer("account", Answer::Yes, kind.as_deref());
            TestReport {
                identity: Some(details.portal_id.to_string()),
                identity_name: Some(match details.ui_domain {
                    Some(domain) => {
                        format!("{} at {}", details.portal_id, super::super::answer::quote(&domain))
                    }
                    None => details.portal_id.to_string(),
                }),
                notes: kind.into_iter().collect(),
                ..TestReport::new(Outcome::Accepted, "HubSpot accepted the access token.")
            }
        }
        // Scopes are checked after the token, so a token that lacks one is a good token.
        Err(error) if error.verdict() == Verdict::Limited => {
            lines.answer("account", Answer::No, Some("Limited: the app may not read the account."));
            TestReport::new(Outcome::Accepted, "HubSpot accepted the access token.")
        }
        Err(error) => {
            let mut report = error.report("accessToken");
            lines.answer("account", report.failed_answer(), None);
            report.capabilities = lines.finish();
            return report;
        }
    };
    match client.may_read_contacts().await {
        Ok(()) => lines.answer("contacts", Answer::Yes, None),
        Err(error) => {
            let limit = "Limited: the app may not read contacts (crm.objects.contacts.read).";
            limited("contacts", limit, &error, &mut lines, &mut report);
        }
    }
    match client.usage().await {
        Ok(Some(usage)) => {
            let left = usage.usage_limit.saturating_sub(usage.current_usage).max(0);
            let note = format!("{} of {} calls left today.", grouped(left), grouped(usage.usage_limit));
            lines.answer("usage", Answer::Yes, Some(&note));
            report.notes.push(note);
        }
        Ok(None) => lines.answer("usage", Answer::NotSetUp, Some("HubSpot has counted nothing yet.")),
        Err(error) => {
            limited(
                "usage",
                "Limited: the app may not read the daily limit.",
                &error,
                &mut lines,
                &mut report,
            );
        }
    }
    report.capabilities = lines.finish();
    report
}

/// What a token can not do limits it; what nobody could tell says nothing.
fn limited(key: &str, limit: &str, error: &ApiError, lines: &mut Lines<'_>, report: &mut TestReport) {
    if error.verdict() == Verdict::Silent {
        lines.answer(key, Answer::Unknown, Some(&error.explain().sentence));
        report.retry_after_seconds = error.retry_after().map(|wait| wait.as_secs().max(1));
    } else {
        lines.answer(key, Answer::No, Some(limit));
        report.notes.push(limit.to_owned());
    }
}
