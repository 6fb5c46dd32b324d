//! WhatsApp: what a card says, who is believed, what is kept of what patients write.

use serde_json::{Value, json};
use uuid::Uuid;
use voxanne::domain::{ProviderId, Role};
use voxanne::jobs::work_off_inbox;
use voxanne::sandbox::WhatsAppAccount;
use voxanne::vault::Sealed;
use voxanne::webhooks::news::payload_place;

use super::support::app::{Answer, Browser, Clinic, TestApp};
use super::support::state::{card, connect, state};

pub const VERIFY_TOKEN: &str = "a verify token of the clinic";

/// A clinic with a number of its own, and the path that Meta posts to.
pub struct Line {
    pub clinic: Clinic,
    pub owner: Browser,
    pub account: WhatsAppAccount,
    pub path: String,
}

pub fn body_of(account: &WhatsAppAccount) -> Value {
    json!({
        "phoneNumberId": account.phone_number_id, "businessAccountId": account.business_account_id,
        "accessToken": account.access_token, "appSecret": account.app_secret, "verifyToken": VERIFY_TOKEN,
    })
}

impl Line {
    pub async fn connect(app: &TestApp, name: &str) -> Self {
        let clinic = app.clinic(name).await;
        let owner = app.sign_in(&clinic.email(Role::Owner)).await;
        let account = app.sandbox.whatsapp().add_account(name, "+1 555-010-0100");
        let answer = connect(&owner, "whatsapp", body_of(&account)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let url = app.services.whatsapp_webhook_url(clinic.org).await.unwrap();
        let path = url[app.url.len()..].to_owned();
        Self { clinic, owner, account, path }
    }

    /// Posts changes to this clinic's address, signed with its own app secret.
    pub async fn deliver(&self, app: &TestApp, changes: &[Value]) -> Answer {
        let whatsapp = app.sandbox.whatsapp();
        let body = whatsapp.webhook(&self.account, changes);
        post(app, &self.path, &body, Some(&whatsapp.signature(&self.account.app_secret, &body))).await
    }
}

pub async fn post(app: &TestApp, path: &str, body: &str, signature: Option<&str>) -> Answer {
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(signature.map(|signature| ("x-hub-signature-256", signature)));
    app.browser().raw("POST", path, &headers, Some(body)).await
}

async fn ask(app: &TestApp, path: &str, query: &[(&str, &str)]) -> Answer {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
    app.browser().raw("GET", &format!("{path}?{query}"), &[], None).await
}

fn question<'a>(token: &'a str, challenge: &'a str) -> [(&'static str, &'a str); 3] {
    [("hub.mode", "subscribe"), ("hub.verify_token", token), ("hub.challenge", challenge)]
}

const EVENTS: &str = "select count(*) from inbound_events where org_id = $1 and source = 'whatsapp'";

/// Every event of a clinic, opened: kind, summary, payload.
async fn events(app: &TestApp, clinic: &Clinic) -> Vec<(String, Value, Value)> {
    let rows: Vec<(Uuid, String, Value, Vec<u8>)> = sqlx::query_as(
        "select id, kind, summary::jsonb, sealed_payload from inbound_events where org_id = $1 order by id",
    )
    .bind(clinic.org.0)
    .fetch_all(&app.db.superuser)
    .await
    .unwrap();
    let mut opened = Vec::new();
    for (id, kind, summary, sealed) in rows {
        let place = payload_place(ProviderId::WhatsApp, clinic.org, id);
        let bytes = app.services.vault.open_at(&place, &Sealed::parse(sealed).unwrap()).await.unwrap();
        opened.push((kind, summary, serde_json::from_slice(bytes.expose()).unwrap()));
    }
    opened
}

#[tokio::test(flavor = "multi_thread")]
async fn the_card_names_the_number_shows_the_address_and_says_when_the_token_ends() {
    let app = TestApp::start().await;
    let line = Line::connect(&app, "Sunrise Dental").await;
    let shown = card(&line.owner, "whatsapp").await;
    assert_eq!(shown["identity"], "Sunrise Dental, +1 555-010-0100");
    assert_eq!((&shown["status"], &shown["notice"]), (&json!("connected"), &Value::Null));
    let page = line.owner.get("/dashboard/integrations").await.body;
    let url = format!("{}{}", app.url, line.path);
    assert!(page.contains(&url) && page.contains("Meta for Developers"), "the address is shown");
    let member = app.sign_in(&line.clinic.email(Role::Member)).await;
    assert!(!member.get("/dashboard/integrations").await.body.contains(&line.path));
    for secret in [&line.account.access_token, &line.account.app_secret] {
        assert!(!app.dump(line.clinic.org).await.contains(secret.as_str()));
    }

    let id = line.account.phone_number_id.clone();
    app.sandbox.whatsapp().change(&id, |account| account.token_ends = 1_900_000_000);
    let check = "/api/integrations/whatsapp/verify";
    assert_eq!(line.owner.send("POST", check, None).await.json()["verified"], true);
    let notice = card(&line.owner, "whatsapp").await["notice"].as_str().unwrap().to_owned();
    assert!(notice.contains("ends on 2030-03-17"), "{notice}");
    assert!(line.owner.get("/dashboard/integrations").await.body.contains("ends on 2030-03-17"));
    app.sandbox.whatsapp().change(&id, |account| account.token_ends = 0);
    assert_eq!(line.owner.send("POST", check, None).await.json()["verified"], true);
    assert_eq!(card(&line.owner, "whatsapp").await["notice"], Value::Null);

    let again = app.sandbox.whatsapp().add_account("Another number", "+1 555-010-0900");
    let answer = connect(&line.owner, "whatsapp", body_of(&again)).await;
    assert_eq!(answer.status, 409, "another number is another account: {}", answer.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_is_given_back_for_the_own_verify_token_only() {
    let app = TestApp::start().await;
    let line = Line::connect(&app, "Sunrise Dental").await;
    let other = Line::connect(&app, "Harbor Clinic").await;
    let good = ask(&app, &line.path, &question(VERIFY_TOKEN, "1158201444")).await;
    assert_eq!((good.status, good.body.as_str()), (200, "1158201444"));
    assert!(good.header("content-type").starts_with("text/plain"));
    let body = json!({ "verifyToken": "the other clinic's own" });
    assert_eq!(connect(&other.owner, "whatsapp", body).await.status, 200);

    let unknown = format!("/api/webhooks/whatsapp/{}{}", line.clinic.org.0.simple(), "0".repeat(32));
    let refusals = [
        ask(&app, &line.path, &question("another", "1158201444")).await,
        ask(&app, &line.path, &question("the other clinic's own", "1158201444")).await,
        ask(&app, &line.path, &question("", "1158201444")).await,
        ask(&app, &other.path, &question(VERIFY_TOKEN, "1158201444")).await,
        ask(&app, &unknown, &question(VERIFY_TOKEN, "1158201444")).await,
        ask(&app, "/api/webhooks/whatsapp/x", &question(VERIFY_TOKEN, "1158201444")).await,
        ask(&app, &line.path, &question(VERIFY_TOKEN, "<script>alert(1)</script> x")).await,
        ask(&app, &line.path, &[("hub.verify_token", VERIFY_TOKEN), ("hub.challenge", "1")]).await,
        ask(&app, &line.path, &[]).await,
        ask(&app, &line.path, &[("hub.mode", "subscribe"), ("hub.mode", "subscribe")]).await,
    ];
    for answer in &refusals {
        assert_eq!((answer.status, &answer.body), (401, &refusals[0].body));
        assert_eq!(answer.json()["code"], "not_authentic");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_foreign_forged_and_missing_get_one_answer_and_leave_nothing() {
    let app = TestApp::start().await;
    let line = Line::connect(&app, "Sunrise Dental").await;
    let other = Line::connect(&app, "Harbor Clinic").await;
    let whatsapp = app.sandbox.whatsapp();
    let (_, change) = whatsapp.text(&line.account, "16505551234", "Hello");
    let body = whatsapp.webhook(&line.account, &[change]);
    let good = whatsapp.signature(&line.account.app_secret, &body);
    let foreign = whatsapp.signature(&other.account.app_secret, &body);
    let bare = app.clinic("Nobody's Clinic").await;
    let bare = app.services.whatsapp_webhook_url(bare.org).await.unwrap()[app.url.len()..].to_owned();
    let org = line.clinic.org.0.simple();
    let made_up = format!("/api/webhooks/whatsapp/{org}{}", "0".repeat(32));
    let upper = line.path.replace(&org.to_string(), &other.clinic.org.0.simple().to_string());
    let refusals = [
        post(&app, &line.path, &body, None).await,
        post(&app, &line.path, &body, Some("")).await,
        post(&app, &line.path, &body, Some("sha256=")).await,
        post(&app, &line.path, &body, Some(&good.replace("sha256=", ""))).await,
        post(&app, &line.path, &body, Some(&foreign)).await,
        post(&app, &line.path, &format!("{body} "), Some(&good)).await,
        post(&app, &other.path, &body, Some(&good)).await,
        post(&app, &bare, &body, Some(&good)).await,
        post(&app, &made_up, &body, Some(&good)).await,
        post(&app, &upper, &body, Some(&good)).await,
        post(&app, "/api/webhooks/whatsapp/x", &body, Some(&good)).await,
        post(&app, &line.path, "nonsense", None).await,
    ];
    for answer in &refusals {
        assert_eq!((answer.status, &answer.body), (401, &refusals[0].body));
    }
    for clinic in [&line.clinic, &other.clinic] {
        assert_eq!(app.count(EVENTS, clinic.org).await, 0);
    }
    assert_eq!(app.browser().raw("PUT", &line.path, &[], None).await.status, 405);
    assert_eq!(post(&app, &line.path, &body, Some(&good)).await.status, 200, "and the good one is taken");
    let signed = whatsapp.signature(&line.account.app_secret, "[1]");
    assert_eq!(post(&app, &line.path, "[1]", Some(&signed)).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_patients_write_is_stored_once_sealed_and_without_their_words() {
    let app = TestApp::start().await;
    let line = Line::connect(&app, "Sunrise Dental").await;
    let (id, change) = app.sandbox.whatsapp().text(&line.account, "16505551234", "My CANARY hurts");
    for _ in 0..3 {
        assert_eq!(line.deliver(&app, std::slice::from_ref(&change)).await.status, 200);
    }
    work_off_inbox(app.services.clone()).await.unwrap();
    let stored = events(&app, &line.clinic).await;
    assert_eq!(stored.len(), 1, "{stored:?}");
    assert_eq!((stored[0].0.as_str(), &stored[0].1["caller"]), ("message", &json!("+16***34")));
    assert_eq!(
        stored[0].2["message"],
        json!({ "from": "16505551234", "id": id, "timestamp": "1749416383", "type": "text" })
    );
    let dump = app.dump(line.clinic.org).await;
    assert!(!dump.contains("CANARY") && !dump.contains("16505551234") && !dump.contains(&id), "{dump}");

    app.meddle("update organizations set keep_transcripts = true where id = $1", line.clinic.org).await;
    let (_, change) = app.sandbox.whatsapp().text(&line.account, "16505551234", "My CANARY hurts");
    assert_eq!(line.deliver(&app, &[change]).await.status, 200);
    work_off_inbox(app.services.clone()).await.unwrap();
    let stored = events(&app, &line.clinic).await;
    assert_eq!(stored[1].2["message"]["text"]["body"], "My CANARY hurts");
    assert!(!app.dump(line.clinic.org).await.contains("CANARY"), "sealed");
    let listed = line.owner.send("GET", "/api/events", None).await.body;
    assert!(listed.contains("whatsapp") && !listed.contains("16505551234"), "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn news_of_a_number_that_the_clinic_has_not_connected_are_nobodys() {
    let app = TestApp::start().await;
    let line = Line::connect(&app, "Sunrise Dental").await;
    let other = Line::connect(&app, "Harbor Clinic").await;
    let whatsapp = app.sandbox.whatsapp();
    // One app of an agency for both: the other clinic's news come to this clinic's address.
    let (_, theirs) = whatsapp.text(&other.account, "16505551234", "Hello");
    let (_, own) = whatsapp.text(&line.account, "16505551234", "Hello");
    assert_eq!(line.deliver(&app, &[theirs.clone(), own]).await.status, 200);
    let body = whatsapp.webhook(&other.account, &[theirs]);
    let signed = whatsapp.signature(&line.account.app_secret, &body);
    assert_eq!(post(&app, &line.path, &body, Some(&signed)).await.status, 200);
    assert_eq!(app.count(EVENTS, line.clinic.org).await, 1);
    assert_eq!(app.count(EVENTS, other.clinic.org).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_or_an_expired_token_stops_no_news_and_a_disconnect_or_suspension_does() {
    let app = TestApp::start().await;
    let line = Line::connect(&app, "Sunrise Dental").await;
    let whatsapp = app.sandbox.whatsapp();
    let deliver = || async {
        let (_, change) = app.sandbox.whatsapp().text(&line.account, "16505551234", "Hello");
        line.deliver(&app, &[change]).await.status
    };
    assert_eq!(line.owner.send("POST", "/api/integrations/whatsapp/pause", None).await.status, 204);
    assert_eq!(deliver().await, 200);
    assert_eq!(line.owner.send("POST", "/api/integrations/whatsapp/resume", None).await.status, 204);
    whatsapp.change(&line.account.phone_number_id, |account| account.is_expired = true);
    line.owner.send("POST", "/api/integrations/whatsapp/verify", None).await;
    assert_eq!(state(&line.owner, "whatsapp").await, "error");
    assert_eq!(deliver().await, 200);
    app.meddle("update organizations set suspended_at = now() where id = $1", line.clinic.org).await;
    assert_eq!(deliver().await, 401);
    app.meddle("update organizations set suspended_at = null where id = $1", line.clinic.org).await;
    assert_eq!(line.owner.send("DELETE", "/api/integrations/whatsapp", None).await.status, 204);
    assert_eq!(deliver().await, 401);
    assert_eq!(app.count(EVENTS, line.clinic.org).await, 2);
}
