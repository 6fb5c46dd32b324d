//! The other senders of text messages at their stand-ins: Vonage and AWS SNS.

use std::time::Duration;

use super::{Bench, PATIENT, answer, demo_of};
use crate::domain::{Answer, Outcome, ProviderId};
use crate::providers::sms::SendFailure;
use crate::providers::{SecretFields, TestReport};
use crate::sandbox::{DEMO_AWS, DEMO_VONAGE, Fault};
use crate::vault::SecretText;

const OTHERS: [ProviderId; 2] = [ProviderId::Vonage, ProviderId::Sns];
const TIME: Duration = Duration::from_secs(5);

fn demo(provider: ProviderId) -> SecretFields {
    demo_of(provider)
}

fn with(provider: ProviderId, key: &str, value: &str) -> SecretFields {
    let mut all = demo(provider);
    all.insert(key, SecretText::new(value.to_owned()));
    all
}

fn note(report: &TestReport, capability: &str) -> String {
    let line = report.capabilities.iter().find(|line| line.capability == capability).expect(capability);
    line.note.clone().unwrap_or_default()
}

#[tokio::test]
async fn a_test_names_the_account_and_its_balance_and_sends_nothing() {
    let bench = Bench::start().await;
    let vonage = bench.test(ProviderId::Vonage, &demo(ProviderId::Vonage)).await;
    assert_eq!(vonage.identity.as_deref(), Some(DEMO_VONAGE[0][1]));
    assert_eq!(vonage.notes, ["Balance: 10.00 EUR."]);
    assert_eq!(answer(&vonage, "send_sms"), Answer::NotTestable);
    let sns = bench.test(ProviderId::Sns, &demo(ProviderId::Sns)).await;
    assert_eq!(sns.outcome, Outcome::Accepted, "{sns:?}");
    assert_eq!(sns.identity.as_deref(), Some(DEMO_AWS[0][1]));
    assert_eq!(sns.identity_name.as_deref(), Some("user/front-desk"));
    assert_eq!(answer(&sns, "any_recipient"), Answer::Yes);
    assert_eq!(sns.notes, ["AWS stops text messages at 50 USD a month."]);
    assert!(bench.sandbox.phone_log().is_empty());
    // Nothing secret stands in an address.
    for provider in OTHERS {
        let seen = bench.sandbox.requests(provider);
        assert!(!seen.is_empty() && seen.iter().all(|request| !request.path.contains('?')), "{seen:?}");
    }
}

#[tokio::test]
async fn each_wrong_value_is_refused_at_its_field() {
    let bench = Bench::start().await;
    for (provider, key, value, field, reference) in [
        (ProviderId::Vonage, "apiSecret", DEMO_VONAGE[1][2], "apiSecret", "401"),
        (ProviderId::Vonage, "apiKey", DEMO_VONAGE[1][1], "apiSecret", "401"),
        (ProviderId::Sns, "accessKeyId", "AKIAUNKNOWNUNKNOWN00", "accessKeyId", "InvalidClientTokenId"),
        (ProviderId::Sns, "accessKeyId", DEMO_AWS[1][2], "secretAccessKey", "SignatureDoesNotMatch"),
        (ProviderId::Sns, "secretAccessKey", DEMO_AWS[1][3], "secretAccessKey", "SignatureDoesNotMatch"),
    ] {
        let report = bench.test(provider, &with(provider, key, value)).await;
        assert_eq!(report.outcome, Outcome::Refused, "{key}: {report:?}");
        assert_eq!((report.field.as_deref(), report.reference.as_deref()), (Some(field), Some(reference)));
        assert!(report.fix.is_some() && answer(&report, "account") == Answer::No);
    }
}

#[tokio::test]
async fn limits_of_an_account_are_told_and_a_missing_permission_is_named() {
    let bench = Bench::start().await;
    let (key, sandbox) = (DEMO_AWS[0][2], &bench.sandbox);
    sandbox.change_aws(key, |account| account.is_in_sandbox = true);
    let limited = bench.test(ProviderId::Sns, &demo(ProviderId::Sns)).await;
    assert_eq!(limited.outcome, Outcome::Accepted);
    assert_eq!(answer(&limited, "any_recipient"), Answer::No);
    assert!(note(&limited, "any_recipient").contains("sandbox"), "{limited:?}");
    sandbox.change_aws(key, |account| {
        account.denied = vec!["sns:GetSMSSandboxAccountStatus".into(), "sns:GetSMSAttributes".into()];
    });
    let blind = bench.test(ProviderId::Sns, &demo(ProviderId::Sns)).await;
    assert_eq!((blind.outcome, answer(&blind, "read_limits")), (Outcome::Accepted, Answer::No));
    assert_eq!(answer(&blind, "any_recipient"), Answer::Unknown);
    let told = note(&blind, "read_limits");
    assert!(told.contains("sns:GetSMSSandboxAccountStatus and sns:GetSMSAttributes"), "{told}");
    sandbox.change_vonage(DEMO_VONAGE[0][1], |account| account.balance = 0.0);
    let empty = bench.test(ProviderId::Vonage, &demo(ProviderId::Vonage)).await;
    assert_eq!((empty.outcome, answer(&empty, "send_sms")), (Outcome::Accepted, Answer::No));
}

#[tokio::test]
async fn a_message_goes_out_with_the_senders_own_account_and_name() {
    let bench = Bench::start().await;
    for (provider, from) in [(ProviderId::Vonage, Some("15550100110")), (ProviderId::Sns, Some("Sunrise"))] {
        let sent = bench.send_by(provider, &with(provider, "senderId", "Sunrise"), PATIENT, TIME).await;
        let sent = sent.expect("sent");
        let log = bench.sandbox.phone_log();
        let last = log.last().expect("a message");
        assert_eq!((&last.sid, last.to.as_str(), last.body.as_str()), (&sent.sid, PATIENT, "Hello"));
        assert_eq!(last.from.as_deref(), from);
        let seen = bench.sandbox.requests(provider);
        assert!(seen.iter().all(|request| request.account.as_deref() == Some("Sunrise Dental")), "{seen:?}");
    }
}

#[tokio::test]
async fn each_refusal_of_a_message_says_who_is_the_reason() {
    let bench = Bench::start().await;
    let (vonage, aws) = (DEMO_VONAGE[0][1], DEMO_AWS[0][2]);
    let send = async |provider, fields: &SecretFields| {
        bench.send_by(provider, fields, PATIENT, TIME).await.expect_err("refused")
    };
    let own = demo(ProviderId::Vonage);
    bench.sandbox.change_vonage(vonage, |account| account.barred.push("15550100199".into()));
    let barred = send(ProviderId::Vonage, &own).await;
    assert_eq!((barred.code.as_deref(), barred.allows_another()), (Some("7"), false), "{barred:?}");
    bench.sandbox.change_vonage(vonage, |account| account.balance = -1.0);
    let empty = send(ProviderId::Vonage, &own).await;
    assert_eq!((empty.code.as_deref(), empty.allows_another()), (Some("9"), true), "{empty:?}");
    bench.sandbox.change_vonage(vonage, |account| account.is_suspended = true);
    assert_eq!(send(ProviderId::Vonage, &own).await.code.as_deref(), Some("8"));
    let foreign = send(ProviderId::Vonage, &with(ProviderId::Vonage, "apiSecret", "wrong-secret")).await;
    assert_eq!((foreign.code.as_deref(), foreign.kind), (Some("4"), SendFailure::Refused));

    let own = demo(ProviderId::Sns);
    bench.sandbox.change_aws(aws, |account| account.opted_out.push(PATIENT.into()));
    let stopped = send(ProviderId::Sns, &own).await;
    assert_eq!((stopped.code.as_deref(), stopped.allows_another()), (Some("OptedOut"), false));
    bench.sandbox.change_aws(aws, |account| account.denied.push("sns:Publish".into()));
    let denied = send(ProviderId::Sns, &own).await;
    assert_eq!((denied.code.as_deref(), denied.allows_another()), (Some("AuthorizationError"), true));
    assert!(denied.fix.is_some_and(|fix| fix.text.contains("sns:Publish")));
    assert!(bench.sandbox.phone_log().is_empty());
}

#[tokio::test]
async fn a_status_inside_of_a_success_says_whether_another_may_try() {
    let bench = Bench::start().await;
    for (to, code, kind) in
        [("+15005550001", "1", SendFailure::NotSent), ("+15005550005", "5", SendFailure::Undetermined)]
    {
        let own = demo(ProviderId::Vonage);
        let error = bench.send_by(ProviderId::Vonage, &own, to, TIME).await.expect_err(to);
        assert_eq!((error.code.as_deref(), error.kind), (Some(code), kind), "{error:?}");
        assert_eq!(error.allows_another(), kind == SendFailure::NotSent, "{error:?}");
    }
    assert!(bench.sandbox.phone_log().is_empty());
}

#[tokio::test]
async fn only_what_certainly_did_not_leave_lets_another_try() {
    let bench = Bench::start().await;
    let short = Duration::from_millis(400);
    for provider in OTHERS {
        for (fault, kind, time) in [
            (Fault::LostAnswer, SendFailure::Undetermined, TIME),
            (Fault::Hang, SendFailure::Undetermined, short),
            (Fault::Html, SendFailure::Undetermined, TIME),
            (Fault::InvalidJson, SendFailure::Undetermined, TIME),
            (Fault::ErrorInside, SendFailure::Undetermined, TIME),
            (Fault::ServerError, SendFailure::Undetermined, TIME),
            (Fault::Throttled, SendFailure::NotSent, TIME),
            (Fault::Unauthorized, SendFailure::Refused, TIME),
            (Fault::Forbidden, SendFailure::Refused, TIME),
            (Fault::Suspended, SendFailure::Refused, TIME),
        ] {
            bench.sandbox.faults().set(provider, fault);
            let error = bench.send_by(provider, &demo(provider), PATIENT, time).await.expect_err("fails");
            assert_eq!(error.kind, kind, "{provider:?} {fault:?}: {error:?}");
            assert_eq!(error.allows_another(), kind != SendFailure::Undetermined, "{provider:?} {fault:?}");
        }
        bench.sandbox.faults().set(provider, Fault::None);
    }
    // Both lost answers went out, and nothing else did.
    assert_eq!(bench.sandbox.phone_log().len(), 2);
}

#[tokio::test]
async fn no_report_and_no_error_of_a_sender_holds_a_secret() {
    let bench = Bench::start().await;
    for fault in Fault::ALL.into_iter().filter(|fault| !matches!(fault, Fault::Hang | Fault::Slow)) {
        for (provider, secret) in OTHERS.into_iter().zip([DEMO_VONAGE[0][2], DEMO_AWS[0][3]]) {
            bench.sandbox.faults().set(provider, fault);
            let report = bench.test(provider, &demo(provider)).await;
            let sent = bench.send_by(provider, &demo(provider), PATIENT, TIME).await;
            let text = format!("{report:?} {sent:?} {}", serde_json::to_string(&report).expect("JSON"));
            assert!(!text.contains(secret), "{provider:?} {fault:?}");
        }
    }
}
