//! The secret of webhooks: rotated with an overlap, deleted after it, made anew where it was lost.

use serde_json::{Value, json};
use uuid::Uuid;
use voxanne::domain::{ProviderId, Role};
use voxanne::integrations::ensure::ensure_assistants;
use voxanne::jobs::{run_due_jobs, sweep_hourly};
use voxanne::sandbox::{CallScript, Fault};
use voxanne::vault::Sealed;
use voxanne::webhooks::resolver::RouteSecret;
use voxanne::webhooks::signature::{HmacPlan, Scheme};

use super::support::app::{Browser, Clinic, TestApp};
use super::support::wire::Wire;

const LIVE: &str =
    "select count(*) from webhook_secrets where org_id = $1 and (not_after is null or not_after > now())";
const ALL: &str = "select count(*) from webhook_secrets where org_id = $1";
const JOBS: &str = "select count(*) from jobs where org_id = $1";

/// The ids of the webhook credentials at the stand-in, in some order.
async fn at_vapi(app: &TestApp, clinic: &Clinic) -> Vec<String> {
    let url = app.sandbox.vapi_url.join("credential").unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = http.get(url).bearer_auth(&clinic.vapi.private_key).send().await.unwrap();
    let list: Vec<Value> = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    list.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

async fn delete_at_vapi(app: &TestApp, clinic: &Clinic, id: &str) {
    let url = app.sandbox.vapi_url.join(&format!("credential/{id}")).unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = http.delete(url).bearer_auth(&clinic.vapi.private_key).send().await.unwrap();
    assert!(answer.status().is_success());
}

/// The credential that both assistants sign with.
fn signs_with(app: &TestApp, clinic: &Clinic) -> String {
    let bodies = app.sandbox.vapi().assistants(&clinic.vapi.private_key);
    let ids: Vec<&str> = bodies.iter().map(|body| body["server"]["credentialId"].as_str().unwrap()).collect();
    assert_eq!((ids.len(), ids[0]), (2, ids[1]), "both sign with the same one");
    ids[0].to_owned()
}

/// A line that signs with a stored secret, as Vapi would.
async fn line(app: &TestApp, clinic: &Clinic, credential: &str) -> Wire {
    let (id, sealed): (Uuid, Vec<u8>) = sqlx::query_as(
        "select id, sealed from webhook_secrets where org_id = $1 and provider_credential_id = $2",
    )
    .bind(clinic.org.0)
    .bind(credential)
    .fetch_one(&app.db.superuser)
    .await
    .unwrap();
    let place = RouteSecret::place(clinic.org, id);
    let opened = app.services.vault.open_at(&place, &Sealed::parse(sealed).unwrap()).await.unwrap();
    Wire {
        client: reqwest::Client::builder().no_proxy().build().unwrap(),
        url: format!("{}/api/webhooks/vapi", app.url),
        org: clinic.org,
        assistant: app.assistants(clinic)[0].1,
        secret: String::from_utf8(opened.expose().to_vec()).unwrap(),
        scheme: Scheme::Hmac(HmacPlan::ours()),
    }
}

async fn rotate(browser: &Browser) -> super::support::app::Answer {
    browser.send("POST", "/api/integrations/vapi/rotate-secret", None).await
}

/// What a day does: the overlap is over.
async fn a_day_later(app: &TestApp, clinic: &Clinic) {
    let end = "update webhook_secrets set not_after = now() - interval '1 second' where org_id = $1 and not_after is not null";
    assert!(app.meddle(end, clinic.org).await > 0);
    app.services.evict(clinic.org);
}

#[tokio::test(flavor = "multi_thread")]
async fn both_secrets_verify_for_a_day_and_then_only_the_new_one() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let first = signs_with(&app, &clinic);
    let old = line(&app, &clinic, &first).await;
    assert_eq!(old.send(&old.report("1")).await.status, 200);

    let answer = rotate(&owner).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!((&answer.json()["success"], &answer.json()["overlapHours"]), (&json!(true), &json!(24)));
    let second = signs_with(&app, &clinic);
    assert_ne!(second, first);
    let new = line(&app, &clinic, &second).await;
    assert_ne!(new.secret, old.secret);
    assert!(!answer.body.contains(&new.secret));
    assert_eq!(old.send(&old.report("2")).await.status, 200, "Vapi may still repeat what it signed");
    assert_eq!(new.send(&new.report("3")).await.status, 200);
    let left = "select count(*) from webhook_secrets where org_id = $1
                 and not_after between now() + interval '23 hours' and now() + interval '24 hours'";
    assert_eq!(app.count(left, clinic.org).await, 1);
    sweep_hourly(app.services.clone()).await.unwrap();
    assert_eq!(at_vapi(&app, &clinic).await.len(), 2, "nothing is deleted while it verifies");

    a_day_later(&app, &clinic).await;
    assert_eq!(old.send(&old.report("4")).await.status, 401);
    assert_eq!(new.send(&new.report("5")).await.status, 200);
    sweep_hourly(app.services.clone()).await.unwrap();
    assert_eq!(at_vapi(&app, &clinic).await, [second], "the old one is gone at Vapi");
    assert_eq!(app.count(ALL, clinic.org).await, 1, "and here");
    assert_eq!(app.recorded(clinic.org, "webhook_secret.rotated", "success").await, 1);
    assert_eq!(app.recorded(clinic.org, "webhook_secret.deleted", "success").await, 1);
    let heard = app.sandbox.place_call(new.assistant, &CallScript::default()).await.unwrap();
    assert!(heard.steps.iter().all(|step| step.status == Some(200)), "{heard:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_rotates_and_only_owners_and_admins_may() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let first = signs_with(&app, &clinic);
    let page = owner.get("/dashboard/integrations?panel=vapi").await.body;
    assert!(page.contains("/dashboard/integrations/vapi/rotate-secret"), "{page}");
    let twilio = owner.get("/dashboard/integrations?panel=twilio").await.body;
    assert!(!twilio.contains("rotate-secret"));
    let org = clinic.org.to_string();
    let form = owner.post("/dashboard/integrations/vapi/rotate-secret", &[("org", &org)]).await;
    assert_eq!((form.status, form.location()), (303, "/dashboard/integrations?said=1#vapi"), "{}", form.body);
    assert!(owner.get("/dashboard/integrations?said=1").await.body.contains("The signing secret is rotated"));
    assert_ne!(signs_with(&app, &clinic), first);

    let member = app.sign_in(&clinic.email(Role::Member)).await;
    assert_eq!(rotate(&member).await.status, 403);
    let form = member.post("/dashboard/integrations/vapi/rotate-secret", &[("org", &org)]).await;
    assert_eq!(form.status, 403);
    assert_eq!(app.recorded(clinic.org, "webhook_secret.rotated", "denied").await, 2);
    let admin = app.sign_in(&clinic.email(Role::Admin)).await;
    assert_eq!(rotate(&admin).await.status, 200);
    assert_eq!(owner.send("POST", "/api/integrations/twilio/rotate-secret", None).await.status, 404);
    assert_eq!(
        owner.post("/dashboard/integrations/twilio/rotate-secret", &[("org", &org)]).await.status,
        404
    );

    // Each live secret costs every webhook a little.
    for _ in 0..2 {
        assert_eq!(rotate(&owner).await.status, 200);
    }
    let answer = rotate(&owner).await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (409, Some("rotated_too_often")));
    assert_eq!(app.count(LIVE, clinic.org).await, 5);
    assert_eq!(owner.send("DELETE", "/api/integrations/vapi", None).await.status, 204);
    let answer = rotate(&owner).await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (409, Some("not_connected")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_old_secret_has_no_end_before_both_assistants_sign_with_the_new_one() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let first = signs_with(&app, &clinic);
    let old = line(&app, &clinic, &first).await;
    app.sandbox.faults().set(ProviderId::Vapi, Fault::LostAnswer);
    let answer = rotate(&owner).await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (502, Some("provider_unavailable")));
    assert_eq!(app.count(ALL, clinic.org).await, 1, "nothing was kept of it here");
    app.sandbox.faults().set(ProviderId::Vapi, Fault::None);

    // Made, but Vapi is away before the assistants hear of it: the process that would tell them died.
    app.meddle("update agent_configs set vapi_synced_hash = null where org_id = $1", clinic.org).await;
    let rotated = rotate(&owner).await;
    assert_eq!(rotated.status, 200);
    app.meddle("update webhook_secrets set not_after = null where org_id = $1", clinic.org).await;
    app.services.evict(clinic.org);
    assert_eq!(old.send(&old.report("1")).await.status, 200);
    ensure_assistants(&app.services, clinic.org).await.unwrap();
    let ending = "select count(*) from webhook_secrets where org_id = $1 and not_after is not null";
    assert_eq!(app.count(ending, clinic.org).await, 1, "the run that finds all in step gives it its end");
    assert_eq!(app.count(JOBS, clinic.org).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_credential_that_was_deleted_at_vapi_is_made_anew() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let first = signs_with(&app, &clinic);
    delete_at_vapi(&app, &clinic, &first).await;
    ensure_assistants(&app.services, clinic.org).await.unwrap();
    let second = signs_with(&app, &clinic);
    assert_ne!(second, first);
    assert_eq!(at_vapi(&app, &clinic).await, [second.as_str()]);
    let new = line(&app, &clinic, &second).await;
    assert_eq!(new.send(&new.report("1")).await.status, 200);

    // The same where Vapi does not list credentials: it is noticed when an assistant is written.
    app.sandbox.faults().hide_credentials(true);
    delete_at_vapi(&app, &clinic, &second).await;
    let saved = owner.send("PUT", "/api/agents/inbound", Some(json!({ "firstMessage": "Good day!" }))).await;
    assert_eq!((saved.status, &saved.json()["state"]), (200, &json!("ready")), "{}", saved.body);
    app.sandbox.faults().hide_credentials(false);
    let third = signs_with(&app, &clinic);
    assert_eq!(at_vapi(&app, &clinic).await, [third.as_str()]);
    let new = line(&app, &clinic, &third).await;
    assert_eq!(new.send(&new.report("2")).await.status, 200);
    assert_eq!(app.recorded(clinic.org, "webhook_secret.rotated", "success").await, 2);

    // The lost ones end like any other, although there is nothing left to delete.
    a_day_later(&app, &clinic).await;
    sweep_hourly(app.services.clone()).await.unwrap();
    assert_eq!(app.count(ALL, clinic.org).await, 1);
    assert_eq!(at_vapi(&app, &clinic).await, [third]);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_vapi_is_away_an_ended_credential_waits_and_is_deleted_later() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    assert_eq!(rotate(&owner).await.status, 200);
    a_day_later(&app, &clinic).await;
    app.sandbox.faults().set(ProviderId::Vapi, Fault::ServerError);
    sweep_hourly(app.services.clone()).await.unwrap();
    app.sandbox.faults().set(ProviderId::Vapi, Fault::None);
    assert_eq!(app.count(ALL, clinic.org).await, 2);
    run_due_jobs(app.services.clone()).await.unwrap();
    sweep_hourly(app.services.clone()).await.unwrap();
    assert_eq!(app.count(ALL, clinic.org).await, 1);
    assert_eq!(at_vapi(&app, &clinic).await.len(), 1);

    // Without a key for Vapi nobody can be asked: kept until nobody will come back for it.
    assert_eq!(owner.send("DELETE", "/api/integrations/vapi", None).await.status, 204);
    sweep_hourly(app.services.clone()).await.unwrap();
    assert_eq!(app.count(ALL, clinic.org).await, 1);
    app.meddle(
        "update webhook_secrets set not_after = now() - interval '31 days' where org_id = $1",
        clinic.org,
    )
    .await;
    sweep_hourly(app.services.clone()).await.unwrap();
    assert_eq!(app.count(ALL, clinic.org).await, 0);
}
