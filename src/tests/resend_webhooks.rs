//! What Resend tells about e-mails: believed where the clinic's own secret has signed it, kept once.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;
use voxanne::domain::Role;
use voxanne::sandbox::DEMO_RESEND;

use super::support::app::{Answer, Browser, Clinic, TestApp};
use super::support::state::connect;

const EVENTS: &str = "select count(*) from inbound_events where org_id = $1 and source = 'resend'";

fn secret(text: &str) -> String {
    format!("whsec_{}", STANDARD.encode(text))
}

pub fn body(kind: &str) -> String {
    let bounce = json!({ "type": "Permanent", "subType": "Suppressed" });
    json!({ "type": kind, "created_at": "2026-11-28T08:00:00Z",
        "data": { "email_id": "56761188", "to": ["patient@home.example"], "subject": "Your visit", "bounce": bounce } })
    .to_string()
}

/// A signature over a message of that id, at that time.
fn signature(secret: &str, id: &str, at: i64, body: &str) -> String {
    let key = STANDARD.decode(secret.trim_start_matches("whsec_")).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update(format!("{id}.{at}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

pub struct Line {
    pub clinic: Clinic,
    owner: Browser,
    pub path: String,
    secret: String,
}

impl Line {
    pub async fn connect(app: &TestApp, name: &str, at: usize) -> Self {
        let clinic = app.clinic(name).await;
        let owner = app.sign_in(&clinic.email(Role::Owner)).await;
        let secret = secret(&format!("the signing secret of {name}"));
        let demo = &DEMO_RESEND[at];
        let fields = json!({ "apiKey": demo.key, "from": demo.from, "webhookSecret": secret });
        let answer = connect(&owner, "resend", fields).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let url = app.services.resend_webhook_url(clinic.org).await.unwrap();
        let path = url[app.url.len()..].to_owned();
        Self { clinic, owner, path, secret }
    }

    pub async fn deliver(&self, app: &TestApp, id: &str, body: &str) -> Answer {
        let at = app.services.clock.now().unix_timestamp();
        post(app, &self.path, id, at, &signature(&self.secret, id, at, body), body).await
    }
}

pub async fn post(app: &TestApp, path: &str, id: &str, at: i64, signature: &str, body: &str) -> Answer {
    let at = at.to_string();
    let headers = [
        ("content-type", "application/json"),
        ("svix-id", id),
        ("svix-timestamp", at.as_str()),
        ("svix-signature", signature),
    ];
    app.browser().raw("POST", path, &headers, Some(body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn news_of_an_e_mail_are_kept_once_and_sealed() {
    let app = TestApp::start().await;
    let line = Line::connect(&app, "Sunrise Dental", 0).await;
    let page = line.owner.get("/dashboard/integrations").await.body;
    assert!(page.contains(&line.path), "the card shows the address");
    assert!(!page.contains(&line.secret), "and not the secret");
    for (id, kind) in
        [("msg_1", "email.delivered"), ("msg_2", "email.bounced"), ("msg_3", "email.complained")]
    {
        assert_eq!(line.deliver(&app, id, &body(kind)).await.status, 200, "{kind}");
        assert_eq!(line.deliver(&app, id, &body(kind)).await.status, 200, "a repetition of {kind}");
    }
    assert_eq!(app.count(EVENTS, line.clinic.org).await, 3);
    let dump = app.dump(line.clinic.org).await;
    assert!(dump.contains("email.bounced") && dump.contains("Permanent"));
    assert!(!dump.contains("patient@home.example") && !dump.contains("Your visit"));
    let answer = line.deliver(&app, "msg_4", "{}").await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (400, Some("unparsable")));
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_foreign_forged_old_and_missing_get_one_answer_and_leave_nothing() {
    let app = TestApp::start().await;
    let line = Line::connect(&app, "Sunrise Dental", 0).await;
    let other = Line::connect(&app, "Harbor Clinic", 1).await;
    let body = body("email.delivered");
    let now = app.services.clock.now().unix_timestamp();
    let good = signature(&line.secret, "msg_1", now, &body);
    let unknown = format!("{}0", &line.path[..line.path.len() - 1]);
    let mut answers = vec![
        post(&app, &line.path, "msg_1", now, &signature(&other.secret, "msg_1", now, &body), &body).await,
        post(&app, &other.path, "msg_1", now, &good, &body).await,
        post(&app, &line.path, "msg_2", now, &good, &body).await,
        post(&app, &line.path, "msg_1", now, &good, &body.replace("delivered", "bounced")).await,
        post(&app, &line.path, "msg_1", now, "", &body).await,
        post(&app, "/api/webhooks/resend/00", "msg_1", now, &good, &body).await,
    ];
    if unknown != line.path {
        answers.push(post(&app, &unknown, "msg_1", now, &good, &body).await);
    }
    let old = now - 301;
    let late = signature(&line.secret, "msg_1", old, &body);
    answers.push(post(&app, &line.path, "msg_1", old, &late, &body).await);
    for answer in &answers {
        assert_eq!((answer.status, answer.json()["code"].as_str()), (401, Some("not_authentic")));
        assert_eq!(answer.json()["detail"], answers[0].json()["detail"]);
    }
    assert_eq!(app.count(EVENTS, line.clinic.org).await + app.count(EVENTS, other.clinic.org).await, 0);
    // Without a secret nobody is believed; a wrong one is told at its field.
    let wrong = connect(&line.owner, "resend", json!({ "webhookSecret": "re_0000000000000000" })).await;
    assert_eq!(wrong.json()["errors"][0]["field"], "webhookSecret", "{}", wrong.body);
    assert_eq!(connect(&line.owner, "resend", json!({ "webhookSecret": null })).await.status, 200);
    assert_eq!(post(&app, &line.path, "msg_1", now, &good, &body).await.status, 401);
    assert_eq!(app.browser().raw("GET", &line.path, &[], None).await.status, 405);
}
