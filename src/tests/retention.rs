//! What the service does by itself: nothing is kept for longer than was promised, nothing is left in
//! flight, and nothing else is touched.

use serde_json::json;
use uuid::Uuid;
use voxanne::db::overdue::{self, Overdue};
use voxanne::domain::{OrgId, ProviderId, Role};
use voxanne::jobs::{run_due_jobs, sweep_hourly, sweep_often, work_off_inbox};
use voxanne::sandbox::Fault;

use super::support::app::TestApp;
use super::support::state::connect;
use super::support::wire::{Wire, stored};

const SEALED_EVENTS: &str =
    "select count(*) from inbound_events where org_id = $1 and sealed_payload is not null";
const VERSIONS: &str = "select count(*) from org_credentials where org_id = $1 and draft_expires_at is null";
const DRAFTS: &str =
    "select count(*) from org_credentials where org_id = $1 and draft_expires_at is not null";

async fn nobody_is_overdue(app: &TestApp, what: Overdue) -> bool {
    overdue::list(&app.services.pool, what, OrgId(Uuid::nil()), 100).await.unwrap().is_empty()
}

#[tokio::test(flavor = "multi_thread")]
async fn payloads_older_than_the_clinics_retention_are_emptied_and_their_keys_stay() {
    let app = TestApp::start().await;
    let line = Wire::new(&app, "Sunrise Dental").await;
    let patient = Wire::new(&app, "Patient Clinic").await;
    for wire in [&line, &patient] {
        for call in ["old", "young", "parked", "received"] {
            assert_eq!(wire.send(&wire.report(call)).await.status, 200);
        }
        work_off_inbox(app.services.clone()).await.unwrap();
        app.meddle("update inbound_events set received_at = now() - interval '8 days' where org_id = $1 and call_id <> 'young'", wire.org).await;
        for (call, status) in [("parked", "parked"), ("received", "received")] {
            sqlx::query("update inbound_events set status = $3 where org_id = $1 and call_id = $2")
                .bind(wire.org.0)
                .bind(call)
                .bind(status)
                .execute(&app.db.superuser)
                .await
                .unwrap();
        }
    }
    app.meddle("update organizations set retention_days = 7 where id = $1", line.org).await;
    // Two processes at once, each with a pool of its own.
    let other = app.beside().await;
    let (one, two) = tokio::join!(sweep_hourly(app.services.clone()), sweep_hourly(other.services.clone()));
    one.unwrap();
    two.unwrap();

    let kept: Vec<String> = sqlx::query_scalar(
        "select call_id from inbound_events where org_id = $1 and sealed_payload is not null order by 1",
    )
    .bind(line.org.0)
    .fetch_all(&app.db.superuser)
    .await
    .unwrap();
    assert_eq!(kept, ["received", "young"], "what is being worked on or young enough stays");
    let marked = "select count(*) from inbound_events where org_id = $1 and emptied_at is not null";
    assert_eq!(app.count(marked, line.org).await, 2);
    assert_eq!(app.count(SEALED_EVENTS, patient.org).await, 4, "30 days are not over there");
    assert!(nobody_is_overdue(&app, Overdue::Payloads).await);

    // The key still tells that it was here before.
    let before = stored(&app, line.org).await;
    assert_eq!(line.send(&line.report("old")).await.status, 200);
    assert_eq!(stored(&app, line.org).await, before, "a repetition is no new event");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_payloads_are_emptied_in_bounded_batches() {
    let app = TestApp::start().await;
    let line = Wire::new(&app, "Sunrise Dental").await;
    assert_eq!(line.send(&line.report("first")).await.status, 200);
    app.meddle(
        "insert into inbound_events (org_id, id, source, kind, call_id, dedupe_key, sealed_payload, key_version, status, received_at)
         select org_id, gen_random_uuid(), source, kind, n::text, decode(md5(n::text), 'hex'), sealed_payload, key_version,
                'processed', now() - interval '31 days'
           from inbound_events, generate_series(1, 1234) n where org_id = $1",
        line.org,
    )
    .await;
    sweep_hourly(app.services.clone()).await.unwrap();
    assert_eq!(app.count(SEALED_EVENTS, line.org).await, 1);
    assert_eq!(stored(&app, line.org).await, 1235);
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_of_messages_are_emptied_with_the_payloads() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    for _ in 0..2 {
        let sent = owner.send("POST", "/api/sms/test", Some(json!({ "to": "+15550100123" }))).await;
        assert_eq!(sent.status, 200, "{}", sent.body);
    }
    let age = "update messages set created_at = now() - interval '31 days'
                where org_id = $1 and id = (select min(id::text)::uuid from messages where org_id = $1)";
    assert_eq!(app.meddle(age, clinic.org).await, 1);
    sweep_hourly(app.services.clone()).await.unwrap();
    let full = "select count(*) from messages where org_id = $1 and sealed_content is not null";
    assert_eq!(app.count(full, clinic.org).await, 1);
    assert_eq!(app.count("select count(*) from messages where org_id = $1", clinic.org).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_that_nobody_can_bring_back_are_purged_and_recorded_once() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let (other, _) = app.connected_clinic("Harbor Clinic").await;
    for name in ["One", "Two"] {
        let body = json!({ "displayName": name });
        assert_eq!(connect(&owner, "twilio", body).await.status, 200);
    }
    assert_eq!(app.count(VERSIONS, clinic.org).await, 4, "vapi, and three of twilio");
    sweep_often(app.services.clone()).await.unwrap();
    assert_eq!(app.count(VERSIONS, clinic.org).await, 4, "they can still be brought back");

    // The active version has no end, however old it is.
    app.meddle(
        "update org_credentials set created_at = now() - interval '400 days' where org_id = $1",
        clinic.org,
    )
    .await;
    let ended = "update org_credentials set superseded_at = now() - interval '31 days'
                  where org_id = $1 and superseded_at is not null";
    assert_eq!(app.meddle(ended, clinic.org).await, 2);
    let other_server = app.beside().await;
    let (one, two) =
        tokio::join!(sweep_often(app.services.clone()), sweep_often(other_server.services.clone()));
    one.unwrap();
    two.unwrap();
    assert_eq!(app.count(VERSIONS, clinic.org).await, 2);
    assert_eq!(app.count(VERSIONS, other.org).await, 2);
    let purged: Vec<_> =
        app.trail(clinic.org).await.into_iter().filter(|row| row.0 == "credential.purged").collect();
    assert_eq!(purged.len(), 1, "{purged:?}");
    assert_eq!(
        (purged[0].1.as_str(), purged[0].3.as_str()),
        ("twilio", "2 out of use for more than 30 days")
    );

    // A disconnected one as well, and the card says that nothing can be brought back.
    assert_eq!(owner.send("DELETE", "/api/integrations/twilio", None).await.status, 204);
    app.meddle("update org_credentials set disconnected_at = now() - interval '31 days' where org_id = $1 and disconnected_at is not null", clinic.org).await;
    sweep_often(app.services.clone()).await.unwrap();
    assert_eq!(app.count(VERSIONS, clinic.org).await, 1);
    let answer = owner.send("POST", "/api/integrations/twilio/restore", None).await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (409, Some("nothing_to_restore")));
    assert!(nobody_is_overdue(&app, Overdue::Credentials { days: 30 }).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_draft_goes_without_anybody_saving_anything() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let owner = app.sign_in(&clinic.email(Role::Owner)).await;
    app.sandbox.faults().set(ProviderId::Twilio, Fault::ServerError);
    let draft = connect(&owner, "twilio", clinic.twilio_body()).await.json()["draft"].clone();
    app.sandbox.faults().set(ProviderId::Twilio, Fault::None);
    assert!(draft.is_string());
    sweep_often(app.services.clone()).await.unwrap();
    assert_eq!(app.count(DRAFTS, clinic.org).await, 1, "it may still be used");
    app.meddle(
        "update org_credentials set draft_expires_at = now() - interval '1 second' where org_id = $1",
        clinic.org,
    )
    .await;
    sweep_often(app.services.clone()).await.unwrap();
    assert_eq!(app.count(DRAFTS, clinic.org).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_message_that_a_crash_left_is_told_and_never_sent_again() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let sent = owner.send("POST", "/api/sms/test", Some(json!({ "to": "+15550100123" }))).await;
    assert_eq!(sent.status, 200, "{}", sent.body);
    // As a process leaves it that dies between the row and the result.
    app.meddle("update messages set status = 'sending', sent_at = null where org_id = $1", clinic.org).await;
    sweep_often(app.services.clone()).await.unwrap();
    let status = "select count(*) from messages where org_id = $1 and status = 'sending'";
    assert_eq!(app.count(status, clinic.org).await, 1, "it may still be under way");
    app.meddle(
        "update messages set created_at = now() - interval '61 seconds' where org_id = $1",
        clinic.org,
    )
    .await;
    sweep_often(app.services.clone()).await.unwrap();
    sweep_often(app.services.clone()).await.unwrap();
    let parked = "select count(*) from messages where org_id = $1 and status = 'parked'";
    assert_eq!(app.count(parked, clinic.org).await, 1);
    assert_eq!(app.sandbox.phone_log().len(), 1, "it is not sent again");
    assert_eq!(app.recorded(clinic.org, "message.parked", "failure").await, 1);
    let page = owner.get("/dashboard/integrations?panel=sms").await.body;
    assert!(page.contains("nobody knows whether it went out"), "{page}");
    // The next test is what counts then.
    assert_eq!(owner.send("POST", "/api/sms/test", Some(json!({ "to": "+15550100123" }))).await.status, 200);
    let page = owner.get("/dashboard/integrations?panel=sms").await.body;
    assert!(!page.contains("nobody knows whether it went out"));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_clinic_that_fails_keeps_no_other_waiting() {
    let app = TestApp::start().await;
    let (broken, _) = app.connected_clinic("Broken Clinic").await;
    let (clinic, _) = app.connected_clinic("Sunrise Dental").await;
    for org in [broken.org, clinic.org] {
        app.meddle(
            "update org_credentials set superseded_at = now() - interval '31 days' where org_id = $1",
            org,
        )
        .await;
        app.meddle("update org_integrations set active_credential_id = null where org_id = $1", org).await;
    }
    // Without its head nothing can be recorded, so nothing is purged.
    app.meddle("delete from audit_heads where org_id = $1", broken.org).await;
    sweep_often(app.services.clone()).await.unwrap();
    assert_eq!(app.count(VERSIONS, broken.org).await, 2);
    assert_eq!(app.count(VERSIONS, clinic.org).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn assistants_that_nobody_asked_about_for_a_day_are_looked_after() {
    let app = TestApp::start().await;
    let (clinic, _) = app.connected_clinic("Sunrise Dental").await;
    let jobs = "select count(*) from jobs where org_id = $1 and kind = 'ensure_assistants'";
    sweep_hourly(app.services.clone()).await.unwrap();
    assert_eq!(app.count(jobs, clinic.org).await, 0, "they were made a moment ago");
    let old = "update org_integrations set ensured_at = now() - interval '25 hours' where org_id = $1";
    app.meddle(old, clinic.org).await;
    assert!(!nobody_is_overdue(&app, Overdue::Assistants { hours: 24 }).await);
    sweep_hourly(app.services.clone()).await.unwrap();
    assert_eq!(app.count(jobs, clinic.org).await, 1);
    run_due_jobs(app.services.clone()).await.unwrap();
    assert_eq!(app.count(jobs, clinic.org).await, 0);
    assert!(nobody_is_overdue(&app, Overdue::Assistants { hours: 24 }).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_of_machines_are_kept_for_ninety_days_and_each_clinic_sets_its_retention() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let owner = app.sign_in(&clinic.email(Role::Owner)).await;
    app.meddle(
        "insert into machine_counts (org_id, minute, cause, count)
         select $1, now() - make_interval(days => d), 'api.read', 1 from unnest(array[1, 89, 91, 400]) d",
        clinic.org,
    )
    .await;
    sweep_hourly(app.services.clone()).await.unwrap();
    assert_eq!(
        app.count("select count(*) from machine_counts where org_id = $1 and cause = 'api.read'", clinic.org)
            .await,
        2
    );

    let org = clinic.org.to_string();
    let set = async |days: &str| {
        let answer = owner.post("/dashboard/settings/retention", &[("org", &org), ("days", days)]).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        owner.get(answer.location()).await.body
    };
    let days = "select retention_days::bigint from organizations where id = $1";
    assert!(set("7").await.contains("Conversations are kept for 7 days"));
    assert_eq!(app.count(days, clinic.org).await, 7);
    for bad in ["0", "3651", "-1", "many", ""] {
        assert!(set(bad).await.contains("Enter a number of days from 1 to 3650."), "{bad}");
    }
    assert_eq!(app.count(days, clinic.org).await, 7);
    let member = app.sign_in(&clinic.email(Role::Member)).await;
    let answer = member.post("/dashboard/settings/retention", &[("org", &org), ("days", "1")]).await;
    assert_eq!(answer.status, 403);
}
