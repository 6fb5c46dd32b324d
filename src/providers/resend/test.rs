//! The test of a Resend key: one read, nothing sent.

use crate::domain::{Answer, Outcome};
use crate::vault::{Credential, SecretFields, VaultError};

use super::super::TestContext;
use super::super::api_error::Verdict;
use super::super::report::{Explanation, Lines, TestReport};
use super::client::ResendClient;
use super::records::Domain;
use super::{DOMAINS_URL, KEYS_URL, ResendCredentials, SPEC};

/// Domains that are named on the card.
const MOST_NAMED: usize = 5;

pub(super) async fn run(context: &TestContext<'_>, fields: &SecretFields) -> TestReport {
    let credentials = match ResendCredentials::from_fields(fields) {
        Ok(credentials) => credentials,
        Err(error) => return incomplete(&error),
    };
    let client = ResendClient::of_test(context, &credentials);
    let mut lines = Lines::new(&SPEC, context.progress.as_ref());
    let mut report = match client.domains().await {
        Ok(domains) => of_domains(&domains, &credentials.domain(), &mut lines),
        Err(error) if error.code() == Some("restricted_api_key") => {
            let note = "Limited: this key only sends, so domains are not shown.";
            lines.answer(
                "send_email",
                Answer::Yes,
                Some("The first e-mail shows whether the sender's domain is verified."),
            );
            lines.answer("domains", Answer::No, Some(note));
            let mut report = TestReport::new(Outcome::Accepted, "Resend accepted the API key.");
            report.notes.push(note.to_owned());
            report
        }
        Err(error) => {
            let report = error.report("apiKey");
            let answer = if error.verdict() == Verdict::Silent { Answer::Unknown } else { Answer::No };
            lines.answer("send_email", answer, None);
            report
        }
    };
    report.capabilities = lines.finish();
    report
}

/// A sender whose domain the account does not have is refused; one whose domain waits for its DNS
/// records is accepted, since those may take days.
fn of_domains(domains: &[Domain], wanted: &str, lines: &mut Lines<'_>) -> TestReport {
    let states: Vec<String> = domains
        .iter()
        .take(MOST_NAMED)
        .map(|domain| format!("{} is {}", domain.name, domain.state()))
        .collect();
    let more = domains.len().saturating_sub(MOST_NAMED);
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    let summary =
        if states.is_empty() { "No domain yet.".to_owned() } else { format!("{}{more}.", states.join(", ")) };
    lines.answer("domains", Answer::Yes, Some(&summary));
    // A domain stands for its subdomains too only where Resend lists them.
    let own = domains.iter().find(|domain| domain.name.eq_ignore_ascii_case(wanted));
    let mut report = TestReport::new(Outcome::Accepted, "Resend accepted the API key.");
    match own {
        Some(domain) if domain.is_verified() => {
            lines.answer("send_email", Answer::Yes, Some(&format!("From {}.", domain.name)));
        }
        Some(domain) => {
            let note = format!(
                "Limited: {} is {}, so Resend does not send from it yet.",
                domain.name,
                domain.state()
            );
            lines.answer("send_email", Answer::No, Some(&note));
            report.notes.push(note);
        }
        None => {
            let explanation = Explanation {
                sentence: format!("Resend says that this account has no domain {wanted}.").into(),
                fix: "Use a sender of a domain of this account, or add the domain at Resend.".into(),
                url: DOMAINS_URL.into(),
            };
            lines.answer("send_email", Answer::No, Some(&explanation.sentence));
            report = TestReport::refused(&explanation, Some("from"));
        }
    }
    report.notes.push(summary);
    report
}

fn incomplete(error: &VaultError) -> TestReport {
    let field = match error {
        VaultError::MissingField { field, .. } | VaultError::InvalidField { field, .. } => Some(*field),
        _ => None,
    };
    let explanation = Explanation::of(
        "The form is not complete.",
        "Enter the API key and the address that e-mails come from.",
        KEYS_URL,
    );
    TestReport::refused(&explanation, field)
}
