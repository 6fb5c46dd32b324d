//! The real process, killed between a booking and what it owes (bar W7): a worker tells the patient, and once.
//!
//! A table that another session holds stops the process exactly where it is to die.

use std::time::{Duration, Instant};

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde_json::json;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection};
use voxanne::db::embedded::{Embedded, EmbeddedOptions};
use voxanne::sandbox::DEMO_GOOGLE;

use super::killed_reports::{Worker, connect_demo, count, sent};
use super::support::app::Browser;
use super::support::consent;
use super::support::process::{DataFolder, Serving};

const PATIENCE: Duration = Duration::from_secs(90);
const BOOKED: &str = "select count(*) from appointments where status = 'booked'";
const OWED: &str = "select count(*) from appointments where owed is not null";

async fn until(connection: &mut PgConnection, query: &'static str, expected: i64) {
    let began = Instant::now();
    while count(connection, query).await != expected {
        assert!(began.elapsed() < PATIENCE, "{query} is {}", count(connection, query).await);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Lets whoever was at something have lost its time.
async fn let_claims_end(connection: &mut PgConnection) {
    connection
        .execute("update appointments set owed_at = now() - interval '1 second' where owed is not null")
        .await
        .unwrap();
}

/// Holds a table, so that whoever wants to write into it waits.
async fn hold(cluster: &Embedded, table: &str) -> PgConnection {
    let mut connection = cluster.superuser_options().database("voxanne").connect().await.unwrap();
    let lock = format!("begin; lock table {table} in access exclusive mode");
    connection.execute(sqlx::raw_sql(AssertSqlSafe(lock))).await.unwrap();
    connection
}

/// Lets a worker do what is left, until nothing is owed.
async fn work_off(data: &DataFolder, connection: &mut PgConnection) {
    let_claims_end(connection).await;
    let worker = Worker::start(data);
    until(connection, OWED, 0).await;
    drop(worker);
}

/// Ten o'clock on a day from Monday to Friday, some days ahead.
fn start() -> String {
    let now = Timestamp::from_second(time::OffsetDateTime::now_utc().unix_timestamp()).unwrap();
    let mut day = now.to_zoned_datetime(TimeZone::UTC).date().checked_add(3.days()).unwrap();
    while matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) {
        day = day.tomorrow().unwrap();
    }
    format!("{day}T10:00")
}

/// A patient calls and books; the answer may never come.
fn book(serving: &Serving, assistant: &str, start: &str) {
    let page = serving.ready["sandbox"]["page"].as_str().unwrap().trim_end_matches('/').to_owned();
    let arguments = json!({ "start": start, "name": "Robin Patient" }).to_string();
    let form = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("assistant", assistant)
        .append_pair("customer", "+15550100188")
        .append_pair("tool", "book_appointment")
        .append_pair("arguments", &arguments)
        .finish();
    tokio::spawn(async move {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = client
            .post(format!("{page}/calls"))
            .header("origin", &page)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form);
        let _ = request.send().await;
    });
}

async fn connect_google(serving: &Serving, browser: &Browser, org: &str) {
    let form = [("org", org), ("intent", "sign_in")];
    let begun = browser.post("/dashboard/integrations/google_calendar/connect", &form).await;
    assert_eq!(begun.status, 303, "{}", begun.body);
    let back = consent::open(begun.location()).await.allow(DEMO_GOOGLE[0].email, &[]).await;
    assert_eq!(browser.get(&back).await.status, 303, "{}", serving.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_killed_between_a_booking_and_what_it_owes_loses_and_doubles_nothing() {
    let data = DataFolder::new("killed-bookings");
    let cluster = Embedded::start(&data.path, EmbeddedOptions::default()).await.unwrap();
    let serve = || Serving::start(&["--sandbox", "--no-worker", "--data-dir", data.text()], &[]);
    let serving = serve();
    let mut connection = cluster.superuser_options().database("voxanne").connect().await.unwrap();
    let (browser, assistant) = connect_demo(&serving).await;
    let org: String = sqlx::query_scalar(
        "select org_id::text from assistant_org_mapping where vapi_assistant_id = $1::uuid",
    )
    .bind(&assistant)
    .fetch_one(&mut connection)
    .await
    .unwrap();
    connect_google(&serving, &browser, &org).await;

    // Booked, and killed before the message has a row.
    let held = hold(&cluster, "messages").await;
    book(&serving, &assistant, &start());
    until(&mut connection, BOOKED, 1).await;
    serving.kill();
    held.close().await.unwrap();
    assert_eq!((count(&mut connection, OWED).await, sent(&data).len()), (1, 0));
    work_off(&data, &mut connection).await;
    assert_eq!(sent(&data).len(), 1, "a worker told the patient");

    // Nothing is left to do, and nothing was done twice.
    let_claims_end(&mut connection).await;
    assert_eq!((sent(&data).len(), count(&mut connection, OWED).await), (1, 0));
    let events = "select count(*) from outbound_events where kind = 'appointment.booked'";
    assert_eq!(count(&mut connection, events).await, 1, "it was booked once");
    connection.close().await.unwrap();
    cluster.stop().await.unwrap();
}
