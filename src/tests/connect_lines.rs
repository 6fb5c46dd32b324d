//! The answer to an island's connect form: line by line while the provider is asked, and what becomes
//! of it when nobody listens any more.

use std::time::{Duration, Instant};

use reqwest::Response;
use serde_json::Value;
use voxanne::domain::{ProviderId, Role};
use voxanne::sandbox::Fault;

use super::support::app::{Browser, Clinic, TestApp};

/// Long enough that the first line is read before the second answer is there.
const DELAY: Duration = Duration::from_millis(1_000);

/// Posts the Twilio form as its island does, and hands the answer over as soon as it begins.
async fn post(app: &TestApp, browser: &Browser, clinic: &Clinic, token: &str) -> Response {
    let fields = [
        ("org", clinic.org.to_string()),
        ("accountSid", clinic.twilio.sid.clone()),
        ("authToken", token.to_owned()),
        ("phoneNumber", clinic.twilio.numbers[0].number.as_str().to_owned()),
        ("intent", "test_and_save".to_owned()),
    ];
    reqwest::Client::builder()
        .no_proxy()
        .build()
        .unwrap()
        .post(format!("{}/dashboard/integrations/twilio/connect", app.url))
        .header("accept", "application/x-ndjson")
        .header("origin", &app.url)
        .header("cookie", browser.cookie().unwrap())
        .form(&fields)
        .send()
        .await
        .unwrap()
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_line_is_there_as_soon_as_the_provider_has_answered() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let owner = app.sign_in(&clinic.email(Role::Owner)).await;
    app.sandbox.faults().set_delay(DELAY);
    app.sandbox.faults().set(ProviderId::Twilio, Fault::Slow);
    let mut answer = post(&app, &owner, &clinic, &clinic.twilio.auth_token).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "application/x-ndjson");
    assert_eq!(answer.headers()["x-accel-buffering"], "no");

    let first = String::from_utf8(answer.chunk().await.unwrap().unwrap().to_vec()).unwrap();
    assert_eq!(lines(&first)[0]["capability"], "account", "{first}");
    assert_eq!(app.active(clinic.org, "twilio").await, None, "the rest is still being asked");

    let mut rest = first;
    while let Some(chunk) = answer.chunk().await.unwrap() {
        rest.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    let lines = lines(&rest);
    let capabilities: Vec<&str> = lines.iter().filter_map(|line| line["capability"].as_str()).collect();
    assert_eq!(capabilities, ["account", "send_sms", "delivery_reports", "send_whatsapp"]);
    assert!(lines[0]["html"].as_str().unwrap().contains("class=\"capability is-works\""), "{rest}");
    let last = lines.last().unwrap();
    assert_eq!((last["ok"].as_bool(), &last["fieldErrors"]), (Some(true), &serde_json::json!({})));
    assert!(last["html"].as_str().unwrap().contains("Twilio is connected"), "{rest}");
    assert!(app.active(clinic.org, "twilio").await.is_some());
    assert!(!rest.contains(&clinic.twilio.auth_token));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tab_that_is_closed_leaves_a_whole_save_behind() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let owner = app.sign_in(&clinic.email(Role::Owner)).await;
    app.sandbox.faults().set_delay(DELAY);
    app.sandbox.faults().set(ProviderId::Twilio, Fault::Slow);
    let mut answer = post(&app, &owner, &clinic, &clinic.twilio.auth_token).await;
    answer.chunk().await.unwrap().unwrap();
    drop(answer);
    assert_eq!(app.active(clinic.org, "twilio").await, None, "it was closed before the end");

    let limit = Instant::now() + Duration::from_secs(20);
    while app.active(clinic.org, "twilio").await.is_none() {
        assert!(Instant::now() < limit, "what was begun did not end");
        tokio::task::yield_now().await;
    }
    app.sandbox.faults().set(ProviderId::Twilio, Fault::None);
    assert_eq!(app.recorded(clinic.org, "integration.connected", "success").await, 1);
    assert_eq!(super::support::state::state(&owner, "twilio").await, "connected");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_names_its_field_and_keeps_the_secret_as_a_draft() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let owner = app.sign_in(&clinic.email(Role::Owner)).await;
    let wrong = "0123456789abcdef".repeat(2);
    let body = post(&app, &owner, &clinic, &wrong).await.text().await.unwrap();
    let last = lines(&body).pop().unwrap();
    assert_eq!(last["ok"], false);
    assert!(last["fieldErrors"]["authToken"].as_str().unwrap().contains("Twilio"), "{body}");
    let html = last["html"].as_str().unwrap();
    assert!(html.contains("name=\"draft\"") && html.contains("data-outcome=\"refused\""), "{html}");
    assert!(!body.contains(&wrong));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_before_the_first_line_has_a_status_of_its_own() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let member = app.sign_in(&clinic.email(Role::Member)).await;
    let answer = post(&app, &member, &clinic, &clinic.twilio.auth_token).await;
    assert_eq!(answer.status(), 403);
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let problem: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    assert!(problem["detail"].as_str().is_some_and(|sentence| !sentence.is_empty()), "{problem}");
}
