//! The providers against the stand-ins, over real HTTP: what each failure becomes, and what each
//! credential is found to be.

use std::time::Duration;

use tokio::sync::mpsc;
use uuid::Uuid;

use super::sms::{SendContext, SendError, SendFailure, SentMessage};
use super::vapi::VapiClient;
use super::*;
use crate::domain::phone::PhoneNumber;
use crate::domain::{Answer, Outcome, ProviderId};
use crate::sandbox::{AccountStatus, DEMO_TWILIO, DEMO_VAPI, Fault, Sandbox, SandboxOptions};
use crate::vault::SecretText;

mod assistants;
mod elevenlabs;
mod failures;
mod keyed;
mod n8n;
mod resend;
mod senders;
mod whatsapp;

const PATIENT: &str = "+15550100199";

struct Bench {
    sandbox: Sandbox,
    egress: Egress,
    bases: ProviderBases,
}

/// What a test has sent must be what the providers' own documents describe: each test holds it at its end.
impl Drop for Bench {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let found = self.sandbox.disagreements();
        assert!(found.is_empty(), "requests that no document describes: {found:#?}");
    }
}

impl Bench {
    async fn start() -> Self {
        let sandbox = Sandbox::start(SandboxOptions::default()).await.expect("the stand-ins start");
        let options = EgressOptions { allowed: sandbox.allowed(), ..EgressOptions::default() };
        let egress = Egress::new(options).expect("a client");
        Self { bases: sandbox.bases(), sandbox, egress }
    }

    async fn test(&self, provider: ProviderId, fields: &SecretFields) -> TestReport {
        self.test_within(provider, fields, Duration::from_secs(8)).await
    }

    async fn test_within(&self, provider: ProviderId, fields: &SecretFields, time: Duration) -> TestReport {
        let context = TestContext {
            egress: &self.egress,
            bases: &self.bases,
            // A bulkhead for each test, so that no breaker carries over.
            bulkhead: BulkheadKey(Uuid::new_v4().as_u128()),
            deadline: Deadline::after(time),
            progress: None,
        };
        catalogue::find(provider).test(&context, fields).await
    }

    /// What connects the first demo account of a provider.
    fn demo_fields(&self, provider: ProviderId) -> SecretFields {
        let mut fields = SecretFields::new();
        for (key, value) in self.sandbox.demo_fields(provider) {
            fields.insert(key, SecretText::new(value));
        }
        fields
    }

    fn vapi<'a>(&'a self, key: &'a SecretText) -> VapiClient<'a> {
        VapiClient {
            egress: &self.egress,
            base: &self.bases.vapi,
            key,
            bulkhead: BulkheadKey(1),
            deadline: Deadline::after(Duration::from_secs(8)),
        }
    }

    async fn send(&self, fields: &SecretFields, to: &str, time: Duration) -> Result<SentMessage, SendError> {
        self.send_by(ProviderId::Twilio, fields, to, time).await
    }

    async fn send_by(
        &self,
        provider: ProviderId,
        fields: &SecretFields,
        to: &str,
        time: Duration,
    ) -> Result<SentMessage, SendError> {
        let context = SendContext {
            egress: &self.egress,
            bases: &self.bases,
            bulkhead: BulkheadKey(Uuid::new_v4().as_u128()),
            deadline: Deadline::after(time),
            report_to: None,
        };
        let to = PhoneNumber::parse(to).expect(to);
        catalogue::find(provider).sms().expect("a sender").send_text(&context, fields, &to, "Hello").await
    }
}

/// What a form takes for the first demo account, for providers whose fields hold no address.
fn demo_of(provider: ProviderId) -> SecretFields {
    let mut fields = SecretFields::new();
    for (key, value) in Sandbox::demo_fields_of(provider) {
        fields.insert(key, SecretText::new(value));
    }
    fields
}

fn fields(pairs: &[(&str, &str)]) -> SecretFields {
    let mut fields = SecretFields::new();
    for (key, value) in pairs {
        fields.insert(key, SecretText::new((*value).to_owned()));
    }
    fields
}

fn vapi_fields() -> SecretFields {
    fields(&[("apiKey", DEMO_VAPI[0].private_key)])
}

fn twilio_fields() -> SecretFields {
    let demo = &DEMO_TWILIO[0];
    fields(&[("accountSid", demo.account_sid), ("authToken", demo.auth_token), ("phoneNumber", demo.number)])
}

fn answer(report: &TestReport, capability: &str) -> Answer {
    report.capabilities.iter().find(|line| line.capability == capability).expect(capability).answer
}

#[tokio::test]
async fn a_vapi_key_is_pinned_to_its_organization_and_a_test_changes_nothing() {
    let bench = Bench::start().await;
    let report = bench.test(ProviderId::Vapi, &vapi_fields()).await;
    assert_eq!(report.identity, Some(DEMO_VAPI[0].org_id.to_string()));
    assert_eq!(answer(&report, "read_assistants"), Answer::Yes);
    assert_eq!(answer(&report, "manage_assistants"), Answer::NotTestable);
    assert_eq!(answer(&report, "phone_numbers"), Answer::Yes);
    assert!(bench.sandbox.requests(ProviderId::Vapi).iter().all(|seen| seen.method == "GET"));
}

#[tokio::test]
async fn a_public_key_is_refused_with_the_sentence_that_names_both_causes() {
    let bench = Bench::start().await;
    let report = bench.test(ProviderId::Vapi, &fields(&[("apiKey", DEMO_VAPI[0].public_key)])).await;
    assert_eq!((report.outcome, report.field.as_deref()), (Outcome::Refused, Some("apiKey")));
    assert!(report.headline.contains("public key"), "{}", report.headline);
    assert_eq!(report.reference.as_deref(), Some("401"));
}

#[tokio::test]
async fn lines_of_a_test_arrive_while_it_runs() {
    let bench = Bench::start().await;
    let (sender, mut receiver) = mpsc::channel(16);
    let context = TestContext {
        egress: &bench.egress,
        bases: &bench.bases,
        bulkhead: BulkheadKey(1),
        deadline: Deadline::after(Duration::from_secs(8)),
        progress: Some(sender),
    };
    let report = catalogue::find(ProviderId::Twilio).test(&context, &twilio_fields()).await;
    drop(context);
    let mut lines = Vec::new();
    while let Some(line) = receiver.recv().await {
        lines.push(line);
    }
    let told = |lines: &[crate::domain::CapabilityResult]| -> Vec<(String, Answer)> {
        lines.iter().map(|line| (line.capability.clone(), line.answer)).collect()
    };
    assert_eq!(told(&lines), told(&report.capabilities));
}

#[tokio::test]
async fn an_auth_token_can_do_everything_and_an_api_key_all_but_reports() {
    let bench = Bench::start().await;
    let demo = &DEMO_TWILIO[0];
    let whole = bench.test(ProviderId::Twilio, &twilio_fields()).await;
    assert_eq!(whole.outcome, Outcome::Accepted);
    assert_eq!(whole.identity.as_deref(), Some(demo.account_sid));
    assert_eq!(whole.identity_name.as_deref(), Some(demo.name));
    assert_eq!(answer(&whole, "delivery_reports"), Answer::Yes);
    assert_eq!(answer(&whole, "send_whatsapp"), Answer::NotSetUp);
    let account = whole.capabilities.iter().find(|line| line.capability == "account").expect("a line");
    assert_eq!(account.note.as_deref(), Some("Balance: 12.34 USD."));

    let by_key = fields(&[
        ("accountSid", demo.account_sid),
        ("apiKeySid", demo.api_key_sid),
        ("apiKeySecret", demo.api_key_secret),
        ("messagingServiceSid", demo.messaging_service_sid),
        ("whatsappNumber", demo.number),
    ]);
    let limited = bench.test(ProviderId::Twilio, &by_key).await;
    assert_eq!(limited.outcome, Outcome::Accepted, "{limited:?}");
    assert_eq!(answer(&limited, "send_sms"), Answer::Yes);
    assert_eq!(answer(&limited, "delivery_reports"), Answer::No);
    assert_eq!(answer(&limited, "send_whatsapp"), Answer::NotTestable);
    assert!(limited.notes.iter().any(|note| note.contains("delivery reports need the Auth Token")));
}

#[tokio::test]
async fn each_wrong_value_of_twilio_is_refused_at_its_field() {
    let bench = Bench::start().await;
    let (own, other) = (&DEMO_TWILIO[0], &DEMO_TWILIO[1]);
    let base = [("accountSid", own.account_sid), ("authToken", own.auth_token), ("phoneNumber", own.number)];
    let with = |changes: &[(&str, &str)]| {
        let mut all = fields(&base);
        for (key, value) in changes {
            all.insert(key, SecretText::new((*value).to_owned()));
        }
        all
    };
    let table = [
        (with(&[("authToken", other.auth_token)]), "authToken", "20003"),
        (with(&[("accountSid", other.account_sid)]), "authToken", "20003"),
        (with(&[("phoneNumber", other.number)]), "phoneNumber", "21606"),
        (with(&[("messagingServiceSid", other.messaging_service_sid)]), "messagingServiceSid", "20404"),
        (
            with(&[
                ("authToken", ""),
                ("apiKeySid", own.api_key_sid),
                ("apiKeySecret", other.api_key_secret),
            ]),
            "apiKeySecret",
            "20003",
        ),
    ];
    for (fields, field, reference) in table {
        let report = bench.test(ProviderId::Twilio, &fields).await;
        assert_eq!(report.outcome, Outcome::Refused, "{field}: {report:?}");
        assert_eq!((report.field.as_deref(), report.reference.as_deref()), (Some(field), Some(reference)));
    }
    // A number that only contains the wanted one is another number.
    let part = bench.test(ProviderId::Twilio, &with(&[("phoneNumber", "+1555010010")])).await;
    assert_eq!((part.outcome, part.field.as_deref()), (Outcome::Refused, Some("phoneNumber")));
}

#[tokio::test]
async fn closed_suspended_and_mute_accounts_are_refused_and_a_trial_is_noted() {
    let bench = Bench::start().await;
    let sid = DEMO_TWILIO[0].account_sid;
    bench.sandbox.twilio().change(sid, |account| account.status = AccountStatus::Closed);
    let closed = bench.test(ProviderId::Twilio, &twilio_fields()).await;
    assert_eq!((closed.outcome, closed.headline.contains("closed")), (Outcome::Refused, true));
    bench.sandbox.twilio().change(sid, |account| account.status = AccountStatus::Suspended);
    let suspended = bench.test(ProviderId::Twilio, &twilio_fields()).await;
    assert_eq!((suspended.outcome, suspended.headline.contains("suspended")), (Outcome::Refused, true));
    bench.sandbox.twilio().change(sid, |account| {
        account.status = AccountStatus::Active;
        account.numbers[0].sms = false;
    });
    let mute = bench.test(ProviderId::Twilio, &twilio_fields()).await;
    assert_eq!((mute.outcome, mute.field.as_deref()), (Outcome::Refused, Some("phoneNumber")));
    assert_eq!(answer(&mute, "account"), Answer::Yes);

    let demo = &DEMO_TWILIO[2];
    let trial = fields(&[
        ("accountSid", demo.account_sid),
        ("authToken", demo.auth_token),
        ("phoneNumber", demo.number),
    ]);
    let report = bench.test(ProviderId::Twilio, &trial).await;
    assert_eq!(report.outcome, Outcome::Accepted);
    assert!(report.notes[0].contains("Trial"), "{:?}", report.notes);
}

#[tokio::test]
async fn no_report_and_no_error_holds_a_secret() {
    let bench = Bench::start().await;
    for fault in [Fault::None, Fault::Unauthorized, Fault::Reset, Fault::ErrorInside] {
        bench.sandbox.faults().set(ProviderId::Twilio, fault);
        let report = bench.test(ProviderId::Twilio, &twilio_fields()).await;
        let text = format!("{report:?} {}", serde_json::to_string(&report).expect("JSON"));
        assert!(!text.contains(DEMO_TWILIO[0].auth_token), "{fault:?}");
    }
}

#[tokio::test]
async fn a_message_goes_out_by_the_own_account_only() {
    let bench = Bench::start().await;
    let sent = bench.send(&twilio_fields(), PATIENT, Duration::from_secs(5)).await.expect("sent");
    let log = bench.sandbox.phone_log();
    assert_eq!((log.len(), &log[0].sid, log[0].to.as_str()), (1, &sent.sid, PATIENT));
    assert_eq!(log[0].account_sid, DEMO_TWILIO[0].account_sid);
    let seen = bench.sandbox.requests(ProviderId::Twilio);
    assert!(seen.iter().all(|request| request.account.as_deref() == Some(DEMO_TWILIO[0].name)));
}

#[tokio::test]
async fn each_refused_message_has_its_code() {
    let bench = Bench::start().await;
    for (to, code) in [
        ("+15005550001", 21211),
        ("+15005550002", 21612),
        ("+15005550003", 21408),
        ("+15005550004", 21610),
        ("+15005550009", 21614),
    ] {
        let error = bench.send(&twilio_fields(), to, Duration::from_secs(5)).await.expect_err(to);
        assert_eq!(
            (error.kind, error.code.clone()),
            (SendFailure::Refused, Some(code.to_string())),
            "{error:?}"
        );
    }
    let demo = &DEMO_TWILIO[2];
    let trial = fields(&[
        ("accountSid", demo.account_sid),
        ("authToken", demo.auth_token),
        ("phoneNumber", demo.number),
    ]);
    let unverified = bench.send(&trial, PATIENT, Duration::from_secs(5)).await.expect_err("unverified");
    assert_eq!(unverified.code.as_deref(), Some("21608"));
    assert!(bench.send(&trial, demo.verified[0], Duration::from_secs(5)).await.is_ok());
    assert_eq!(bench.sandbox.phone_log().len(), 1);
}

#[tokio::test]
async fn a_lost_answer_is_undetermined_and_the_message_was_sent() {
    let bench = Bench::start().await;
    bench.sandbox.faults().set(ProviderId::Twilio, Fault::LostAnswer);
    let error = bench.send(&twilio_fields(), PATIENT, Duration::from_secs(5)).await.expect_err("lost");
    assert_eq!(error.kind, SendFailure::Undetermined);
    assert_eq!(bench.sandbox.phone_log().len(), 1);
    bench.sandbox.faults().set(ProviderId::Twilio, Fault::Hang);
    let error = bench.send(&twilio_fields(), PATIENT, Duration::from_millis(200)).await.expect_err("hangs");
    assert_eq!(error.kind, SendFailure::Undetermined);
    bench.sandbox.faults().set(ProviderId::Twilio, Fault::Throttled);
    let error = bench.send(&twilio_fields(), PATIENT, Duration::from_secs(5)).await.expect_err("throttled");
    assert_eq!((error.kind, error.retry_after), (SendFailure::NotSent, Some(Duration::from_secs(7))));
}
