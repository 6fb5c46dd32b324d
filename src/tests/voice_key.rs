//! The clinic's ElevenLabs key at Vapi: brought there once both are connected, and never twice.

use serde_json::json;
use voxanne::domain::{ProviderId, Role};
use voxanne::jobs;
use voxanne::sandbox::{DEMO_ELEVENLABS, Fault};

use super::support::app::{Browser, Clinic, TestApp};
use super::support::state::connect;

const WAITING: &str = "select count(*) from jobs where org_id = $1 and kind = 'register_voice_key'";
const DUE: &str = "update jobs set run_at = now(), lease_until = null where org_id = $1";

async fn connect_key(owner: &Browser, at: usize) {
    let answer = connect(owner, "elevenlabs", json!({ "apiKey": DEMO_ELEVENLABS[at].key })).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

async fn clinic(app: &TestApp) -> (Clinic, Browser) {
    let clinic = app.clinic("Sunrise Dental").await;
    let owner = app.sign_in(&clinic.email(Role::Owner)).await;
    (clinic, owner)
}

fn at_vapi(app: &TestApp, clinic: &Clinic) -> Vec<String> {
    app.sandbox.vapi().voice_keys(&clinic.vapi.private_key)
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_is_connected_last_brings_the_key_to_vapi() {
    let app = TestApp::start().await;
    let (sunrise, owner) = clinic(&app).await;
    connect_key(&owner, 0).await;
    assert_eq!(app.count(WAITING, sunrise.org).await, 0, "there is no Vapi yet");
    assert!(app.sandbox.requests(ProviderId::Vapi).is_empty());
    assert_eq!(connect(&owner, "vapi", sunrise.vapi_body()).await.status, 200);
    jobs::run_due_jobs(app.services.clone()).await.unwrap();
    assert_eq!(at_vapi(&app, &sunrise), [DEMO_ELEVENLABS[0].key]);
    assert_eq!(app.count(WAITING, sunrise.org).await, 0);

    // A new key takes the place of the old one; another clinic's Vapi hears of none.
    let harbor = app.clinic("Harbor Clinic").await;
    assert_eq!(owner.send("DELETE", "/api/integrations/elevenlabs", None).await.status, 204);
    connect_key(&owner, 1).await;
    jobs::run_due_jobs(app.services.clone()).await.unwrap();
    assert_eq!(at_vapi(&app, &sunrise), [DEMO_ELEVENLABS[1].key]);
    assert!(at_vapi(&app, &harbor).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_vapi_puts_it_off_and_asking_again_leaves_one_key() {
    let app = TestApp::start().await;
    let (clinic, owner) = clinic(&app).await;
    assert_eq!(connect(&owner, "vapi", clinic.vapi_body()).await.status, 200);
    connect_key(&owner, 0).await;
    app.sandbox.faults().set(ProviderId::Vapi, Fault::LostAnswer);
    jobs::run_due_jobs(app.services.clone()).await.unwrap();
    assert_eq!(app.count(WAITING, clinic.org).await, 1, "the job waits for its next try");
    app.sandbox.faults().set(ProviderId::Vapi, Fault::None);
    assert_eq!(app.meddle(DUE, clinic.org).await, 1);
    jobs::run_due_jobs(app.services.clone()).await.unwrap();
    assert_eq!(at_vapi(&app, &clinic), [DEMO_ELEVENLABS[0].key]);
    assert_eq!(app.count(WAITING, clinic.org).await, 0);
    // As after a process that died between Vapi's answer and the end of the job.
    connect_key(&owner, 0).await;
    jobs::run_due_jobs(app.services.clone()).await.unwrap();
    assert_eq!(at_vapi(&app, &clinic), [DEMO_ELEVENLABS[0].key]);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_vapi_takes_no_key_nothing_is_broken_and_nothing_waits() {
    let app = TestApp::start().await;
    let (clinic, owner) = clinic(&app).await;
    assert_eq!(connect(&owner, "vapi", clinic.vapi_body()).await.status, 200);
    app.sandbox.faults().refuse_credentials(true);
    connect_key(&owner, 0).await;
    assert_eq!(app.count(WAITING, clinic.org).await, 1);
    jobs::run_due_jobs(app.services.clone()).await.unwrap();
    assert!(at_vapi(&app, &clinic).is_empty());
    assert_eq!(app.count(WAITING, clinic.org).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn voices_are_those_of_the_own_account_and_a_refusal_says_who_refused() {
    let app = TestApp::start().await;
    let (clinic, owner) = clinic(&app).await;
    let none = owner.send("GET", "/api/voices", None).await;
    assert_eq!((none.status, none.json()["code"].as_str()), (409, Some("not_connected")), "{}", none.body);
    connect_key(&owner, 0).await;
    let member = app.sign_in(&clinic.email(Role::Member)).await;
    let found = member.send("GET", "/api/voices", None).await;
    assert_eq!(found.status, 200, "{}", found.body);
    let voices = found.json()["voices"].as_array().unwrap().clone();
    assert_eq!(voices.len(), 3);
    assert_eq!((&voices[0]["voiceProvider"], &voices[0]["name"]), (&json!("11labs"), &json!("Rachel")));

    for (fault, code) in [(Fault::Unauthorized, "provider_refused"), (Fault::Html, "provider_unavailable")] {
        app.sandbox.faults().set(ProviderId::ElevenLabs, fault);
        let failed = owner.send("GET", "/api/voices", None).await;
        assert_eq!((failed.status, failed.json()["code"].as_str()), (502, Some(code)), "{}", failed.body);
        assert!(failed.json()["detail"].as_str().unwrap().contains("ElevenLabs"), "{}", failed.body);
    }
    app.sandbox.faults().set(ProviderId::ElevenLabs, Fault::None);
    // What failed here says nothing about the card.
    assert_eq!(super::support::state::state(&owner, "elevenlabs").await, "connected");
}
