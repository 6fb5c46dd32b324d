//! What becomes of old deliveries: their bodies are emptied by the clinic's retention; an operator prunes them, into the archive
//! first, then gone.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};
use sqlx::Executor;
use uuid::Uuid;
use voxanne::domain::Role;
use voxanne::jobs;
use voxanne::sandbox::HookBehaviour;

use super::deliveries::{number, send_due, tell};
use super::endpoints::{House, house};
use super::support::app::TestApp;
use super::support::cluster::{TestDb, scratch_folder};
use super::support::process::run;

const KEY: &str = "abababababababababababababababababababababababababababababababab";

#[tokio::test(flavor = "multi_thread")]
async fn old_deliveries_are_archived_and_deleted_and_endpoints_and_counts_stay() {
    let app = TestApp::start_with(TestDb::create().await, KEY).await;
    let clinic = app.clinic("Sunrise Dental").await;
    let owner = app.sign_in(&clinic.email(Role::Owner)).await;
    let other = app.clinic("Harbor Clinic").await;
    let house = House { app, clinic, owner };
    let app = &house.app;
    house.endpoint("good", json!({})).await;
    house.endpoint("bad", json!({})).await;
    app.sandbox.hooks().set_behaviour("demo/bad", HookBehaviour::Status(500));
    for at in 0..3 {
        tell(app, house.clinic.org, "lead.hot", json!({ "name": format!("Patient {at}") })).await;
    }
    tell(app, other.org, "lead.hot", json!({ "name": "Nobody wants to know" })).await;
    send_due(app).await;
    app.db
        .superuser
        .execute(
            "update outbound_events set created_at = created_at - interval '100 days';
             update deliveries set created_at = created_at - interval '100 days'",
        )
        .await
        .unwrap();
    tell(app, house.clinic.org, "lead.hot", json!({ "name": "Young" })).await;
    send_due(app).await;
    let before = house.show("good").await;

    let folder = scratch_folder("prune");
    let archive = folder.join("deliveries.jsonl");
    let url = app.db.url("voxanne_app");
    let environment = [("DATABASE_URL", url.as_str()), ("ENCRYPTION_KEY", KEY), ("SANDBOX", "true")];
    let arguments =
        ["deliveries", "prune", "--older-than-days", "90", "--archive", archive.to_str().unwrap()];
    let pruned = run(&arguments, &environment, "");
    assert_eq!(pruned.code, Some(0), "{pruned:?}");
    assert!(pruned.out.contains("3 deliveries with 3 attempts"), "{pruned:?}");
    assert!(!pruned.out.contains("Patient"), "{pruned:?}");

    let text = std::fs::read_to_string(&archive).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (told, untold): (Vec<&Value>, Vec<&Value>) =
        lines.iter().partition(|line| line.get("delivery").is_some());
    assert_eq!(told.len(), 3, "the failing ones wait for their next try and stay");
    assert_eq!(untold.len(), 1, "what nobody was told of is deleted too, so it stands here too");
    assert_eq!(untold[0]["organization"], other.org.to_string());
    assert!(untold[0]["payload"]["body"].as_str().unwrap().contains("Nobody wants to know"), "{}", untold[0]);
    for line in told {
        assert_eq!(
            (&line["delivery"]["workflow_name"], &line["delivery"]["status"]),
            (&json!("good"), &json!("succeeded"))
        );
        assert!(line["payload"]["body"].as_str().unwrap().contains("Patient"), "{line}");
        assert_eq!(line["attempts"][0]["outcome"], "succeeded");
        assert!(line["attempts"][0].get("sealed_answer").is_none());
        // What was answered is deleted with the attempt, so the archive has it, readable.
        assert_eq!(line["attempts"][0]["answer"]["text"], r#"{"message":"Workflow was started"}"#, "{line}");
    }
    assert_eq!(std::fs::metadata(&archive).unwrap().permissions().mode() & 0o777, 0o600);
    let number = |sql: &'static str| async move {
        sqlx::query_scalar::<_, i64>(sql).fetch_one(&app.db.superuser).await.unwrap()
    };
    assert_eq!(
        number("select count(*) from deliveries where workflow_name = 'good'").await,
        1,
        "the young one"
    );
    assert_eq!(number("select count(*) from deliveries where workflow_name = 'bad'").await, 4);
    assert_eq!(number("select count(*) from outbound_events").await, 4, "that of the other clinic went too");
    assert_eq!(house.show("good").await, before, "endpoints and their counts stay");
    assert_eq!(
        number("select sum(attempts)::bigint from delivery_hours where outcome = 'succeeded'").await,
        4
    );
    assert!(house.owner.send("GET", "/api/audit", None).await.body.contains("delivery.pruned"));

    // Again: nothing is left to do, and what is in the archive stays.
    let again = run(&arguments, &environment, "");
    assert!(again.code == Some(0) && again.out.contains("0 deliveries"), "{again:?}");
    assert_eq!(std::fs::read_to_string(&archive).unwrap(), text);
    let wrong = run(&["deliveries", "prune", "--older-than-days", "0", "--archive", "x"], &environment, "");
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn old_bodies_are_emptied_but_none_that_is_still_to_be_sent() {
    let house = house().await;
    let app = &house.app;
    house.endpoint("good", json!({})).await;
    house.endpoint("bad", json!({})).await;
    app.sandbox.hooks().set_behaviour("demo/bad", HookBehaviour::Status(500));
    let kept = tell(app, house.clinic.org, "lead.hot", json!({})).await;
    send_due(app).await;
    app.db
        .superuser
        .execute("update endpoints set is_active = false where workflow_name = 'bad'")
        .await
        .unwrap();
    let emptied = tell(app, house.clinic.org, "note.taken", json!({})).await;
    send_due(app).await;
    app.db
        .superuser
        .execute(
            "update outbound_events set created_at = created_at - interval '31 days';
             update delivery_attempts set attempted_at = attempted_at - interval '31 days'",
        )
        .await
        .unwrap();
    jobs::sweep_hourly(app.services.clone()).await.unwrap();
    let filled: Vec<Uuid> =
        sqlx::query_scalar("select id from outbound_events where sealed_payload is not null")
            .fetch_all(&app.db.superuser)
            .await
            .unwrap();
    assert_eq!(filled, [kept], "the first one waits for its next try; {emptied} does not");
    assert_eq!(
        number(app, "select count(*) from delivery_attempts where sealed_answer is not null").await,
        0
    );
    assert_eq!(
        number(app, "select count(*) from delivery_attempts").await,
        3,
        "the attempts themselves stay"
    );
}
