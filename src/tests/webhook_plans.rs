//! What the pages about events out read, with 200,000 tries of ten clinics in the tables: each statement by an
//! index, none by looking at everything. Those about tries and counts alone are in `analytics` too.

use sqlx::{Executor, Row};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;
use voxanne::auth::accounts;
use voxanne::db::OrgTx;
use voxanne::db::analytics::{recent_statement, summary_statement};
use voxanne::db::attempts::{self, AttemptFilter};
use voxanne::db::deliveries::{self, DeliveryFilter, MOST_COUNTED};
use voxanne::domain::OrgId;
use voxanne::integrations::onboard::onboard;

use super::support::app::TestApp;

const CLINICS: usize = 10;
/// Tables that grow with what happens in a clinic.
const GROWING: [&str; 5] =
    ["deliveries", "delivery_attempts", "delivery_hours", "outbound_events", "delivery_queue"];

/// 20,000 deliveries of five endpoints with a try each; of a hundred, five are dead, three parked, one waits.
async fn fill(app: &TestApp, org: OrgId) -> Vec<Uuid> {
    let endpoints: Vec<Uuid> = (0..5).map(|_| Uuid::now_v7()).collect();
    let mut connection = app.db.superuser.acquire().await.unwrap();
    // What refers to what is right by the statement itself; looking it up 200,000 times would take a minute.
    connection.execute("set session_replication_role = replica").await.unwrap();
    sqlx::query(
        "with rows as (
           select gen_random_uuid() as id, ($2::uuid[])[1 + n % 5] as endpoint, now() - n * interval '1 minute' as at,
                  case when n % 100 < 5 then 'dead' when n % 100 < 8 then 'parked' when n % 100 = 8 then 'pending' else 'succeeded' end as status
             from generate_series(1, 20000) n),
         told as (
           insert into outbound_events (org_id, id, kind, key_version, triggered_by, created_at)
           select $1, id, 'lead.hot', 1, 'call', at from rows),
         written as (
           insert into deliveries (org_id, id, event_id, endpoint_id, workflow_name, kind, status, triggered_by, created_at)
           select $1, id, id, endpoint, 'crm', 'lead.hot', status, 'call', at from rows),
         queued as (
           insert into delivery_queue (org_id, delivery_id, endpoint_id)
           select $1, id, endpoint from rows where status = 'pending'),
         hours as (
           insert into delivery_hours (org_id, endpoint_id, hour, outcome, attempts, millis_total, millis_most, slowest, b00)
           select $1, endpoint, date_trunc('hour', at, 'UTC'), 'succeeded', count(*), 0, 0, $1, count(*) from rows
            group by 2, 3)
         insert into delivery_attempts (org_id, id, delivery_id, endpoint_id, number, outcome, status_code, millis, attempted_at)
         select $1, gen_random_uuid(), id, endpoint, 1,
                case status when 'succeeded' then 'succeeded' else 'server_error' end, 200, 20, at from rows",
    )
    .bind(org.0)
    .bind(&endpoints)
    .execute(&mut *connection)
    .await
    .unwrap();
    connection.execute("set session_replication_role = default").await.unwrap();
    endpoints
}

/// What is bound to a statement.
enum Bound<'a> {
    Deliveries(&'a DeliveryFilter),
    Attempts(&'a AttemptFilter),
    Span(OffsetDateTime, OffsetDateTime, Option<Uuid>),
    One(Option<Uuid>),
}

/// How a statement is carried out for a clinic, as the server would have it done.
async fn plan(app: &TestApp, org: OrgId, statement: &str, bound: Bound<'_>) -> String {
    let mut tx = app.db.app.begin().await.unwrap();
    sqlx::query("select set_config('app.org_id', $1, true), set_config('app.role', 'owner', true), set_config('app.user_id', '', true)")
        .bind(org.to_string())
        .execute(&mut *tx)
        .await
        .unwrap();
    let query = sqlx::query(sqlx::AssertSqlSafe(format!("explain {statement}")));
    let query = match bound {
        Bound::Deliveries(filter) => query
            .bind(filter.endpoint)
            .bind(filter.status.clone())
            .bind(filter.since)
            .bind(filter.until)
            .bind(filter.before)
            .bind(filter.limit),
        Bound::Attempts(filter) => query
            .bind(filter.endpoint)
            .bind(filter.since)
            .bind(filter.until)
            .bind(filter.before.map(|(at, _)| at))
            .bind(filter.before.map(|(_, id)| id))
            .bind(filter.limit),
        Bound::Span(from, until, endpoint) => {
            query.bind(from).bind(until).bind("day").bind("Europe/Berlin").bind(endpoint)
        }
        Bound::One(id) => query.bind(id),
    };
    let rows = query.fetch_all(&mut *tx).await.unwrap();
    rows.iter().map(|row| row.get::<String, _>(0)).collect::<Vec<_>>().join("\n")
}

fn assert_by_index(what: &str, plan: &str) {
    for table in GROWING {
        assert!(!plan.contains(&format!("Seq Scan on {table}")), "{what}:\n{plan}");
    }
    assert!(plan.contains("Index"), "{what}:\n{plan}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_view_of_events_out_reads_an_index_among_200_000_tries() {
    let app = TestApp::start().await;
    let mut clinics = Vec::new();
    for at in 0..CLINICS {
        let name = format!("Clinic {at}");
        let org = accounts::create_organization(&app.services.pool, &name, "UTC", "US").await.unwrap();
        onboard(&app.services, org, &name).await.unwrap();
        clinics.push((org, fill(&app, org).await));
    }
    for table in GROWING {
        let analyze = sqlx::AssertSqlSafe(format!("analyze {table}"));
        sqlx::query(analyze).execute(&app.db.superuser).await.unwrap();
    }
    let (org, endpoints) = &clinics[3];
    let (org, endpoint) = (*org, endpoints[2]);
    let now = app.clock.now();
    let week = (Some(now - Duration::days(7)), Some(now));
    let newest: Uuid = sqlx::query_scalar(
        "select id from deliveries where org_id = $1 order by created_at desc limit 1 offset 200",
    )
    .bind(org.0)
    .fetch_one(&app.db.superuser)
    .await
    .unwrap();

    // The console and its pages, of the clinic and of one endpoint.
    for of in [None, Some(endpoint)] {
        for status in [None, Some("dead"), Some("parked"), Some("pending"), Some("succeeded")] {
            for (since, until) in [(None, None), week] {
                for before in [None, Some(newest)] {
                    let filter = DeliveryFilter {
                        endpoint: of,
                        status: status.map(str::to_owned),
                        since,
                        until,
                        before,
                        limit: 100,
                    };
                    let plan =
                        plan(&app, org, &deliveries::statement(&filter), Bound::Deliveries(&filter)).await;
                    assert_by_index(&format!("{filter:?}"), &plan);
                }
            }
        }
        let statement = deliveries::unfinished_statement(of);
        assert_by_index("unfinished", &plan(&app, org, &statement, Bound::One(of)).await);
        for statement in [summary_statement(), recent_statement()] {
            let bound = Bound::Span(now - Duration::days(30), now, of);
            assert_by_index("counts", &plan(&app, org, &statement, bound).await);
        }
        for is_failed in [false, true] {
            let (since, until) = week;
            let filter = AttemptFilter { endpoint: of, since, until, is_failed, before: None, limit: 100 };
            let plan = plan(&app, org, &attempts::statement(&filter), Bound::Attempts(&filter)).await;
            assert_by_index(&format!("{filter:?}"), &plan);
        }
    }
    assert_by_index("one", &plan(&app, org, deliveries::LIST_ATTEMPTS, Bound::One(Some(newest))).await);

    // Right as well as quick, and never more than somebody wants to know.
    let mut tx = OrgTx::service(&app.services.pool, org).await.unwrap();
    let all = deliveries::count_unfinished(&mut tx, None).await.unwrap();
    assert_eq!((all.dead, all.parked, all.pending), (1_000, 600, 200));
    let one = deliveries::count_unfinished(&mut tx, Some(endpoint)).await.unwrap();
    assert!(one.dead + one.parked + one.pending < all.dead + all.parked + all.pending, "{one:?}");
    let filter = DeliveryFilter { limit: 100, before: Some(newest), ..DeliveryFilter::default() };
    let page = deliveries::list(&mut tx, &filter).await.unwrap();
    assert!(page.len() == 100 && page.iter().all(|row| row.id != newest));
    tx.commit().await.unwrap();
    app.meddle("update deliveries set status = 'dead' where org_id = $1 and status = 'succeeded'", org).await;
    let mut tx = OrgTx::service(&app.services.pool, org).await.unwrap();
    assert_eq!(deliveries::count_unfinished(&mut tx, None).await.unwrap().dead, MOST_COUNTED);
    tx.commit().await.unwrap();
}
