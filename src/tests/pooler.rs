//! Behind PgBouncer in transaction mode, where each transaction may get another connection: nothing
//! is carried over (bar T5), and the whole product works.
//!
//! Nothing is asked of PgBouncer about prepared statements, which it knows since 1.21.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;
use sqlx::Row;
use tokio_util::sync::CancellationToken;
use voxanne::db::PgPool;
use voxanne::db::pool::connect_through_pooler;
use voxanne::doctor;
use voxanne::integrations::rotation::reseal;
use voxanne::jobs::{flush, start_housekeeping};
use voxanne::sandbox::CallScript;

use super::support::app::TestApp;
use super::support::cluster::TestDb;
use super::support::pgbouncer::PgBouncer;
use super::support::process::Serving;
use super::support::wire::{Wire, stored};
use super::tenancy_pool::{all_cases, carries_nothing_over};

/// What is prepared, or set, on whatever connection the pooler lends now.
async fn leftovers(pool: &PgPool) -> (i64, String) {
    let question = "select count(*)::text as prepared, current_setting('statement_timeout') as timeout
                      from pg_prepared_statements where name <> ''";
    let row = sqlx::raw_sql(question).fetch_one(&**pool).await.unwrap();
    (row.get::<&str, _>(0).parse().unwrap(), row.get(1))
}

#[tokio::test]
async fn a_poolers_connection_carries_nothing_over() {
    let db = TestDb::create().await;
    let Some(pooler) = PgBouncer::start(&db, 1).await else { return };
    db.app.close().await;
    let pool = connect_through_pooler(pooler.options(), 1).await.unwrap();
    carries_nothing_over(&db, &pool, if all_cases() { 10_000 } else { 500 }).await;
    assert_eq!(leftovers(&pool).await, (0, "0".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limits_of_a_session_hold_in_each_transaction() {
    let db = TestDb::create().await;
    let Some(pooler) = PgBouncer::start(&db, 1).await else { return };
    let pool = connect_through_pooler(pooler.options(), 2).await.unwrap();
    for (setting, value) in
        [("statement_timeout", "10s"), ("lock_timeout", "5s"), ("idle_in_transaction_session_timeout", "15s")]
    {
        let found: String =
            sqlx::query_scalar("select current_setting($1)").bind(setting).fetch_one(&pool).await.unwrap();
        assert_eq!(found, value, "{setting}");
    }
    // A single statement is its own transaction, and a failed one leaves nothing.
    sqlx::query("select 1 / $1").bind(0_i32).execute(&pool).await.unwrap_err();
    let none: Option<i32> =
        sqlx::query_scalar("select 1 where $1").bind(false).fetch_optional(&pool).await.unwrap();
    assert_eq!(none, None);
    let rows: Vec<i32> =
        sqlx::query_scalar("select generate_series(1, $1)").bind(3).fetch_all(&pool).await.unwrap();
    assert_eq!(rows, [1, 2, 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_behind_a_pooler_with_two_connections_do_everything() {
    let db = TestDb::create().await;
    let Some(pooler) = PgBouncer::start(&db, 2).await else { return };
    let through = async || {
        let app = connect_through_pooler(pooler.options(), 4).await.unwrap();
        TestDb { app, ..db.same().await }
    };
    let app = TestApp::start_with(through().await, &"ab".repeat(32)).await;
    let two = TestApp::start_beside(through().await, &app.key, app.sandbox.clone()).await;
    let findings = doctor::examine(&app.db.app).await.unwrap();
    assert!(findings.faults.is_empty(), "{:?}", findings.faults);

    // News go around the pooler.
    let stop = CancellationToken::new();
    let _tasks = start_housekeeping(&two.services, db.app_options(), &stop);

    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let (_, other) = two.connected_clinic("Harbor Clinic").await;
    let wires = [Wire::new(&app, "Wired Clinic").await, Wire::new(&two, "Other Wired Clinic").await];
    let sent = (0..100).map(|at| {
        let wire = &wires[at % 2];
        async move { wire.send(&wire.report(&format!("call-{at}"))).await.status }
    });
    assert!(join_all(sent).await.iter().all(|status| *status == 200));
    for wire in &wires {
        assert_eq!(stored(&app, wire.org).await, 50);
    }
    let calls = app.assistants(&clinic).into_iter().map(|(_, assistant)| {
        let app = &app;
        async move { app.sandbox.place_call(assistant, &CallScript::default()).await.unwrap() }
    });
    for transcript in join_all(calls).await {
        assert!(transcript.steps.iter().all(|step| step.status == Some(200)), "{transcript:?}");
    }
    let pages = ["/dashboard/integrations", "/dashboard/agents", "/dashboard/events", "/dashboard/audit"];
    for answer in join_all((0..40).map(|at| [&owner, &other][at % 2].get(pages[at % 4]))).await {
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    let test = json!({ "to": "+15550100123" });
    assert_eq!(owner.send("POST", "/api/sms/test", Some(test.clone())).await.status, 200);
    assert!(reseal(&app.services, clinic.org, |_| {}).await.unwrap() > 0);
    flush(app.services.clone()).await.unwrap();
    assert_eq!(owner.send("POST", "/api/integrations/twilio/verify", None).await.json()["verified"], true);

    // What changes on one is true on the other within a second.
    let on_two = two.browser();
    on_two.set_cookie(owner.cookie());
    assert_eq!(on_two.send("POST", "/api/sms/test", Some(test.clone())).await.status, 200);
    assert_eq!(owner.send("DELETE", "/api/integrations/twilio", None).await.status, 204);
    let started = Instant::now();
    while on_two.send("POST", "/api/sms/test", Some(test.clone())).await.status == 200 {
        assert!(started.elapsed() < Duration::from_secs(10), "the news did not arrive");
    }
    stop.cancel();
    for _ in 0..8 {
        assert_eq!(leftovers(&app.db.app).await, (0, "0".to_owned()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_real_process_starts_behind_a_pooler_when_it_is_told_the_way_around_it() {
    let db = TestDb::create().await;
    let Some(pooler) = PgBouncer::start(&db, 1).await else { return };
    let (url, listen) = (pooler.url(), db.url("voxanne_app"));
    let environment = [
        ("DATABASE_URL", url.as_str()),
        ("DATABASE_LISTEN_URL", listen.as_str()),
        ("ENCRYPTION_KEY", "1111111111111111111111111111111111111111111111111111111111111111"),
    ];
    let (one, two) = (Serving::start(&[], &environment), Serving::start(&[], &environment));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for at in 0..20 {
        let server = [&one, &two][at % 2];
        let answer = client.get(format!("{}/readyz", server.url())).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{}", server.log());
    }
    assert_eq!((one.terminate(), two.terminate()), (Some(0), Some(0)));
}
