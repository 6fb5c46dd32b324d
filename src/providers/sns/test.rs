//! The test of an AWS account: who the key belongs to, then what may be read of its limits. Nothing
//! is sent and nothing is changed.

use crate::domain::{Answer, Outcome};
use crate::vault::{Credential, SecretFields};

use super::super::TestContext;
use super::super::report::{Explanation, Lines, TestReport};
use super::client::SnsClient;
use super::credentials::SnsCredentials;
use super::errors::SnsError;
use super::{SPEC, USERS_URL};

/// No call of AWS's tells whether `sns:Publish` is allowed.
const BY_SENDING: &str = "Shown by the first message that is sent (sns:Publish).";
const SANDBOX: &str = "Limited: the account is in AWS's SMS sandbox, which sends to verified numbers only.";

pub(super) async fn run(context: &TestContext<'_>, fields: &SecretFields) -> TestReport {
    let Ok(credentials) = SnsCredentials::from_fields(fields) else {
        let explanation = Explanation::of(
            "The form is not complete.",
            "Enter the access key ID, the secret access key and the region.",
            USERS_URL,
        );
        return TestReport::refused(&explanation, None);
    };
    let client = SnsClient {
        egress: context.egress,
        base: &context.bases.aws,
        credentials: &credentials,
        bulkhead: context.bulkhead,
        deadline: context.deadline,
    };
    let mut lines = Lines::new(&SPEC, context.progress.as_ref());
    let mut report = match client.identity().await {
        Ok(identity) => {
            lines.answer("account", Answer::Yes, None);
            TestReport {
                identity_name: identity.arn.as_deref().map(name_of),
                identity: Some(identity.account),
                ..TestReport::new(Outcome::Accepted, "AWS SNS accepted the access key.")
            }
        }
        Err(error) => {
            let report = error_report(&error);
            lines.answer("account", report.failed_answer(), None);
            return TestReport { capabilities: lines.finish(), ..report };
        }
    };
    lines.answer("send_sms", Answer::NotTestable, Some(BY_SENDING));
    report.notes = limits(&client, &mut lines).await;
    report.capabilities = lines.finish();
    report
}

/// Reads what limits the account; gives what people should know of it. That something could not be
/// read says nothing against the key.
async fn limits(client: &SnsClient<'_>, lines: &mut Lines<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    let mut missing = Vec::new();
    let mut unknown = None;
    match client.is_in_sandbox().await {
        Ok(true) => {
            lines.answer("any_recipient", Answer::No, Some(SANDBOX));
            notes.push(SANDBOX.to_owned());
        }
        Ok(false) => lines.answer("any_recipient", Answer::Yes, None),
        Err(error) => {
            lines.answer(
                "any_recipient",
                Answer::Unknown,
                Some("Whether the account is in the sandbox could not be read."),
            );
            if error.is_missing_permission() {
                missing.push("sns:GetSMSSandboxAccountStatus");
            } else {
                unknown = Some(error.explain().sentence);
            }
        }
    }
    match client.spend_limit().await {
        Ok(Some(limit)) => notes.push(format!("AWS stops text messages at {limit} USD a month.")),
        Ok(None) => {}
        Err(error) if error.is_missing_permission() => missing.push("sns:GetSMSAttributes"),
        Err(error) => unknown = Some(error.explain().sentence),
    }
    if !missing.is_empty() {
        let note = format!("Limited: the permission {} is missing.", missing.join(" and "));
        lines.answer("read_limits", Answer::No, Some(&note));
        notes.push(note);
    } else if let Some(sentence) = unknown {
        lines.answer("read_limits", Answer::Unknown, Some(&sentence));
    } else {
        lines.answer("read_limits", Answer::Yes, None);
    }
    notes
}

/// The part of an ARN that people know: `user/front-desk`.
fn name_of(arn: &str) -> String {
    arn.rsplit(':').next().unwrap_or(arn).to_owned()
}

/// A key is refused by 401 and 403 only: other refusals say nothing about it.
fn error_report(error: &SnsError) -> TestReport {
    let explanation = error.explain();
    let report = if let SnsError::Refused { status: 401 | 403, .. } = error {
        let field =
            if error.code() == Some("SignatureDoesNotMatch") { "secretAccessKey" } else { "accessKeyId" };
        TestReport::refused(&explanation, Some(field))
    } else {
        TestReport {
            fix: explanation.hint(),
            ..TestReport::undetermined(explanation.sentence.into_owned(), error.retry_after())
        }
    };
    TestReport { reference: error.reference(), ..report }
}
