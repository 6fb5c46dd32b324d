//! Tool calls that lose their process or whose end cannot be recorded: parked for a person, never for ever at work;
//! and what is said when the database does not even let them begin.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;
use sqlx::Connection;
use voxanne::calls::tools::{LATER, NOT_BEGUN};
use voxanne::domain::ProviderId;
use voxanne::jobs::{sweep_often, work_off_inbox};
use voxanne::sandbox::Fault;
use voxanne::webhooks::signature::{HmacPlan, Scheme};

use super::support::app::TestApp;
use super::support::line::sentence;
use super::support::wire::Wire;

const EVENTS_DUE: &str =
    "update inbound_events set next_attempt_at = now() where org_id = $1 and status = 'received'";
const RECEIVED: &str =
    "select count(*) from inbound_events where org_id = $1 and kind = 'tool-calls' and status = 'received'";
const PARKED_EVENTS: &str = "select count(*) from inbound_events where org_id = $1 and status = 'parked'";
const PROCESSED: &str = "select count(*) from inbound_events where org_id = $1 and status = 'processed'";
const RUNNING: &str = "select count(*) from tool_calls where org_id = $1 and status = 'running'";
const PARKED: &str = "select count(*) from tool_calls where org_id = $1 and status = 'parked'";
const WAITS_FOR_LOCK: &str = "select count(*) from pg_stat_activity
                               where datname = current_database() and wait_event_type = 'Lock' and $1::uuid is not null";

const TOOL_EVENTS: &str = "select count(*) from inbound_events where org_id = $1 and kind = 'tool-calls'";

async fn connected(app: &TestApp) -> Wire {
    let (clinic, _) = app.connected_clinic("Sunrise Dental").await;
    let (_, assistant) = app.assistants(&clinic)[0];
    app.sandbox.forget_requests();
    Wire::tap(app, clinic.org, assistant, Scheme::Hmac(HmacPlan::ours())).await
}

async fn until(app: &TestApp, wire: &Wire, query: &'static str, expected: i64) {
    let began = Instant::now();
    while app.count(query, wire.org).await != expected {
        assert!(began.elapsed() < Duration::from_secs(30), "{query} is {}", app.count(query, wire.org).await);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_waits_for_its_tool_calls_and_is_parked_with_them() {
    let app = TestApp::start().await;
    let wire = connected(&app).await;
    assert_eq!(wire.send(&wire.send_sms("call", "t", "See you.")).await.status, 200);
    until(&app, &wire, PROCESSED, 1).await;
    // As a process leaves it that dies half a minute in: the event is due before the tool call is given up.
    app.meddle(
        "update inbound_events set status = 'received', processed_at = null, received_at = now() - interval '30 seconds',
                next_attempt_at = now() where org_id = $1",
        wire.org,
    )
    .await;
    app.meddle(
        "update tool_calls set status = 'running', result = null, started_at = now() - interval '29 seconds' where org_id = $1",
        wire.org,
    )
    .await;
    work_off_inbox(app.services.clone()).await.unwrap();
    assert_eq!((app.count(RECEIVED, wire.org).await, app.count(RUNNING, wire.org).await), (1, 1));
    app.meddle(
        "update inbound_events set received_at = received_at - interval '1 minute' where org_id = $1",
        wire.org,
    )
    .await;
    app.meddle(
        "update tool_calls set started_at = started_at - interval '1 minute' where org_id = $1",
        wire.org,
    )
    .await;
    app.meddle(EVENTS_DUE, wire.org).await;
    work_off_inbox(app.services.clone()).await.unwrap();
    assert_eq!((app.count(PARKED_EVENTS, wire.org).await, app.count(PARKED, wire.org).await), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_call_without_an_end_is_parked_whatever_became_of_its_event() {
    let app = TestApp::start().await;
    let wire = connected(&app).await;
    assert_eq!(wire.send(&wire.send_sms("call", "t", "See you.")).await.status, 200);
    until(&app, &wire, PROCESSED, 1).await;
    let running = "update tool_calls set status = 'running', result = null, started_at = now() - interval '59 seconds' where org_id = $1";
    app.meddle(running, wire.org).await;
    sweep_often(app.services.clone()).await.unwrap();
    assert_eq!(app.count(RUNNING, wire.org).await, 1, "it may still be at work");
    app.meddle(
        "update tool_calls set started_at = started_at - interval '2 seconds' where org_id = $1",
        wire.org,
    )
    .await;
    sweep_often(app.services.clone()).await.unwrap();
    assert_eq!((app.count(RUNNING, wire.org).await, app.count(PARKED, wire.org).await), (0, 1));
    assert_eq!(app.recorded(wire.org, "tool_call.parked", "failure").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_cannot_be_recorded_leaves_the_event_to_the_worker() {
    let app = TestApp::start().await;
    let wire = connected(&app).await;
    app.sandbox.faults().set_delay(Duration::from_millis(1500));
    app.sandbox.faults().set(ProviderId::Twilio, Fault::Slow);
    let sending = tokio::spawn({
        let (wire, body) = (wire.clone(), wire.send_sms("call", "t", "See you."));
        async move { sentence(&wire.send(&body).await) }
    });
    until(&app, &wire, RUNNING, 1).await;
    // Somebody holds the row for longer than anybody waits for it.
    let mut holder = app.db.superuser.acquire().await.unwrap();
    let mut tx = holder.begin().await.unwrap();
    sqlx::query("select 1 from tool_calls where org_id = $1 for update")
        .bind(wire.org.0)
        .execute(&mut *tx)
        .await
        .unwrap();
    assert_eq!(sending.await.unwrap(), LATER);
    until(&app, &wire, WAITS_FOR_LOCK, 0).await;
    tx.rollback().await.unwrap();
    drop(holder);
    assert_eq!(app.sandbox.phone_log().len(), 1, "it happened");
    assert_eq!((app.count(RECEIVED, wire.org).await, app.count(RUNNING, wire.org).await), (1, 1));
    app.meddle(
        "update inbound_events set received_at = received_at - interval '2 minutes' where org_id = $1",
        wire.org,
    )
    .await;
    app.meddle(
        "update tool_calls set started_at = started_at - interval '2 minutes' where org_id = $1",
        wire.org,
    )
    .await;
    app.meddle(EVENTS_DUE, wire.org).await;
    work_off_inbox(app.services.clone()).await.unwrap();
    assert_eq!((app.count(PARKED_EVENTS, wire.org).await, app.count(PARKED, wire.org).await), (1, 1));
    assert_eq!(app.sandbox.phone_log().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_takes_nothing_is_told_to_the_caller_and_nothing_happens_later() {
    let app = TestApp::start().await;
    let wire = connected(&app).await;
    // The way to the clinic is known to the process.
    assert_eq!(wire.send(&wire.report("before")).await.status, 200);
    for (at, table) in ["inbound_events", "tool_calls"].into_iter().enumerate() {
        let mut holder = app.db.superuser.acquire().await.unwrap();
        let mut tx = holder.begin().await.unwrap();
        let lock = format!("lock table {table} in access exclusive mode");
        sqlx::query(sqlx::AssertSqlSafe(lock)).execute(&mut *tx).await.unwrap();
        let body = wire.send_sms(&format!("call-{at}"), "t", "See you.");
        let ask = wire.message("assistant-request", &format!("ringing-{at}"), &json!({}));
        let started = Instant::now();
        let (answer, asked) = tokio::join!(wire.send(&body), wire.send(&ask));
        let elapsed = started.elapsed();
        assert_eq!(sentence(&answer), NOT_BEGUN, "{table}");
        assert!(elapsed < Duration::from_secs(5), "{table}: {elapsed:?}");
        if table == "inbound_events" {
            // A call that nobody can take hears so.
            assert_eq!(asked.status, 200, "{}", asked.body);
            let said = asked.json()["error"].as_str().unwrap().to_owned();
            assert!(said.starts_with("This clinic can not take the call"), "{said}");
        }
        tx.rollback().await.unwrap();
        drop(holder);
        // Only now it is committed.
        until(&app, &wire, TOOL_EVENTS, i64::try_from(at + 1).unwrap()).await;
        until(&app, &wire, WAITS_FOR_LOCK, 0).await;
    }
    // What was committed after the answer is ended by the worker, and does nothing.
    app.meddle(EVENTS_DUE, wire.org).await;
    work_off_inbox(app.services.clone()).await.unwrap();
    assert_eq!(app.count(RECEIVED, wire.org).await, 0);
    assert_eq!(app.sandbox.requests(ProviderId::Twilio).len(), 0);
    assert_eq!(app.count("select count(*) from messages where org_id = $1", wire.org).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_after_the_answer_leaves_the_team_a_note() {
    let app = TestApp::start().await;
    let wire = connected(&app).await;
    // Longer than the answer waits, and then a refusal: the text surely did not go out.
    let mut holder = app.db.superuser.acquire().await.unwrap();
    let mut tx = holder.begin().await.unwrap();
    sqlx::query("lock table messages in access exclusive mode").execute(&mut *tx).await.unwrap();
    app.sandbox.faults().set(ProviderId::Twilio, Fault::Unauthorized);
    assert_eq!(sentence(&wire.send(&wire.send_sms("call", "t", "See you at nine.")).await), LATER);
    tx.rollback().await.unwrap();
    drop(holder);
    let notes = "select count(*) from notes where org_id = $1 and kind = 'follow_up'";
    until(&app, &wire, notes, 1).await;
    until(&app, &wire, "select count(*) from tool_calls where org_id = $1 and status = 'failed'", 1).await;
    // Heard by the caller, the same leaves none.
    let said = sentence(&wire.send(&wire.send_sms("another", "t", "See you at nine.")).await);
    assert!(said.starts_with("I can not send text messages"), "{said}");
    assert_eq!(app.count(notes, wire.org).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_sends_three_texts_in_a_call_and_so_many_in_an_hour() {
    let app = TestApp::start().await;
    let wire = connected(&app).await;
    let mut running = tokio::task::JoinSet::new();
    for at in 0..8 {
        let (wire, body) = (wire.clone(), wire.send_sms("call", &format!("t{at}"), "See you."));
        running.spawn(async move { sentence(&wire.send(&body).await) });
    }
    let said = running.join_all().await;
    let sent = said.iter().filter(|said| *said == "The text message is on its way.").count();
    let refused =
        said.iter().filter(|said| said.starts_with("I can not send more text messages now.")).count();
    assert_eq!((sent, refused, app.sandbox.phone_log().len()), (3, 5, 3), "{said:?}");
    // Another call may, until the hour of the clinic is full.
    assert_eq!(
        sentence(&wire.send(&wire.send_sms("next", "t", "Hi")).await),
        "The text message is on its way."
    );
    app.meddle(
        "insert into messages (org_id, id, provider, channel, purpose, recipient_mask, key_version, status, recipient_hash)
         select m.org_id, gen_random_uuid(), m.provider, m.channel, m.purpose, m.recipient_mask, m.key_version, 'sent',
                m.recipient_hash
           from (select * from messages where org_id = $1 limit 1) m, generate_series(1, 236)",
        wire.org,
    )
    .await;
    let said = sentence(&wire.send(&wire.send_sms("last", "t", "Hi")).await);
    assert!(said.starts_with("I can not send more text messages now."), "{said}");
    assert_eq!(app.sandbox.phone_log().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_that_the_database_does_not_tell_keeps_nobody_waiting() {
    let app = TestApp::start().await;
    let wire = connected(&app).await;
    let number = json!({ "phoneNumber": { "id": "7a1c6a44-6d0c-4b7e-9d3a-0d9f5b3c1e11" } });
    for held in ["assistant_org_mapping", "phone_number_org_mapping"] {
        // The way to the clinic is not known to the process.
        app.services.resolver.evict_all();
        let mut holder = app.db.superuser.acquire().await.unwrap();
        let mut tx = holder.begin().await.unwrap();
        let lock = format!("lock table {held} in access exclusive mode");
        sqlx::query(sqlx::AssertSqlSafe(lock)).execute(&mut *tx).await.unwrap();
        let bodies = [
            wire.send_sms("call", "t", "See you."),
            wire.message("assistant-request", "ringing", &number),
            wire.report("ended"),
        ];
        let started = Instant::now();
        for answer in join_all(bodies.iter().map(|body| wire.send(body))).await {
            assert_eq!(answer.status, 503, "{held}: {}", answer.body);
            assert_eq!(answer.header("retry-after"), "2");
        }
        // Below the five seconds after which the database itself gives a lock up.
        assert!(started.elapsed() < Duration::from_secs(4), "{held}: {:?}", started.elapsed());
        assert_eq!(app.count("select count(*) from inbound_events where org_id = $1", wire.org).await, 0);
        tx.rollback().await.unwrap();
        drop(holder);
        until(&app, &wire, WAITS_FOR_LOCK, 0).await;
    }
    // What Vapi sends again is taken.
    assert_eq!(
        sentence(&wire.send(&wire.send_sms("call", "t", "See you.")).await),
        "The text message is on its way."
    );
    assert_eq!(wire.send(&wire.report("ended")).await.status, 200);
}
