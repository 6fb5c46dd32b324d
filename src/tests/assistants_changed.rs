//! Assistants that somebody has changed in Vapi's dashboard: left so until the agent is saved here, but for what calls
//! need to reach the service; and what assistants of before are brought up to.

use serde_json::{Value, json};
use voxanne::domain::ProviderId;
use voxanne::integrations::ensure::ensure_assistants;
use voxanne::jobs::run_due_jobs;
use voxanne::sandbox::Fault;

use super::assistants::{MAPPED, at_vapi, connected};
use super::support::app::{Clinic, TestApp};

fn body_of(app: &TestApp, clinic: &Clinic, role: &str) -> Value {
    let all = app.sandbox.vapi().assistants(&clinic.vapi.private_key);
    all.into_iter().find(|body| body["metadata"]["voxanneRole"] == role).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_deleted_at_vapi_is_made_again_and_what_calls_need_is_mended() {
    let app = TestApp::start().await;
    let (clinic, owner) = connected(&app, "Sunrise Dental").await;
    let before = app.assistants(&clinic);
    assert!(app.sandbox.vapi().delete_assistant(before[0].1));
    let mut model = body_of(&app, &clinic, "outbound")["model"].clone();
    model["tools"] = json!([{ "type": "function", "function": { "name": "their_own" } }]);
    model["model"] = json!("gpt-5");
    let change = json!({
        "firstMessage": "Theirs", "server": { "url": "https://evil.example" }, "model": model,
    });
    at_vapi(&app, &clinic, "PATCH", before[1].1, change).await;
    ensure_assistants(&app.services, clinic.org).await.unwrap();
    let after = app.assistants(&clinic);
    assert_eq!(after.iter().map(|one| one.0.as_str()).collect::<Vec<_>>(), ["inbound", "outbound"]);
    assert_ne!(after[0].1, before[0].1);
    assert_eq!(after[1].1, before[1].1);
    assert_eq!(app.count(MAPPED, clinic.org).await, 2, "the deleted one's route went with it");
    let mended = body_of(&app, &clinic, "outbound");
    assert_eq!(mended["server"]["url"], app.services.vapi_webhook_url());
    assert_eq!((&mended["firstMessage"], &mended["model"]["model"]), (&json!("Theirs"), &json!("gpt-5")));
    let tools: Vec<&str> = mended["model"]["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["function"]["name"].as_str().unwrap())
        .collect();
    assert!(tools.contains(&"book_appointment") && tools.contains(&"their_own"), "{tools:?}");
    let repaired: Vec<_> =
        app.trail(clinic.org).await.into_iter().filter(|row| row.0 == "assistant.repaired").collect();
    assert_eq!(repaired.len(), 1);
    assert_eq!((repaired[0].1.as_str(), repaired[0].3.as_str()), ("outbound", "server, tools"));
    let agent = owner.send("GET", "/api/agents/outbound", None).await.json();
    assert_eq!(agent["inStep"], "changed_there", "{agent}");

    // In step as far as it must be: another run changes nothing, and says nothing.
    app.sandbox.forget_requests();
    ensure_assistants(&app.services, clinic.org).await.unwrap();
    let seen = app.sandbox.requests(ProviderId::Vapi);
    assert!(seen.iter().all(|one| one.method == "GET"), "{seen:?}");
    assert_eq!(app.recorded(clinic.org, "assistant.repaired", "success").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_changed_at_vapi_stays_until_that_agent_is_saved_here() {
    let app = TestApp::start().await;
    let (clinic, owner) = connected(&app, "Sunrise Dental").await;
    let [(_, inbound), _] = app.assistants(&clinic).try_into().unwrap();
    at_vapi(&app, &clinic, "PATCH", inbound, json!({ "firstMessage": "Theirs" })).await;
    let first_message = |app: &TestApp| body_of(app, &clinic, "inbound")["firstMessage"].clone();
    // The daily look, the other agent, the hours.
    ensure_assistants(&app.services, clinic.org).await.unwrap();
    assert_eq!(first_message(&app), "Theirs");
    let agent = owner.send("GET", "/api/agents/inbound", None).await.json();
    assert_eq!((&agent["inStep"], &agent["state"]), (&json!("changed_there"), &json!("ready")), "{agent}");
    let other = json!({ "firstMessage": "Good morning!" });
    assert_eq!(owner.send("PUT", "/api/agents/outbound", Some(other)).await.status, 200);
    assert_eq!(body_of(&app, &clinic, "outbound")["firstMessage"], "Good morning!");
    let hours = owner.send("GET", "/api/schedule", None).await.json();
    let mut changed = hours.clone();
    changed["noticeMinutes"] = json!(120);
    let saved = owner.send("PUT", "/api/schedule", Some(changed)).await;
    assert_eq!(saved.status, 200, "{}", saved.body);
    assert_eq!(first_message(&app), "Theirs");
    // Its own save replaces it, even where Vapi takes that only later.
    app.sandbox.faults().set(ProviderId::Vapi, Fault::ServerError);
    let own = json!({ "firstMessage": "Ours" });
    assert_eq!(owner.send("PUT", "/api/agents/inbound", Some(own)).await.status, 200);
    app.sandbox.faults().set(ProviderId::Vapi, Fault::None);
    assert_eq!(first_message(&app), "Theirs");
    app.meddle("update jobs set run_at = now(), lease_until = null where org_id = $1", clinic.org).await;
    run_due_jobs(app.services.clone()).await.unwrap();
    assert_eq!(first_message(&app), "Ours");
    let agent = owner.send("GET", "/api/agents/inbound", None).await.json();
    assert_eq!(agent["inStep"], "same", "{agent}");
    // And then they may change it again.
    at_vapi(&app, &clinic, "PATCH", inbound, json!({ "firstMessage": "Theirs again" })).await;
    ensure_assistants(&app.services, clinic.org).await.unwrap();
    assert_eq!(first_message(&app), "Theirs again");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assistant_of_before_is_told_what_to_extract_and_a_write_whose_answer_was_lost_is_no_change_of_others()
 {
    let app = TestApp::start().await;
    let (clinic, owner) = connected(&app, "Sunrise Dental").await;
    let [(_, inbound), _] = app.assistants(&clinic).try_into().unwrap();
    let whole = body_of(&app, &clinic, "inbound");
    let extracted = |body: &Value| body["analysisPlan"]["structuredDataPlan"]["schema"]["properties"].clone();
    assert!(extracted(&whole)["interestLevel"].is_object());
    // As an older version has left it: without the plan, and in step with what that version would send.
    let older = async |at: &str| {
        sqlx::query(
            "update agent_configs set vapi_synced_hash = repeat('0', 32) || '@' || $2, vapi_config_hash = 'old'
              where org_id = $1 and role = 'inbound'",
        )
        .bind(clinic.org.0)
        .bind(at)
        .execute(&app.db.superuser)
        .await
        .unwrap()
    };
    at_vapi(&app, &clinic, "PATCH", inbound, json!({ "analysisPlan": {} })).await;
    older(body_of(&app, &clinic, "inbound")["updatedAt"].as_str().unwrap()).await;
    ensure_assistants(&app.services, clinic.org).await.unwrap();
    assert_eq!(extracted(&body_of(&app, &clinic, "inbound")), extracted(&whole));
    // The same once more, and this time nobody hears that Vapi has done it.
    older("2026-01-01T00:00:00.000Z").await;
    let mut ours = whole.clone();
    for made_by_vapi in ["id", "orgId", "createdAt", "updatedAt"] {
        ours.as_object_mut().unwrap().remove(made_by_vapi);
    }
    at_vapi(&app, &clinic, "PATCH", inbound, ours).await;
    app.sandbox.forget_requests();
    ensure_assistants(&app.services, clinic.org).await.unwrap();
    let seen = app.sandbox.requests(ProviderId::Vapi);
    assert!(seen.iter().all(|one| one.method == "GET"), "{seen:?}");
    let agent = owner.send("GET", "/api/agents/inbound", None).await.json();
    assert_eq!(agent["inStep"], "same", "{agent}");
}
