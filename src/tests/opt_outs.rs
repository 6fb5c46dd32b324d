//! STOP: obeyed by every way of sending, for that clinic, until START.

use std::time::Duration;

use serde_json::{Value, json};
use voxanne::calls::messages::Purpose;
use voxanne::calls::whatsapp::{NewWhatsApp, send};
use voxanne::domain::phone::PhoneNumber;
use voxanne::domain::{ProviderId, Role};
use voxanne::jobs::work_off_inbox;
use voxanne::providers::egress::Deadline;
use voxanne::providers::whatsapp::Content;

use super::support::app::TestApp;
use super::support::state::connect;
use super::twilio_webhooks::{Line, PATIENT};

const FAILED: &str = "select count(*) from messages where org_id = $1 and status = 'failed' and error_code = 'recipient_opted_out'";

#[tokio::test(flavor = "multi_thread")]
async fn stop_is_obeyed_for_that_clinic_until_start() {
    let app = TestApp::start().await;
    let line = Line::connect(&app, "Sunrise Dental").await;
    let other = Line::connect(&app, "Harbor Clinic").await;
    for (at, word) in ["STOP", "stopp", "Abmelden", "QUIT", "UNSUBSCRIBE."].into_iter().enumerate() {
        line.text(&app, PATIENT, word).await;
        app.sandbox.forget_requests();
        let answer = line.send(PATIENT).await;
        assert_eq!((answer.status, &answer.json()["code"]), (502, &json!("recipient_opted_out")), "{word}");
        assert!(answer.json()["detail"].as_str().unwrap().contains("answered STOP"), "{}", answer.body);
        assert!(app.sandbox.requests(ProviderId::Twilio).is_empty(), "{word}: somebody was asked");
        assert_eq!(app.count(FAILED, line.clinic.org).await, at as i64 * 2 + 1, "the row says why");
        assert_eq!(line.send("+15550100198").await.status, 200, "another number");
        assert_eq!(other.send(PATIENT).await.status, 200, "another clinic");
        line.text(&app, PATIENT, "Help").await;
        assert_eq!(line.send(PATIENT).await.status, 502, "help changes nothing");
        line.text(&app, PATIENT, if at % 2 == 0 { "start" } else { "UNSTOP" }).await;
        assert_eq!(line.send(PATIENT).await.status, 200, "{word}, and start again");
    }
    line.text(&app, PATIENT, "Please stop by at nine").await;
    assert_eq!(line.send(PATIENT).await.status, 200);
    let dump = app.dump(line.clinic.org).await;
    assert!(!dump.contains(PATIENT), "the number stands nowhere");
    let told = "select count(*) from outbound_events where org_id = $1 and kind = $2";
    for (kind, count) in [("message.received", 16), ("message.failed", 10)] {
        let query = sqlx::query_scalar::<_, i64>(told).bind(line.clinic.org.0).bind(kind);
        assert_eq!(query.fetch_one(&app.db.superuser).await.unwrap(), count, "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_of_sending_obeys() {
    let app = TestApp::start().await;
    let line = Line::connect(&app, "Sunrise Dental").await;
    let aws = app.sandbox.add_aws("Sunrise Dental");
    let body = json!({ "accessKeyId": aws.access_key_id, "secretAccessKey": aws.secret_access_key, "region": "eu-central-1" });
    assert_eq!(connect(&line.owner, "sns", body).await.status, 200);
    let account = app.sandbox.whatsapp().add_account("Sunrise Dental", "+1 555-010-0100");
    let body = super::whatsapp::body_of(&account);
    assert_eq!(connect(&line.owner, "whatsapp", body).await.status, 200);
    line.text(&app, PATIENT, "STOP").await;
    app.sandbox.forget_requests();
    // The clinic's choice, its fallback, exactly one sender, WhatsApp by its own number.
    let choice = json!({ "primary": "sns", "fallback": "twilio" });
    assert_eq!(line.owner.send("PUT", "/api/sms/senders", Some(choice)).await.status, 200);
    for extra in [
        json!({}),
        json!({ "sender": "sns" }),
        json!({ "sender": "twilio" }),
        json!({ "channel": "whatsapp" }),
    ] {
        let mut body = extra.clone();
        body["to"] = json!(PATIENT);
        let answer = line.owner.send("POST", "/api/sms/test", Some(body)).await;
        assert_eq!(answer.json()["code"], "recipient_opted_out", "{extra}: {}", answer.body);
    }
    let to = PhoneNumber::parse(PATIENT).unwrap();
    let new = NewWhatsApp {
        to,
        content: Content::Text("Hello"),
        purpose: Purpose::Alert,
        by: None,
        call_id: None,
        once: None,
    };
    let refused = send(&app.services, line.clinic.org, new, Deadline::after(Duration::from_secs(5))).await;
    assert!(refused.unwrap_err().sentence().contains("answered STOP"));
    for provider in [ProviderId::Twilio, ProviderId::Sns, ProviderId::WhatsApp] {
        assert!(app.sandbox.requests(provider).is_empty(), "{provider:?} was asked");
    }
    assert_eq!(app.count(FAILED, line.clinic.org).await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_providers_own_stop_and_one_by_whatsapp_count_for_all_and_staff_may_lift_them() {
    let app = TestApp::start().await;
    let line = Line::connect(&app, "Sunrise Dental").await;
    // Twilio knows of a STOP that came before the clinic was here.
    app.sandbox
        .twilio()
        .change(&line.clinic.twilio.sid, |account| account.unsubscribed.push(PATIENT.to_owned()));
    assert_eq!(line.send(PATIENT).await.json()["code"], "provider_refused");
    app.sandbox.twilio().change(&line.clinic.twilio.sid, |account| account.unsubscribed.clear());
    assert_eq!(line.send(PATIENT).await.json()["code"], "recipient_opted_out");

    let set = |out: bool| json!({ "number": PATIENT, "optedOut": out });
    let member = app.sign_in(&line.clinic.email(Role::Member)).await;
    assert_eq!(member.send("PUT", "/api/messages/opt-outs", Some(set(false))).await.status, 403);
    assert_eq!(line.owner.send("PUT", "/api/messages/opt-outs", Some(set(false))).await.status, 204);
    assert_eq!(line.send(PATIENT).await.status, 200);
    assert_eq!(app.recorded(line.clinic.org, "recipient.opted_in", "success").await, 1);
    assert_eq!(line.owner.send("PUT", "/api/messages/opt-outs", Some(set(true))).await.status, 204);
    assert_eq!(line.send(PATIENT).await.json()["code"], "recipient_opted_out");
    let org = line.clinic.org.to_string();
    let fields = [("org", org.as_str()), ("number", "+1 555 010 0199"), ("intent", "in")];
    let form = line.owner.post("/dashboard/messages/opt-outs", &fields).await;
    assert_eq!((form.status, form.location()), (303, "/dashboard/messages?said=1"), "{}", form.body);
    assert_eq!(line.send(PATIENT).await.status, 200);

    // A patient's STOP at the clinic's WhatsApp number.
    let whatsapp = super::whatsapp::Line::connect(&app, "Harbor Clinic").await;
    assert_eq!(connect(&whatsapp.owner, "twilio", whatsapp.clinic.twilio_body()).await.status, 200);
    for (word, wanted) in [("Stop", 502), ("START", 200)] {
        let (_, change) = app.sandbox.whatsapp().text(&whatsapp.account, &PATIENT[1..], word);
        assert_eq!(whatsapp.deliver(&app, &[change]).await.status, 200);
        work_off_inbox(app.services.clone()).await.unwrap();
        let sent = whatsapp.owner.send("POST", "/api/sms/test", Some(json!({ "to": PATIENT }))).await;
        assert_eq!(sent.status, wanted, "{word}: {}", sent.body);
    }
    let listed: Value = whatsapp.owner.send("GET", "/api/messages", None).await.json();
    assert_eq!(listed["received"][0]["keyword"], "start");
    assert_eq!(
        (&listed["received"][1]["channel"], &listed["received"][1]["keyword"]),
        (&json!("whatsapp"), &json!("stop"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_that_is_worked_off_late_does_not_win_over_the_start_after_it() {
    let app = TestApp::start().await;
    let line = Line::connect(&app, "Sunrise Dental").await;
    let url = format!("{}/inbound", line.url);
    for word in ["STOP", "START"] {
        let answer = app.sandbox.twilio().text(&line.clinic.twilio.sid, &url, PATIENT, word).await;
        assert_eq!(answer, Some(200));
    }
    // The first is put off; the second is worked off before it.
    let put_off = "update inbound_events set next_attempt_at = now() + interval '1 hour'
         where org_id = $1 and id = (select min(id::text)::uuid from inbound_events where org_id = $1)";
    assert_eq!(app.meddle(put_off, line.clinic.org).await, 1);
    work_off_inbox(app.services.clone()).await.unwrap();
    app.meddle(
        "update inbound_events set next_attempt_at = now() where org_id = $1 and status = 'received'",
        line.clinic.org,
    )
    .await;
    work_off_inbox(app.services.clone()).await.unwrap();
    assert_eq!(
        app.count("select count(*) from inbound_messages where org_id = $1", line.clinic.org).await,
        2
    );
    assert_eq!(line.send(PATIENT).await.status, 200);
}
