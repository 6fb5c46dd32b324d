//! One person, two clinics: what a page was opened for is what it acts on, or nothing happens.

use serde_json::json;
use voxanne::domain::Role;
use voxanne::integrations::onboard;

use super::support::app::{Browser, Clinic, TestApp};
use super::support::consent::{begin, open};

/// Two clinics and a person who owns both, signed in to the first.
async fn both() -> (TestApp, Clinic, Clinic, Browser) {
    let app = TestApp::start().await;
    let (sunrise, harbor) = (app.clinic("Alpha Dental").await, app.clinic("Beta Clinic").await);
    let grace = app.person("grace@group.example").await;
    for clinic in [&sunrise, &harbor] {
        onboard::add_member(&app.services, clinic.org, grace, Role::Owner).await.unwrap();
    }
    let browser = app.sign_in("grace@group.example").await;
    (app, sunrise, harbor, browser)
}

async fn switch(browser: &Browser, clinic: &Clinic) {
    let answer = browser.post("/switch", &[("org", &clinic.org.to_string())]).await;
    assert_eq!((answer.status, answer.location()), (303, "/dashboard"), "{}", answer.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_was_opened_for_another_clinic_does_nothing_and_says_where_the_person_is() {
    let (app, sunrise, harbor, tab) = both().await;
    let page = tab.get("/dashboard/settings").await.body;
    assert!(page.contains(&format!("value=\"{}\"", sunrise.org)), "the form carries its clinic");
    let other_tab = app.browser();
    other_tab.set_cookie(tab.cookie());
    switch(&other_tab, &harbor).await;

    let before = app.db.digest().await;
    let org = sunrise.org.to_string();
    let numbers = &sunrise.twilio.numbers[0].number;
    for path in [
        "/dashboard/settings/profile",
        "/dashboard/settings/senders",
        "/dashboard/integrations/twilio/connect",
        "/dashboard/integrations/twilio/verify",
        "/dashboard/integrations/twilio/restore",
        "/dashboard/integrations/twilio/disconnect",
        "/dashboard/integrations/vapi/rotate-secret",
        "/dashboard/agents/inbound",
        "/dashboard/agents/inbound/delete",
        "/dashboard/sms/test",
    ] {
        let fields = [
            ("org", org.as_str()),
            ("name", "Alpha"),
            ("timeZone", "UTC"),
            ("country", "US"),
            ("accountSid", sunrise.twilio.sid.as_str()),
            ("authToken", sunrise.twilio.auth_token.as_str()),
            ("phoneNumber", numbers.as_str()),
            ("to", "+15550100199"),
        ];
        let answer = tab.post(path, &fields).await;
        assert_eq!(answer.status, 409, "{path}: {}", answer.body);
        assert!(answer.body.contains("You are now in Beta Clinic"), "{path}: {}", answer.body);
        assert!(answer.header("content-type").starts_with("text/html"));
        let without = tab.post(path, &fields[1..]).await;
        assert_eq!(without.status, 400, "a form that names no clinic: {path}");
    }
    assert_eq!(app.db.digest().await, before);

    switch(&other_tab, &sunrise).await;
    let fields = [("org", org.as_str()), ("name", "Alpha"), ("timeZone", "UTC"), ("country", "US")];
    assert_eq!(tab.post("/dashboard/settings/profile", &fields).await.status, 303, "back there it works");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clinic_of_others_is_not_there_to_switch_to() {
    let (app, _, _, browser) = both().await;
    let foreign = app.clinic("Gamma Practice").await;
    let unknown = uuid::Uuid::new_v4().to_string();
    let id = |answer: &super::support::app::Answer| answer.header("x-request-id").to_owned();
    let before = app.db.digest().await;
    let mut bodies = Vec::new();
    for org in [foreign.org.to_string(), unknown, "nonsense".to_owned(), String::new()] {
        let answer = browser.post("/switch", &[("org", &org)]).await;
        assert_eq!(answer.status, 404, "{org}");
        let (policy, own) = (answer.header("content-security-policy").to_owned(), id(&answer));
        let nonce = policy.split("'nonce-").nth(1).unwrap().split('\'').next().unwrap().to_owned();
        bodies.push(answer.body.replace(&nonce, "NONCE").replace(&own, "ID"));
    }
    assert!(bodies.windows(2).all(|two| two[0] == two[1]), "a foreign clinic looks like none at all");
    assert_eq!(app.db.digest().await, before);
    assert!(browser.get("/dashboard").await.body.contains("Alpha Dental"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_names_another_clinic_than_the_current_one_gets_409() {
    let (app, sunrise, harbor, browser) = both().await;
    let key =
        browser.send("POST", "/api/api-keys", Some(json!({ "name": "billing", "role": "admin" }))).await;
    let bearer = format!("Bearer {}", key.json()["key"].as_str().unwrap());
    let (own, other) = (sunrise.org.to_string(), harbor.org.to_string());
    let program = app.browser();
    let before = app.db.digest().await;
    for (name, headers, status, code) in [
        ("session", vec![("x-organization", other.as_str())], 409, "clinic_changed"),
        ("session", vec![("x-organization", "nonsense")], 400, "clinic_unreadable"),
        ("session", vec![("x-organization", "")], 400, "clinic_unreadable"),
        ("key", vec![("authorization", &*bearer), ("x-organization", &*other)], 409, "clinic_changed"),
        ("key", vec![("authorization", &*bearer), ("x-organization", "nonsense")], 400, "clinic_unreadable"),
    ] {
        let sender = if name == "key" { &program } else { &browser };
        let requests =
            [("GET", "/api/events", None), ("POST", "/api/integrations/twilio", Some(sunrise.twilio_body()))];
        for (method, path, body) in requests {
            let answer = sender.send_with(method, path, body, &headers).await;
            assert_eq!(
                (answer.status, answer.json()["code"].as_str()),
                (status, Some(code)),
                "{name} {method}"
            );
        }
    }
    let after = app.db.digest().await;
    let differ: Vec<_> = before.keys().filter(|table| before[*table] != after[*table]).collect();
    assert!(differ.iter().all(|table| *table == "api_keys"), "only the key's last use: {differ:?}");
    for headers in
        [vec![("x-organization", own.as_str())], vec![("authorization", &*bearer), ("x-organization", &*own)]]
    {
        assert_eq!(browser.send_with("GET", "/api/events", None, &headers).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_removed_from_the_current_clinic_is_taken_in_by_another_of_theirs() {
    let (app, sunrise, harbor, browser) = both().await;
    let leave = "delete from memberships where org_id = $1 and user_id = (select id from users where email = 'grace@group.example')";
    assert_eq!(app.meddle(leave, sunrise.org).await, 1);

    // A program and a form are refused: neither asked for the other clinic.
    let program = browser.send("GET", "/api/integrations/status", None).await;
    assert_eq!((program.status, program.json()["code"].as_str()), (403, Some("no_clinic")));
    let org = sunrise.org.to_string();
    let form = browser.post("/dashboard/integrations/twilio/disconnect", &[("org", &org)]).await;
    assert_eq!(form.status, 403);

    let moved = browser.get("/dashboard/integrations?panel=twilio").await;
    assert_eq!((moved.status, moved.location()), (303, "/dashboard?said=1"), "{}", moved.body);
    let page = browser.get(moved.location()).await;
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(
        page.body
            .contains("You no longer belong to the clinic that you were in. You are now in Beta Clinic.")
    );
    assert!(!page.body.contains("Alpha Dental"), "nothing of the old clinic is shown");
    assert_eq!(app.recorded(harbor.org, "session.switched", "success").await, 1);
    assert_eq!(browser.send("GET", "/api/integrations/status", None).await.status, 200);

    // Removed from the last one as well, there is nowhere to go.
    assert_eq!(app.meddle(leave, harbor.org).await, 1);
    let page = browser.get("/dashboard").await;
    assert_eq!(page.status, 403);
    assert!(page.body.contains("You do not belong to any clinic yet"), "{}", page.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_that_was_begun_in_one_clinic_does_nothing_in_another_of_the_same_session() {
    let (app, sunrise, harbor, tab) = both().await;
    app.sandbox.google().add_account("desk@group.example");
    let back = open(&begin(&tab, &sunrise).await).await.allow("desk@group.example", &[]).await;
    switch(&tab, &harbor).await;
    let answer = tab.get(&back).await;
    assert_eq!(answer.status, 409, "{}", answer.body);
    assert!(answer.body.contains("You are now in Beta Clinic"), "{}", answer.body);
    assert_eq!((app.pairs(&sunrise).await, app.pairs(&harbor).await, app.token_requests()), (0, 0, 0));
    // Back where it was begun, the same answer is as good as it was.
    switch(&tab, &sunrise).await;
    assert_eq!(tab.get(&back).await.status, 303);
    assert_eq!((app.pairs(&sunrise).await, app.pairs(&harbor).await), (1, 0));
}
