//! What holds for deliveries beside the schedule: when an endpoint is given up and who hears of it, calls by
//! hand that hang or lose their process, the rate of a clinic, and what looking at the queue costs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::Executor;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use voxanne::db::delivery_queue::{self as queue, Share};
use voxanne::domain::Role;
use voxanne::integrations::Caller;
use voxanne::integrations::endpoints::call::{CallInput, call_within};
use voxanne::jobs;
use voxanne::sandbox::HookBehaviour;
use voxanne::webhooks::retry::Outcome;

use super::deliveries::{let_time_pass, number, send_due, tell};
use super::endpoints::{House, house};
use super::support::app::TestApp;

/// A day goes by at the endpoints: what is known of failures is a day older.
async fn let_a_day_pass(app: &TestApp) {
    app.db
        .superuser
        .execute(
            "update delivery_hours set hour = hour - interval '10 years';
             update delivery_hours set hour = hour + interval '10 years' - interval '1 day';
             update endpoints set failing_since = failing_since - interval '1 day'",
        )
        .await
        .unwrap();
    let_time_pass(app).await;
}

async fn failing() -> House {
    let house = house().await;
    house.endpoint("leads", json!({})).await;
    house.app.sandbox.hooks().set_behaviour("demo/leads", HookBehaviour::Reset);
    house
}

#[tokio::test(flavor = "multi_thread")]
async fn five_days_of_failure_switch_an_endpoint_off_and_two_bad_moments_do_not() {
    let house = failing().await;
    let app = &house.app;
    tell(app, house.clinic.org, "lead.hot", json!({})).await;
    send_due(app).await;
    for _ in 0..6 {
        let_a_day_pass(app).await;
    }
    send_due(app).await;
    let shown = house.show("leads").await;
    assert_eq!((&shown["isActive"], &shown["failuresInRow"]), (&json!(true), &json!(2)), "{shown}");

    // Tried on every one of five days, and it took nothing.
    let house = failing().await;
    let app = &house.app;
    for day in 0..5 {
        tell(app, house.clinic.org, "lead.hot", json!({})).await;
        send_due(app).await;
        assert_eq!(house.show("leads").await["isActive"], true, "day {day}");
        let_a_day_pass(app).await;
    }
    send_due(app).await;
    let shown = house.show("leads").await;
    assert_eq!((&shown["isActive"], &shown["disabledReason"]), (&json!(false), &json!("failing")), "{shown}");
    assert_eq!(
        number(app, "select count(*) from deliveries where status not in ('parked', 'dead')").await,
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_was_switched_off_stands_on_the_overview_until_somebody_has_seen_to_it() {
    let house = house().await;
    let app = &house.app;
    house.endpoint("leads", json!({})).await;
    house
        .endpoint("watch", json!({ "events": ["integration.needs_attention", "integration.recovered"] }))
        .await;
    app.sandbox.hooks().set_behaviour("demo/leads", HookBehaviour::Status(410));
    for at in 0..3 {
        tell(app, house.clinic.org, "lead.hot", json!({ "at": at })).await;
    }
    send_due(app).await;
    send_due(app).await;
    let page = house.owner.get("/dashboard").await.body;
    let link = "href=\"/dashboard/webhooks/endpoints/leads\"";
    assert!(page.contains("Endpoint leads") && page.contains(link), "{page}");
    assert!(page.contains("answered 410 (gone)"), "{page}");
    let open = "select count(*) from incidents where closed_at is null";
    assert_eq!(number(app, open).await, 1, "one, however many deliveries met it");

    // A colleague of another clinic sees nothing of it.
    let other = app.clinic("Harbor Clinic").await;
    let stranger = app.sign_in(&other.email(Role::Owner)).await;
    assert!(!stranger.get("/dashboard").await.body.contains("Endpoint leads"));

    app.sandbox.hooks().set_behaviour("demo/leads", HookBehaviour::Works);
    let on = house.owner.send("POST", "/api/endpoints/leads/enable", Some(json!({ "replay": true }))).await;
    assert_eq!(on.status, 200, "{}", on.body);
    assert_eq!(number(app, open).await, 0);
    assert!(!house.owner.get("/dashboard").await.body.contains("Endpoint leads"));
    send_due(app).await;
    let told: Vec<Value> = app
        .sandbox
        .hooks()
        .received()
        .iter()
        .filter(|hook| hook.path == "demo/watch")
        .map(|hook| serde_json::from_str(&hook.body).unwrap())
        .collect();
    let words: Vec<(&str, &str)> = told
        .iter()
        .map(|body| (body["type"].as_str().unwrap(), body["data"]["endpoint"].as_str().unwrap()))
        .collect();
    assert_eq!(words, [("integration.needs_attention", "leads"), ("integration.recovered", "leads")]);
    assert_eq!(told[0]["data"]["incidentId"], told[1]["data"]["incidentId"]);

    // Deleting it settles the matter too.
    app.sandbox.hooks().set_behaviour("demo/leads", HookBehaviour::Status(410));
    tell(app, house.clinic.org, "lead.hot", json!({})).await;
    send_due(app).await;
    assert_eq!(number(app, open).await, 1);
    assert_eq!(house.owner.send("DELETE", "/api/endpoints/leads", None).await.status, 204);
    assert_eq!(number(app, open).await, 0);
}

fn by_hand() -> CallInput {
    CallInput { payload: json!({ "lead": "Sam" }), triggered_by: None, metadata: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_by_hand_ends_in_its_time_whatever_the_endpoint_does() {
    let house = house().await;
    let app = &house.app;
    house.endpoint("hangs", json!({})).await;
    house.endpoint("fails", json!({})).await;
    app.sandbox.hooks().set_behaviour("demo/hangs", HookBehaviour::Hang);
    app.sandbox.hooks().set_behaviour("demo/fails", HookBehaviour::Status(500));
    let caller = Caller::service(house.clinic.org);
    let total = Duration::from_millis(700);
    let began = Instant::now();
    let called = call_within(&app.services, &caller, "hangs", by_hand(), total).await.unwrap();
    assert!(began.elapsed() >= total, "{:?}", began.elapsed());
    assert!(called.millis < 5_000, "the total is that of all tries: {}", called.millis);
    assert_eq!((called.attempts, called.answer.outcome), (1, Outcome::Timeout));
    // Three tries take 300 ms and 1.2 s of waiting: no time is left for the third.
    let called = call_within(&app.services, &caller, "fails", by_hand(), total).await.unwrap();
    assert_eq!((called.attempts, called.answer.outcome), (2, Outcome::ServerError));
    let called =
        call_within(&app.services, &caller, "fails", by_hand(), Duration::from_secs(15)).await.unwrap();
    assert_eq!(called.attempts, 3);
    assert_eq!(number(app, "select count(*) from delivery_queue").await, 0, "nothing goes on by itself");
    assert_eq!(number(app, "select count(*) from deliveries where status = 'dead'").await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_by_hand_that_lost_its_process_is_unknown_and_sent_by_nobody() {
    let house = house().await;
    let app = &house.app;
    house.endpoint("leads", json!({})).await;
    app.sandbox.hooks().set_behaviour("demo/leads", HookBehaviour::Hang);
    let services: Arc<_> = app.services.clone();
    let caller = Caller::service(house.clinic.org);
    let calling = tokio::spawn(async move {
        call_within(&services, &caller, "leads", by_hand(), Duration::from_secs(15)).await
    });
    let began = Instant::now();
    while app.sandbox.hooks().received().is_empty() {
        assert!(began.elapsed() < Duration::from_secs(10), "it was never sent");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // While its process lives nobody else takes it up.
    send_due(app).await;
    assert_eq!(number(app, "select count(*) from deliveries where status = 'pending'").await, 1);
    // Its lease ends without a word.
    let_time_pass(app).await;
    send_due(app).await;
    assert_eq!(app.sandbox.hooks().received().len(), 1, "it is not sent again");
    let listed = house.owner.send("GET", "/api/deliveries", None).await.json();
    let one = &listed["deliveries"][0];
    assert_eq!((&one["status"], &one["attempts"]), (&json!("dead"), &json!(0)), "{one}");
    assert!(one["lastError"].as_str().unwrap().contains("nobody knows whether it arrived"), "{one}");
    calling.abort();

    // A person who has looked there sends it again; that follows the schedule.
    app.sandbox.hooks().set_behaviour("demo/leads", HookBehaviour::Works);
    let path = format!("/api/deliveries/{}/replay", one["id"].as_str().unwrap());
    assert_eq!(house.owner.send("POST", &path, None).await.json()["replayed"], 1);
    send_due(app).await;
    assert_eq!(app.sandbox.hooks().received().len(), 2);
    assert_eq!(number(app, "select count(*) from deliveries where status = 'succeeded'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clinic_has_one_rate_however_many_workers_there_are() {
    const EVENTS: i64 = 100;
    let house = house().await;
    let app = &house.app;
    let second = app.beside().await;
    house.endpoint("busy", json!({})).await;
    for at in 0..EVENTS {
        tell(app, house.clinic.org, "lead.hot", json!({ "at": at })).await;
    }
    let stop = CancellationToken::new();
    let began = Instant::now();
    let workers = [&app.services, &second.services]
        .map(|services| tokio::spawn(jobs::send_deliveries(services.clone(), stop.clone())));
    while number(app, "select count(*) from deliveries where status = 'succeeded'").await < EVENTS {
        assert!(began.elapsed() < Duration::from_secs(60), "they are never done");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let took = began.elapsed();
    stop.cancel();
    for worker in workers {
        worker.await.unwrap();
    }
    // Twenty in the first second, and twenty in each of those that follow.
    assert!(took >= Duration::from_millis(4_000), "{EVENTS} events went out within {took:?}");
    assert_eq!(app.sandbox.hooks().received().len(), usize::try_from(EVENTS).unwrap());
}

/// Endpoints by the thousand, each with something in the queue.
async fn fill_lanes(app: &TestApp, org: Uuid, lanes: i32) {
    sqlx::query(
        "with made as (
           insert into endpoints (org_id, id, workflow_name, url, created_by, updated_by, failures_in_row, blocked_until)
           select $1, gen_random_uuid(), 'lane-' || n, 'https://example.com/', 'test', 'test', 9, now() + interval '1 hour'
             from generate_series(1, $2) n returning id),
         told as (
           insert into outbound_events (org_id, id, kind, key_version, triggered_by) values ($1, $1, 'lead.hot', 1, 'test')),
         written as (
           insert into deliveries (org_id, id, event_id, endpoint_id, workflow_name, kind, triggered_by)
           select $1, gen_random_uuid(), $1, made.id, 'lane', 'lead.hot', 'test' from made, generate_series(1, 3)
           returning id, endpoint_id)
         insert into delivery_queue (org_id, delivery_id, endpoint_id, due_at)
         select $1, id, endpoint_id, now() - interval '1 second' from written",
    )
    .bind(org)
    .bind(lanes)
    .execute(&app.db.superuser)
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stderr, reason = "the figure is for whoever measures")]
async fn looking_at_a_queue_of_thousands_of_failing_endpoints_reads_an_index_once_for_each() {
    const LANES: i64 = 3_000;
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    fill_lanes(&app, clinic.org.0, 3_000).await;
    let share =
        Share { most: 40, lease_seconds: 45, per_clinic: 4, per_endpoint: 4, failures: 5, per_second: 20 };
    let scans = async || -> (i64, i64, i64) {
        let sql = "select sum(seq_scan) filter (where relname = 'delivery_queue')::int8,
                          sum(idx_scan) filter (where relname = 'delivery_queue')::int8,
                          sum(idx_scan) filter (where relname = 'endpoints')::int8 from pg_stat_xact_user_tables";
        let mut tx = app.db.app.begin().await.unwrap();
        let (seq, queue_before, endpoints_before): (i64, i64, i64) =
            sqlx::query_as(sql).fetch_one(&mut *tx).await.unwrap();
        let leased: Vec<Uuid> =
            sqlx::query_scalar("select delivery_id from lease_deliveries($1, $1, 40, 45, 4, 4, 5, 20)")
                .bind(Uuid::nil())
                .fetch_all(&mut *tx)
                .await
                .unwrap();
        let (seq_after, queue_after, endpoints_after): (i64, i64, i64) =
            sqlx::query_as(sql).fetch_one(&mut *tx).await.unwrap();
        tx.rollback().await.unwrap();
        assert!(leased.len() <= 4, "{}", leased.len());
        (seq_after - seq, queue_after - queue_before, endpoints_after - endpoints_before)
    };
    let (seq, probes, looked) = scans().await;
    assert_eq!(seq, 0, "the queue is never read as a whole");
    assert!(probes <= LANES + 20, "{probes} probes for {LANES} lanes");
    assert!(looked <= LANES + 5, "{looked}");
    let began = Instant::now();
    assert!(queue::lease(&app.services.pool, (Uuid::nil(), Uuid::nil()), &share).await.unwrap().is_empty());
    eprintln!("a look at {LANES} endpoints that fail: {:?}, {probes} probes of the queue", began.elapsed());

    // One of them is let try again: it gets its one probe, and so does what is due of a neighbour.
    app.db
        .superuser
        .execute("update endpoints set blocked_until = null where workflow_name in ('lane-7', 'lane-9')")
        .await
        .unwrap();
    let leased = queue::lease(&app.services.pool, (Uuid::nil(), Uuid::nil()), &share).await.unwrap();
    assert_eq!(leased.len(), 2, "one probe of each endpoint that has failed");
    let again = queue::lease(&app.services.pool, (Uuid::nil(), Uuid::nil()), &share).await.unwrap();
    assert!(again.is_empty(), "and no other while it is under way");

    // What waits for a later time is passed by without a look at its endpoint.
    app.db.superuser.execute("update delivery_queue set due_at = now() + interval '1 hour'").await.unwrap();
    app.db
        .superuser
        .execute(
            "update delivery_queue set due_at = now() where ctid = (select min(ctid) from delivery_queue)",
        )
        .await
        .unwrap();
    let (seq, probes, looked) = scans().await;
    assert!(seq == 0 && probes <= LANES + 20 && looked <= 3, "{seq} {probes} {looked}");
}
