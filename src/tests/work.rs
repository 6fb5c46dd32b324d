//! Events that a worker takes up: at once, with the time of each stage, again after a failure, and never
//! twice to an end.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use voxanne::jobs;

use super::support::app::TestApp;
use super::support::wire::Wire;

async fn status_of(app: &TestApp, wire: &Wire, kind: &str) -> (String, i32, Value) {
    sqlx::query_as(
        "select status, attempts, trace::jsonb from inbound_events where org_id = $1 and kind = $2 order by id limit 1",
    )
    .bind(wire.org.0)
    .bind(kind)
    .fetch_one(&app.db.superuser)
    .await
    .unwrap()
}

fn stages(trace: &Value) -> Vec<(String, u64)> {
    let stage = |s: &Value| (s["stage"].as_str().unwrap().to_owned(), s["us"].as_u64().unwrap());
    trace.as_array().unwrap().iter().map(stage).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_waits_for_the_worker_and_gets_its_stages() {
    let app = TestApp::start().await;
    let wire = Wire::new(&app, "Sunrise Dental").await;
    assert_eq!(wire.send(&wire.report("call")).await.status, 200);
    assert_eq!(wire.send(&wire.message("hang", "call", &json!({}))).await.status, 200);
    let ringing = json!({ "status": "ringing" });
    assert_eq!(wire.send(&wire.message("status-update", "call", &ringing)).await.status, 200);
    for done in ["hang", "status-update"] {
        assert_eq!(status_of(&app, &wire, done).await.0, "processed", "{done}: nobody needs it");
    }
    assert_eq!(status_of(&app, &wire, "end-of-call-report").await.0, "received");
    // Two processes at once, and once more: one end.
    let other = app.beside().await;
    let (one, two) = tokio::join!(
        jobs::work_off_inbox(app.services.clone()),
        jobs::work_off_inbox(other.services.clone())
    );
    one.unwrap();
    two.unwrap();
    jobs::work_off_inbox(app.services.clone()).await.unwrap();
    let (status, attempts, trace) = status_of(&app, &wire, "end-of-call-report").await;
    assert_eq!((status.as_str(), attempts), ("processed", 1));
    let stages = stages(&trace);
    let names: Vec<&str> = stages.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        (names[..4].to_vec(), names[names.len() - 1]),
        (vec!["received", "verified", "sealed", "taken"], "worked off")
    );
    let times: Vec<u64> = stages.iter().map(|(_, us)| *us).collect();
    assert!(times.is_sorted() && times.iter().all(|us| *us < 60_000_000), "{times:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worker_of_the_same_process_wakes_up_at_once() {
    let app = TestApp::start().await;
    let wire = Wire::new(&app, "Sunrise Dental").await;
    assert_eq!(wire.send(&wire.report("first")).await.status, 200);
    let stop = CancellationToken::new();
    let mut worker = jobs::start_worker(&app.services, &stop);
    let waiting = "select count(*) from inbound_events where org_id = $1 and status = 'received'";
    let mut slowest = Duration::ZERO;
    for at in 0..20 {
        let sent = Instant::now();
        assert_eq!(wire.send(&wire.report(&format!("call-{at}"))).await.status, 200);
        while app.count(waiting, wire.org).await > 0 {
            assert!(sent.elapsed() < Duration::from_secs(10));
        }
        slowest = slowest.max(sent.elapsed());
    }
    stop.cancel();
    while worker.join_next().await.is_some() {}
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_worked_off_is_put_off_and_at_last_parked() {
    let app = TestApp::start().await;
    let wire = Wire::new(&app, "Sunrise Dental").await;
    let other = Wire::new(&app, "Harbor Clinic").await;
    assert_eq!(wire.send(&wire.report("call")).await.status, 200);
    // A payload that does not open: it was moved here from nowhere.
    app.meddle("update inbound_events set sealed_payload = '\\x00' where org_id = $1", wire.org).await;
    for attempt in 1..=8 {
        let due = "update inbound_events set next_attempt_at = now() where org_id = $1";
        app.meddle(due, wire.org).await;
        jobs::work_off_inbox(app.services.clone()).await.unwrap();
        let (status, attempts, _) = status_of(&app, &wire, "end-of-call-report").await;
        let expected = if attempt < 8 { "received" } else { "parked" };
        assert_eq!((status.as_str(), attempts), (expected, attempt));
    }
    // Nobody waits for it meanwhile.
    assert_eq!(other.send(&other.report("call")).await.status, 200);
    jobs::work_off_inbox(app.services.clone()).await.unwrap();
    assert_eq!(status_of(&app, &other, "end-of-call-report").await.0, "processed");
    let why = "select count(*) from inbound_events where org_id = $1 and error like '%could not be opened%'";
    assert_eq!(app.count(why, wire.org).await, 1);
}
