//! Deliveries: told where somebody wants to know, tried again as promised (bar W8), and given up in the
//! open. That one clinic's broken endpoint is nobody else's trouble is in `noisy_neighbours`.
//!
//! Time passes by moving due times in the database back; the schedule itself is in `webhooks::retry`.

use serde_json::{Value, json};
use sqlx::Executor;
use uuid::Uuid;
use voxanne::db::OrgTx;
use voxanne::domain::OrgId;
use voxanne::jobs;
use voxanne::sandbox::{HookBehaviour, SignatureVerdict};
use voxanne::webhooks::outbound::{OutboundEvent, emit};

use super::endpoints::{House, house};
use super::support::app::TestApp;

pub async fn tell(app: &TestApp, org: OrgId, kind: &'static str, data: Value) -> Uuid {
    let event =
        OutboundEvent { kind, data, triggered_by: "call".to_owned(), metadata: json!({ "from": "test" }) };
    let mut tx = OrgTx::service(&app.services.pool, org).await.unwrap();
    let id = emit(&mut tx, &app.services.vault, &event).await.unwrap();
    tx.commit().await.unwrap();
    id
}

pub async fn send_due(app: &TestApp) {
    jobs::send_due_deliveries(app.services.clone()).await.unwrap();
}

/// Everything that waits is due now, and no endpoint is left alone any longer.
pub async fn let_time_pass(app: &TestApp) {
    app.db
        .superuser
        .execute(
            "update delivery_queue set due_at = now(), lease_until = null where due_at > now();
             update endpoints set blocked_until = now() where blocked_until > now()",
        )
        .await
        .unwrap();
}

async fn deliveries(house: &House) -> Vec<Value> {
    let list = house.owner.send("GET", "/api/deliveries", None).await;
    assert_eq!(list.status, 200, "{}", list.body);
    list.json()["deliveries"].as_array().unwrap().clone()
}

pub async fn number(app: &TestApp, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(&app.db.superuser).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_goes_to_the_active_endpoints_that_want_it_and_to_no_other_clinic() {
    let house = house().await;
    let other = house.app.clinic("Harbor Clinic").await;
    house.endpoint("everything", json!({})).await;
    house.endpoint("bookings", json!({ "events": ["appointment.booked", "appointment.cancelled"] })).await;
    house.endpoint("leads", json!({ "events": ["lead.hot"] })).await;
    house.endpoint("asleep", json!({ "isActive": false })).await;
    let event =
        tell(&house.app, house.clinic.org, "appointment.booked", json!({ "appointmentId": "a1" })).await;
    tell(&house.app, other.org, "appointment.booked", json!({ "appointmentId": "theirs" })).await;
    send_due(&house.app).await;
    let mut came = house.app.sandbox.hooks().received();
    came.sort_by(|one, two| one.path.cmp(&two.path));
    let paths: Vec<&str> = came.iter().map(|hook| hook.path.as_str()).collect();
    assert_eq!(paths, ["demo/bookings", "demo/everything"]);
    for hook in &came {
        assert_eq!(hook.signature, SignatureVerdict::Verified(1));
        assert_eq!(hook.id, event.to_string());
        let body: Value = serde_json::from_str(&hook.body).unwrap();
        assert_eq!(
            (&body["type"], &body["data"]["appointmentId"]),
            (&json!("appointment.booked"), &json!("a1"))
        );
        assert!(body["timestamp"].as_str().unwrap().ends_with('Z'));
    }
    let listed = deliveries(&house).await;
    assert!(listed.len() == 2 && listed.iter().all(|one| one["status"] == "succeeded"), "{listed:?}");
    assert_eq!(
        number(&house.app, "select count(*) from delivery_queue").await,
        0,
        "what is done leaves the queue"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_told_of_what_was_rolled_back() {
    let house = house().await;
    house.endpoint("everything", json!({})).await;
    let app = &house.app;
    let event = OutboundEvent {
        kind: "note.taken",
        data: json!({}),
        triggered_by: "call".to_owned(),
        metadata: json!({}),
    };
    let mut tx = OrgTx::service(&app.services.pool, house.clinic.org).await.unwrap();
    emit(&mut tx, &app.services.vault, &event).await.unwrap();
    tx.rollback().await;
    send_due(app).await;
    assert_eq!(app.sandbox.hooks().received().len(), 0);
    assert_eq!(number(app, "select count(*) from outbound_events").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_delivery_is_tried_eight_times_under_one_id_and_then_a_person_replays_it() {
    let house = house().await;
    house.endpoint("leads", json!({})).await;
    let hooks = house.app.sandbox.hooks();
    hooks.set_behaviour("demo/leads", HookBehaviour::Status(500));
    let event = tell(&house.app, house.clinic.org, "lead.hot", json!({ "leadId": "l1" })).await;
    for tries in 1..=8 {
        send_due(&house.app).await;
        assert_eq!(hooks.received().len(), tries, "one try, and none before its time");
        let_time_pass(&house.app).await;
    }
    send_due(&house.app).await;
    let came = hooks.received();
    assert_eq!(came.len(), 8, "the last one was the last");
    assert!(
        came.iter().all(|hook| hook.id == event.to_string() && hook.body == came[0].body),
        "the same bytes"
    );
    let dead = &deliveries(&house).await[0];
    assert_eq!(
        (&dead["status"], &dead["attempts"], &dead["lastStatus"]),
        (&json!("dead"), &json!(8), &json!(500)),
        "{dead}"
    );

    hooks.set_behaviour("demo/leads", HookBehaviour::Works);
    let path = format!("/api/deliveries/{}/replay", dead["id"].as_str().unwrap());
    assert_eq!(house.owner.send("POST", &path, None).await.json()["replayed"], 1);
    send_due(&house.app).await;
    assert_eq!(hooks.received().len(), 9);
    assert_eq!(hooks.received()[8].id, event.to_string(), "a replay has the same id");
    let done = &deliveries(&house).await[0];
    assert_eq!((&done["status"], &done["attempts"]), (&json!("succeeded"), &json!(9)));
}

#[tokio::test(flavor = "multi_thread")]
async fn waits_follow_the_schedule_and_what_the_endpoint_asks_for() {
    let house = house().await;
    let app = &house.app;
    house.endpoint("busy", json!({})).await;
    house.endpoint("broken", json!({})).await;
    app.sandbox.hooks().set_behaviour("demo/busy", HookBehaviour::Throttled(1800));
    app.sandbox.hooks().set_behaviour("demo/broken", HookBehaviour::Status(500));
    tell(app, house.clinic.org, "lead.hot", json!({})).await;
    send_due(app).await;
    let wait = |name: &'static str| async move {
        let sql = "select extract(epoch from q.due_at - now())::float8 from delivery_queue q join deliveries d on d.id = q.delivery_id
                    where d.workflow_name = $1";
        sqlx::query_scalar::<_, f64>(sql).bind(name).fetch_one(&app.db.superuser).await.unwrap()
    };
    assert!((1790.0..=1800.0).contains(&wait("busy").await), "{}", wait("busy").await);
    assert!((0.0..=6.0).contains(&wait("broken").await), "{}", wait("broken").await);
    assert_eq!(house.show("busy").await["blockedReason"], "throttled");
    // A second event waits too: it is the endpoint that is busy, not one delivery.
    tell(app, house.clinic.org, "note.taken", json!({})).await;
    send_due(app).await;
    let busy = app.sandbox.hooks().received().iter().filter(|hook| hook.path == "demo/busy").count();
    assert_eq!(busy, 1);
    let broken = app.sandbox.hooks().received().iter().filter(|hook| hook.path == "demo/broken").count();
    assert_eq!(broken, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_gone_is_switched_off_and_one_click_brings_everything_back() {
    let house = house().await;
    let app = &house.app;
    house.endpoint("leads", json!({})).await;
    house.endpoint("watch", json!({ "events": ["integration.needs_attention"] })).await;
    let hooks = app.sandbox.hooks();
    hooks.set_behaviour("demo/leads", HookBehaviour::Status(410));
    for at in 0..6 {
        tell(app, house.clinic.org, "lead.hot", json!({ "at": at })).await;
    }
    send_due(app).await;
    let shown = house.show("leads").await;
    assert_eq!((&shown["isActive"], &shown["disabledReason"]), (&json!(false), &json!("gone")), "{shown}");
    let parked =
        number(app, "select count(*) from deliveries where status = 'parked' and workflow_name = 'leads'")
            .await;
    assert_eq!(parked, 6);
    send_due(app).await;
    // The clinic hears of it: in its trail, and through its other endpoint.
    assert!(house.owner.send("GET", "/api/audit", None).await.body.contains("endpoint.switched_off"));
    let notice = hooks.received().into_iter().find(|hook| hook.path == "demo/watch").expect("a notice");
    let body: Value = serde_json::from_str(&notice.body).unwrap();
    assert_eq!(
        (&body["data"]["endpoint"], &body["data"]["cause"]),
        (&json!("leads"), &json!("gone")),
        "{body}"
    );

    hooks.set_behaviour("demo/leads", HookBehaviour::Works);
    hooks.forget();
    let answer =
        house.owner.send("POST", "/api/endpoints/leads/enable", Some(json!({ "replay": true }))).await.json();
    assert_eq!((&answer["isActive"], &answer["replayed"]), (&json!(true), &json!(6)), "{answer}");
    send_due(app).await;
    assert_eq!(hooks.received().len(), 6);
    assert_eq!(number(app, "select count(*) from deliveries where status <> 'succeeded'").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_breaker_opens_within_ten_failures_and_lets_one_probe_through() {
    let house = house().await;
    let app = &house.app;
    house.endpoint("leads", json!({})).await;
    let hooks = app.sandbox.hooks();
    hooks.set_behaviour("demo/leads", HookBehaviour::Status(500));
    for at in 0..40 {
        tell(app, house.clinic.org, "lead.hot", json!({ "at": at })).await;
    }
    send_due(app).await;
    let failures = hooks.received().len();
    assert!((5..=10).contains(&failures), "{failures} tries before it opened");
    assert_eq!(house.show("leads").await["blockedReason"], "failing");
    for probe in 1..=3 {
        let_time_pass(app).await;
        send_due(app).await;
        assert_eq!(hooks.received().len(), failures + probe, "one probe at a time");
    }
    // The probe succeeds: the door is open, and everything goes out.
    hooks.set_behaviour("demo/leads", HookBehaviour::Works);
    let_time_pass(app).await;
    send_due(app).await;
    let_time_pass(app).await;
    send_due(app).await;
    assert_eq!(number(app, "select count(*) from deliveries where status = 'succeeded'").await, 40);
    assert_eq!(house.show("leads").await["failuresInRow"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_by_the_hour_are_exact() {
    let house = house().await;
    let app = &house.app;
    house.endpoint("good", json!({})).await;
    house.endpoint("bad", json!({})).await;
    app.sandbox.hooks().set_behaviour("demo/bad", HookBehaviour::Status(404));
    for at in 0..10 {
        tell(app, house.clinic.org, "lead.hot", json!({ "at": at })).await;
    }
    for _ in 0..6 {
        send_due(app).await;
        let_time_pass(app).await;
    }
    let differ = number(
        app,
        "select count(*) from (
           select endpoint_id, date_trunc('hour', attempted_at, 'UTC'), outcome, count(*), sum(millis), max(millis)
             from delivery_attempts group by 1, 2, 3
           except
           select endpoint_id, hour, outcome, attempts, millis_total, millis_most from delivery_hours) d",
    )
    .await;
    assert_eq!(differ, 0, "the hours say what the attempts say");
    let differ = number(
        app,
        "select count(*) from delivery_hours where attempts <>
           b00 + b01 + b02 + b03 + b04 + b05 + b06 + b07 + b08 + b09 + b10 + b11 + b12 + b13 + b14 + b15",
    )
    .await;
    assert_eq!(differ, 0, "each attempt is in one bucket");
    let differ = number(
        app,
        "select count(*) from endpoints e where (attempts_total, attempts_succeeded, attempts_failed) <> (
           select count(*), count(*) filter (where outcome = 'succeeded'), count(*) filter (where outcome <> 'succeeded')
             from delivery_attempts a where a.endpoint_id = e.id)",
    )
    .await;
    assert_eq!(differ, 0, "and so do the endpoints");
    assert!(number(app, "select count(*) from delivery_attempts").await > 15);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_an_end_is_cut_and_a_redirect_is_a_failure() {
    let house = house().await;
    let app = &house.app;
    house.endpoint("endless", json!({})).await;
    house.endpoint("moved", json!({})).await;
    app.sandbox.hooks().set_behaviour("demo/endless", HookBehaviour::Endless);
    app.sandbox.hooks().set_behaviour("demo/moved", HookBehaviour::Redirect);
    tell(app, house.clinic.org, "lead.hot", json!({})).await;
    send_due(app).await;
    let kept = number(app, "select max(answer_bytes)::bigint from delivery_attempts").await;
    assert_eq!(kept, 64 * 1024);
    let came: Vec<String> = app.sandbox.hooks().received().into_iter().map(|hook| hook.path).collect();
    assert!(!came.contains(&"demo/elsewhere".to_owned()), "{came:?}");
    let moved = deliveries(&house).await.into_iter().find(|one| one["workflowName"] == "moved").unwrap();
    assert_eq!((&moved["status"], &moved["lastStatus"]), (&json!("pending"), &json!(302)), "{moved}");
}
