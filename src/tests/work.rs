//! Events that a worker takes up: at once, with the time of each stage, again after a failure, and never
//! twice to an end.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use voxanne::db::inbound;
use voxanne::domain::OrgId;
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

const LEASES_END: &str = "update inbound_events set lease_until = now() - interval '1 second' where org_id = $1 and lease_until is not null";

#[tokio::test(flavor = "multi_thread")]
async fn what_processes_that_died_had_leased_has_lost_no_attempt() {
    let app = TestApp::start().await;
    let wire = Wire::new(&app, "Sunrise Dental").await;
    assert_eq!(wire.send(&wire.report("call")).await.status, 200);
    // More often than an event is tried; none of them came to it.
    for _ in 0..40 {
        let leased = inbound::lease(&app.services.pool, OrgId(Uuid::nil()), 32, 30).await.unwrap();
        assert_eq!((leased.len(), leased[0].attempts), (1, 0));
        app.meddle(LEASES_END, wire.org).await;
    }
    jobs::work_off_inbox(app.services.clone()).await.unwrap();
    let (status, attempts, _) = status_of(&app, &wire, "end-of-call-report").await;
    assert_eq!((status.as_str(), attempts), ("processed", 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_whose_process_dies_of_it_each_time_is_parked_in_the_end() {
    let app = TestApp::start().await;
    let wire = Wire::new(&app, "Sunrise Dental").await;
    assert_eq!(wire.send(&wire.report("call")).await.status, 200);
    // Begun as often as an event is tried, and never put off.
    app.meddle("update inbound_events set attempts = 8 where org_id = $1", wire.org).await;
    jobs::work_off_inbox(app.services.clone()).await.unwrap();
    assert_eq!(status_of(&app, &wire, "end-of-call-report").await.0, "parked");
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_events_of_one_clinic_hold_back_nobody_elses() {
    let app = TestApp::start().await;
    let crowded = Wire::new(&app, "Sunrise Dental").await;
    let others = [Wire::new(&app, "Harbor Clinic").await, Wire::new(&app, "Lakeside").await];
    assert_eq!(crowded.send(&crowded.report("first")).await.status, 200);
    let many = app
        .meddle(
            "insert into inbound_events (org_id, id, source, kind, call_id, dedupe_key, sealed_payload, key_version,
                                         status, received_at, next_attempt_at)
             select e.org_id, gen_random_uuid(), e.source, e.kind, 'call-' || n, sha256(n::text::bytea), e.sealed_payload,
                    e.key_version, e.status, e.received_at, now() - interval '1 hour'
               from inbound_events e, generate_series(1, 10000) n where e.org_id = $1",
            crowded.org,
        )
        .await;
    assert_eq!(many, 10_000);
    for other in &others {
        assert_eq!(other.send(&other.report("one")).await.status, 200);
    }
    let of = |leased: &[inbound::LeasedEvent], wire: &Wire| {
        leased.iter().filter(|one| one.org_id == wire.org).count()
    };
    // From wherever the walk begins, both are in the first batch, and the rest of it is the crowd's.
    for after in [Uuid::nil(), crowded.org.0, others[0].org.0, Uuid::max()] {
        let leased = inbound::lease(&app.services.pool, OrgId(after), 32, 30).await.unwrap();
        let counts = (leased.len(), of(&leased, &others[0]), of(&leased, &others[1]));
        assert_eq!(counts, (32, 1, 1), "from {after}");
        for wire in [&crowded, &others[0], &others[1]] {
            app.meddle(LEASES_END, wire.org).await;
        }
    }
    // Two at once take different ones.
    let second = app.beside().await;
    let (one, two) = tokio::join!(
        inbound::lease(&app.services.pool, OrgId(Uuid::nil()), 32, 30),
        inbound::lease(&second.services.pool, OrgId(Uuid::nil()), 32, 30)
    );
    let (one, two) = (one.unwrap(), two.unwrap());
    assert!(two.iter().all(|other| one.iter().all(|own| own.id != other.id)));
}
