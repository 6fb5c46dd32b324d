//! When an account was last used, and by what: real uses only, and only where it is connected.

use scraper::{Html, Selector};
use serde_json::{Value, json};
use uuid::Uuid;
use voxanne::db::{OrgTx, routes};
use voxanne::domain::sample;
use voxanne::jobs;
use voxanne::webhooks::signature::{HmacPlan, Scheme};

use super::support::app::{Browser, TestApp};
use super::support::state::card;
use super::support::wire::Wire;

/// The proof line of a card.
async fn proof(browser: &Browser, provider: &str) -> String {
    let page = Html::parse_document(&browser.get("/dashboard/integrations").await.body);
    let line = Selector::parse(&format!("[data-provider={provider}] .proof")).unwrap();
    page.select(&line).flat_map(|line| line.text()).collect()
}

async fn used(app: &TestApp, browser: &Browser, provider: &str) -> Value {
    jobs::flush(app.services.clone()).await.unwrap();
    let shown = card(browser, provider).await;
    assert_eq!(shown["lastUsedAt"].is_null(), shown["lastUse"].is_null(), "{shown}");
    shown["lastUse"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_says_what_its_account_was_really_used_for() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let org = clinic.org.to_string();
    // Setting up and looking is no use, and a look at the assistant is none either.
    let looked = owner.post("/dashboard/agents/inbound/check", &[("org", &org)]).await;
    assert_eq!(looked.status, 303, "{}", looked.body);
    let looked = owner.post("/dashboard/phone/refresh", &[("org", &org)]).await;
    assert_eq!(looked.status, 303, "{}", looked.body);
    for provider in ["vapi", "twilio"] {
        assert_eq!(used(&app, &owner, provider).await, Value::Null, "{provider}");
        let line = proof(&owner, provider).await;
        assert!(line.contains("Checked") && !line.contains("used"), "{provider}: {line}");
    }

    let sent = owner.send("POST", "/api/sms/test", Some(json!({ "to": "+15550100123" }))).await;
    assert_eq!(sent.status, 200, "{}", sent.body);
    assert_eq!(used(&app, &owner, "twilio").await, "test_message");
    assert!(proof(&owner, "twilio").await.contains("Last used by a test message"));

    let (_, assistant) = app.assistants(&clinic)[0];
    let wire = Wire::tap(&app, clinic.org, assistant, Scheme::Hmac(HmacPlan::ours())).await;
    let test = wire.report(&sample::call_id("1", false));
    assert_eq!(wire.send(&test).await.status, 200);
    assert_eq!(used(&app, &owner, "vapi").await, Value::Null, "a test of the clinic's own is no call");
    assert_eq!(wire.post(wire.report("forged").into_bytes(), &[]).await.status, 401);
    assert_eq!(used(&app, &owner, "vapi").await, Value::Null, "who is not believed uses nothing");
    assert_eq!(wire.send(&wire.report("call-1")).await.status, 200);
    assert_eq!(used(&app, &owner, "vapi").await, "call");
    assert!(proof(&owner, "vapi").await.contains("Last used by a call"));
    assert_eq!(wire.send(&wire.send_sms("call-2", "tool-1", "Hello")).await.status, 200);
    assert_eq!(used(&app, &owner, "twilio").await, "message");

    let gone = owner.send("DELETE", "/api/integrations/twilio", None).await;
    assert!(gone.status < 300, "{}", gone.body);
    assert_eq!(proof(&owner, "twilio").await, "", "what is not configured proves nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_names_a_number_only_counts_for_its_clinic_and_no_other() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let (_, stranger) = app.connected_clinic("Harbor Clinic").await;
    let number = Uuid::new_v4();
    let mut tx = OrgTx::service(&app.services.pool, clinic.org).await.unwrap();
    assert!(routes::claim_phone_number(&mut tx, number, "+15550100444").await.unwrap());
    tx.commit().await.unwrap();
    let wire = Wire::tap(&app, clinic.org, Uuid::new_v4(), Scheme::Hmac(HmacPlan::ours())).await;
    let body = json!({ "message": { "type": "hang", "call": { "id": "call-1", "phoneNumberId": number } } });
    assert_eq!(wire.send(&body.to_string()).await.status, 200);
    assert_eq!(used(&app, &owner, "vapi").await, "call");
    assert_eq!(used(&app, &stranger, "vapi").await, Value::Null);
}
