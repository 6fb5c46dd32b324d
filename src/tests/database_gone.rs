//! PostgreSQL dies without warning in the middle of a tool call and stays away: the caller hears a sentence within five
//! seconds, whatever needs the database says "not now" and when to come back, and in the end nothing happened twice.

use std::fs::File;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use rustix::fs::{FlockOperation, flock};
use serde_json::{Value, json};
use voxanne::calls::tools::{LATER, NOT_BEGUN};
use voxanne::db::embedded::{Embedded, EmbeddedOptions};
use voxanne::domain::ProviderId;
use voxanne::sandbox::{Fault, Sandbox};

use super::support::app::{Answer, Browser};
use super::support::cluster::TestDb;
use super::support::line::{CALLER, Line, sentence};
use super::support::outlived::Outlived;
use super::support::process::DataFolder;
use super::support::wire::Wire;

/// Within this a caller has an answer.
const ANSWER: Duration = Duration::from_secs(5);

const CALENDAR_DOWN: &str = "can not reach the calendar";

/// Whoever wants to start the cluster again waits for this.
fn keep_away(data: &DataFolder) -> File {
    let lock = File::open(data.path.join("postgres/start.lock")).unwrap();
    flock(&lock, FlockOperation::NonBlockingLockExclusive).unwrap();
    lock
}

/// A time of a day from Monday to Friday, some days ahead: another one for each.
fn time_of(at: usize) -> String {
    let now = Timestamp::from_second(time::OffsetDateTime::now_utc().unix_timestamp()).unwrap();
    let mut day = now.to_zoned_datetime(TimeZone::UTC).date().checked_add(3.days()).unwrap();
    while matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) {
        day = day.tomorrow().unwrap();
    }
    format!("{day}T{:02}:30", 9 + at)
}

/// Where a tool call is when the database dies, and what may be said then.
struct Point {
    tool: &'static str,
    /// It waits for this, or for a provider that is slow.
    held: &'static str,
    slow: Option<ProviderId>,
    may_say: &'static [&'static str],
}

const POINTS: [Point; 6] = [
    Point {
        tool: "book_appointment",
        held: "lock table inbound_events in access exclusive mode",
        slow: None,
        may_say: &[NOT_BEGUN],
    },
    Point {
        tool: "book_appointment",
        held: "lock table tool_calls in access exclusive mode",
        slow: None,
        may_say: &[NOT_BEGUN],
    },
    Point {
        tool: "check_availability",
        held: "select 1",
        slow: Some(ProviderId::GoogleCalendar),
        may_say: &[CALENDAR_DOWN, "Free times for", LATER],
    },
    Point {
        tool: "book_appointment",
        held: "select 1",
        slow: Some(ProviderId::GoogleCalendar),
        may_say: &[LATER],
    },
    Point {
        tool: "book_appointment",
        held: "select 1",
        slow: Some(ProviderId::Twilio),
        may_say: &[LATER, "The appointment is booked for"],
    },
    Point {
        tool: "send_sms",
        held: "select 1",
        slow: Some(ProviderId::Twilio),
        may_say: &["The text message is on its way.", LATER],
    },
];

fn body(line: &Line, point: &Point, at: usize) -> String {
    let arguments = match point.tool {
        "check_availability" => json!({}),
        "book_appointment" => json!({ "start": time_of(at), "name": "Robin Patient" }),
        _ => json!({ "message": "See you at nine." }),
    };
    line.message_from(CALLER, &format!("call-{at}"), "tool", point.tool, &arguments)
}

/// "Not now", and when to come back.
fn is_not_now(answer: &Answer) -> bool {
    answer.status == 503 && answer.header("retry-after").parse::<u32>().is_ok()
}

/// What whoever needs the database hears while it is away.
async fn everybody_is_asked_to_come_back(house: &Outlived, line: &Line) {
    let browser = Browser::to(house.serving().url());
    browser.set_cookie(line.owner.cookie());
    assert_eq!(browser.get("/healthz").await.status, 200);
    assert_eq!(browser.get("/readyz").await.status, 503);
    let pages = ["/dashboard", "/dashboard/appointments", "/dashboard/integrations"];
    for (path, answer) in pages.iter().zip(join_all(pages.map(|path| browser.get(path))).await) {
        assert!(is_not_now(&answer), "{path}: {answer:?}");
    }
    let routes = ["/api/agents/inbound", "/api/integrations/status", "/api/appointments"];
    let answers = join_all(routes.map(|path| browser.send("GET", path, None))).await;
    for (path, answer) in routes.iter().zip(answers) {
        assert!(is_not_now(&answer), "{path}: {answer:?}");
    }
    let fields = [("email", "nobody@clinic.example"), ("password", "a sentence")];
    let answer = Browser::to(house.serving().url()).post("/login", &fields).await;
    assert!(is_not_now(&answer), "/login: {answer:?}");
}

/// What Vapi hears while the database is away, and within the time that a caller waits.
async fn vapi_is_answered_in_time(wire: &Wire) {
    let report = wire.report("report");
    let text = wire.send_sms("another", "tool", "See you.");
    let request = wire.message("assistant-request", "ringing", &json!({}));
    let started = Instant::now();
    let (report, text, request) = tokio::join!(wire.send(&report), wire.send(&text), wire.send(&request));
    assert!(started.elapsed() < ANSWER, "{:?}", started.elapsed());
    assert!(is_not_now(&report), "{report:?}");
    // Whoever's clinic is not known any more can be told nothing but that.
    assert!(is_not_now(&text) || sentence(&text) == NOT_BEGUN, "{text:?}");
    let is_said = request.status == 200 && request.json()["error"].is_string();
    assert!(is_not_now(&request) || is_said, "{request:?}");
}

async fn until_it_is_back(house: &Outlived) {
    let began = Instant::now();
    while sqlx::query("select 1").execute(&house.app.db.superuser).await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(60), "the database does not come back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_dies_in_mid_call_is_a_sentence_to_the_caller_and_not_now_to_all_others() {
    let data = DataFolder::new("database-gone");
    let cluster = Embedded::start(&data.path, EmbeddedOptions::default()).await.unwrap();
    let mut house = Outlived::over(TestDb::of(&cluster).await).await;
    let line = Line::open(&house.app, "Sunrise Dental").await;
    let wire = house.wire(&line);
    house.app.sandbox.faults().set_delay(Duration::from_millis(600));
    for (at, point) in POINTS.iter().enumerate() {
        house.serve(&["--no-worker"]);
        house.app.sandbox.forget_requests();
        if let Some(provider) = point.slow {
            house.app.sandbox.faults().set(provider, Fault::Slow);
        }
        let held = house.hold(point.held).await;
        let started = Instant::now();
        let asking = Outlived::ask(&wire, &body(&line, point, at));
        match point.slow {
            Some(provider) => {
                let is_asked = |sandbox: &Sandbox| !sandbox.requests(provider).is_empty();
                house.until_seen("the provider is asked", is_asked).await;
            }
            None => house.until_somebody_waits().await,
        }
        let lock = keep_away(&data);
        data.kill_cluster();
        let answer = asking.await.unwrap().expect("an answer");
        let elapsed = started.elapsed();
        let said = sentence(&answer);
        assert!(elapsed < ANSWER, "{} {at}: {elapsed:?}", point.tool);
        assert!(point.may_say.iter().any(|known| said.contains(known)), "{} {at}: {said}", point.tool);
        drop(held);
        house.app.sandbox.faults().set(ProviderId::GoogleCalendar, Fault::None);
        house.app.sandbox.faults().set(ProviderId::Twilio, Fault::None);
        // What is heard meanwhile is the same wherever the call was.
        if at == 0 {
            vapi_is_answered_in_time(&wire).await;
            everybody_is_asked_to_come_back(&house, &line).await;
        }
        drop(lock);
        until_it_is_back(&house).await;
        if at == 0 {
            // The same process takes calls again.
            let began = Instant::now();
            let look = line.message("later", "look", "check_availability", &json!({}));
            while !wire.send(&look).await.body.contains("Free times for") {
                assert!(began.elapsed() < Duration::from_secs(30), "it does not recover");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        house.kill();
        house.lose().await;
    }

    // A worker sees to what was cut off.
    house.serve(&[]);
    let open = "select (select count(*) from appointments where status = 'pending' or owed is not null)
                     + (select count(*) from messages where status = 'sending')
                     + (select count(*) from tool_calls where status = 'running')
                     + (select count(*) from inbound_events where status = 'received')";
    house.until(open, 0).await;
    let events: Vec<Value> = house.app.sandbox.google().events(&line.google, "primary");
    let booked = "select count(*) from appointments where status = 'booked'";
    assert_eq!((events.len(), house.count(booked).await), (2, 2), "{events:?}");
    let told = "select count(*) from outbound_events where kind = 'appointment.booked'";
    assert_eq!(house.count(told).await, 2);
    let mut texts: Vec<String> = house.app.sandbox.phone_log().into_iter().map(|entry| entry.body).collect();
    texts.sort_unstable();
    let all = texts.len();
    texts.dedup();
    assert_eq!((all, texts.len()), (3, 3), "two confirmations and what the caller asked for: {texts:?}");
    house.terminate();
    cluster.stop().await.unwrap();
}
