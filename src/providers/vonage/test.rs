//! The test of a Vonage account: reads the balance, sends nothing, changes nothing.

use crate::domain::{Answer, Outcome};
use crate::vault::{Credential, SecretFields};

use super::super::TestContext;
use super::super::report::{Explanation, Lines, TestReport};
use super::client::VonageClient;
use super::credentials::VonageCredentials;
use super::errors::VonageError;
use super::records::Balance;
use super::{SETTINGS_URL, SPEC};

/// No call of Vonage's tells whether a message would be taken.
const BY_SENDING: &str = "Shown by the first message that is sent.";

pub(super) async fn run(context: &TestContext<'_>, fields: &SecretFields) -> TestReport {
    let Ok(credentials) = VonageCredentials::from_fields(fields) else {
        let explanation = Explanation::of(
            "The form is not complete.",
            "Enter the API key, the API secret and the sender.",
            SETTINGS_URL,
        );
        return TestReport::refused(&explanation, None);
    };
    let client = VonageClient {
        egress: context.egress,
        base: &context.bases.vonage,
        credentials: &credentials,
        bulkhead: context.bulkhead,
        deadline: context.deadline,
    };
    let mut lines = Lines::new(&SPEC, context.progress.as_ref());
    let report = match client.balance().await {
        Ok(balance) => {
            let note = note(&balance);
            lines.answer("account", Answer::Yes, Some(&note));
            if balance.value > 0.0 || balance.auto_reload {
                lines.answer("send_sms", Answer::NotTestable, Some(BY_SENDING));
            } else {
                lines.answer("send_sms", Answer::No, Some("Limited: there is no credit."));
            }
            TestReport {
                // The API key is the account's own name at Vonage.
                identity: Some(credentials.api_key.clone()),
                notes: vec![note],
                ..TestReport::new(Outcome::Accepted, "Vonage accepted the API key and secret.")
            }
        }
        Err(error) => {
            let report = error_report(&error);
            lines.answer("account", report.failed_answer(), None);
            report
        }
    };
    TestReport { capabilities: lines.finish(), ..report }
}

fn note(balance: &Balance) -> String {
    let reload = if balance.auto_reload { ", reloaded automatically" } else { "" };
    format!("Balance: {:.2} EUR{reload}.", balance.value)
}

fn error_report(error: &VonageError) -> TestReport {
    let explanation = error.explain();
    let report = if let VonageError::Refused { .. } = error {
        TestReport::refused(&explanation, Some("apiSecret"))
    } else {
        TestReport {
            fix: explanation.hint(),
            ..TestReport::undetermined(explanation.sentence.into_owned(), error.retry_after())
        }
    };
    TestReport { reference: error.reference(), ..report }
}
