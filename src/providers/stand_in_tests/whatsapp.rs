//! WhatsApp against its stand-in: what each credential is found to be, what becomes of each message.

use super::*;
use crate::providers::sms::{SendError, SendFailure};
use crate::providers::whatsapp::{Content, TakenByMeta, WhatsAppClient, WhatsAppCredentials, send_message};
use crate::sandbox::DEMO_WHATSAPP;
use crate::vault::Credential;

const ID: ProviderId = ProviderId::WhatsApp;

fn demo(changes: &[(&str, &str)]) -> SecretFields {
    let mut all = demo_of(ID);
    for (key, value) in changes {
        all.insert(key, SecretText::new((*value).to_owned()));
    }
    all
}

async fn send(bench: &Bench, to: &str, content: Content<'_>) -> Result<TakenByMeta, SendError> {
    let credentials = WhatsAppCredentials::from_fields(&demo(&[])).expect("complete fields");
    let client = WhatsAppClient {
        egress: &bench.egress,
        base: &bench.bases.whatsapp,
        credentials: &credentials,
        bulkhead: BulkheadKey(Uuid::new_v4().as_u128()),
        deadline: Deadline::after(Duration::from_secs(5)),
    };
    send_message(&client, &PhoneNumber::parse(to).expect(to), content, "reference").await
}

#[tokio::test]
async fn a_number_is_named_by_meta_with_its_quality_and_limit() {
    let bench = Bench::start().await;
    let report = bench.test(ID, &demo(&[])).await;
    assert_eq!(report.outcome, Outcome::Accepted, "{report:?}");
    assert_eq!(report.identity.as_deref(), Some(DEMO_WHATSAPP[0].phone_number_id));
    assert_eq!(report.identity_name.as_deref(), Some("Sunrise Dental, +1 555-010-0100"));
    let wanted = [
        ("number", Answer::Yes),
        ("templates", Answer::Yes),
        ("send_whatsapp", Answer::NotTestable),
        ("receive", Answer::Yes),
    ];
    for (capability, wanted) in wanted {
        assert_eq!(answer(&report, capability), wanted, "{capability}");
    }
    assert_eq!(report.notes, ["Quality: high. Messaging limit: 1,000 customers in 24 hours."]);
    assert_eq!(report.notice, None);
    let sending = bench.test(ID, &demo(&[("appSecret", ""), ("verifyToken", "")])).await;
    assert_eq!((sending.outcome, answer(&sending, "receive")), (Outcome::Accepted, Answer::NotSetUp));
    // No address ever holds the token or the secret.
    for seen in bench.sandbox.requests(ID) {
        assert!(!seen.path.contains(DEMO_WHATSAPP[0].access_token), "{}", seen.path);
        assert!(!seen.path.contains(DEMO_WHATSAPP[0].app_secret), "{}", seen.path);
    }
    assert!(bench.sandbox.whatsapp().sent().is_empty(), "a test sends nothing");
}

#[tokio::test]
async fn a_number_is_found_on_a_later_page_of_its_business() {
    let bench = Bench::start().await;
    let meta = bench.sandbox.whatsapp();
    let business = "300000000000001";
    // Meta gives a hundred numbers at once, and these come first.
    for at in 0..100 {
        let other = meta.add_account("A group of clinics", &format!("+1 555-010-{:04}", 4000 + at));
        meta.change(&other.phone_number_id, |account| account.business_account_id = business.to_owned());
    }
    let last = meta.add_account("A group of clinics", "+1 555-010-0301");
    meta.change(&last.phone_number_id, |account| account.business_account_id = business.to_owned());
    let fields = demo(&[
        ("phoneNumberId", &last.phone_number_id),
        ("businessAccountId", business),
        ("accessToken", &last.access_token),
        ("appSecret", &last.app_secret),
    ]);
    let report = bench.test(ID, &fields).await;
    assert_eq!((report.outcome, report.field), (Outcome::Accepted, None));
    let pages = bench.sandbox.requests(ID).into_iter().filter(|one| one.path.contains("/phone_numbers?"));
    let asked: Vec<bool> = pages.map(|one| one.path.contains("after=100")).collect();
    assert_eq!(asked, [false, true]);
}

#[tokio::test]
async fn each_wrong_value_is_refused_at_its_field() {
    let bench = Bench::start().await;
    let other = &DEMO_WHATSAPP[1];
    let table = [
        (("accessToken", "EAAnobodys"), "accessToken", "190"),
        (("accessToken", other.access_token), "appSecret", "100"),
        (("phoneNumberId", other.phone_number_id), "phoneNumberId", "100/33"),
        (("businessAccountId", other.business_account_id), "businessAccountId", "100/33"),
        (("appSecret", other.app_secret), "appSecret", "100"),
    ];
    for (change, field, reference) in table {
        let report = bench.test(ID, &demo(&[change])).await;
        assert_eq!(report.outcome, Outcome::Refused, "{change:?}: {report:?}");
        assert_eq!((report.field.as_deref(), report.reference.as_deref()), (Some(field), Some(reference)));
    }
}

#[tokio::test]
async fn expired_locked_limited_and_ending_tokens_are_told_apart() {
    let bench = Bench::start().await;
    let (whatsapp, id) = (bench.sandbox.whatsapp(), DEMO_WHATSAPP[0].phone_number_id);
    whatsapp.change(id, |account| account.is_expired = true);
    let expired = bench.test(ID, &demo(&[])).await;
    assert_eq!((expired.outcome, expired.reference.as_deref()), (Outcome::Refused, Some("190/463")));
    assert!(expired.headline.contains("expired"), "{}", expired.headline);
    whatsapp.change(id, |account| {
        account.is_expired = false;
        account.is_locked = true;
    });
    let locked = bench.test(ID, &demo(&[])).await;
    assert_eq!((locked.outcome, locked.reference.as_deref()), (Outcome::Refused, Some("131031")));
    whatsapp.change(id, |account| {
        account.is_locked = false;
        account.scopes = vec!["whatsapp_business_messaging".to_owned()];
        account.token_ends = 1_900_000_000;
        account.tier = None;
        account.quality_rating = "RED".to_owned();
    });
    let limited = bench.test(ID, &demo(&[])).await;
    assert_eq!((limited.outcome, answer(&limited, "templates")), (Outcome::Accepted, Answer::No));
    assert!(limited.notice.as_deref().is_some_and(|notice| notice.contains("2030-03-17")), "{limited:?}");
    assert!(limited.notes[0].starts_with("Quality: low"), "{limited:?}");
    whatsapp.change(id, |account| account.scopes = vec!["whatsapp_business_management".to_owned()]);
    let mute = bench.test(ID, &demo(&[])).await;
    assert_eq!((mute.outcome, answer(&mute, "send_whatsapp")), (Outcome::Accepted, Answer::No));
    // A number of another business account.
    whatsapp.change(id, |account| account.business_account_id = "299999999999999".to_owned());
    let moved = bench.test(ID, &demo(&[])).await;
    assert_eq!((moved.outcome, moved.field.as_deref()), (Outcome::Refused, Some("businessAccountId")));
}

#[tokio::test]
async fn texts_and_templates_go_out_and_each_refusal_has_its_code() {
    let bench = Bench::start().await;
    let sent = send(&bench, PATIENT, Content::Text("Hello")).await.expect("sent");
    let template = |name, texts| Content::Template { name, language: "en_US", texts };
    let reminder = send(&bench, PATIENT, template("appointment_reminder", &["Ann"])).await.expect("sent");
    let log = bench.sandbox.whatsapp().sent();
    assert_eq!((log.len(), &log[0].id, &log[1].id), (2, &sent.id, &reminder.id));
    assert_eq!((log[0].to.as_str(), &log[0].body["text"]["body"]), ("15550100199", &"Hello".into()));
    assert_eq!(log[0].body["biz_opaque_callback_data"], "reference");
    for (to, content, code) in [
        ("+15005550001", Content::Text("Hello"), 131026),
        ("+15005550003", Content::Text("Hello"), 131047),
        (PATIENT, template("unknown", &["Ann"]), 132001),
        (PATIENT, template("appointment_reminder", &[]), 132000),
    ] {
        let error = send(&bench, to, content).await.expect_err(to);
        assert_eq!(error.kind, SendFailure::Refused, "{error:?}");
        assert_eq!(error.code, Some(code.to_string()));
    }
    let throttled = send(&bench, "+15005550002", Content::Text("Hello")).await.expect_err("throttled");
    assert_eq!((throttled.kind, throttled.code), (SendFailure::NotSent, Some("131056".to_owned())));
    let id = DEMO_WHATSAPP[0].phone_number_id;
    bench.sandbox.whatsapp().change(id, |account| account.allowed = Some(Vec::new()));
    let unlisted = send(&bench, PATIENT, Content::Text("Hello")).await.expect_err("unlisted");
    assert_eq!(unlisted.code.as_deref(), Some("131030"));
    bench.sandbox.whatsapp().change(id, |account| account.allowed = None);
    for (fault, kind, count) in [
        (Fault::LostAnswer, SendFailure::Undetermined, 3),
        (Fault::ErrorInside, SendFailure::Undetermined, 3),
        (Fault::ServerError, SendFailure::Undetermined, 3),
        (Fault::Suspended, SendFailure::Refused, 3),
    ] {
        bench.sandbox.faults().set(ID, fault);
        let error = send(&bench, PATIENT, Content::Text("Hello")).await.expect_err("fails");
        assert_eq!((error.kind, bench.sandbox.whatsapp().sent().len()), (kind, count), "{fault:?}");
    }
}

#[tokio::test]
async fn every_call_proves_the_app_secret_and_an_app_that_asks_for_it_gets_it() {
    let bench = Bench::start().await;
    let id = DEMO_WHATSAPP[0].phone_number_id;
    bench.sandbox.whatsapp().change(id, |account| account.needs_proof = true);
    let report = bench.test(ID, &demo(&[])).await;
    assert_eq!(report.outcome, Outcome::Accepted, "{report:?}");
    assert!(report.capabilities.iter().all(|line| line.answer != Answer::No), "{report:?}");
    send(&bench, PATIENT, Content::Text("Hello")).await.expect("sent");
    let seen = bench.sandbox.requests(ID);
    assert!(seen.len() >= 6 && seen.iter().all(|one| one.path.contains("appsecret_proof=")), "{seen:#?}");

    let without = bench.test(ID, &demo(&[("appSecret", ""), ("verifyToken", "")])).await;
    assert_eq!((without.outcome, without.field.as_deref()), (Outcome::Refused, Some("appSecret")));
    assert!(without.headline.contains("only together with its app secret"), "{without:?}");
}
