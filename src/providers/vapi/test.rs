//! The test of a Vapi key: two reads, nothing changed.

use crate::domain::{Answer, Outcome};
use crate::vault::{Credential, SecretFields};

use super::super::report::{Explanation, Lines, TestReport};
use super::super::{TestContext, below};
use super::client::VapiClient;
use super::records::{AssistantRecord, PhoneNumberRecord};
use super::{KEYS_URL, SPEC, VapiCredentials, VapiError};

/// One assistant may carry a long prompt; more than this is not read for a test.
const TEST_LIMIT: usize = 1024 * 1024;

pub(super) async fn run(context: &TestContext<'_>, fields: &SecretFields) -> TestReport {
    let Ok(credentials) = VapiCredentials::from_fields(fields) else {
        let missing = Explanation::of(
            "No private key was entered.",
            "Copy the private key from the list \"Private API Keys\".",
            KEYS_URL,
        );
        return TestReport::refused(&missing, Some("apiKey"));
    };
    let client = VapiClient {
        egress: context.egress,
        base: &context.bases.vapi,
        key: &credentials.private_key,
        bulkhead: context.bulkhead,
        deadline: context.deadline,
    };
    let mut lines = Lines::new(&SPEC, context.progress.as_ref());
    let assistants = first::<AssistantRecord>(&client, "assistant", "/assistant").await;
    let mut report = match assistants {
        Ok(assistants) => {
            lines.answer("read_assistants", Answer::Yes, None);
            lines.answer(
                "manage_assistants",
                Answer::NotTestable,
                Some("Shown when the assistants are set up: a test changes nothing."),
            );
            let mut report = TestReport::new(Outcome::Accepted, "Vapi accepted the private key.");
            report.identity = assistants.into_iter().find_map(|assistant| assistant.org_id);
            phone_numbers(&client, &mut lines, &mut report).await;
            report
        }
        Err(error) => {
            let report = error.report();
            lines.answer("read_assistants", report.failed_answer(), None);
            report
        }
    };
    report.capabilities = lines.finish();
    report
}

/// A key that may not see phone numbers still hosts assistants: that limits it, no more.
async fn phone_numbers(client: &VapiClient<'_>, lines: &mut Lines<'_>, report: &mut TestReport) {
    match first::<PhoneNumberRecord>(client, "phone-number", "/phone-number").await {
        Ok(numbers) => {
            lines.answer("phone_numbers", Answer::Yes, None);
            let organization = numbers.into_iter().find_map(|number| number.org_id);
            report.identity = report.identity.take().or(organization);
        }
        Err(error) => {
            let sentence = error.explain().sentence;
            let answer = if error.is_undetermined() { Answer::Unknown } else { Answer::No };
            lines.answer("phone_numbers", answer, Some(&sentence));
            report.notes.push(format!("Phone numbers: {sentence}"));
            report.retry_after_seconds = error.retry_after().map(|wait| wait.as_secs().max(1));
        }
    }
}

async fn first<T: serde::de::DeserializeOwned>(
    client: &VapiClient<'_>,
    path: &str,
    template: &'static str,
) -> Result<Vec<T>, VapiError> {
    let mut url = below(client.base, &[path]);
    url.query_pairs_mut().append_pair("limit", "1");
    client.read(url, template, TEST_LIMIT).await
}
