//! The test of a Stripe key: two reads, nothing charged, nothing changed.

use crate::domain::{Answer, Outcome};
use crate::vault::{Credential, SecretFields};

use super::super::TestContext;
use super::super::api_error::{ApiError, Verdict};
use super::super::report::{Explanation, Lines, TestReport};
use super::client::StripeClient;
use super::records::{Account, Balance};
use super::{KEYS_URL, SPEC, StripeCredentials};

pub(super) async fn run(context: &TestContext<'_>, fields: &SecretFields) -> TestReport {
    let Ok(credentials) = StripeCredentials::from_fields(fields) else {
        let missing = Explanation::of(
            "No key was entered.",
            "Make a restricted key in the Stripe dashboard and paste it.",
            KEYS_URL,
        );
        return TestReport::refused(&missing, Some("apiKey"));
    };
    let client = StripeClient::of_test(context, &credentials);
    let mut lines = Lines::new(&SPEC, context.progress.as_ref());
    let mut report = match client.account().await {
        Ok(account) => accepted(&account, &mut lines),
        // The permission is checked after the key, so a key that lacks it is a good key.
        Err(error) if error.verdict() == Verdict::Limited => {
            let note = "Limited: the key may not read the account (Accounts: read).";
            lines.answer("account", Answer::No, Some(note));
            lines.answer("payments", Answer::NotTestable, Some("Shown by the first payment."));
            let mut report = TestReport::new(Outcome::Accepted, "Stripe accepted the restricted key.");
            report.notes.push(note.to_owned());
            report
        }
        Err(error) => {
            let mut report = error.report("apiKey");
            lines.answer("account", report.failed_answer(), None);
            report.capabilities = lines.finish();
            return report;
        }
    };
    let key = credentials.api_key.expose();
    if key.starts_with("sk_test_") || key.starts_with("rk_test_") {
        report.notes.push("Test key: no real payments.".to_owned());
    }
    balance(client.balance().await, &mut lines, &mut report);
    report.capabilities = lines.finish();
    report
}

fn accepted(account: &Account, lines: &mut Lines<'_>) -> TestReport {
    let mut report = TestReport {
        identity: Some(account.id.clone()),
        identity_name: account.name(),
        ..TestReport::new(Outcome::Accepted, "Stripe accepted the key.")
    };
    lines.answer("account", Answer::Yes, None);
    if account.charges_enabled {
        lines.answer("payments", Answer::Yes, None);
    } else {
        let note = "Limited: Stripe takes no payments for this account yet.";
        lines.answer("payments", Answer::No, Some(note));
        report.notes.push(note.to_owned());
    }
    report
}

/// A key that may not see the balance is limited, no more.
fn balance(found: Result<Balance, ApiError>, lines: &mut Lines<'_>, report: &mut TestReport) {
    match found {
        Ok(balance) => {
            let amounts: Vec<String> = balance.available.iter().take(3).map(|amount| amount.text()).collect();
            let note = if amounts.is_empty() {
                "Nothing is available.".to_owned()
            } else {
                format!("{} available.", amounts.join(", "))
            };
            lines.answer("balance", Answer::Yes, Some(&note));
            report.notes.push(note);
        }
        Err(error) if error.verdict() == Verdict::Silent => {
            let sentence = error.explain().sentence;
            lines.answer("balance", Answer::Unknown, Some(&sentence));
            report.retry_after_seconds = error.retry_after().map(|wait| wait.as_secs().max(1));
        }
        Err(_) => {
            let note = "Limited: the key may not read the balance (Balance: read).";
            lines.answer("balance", Answer::No, Some(note));
            report.notes.push(note.to_owned());
        }
    }
}
