//! Both assistants of a clinic at Vapi: there, ours, in step, and never more than two, whatever fails.

use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;
use voxanne::domain::{ProviderId, Role};
use voxanne::integrations::ensure::ensure_assistants;
use voxanne::jobs::run_due_jobs;
use voxanne::sandbox::{CallScript, Fault};

use super::support::app::{Browser, Clinic, TestApp};
use super::support::state::connect;

pub const MAPPED: &str = "select count(*) from assistant_org_mapping where org_id = $1";
const JOBS: &str = "select count(*) from jobs where org_id = $1";

pub async fn connected(app: &TestApp, name: &str) -> (Clinic, Browser) {
    let clinic = app.clinic(name).await;
    let owner = app.sign_in(&clinic.email(Role::Owner)).await;
    assert_eq!(connect(&owner, "vapi", clinic.vapi_body()).await.status, 200);
    (clinic, owner)
}

fn roles(app: &TestApp, clinic: &Clinic) -> Vec<String> {
    app.assistants(clinic).into_iter().map(|(role, _)| role).collect()
}

/// Writes to the stand-in as somebody in Vapi's dashboard would.
pub async fn at_vapi(app: &TestApp, clinic: &Clinic, method: &str, id: Uuid, body: Value) {
    let url = app.sandbox.vapi_url.join(&format!("assistant/{id}")).unwrap();
    let request =
        reqwest::Client::builder().no_proxy().build().unwrap().request(method.parse().unwrap(), url);
    let request = request.bearer_auth(&clinic.vapi.private_key).header("content-type", "application/json");
    let response = request.body(body.to_string()).send().await.unwrap();
    assert!(response.status().is_success(), "{response:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_ensures_at_once_make_exactly_two() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let owner = app.sign_in(&clinic.email(Role::Owner)).await;
    // Saved while Vapi cannot make assistants, so that all of it is left to the ensures.
    app.sandbox.faults().set(ProviderId::Vapi, Fault::ServerError);
    let draft = connect(&owner, "vapi", clinic.vapi_body()).await.json()["draft"].clone();
    let saved = connect(&owner, "vapi", json!({ "draft": draft, "saveAnyway": true })).await;
    assert_eq!(saved.status, 200, "{}", saved.body);
    app.sandbox.faults().set(ProviderId::Vapi, Fault::None);
    assert!(app.assistants(&clinic).is_empty());

    let mut running = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (services, org) = (app.services.clone(), clinic.org);
        running.spawn(async move { ensure_assistants(&services, org).await.map(|rows| rows.len()) });
    }
    let mut done = 0;
    while let Some(result) = running.join_next().await {
        // Somebody who waited too long is told so; nobody makes a third one.
        done += usize::from(result.unwrap().is_ok());
    }
    assert!(done > 0);
    assert_eq!(roles(&app, &clinic), ["inbound", "outbound"]);
    assert_eq!(app.count(MAPPED, clinic.org).await, 2);
    let posts = app.sandbox.requests(ProviderId::Vapi);
    let posts =
        posts.iter().filter(|one| one.method == "POST" && one.path == "/assistant" && one.status == 201);
    assert_eq!(posts.count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_lost_after_the_post_is_found_again_and_makes_no_third() {
    let app = TestApp::start().await;
    let (clinic, _) = connected(&app, "Sunrise Dental").await;
    for (_, id) in app.assistants(&clinic) {
        assert!(app.sandbox.vapi().delete_assistant(id));
    }
    // Vapi makes one, and nobody hears of it: what a process that is killed there leaves behind.
    let twin = json!({
        "name": "Sunrise Dental inbound",
        "metadata": {
            "voxanneInstallation": app.services.installation.to_string(),
            "voxanneOrganization": clinic.org.to_string(),
            "voxanneRole": "inbound",
        },
    });
    let url = app.sandbox.vapi_url.join("assistant").unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let post = |body: &Value| {
        http.post(url.clone())
            .bearer_auth(&clinic.vapi.private_key)
            .header("content-type", "application/json")
            .body(body.to_string())
            .send()
    };
    app.sandbox.faults().set(ProviderId::Vapi, Fault::LostAnswer);
    assert!(post(&twin).await.is_err(), "the answer is lost");
    app.sandbox.faults().set(ProviderId::Vapi, Fault::None);
    assert_eq!(roles(&app, &clinic), ["inbound"]);
    ensure_assistants(&app.services, clinic.org).await.unwrap();
    assert_eq!(roles(&app, &clinic), ["inbound", "outbound"]);

    // Even two too many are cleared away.
    for _ in 0..2 {
        assert_eq!(post(&twin).await.unwrap().status().as_u16(), 201);
    }
    ensure_assistants(&app.services, clinic.org).await.unwrap();
    assert_eq!(roles(&app, &clinic), ["inbound", "outbound"]);
    assert_eq!(app.count(MAPPED, clinic.org).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_product_loses_every_answer_and_still_ends_with_two() {
    let app = TestApp::start().await;
    let (clinic, owner) = connected(&app, "Sunrise Dental").await;
    app.sandbox.faults().set(ProviderId::Vapi, Fault::LostAnswer);
    let change = json!({ "firstMessage": "Good morning!" });
    let answer = owner.send("PUT", "/api/agents/inbound", Some(change)).await;
    assert_eq!(answer.status, 200, "the change is kept although Vapi is away: {}", answer.body);
    assert_eq!((&answer.json()["state"], answer.json()["error"].is_string()), (&json!("pending"), true));
    app.sandbox.faults().set(ProviderId::Vapi, Fault::None);
    assert_eq!(app.count(JOBS, clinic.org).await, 1, "the job waits");
    app.meddle("update jobs set run_at = now(), lease_until = null where org_id = $1", clinic.org).await;
    run_due_jobs(app.services.clone()).await.unwrap();
    assert_eq!(roles(&app, &clinic), ["inbound", "outbound"]);
    assert_eq!(app.count(JOBS, clinic.org).await, 0);
    let made = app.sandbox.vapi().assistants(&clinic.vapi.private_key);
    assert!(made.iter().any(|body| body["firstMessage"] == "Good morning!"), "{made:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn five_clinics_have_ten_assistants_even_with_one_key_for_all() {
    let app = TestApp::start().await;
    let mut clinics = Vec::new();
    for n in 1..=5 {
        clinics.push(connected(&app, &format!("Clinic {n}")).await.0);
    }
    for clinic in &clinics {
        assert_eq!(roles(&app, clinic), ["inbound", "outbound"]);
        assert_eq!(app.count(MAPPED, clinic.org).await, 2);
    }
    // A group with one Vapi organization: each clinic has its own two in it; the number stays with
    // the clinic that claimed it first.
    let shared = app.sandbox.vapi().add_account("Group");
    let number = app.sandbox.vapi().add_phone_number(&shared.private_key, "+15557654321").unwrap();
    for name in ["First", "Second"] {
        let clinic = app.clinic(name).await;
        let owner = app.sign_in(&clinic.email(Role::Owner)).await;
        let answer = connect(&owner, "vapi", json!({ "apiKey": shared.private_key })).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(app.count(MAPPED, clinic.org).await, 2);
        let own = "select count(*) from phone_number_org_mapping where org_id = $1";
        assert_eq!(
            app.count(own, clinic.org).await,
            i64::from(name == "First"),
            "{name} and the number {number}"
        );
    }
    assert_eq!(app.sandbox.vapi().assistants(&shared.private_key).len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_one_role_deletes_at_vapi_keeps_the_agent_and_frees_its_route() {
    let app = TestApp::start().await;
    let (clinic, owner) = connected(&app, "Sunrise Dental").await;
    let before = app.assistants(&clinic);
    assert_eq!(owner.send("DELETE", "/api/agents/outbound", None).await.status, 204);
    assert_eq!(app.assistants(&clinic), before[..1]);
    assert_eq!(app.count(MAPPED, clinic.org).await, 1);
    let agent = owner.send("GET", "/api/agents/outbound", None).await.json();
    assert_eq!((&agent["state"], agent["assistantId"].is_null()), (&json!("deleted"), true));
    assert!(!agent["systemPrompt"].as_str().unwrap().is_empty());
    // Deleted on purpose is not made again behind somebody's back.
    ensure_assistants(&app.services, clinic.org).await.unwrap();
    assert_eq!(roles(&app, &clinic), ["inbound"]);
    // Deleting it twice, or after it was deleted at Vapi, is no fault.
    assert_eq!(owner.send("DELETE", "/api/agents/outbound", None).await.status, 204);
    assert!(app.sandbox.vapi().delete_assistant(before[0].1));
    let org = clinic.org.to_string();
    let form = owner.post("/dashboard/agents/inbound/delete", &[("org", &org)]).await;
    assert_eq!((form.status, form.location()), (303, "/dashboard/agents?said=1"));
    assert_eq!(app.count(MAPPED, clinic.org).await, 0);
    assert_eq!(owner.send("DELETE", "/api/agents/nobody", None).await.status, 404);
    assert_eq!(app.recorded(clinic.org, "assistant.deleted", "success").await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_beside_running_ensures_stays_deleted() {
    let app = TestApp::start().await;
    let (clinic, owner) = connected(&app, "Sunrise Dental").await;
    // Something to do for the ensures: both assistants are out of date.
    app.meddle("update agent_configs set name = role || ' anew' where org_id = $1", clinic.org).await;
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let (services, org) = (app.services.clone(), clinic.org);
        running.spawn(async move { ensure_assistants(&services, org).await.map(|rows| rows.len()) });
    }
    assert_eq!(owner.send("DELETE", "/api/agents/outbound", None).await.status, 204);
    while let Some(ended) = running.join_next().await {
        ended.unwrap().unwrap();
    }
    assert_eq!(roles(&app, &clinic), ["inbound"]);
    assert_eq!(owner.send("GET", "/api/agents/outbound", None).await.json()["state"], "deleted");
    assert_eq!(app.count(MAPPED, clinic.org).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_vapi_does_not_answer_nothing_is_deleted_on_our_side() {
    let app = TestApp::start().await;
    let (clinic, owner) = connected(&app, "Sunrise Dental").await;
    app.sandbox.faults().set(ProviderId::Vapi, Fault::ServerError);
    let answer = owner.send("DELETE", "/api/agents/outbound", None).await;
    app.sandbox.faults().set(ProviderId::Vapi, Fault::None);
    assert_eq!((answer.status, answer.json()["code"].as_str()), (502, Some("provider_unavailable")));
    assert_eq!(app.count(MAPPED, clinic.org).await, 2);
    assert_eq!(owner.send("GET", "/api/agents/outbound", None).await.json()["state"], "ready");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_vapi_refuses_credentials_a_bearer_header_proves_its_calls() {
    let app = TestApp::start().await;
    app.sandbox.faults().refuse_credentials(true);
    let (clinic, _) = connected(&app, "Sunrise Dental").await;
    for body in app.sandbox.vapi().assistants(&clinic.vapi.private_key) {
        assert!(body["server"]["credentialId"].is_null(), "{body}");
    }
    let (_, inbound) = app.assistants(&clinic)[0].clone();
    let heard = app.sandbox.place_call(inbound, &CallScript::default()).await.unwrap();
    assert!(heard.steps.iter().all(|step| step.status == Some(200)), "{heard:?}");
    let schemes: Vec<String> = sqlx::query_scalar("select scheme from webhook_secrets where org_id = $1")
        .bind(clinic.org.0)
        .fetch_all(&app.db.superuser)
        .await
        .unwrap();
    assert_eq!(schemes, ["bearer"]);
    // Without the header, the same call is nobody's.
    at_vapi(&app, &clinic, "PATCH", inbound, json!({ "server": { "url": app.services.vapi_webhook_url() } }))
        .await;
    let heard = app.sandbox.place_call(inbound, &CallScript::default()).await.unwrap();
    assert!(heard.steps.iter().all(|step| step.status == Some(401)), "{heard:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_a_dead_process_left_is_finished_by_another() {
    let app = TestApp::start().await;
    let (clinic, _) = connected(&app, "Sunrise Dental").await;
    for (_, id) in app.assistants(&clinic) {
        assert!(app.sandbox.vapi().delete_assistant(id));
    }
    // The dead process had taken the job and the lease; both run out by the clock of the database.
    let holder = "insert into leases (org_id, name, holder, expires_at)
                  values ($1, 'ensure_assistants', gen_random_uuid(), now() + interval '60 seconds')";
    app.meddle(holder, clinic.org).await;
    let job = "insert into jobs (org_id, id, kind, attempts, lease_until)
               values ($1, gen_random_uuid(), 'ensure_assistants', 1, now() + interval '90 seconds')";
    app.meddle(job, clinic.org).await;
    run_due_jobs(app.services.clone()).await.unwrap();
    assert!(app.assistants(&clinic).is_empty(), "somebody else may still be at it");
    app.meddle("update jobs set lease_until = now() - interval '1 second' where org_id = $1", clinic.org)
        .await;
    app.meddle("update leases set expires_at = now() - interval '1 second' where org_id = $1", clinic.org)
        .await;
    tokio::time::timeout(Duration::from_secs(30), run_due_jobs(app.services.clone())).await.unwrap().unwrap();
    assert_eq!(roles(&app, &clinic), ["inbound", "outbound"]);
    assert_eq!(app.count(JOBS, clinic.org).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_is_changed_in_step_with_vapi_and_its_limits_are_told_by_field() {
    let app = TestApp::start().await;
    let (clinic, owner) = connected(&app, "Sunrise Dental").await;
    let answer = owner.send("PUT", "/api/agents/inbound", Some(json!({ "name": "Front desk" }))).await;
    assert_eq!((answer.status, &answer.json()["state"]), (200, &json!("ready")), "{}", answer.body);
    let made = app.sandbox.vapi().assistants(&clinic.vapi.private_key);
    assert_eq!(made.iter().filter(|body| body["name"] == "Front desk").count(), 1);
    for (change, field) in [
        (json!({ "name": "" }), "name"),
        (json!({ "name": "x".repeat(41) }), "name"),
        (json!({ "firstMessage": "x".repeat(1001) }), "firstMessage"),
        (json!({ "systemPrompt": " " }), "systemPrompt"),
        (json!({ "maxDurationSeconds": 9 }), "maxDurationSeconds"),
        (json!({ "voiceId": "a\u{7}b" }), "voiceId"),
    ] {
        let answer = owner.send("PUT", "/api/agents/inbound", Some(change.clone())).await;
        assert_eq!(
            (answer.status, answer.json()["errors"][0]["field"].as_str()),
            (422, Some(field)),
            "{change}"
        );
    }
    for text in ["a\u{0}b"] {
        let answer = owner.send("PUT", "/api/agents/inbound", Some(json!({ "firstMessage": text }))).await;
        assert_eq!(answer.status, 422, "a NUL is refused and no fault of ours: {}", answer.body);
    }
    let org = clinic.org.to_string();
    let fields = [
        ("org", org.as_str()),
        ("name", "Reception"),
        ("firstMessage", "Hello."),
        ("systemPrompt", "Help callers."),
        ("modelProvider", "openai"),
        ("model", "gpt-4o"),
        ("voiceProvider", "vapi"),
        ("voiceId", "Clara"),
        ("language", "en"),
    ];
    let form = owner.post("/dashboard/agents/outbound", &fields).await;
    assert_eq!((form.status, form.location()), (303, "/dashboard/agents?said=1"), "{}", form.body);
    assert!(owner.get("/dashboard/agents?said=1").await.body.contains("in step with Vapi"));
    let member = app.sign_in(&clinic.email(Role::Member)).await;
    assert_eq!(member.send("PUT", "/api/agents/inbound", Some(json!({ "name": "Mine" }))).await.status, 403);
}
