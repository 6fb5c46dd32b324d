//! Disconnecting: at once for calls, one time only, undone by *Restore*.

use serde_json::json;
use voxanne::domain::{ProviderId, Role};
use voxanne::sandbox::CallScript;

use super::support::app::TestApp;
use super::support::state::{card, connect, state};

const ROUTES: &str = "select (select count(*) from assistant_org_mapping where org_id = $1)
                           + (select count(*) from phone_number_org_mapping where org_id = $1)";

#[tokio::test(flavor = "multi_thread")]
async fn a_disconnected_twilio_sends_nothing_and_its_card_is_not_configured() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let ask = owner.get("/dashboard/integrations?panel=twilio&confirm=1").await.body;
    assert!(ask.contains("Text messages are no longer sent"), "it says first what stops working");
    app.sandbox.forget_requests();
    assert_eq!(owner.send("DELETE", "/api/integrations/twilio", None).await.status, 204);
    let shown = card(&owner, "twilio").await;
    assert_eq!((&shown["status"], &shown["connected"]), (&json!("not_configured"), &json!(false)));
    let sent = owner.send("POST", "/api/sms/test", Some(json!({ "to": "+15550100123" }))).await;
    assert_eq!((sent.status, sent.json()["code"].as_str()), (409, Some("not_connected")));
    assert!(app.sandbox.requests(ProviderId::Twilio).is_empty());

    let again = owner.send("DELETE", "/api/integrations/twilio", None).await;
    assert_eq!((again.status, again.json()["code"].as_str()), (409, Some("not_connected")));
    assert!(again.json()["detail"].as_str().unwrap().starts_with("Twilio is not connected for this clinic."));
    assert_eq!(app.recorded(clinic.org, "integration.disconnected", "success").await, 1);
    assert_eq!(app.recorded(clinic.org, "integration.disconnected", "failure").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disconnected_vapi_frees_its_routes_and_its_webhooks_are_unauthorized_until_it_is_restored() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    app.sandbox.vapi().add_phone_number(&clinic.vapi.private_key, "+15557654321");
    let owner = app.sign_in(&clinic.email(Role::Owner)).await;
    assert_eq!(connect(&owner, "vapi", clinic.vapi_body()).await.status, 200);
    assert_eq!(app.count(ROUTES, clinic.org).await, 3, "two assistants and a number");
    let assistant = app.assistants(&clinic)[0].1;
    let script = CallScript::default();
    let heard = app.sandbox.place_call(assistant, &script).await.unwrap();
    assert!(heard.steps.iter().all(|step| step.status == Some(200)), "{heard:?}");

    let org = clinic.org.to_string();
    let answer = owner.post("/dashboard/integrations/vapi/disconnect", &[("org", &org)]).await;
    assert_eq!((answer.status, answer.location()), (303, "/dashboard/integrations?said=1#vapi"));
    assert!(owner.get("/dashboard/integrations?said=1").await.body.contains("Vapi is disconnected"));
    assert_eq!(state(&owner, "vapi").await, "not_configured");
    assert_eq!(app.count(ROUTES, clinic.org).await, 0);
    for role in ["inbound", "outbound"] {
        let agent = owner.send("GET", &format!("/api/agents/{role}"), None).await.json();
        assert_eq!((&agent["state"], agent["assistantId"].is_null()), (&json!("missing"), true));
        assert!(!agent["systemPrompt"].as_str().unwrap().is_empty(), "the configuration stays");
    }
    let events = "select count(*) from inbound_events where org_id = $1";
    let before = app.count(events, clinic.org).await;
    let heard = app.sandbox.place_call(assistant, &script).await.unwrap();
    assert!(heard.steps.iter().all(|step| step.status == Some(401)), "{heard:?}");
    assert_eq!(app.count(events, clinic.org).await, before);

    let restored = owner.send("POST", "/api/integrations/vapi/restore", None).await;
    assert_eq!((restored.status, &restored.json()["success"]), (200, &json!(true)), "{}", restored.body);
    assert_eq!(app.assistants(&clinic).len(), 2, "the same two, found again by their marks");
    assert_eq!(restored.json()["assistants"]["inbound"], assistant.to_string());
    assert_eq!(app.count(ROUTES, clinic.org).await, 3);
    let heard = app.sandbox.place_call(assistant, &script).await.unwrap();
    assert!(heard.steps.iter().all(|step| step.status == Some(200)), "{heard:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_disconnect_another_account_is_connected_without_a_question() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let second = app.sandbox.vapi().add_account("Sunrise, second account");
    assert_eq!(owner.send("DELETE", "/api/integrations/vapi", None).await.status, 204);
    let answer = connect(&owner, "vapi", json!({ "apiKey": second.private_key })).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let made = app.sandbox.vapi().assistants(&second.private_key);
    assert_eq!(made.len(), 2, "{}", answer.body);
    let inbound = answer.json()["assistants"]["inbound"].as_str().unwrap().parse().unwrap();
    let heard = app.sandbox.place_call(inbound, &CallScript::default()).await.unwrap();
    assert!(heard.steps.iter().all(|step| step.status == Some(200)), "{heard:?}");
    // The first account's assistants are still at Vapi and no longer anybody's here.
    let old = app.assistants(&clinic)[0].1;
    let heard = app.sandbox.place_call(old, &CallScript::default()).await.unwrap();
    assert!(heard.steps.iter().all(|step| step.status == Some(401)), "{heard:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_admins_who_disconnect_at_once_do_it_once_and_both_stand_in_the_trail() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let admin = app.sign_in(&clinic.email(Role::Admin)).await;
    for round in 1..=20 {
        let (one, two) = tokio::join!(
            owner.send("DELETE", "/api/integrations/twilio", None),
            admin.send("DELETE", "/api/integrations/twilio", None)
        );
        let mut seen = [one.status, two.status];
        seen.sort_unstable();
        assert_eq!(seen, [204, 409], "round {round}: {} {}", one.body, two.body);
        assert_eq!(app.recorded(clinic.org, "integration.disconnected", "success").await, round);
        assert_eq!(app.recorded(clinic.org, "integration.disconnected", "failure").await, round);
        let restored = owner.send("POST", "/api/integrations/twilio/restore", None).await;
        assert_eq!((restored.status, &restored.json()["success"]), (200, &json!(true)), "{}", restored.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_save_and_a_disconnect_at_once_leave_one_version_or_none() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let admin = app.sign_in(&clinic.email(Role::Admin)).await;
    for round in 0..20 {
        let (saved, gone) = tokio::join!(
            connect(&owner, "twilio", clinic.twilio_body()),
            admin.send("DELETE", "/api/integrations/twilio", None)
        );
        assert_eq!(saved.status, 200, "round {round}: {}", saved.body);
        assert!([204, 409].contains(&gone.status), "round {round}: {}", gone.body);
        let live = "select count(*) from org_credentials where org_id = $1 and provider = 'twilio'
                    and superseded_at is null and disconnected_at is null and draft_expires_at is null";
        let is_active = app.active(clinic.org, "twilio").await.is_some();
        assert_eq!(app.count(live, clinic.org).await, i64::from(is_active), "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_settings_list_every_credential_with_its_state_and_what_can_be_done() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let page = owner.get("/dashboard/settings").await.body;
    assert!(page.contains("Sunrise Dental") && page.contains("Vapi") && page.contains("Twilio"));
    assert!(page.contains("/dashboard/integrations/twilio/verify"));
    assert_eq!(owner.send("DELETE", "/api/integrations/twilio", None).await.status, 204);
    let page = owner.get("/dashboard/settings").await.body;
    assert!(page.contains("/dashboard/integrations/twilio/restore"));
    let member = app.sign_in(&clinic.email(Role::Member)).await;
    let page = member.get("/dashboard/settings").await.body;
    assert!(page.contains("Twilio") && !page.contains("/dashboard/integrations/twilio/restore"));
}
