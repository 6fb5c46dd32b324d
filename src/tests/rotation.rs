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
use voxanne::state::Services;
use voxanne::vault::{KeyState, Keyring, Place};

use super::support::app::TestApp;
use super::support::consent::consent;

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
    let report = verify::verify(&alone, &Caller::service(clinic.org), "vapi".parse().unwrap()).await.unwrap();
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
    app.sandbox.place_call(assistant, &voxanne::sandbox::CallScript::default()).await.unwrap();
    owner.send("POST", "/api/sms/test", Some(serde_json::json!({ "to": "+15550100123" }))).await;

    seal_an_event_out(&app, clinic.org).await;

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
    let transcript =
        app.sandbox.place_call(assistant, &voxanne::sandbox::CallScript::default()).await.unwrap();
    assert!(transcript.steps.iter().all(|step| step.status == Some(200)), "{transcript:?}");
    for provider in ["twilio", "google_calendar"] {
        let path = format!("/api/integrations/{provider}/verify");
        assert_eq!(owner.send("POST", &path, None).await.json()["verified"], true, "{provider}");
    }
}

/// An endpoint with its secrets, an event, and what came back of it.
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
