//! Numbers about events out: right to the last try, and read by an index however many tries there are.

use sqlx::Row;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;
use voxanne::auth::accounts;
use voxanne::db::OrgTx;
use voxanne::db::analytics::{self, Span, Step};
use voxanne::db::attempts::{self, AttemptFilter};
use voxanne::domain::{OrgId, Role};

use super::support::app::TestApp;

/// Counts of a year for endpoints of a clinic: 50 tries an hour that took 80 ms, and every tenth hour
/// 5 that took 9 s and came to nothing.
async fn fill_year(app: &TestApp, org: OrgId, endpoints: &[Uuid]) {
    sqlx::query(
        "insert into delivery_hours (org_id, endpoint_id, hour, outcome, attempts, millis_total, millis_most, slowest, b02, b14)
         select $1, e, h, 'succeeded', 50, 4000, 99, $1, 50, 0
           from unnest($2::uuid[]) e, generate_series(date_trunc('hour', now()) - interval '365 days', now(), '1 hour') h
         union all
         select $1, e, h, 'timeout', 5, 45000, 9000, $1, 0, 5
           from unnest($2::uuid[]) e, generate_series(date_trunc('hour', now()) - interval '365 days', now(), '10 hours') h",
    )
    .bind(org.0)
    .bind(endpoints)
    .execute(&app.db.superuser)
    .await
    .unwrap();
}

async fn plan(app: &TestApp, org: OrgId, statement: String, bind: Bind) -> String {
    let mut tx = app.db.app.begin().await.unwrap();
    sqlx::query("select set_config('app.org_id', $1, true), set_config('app.role', 'service', true), set_config('app.user_id', '', true)")
        .bind(org.to_string())
        .execute(&mut *tx)
        .await
        .unwrap();
    let explained = format!("explain {statement}");
    let query = sqlx::query(sqlx::AssertSqlSafe(explained));
    let query = match bind {
        Bind::Span(from, until, endpoint) => {
            query.bind(from).bind(until).bind("day").bind("Europe/Berlin").bind(endpoint)
        }
        Bind::Attempts(filter) => query
            .bind(filter.endpoint)
            .bind(filter.since)
            .bind(filter.until)
            .bind(filter.before.map(|(at, _)| at))
            .bind(filter.before.map(|(_, id)| id))
            .bind(filter.limit),
    };
    let rows = query.fetch_all(&mut *tx).await.unwrap();
    rows.iter().map(|row| row.get::<String, _>(0)).collect::<Vec<_>>().join("\n")
}

enum Bind {
    Span(OffsetDateTime, OffsetDateTime, Option<Uuid>),
    Attempts(AttemptFilter),
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_million_tries_of_a_year_are_summed_by_an_index() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let owner = app.sign_in(&clinic.email(Role::Owner)).await;
    let endpoints: Vec<Uuid> = (0..2).map(|_| Uuid::now_v7()).collect();
    fill_year(&app, clinic.org, &endpoints).await;
    for at in 0..6 {
        let name = format!("Neighbour {at}");
        let org = accounts::create_organization(&app.services.pool, &name, "UTC", "US").await.unwrap();
        fill_year(&app, org, &[Uuid::now_v7()]).await;
    }
    sqlx::query("analyze delivery_hours").execute(&app.db.superuser).await.unwrap();

    let now = app.clock.now();
    for (days, endpoint) in [(1, None), (30, None), (90, Some(endpoints[0])), (90, None)] {
        let from = now - Duration::days(days);
        for statement in [analytics::summary_statement(), analytics::recent_statement()] {
            let plan = plan(&app, clinic.org, statement, Bind::Span(from, now, endpoint)).await;
            assert!(!plan.contains("Seq Scan on delivery_hours"), "{days} days:\n{plan}");
            assert!(
                plan.contains("delivery_hours_by_hour") || plan.contains("delivery_hours_pkey"),
                "{plan}"
            );
        }
    }

    let mut tx = OrgTx::service(&app.services.pool, clinic.org).await.unwrap();
    let span = Span {
        from: now - Duration::days(364),
        until: now + Duration::hours(1),
        time_zone: "Europe/Berlin",
        step: Step::Day,
        endpoint: None,
    };
    let found = analytics::summarize(&mut tx, &span).await.unwrap();
    tx.commit().await.unwrap();
    let all = app
        .count("select sum(attempts)::int8 from delivery_hours where org_id = $1 and hour >= now() - interval '364 days'", clinic.org)
        .await;
    assert_eq!(found.all.attempts(), all.unsigned_abs());
    for parts in [
        found.steps.iter().map(|(_, sums)| sums.attempts()).sum::<u64>(),
        found.week.iter().map(|(_, _, sums)| sums.attempts()).sum(),
        found.endpoints.iter().map(|(_, sums)| sums.attempts()).sum(),
    ] {
        assert_eq!(parts, found.all.attempts(), "every try is in each way of looking at it once");
    }
    assert_eq!(found.failures, [("timeout".to_owned(), found.all.failed)]);
    assert_eq!((found.week.len(), found.endpoints.len()), (168, 2));
    // The first day and the last are told only where an hour of them lies in the span: not the first, in the last hour
    // of a day in Berlin.
    assert!((364..=366).contains(&found.steps.len()), "{}", found.steps.len());
    let p50 = found.all.percentile(0.5).unwrap();
    assert!((50.0..=100.0).contains(&p50), "{p50}");

    let page = owner.get("/dashboard/webhooks/analytics?range=90d").await;
    assert_eq!(page.status, 200, "{}", page.body);
    for chart in ["over-time", "trend", "causes", "slowest", "week"] {
        assert!(page.body.contains(&format!("id=\"{chart}\"")), "{chart}");
    }
    assert!(page.body.contains("99.0") && page.body.contains("No answer within 15 s"));
    let stranger = app.clinic("Harbor Clinic").await;
    let stranger = app.sign_in(&stranger.email(Role::Owner)).await;
    let empty = stranger.get("/dashboard/webhooks/analytics?range=90d").await;
    assert!(empty.body.contains("Nothing was sent in these days."), "no try of another clinic is counted");
    let foreign = format!("/dashboard/webhooks/analytics?endpoint={}", endpoints[0]);
    assert_eq!(stranger.get(&foreign).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_come_as_json_for_the_days_that_were_asked_for() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let member = app.sign_in(&clinic.email(Role::Member)).await;
    let none = member.send("GET", "/api/analytics/webhooks", None).await;
    assert_eq!(none.status, 200, "{}", none.body);
    assert_eq!(none.json()["total"]["attempts"], 0);
    assert!(none.json()["total"]["successPercent"].is_null());
    fill_year(&app, clinic.org, &[Uuid::now_v7()]).await;
    let today = app.clock.now().date();
    let (from, to) = (today - Duration::days(9), today - Duration::days(1));
    let answer =
        member.send("GET", &format!("/api/analytics/webhooks?from={from}&to={to}"), None).await.json();
    let total = &answer["total"];
    assert_eq!(total["succeeded"], 9 * 24 * 50, "{answer}");
    assert_eq!(answer["overTime"].as_array().unwrap().len(), 9);
    assert_eq!(answer["overTime"][0]["at"], format!("{from}T00:00:00"));
    assert_eq!(total["attempts"].as_u64().unwrap() - 9 * 24 * 50, total["failed"].as_u64().unwrap());
    assert_eq!(answer["errors"][0]["cause"], "timeout");
    assert_eq!(total["slowestMs"], 9000);
    let share = total["successPercent"].as_f64().unwrap();
    assert!(
        share > 98.9
            && share < 99.1
            && ((share * 100.0).fract() < 1e-6 || (share * 100.0).fract() > 1.0 - 1e-6),
        "{share}"
    );
    for (wrong, status) in
        [("from=2026-02-30&to=2026-03-01", 422), ("from=2026-03-02", 422), ("endpoint=nobody", 404)]
    {
        let answer = member.send("GET", &format!("/api/analytics/webhooks?{wrong}"), None).await;
        assert_eq!(answer.status, status, "{wrong}: {}", answer.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_tries_are_read_by_an_index() {
    let app = TestApp::start().await;
    let mut first = None;
    for at in 0..5 {
        let name = format!("Clinic {at}");
        let org = accounts::create_organization(&app.services.pool, &name, "UTC", "US").await.unwrap();
        voxanne::integrations::onboard::onboard(&app.services, org, &name).await.unwrap();
        first.get_or_insert(org);
        let event = Uuid::now_v7();
        sqlx::query(
            "with told as (
               insert into outbound_events (org_id, id, kind, key_version, triggered_by) values ($1, $2, 'call.ended', 1, 'call')),
             one as (
               insert into deliveries (org_id, id, event_id, endpoint_id, workflow_name, kind, status, triggered_by)
               values ($1, $2, $2, $2, 'crm', 'call.ended', 'succeeded', 'call'))
             insert into delivery_attempts (org_id, id, delivery_id, endpoint_id, number, outcome, status_code, millis, attempted_at)
             select $1, gen_random_uuid(), $2, $2, 1, 'succeeded', 200, n % 900, now() - n * interval '1 minute'
               from generate_series(1, 10000) n",
        )
        .bind(org.0)
        .bind(event)
        .execute(&app.db.superuser)
        .await
        .unwrap();
    }
    sqlx::query("analyze delivery_attempts").execute(&app.db.superuser).await.unwrap();
    let org = first.unwrap();
    let now = app.clock.now();
    let endpoint = app.an_endpoint(org).await;
    let week = AttemptFilter {
        since: Some(now - Duration::days(7)),
        until: Some(now),
        limit: 100,
        ..AttemptFilter::default()
    };
    for filter in [
        AttemptFilter { endpoint: Some(endpoint), limit: 100, ..AttemptFilter::default() },
        week.clone(),
        AttemptFilter { before: Some((now - Duration::days(1), Uuid::now_v7())), ..week.clone() },
        AttemptFilter { is_failed: true, ..week.clone() },
    ] {
        let plan = plan(&app, org, attempts::statement(&filter), Bind::Attempts(filter)).await;
        assert!(!plan.contains("Seq Scan on delivery_attempts"), "{plan}");
        assert!(plan.contains("delivery_attempts_by_"), "{plan}");
    }
    let mut tx = OrgTx::service(&app.services.pool, org).await.unwrap();
    let page = attempts::list(&mut tx, &week).await.unwrap();
    assert_eq!(page.len(), 100);
    let last = page.last().unwrap();
    let next = AttemptFilter { before: Some((last.attempted_at, last.id)), ..week };
    let next = attempts::list(&mut tx, &next).await.unwrap();
    assert!(next.iter().all(|line| line.attempted_at <= last.attempted_at && line.id != last.id));
    assert_eq!(next.len(), 100);
}

impl TestApp {
    /// An endpoint that tries were made for.
    async fn an_endpoint(&self, org: OrgId) -> Uuid {
        sqlx::query_scalar("select endpoint_id from delivery_attempts where org_id = $1 limit 1")
            .bind(org.0)
            .fetch_one(&self.db.superuser)
            .await
            .unwrap()
    }
}
