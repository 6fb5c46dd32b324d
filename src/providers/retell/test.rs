//! The test of a Retell AI key: two reads, nothing changed.

use crate::domain::{Answer, Outcome};
use crate::vault::{Credential, SecretFields};

use super::super::TestContext;
use super::super::api_error::Verdict;
use super::super::report::{Explanation, Lines, TestReport, grouped};
use super::client::RetellClient;
use super::{KEYS_URL, RetellCredentials, SPEC};

pub(super) async fn run(context: &TestContext<'_>, fields: &SecretFields) -> TestReport {
    let Ok(credentials) = RetellCredentials::from_fields(fields) else {
        let missing = Explanation::of(
            "No API key was entered.",
            "Copy an API key from the Retell AI dashboard.",
            KEYS_URL,
        );
        return TestReport::refused(&missing, Some("apiKey"));
    };
    let client = RetellClient::of_test(context, &credentials);
    let mut lines = Lines::new(&SPEC, context.progress.as_ref());
    let mut report = match client.agents().await {
        Ok((agents, has_more)) => {
            let note = match (agents.len(), has_more) {
                (1, false) => "1 agent".to_owned(),
                (count, false) => format!("{count} agents"),
                (count, true) => format!("more than {count} agents"),
            };
            lines.answer("agents", Answer::Yes, Some(&note));
            TestReport::new(Outcome::Accepted, "Retell AI accepted the API key.")
        }
        Err(error) => {
            let mut report = error.report("apiKey");
            lines.answer("agents", report.failed_answer(), None);
            report.capabilities = lines.finish();
            return report;
        }
    };
    match client.concurrency().await {
        Ok(found) => match found.concurrency_limit {
            Some(limit) => {
                let now = found.current_concurrency.unwrap_or_default();
                let note = format!("{} of {} calls at once are running.", grouped(now), grouped(limit));
                lines.answer("concurrency", Answer::Yes, Some(&note));
                report.notes.push(note);
            }
            None => lines.answer("concurrency", Answer::Unknown, None),
        },
        Err(error) if error.verdict() == Verdict::Silent => {
            lines.answer("concurrency", Answer::Unknown, Some(&error.explain().sentence));
        }
        Err(error) => lines.answer("concurrency", Answer::No, Some(&error.explain().sentence)),
    }
    report.capabilities = lines.finish();
    report
}
