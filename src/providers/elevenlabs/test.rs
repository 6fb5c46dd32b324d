//! The test of an ElevenLabs key: two reads, nothing spoken, nothing changed.

use crate::domain::{Answer, Outcome};
use crate::vault::{Credential, SecretFields};

use super::super::TestContext;
use super::super::api_error::{ApiError, Verdict};
use super::super::report::{Explanation, Lines, TestReport, day_of, grouped};
use super::client::ElevenLabsClient;
use super::records::{Account, Subscription};
use super::{ElevenLabsCredentials, KEYS_URL, NAME, SPEC};

pub(super) async fn run(context: &TestContext<'_>, fields: &SecretFields) -> TestReport {
    let Ok(credentials) = ElevenLabsCredentials::from_fields(fields) else {
        let missing = Explanation::of(
            "No API key was entered.",
            "Make an API key at ElevenLabs and paste it.",
            KEYS_URL,
        );
        return TestReport::refused(&missing, Some("apiKey"));
    };
    let client = ElevenLabsClient::of_test(context, &credentials);
    let mut lines = Lines::new(&SPEC, context.progress.as_ref());
    let mut report = match client.account().await {
        Ok(account) => accepted(&account, &mut lines),
        Err(error) if error.verdict() == Verdict::Limited => {
            let note = match error.code() {
                Some("missing_permissions") => {
                    "Limited: the key may not read the account (User: read), so the characters left are not known."
                        .to_owned()
                }
                _ => error.explain().sentence.into_owned(),
            };
            lines.answer("account", Answer::No, Some(&note));
            lines.answer("speak", Answer::NotTestable, Some(SPOKEN));
            let mut report = TestReport::new(Outcome::Accepted, "ElevenLabs accepted the API key.");
            report.notes.push(note);
            report
        }
        Err(error) => {
            let mut report = error.report("apiKey");
            lines.answer("account", report.failed_answer(), None);
            report.capabilities = lines.finish();
            return report;
        }
    };
    voices(&client, &mut lines, &mut report).await;
    report.capabilities = lines.finish();
    report
}

const SPOKEN: &str = "Shown by the first call: a test uses no characters.";

fn accepted(account: &Account, lines: &mut Lines<'_>) -> TestReport {
    let plan = &account.subscription;
    let mut report = TestReport {
        identity: Some(account.user_id.clone()),
        identity_name: account.first_name.clone(),
        ..TestReport::new(Outcome::Accepted, "ElevenLabs accepted the API key.")
    };
    let quota = quota(plan);
    lines.answer("account", Answer::Yes, Some(&quota));
    report.notes.push(quota);
    let trouble = match plan.status.as_deref() {
        Some("free_disabled") => Some("ElevenLabs has disabled the free plan of this account."),
        Some("incomplete") => Some("ElevenLabs says that the first payment is not complete."),
        _ if plan.characters_left() == 0 => Some("No characters are left until the next period."),
        _ => None,
    };
    match trouble {
        Some(trouble) => {
            lines.answer("speak", Answer::No, Some(trouble));
            report.notes.push(trouble.to_owned());
        }
        None => lines.answer("speak", Answer::NotTestable, Some(SPOKEN)),
    }
    if plan.status.as_deref() == Some("past_due") {
        report.notes.push("ElevenLabs says that a payment is overdue.".to_owned());
    }
    report
}

/// "2,000 of 10,000 characters left until 1 December 2026 (plan: creator)."
fn quota(plan: &Subscription) -> String {
    let until = plan.next_character_count_reset_unix.and_then(day_of);
    let until = until.map(|day| format!(" until {day}")).unwrap_or_default();
    format!(
        "{} of {} characters left{until} (plan: {}).",
        grouped(plan.characters_left()),
        grouped(plan.character_limit),
        super::super::answer::quote(&plan.tier)
    )
}

/// A key that may not list voices still speaks: that limits it, no more.
async fn voices(client: &ElevenLabsClient<'_>, lines: &mut Lines<'_>, report: &mut TestReport) {
    match client.voices().await {
        Ok(voices) if voices.len() == 1 => lines.answer("voices", Answer::Yes, Some("1 voice")),
        Ok(voices) => lines.answer("voices", Answer::Yes, Some(&format!("{} voices", voices.len()))),
        Err(error) => {
            let (answer, note) = limited(&error);
            lines.answer("voices", answer, Some(&note));
            report.notes.push(format!("{NAME} voices: {note}"));
            report.retry_after_seconds = error.retry_after().map(|wait| wait.as_secs().max(1));
        }
    }
}

fn limited(error: &ApiError) -> (Answer, String) {
    match error.verdict() {
        Verdict::Silent => (Answer::Unknown, error.explain().sentence.into_owned()),
        _ => (Answer::No, "Limited: the key may not list voices (Voices: read).".to_owned()),
    }
}
