//! Drafts: what was typed but not saved waits sealed, for one use, for one clinic, for 15 minutes.

use serde_json::{Value, json};
use uuid::Uuid;
use voxanne::domain::{ProviderId, Role};
use voxanne::sandbox::Fault;

use super::support::app::{Answer, Browser, Clinic, TestApp};
use super::support::state::{connect, state};

/// Tries to connect while the provider has a problem of its own; gives the draft.
async fn undecided(app: &TestApp, browser: &Browser, provider: ProviderId, body: Value) -> String {
    app.sandbox.faults().set(provider, Fault::ServerError);
    let answer = connect(browser, provider.as_str(), body).await;
    app.sandbox.faults().set(provider, Fault::None);
    assert_eq!(answer.status, 503, "{}", answer.body);
    answer.json()["draft"].as_str().unwrap().to_owned()
}

async fn save_anyway(browser: &Browser, provider: &str, draft: &str) -> Answer {
    connect(browser, provider, json!({ "draft": draft, "saveAnyway": true })).await
}

async fn start(name: &str) -> (TestApp, Clinic, Browser) {
    let app = TestApp::start().await;
    let clinic = app.clinic(name).await;
    let owner = app.sign_in(&clinic.email(Role::Owner)).await;
    (app, clinic, owner)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_saved_once_and_then_is_gone() {
    let (app, clinic, owner) = start("Sunrise Dental").await;
    let draft = undecided(&app, &owner, ProviderId::Twilio, clinic.twilio_body()).await;
    assert_eq!(state(&owner, "twilio").await, "not_configured");
    let saved = save_anyway(&owner, "twilio", &draft).await;
    assert_eq!((saved.status, saved.json()["success"].as_bool()), (200, Some(true)), "{}", saved.body);
    assert_eq!(state(&owner, "twilio").await, "cannot_check");
    let active = app.active(clinic.org, "twilio").await;
    let again = save_anyway(&owner, "twilio", &draft).await;
    assert_eq!((again.status, again.json()["code"].as_str()), (409, Some("draft_expired")));
    assert_eq!(app.active(clinic.org, "twilio").await, active);
    // What was saved without a test is used for messages, and the next check settles it.
    let sent = owner.send("POST", "/api/sms/test", Some(json!({ "to": "+15550100123" }))).await;
    assert_eq!(sent.status, 200, "{}", sent.body);
    assert_eq!(owner.send("POST", "/api/integrations/twilio/verify", None).await.json()["verified"], true);
    assert_eq!(state(&owner, "twilio").await, "connected");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_people_who_save_one_draft_at_once_one_finds_it_gone() {
    let (app, clinic, owner) = start("Sunrise Dental").await;
    let admin = app.sign_in(&clinic.email(Role::Admin)).await;
    for round in 0..10 {
        let draft = undecided(&app, &owner, ProviderId::Twilio, clinic.twilio_body()).await;
        let versions = "select count(*) from org_credentials where org_id = $1 and draft_expires_at is null";
        let before = app.count(versions, clinic.org).await;
        let (one, two) =
            tokio::join!(save_anyway(&owner, "twilio", &draft), save_anyway(&admin, "twilio", &draft));
        let mut seen = [one.status, two.status];
        seen.sort_unstable();
        assert_eq!(seen, [200, 409], "round {round}: {} {}", one.body, two.body);
        assert_eq!(app.count(versions, clinic.org).await, before + 1);
        // Closes the breaker again, which counts failures in a row.
        assert_eq!(
            owner.send("POST", "/api/integrations/twilio/verify", None).await.json()["verified"],
            true
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_expires_by_the_clock_of_the_database() {
    let (app, clinic, owner) = start("Sunrise Dental").await;
    let draft = undecided(&app, &owner, ProviderId::Twilio, clinic.twilio_body()).await;
    let left =
        "select extract(epoch from draft_expires_at - now())::bigint from org_credentials where org_id = $1";
    let left = app.count(left, clinic.org).await;
    assert!((14 * 60..=15 * 60).contains(&left), "{left} s");
    let age = "update org_credentials set draft_expires_at = now() - interval '1 second' where org_id = $1";
    assert_eq!(app.meddle(age, clinic.org).await, 1);
    for body in [json!({ "draft": draft, "saveAnyway": true }), json!({ "draft": draft })] {
        let answer = connect(&owner, "twilio", body).await;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (409, Some("draft_expired")));
    }
    assert_eq!(state(&owner, "twilio").await, "not_configured");
    // The next one that is kept sweeps it away.
    let fresh = undecided(&app, &owner, ProviderId::Twilio, clinic.twilio_body()).await;
    assert_ne!(fresh, draft);
    assert_eq!(app.count("select count(*) from org_credentials where org_id = $1", clinic.org).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_of_another_clinic_does_not_exist() {
    let (app, clinic, owner) = start("Sunrise Dental").await;
    let harbor = app.clinic("Harbor Clinic").await;
    let stranger = app.sign_in(&harbor.email(Role::Owner)).await;
    let draft = undecided(&app, &owner, ProviderId::Twilio, clinic.twilio_body()).await;
    for word in ["saveAnyway", "switchAccount"] {
        let foreign = connect(&stranger, "twilio", json!({ "draft": draft, word: true })).await;
        let unknown =
            connect(&stranger, "twilio", json!({ "draft": Uuid::now_v7().to_string(), word: true })).await;
        assert_eq!((foreign.status, &foreign.body), (409, &unknown.body));
    }
    assert_eq!(state(&stranger, "twilio").await, "not_configured");
    assert_eq!(
        save_anyway(&owner, "twilio", &draft).await.status,
        200,
        "it is still there for its own clinic"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_belongs_to_its_provider() {
    let (app, clinic, owner) = start("Sunrise Dental").await;
    let draft = undecided(&app, &owner, ProviderId::Twilio, clinic.twilio_body()).await;
    let answer = save_anyway(&owner, "vapi", &draft).await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (409, Some("draft_expired")));
    assert_eq!(save_anyway(&owner, "twilio", &draft).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn save_anyway_is_only_for_what_was_tested_and_left_undecided() {
    let (app, clinic, owner) = start("Sunrise Dental").await;
    let refused = json!({
        "accountSid": clinic.twilio.sid, "authToken": "0".repeat(32), "phoneNumber": clinic.twilio.numbers[0].number,
    });
    let answer = connect(&owner, "twilio", refused).await;
    assert_eq!(answer.status, 422, "{}", answer.body);
    let draft = answer.json()["draft"].as_str().unwrap().to_owned();
    assert_eq!(save_anyway(&owner, "twilio", &draft).await.status, 409, "a refusal cannot be saved");

    let draft = undecided(&app, &owner, ProviderId::Twilio, clinic.twilio_body()).await;
    for changed in [
        json!({ "authToken": "0".repeat(32) }),
        json!({ "phoneNumber": "+15550009999" }),
        json!({ "accountSid": format!("AC{}", "0".repeat(32)) }),
        json!({ "phoneNumber": null }),
    ] {
        let mut body = changed.clone();
        body["draft"] = json!(draft);
        body["saveAnyway"] = json!(true);
        assert_eq!(connect(&owner, "twilio", body).await.status, 409, "{changed} was never tested");
    }
    assert_eq!(state(&owner, "twilio").await, "not_configured");
    assert_eq!(save_anyway(&owner, "twilio", &draft).await.status, 200);

    // The stored version was left undecided too, but it is no draft.
    let mut whole = clinic.twilio_body();
    whole["phoneNumber"] = json!("+15550009999");
    whole["saveAnyway"] = json!(true);
    for body in [json!({ "saveAnyway": true, "phoneNumber": "+15550009999" }), whole] {
        assert_eq!(connect(&owner, "twilio", body).await.status, 409);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_without_scripts_keeps_what_was_typed_and_never_sends_the_secret_back() {
    let (app, clinic, owner) = start("Sunrise Dental").await;
    let org = clinic.org.to_string();
    let number = clinic.twilio.numbers[0].number.as_str();
    let token = clinic.twilio.auth_token.as_str();
    let typed = |token: &'static str, draft: String, intent: &'static str| {
        vec![
            ("org", org.clone()),
            ("accountSid", clinic.twilio.sid.clone()),
            ("authToken", token.to_owned()),
            ("phoneNumber", number.to_owned()),
            ("draft", draft),
            ("intent", intent.to_owned()),
        ]
    };
    async fn submit(owner: &Browser, fields: Vec<(&str, String)>) -> String {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(key, value)| (*key, value.as_str())).collect();
        let answer = owner.post("/dashboard/integrations/twilio/connect", &fields).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        owner.get(answer.location()).await.body
    }

    // First a number without its country code: the token is right, and need not be typed again.
    let mut fields = typed("", String::new(), "test_and_save");
    fields[2].1 = token.to_owned();
    fields[3].1 = "555 0100".to_owned();
    let page = submit(&owner, fields).await;
    assert!(page.contains("country code") && page.contains("555 0100") && page.contains(&clinic.twilio.sid));
    assert!(!page.contains(token), "the secret came back");
    let draft = hidden(&page, "draft");

    // Then Twilio has a problem of its own: the page offers to save anyway.
    app.sandbox.faults().set(ProviderId::Twilio, Fault::ServerError);
    let page = submit(&owner, typed("", draft.clone(), "test_and_save")).await;
    app.sandbox.faults().set(ProviderId::Twilio, Fault::None);
    assert!(page.contains("save_anyway") && page.contains("problem of its own"), "{page}");
    assert!(!page.contains(token), "the secret came back");
    let next = hidden(&page, "draft");
    assert_ne!(next, draft);

    let page = submit(&owner, typed("", next, "save_anyway")).await;
    assert!(page.contains("Twilio is connected"), "{page}");
    assert_eq!(state(&owner, "twilio").await, "cannot_check");
    assert!(!app.dump(clinic.org).await.contains(token));
    let sessions: Vec<String> = sqlx::query_scalar(
        "select to_jsonb(s)::text || encode(to_jsonb(s)::text::bytea, 'escape') from sessions s",
    )
    .fetch_all(&app.db.superuser)
    .await
    .unwrap();
    assert!(sessions.iter().all(|session| !session.contains(token)), "a secret lies in a session");
}

/// The value of a hidden field of a page.
fn hidden(page: &str, name: &str) -> String {
    let at = page.find(&format!("name=\"{name}\"")).unwrap_or_else(|| panic!("no {name} in {page}"));
    let rest = &page[at..];
    let from = rest.find("value=\"").unwrap() + "value=\"".len();
    rest[from..].split('"').next().unwrap().to_owned()
}
