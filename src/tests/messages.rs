//! Text messages: with the clinic's own account or not at all, and each refusal in its own words.

use serde_json::{Value, json};
use voxanne::domain::{ProviderId, Role};
use voxanne::jobs::{run_due_jobs, work_off_inbox};
use voxanne::sandbox::{AccountStatus, Fault};

use super::support::app::{Answer, Browser, TestApp};
use super::support::state::connect;

const TO: &str = "+15550100123";

async fn send(browser: &Browser, to: &str) -> Answer {
    browser.send("POST", "/api/sms/test", Some(json!({ "to": to }))).await
}

fn told(answer: &Answer) -> (u16, String, String) {
    let body: Value = answer.json();
    let word = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
    (answer.status, word("code"), word("detail"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_message_goes_out_with_the_clinics_own_account_only() {
    let app = TestApp::start().await;
    let (sunrise, owner) = app.connected_clinic("Sunrise Dental").await;
    let (harbor, _) = app.connected_clinic("Harbor Clinic").await;
    app.sandbox.forget_requests();
    let answer = send(&owner, TO).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let sent = answer.json();
    let log = app.sandbox.phone_log();
    assert_eq!(log.len(), 1);
    assert_eq!((log[0].to.as_str(), log[0].sid.as_str()), (TO, sent["sid"].as_str().unwrap()));
    assert_eq!(log[0].from.as_deref(), Some(sunrise.twilio.numbers[0].number.as_str()));
    assert_eq!(log[0].body, "\u{1f525} Hot Lead! Alex Example just expressed high interest in booking.");
    assert_eq!(sent["status"], "queued");
    assert!(sent["tookMs"].as_u64().unwrap() < 5000, "{sent}");
    let seen = app.sandbox.requests(ProviderId::Twilio);
    assert!(seen.iter().all(|request| request.account.as_deref() == Some("Sunrise Dental")), "{seen:?}");
    assert_eq!(app.count("select count(*) from messages where org_id = $1", harbor.org).await, 0);
    let stored = app.dump(sunrise.org).await;
    assert!(stored.contains("+15***23") && !stored.contains(TO), "the number is sealed and masked");

    let org = sunrise.org.to_string();
    let form = owner.post("/dashboard/sms/test", &[("org", &org), ("to", "+1 555 010 0123")]).await;
    assert_eq!((form.status, form.location()), (303, "/dashboard/integrations?panel=sms&said=1"));
    let page = owner.get(form.location()).await.body;
    assert!(page.contains("Twilio took the message") && page.contains(&app.sandbox.phone_log()[1].sid));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_usable_account_nobody_is_asked_and_the_next_step_is_named() {
    let app = TestApp::start().await;
    let (harbor, _) = app.connected_clinic("Harbor Clinic").await;
    let clinic = app.clinic("Sunrise Dental").await;
    let owner = app.sign_in(&clinic.email(Role::Owner)).await;
    app.sandbox.forget_requests();
    let (status, code, detail) = told(&send(&owner, TO).await);
    assert_eq!((status, code.as_str()), (409, "not_connected"));
    assert_eq!(
        detail,
        "Twilio is not connected for this clinic. An owner or admin can connect it under Integrations."
    );

    assert_eq!(connect(&owner, "twilio", clinic.twilio_body()).await.status, 200);
    for (meddling, wanted, words) in [
        (
            "update org_integrations set is_paused = true where org_id = $1",
            "paused",
            "Twilio is paused for this clinic",
        ),
        (
            "update org_integrations set is_paused = false, verification_status = 'failed' where org_id = $1",
            "needs_attention",
            "Twilio refused this clinic's credential at the last check",
        ),
        (
            "update org_integrations set verification_status = 'pending' where org_id = $1",
            "needs_attention",
            "Twilio was never tested for this clinic",
        ),
    ] {
        assert_eq!(app.meddle(meddling, clinic.org).await, 1);
        app.services.evict(clinic.org);
        app.sandbox.forget_requests();
        let (status, code, detail) = told(&send(&owner, TO).await);
        assert_eq!((status, code.as_str()), (409, wanted), "{detail}");
        assert!(detail.contains(words) && detail.contains("under Integrations"), "{detail}");
        assert!(app.sandbox.requests(ProviderId::Twilio).is_empty(), "{wanted}: somebody was asked");
    }
    assert!(app.sandbox.phone_log().is_empty());
    assert_eq!(app.count("select count(*) from messages where org_id = $1", clinic.org).await, 0);
    assert_eq!(app.count("select count(*) from messages where org_id = $1", harbor.org).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_has_a_sentence_of_its_own() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let sid = clinic.twilio.sid.clone();
    let mut sentences = Vec::new();
    for (to, words) in [
        ("+15005550001", "not a valid phone number"),
        ("+15005550002", "can not send from this number"),
        ("+15005550003", "does not send to this country"),
        ("+15005550004", "unsubscribed"),
        ("+15005550009", "can not receive text messages"),
    ] {
        let (status, code, detail) = told(&send(&owner, to).await);
        assert_eq!((status, code.as_str()), (502, "provider_refused"), "{to}: {detail}");
        assert!(detail.contains(words), "{to}: {detail}");
        sentences.push(detail);
    }
    let twilio = app.sandbox.twilio();
    twilio.change(&sid, |account| account.is_trial = true);
    let (_, _, unverified) = told(&send(&owner, TO).await);
    assert!(
        unverified.contains("trial account") && unverified.contains("Verify the recipient"),
        "{unverified}"
    );
    twilio.change(&sid, |account| {
        account.is_trial = false;
        account.numbers.clear();
    });
    let (_, _, no_sender) = told(&send(&owner, TO).await);
    assert!(no_sender.contains("sender's number does not belong to this account"), "{no_sender}");
    twilio.change(&sid, |account| account.status = AccountStatus::Suspended);
    let (_, _, suspended) = told(&send(&owner, TO).await);
    assert!(suspended.contains("suspended"), "{suspended}");
    sentences.extend([unverified, no_sender, suspended]);
    let count = sentences.len();
    sentences.sort();
    sentences.dedup();
    assert_eq!(sentences.len(), count, "{sentences:?}");
    assert!(app.sandbox.phone_log().is_empty());
    let failed =
        "select count(*) from messages where org_id = $1 and status = 'failed' and error is not null";
    assert_eq!(app.count(failed, clinic.org).await, i64::try_from(count).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_number_is_told_at_the_field_and_nobody_is_asked() {
    let app = TestApp::start().await;
    let (_, owner) = app.connected_clinic("Sunrise Dental").await;
    app.sandbox.forget_requests();
    for to in ["", "555 0100", "+", "+1", "nonsense", "+123456789012345678901", "+1555010012\u{0}3"] {
        let answer = send(&owner, to).await;
        assert_eq!(
            (answer.status, answer.json()["errors"][0]["field"].as_str()),
            (422, Some("to")),
            "{to:?}"
        );
    }
    let wrong = owner.send("POST", "/api/sms/test", Some(json!({ "to": TO, "channel": "fax" }))).await;
    assert_eq!((wrong.status, wrong.json()["errors"][0]["field"].as_str()), (422, Some("channel")));
    assert!(app.sandbox.requests(ProviderId::Twilio).is_empty());
    let missing = owner.send("POST", "/api/sms/test", Some(json!({ "to": TO, "channel": "whatsapp" }))).await;
    let (status, _, detail) = told(&missing);
    assert_eq!(status, 502);
    assert!(detail.contains("has no WhatsApp number"), "{detail}");
    assert!(app.sandbox.requests(ProviderId::Twilio).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whatsapp_message_goes_the_same_way_with_its_own_sender() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let number = clinic.twilio.numbers[0].number.clone();
    app.sandbox.twilio().change(&clinic.twilio.sid, |account| account.numbers[0].whatsapp = true);
    assert_eq!(connect(&owner, "twilio", json!({ "whatsappNumber": number })).await.status, 200);
    let answer = owner.send("POST", "/api/sms/test", Some(json!({ "to": TO, "channel": "whatsapp" }))).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let log = app.sandbox.phone_log();
    assert_eq!(
        (log[0].from.clone(), log[0].to.clone()),
        (Some(format!("whatsapp:{number}")), format!("whatsapp:{TO}"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_whose_answer_was_lost_is_parked_and_never_sent_again() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    app.sandbox.faults().set(ProviderId::Twilio, Fault::LostAnswer);
    let (status, code, detail) = told(&send(&owner, TO).await);
    app.sandbox.faults().set(ProviderId::Twilio, Fault::None);
    assert_eq!((status, code.as_str()), (502, "provider_unavailable"));
    assert!(detail.contains("The message may have been sent."), "{detail}");
    assert_eq!(app.sandbox.phone_log().len(), 1, "it was sent, and nobody here knows");
    let parked = "select count(*) from messages where org_id = $1 and status = 'parked'";
    assert_eq!(app.count(parked, clinic.org).await, 1);
    run_due_jobs(app.services.clone()).await.unwrap();
    work_off_inbox(app.services.clone()).await.unwrap();
    assert_eq!((app.sandbox.phone_log().len(), app.count(parked, clinic.org).await), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_was_certainly_not_taken_is_told_so() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    app.sandbox.faults().set(ProviderId::Twilio, Fault::Throttled);
    let (status, code, detail) = told(&send(&owner, TO).await);
    assert_eq!((status, code.as_str()), (502, "provider_unavailable"));
    assert!(detail.contains("Nothing was sent") && !detail.contains("may have been sent"), "{detail}");
    let failed = "select count(*) from messages where org_id = $1 and status = 'failed'";
    assert_eq!(app.count(failed, clinic.org).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_twilio_that_hangs_is_given_up_in_time_and_the_message_is_parked() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    app.sandbox.faults().set(ProviderId::Twilio, Fault::Hang);
    let started = std::time::Instant::now();
    let (status, _, detail) = told(&send(&owner, TO).await);
    assert_eq!(status, 502, "{detail}");
    assert!(started.elapsed().as_secs() <= 12, "{:?}", started.elapsed());
    assert!(detail.contains("may have been sent"), "{detail}");
    assert_eq!(
        app.count("select count(*) from messages where org_id = $1 and status = 'parked'", clinic.org).await,
        1
    );
    app.sandbox.faults().set(ProviderId::Twilio, Fault::None);
    assert!(app.sandbox.phone_log().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_sends_no_test_message() {
    let app = TestApp::start().await;
    let (clinic, _) = app.connected_clinic("Sunrise Dental").await;
    let member = app.sign_in(&clinic.email(Role::Member)).await;
    assert_eq!(told(&send(&member, TO).await).0, 403);
    assert!(app.sandbox.phone_log().is_empty());
    assert_eq!(app.recorded(clinic.org, "message.tested", "denied").await, 1);
}
