//! WhatsApp messages: out by the clinic's own number, and what becomes of them as Meta tells it.

use std::time::Duration;

use serde_json::json;
use voxanne::calls::CallError;
use voxanne::calls::messages::{Purpose, Sent};
use voxanne::calls::whatsapp::{NewWhatsApp, send};
use voxanne::domain::phone::PhoneNumber;
use voxanne::domain::{OrgId, ProviderId};
use voxanne::providers::egress::Deadline;
use voxanne::providers::whatsapp::Content;
use voxanne::sandbox::Fault;

use super::support::app::TestApp;
use super::support::state::connect;
use super::whatsapp::Line;

const TO: &str = "+15550100123";

async fn send_from(app: &TestApp, org: OrgId, content: Content<'_>) -> Result<Sent, CallError> {
    let to = PhoneNumber::parse(TO).unwrap();
    let new = NewWhatsApp { to, content, purpose: Purpose::Alert, by: None, call_id: None, once: None };
    send(&app.services, org, new, Deadline::after(Duration::from_secs(5))).await
}

/// Status, code and error of the newest message.
async fn newest(app: &TestApp, org: OrgId) -> (String, Option<String>, Option<String>) {
    let query = "select status, error_code, error from messages where org_id = $1 order by id desc limit 1";
    sqlx::query_as(query).bind(org.0).fetch_one(&app.db.superuser).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whatsapp_message_goes_out_by_the_clinics_own_number_and_nobody_elses() {
    let app = TestApp::start().await;
    let line = Line::connect(&app, "Sunrise Dental").await;
    assert_eq!(connect(&line.owner, "twilio", line.clinic.twilio_body()).await.status, 200);
    let other = Line::connect(&app, "Harbor Clinic").await;
    let body = json!({ "to": TO, "channel": "whatsapp" });
    let answer = line.owner.send("POST", "/api/sms/test", Some(body)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let reminder = Content::Template { name: "appointment_reminder", language: "en_US", texts: &["Ann"] };
    send_from(&app, line.clinic.org, reminder).await.unwrap();
    let sent = app.sandbox.whatsapp().sent();
    assert_eq!(sent.len(), 2);
    assert!(sent.iter().all(|one| one.phone_number_id == line.account.phone_number_id && one.to == TO[1..]));
    assert_eq!(sent[1].body["template"]["name"], "appointment_reminder");
    assert!(app.sandbox.phone_log().is_empty(), "Twilio was not asked");
    let seen = app.sandbox.requests(ProviderId::WhatsApp);
    let posts = seen.iter().filter(|one| one.path.split('?').next().unwrap().ends_with("/messages"));
    assert!(posts.clone().all(|one| one.account.as_deref() == Some("Sunrise Dental")) && posts.count() == 2);
    let dump = app.dump(line.clinic.org).await;
    // Meta's id is the recipient's number in Base64, so it is not kept as it is.
    assert!(!dump.contains(&TO[1..]) && !dump.contains(&sent[0].id) && dump.contains("+15***23"), "{dump}");
    assert_eq!(app.count("select count(*) from messages where org_id = $1", other.clinic.org).await, 0);

    assert_eq!(line.owner.send("POST", "/api/integrations/whatsapp/pause", None).await.status, 204);
    let body = json!({ "to": TO, "channel": "whatsapp" });
    let paused = line.owner.send("POST", "/api/sms/test", Some(body)).await;
    assert_eq!((paused.status, paused.json()["code"].as_str()), (409, Some("paused")));
    assert!(app.sandbox.phone_log().is_empty(), "nothing goes out by another way");
}

#[tokio::test(flavor = "multi_thread")]
async fn statuses_bring_a_message_up_to_date_in_any_order_and_never_back() {
    let app = TestApp::start().await;
    let line = Line::connect(&app, "Sunrise Dental").await;
    let other = Line::connect(&app, "Harbor Clinic").await;
    let org = line.clinic.org;
    send_from(&app, org, Content::Text("Hello")).await.unwrap();
    assert_eq!(newest(&app, org).await.0, "queued");
    let whatsapp = app.sandbox.whatsapp();
    let id = whatsapp.sent()[0].id.clone();
    for (told, wanted) in [
        ("sent", "sent"),
        ("delivered", "delivered"),
        ("sent", "delivered"),
        ("read", "read"),
        ("failed", "read"),
    ] {
        let change = whatsapp.status(&line.account, &id, told, None);
        assert_eq!(line.deliver(&app, &[change]).await.status, 200);
        assert_eq!(newest(&app, org).await.0, wanted, "{told}");
    }
    send_from(&app, org, Content::Text("Hello")).await.unwrap();
    let id = whatsapp.sent()[1].id.clone();
    // Another clinic can say what it likes about it.
    let foreign = whatsapp.status(&other.account, &id, "read", None);
    assert_eq!(other.deliver(&app, &[foreign]).await.status, 200);
    assert_eq!(newest(&app, org).await.0, "queued");
    let failed = whatsapp.status(&line.account, &id, "failed", Some(131047));
    assert_eq!(line.deliver(&app, &[failed]).await.status, 200);
    let (status, code, error) = newest(&app, org).await;
    assert_eq!((status.as_str(), code.as_deref()), ("failed", Some("131047")));
    assert!(error.unwrap().contains("more than 24 hours old. Send an approved template"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_tells_what_became_of_a_message_whose_answer_was_lost() {
    let app = TestApp::start().await;
    let line = Line::connect(&app, "Sunrise Dental").await;
    let org = line.clinic.org;
    app.sandbox.faults().set(ProviderId::WhatsApp, Fault::LostAnswer);
    let lost = send_from(&app, org, Content::Text("Hello")).await.unwrap_err();
    assert!(matches!(lost, CallError::Undetermined(_)), "{lost:?}");
    app.sandbox.faults().set(ProviderId::WhatsApp, Fault::None);
    assert_eq!(newest(&app, org).await.0, "parked");
    let whatsapp = app.sandbox.whatsapp();
    let sent = whatsapp.sent();
    assert_eq!(sent.len(), 1, "it went out");
    let change = whatsapp.status(&line.account, &sent[0].id, "delivered", None);
    assert_eq!(line.deliver(&app, &[change]).await.status, 200);
    assert_eq!(newest(&app, org).await, ("delivered".to_owned(), None, None));

    app.sandbox.faults().set(ProviderId::WhatsApp, Fault::Suspended);
    let refused = send_from(&app, org, Content::Text("Hello")).await.unwrap_err();
    assert!(refused.sentence().contains("locked this account"), "{}", refused.sentence());
    assert_eq!(newest(&app, org).await.1.as_deref(), Some("131031"));
}
