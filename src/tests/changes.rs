//! Two servers over one database: what changes on one is true on the other.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio_util::sync::CancellationToken;
use voxanne::domain::Role;
use voxanne::jobs::start_housekeeping;

use super::support::app::{Browser, TestApp};
use super::support::state::connect;

async fn beside(app: &TestApp) -> TestApp {
    TestApp::start_beside(app.db.clone(), &app.key, app.sandbox.clone()).await
}

/// The same person's session on another server.
fn on(server: &TestApp, browser: &Browser) -> Browser {
    let other = server.browser();
    other.set_cookie(browser.cookie());
    other
}

async fn send(browser: &Browser) -> u16 {
    browser.send("POST", "/api/sms/test", Some(json!({ "to": "+15550100123" }))).await.status
}

/// Waits until a condition holds; tells how long that took.
async fn until<F: Future<Output = bool>>(limit: Duration, mut holds: impl FnMut() -> F) -> Duration {
    let started = Instant::now();
    while !holds().await {
        assert!(started.elapsed() < limit, "did not hold within {limit:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    started.elapsed()
}

/// How many connections listen for changes.
async fn listeners(app: &TestApp) -> i64 {
    sqlx::query_scalar(
        "select count(*) from pg_stat_activity
          where datname = current_database() and application_name = 'voxanne-listen' and query ilike 'listen%'",
    )
    .fetch_one(&app.db.superuser)
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_replaced_on_one_server_is_used_by_the_other_within_a_second() {
    let one = TestApp::start().await;
    let two = beside(&one).await;
    let deaf = beside(&one).await;
    let stop = CancellationToken::new();
    let _tasks = start_housekeeping(&two.services, two.db.app_options(), &stop);
    until(Duration::from_secs(10), || async { listeners(&one).await == 1 }).await;

    let (clinic, owner) = one.connected_clinic("Sunrise Dental").await;
    let (on_two, on_deaf) = (on(&two, &owner), on(&deaf, &owner));
    let mut longest = Duration::ZERO;
    for round in 0..5 {
        // Both have the old credential in their caches now.
        assert_eq!((send(&on_two).await, send(&on_deaf).await), (200, 200), "round {round}");
        let token = format!("{round}").repeat(32);
        one.sandbox.twilio().change(&clinic.twilio.sid, |account| account.auth_token.clone_from(&token));
        assert_eq!(connect(&owner, "twilio", json!({ "authToken": token })).await.status, 200);
        let took = until(Duration::from_secs(1), || async { send(&on_two).await == 200 }).await;
        longest = longest.max(took);
        assert_eq!(send(&on_deaf).await, 502, "a server that hears nothing still has the old one");
        deaf.services.evict_all();
    }
    assert!(longest < Duration::from_secs(1), "{longest:?}");
    stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disconnect_on_one_server_stops_the_other_within_a_second() {
    let one = TestApp::start().await;
    let two = beside(&one).await;
    let stop = CancellationToken::new();
    let _tasks = start_housekeeping(&two.services, two.db.app_options(), &stop);
    until(Duration::from_secs(10), || async { listeners(&one).await == 1 }).await;
    let (_, owner) = one.connected_clinic("Sunrise Dental").await;
    let on_two = on(&two, &owner);
    assert_eq!(send(&on_two).await, 200);
    assert_eq!(owner.send("DELETE", "/api/integrations/twilio", None).await.status, 204);
    until(Duration::from_secs(1), || async { send(&on_two).await == 409 }).await;
    stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_while_the_listener_is_dead_is_seen_when_it_lives_again() {
    let one = TestApp::start().await;
    let two = beside(&one).await;
    let stop = CancellationToken::new();
    let _tasks = start_housekeeping(&two.services, two.db.app_options(), &stop);
    until(Duration::from_secs(10), || async { listeners(&one).await == 1 }).await;
    let (clinic, owner) = one.connected_clinic("Sunrise Dental").await;
    let on_two = on(&two, &owner);
    for round in 0..3 {
        assert_eq!(send(&on_two).await, 200);
        let token = format!("{round}").repeat(32);
        one.sandbox.twilio().change(&clinic.twilio.sid, |account| account.auth_token.clone_from(&token));
        let killed = "select count(pg_terminate_backend(pid)) from pg_stat_activity
                       where datname = current_database() and application_name = 'voxanne-listen'";
        let killed: i64 = sqlx::query_scalar(killed).fetch_one(&one.db.superuser).await.unwrap();
        assert!(killed >= 1, "round {round}");
        assert_eq!(connect(&owner, "twilio", json!({ "authToken": token })).await.status, 200);
        until(Duration::from_secs(8), || async { send(&on_two).await == 200 }).await;
        until(Duration::from_secs(10), || async { listeners(&one).await == 1 }).await;
    }
    stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_member_is_out_at_once_on_every_server() {
    let one = TestApp::start().await;
    let two = beside(&one).await;
    let (clinic, _) = one.connected_clinic("Sunrise Dental").await;
    let admin = one.sign_in(&clinic.email(Role::Admin)).await;
    let on_two = on(&two, &admin);
    for browser in [&admin, &on_two] {
        assert_eq!(browser.send("GET", "/api/integrations/status", None).await.status, 200);
    }
    let remove = "delete from memberships where org_id = $1 and role = 'admin'";
    assert_eq!(one.meddle(remove, clinic.org).await, 1);
    for browser in [&admin, &on_two] {
        for (method, path) in [
            ("GET", "/api/integrations/status"),
            ("GET", "/api/organization/credentials"),
            ("DELETE", "/api/integrations/twilio"),
            ("POST", "/api/integrations/twilio/verify"),
        ] {
            let answer = browser.send(method, path, None).await;
            assert_eq!(
                (answer.status, answer.json()["code"].as_str()),
                (403, Some("no_clinic")),
                "{method} {path}"
            );
        }
        assert_eq!(browser.get("/dashboard/integrations").await.status, 403);
    }
    assert!(one.active(clinic.org, "twilio").await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_clinic_is_closed_to_its_people_its_keys_and_its_calls() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let made =
        owner.send("POST", "/api/api-keys", Some(json!({ "name": "Desk", "role": "admin" }))).await.json();
    let bearer = format!("Bearer {}", made["key"].as_str().unwrap());
    assert_eq!(
        app.meddle("update organizations set suspended_at = now() where id = $1", clinic.org).await,
        1
    );
    let answer = owner.send("GET", "/api/integrations/status", None).await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (403, Some("suspended")), "{}", answer.body);
    let program = app.browser();
    let answer = program
        .send_with("GET", "/api/integrations/status", None, &[("authorization", bearer.as_str())])
        .await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (403, Some("suspended")), "{}", answer.body);
}
