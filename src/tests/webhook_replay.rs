//! A repetition has one effect, for ever; what was accepted is there.

use std::collections::BTreeMap;

use tokio::task::JoinSet;

use super::support::app::TestApp;
use super::support::wire::{Wire, now, stored};
use super::tenancy_pool::all_cases;

/// Sends a body to servers in turn, that many times at once; counts the answers by status.
async fn flood(lines: &[Wire], bodies: &[String], times: usize, at_once: usize) -> BTreeMap<u16, usize> {
    let mut running = JoinSet::new();
    for worker in 0..at_once {
        let (lines, bodies) = (lines.to_vec(), bodies.to_vec());
        running.spawn(async move {
            let mut counts: BTreeMap<u16, usize> = BTreeMap::new();
            for at in (worker..times).step_by(at_once) {
                let line = &lines[at % lines.len()];
                // Each worker in an order of its own.
                let step = if worker % 2 == 0 { at } else { times - at };
                let status = line.send(&bodies[step % bodies.len()]).await.status;
                *counts.entry(status).or_default() += 1;
            }
            counts
        });
    }
    let mut total: BTreeMap<u16, usize> = BTreeMap::new();
    for counts in running.join_all().await {
        for (status, count) in counts {
            *total.entry(status).or_default() += count;
        }
    }
    total
}

#[tokio::test(flavor = "multi_thread")]
async fn one_report_a_thousand_times_to_two_servers_is_one_row_also_after_a_restart() {
    let first = TestApp::start().await;
    let second = first.beside().await;
    let wire = Wire::new(&first, "Sunrise Dental").await;
    let lines = [wire.to(&first), wire.to(&second)];
    let report = [wire.report("call-1")];
    // Under way at once; `VOXANNE_BARS=full` has all of them under way.
    let at_once = if all_cases() { 1_000 } else { 100 };
    assert_eq!(flood(&lines, &report, 1000, at_once).await, BTreeMap::from([(200, 1000)]));
    assert_eq!(stored(&first, wire.org).await, 1);

    let restarted = first.beside().await;
    assert_eq!(flood(&[wire.to(&restarted)], &report, 100, 50).await, BTreeMap::from([(200, 100)]));
    assert_eq!(stored(&first, wire.org).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_reports_repeated_in_any_order_at_two_servers_are_never_refused() {
    let first = TestApp::start().await;
    let second = first.beside().await;
    let wire = Wire::new(&first, "Sunrise Dental").await;
    let lines = [wire.to(&first), wire.to(&second)];
    let reports: Vec<String> = (0..97).map(|call| wire.report(&format!("call-{call}"))).collect();
    assert_eq!(flood(&lines, &reports, 1940, 64).await, BTreeMap::from([(200, 1940)]));
    assert_eq!(stored(&first, wire.org).await, 97);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_the_same_though_its_addresses_and_time_differ() {
    let app = TestApp::start().await;
    let wire = Wire::new(&app, "Sunrise Dental").await;
    for log in ["https://storage.example/1", "https://storage.example/2"] {
        let more = serde_json::json!({ "timestamp": log.len(), "artifact": { "logUrl": log } });
        assert_eq!(wire.send(&wire.message("end-of-call-report", "c", &more)).await.status, 200);
    }
    assert_eq!(stored(&app, wire.org).await, 1);
    for status in ["ringing", "in-progress", "ended", "ended"] {
        let more = serde_json::json!({ "status": status });
        assert_eq!(wire.send(&wire.message("status-update", "c", &more)).await.status, 200);
    }
    assert_eq!(stored(&app, wire.org).await, 4);
    // The same call id at another clinic is another call.
    let other = Wire::new(&app, "Harbor Clinic").await;
    assert_eq!(other.send(&other.report("c")).await.status, 200);
    assert_eq!((stored(&app, wire.org).await, stored(&app, other.org).await), (4, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_is_good_for_five_minutes_either_way() {
    let app = TestApp::start().await;
    let wire = Wire::new(&app, "Sunrise Dental").await;
    let signed_at = now();
    let body = wire.report("old");
    let headers = wire.sign(body.as_bytes(), signed_at);
    let mut moved = 0;
    // The clock is set so that the age is what it says when the request is sent; the second that may
    // pass meanwhile makes it older by one at most.
    for (age, status) in
        [(298, 200), (301, 401), (-301, 401), (-299, 200), (302, 401), (-400, 401), (86_400, 401)]
    {
        let elapsed = now() - signed_at;
        let ahead = if status == 401 && age < 0 { age - 2 } else { age } - elapsed;
        app.clock.advance(time::Duration::seconds(ahead - moved));
        moved = ahead;
        let answer = wire.post(body.clone().into_bytes(), &headers).await;
        assert_eq!(answer.status, status, "{age} s");
    }
    assert_eq!(stored(&app, wire.org).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_every_200_the_row_is_there() {
    let app = TestApp::start().await;
    let wire = Wire::new(&app, "Sunrise Dental").await;
    let mut running = JoinSet::new();
    for at in 0..200 {
        let (wire, pool) = (wire.clone(), app.db.superuser.clone());
        running.spawn(async move {
            let call = format!("call-{at}");
            let kind = if at % 4 == 0 { "assistant-request" } else { "end-of-call-report" };
            let answer = wire.send(&wire.message(kind, &call, &serde_json::json!({}))).await;
            assert_eq!(answer.status, 200);
            let there: bool =
                sqlx::query_scalar("select exists (select 1 from inbound_events where call_id = $1)")
                    .bind(&call)
                    .fetch_one(&pool)
                    .await
                    .unwrap();
            assert!(there, "{call}");
        });
    }
    running.join_all().await;
    assert_eq!(stored(&app, wire.org).await, 200);
}
