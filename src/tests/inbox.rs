//! The durable inbox: what it does when rows, queues, databases and processes fail, and what people
//! see of it.

use std::time::{Duration, Instant};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use sqlx::Connection;
use tokio::task::JoinSet;
use uuid::Uuid;
use voxanne::db::inbound::NewEvent;
use voxanne::db::{OrgTx, routes};
use voxanne::domain::ProviderId;
use voxanne::jobs;
use voxanne::webhooks::envelope::Envelope;
use voxanne::webhooks::inbound::{Incoming, Verified, authenticate, prepare};
use voxanne::webhooks::inbox::{InboxError, Stored};
use voxanne::webhooks::signature::{HmacPlan, Scheme};

use super::support::app::TestApp;
use super::support::wire::{Wire, now, stored};

/// A verified, sealed event, one step before the inbox.
async fn prepared(app: &TestApp, wire: &Wire, body: &str) -> (Verified, NewEvent) {
    let headers: HeaderMap = wire
        .sign(body.as_bytes(), now())
        .into_iter()
        .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(&value).unwrap()))
        .collect();
    let envelope = Envelope::parse(body.as_bytes()).unwrap();
    let incoming = Incoming { headers: &headers, body: body.as_bytes(), url: &wire.url, now: now() };
    let services = &app.services;
    let mut verified = authenticate(&services.resolver, &services.vault, &envelope, &incoming).await.unwrap();
    let (event, _) = prepare(&services.vault, &mut verified, &envelope, Instant::now()).await.unwrap();
    (verified, event)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_the_database_refuses_fails_alone() {
    let app = TestApp::start().await;
    let good = Wire::new(&app, "Sunrise Dental").await;
    let other = Wire::new(&app, "Harbor Clinic").await;
    let mut events = Vec::new();
    for at in 0..20 {
        let wire = if at == 7 { &other } else { &good };
        let (verified, mut event) = prepared(&app, wire, &wire.report(&format!("call-{at}"))).await;
        if at == 7 {
            // What no webhook could bring: no text of the database has a NUL.
            event.summary = "\0".to_owned();
        }
        events.push((at, (verified, event)));
    }
    let mut connection = app.db.superuser.acquire().await.unwrap();
    let mut tx = connection.begin().await.unwrap();
    // Nothing is stored until this commits, so all of them wait together.
    sqlx::query("lock table inbound_events in access exclusive mode").execute(&mut *tx).await.unwrap();
    let mut running = JoinSet::new();
    for (at, (verified, event)) in events {
        let inbox = app.services.inbox.clone();
        running.spawn(async move { (at, inbox.store(&verified, event).await) });
    }
    tokio::task::yield_now().await;
    tx.commit().await.unwrap();
    for (at, result) in running.join_all().await {
        let expected = if at == 7 { Err(InboxError::Refused) } else { Ok(Stored::New) };
        assert_eq!(result, expected, "{at}");
    }
    assert_eq!((stored(&app, good.org).await, stored(&app, other.org).await), (19, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_that_get_the_same_events_in_opposite_order_do_not_wait_for_each_other() {
    let first = TestApp::start().await;
    let second = first.beside().await;
    let wire = Wire::new(&first, "Sunrise Dental").await;
    for round in 0..3 {
        let mut running = JoinSet::new();
        let mut batches = Vec::new();
        for app in [&first, &second] {
            let mut events = Vec::new();
            for at in 0..400 {
                events.push(prepared(app, &wire.to(app), &wire.report(&format!("call-{round}-{at}"))).await);
            }
            batches.push((app.services.inbox.clone(), events));
        }
        batches[1].1.reverse();
        let mut connection = first.db.superuser.acquire().await.unwrap();
        let mut tx = connection.begin().await.unwrap();
        sqlx::query("lock table inbound_events in access exclusive mode").execute(&mut *tx).await.unwrap();
        for (inbox, events) in batches {
            for (verified, event) in events {
                let inbox = inbox.clone();
                running.spawn(async move { inbox.store(&verified, event).await });
            }
        }
        tokio::task::yield_now().await;
        tx.rollback().await.unwrap();
        let results = running.join_all().await;
        assert!(results.iter().all(Result::is_ok), "{results:?}");
        assert_eq!(results.iter().filter(|result| **result == Ok(Stored::New)).count(), 400);
    }
    assert_eq!(stored(&first, wire.org).await, 1200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_is_503_for_the_one_clinic_and_nothing_that_waited_is_lost() {
    let app = TestApp::start().await;
    let wire = Wire::new(&app, "Sunrise Dental").await;
    let other = Wire::new(&app, "Harbor Clinic").await;
    let mut events = Vec::new();
    for at in 0..1024 {
        events.push(prepared(&app, &wire, &wire.report(&format!("call-{at}"))).await);
    }
    let mut connection = app.db.superuser.acquire().await.unwrap();
    let mut tx = connection.begin().await.unwrap();
    sqlx::query("lock table inbound_events in access exclusive mode").execute(&mut *tx).await.unwrap();
    let mut running = JoinSet::new();
    for (verified, event) in events {
        let inbox = app.services.inbox.clone();
        running.spawn(async move { inbox.store(&verified, event).await });
    }
    let deadline = Instant::now() + Duration::from_secs(4);
    let refused = loop {
        // Until all of them wait, one more may still find a place: it is tried with a short wait.
        let body = wire.report("one more");
        let answer = tokio::time::timeout(Duration::from_millis(200), wire.send(&body)).await;
        match answer {
            Ok(answer) => break answer,
            Err(_) => assert!(Instant::now() < deadline),
        }
    };
    assert_eq!((refused.status, refused.header("retry-after")), (503, "2"), "{}", refused.body);
    let neighbour = tokio::spawn(async move { other.send(&other.report("call")).await.status });
    tx.rollback().await.unwrap();
    assert_eq!(neighbour.await.unwrap(), 200);
    for result in running.join_all().await {
        assert_eq!(result, Ok(Stored::New));
    }
    assert_eq!(wire.send(&wire.report("one more")).await.status, 200);
    assert_eq!(stored(&app, wire.org).await, 1025);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_is_not_to_be_had_is_503_and_no_refusal() {
    let app = TestApp::start().await;
    let wire = Wire::new(&app, "Sunrise Dental").await;
    assert_eq!(wire.send(&wire.report("before")).await.status, 200);
    let mut connection = app.db.superuser.acquire().await.unwrap();
    let mut tx = connection.begin().await.unwrap();
    sqlx::query("lock table inbound_events in access exclusive mode").execute(&mut *tx).await.unwrap();
    let answer = wire.send(&wire.report("call")).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "2"), "{}", answer.body);
    tx.rollback().await.unwrap();
    assert_eq!(wire.send(&wire.report("call")).await.status, 200);
    assert_eq!(stored(&app, wire.org).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_is_503_and_comes_back() {
    let app = TestApp::start().await;
    let wire = Wire::new(&app, "Sunrise Dental").await;
    assert_eq!(wire.send(&wire.report("before")).await.status, 200);
    // Closed to everybody but superusers.
    let limit = |connections: i32| {
        let name = &app.db.name;
        sqlx::AssertSqlSafe(format!("alter database {name} with connection limit {connections}"))
    };
    let mut superuser = app.db.superuser.acquire().await.unwrap();
    sqlx::query(limit(0)).execute(&mut *superuser).await.unwrap();
    let ended: i64 = sqlx::query_scalar(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity
          where datname = current_database() and usename = 'voxanne_app'",
    )
    .fetch_one(&mut *superuser)
    .await
    .unwrap();
    assert!(ended > 0);
    for at in 0..5 {
        let answer = wire.send(&wire.report(&format!("during-{at}"))).await;
        assert_eq!((answer.status, answer.header("retry-after")), (503, "2"), "{}", answer.body);
    }
    // Unknown ids can not be looked up, which is not the same as not being anybody's.
    let unknown = Wire { assistant: Uuid::new_v4(), ..wire.clone() };
    assert_eq!(unknown.send(&unknown.report("during")).await.status, 503);
    sqlx::query(limit(-1)).execute(&mut *superuser).await.unwrap();
    assert_eq!(wire.send(&wire.report("after")).await.status, 200);
    assert_eq!(unknown.send(&unknown.report("after")).await.status, 401);
    assert_eq!(stored(&app, wire.org).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_cut_cost_nothing_that_was_accepted() {
    let app = TestApp::start().await;
    let wire = Wire::new(&app, "Sunrise Dental").await;
    let mut accepted = 0;
    for round in 0..5 {
        sqlx::query(
            "select pg_terminate_backend(pid) from pg_stat_activity
              where datname = current_database() and usename = 'voxanne_app'",
        )
        .execute(&app.db.superuser)
        .await
        .unwrap();
        let mut status = 0;
        // A pool has at most as many cut connections as it has connections.
        for attempt in 0..6 {
            status = wire.send(&wire.report(&format!("{round}-{attempt}"))).await.status;
            assert!(matches!(status, 200 | 503), "{status}");
            accepted += i64::from(status == 200);
        }
        assert_eq!(status, 200, "round {round}");
    }
    assert!(stored(&app, wire.org).await >= accepted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_listed_with_the_time_of_each_stage() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let (_, assistant) = app.assistants(&clinic)[0];
    let wire = Wire::tap(&app, clinic.org, assistant, Scheme::Hmac(HmacPlan::ours())).await;
    let before = time::OffsetDateTime::now_utc() - time::Duration::seconds(5);
    let customer = json!({ "endedReason": "customer-ended-call", "customer": { "number": "+15550100123" } });
    assert_eq!(wire.send(&wire.message("end-of-call-report", "call-9", &customer)).await.status, 200);
    assert_eq!(wire.send(&wire.send_sms("call-9", "t", "See you.")).await.status, 200);

    let list = || async { owner.send("GET", "/api/events", None).await.json()["events"].clone() };
    let stages = |event: &Value| -> Vec<(String, u64)> {
        let stage = |s: &Value| (s["stage"].as_str().unwrap().to_owned(), s["us"].as_u64().unwrap());
        event["trace"].as_array().unwrap().iter().map(stage).collect()
    };
    // What was answered at once is finished right after the answer.
    let events = loop {
        let events = list().await;
        if events[0]["status"] == "processed" {
            break events;
        }
    };
    let names = |event: &Value| stages(event).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    let (tools, report) = (&events[0], &events[1]);
    assert_eq!(
        (tools["kind"].as_str(), report["kind"].as_str()),
        (Some("tool-calls"), Some("end-of-call-report"))
    );
    assert_eq!(names(report), ["received", "verified", "sealed"]);
    assert_eq!(names(tools), ["received", "verified", "sealed", "stored", "answered"]);
    for event in [tools, report] {
        let times: Vec<u64> = stages(event).into_iter().map(|(_, us)| us).collect();
        assert!(times.is_sorted() && times[1] > 0 && times.iter().all(|us| *us < 60_000_000), "{times:?}");
    }
    let received = report["receivedAt"].as_str().unwrap();
    let format = &time::format_description::well_known::Rfc3339;
    assert!(time::OffsetDateTime::parse(received, format).unwrap() > before);

    let page = owner.get("/dashboard/events").await.body;
    for shown in
        ["end-of-call-report", "call-9", "customer-ended-call", "sealed", "verified", "3 stages", "5 stages"]
    {
        assert!(page.contains(shown), "{shown}");
    }
    assert!(!page.contains("+15550100123"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assistant_request_is_answered_with_the_inbound_assistant_or_a_sentence() {
    let app = TestApp::start().await;
    let (clinic, _) = app.connected_clinic("Sunrise Dental").await;
    let assistants = app.assistants(&clinic);
    assert_eq!(assistants[0].0, "inbound");
    let wire = Wire::tap(&app, clinic.org, assistants[0].1, Scheme::Hmac(HmacPlan::ours())).await;
    let number = Uuid::new_v4();
    let mut tx = OrgTx::service(&app.services.pool, clinic.org).await.unwrap();
    assert!(routes::claim_phone_number(&mut tx, number, "+15550100100").await.unwrap());
    tx.commit().await.unwrap();
    app.services.evict(clinic.org);
    // As Vapi sends it: no assistant yet, only the number that was called.
    let ask = |call: &str, number: Uuid| {
        json!({ "message": {
            "type": "assistant-request",
            "call": { "id": call, "assistantId": null, "phoneNumberId": number, "type": "inboundPhoneCall" },
            "phoneNumber": { "id": number, "number": "+15550100100" },
        } })
        .to_string()
    };
    let started = Instant::now();
    let answer = wire.send(&ask("one", number)).await;
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!((answer.status, answer.json()), (200, json!({ "assistantId": assistants[0].1 })));
    // A number that nobody claimed is nobody's.
    assert_eq!(wire.send(&ask("two", Uuid::new_v4())).await.status, 401);

    sqlx::query("update agent_configs set vapi_state = 'failed' where org_id = $1 and role = 'inbound'")
        .bind(clinic.org.0)
        .execute(&app.db.superuser)
        .await
        .unwrap();
    let answer = wire.send(&ask("three", number)).await;
    let said = answer.json();
    assert_eq!((answer.status, said.as_object().unwrap().len()), (200, 1));
    assert!(said["error"].as_str().unwrap().starts_with("This clinic can not take the call"));
    assert_eq!(stored(&app, clinic.org).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_crash_left_running_is_parked_and_never_sent_again() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let (_, assistant) = app.assistants(&clinic)[0];
    let wire = Wire::tap(&app, clinic.org, assistant, Scheme::Hmac(HmacPlan::ours())).await;
    // As a process leaves it that dies in the middle: three events of two calls, committed; two tool
    // calls claimed; no result.
    for (call, tool) in [("call-1", "a"), ("call-1", "b"), ("call-2", "c")] {
        let (verified, event) = prepared(&app, &wire, &wire.send_sms(call, tool, "See you.")).await;
        assert_eq!(app.services.inbox.store(&verified, event).await, Ok(Stored::New));
    }
    let ago = "update inbound_events set received_at = now() - interval '3 minutes', next_attempt_at = now() - interval '2 minutes'";
    sqlx::query(ago).execute(&app.db.superuser).await.unwrap();
    for (call, tool) in [("call-1", "a"), ("call-2", "c")] {
        sqlx::query(
            "insert into tool_calls (org_id, call_id, tool_call_id, name, started_at)
             values ($1, $2, $3, 'send_sms', now() - interval '179 seconds')",
        )
        .bind(clinic.org.0)
        .bind(call)
        .bind(tool)
        .execute(&app.db.superuser)
        .await
        .unwrap();
    }
    app.sandbox.forget_requests();
    jobs::work_off_inbox(app.services.clone()).await.unwrap();
    let states: Vec<String> =
        sqlx::query_scalar("select status from tool_calls").fetch_all(&app.db.superuser).await.unwrap();
    assert_eq!(states, ["parked", "parked"]);
    let events = owner.send("GET", "/api/events", None).await.json();
    let parked = |call: &str| {
        let of_call = |event: &&Value| event["callId"] == call;
        events["events"].as_array().unwrap().iter().filter(of_call).all(|event| event["status"] == "parked")
    };
    // Both calls have a row that somebody must look at.
    assert!(parked("call-1") && parked("call-2"), "{events}");
    // A repetition by Vapi says nothing wrong and sends nothing.
    let answer = wire.send(&wire.send_sms("call-2", "c", "See you.")).await.json();
    assert_eq!(answer["results"][0]["result"], voxanne::calls::tools::LATER);
    assert_eq!(app.sandbox.requests(ProviderId::Twilio).len(), 0);
    assert_eq!(app.sandbox.phone_log().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stderr, reason = "the figure is for whoever runs the bars")]
async fn ten_thousand_unknown_ids_do_not_keep_a_clinic_waiting() {
    let app = TestApp::start().await;
    let wire = Wire::new(&app, "Sunrise Dental").await;
    assert_eq!(wire.send(&wire.report("first")).await.status, 200);
    let mut running = JoinSet::new();
    for worker in 0..50 {
        let wire = wire.clone();
        running.spawn(async move {
            for at in 0..200 {
                let stranger = Wire { assistant: Uuid::new_v4(), ..wire.clone() };
                let answer = stranger.post(stranger.report("x").into_bytes(), &[]).await;
                assert_eq!(answer.status, 401, "{worker} {at}: {}", answer.body);
            }
        });
    }
    let mut slowest = Duration::ZERO;
    let mut sent = 0;
    while !running.is_empty() {
        while running.try_join_next().transpose().unwrap().is_some() {}
        if sent % 10 == 9 {
            // Even when the clinic's own route has to be read again.
            app.services.evict(wire.org);
        }
        let started = Instant::now();
        let answer = wire.send(&wire.report(&format!("call-{sent}"))).await;
        slowest = slowest.max(started.elapsed());
        assert_eq!(answer.status, 200, "{}", answer.body);
        sent += 1;
    }
    eprintln!("{sent} good webhooks beside 10,000 unknown ids, the slowest took {slowest:?}");
    assert!(sent > 10);
    assert_eq!(stored(&app, wire.org).await, sent + 1);
}
