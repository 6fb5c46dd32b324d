//! Browser sessions: their cookie, their row, and every way in which they end.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::header::SET_COOKIE;
use voxanne::db::sessions;
use voxanne::domain::{ProviderId, Role, UserId};
use voxanne::sandbox::Fault;

use super::support::app::{Browser, PASSWORD, Setting, TestApp};

/// A page of the dashboard, or the way to the sign-in page.
async fn is_in(browser: &Browser) -> bool {
    let (page, api) = (browser.get("/dashboard").await, browser.send("GET", "/api/events", None).await);
    match (page.status, api.status) {
        (200, 200) => true,
        (303, 401) => {
            assert!(page.location().starts_with("/login"));
            false
        }
        other => panic!("{other:?}"),
    }
}

async fn count(app: &TestApp) -> i64 {
    sqlx::query_scalar("select count(*) from sessions").fetch_one(&app.db.superuser).await.unwrap()
}

async fn user(app: &TestApp, email: &str) -> UserId {
    let id: uuid::Uuid = sqlx::query_scalar("select id from users where email = $1")
        .bind(email)
        .fetch_one(&app.db.superuser)
        .await
        .unwrap();
    UserId(id)
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_gives_a_new_id_and_the_old_one_is_worth_nothing() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let browser = app.sign_in(&clinic.email(Role::Owner)).await;
    let planted = browser.cookie();
    let answer =
        browser.post("/login", &[("email", &clinic.email(Role::Admin)), ("password", PASSWORD)]).await;
    assert_eq!(answer.status, 303);
    assert_ne!(browser.cookie(), planted);
    assert!(is_in(&browser).await);
    let old = app.browser();
    old.set_cookie(planted);
    assert!(!is_in(&old).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_somebody_made_up_is_never_taken_over() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let browser = app.browser();
    let made_up = format!("voxanne={}", URL_SAFE_NO_PAD.encode([7_u8; 16]));
    browser.set_cookie(Some(made_up.clone()));
    let email = clinic.email(Role::Owner);
    assert_eq!(browser.post("/login", &[("email", &email), ("password", PASSWORD)]).await.status, 303);
    assert_ne!(browser.cookie().unwrap(), made_up);
    let attacker = app.browser();
    attacker.set_cookie(Some(made_up));
    assert!(!is_in(&attacker).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_holds_no_cookie() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let browser = app.sign_in(&clinic.email(Role::Owner)).await;
    let cookie = browser.cookie().unwrap();
    let value = cookie.split_once('=').unwrap().1;
    let bytes = URL_SAFE_NO_PAD.decode(value).unwrap();
    let reversed: Vec<u8> = bytes.iter().rev().copied().collect();
    let number = i128::from_le_bytes(bytes.clone().try_into().unwrap());
    let row: String =
        sqlx::query_scalar("select convert_from(data, 'UTF8') || ' ' || s::text from sessions s")
            .fetch_one(&app.db.superuser)
            .await
            .unwrap();
    for form in [value.to_owned(), hex::encode(&bytes), hex::encode(reversed), number.to_string()] {
        assert!(!row.contains(&form), "{form} in {row}");
    }
    let hash: Vec<u8> =
        sqlx::query_scalar("select id_hash from sessions").fetch_one(&app.db.superuser).await.unwrap();
    let id = tower_sessions::session::Id(number);
    assert_eq!(hash, voxanne::auth::session::hash_id(id), "the row is found by the hash of the cookie");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cookie_is_for_this_host_and_for_no_script() {
    for (public_url, wanted) in [
        (None, ["voxanne=", "HttpOnly", "SameSite=Lax", "Path=/"].as_slice()),
        (
            Some("https://clinics.example".to_owned()),
            ["__Host-voxanne=", "HttpOnly", "SameSite=Lax", "Path=/", "Secure"].as_slice(),
        ),
    ] {
        let app = TestApp::start_set(Setting { public_url, ..Setting::default() }).await;
        let clinic = app.clinic("Sunrise Dental").await;
        let fields = [("email", clinic.email(Role::Owner)), ("password", PASSWORD.to_owned())];
        let fields: Vec<(&str, &str)> = fields.iter().map(|(key, value)| (*key, value.as_str())).collect();
        let answer = app.browser().post("/login", &fields).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        let cookies: Vec<&str> =
            answer.headers.get_all(SET_COOKIE).iter().map(|value| value.to_str().unwrap()).collect();
        assert_eq!(cookies.len(), 1);
        let parts: Vec<&str> = cookies[0].split("; ").collect();
        assert!(parts[0].starts_with(wanted[0]), "{parts:?}");
        let mut rest = parts[1..].to_vec();
        rest.sort_unstable();
        let mut expected = wanted[1..].to_vec();
        expected.sort_unstable();
        assert_eq!(rest, expected, "no Domain, no Max-Age");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_ends_the_session_in_every_process() {
    let app = TestApp::start().await;
    let other = TestApp::start_with(app.db.clone(), &app.key).await;
    let clinic = app.clinic("Sunrise Dental").await;
    let browser = app.sign_in(&clinic.email(Role::Owner)).await;
    let cookie = browser.cookie();
    let elsewhere = other.browser();
    elsewhere.set_cookie(cookie.clone());
    assert!(is_in(&elsewhere).await);

    let out = browser.post("/logout", &[]).await;
    assert_eq!((out.status, out.location()), (303, "/login"));
    assert!(browser.cookie().is_none(), "the browser forgets the cookie");
    browser.set_cookie(cookie);
    assert!(!is_in(&browser).await && !is_in(&elsewhere).await);
    assert_eq!(count(&app).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_person_and_a_removed_member_are_out_with_the_next_request() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let admin = app.sign_in(&clinic.email(Role::Admin)).await;
    let member = app.sign_in(&clinic.email(Role::Member)).await;
    assert!(is_in(&admin).await && is_in(&member).await);
    sqlx::query("update users set disabled_at = now() where email = $1")
        .bind(clinic.email(Role::Admin))
        .execute(&app.db.superuser)
        .await
        .unwrap();
    assert!(!is_in(&admin).await);
    sqlx::query("delete from memberships where user_id = $1")
        .bind(user(&app, &clinic.email(Role::Member)).await.0)
        .execute(&app.db.superuser)
        .await
        .unwrap();
    let page = member.get("/dashboard").await;
    assert_eq!(page.status, 403);
    assert!(page.body.contains("do not belong to any clinic"), "{}", page.body);
    assert_eq!(member.send("GET", "/api/events", None).await.json()["code"], "no_clinic");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_when_it_idles_and_on_its_last_day() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    for aged in ["idle_expires_at = now() - interval '1 second'", "expires_at = now() - interval '1 second'"]
    {
        let browser = app.sign_in(&clinic.email(Role::Owner)).await;
        assert!(is_in(&browser).await);
        sqlx::query(sqlx::AssertSqlSafe(format!("update sessions set {aged}")))
            .execute(&app.db.superuser)
            .await
            .unwrap();
        assert!(!is_in(&browser).await, "{aged}");
    }
    sessions::delete_expired(&app.services.pool).await.unwrap();
    assert_eq!(count(&app).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn using_a_session_puts_off_the_idle_end_and_never_the_last_day() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let browser = app.sign_in(&clinic.email(Role::Owner)).await;
    let back = "update sessions set last_seen_at = last_seen_at - interval '2 hours',
                idle_expires_at = idle_expires_at - interval '2 hours', expires_at = expires_at - interval '2 hours'";
    sqlx::query(back).execute(&app.db.superuser).await.unwrap();
    let ends = "select (extract(epoch from idle_expires_at - now()) / 3600)::float8,
                (extract(epoch from expires_at - now()) / 3600)::float8 from sessions";
    assert!(is_in(&browser).await);
    let (idle, last): (f64, f64) = sqlx::query_as(ends).fetch_one(&app.db.superuser).await.unwrap();
    assert!((11.9..=12.0).contains(&idle), "{idle}");
    assert!((165.9..=166.0).contains(&last), "{last}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_under_way_during_a_sign_out_does_not_bring_the_session_back() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let cookie = owner.cookie();
    app.sandbox.forget_requests();
    app.sandbox.faults().set(ProviderId::Twilio, Fault::Slow);
    let org = clinic.org.to_string();
    let slow = app.browser();
    slow.set_cookie(cookie.clone());
    let fields = [("org", org.as_str())];
    let (answer, ()) = tokio::join!(slow.post("/dashboard/integrations/twilio/verify", &fields), async {
        // The request has passed its session check once the stand-in hears of it.
        while app.sandbox.requests(ProviderId::Twilio).is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(owner.post("/logout", &[]).await.status, 303);
    });
    assert!(answer.status < 500, "{}", answer.body);
    let again = app.browser();
    again.set_cookie(cookie);
    assert!(!is_in(&again).await);
    let signed_in: i64 = sqlx::query_scalar("select count(*) from sessions where user_id is not null")
        .fetch_one(&app.db.superuser)
        .await
        .unwrap();
    assert_eq!(signed_in, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_sessions_of_a_person_can_be_ended_at_once_and_nobody_elses() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let email = clinic.email(Role::Owner);
    let (desk, phone) = (app.sign_in(&email).await, app.sign_in(&email).await);
    let admin = app.sign_in(&clinic.email(Role::Admin)).await;
    let id = user(&app, &email).await;
    assert_eq!(sessions::delete_all_of(&app.services.pool, id).await.unwrap(), 2);
    assert!(!is_in(&desk).await && !is_in(&phone).await && is_in(&admin).await);
}
