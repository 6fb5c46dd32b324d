//! The test of a Twilio account: reads only, nothing sent, nothing changed.

use crate::domain::phone::PhoneNumber;
use crate::domain::{Answer, Outcome};
use crate::vault::{Credential, SecretFields, VaultError};

use super::super::TestContext;
use super::super::report::{Explanation, Lines, TestReport};
use super::client::TwilioClient;
use super::credentials::{Sender, TwilioAuth, TwilioCredentials};
use super::errors::{TwilioError, explain};
use super::{API_KEYS_URL, CONSOLE_URL, NAME, NUMBERS_URL, SERVICES_URL, SPEC};

/// What an account signed in to with an API key can not do.
const API_KEY_LIMIT: &str = "Limited: delivery reports need the Auth Token.";

pub(super) async fn run(context: &TestContext<'_>, fields: &SecretFields) -> TestReport {
    let credentials = match TwilioCredentials::from_fields(fields) {
        Ok(credentials) => credentials,
        Err(error) => return incomplete(&error),
    };
    let client = TwilioClient {
        egress: context.egress,
        base: &context.bases.twilio,
        credentials: &credentials,
        bulkhead: context.bulkhead,
        deadline: context.deadline,
    };
    let mut lines = Lines::new(&SPEC, context.progress.as_ref());
    let mut report = match account(&client).await {
        Ok(report) => {
            lines.answer("account", Answer::Yes, report.notes.first().map(String::as_str));
            report
        }
        Err(report) => {
            lines.answer("account", report.failed_answer(), None);
            return TestReport { capabilities: lines.finish(), ..*report };
        }
    };
    // Nice to know, and no part of the verdict: asked beside the sender, so that nobody waits for it.
    let (found, left) = tokio::join!(sender(&client, &mut lines), balance(&client));
    if let Some(left) = left {
        lines.amend("account", &left);
        report.notes.push(left);
    }
    if let Err(problem) = found {
        report = TestReport {
            identity: report.identity,
            identity_name: report.identity_name,
            notes: report.notes,
            ..*problem
        };
    }
    match &credentials.auth {
        TwilioAuth::AuthToken(_) => lines.answer("delivery_reports", Answer::Yes, None),
        TwilioAuth::ApiKey { .. } => {
            lines.answer("delivery_reports", Answer::No, Some(API_KEY_LIMIT));
            report.notes.push(API_KEY_LIMIT.to_owned());
        }
    }
    if credentials.whatsapp.is_some() {
        lines.answer("send_whatsapp", Answer::NotTestable, Some("Shown by the first message that is sent."));
    } else {
        lines.answer("send_whatsapp", Answer::NotSetUp, None);
    }
    report.capabilities = lines.finish();
    report
}

/// What is left on the account, where Twilio tells.
async fn balance(client: &TwilioClient<'_>) -> Option<String> {
    if let TwilioAuth::ApiKey { .. } = client.credentials.auth {
        return None;
    }
    let found = client.balance().await.ok()?;
    let (amount, currency) = (found.balance.parse::<f64>().ok()?, found.currency);
    let is_code = currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_uppercase());
    is_code.then(|| format!("Balance: {amount:.2} {currency}."))
}

/// Signs in. The error is the finished report.
async fn account(client: &TwilioClient<'_>) -> Result<TestReport, Box<TestReport>> {
    if let TwilioAuth::ApiKey { .. } = client.credentials.auth {
        client.any_number().await.map_err(|error| Box::new(sign_in_report(&error, true)))?;
        return Ok(TestReport {
            identity: Some(client.credentials.account_sid.clone()),
            ..TestReport::new(Outcome::Accepted, "Twilio accepted the API key.")
        });
    }
    let account = client.account().await.map_err(|error| Box::new(sign_in_report(&error, false)))?;
    if account.status != "active" {
        let explanation = Explanation {
            sentence: format!(
                "Twilio says that this account is {}.",
                super::super::answer::quote(&account.status)
            )
            .into(),
            fix: "Open the Twilio console and follow what it says about the account.".into(),
            url: CONSOLE_URL.into(),
        };
        return Err(Box::new(TestReport {
            identity: Some(account.sid),
            identity_name: account.friendly_name,
            ..TestReport::refused(&explanation, Some("accountSid"))
        }));
    }
    let is_trial = account.kind.as_deref() == Some("Trial");
    let trial = is_trial.then(|| "Trial account: it sends to verified numbers only.".to_owned());
    Ok(TestReport {
        identity: Some(account.sid),
        identity_name: account.friendly_name,
        notes: trial.into_iter().collect(),
        ..TestReport::new(Outcome::Accepted, "Twilio accepted the Account SID and Auth Token.")
    })
}

fn sign_in_report(error: &TwilioError, is_api_key: bool) -> TestReport {
    if is_api_key && matches!(error, TwilioError::Refused { status: 401, .. }) {
        let explanation = Explanation::of(
            "Twilio rejected the API key: SID and secret do not belong together, or the key is of another account.",
            "Make a new API key in the account of this Account SID and copy its secret.",
            API_KEYS_URL,
        );
        let report = TestReport::refused(&explanation, Some("apiKeySecret"));
        return TestReport { reference: error.reference(), ..report };
    }
    let field = match (error.code(), is_api_key) {
        (Some(20404), _) => "accountSid",
        (_, true) => "apiKeySid",
        (_, false) => "authToken",
    };
    error_report(error, Some(field))
}

/// A sign-in is refused by 401, 403 and 404 only: other refusals say nothing about the credential.
fn error_report(error: &TwilioError, field: Option<&'static str>) -> TestReport {
    let explanation = error.explain();
    let is_refusal = matches!(error, TwilioError::Refused { status: 401 | 403 | 404, .. });
    let report = if is_refusal {
        TestReport::refused(&explanation, field)
    } else {
        TestReport {
            fix: explanation.hint(),
            ..TestReport::undetermined(explanation.sentence.into_owned(), error.retry_after())
        }
    };
    TestReport { reference: error.reference(), ..report }
}

/// Finds out whether the account owns the sender. The error is the finished report.
async fn sender(client: &TwilioClient<'_>, lines: &mut Lines<'_>) -> Result<(), Box<TestReport>> {
    let result = match &client.credentials.sender {
        Sender::Number(number) => own_number(client, number).await,
        Sender::MessagingService(sid) => own_service(client, sid).await,
    };
    match &result {
        Ok(()) => lines.answer("send_sms", Answer::Yes, None),
        Err(report) => {
            lines.answer("send_sms", report.failed_answer(), Some(&report.headline));
        }
    }
    result
}

async fn own_number(client: &TwilioClient<'_>, number: &PhoneNumber) -> Result<(), Box<TestReport>> {
    let field = Some("phoneNumber");
    let refused = |sentence: String| {
        let explanation =
            Explanation { sentence: sentence.into(), fix: explain(21606).fix, url: NUMBERS_URL.into() };
        let report = TestReport::refused(&explanation, field);
        Box::new(TestReport { reference: Some("21606".to_owned()), ..report })
    };
    match client.own_number(number).await {
        Ok(Some(owned)) if owned.capabilities.sms => Ok(()),
        Ok(Some(_)) => Err(refused(format!("{NAME} says that {number} can not send text messages."))),
        Ok(None) => Err(refused(format!("{NAME} says that {number} does not belong to this account."))),
        Err(error) => Err(Box::new(error_report(&error, field))),
    }
}

async fn own_service(client: &TwilioClient<'_>, sid: &str) -> Result<(), Box<TestReport>> {
    let field = Some("messagingServiceSid");
    match client.messaging_service(sid).await {
        Ok(_) => Ok(()),
        Err(error @ TwilioError::Refused { status: 404, .. }) => {
            let explanation = Explanation::of(
                "Twilio says that this account has no such Messaging Service.",
                "Copy the SID of a Messaging Service of this account.",
                SERVICES_URL,
            );
            let report = TestReport::refused(&explanation, field);
            Err(Box::new(TestReport { reference: error.reference(), ..report }))
        }
        Err(error) => Err(Box::new(error_report(&error, field))),
    }
}

fn incomplete(error: &VaultError) -> TestReport {
    let field = match error {
        VaultError::MissingField { field, .. } | VaultError::InvalidField { field, .. } => Some(*field),
        _ => None,
    };
    let explanation = Explanation::of(
        "The form is not complete.",
        "Enter the Account SID, the Auth Token and the number that sends.",
        CONSOLE_URL,
    );
    TestReport::refused(&explanation, field)
}
