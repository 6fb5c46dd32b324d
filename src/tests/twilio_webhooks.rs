//! Twilio's webhooks: who is believed, what a report does to a message, what a patient's text does.

use serde_json::{Value, json};
use voxanne::domain::{ProviderId, Role};
use voxanne::jobs::work_off_inbox;
use voxanne::sandbox::{Fault, FormFields, body_of, signature};

use super::support::app::{Answer, Browser, Clinic, TestApp};
use super::support::state::connect;

pub const PATIENT: &str = "+15550100199";
const FORM: &str = "application/x-www-form-urlencoded";

/// A clinic with Twilio and its address.
pub struct Line {
    pub clinic: Clinic,
    pub owner: Browser,
    /// Without `/inbound` or `/status`.
    pub url: String,
}

impl Line {
    pub async fn connect(app: &TestApp, name: &str) -> Self {
        let clinic = app.clinic(name).await;
        let owner = app.sign_in(&clinic.email(Role::Owner)).await;
        assert_eq!(connect(&owner, "twilio", clinic.twilio_body()).await.status, 200);
        let url = app.services.twilio_webhook_url(clinic.org).await.unwrap();
        Self { clinic, owner, url }
    }

    /// The patient writes to the clinic, and a worker takes it up.
    pub async fn text(&self, app: &TestApp, from: &str, text: &str) {
        let url = format!("{}/inbound", self.url);
        let answer = app.sandbox.twilio().text(&self.clinic.twilio.sid, &url, from, text).await;
        assert_eq!(answer, Some(200));
        work_off_inbox(app.services.clone()).await.unwrap();
    }

    pub async fn send(&self, to: &str) -> Answer {
        self.owner.send("POST", "/api/sms/test", Some(json!({ "to": to }))).await
    }

    /// The newest message's report: what Twilio says about it, worked off.
    async fn report(&self, app: &TestApp, status: &str, code: Option<u32>) {
        let sid = app.sandbox.phone_log().last().unwrap().sid.clone();
        assert_eq!(app.sandbox.twilio().report(&sid, status, code).await, Some(200));
        work_off_inbox(app.services.clone()).await.unwrap();
    }

    /// Status, code and reason of the clinic's newest message.
    pub async fn newest(&self, app: &TestApp) -> (String, Option<String>, Option<String>) {
        let query =
            "select status, error_code, error from messages where org_id = $1 order by id desc limit 1";
        sqlx::query_as(query).bind(self.clinic.org.0).fetch_one(&app.db.superuser).await.unwrap()
    }
}

fn form(pairs: &[(&str, &str)]) -> FormFields {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

pub fn hello() -> FormFields {
    form(&[
        ("MessageSid", "SM0123"),
        ("From", PATIENT),
        ("To", "+15550100100"),
        ("Body", "My CANARY hurts, 10 %"),
    ])
}

pub async fn post(app: &TestApp, url: &str, body: &str, signature: Option<&str>) -> Answer {
    let mut headers = vec![("content-type", FORM)];
    headers.extend(signature.map(|signature| ("x-twilio-signature", signature)));
    app.browser().raw("POST", &url[app.url.len()..], &headers, Some(body)).await
}

const EVENTS: &str = "select count(*) from inbound_events where org_id = $1 and source = 'twilio'";
const TEXTS: &str = "select count(*) from inbound_messages where org_id = $1";

#[tokio::test(flavor = "multi_thread")]
async fn unknown_foreign_forged_and_missing_get_one_answer_and_leave_nothing() {
    let app = TestApp::start().await;
    let line = Line::connect(&app, "Sunrise Dental").await;
    let other = Line::connect(&app, "Harbor Clinic").await;
    let keyed = app.clinic("Keyed Clinic").await;
    let owner = app.sign_in(&keyed.email(Role::Owner)).await;
    let body = json!({
        "accountSid": keyed.twilio.sid, "apiKeySid": app.sandbox.twilio().key_of(&keyed.twilio.sid).0,
        "apiKeySecret": app.sandbox.twilio().key_of(&keyed.twilio.sid).1, "phoneNumber": keyed.twilio.numbers[0].number,
    });
    assert_eq!(connect(&owner, "twilio", body).await.status, 200);
    let by_key = format!("{}/inbound", app.services.twilio_webhook_url(keyed.org).await.unwrap());
    let bare = app.clinic("Nobody's Clinic").await;
    let bare = format!("{}/inbound", app.services.twilio_webhook_url(bare.org).await.unwrap());

    let (url, body) = (format!("{}/inbound", line.url), body_of(&hello()));
    let token = &line.clinic.twilio.auth_token;
    let good = signature(token, &url, &hello());
    let org = line.clinic.org.0.simple().to_string();
    let made_up = format!("{}/api/webhooks/twilio/{org}{}/inbound", app.url, "0".repeat(32));
    let swapped = url.replace(&org, &other.clinic.org.0.simple().to_string());
    let mut refusals = vec![
        post(&app, &url, &body, None).await,
        post(&app, &url, &body, Some("")).await,
        post(&app, &url, &body, Some(&signature(&other.clinic.twilio.auth_token, &url, &hello()))).await,
        // Signed for another address, or by whoever has the API key alone.
        post(&app, &url, &body, Some(&signature(token, &format!("{}/status", line.url), &hello()))).await,
        post(&app, &format!("{url}?message=1"), &body, Some(&good)).await,
        post(&app, &format!("{}/inbound", other.url), &body, Some(&good)).await,
        post(&app, &by_key, &body, Some(&signature(&keyed.twilio.auth_token, &by_key, &hello()))).await,
        post(&app, &bare, &body, Some(&signature(token, &bare, &hello()))).await,
        post(&app, &made_up, &body, Some(&signature(token, &made_up, &hello()))).await,
        post(&app, &swapped, &body, Some(&signature(token, &swapped, &hello()))).await,
        post(&app, &format!("{}/api/webhooks/twilio/x/inbound", app.url), &body, Some(&good)).await,
        post(&app, &url, "nonsense", Some(&good)).await,
        post(&app, &url, "", None).await,
    ];
    // As another kind of body, and under another Host header's name.
    let json = [("content-type", "application/json"), ("x-twilio-signature", good.as_str())];
    refusals.push(app.browser().raw("POST", &url[app.url.len()..], &json, Some(&body)).await);
    let evil = url.replace(&app.url, "http://evil.example");
    let signed = signature(token, &evil, &hello());
    let headers = [("content-type", FORM), ("x-twilio-signature", signed.as_str()), ("host", "evil.example")];
    refusals.push(app.browser().raw("POST", &url[app.url.len()..], &headers, Some(&body)).await);
    // One byte of the body or of the signature.
    for at in 0..body.len() {
        let mut changed = body.clone().into_bytes();
        changed[at] ^= 1;
        refusals.push(post(&app, &url, &String::from_utf8(changed).unwrap(), Some(&good)).await);
    }
    for at in 0..good.len() {
        let mut changed = good.clone().into_bytes();
        changed[at] ^= 1;
        refusals.push(post(&app, &url, &body, Some(&String::from_utf8(changed).unwrap())).await);
    }
    for (at, answer) in refusals.iter().enumerate() {
        assert_eq!((answer.status, &answer.body), (401, &refusals[0].body), "{at}");
    }
    for clinic in [&line.clinic, &other.clinic, &keyed] {
        assert_eq!(app.count(EVENTS, clinic.org).await, 0);
    }
    assert_eq!(app.browser().raw("GET", &url[app.url.len()..], &[], None).await.status, 405);

    let taken = post(&app, &url, &body, Some(&good)).await;
    assert_eq!((taken.status, taken.header("content-type")), (200, "text/xml; charset=utf-8"));
    assert!(taken.body.contains("<Response></Response>"), "{}", taken.body);
    // Signed, and yet no message: that is said.
    let empty = form(&[("AccountSid", "AC1")]);
    assert_eq!(post(&app, &url, &body_of(&empty), Some(&signature(token, &url, &empty))).await.status, 400);
    let huge = format!("Body={}", "x".repeat(1024 * 1024));
    assert_eq!(post(&app, &url, &huge, Some(&good)).await.status, 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_public_address_counts_with_and_without_its_port() {
    let app = TestApp::start().await;
    let line = Line::connect(&app, "Sunrise Dental").await;
    let url = format!("{}/inbound", line.url);
    let port = app.url.rsplit(':').next().unwrap();
    let without = url.replace(&format!(":{port}"), "");
    let signed = signature(&line.clinic.twilio.auth_token, &without, &hello());
    assert_eq!(post(&app, &url, &body_of(&hello()), Some(&signed)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_patient_writes_is_kept_once_sealed_and_masked_and_shown() {
    let app = TestApp::start().await;
    let line = Line::connect(&app, "Sunrise Dental").await;
    let other = Line::connect(&app, "Harbor Clinic").await;
    let url = format!("{}/inbound", line.url);
    let signed = signature(&line.clinic.twilio.auth_token, &url, &hello());
    for _ in 0..3 {
        assert_eq!(post(&app, &url, &body_of(&hello()), Some(&signed)).await.status, 200);
        work_off_inbox(app.services.clone()).await.unwrap();
    }
    assert_eq!((app.count(EVENTS, line.clinic.org).await, app.count(TEXTS, line.clinic.org).await), (1, 1));
    let dump = app.dump(line.clinic.org).await;
    assert!(!dump.contains("CANARY") && !dump.contains(PATIENT) && dump.contains("+15***99"), "{dump}");
    // The event keeps what tells about it, without the words.
    let events = line.owner.send("GET", "/api/events", None).await;
    assert!(events.body.contains("twilio") && !events.body.contains("CANARY"), "{}", events.body);

    let shown = line.owner.send("GET", "/api/messages", None).await.json();
    let first = &shown["received"][0];
    assert_eq!(
        (&first["from"], &first["text"]),
        (&json!("+15***99"), &json!("My CANARY hurts, 10 %")),
        "{shown}"
    );
    assert_eq!((&first["channel"], &first["keyword"]), (&json!("sms"), &Value::Null));
    assert_eq!(app.recorded(line.clinic.org, "messages.opened", "success").await, 1);
    let page = line.owner.get("/dashboard/messages").await;
    assert_eq!(page.status, 200);
    assert!(!page.body.contains("CANARY") && page.body.contains("+15***99"), "{}", page.body);
    let page = line.owner.get("/dashboard/messages?open=texts").await;
    assert!(page.body.contains("My CANARY hurts") && !page.body.contains(PATIENT), "{}", page.body);
    assert_eq!(app.recorded(line.clinic.org, "messages.opened", "success").await, 2);
    let member = app.sign_in(&line.clinic.email(voxanne::domain::Role::Member)).await;
    let masked = member.send("GET", "/api/messages", None).await.json();
    assert_eq!(masked["received"][0]["text"], Value::Null, "{masked}");
    assert!(!member.get("/dashboard/messages?open=texts").await.body.contains("CANARY"));
    assert_eq!(app.recorded(line.clinic.org, "messages.opened", "success").await, 2);
    let theirs = other.owner.get("/dashboard/messages").await.body;
    assert!(!theirs.contains("CANARY"));

    app.meddle(
        "update inbound_messages set received_at = now() - interval '400 days' where org_id = $1",
        line.clinic.org,
    )
    .await;
    voxanne::jobs::sweep_hourly(app.services.clone()).await.unwrap();
    let emptied = "select count(*) from inbound_messages where org_id = $1 and sealed_content is null";
    assert_eq!(app.count(emptied, line.clinic.org).await, 1);
    assert!(line.owner.get("/dashboard/messages").await.body.contains("No longer kept"));
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_bring_a_message_up_to_date_in_any_order_and_never_back() {
    let app = TestApp::start().await;
    let line = Line::connect(&app, "Sunrise Dental").await;
    assert_eq!(line.send(PATIENT).await.status, 200);
    let given = app.sandbox.phone_log()[0].status_callback.clone().unwrap();
    assert!(given.starts_with(&format!("{}/status?message=", line.url)), "{given}");
    for (told, wanted) in [
        ("queued", "queued"),
        ("sent", "sent"),
        ("sending", "sent"),
        ("delivered", "delivered"),
        ("sent", "delivered"),
        ("undelivered", "delivered"),
        ("read", "read"),
    ] {
        line.report(&app, told, None).await;
        assert_eq!(line.newest(&app).await.0, wanted, "{told}");
    }
    assert_eq!(line.send(PATIENT).await.status, 200);
    line.report(&app, "undelivered", Some(30003)).await;
    line.report(&app, "sent", None).await;
    let (status, code, reason) = line.newest(&app).await;
    assert_eq!((status.as_str(), code.as_deref()), ("failed", Some("30003")));
    assert!(reason.unwrap().contains("phone could not be reached"));
    let told = "select count(*) from outbound_events where org_id = $1 and kind = 'message.failed'";
    assert_eq!(app.count(told, line.clinic.org).await, 1, "told once");
    let listed = line.owner.send("GET", "/api/messages", None).await.json();
    let statuses: Vec<&str> =
        listed["sent"].as_array().unwrap().iter().map(|one| one["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["failed", "read"], "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_tells_what_became_of_a_message_whose_answer_was_lost() {
    let app = TestApp::start().await;
    let line = Line::connect(&app, "Sunrise Dental").await;
    app.sandbox.faults().set(ProviderId::Twilio, Fault::LostAnswer);
    assert_eq!(line.send(PATIENT).await.status, 502);
    app.sandbox.faults().set(ProviderId::Twilio, Fault::None);
    assert_eq!(line.newest(&app).await.0, "parked");
    line.report(&app, "delivered", None).await;
    assert_eq!(line.newest(&app).await, ("delivered".to_owned(), None, None));
    assert_eq!(app.sandbox.phone_log().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_stops_no_news_and_a_disconnect_or_suspension_does() {
    let app = TestApp::start().await;
    let line = Line::connect(&app, "Sunrise Dental").await;
    let url = format!("{}/inbound", line.url);
    let write = async || app.sandbox.twilio().text(&line.clinic.twilio.sid, &url, PATIENT, "Hello").await;
    assert_eq!(line.owner.send("POST", "/api/integrations/twilio/pause", None).await.status, 204);
    assert_eq!(write().await, Some(200));
    app.meddle("update organizations set suspended_at = now() where id = $1", line.clinic.org).await;
    assert_eq!(write().await, Some(401));
    app.meddle("update organizations set suspended_at = null where id = $1", line.clinic.org).await;
    assert_eq!(line.owner.send("DELETE", "/api/integrations/twilio", None).await.status, 204);
    assert_eq!(write().await, Some(401));
    assert_eq!(app.count(EVENTS, line.clinic.org).await, 1);
}
