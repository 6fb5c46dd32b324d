//! Staff of the platform: strangers to everybody who is none, guests with a reason in a clinic.

use serde_json::{Value, json};
use uuid::Uuid;
use voxanne::domain::{ProviderId, Role};

use super::support::app::{Answer, Browser, PASSWORD, TestApp};

const STAFF: &str = "staff@platform.test";
const REASON: &str = "Ticket 4711: calls are not answered";

pub async fn staff(app: &TestApp) -> Browser {
    let user = app.person(STAFF).await;
    sqlx::query("insert into platform_admins (user_id) values ($1)")
        .bind(user.0)
        .execute(&app.db.superuser)
        .await
        .unwrap();
    let browser = app.browser();
    let answer = browser.post("/login", &[("email", STAFF), ("password", PASSWORD)]).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    browser
}

pub async fn open(browser: &Browser, org: impl std::fmt::Display) -> Answer {
    browser
        .send("POST", &format!("/api/platform/organizations/{org}/access"), Some(json!({ "reason": REASON })))
        .await
}

fn integration(org: impl std::fmt::Display, provider: &str) -> String {
    format!("/api/platform/organizations/{org}/integrations/{provider}")
}

async fn run(app: &TestApp, statement: &'static str) {
    sqlx::query(statement).execute(&app.db.superuser).await.unwrap();
}

/// The trail of a clinic: actor, action, outcome, details.
async fn trail(app: &TestApp, org: Uuid) -> Vec<(String, String, String, String)> {
    sqlx::query_as("select actor, action, outcome, details from audit_log where org_id = $1 order by seq")
        .bind(org)
        .fetch_all(&app.db.superuser)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn for_everybody_but_staff_the_platforms_addresses_do_not_exist() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let made = owner.send("POST", "/api/api-keys", Some(json!({ "name": "Desk", "role": "admin" }))).await;
    let key = format!("Bearer {}", made.json()["key"].as_str().unwrap());
    let nobody = app.browser();
    let unknown = owner.send("GET", "/api/platform/nothing-of-this-name", None).await;
    assert_eq!(unknown.status, 404);
    for base in ["organizations", "tenants"] {
        for (method, path) in [
            ("GET", String::new()),
            ("POST", format!("/{}/access", clinic.org)),
            ("DELETE", format!("/{}/access", clinic.org)),
            ("GET", format!("/{}/integrations", clinic.org)),
            ("GET", format!("/{}/integrations/twilio", clinic.org)),
            ("PUT", format!("/{}/integrations/twilio", clinic.org)),
            ("DELETE", format!("/{}/integrations/twilio", clinic.org)),
            ("POST", format!("/{}/integrations/twilio/pause", clinic.org)),
            ("POST", format!("/{}/integrations/twilio/verify", clinic.org)),
        ] {
            let path = format!("/api/platform/{base}{path}");
            let body = (method == "POST" || method == "PUT").then(|| json!({ "reason": REASON }));
            let by_owner = owner.send(method, &path, body.clone()).await;
            let by_nobody = nobody.send(method, &path, body.clone()).await;
            let by_key = nobody.send_with(method, &path, body, &[("authorization", &key)]).await;
            for answer in [by_owner, by_nobody, by_key] {
                assert_eq!((answer.status, &answer.body), (404, &unknown.body), "{method} {path}");
            }
        }
    }
    assert_eq!(owner.get("/platform").await.status, 404);
    assert_eq!(nobody.get("/platform").await.status, 404);
    let entered =
        owner.post(&format!("/platform/organizations/{}/open", clinic.org), &[("reason", REASON)]).await;
    assert_eq!(entered.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_say_why_they_come_and_the_clinic_reads_it_beside_all_that_they_did() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let staff = staff(&app).await;
    let list = staff.send("GET", "/api/platform/organizations", None).await;
    assert_eq!(list.json()["organizations"][0]["connected"], 2, "{}", list.body);

    let path = integration(clinic.org, "twilio");
    let first = staff.send("GET", &path, None).await;
    assert_eq!((first.status, first.json()["code"].as_str()), (403, Some("reason_needed")), "{}", first.body);
    let short = staff
        .send(
            "POST",
            &format!("/api/platform/organizations/{}/access", clinic.org),
            Some(json!({ "reason": "x" })),
        )
        .await;
    assert_eq!(short.status, 422, "{}", short.body);

    let renamed = json!({ "displayName": "Front desk" });
    let set = staff.send_with("PUT", &path, Some(renamed), &[("x-access-reason", REASON)]).await;
    assert_eq!(set.status, 200, "{}", set.body);
    for (method, word, status) in
        [("POST", "/verify", 200), ("POST", "/pause", 204), ("POST", "/resume", 204)]
    {
        let answer = staff.send(method, &format!("{path}{word}"), None).await;
        assert_eq!(answer.status, status, "{word}: {}", answer.body);
    }
    let shown = staff.send("GET", &path, None).await;
    assert!(!shown.body.contains(&clinic.twilio.auth_token), "a secret is never shown");
    assert_eq!(staff.send("DELETE", &path, None).await.status, 204);

    let rows = trail(&app, clinic.org.0).await;
    let by_staff: Vec<(&str, &str)> = rows
        .iter()
        .filter(|(actor, ..)| actor == "platform staff: staff@platform.test")
        .map(|(_, action, _, details)| (action.as_str(), details.as_str()))
        .collect();
    assert_eq!(by_staff[0], ("platform.access_opened", REASON));
    let actions: Vec<&str> = by_staff.iter().map(|(action, _)| *action).collect();
    assert_eq!(
        actions[1..],
        [
            "integration.replaced",
            "integration.verified",
            "integration.paused",
            "integration.resumed",
            "integration.disconnected"
        ]
    );
    let page = owner.get("/dashboard/audit").await.body;
    assert!(page.contains(REASON) && page.contains(STAFF), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_staff_set_works_for_that_clinic_and_reaches_no_other_one() {
    let app = TestApp::start().await;
    let (sunrise, harbor) = (app.clinic("Sunrise Dental").await, app.clinic("Harbor Clinic").await);
    let staff = staff(&app).await;
    assert_eq!(open(&staff, sunrise.org).await.status, 201);
    for (provider, body) in [("vapi", sunrise.vapi_body()), ("twilio", sunrise.twilio_body())] {
        let set = staff.send("PUT", &integration(sunrise.org, provider), Some(body)).await;
        assert_eq!(set.status, 200, "{}", set.body);
    }
    assert_eq!(app.assistants(&sunrise).len(), 2);
    let owner = app.sign_in(&sunrise.email(Role::Owner)).await;
    let sent = owner.send("POST", "/api/sms/test", Some(json!({ "to": "+15550100199" }))).await;
    assert_eq!(sent.status, 200, "{}", sent.body);
    let seen = app.sandbox.requests(ProviderId::Twilio);
    assert!(seen.iter().all(|request| request.account.as_deref() == Some("Sunrise Dental")));

    // A reason for one clinic opens no other one.
    let other = staff.send("PUT", &integration(harbor.org, "twilio"), Some(harbor.twilio_body())).await;
    assert_eq!(other.json()["code"], "reason_needed", "{}", other.body);
    let nobody = staff.send("GET", &integration(Uuid::now_v7(), "twilio"), None).await;
    assert_eq!(nobody.status, 404, "{}", nobody.body);
    let stranger = app.sign_in(&harbor.email(Role::Owner)).await;
    let status = stranger.send("GET", "/api/integrations/status", None).await.json();
    assert!(status["integrations"].as_array().unwrap().iter().all(|one| one["connected"] == false));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_ends_by_its_time_by_leaving_and_with_the_staffs_own_end() {
    let app = TestApp::start().await;
    let (clinic, _) = app.connected_clinic("Sunrise Dental").await;
    let staff = staff(&app).await;
    let path = integration(clinic.org, "twilio");
    let code = async || staff.send("GET", &path, None).await.json()["code"].as_str().map(str::to_owned);

    assert_eq!(open(&staff, clinic.org).await.status, 201);
    assert_eq!(code().await, None);
    run(&app, "update support_grants set expires_at = now() - interval '1 second'").await;
    assert_eq!(code().await.as_deref(), Some("reason_needed"));

    assert_eq!(open(&staff, clinic.org).await.status, 201);
    let leave = format!("/api/platform/organizations/{}/access", clinic.org);
    assert_eq!(staff.send("DELETE", &leave, None).await.status, 204);
    assert_eq!(code().await.as_deref(), Some("reason_needed"));

    assert_eq!(open(&staff, clinic.org).await.status, 201);
    run(&app, "delete from platform_admins").await;
    assert_eq!(code().await.as_deref(), Some("not_found"));
}

#[tokio::test(flavor = "multi_thread")]
async fn visiting_staff_see_the_clinics_pages_and_change_accounts_only() {
    let app = TestApp::start().await;
    let (clinic, _) = app.connected_clinic("Sunrise Dental").await;
    let staff = staff(&app).await;
    // Without a clinic of their own they come to the list.
    let home = staff.get("/dashboard").await;
    assert_eq!((home.status, home.location().starts_with("/platform")), (303, true), "{}", home.body);
    let page = staff.get("/platform").await;
    assert!(page.status == 200 && page.body.contains("Sunrise Dental"), "{}", page.body);

    let door = format!("/platform/organizations/{}/open", clinic.org);
    let refused = staff.post(&door, &[("reason", "")]).await;
    assert!(refused.location().starts_with("/platform"), "{}", refused.location());
    let entered = staff.post(&door, &[("reason", REASON)]).await;
    assert!(entered.location().starts_with("/dashboard/integrations"), "{}", entered.location());
    let cards = staff.get("/dashboard/integrations").await.body;
    assert!(cards.contains("you are visiting Sunrise Dental") && cards.contains("Configure"), "{cards}");
    assert!(!cards.contains(&clinic.twilio.auth_token));

    let org = clinic.org.to_string();
    let paused = staff.post("/dashboard/integrations/twilio/pause", &[("org", &org)]).await;
    assert_eq!(paused.status, 303, "{}", paused.body);
    let profile = [("org", org.as_str()), ("name", "Mine"), ("timeZone", "UTC"), ("country", "US")];
    assert_eq!(staff.post("/dashboard/settings/profile", &profile).await.status, 403);
    let keys = staff.send("POST", "/api/api-keys", Some(json!({ "name": "x", "role": "admin" }))).await;
    assert_eq!(keys.status, 403, "{}", keys.body);
    let purge = staff.send("POST", "/api/integrations/twilio/purge", None).await;
    assert_eq!(purge.status, 403, "{}", purge.body);
    let sms: Value = staff.send("POST", "/api/sms/test", Some(json!({ "to": "+15550100199" }))).await.json();
    assert_eq!(sms["code"], "forbidden", "{sms}");

    let leave = staff.post(&format!("/platform/organizations/{}/leave", clinic.org), &[]).await;
    assert!(leave.location().starts_with("/platform"));
    let after = staff.get("/dashboard/integrations").await;
    assert_eq!((after.status, after.location().starts_with("/platform")), (303, true), "{}", after.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_set_change_pause_and_delete_the_endpoints_of_a_clinic_and_read_their_numbers() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let staff = staff(&app).await;
    assert_eq!(open(&staff, clinic.org).await.status, 201);
    let base = format!("/api/platform/organizations/{}/webhooks", clinic.org);
    let new = json!({ "workflowName": "hot-leads", "url": "https://n8n.clinic-tools.com/webhook/a-long-secret",
        "bearerToken": "a-token-of-the-clinic" });
    let made = staff.send("POST", &base, Some(new)).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let one = format!("{base}/hot-leads");
    let changed = staff.send("PATCH", &one, Some(json!({ "description": "Hot leads" }))).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    assert!(!changed.body.contains("a-long-secret"), "{}", changed.body);
    for (word, is_active) in [("pause", false), ("resume", true)] {
        let answer = staff.send("POST", &format!("{one}/{word}"), None).await;
        assert_eq!(answer.status, 200, "{word}: {}", answer.body);
        assert!(!answer.body.contains("a-long-secret"), "{word}: {}", answer.body);
        let shown = staff.send("GET", &one, None).await;
        assert_eq!(shown.json()["isActive"], is_active, "{}", shown.body);
        assert!(!shown.body.contains("a-token-of-the-clinic"), "{}", shown.body);
    }
    for path in [format!("{one}/analytics"), format!("{base}/analytics/summary")] {
        let numbers = staff.send("GET", &path, None).await;
        assert_eq!(
            (numbers.status, &numbers.json()["total"]["attempts"]),
            (200, &json!(0)),
            "{}",
            numbers.body
        );
    }
    assert_eq!(staff.send("DELETE", &one, None).await.status, 204);
    let rows = trail(&app, clinic.org.0).await;
    let by_staff = rows.iter().filter(|(actor, action, ..)| {
        actor == "platform staff: staff@platform.test" && action.starts_with("endpoint.")
    });
    assert!(by_staff.count() >= 5, "{rows:?}");
    let by_owner = owner.send("GET", &base, None).await;
    assert_eq!(by_owner.status, 404, "{}", by_owner.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clinic_has_a_page_for_staff_with_masks_and_a_way_into_each_form() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let url = app.sandbox.hooks().url("sunrise/a-long-secret");
    let new = json!({ "workflowName": "hot-leads", "url": url, "bearerToken": "a-token-of-the-clinic" });
    let made = owner.send("POST", "/api/endpoints", Some(new)).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let called = owner.send("POST", "/api/endpoints/hot-leads/call", Some(json!({ "payload": {} }))).await;
    assert_eq!(called.status, 200, "{}", called.body);

    let page = format!("/platform/organizations/{}", clinic.org);
    assert_eq!(owner.get(&page).await.status, 404);
    assert_eq!(app.browser().get(&page).await.status, 404);
    let staff = staff(&app).await;
    assert!(staff.get("/platform").await.body.contains(&format!("href=\"{page}\"")));
    // Without a reason there is a door and nothing behind it.
    let door = staff.get(&page).await;
    assert!(door.status == 200 && door.body.contains("name=\"reason\""), "{}", door.body);
    assert!(!door.body.contains("hot-leads") && !door.body.contains("Twilio"), "{}", door.body);
    let refused = staff.post(&format!("{page}/open"), &[("reason", "x"), ("next", &page)]).await;
    assert!(refused.location().starts_with(&page), "{}", refused.location());
    assert!(staff.get(&page).await.body.contains("Say in 8 to 300 characters"));

    let entered = staff.post(&format!("{page}/open"), &[("reason", REASON), ("next", &page)]).await;
    assert_eq!(entered.location(), format!("{page}?said=1"), "{}", entered.body);
    let inside = staff.get(&page).await.body;
    for word in [
        "Twilio",
        "WhatsApp",
        "hot-leads",
        "127.0.0.1",
        "authorization: Bearer",
        "100.00 %",
        "Show analytics",
    ] {
        assert!(inside.contains(word), "{word}: {inside}");
    }
    for secret in ["a-long-secret", "a-token-of-the-clinic", &clinic.twilio.auth_token] {
        assert!(!inside.contains(secret), "{secret}");
    }
    // Each button goes to the clinic's own page of it.
    for (next, word) in [
        ("/dashboard/integrations?panel=whatsapp", "WhatsApp"),
        ("/dashboard/integrations?panel=twilio", "Twilio"),
        ("/dashboard/webhooks/endpoints/hot-leads", "hot-leads"),
        ("/dashboard/webhooks?panel=new", "Add an endpoint"),
        ("/dashboard/webhooks/analytics", "Webhook analytics"),
    ] {
        assert!(inside.contains(&format!("value=\"{next}\"")), "{next}");
        let gone = staff.post(&format!("{page}/open"), &[("next", next)]).await;
        let join = if next.contains('?') { '&' } else { '?' };
        assert_eq!(gone.location(), format!("{next}{join}said=1"));
        let shown = staff.get(next).await;
        assert!(shown.status == 200 && shown.body.contains(word), "{next}: {}", shown.body);
    }
    let elsewhere = staff.post(&format!("{page}/open"), &[("next", "https://evil.example/")]).await;
    let safe = elsewhere.location().split('?').next();
    assert_eq!(safe, Some("/dashboard/integrations"), "{}", elsewhere.location());

    // Programs name an endpoint by its id or by its name.
    for wid in [id.as_str(), "hot-leads"] {
        let one = format!("/api/platform/organizations/{}/webhooks/{wid}", clinic.org);
        assert_eq!(staff.send("GET", &one, None).await.json()["id"], id);
        let numbers = staff.send("GET", &format!("{one}/analytics"), None).await;
        assert_eq!(numbers.json()["total"]["attempts"], 1, "{}", numbers.body);
        assert_eq!(staff.send("POST", &format!("{one}/pause"), None).await.status, 200);
        assert_eq!(staff.send("POST", &format!("{one}/resume"), None).await.status, 200);
    }
    let unknown = format!("/api/platform/organizations/{}/webhooks/{}", clinic.org, Uuid::now_v7());
    assert_eq!(staff.send("GET", &unknown, None).await.status, 404);
}
