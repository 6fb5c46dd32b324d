//! Keys are rotated while everything stays readable, and none is retired that is still needed.

use std::collections::BTreeSet;
use std::time::Duration;

use uuid::Uuid;
use voxanne::assemble::{self, Parts};
use voxanne::clock::Clock;
use voxanne::db::sealed_columns::SEALED_COLUMNS;
use voxanne::domain::{OrgId, Outcome};
use voxanne::integrations::rotation::{Retired, reseal, retire, rewrap_all};
use voxanne::integrations::{Caller, verify};
use voxanne::sandbox::{CallScript, ToolUse};
use voxanne::state::Services;
use voxanne::vault::{KeyState, Keyring, Place};

use super::support::app::TestApp;
use super::support::consent::consent;
use super::webhook_pages::attribute;

/// The services of a process that has another key file.
pub async fn with_keys(app: &TestApp, text: &str) -> std::sync::Arc<Services> {
    let parts = Parts {
        pool: app.db.app.clone(),
        keyring: Keyring::parse(text).unwrap(),
        clock: Clock::default(),
        bases: app.sandbox.bases(),
        allowed: app.sandbox.allowed(),
        public_url: app.services.public_url.clone(),
        is_sandbox: true,
        restore_days: 30,
        google: app.services.google.clone(),
        cache_ttl: Duration::from_secs(300),
        cache_bytes: 1024 * 1024,
    };
    assemble::services(parts).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_master_key_takes_over_and_the_old_one_is_retired_when_it_protects_nothing() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let old_id = app.services.vault.keyring().current().id();
    let old = |state: &str| format!("{old_id} {} {state}\n", app.key);
    let line = Keyring::generate_line(KeyState::Staged).unwrap();
    let new_id: i64 = line.expose().split(' ').next().unwrap().parse().unwrap();

    // First it is staged everywhere, then it becomes current: no process meets a key it lacks.
    with_keys(&app, &(old("current") + line.expose())).await;
    let new_current = line.expose().replace("staged", "current");
    let services = with_keys(&app, &(old("retired") + &new_current)).await;

    assert!(matches!(retire(&services, old_id).await.unwrap(), Retired::StillNeeded { keys: 1.. }));
    let rewrapped = rewrap_all(&services, |_| {}).await.unwrap();
    assert_eq!(rewrapped, 1);
    assert_eq!(rewrap_all(&services, |_| {}).await.unwrap(), 0, "what is done stays done");
    assert_eq!(retire(&services, old_id).await.unwrap(), Retired::Done);

    let alone = with_keys(&app, &new_current).await;
    assert_eq!(alone.vault.keyring().current().id(), new_id);
    let report = verify::verify(&alone, &Caller::service(clinic.org), voxanne::domain::ProviderId::Vapi)
        .await
        .unwrap();
    assert_eq!(report.outcome, Outcome::Accepted);

    // The process that has only the old key says so on one card, and draws the page all the same.
    app.services.evict_all();
    let page = owner.get("/dashboard/integrations").await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("Unreadable"), "{}", page.body);
    assert_eq!(app.browser().get("/readyz").await.status, 503, "it needs the new key and a new start");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_data_key_seals_everything_of_a_clinic_anew() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    app.sandbox.google().add_account("desk@sunrise.example");
    consent(&owner, &clinic, "desk@sunrise.example", &[]).await;
    let assistant = app.assistants(&clinic)[0].1;
    let whom = serde_json::json!({ "numbers": ["+15550100777"] });
    assert_eq!(owner.send("PUT", "/api/alerts", Some(whom)).await.status, 200);
    // A call that leaves an appointment and a note.
    let mut script = CallScript::conversation("+15550100188", "Robin Patient");
    let note = serde_json::json!({ "message": "Please call me." });
    script.tools.push(ToolUse { name: "take_message".to_owned(), arguments: note });
    app.sandbox.place_call(assistant, &script).await.unwrap();
    voxanne::jobs::work_off_inbox(app.services.clone()).await.unwrap();
    owner.send("POST", "/api/sms/test", Some(serde_json::json!({ "to": "+15550100123" }))).await;

    seal_an_event_out(&app, clinic.org).await;
    let address = format!("{}/inbound", app.services.twilio_webhook_url(clinic.org).await.unwrap());
    app.sandbox.twilio().text(&clinic.twilio.sid, &address, "+15550100199", "Hello").await.unwrap();
    voxanne::jobs::work_off_inbox(app.services.clone()).await.unwrap();

    let from = app.sandbox.vapi().add_phone_number(&clinic.vapi.private_key, "+15550107777").unwrap();
    owner.send("POST", "/api/phone-numbers/refresh", Some(serde_json::json!({}))).await;
    let call = serde_json::json!({ "number": "+15550100123", "phoneNumberId": from });
    owner.send("POST", "/api/calls/outbound", Some(call)).await;

    let hook = app.sandbox.hooks().url("demo/crm");
    let crm = serde_json::json!({ "workflowName": "crm", "url": hook, "bearerToken": "a-token-of-the-crm" });
    assert_eq!(owner.send("POST", "/api/endpoints", Some(crm)).await.status, 201);
    let org = clinic.org.to_string();
    let typed =
        [("org", org.as_str()), ("workflowName", "No"), ("url", &hook), ("bearerToken", "a-new-token")];
    let back = owner.post("/dashboard/webhooks/endpoints/crm", &typed).await.location().to_owned();

    let nobody = OrgId(uuid::Uuid::now_v7());
    assert!(reseal(&app.services, nobody, |_| {}).await.is_err(), "a clinic that there is not");
    let resealed = reseal(&app.services, clinic.org, |_| {}).await.unwrap();
    assert!(resealed >= 6, "two credentials, a webhook secret, events, a message, the audit key: {resealed}");
    for column in SEALED_COLUMNS {
        let versions: Vec<i32> = sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
            "select distinct key_version from {} where {} is not null",
            column.table, column.column
        )))
        .fetch_all(&app.db.superuser)
        .await
        .unwrap();
        assert_eq!(versions, [2], "{}", column.table);
    }
    // All of it still opens: credentials for a call, the webhook's secret, the key of the trail.
    let transcript = app.sandbox.place_call(assistant, &CallScript::default()).await.unwrap();
    assert!(transcript.steps.iter().all(|step| step.status == Some(200)), "{transcript:?}");
    let call = async || {
        let body = serde_json::json!({ "payload": {} });
        let called = owner.send("POST", "/api/endpoints/crm/call", Some(body)).await;
        assert_eq!(called.json()["success"], true, "{}", called.body);
        app.sandbox.hooks().received().last().unwrap().headers["authorization"].clone()
    };
    assert_eq!(call().await, "Bearer a-token-of-the-crm");
    assert_eq!(owner.send("GET", "/api/endpoints/crm", None).await.json()["url"], hook);
    let draft = attribute(&owner.get(&back).await.body, "#endpoint-form input[name=draft]", "value");
    let right = [("org", org.as_str()), ("workflowName", "crm"), ("url", &hook), ("draft", &draft)];
    assert_eq!(owner.post("/dashboard/webhooks/endpoints/crm", &right).await.status, 303);
    assert_eq!(call().await, "Bearer a-new-token");
    let listed = owner.send("GET", "/api/appointments", None).await.json();
    assert_eq!(listed["appointments"][0]["patient"]["name"], "Robin Patient", "{listed}");
    let notes = owner.send("GET", "/api/notes", None).await.json();
    assert_eq!(notes["notes"][0]["note"]["message"], "Please call me.", "{notes}");
    for provider in ["twilio", "google_calendar"] {
        let path = format!("/api/integrations/{provider}/verify");
        assert_eq!(owner.send("POST", &path, None).await.json()["verified"], true, "{provider}");
    }
}

/// An endpoint from before addresses were sealed with its secrets, an event, and what came back of it.
async fn seal_an_event_out(app: &TestApp, org: OrgId) {
    let id = Uuid::now_v7();
    let mut sealed = Vec::new();
    for (table, column) in [
        ("endpoints", "sealed_auth"),
        ("endpoint_secrets", "sealed"),
        ("outbound_events", "sealed_payload"),
        ("delivery_attempts", "sealed_answer"),
    ] {
        let place = Place { org: Some(org), table, column, provider: "", row: id };
        sealed.push(app.services.vault.seal(&place, b"secret").await.unwrap().as_bytes().to_vec());
    }
    for statement in [
        "insert into endpoints (org_id, id, workflow_name, url, sealed_auth, key_version, created_by, updated_by)
         values ($1, $2, 'leads', 'https://n8n.example.com/webhook/leads', $3[1], 1, 'x', 'x')",
        "insert into endpoint_secrets (org_id, id, endpoint_id, sealed, key_version, hint, created_by)
         values ($1, $2, $2, $3[2], 1, '', 'x')",
        "insert into outbound_events (org_id, id, kind, sealed_payload, key_version, triggered_by)
         values ($1, $2, 'note.taken', $3[3], 1, 'x')",
        "insert into deliveries (org_id, id, event_id, endpoint_id, workflow_name, kind, triggered_by)
         values ($1, $2, $2, $2, 'leads', 'note.taken', cardinality($3::bytea[])::text)",
        "insert into delivery_attempts (org_id, id, delivery_id, endpoint_id, number, outcome, millis, sealed_answer, key_version)
         values ($1, $2, $2, $2, 1, 'succeeded', 1, $3[4], 1)",
    ] {
        let done = sqlx::query(statement).bind(org.0).bind(id).bind(&sealed).execute(&app.db.superuser).await;
        done.unwrap();
    }
}

#[tokio::test]
async fn no_sealed_column_is_forgotten() {
    let app = TestApp::start().await;
    let found: Vec<(String, String)> = sqlx::query_as(
        "select c.table_name::text, c.column_name::text from information_schema.columns c
          where c.table_schema = 'public' and c.data_type = 'bytea' and c.column_name like 'sealed%'
            and exists (select from information_schema.columns o where o.table_schema = 'public'
                         and o.table_name = c.table_name and o.column_name = 'org_id')",
    )
    .fetch_all(&app.db.superuser)
    .await
    .unwrap();
    let found: BTreeSet<_> = found.into_iter().collect();
    let listed: BTreeSet<_> =
        SEALED_COLUMNS.iter().map(|column| (column.table.to_owned(), column.column.to_owned())).collect();
    assert_eq!(found, listed);
}
