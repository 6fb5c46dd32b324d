//! One bad endpoint hurts nobody (bar W9), through the loop that really runs: one clinic's receiver hangs for
//! 30 seconds, one's breaks every connection, one's answers without an end, and the others are served as if
//! these were not there.
//!
//! Reduced here, where the ratio is told and not judged; `VOXANNE_BARS=full` has a hundred clinics and judges
//! it.

use std::time::{Duration, Instant};

use serde_json::json;
use sqlx::PgPool;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use voxanne::domain::{OrgId, Role};
use voxanne::jobs;
use voxanne::sandbox::HookBehaviour;

use super::deliveries::{let_time_pass, tell};
use super::support::app::TestApp;
use super::tenancy_pool::all_cases;

/// The receivers that are a clinic's trouble.
const BAD: [(&str, HookBehaviour); 3] = [
    ("hangs", HookBehaviour::Slow(Duration::from_secs(30))),
    ("drops", HookBehaviour::Reset),
    ("floods", HookBehaviour::Endless),
];
/// Workers of one process, and how many of them a clinic may have.
const WORKERS: i64 = 40;

async fn clinic(app: &TestApp, name: &str, path: &str) -> OrgId {
    let clinic = app.clinic(name).await;
    // A hundred owners at one address are more than may sign in from there.
    sqlx::query("delete from rate_counters").execute(&app.db.superuser).await.unwrap();
    let owner = app.sign_in(&clinic.email(Role::Owner)).await;
    let body = json!({ "workflowName": "leads", "url": app.sandbox.hooks().url(path) });
    let made = owner.send("POST", "/api/endpoints", Some(body)).await;
    assert_eq!(made.status, 201, "{}", made.body);
    clinic.org
}

/// An event for each of these clinics, so many times; then waits until all of them have arrived. Gives how long
/// the slowest one of a hundred took from being told to being taken, in milliseconds.
async fn p99(app: &TestApp, good: &[OrgId], rounds: usize) -> f64 {
    let began_at: OffsetDateTime =
        sqlx::query_scalar("select clock_timestamp()").fetch_one(&app.db.superuser).await.unwrap();
    let pace = Duration::from_millis(400.max(20 * good.len() as u64));
    for _ in 0..rounds {
        let began = Instant::now();
        for org in good {
            tell(app, *org, "lead.hot", json!({ "callId": "call" })).await;
        }
        // Steadily, so that what is measured is a wait for others and not for oneself.
        tokio::time::sleep(pace.saturating_sub(began.elapsed())).await;
    }
    let orgs: Vec<_> = good.iter().map(|org| org.0).collect();
    let began = Instant::now();
    loop {
        let (open, p99): (i64, Option<f64>) = sqlx::query_as(
            "select count(*) filter (where status <> 'succeeded'),
                    (percentile_disc(0.99) within group (order by extract(epoch from finished_at - created_at) * 1000))::float8
               from deliveries where org_id = any ($1) and created_at >= $2",
        )
        .bind(&orgs)
        .bind(began_at)
        .fetch_one(&app.db.superuser)
        .await
        .unwrap();
        if open == 0 {
            return p99.unwrap();
        }
        assert!(began.elapsed() < Duration::from_secs(12), "{open} of the others' events wait");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Looks again and again how many workers one clinic has, and gives the most.
async fn most_workers(pool: PgPool, stop: CancellationToken) -> i64 {
    let sql = "select coalesce(max(number), 0) from (
                 select count(*) as number from delivery_queue where lease_until > now() group by org_id) of_each";
    let mut most = 0;
    while !stop.is_cancelled() {
        let now: i64 = sqlx::query_scalar(sql).fetch_one(&pool).await.unwrap();
        most = most.max(now);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    most
}

/// How often the endpoint of a clinic has failed in a row.
async fn failures(app: &TestApp, org: OrgId) -> i64 {
    app.count("select failures_in_row::int8 from endpoints where org_id = $1", org).await
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stderr, reason = "the figure is for whoever runs the bars")]
async fn three_bad_endpoints_hurt_nobody_else() {
    let (others, rounds, backlog) = if all_cases() { (97, 20, 200) } else { (6, 8, 60) };
    let app = TestApp::start().await;
    let mut good = Vec::new();
    for at in 0..others {
        good.push(clinic(&app, &format!("Clinic {at}"), &format!("good/{at}")).await);
    }
    let mut bad = Vec::new();
    for (name, behaviour) in BAD {
        app.sandbox.hooks().set_behaviour(&format!("bad/{name}"), behaviour);
        bad.push(clinic(&app, name, &format!("bad/{name}")).await);
    }
    let stop = CancellationToken::new();
    let worker = tokio::spawn(jobs::send_deliveries(app.services.clone(), stop.clone()));
    p99(&app, &good, 2).await;
    let alone = p99(&app, &good, rounds).await;

    for org in &bad {
        for at in 0..backlog {
            tell(&app, *org, "lead.hot", json!({ "callId": "call", "at": at })).await;
        }
    }
    let watching = tokio::spawn(most_workers(app.db.superuser.clone(), stop.clone()));
    let beside = p99(&app, &good, rounds).await;
    eprintln!(
        "{others} others: p99 {alone:.0} ms alone, {beside:.0} ms beside {} bad ones: {:.2} times",
        BAD.len(),
        beside / alone
    );
    let hooks = app.sandbox.hooks();
    let tries = |path: &str| hooks.received().iter().filter(|hook| hook.path == path).count();
    // The breaker of what drops is open, and was after ten failures at most.
    let drops = bad[1];
    let began = Instant::now();
    while failures(&app, drops).await < 5 {
        assert!(began.elapsed() < Duration::from_secs(30), "it is tried too seldom");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let before = failures(&app, drops).await;
    assert!(before <= 10, "it failed {before} times before it was left alone");
    // Half open: one probe, however much waits.
    let_time_pass(&app).await;
    let began = Instant::now();
    let after = loop {
        let now = failures(&app, drops).await;
        if now > before {
            break now;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "no probe goes out");
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert_eq!(after, before + 1, "one probe at a time");
    stop.cancel();
    let most = watching.await.unwrap();
    assert!((1..=WORKERS / 10).contains(&most), "one clinic had {most} of {WORKERS} workers");
    assert!(tries("bad/hangs") <= 10, "{}", tries("bad/hangs"));
    worker.abort();
    if all_cases() {
        assert!(beside <= alone * 1.2, "p99 {alone:.0} ms became {beside:.0} ms");
    }
}
