//! Appointments that are moved twice, that a call asks for again, that are with somebody, and that stay in the
//! calendar although they are cancelled.

use std::time::{Duration, Instant};

use serde_json::json;
use sqlx::Connection;
use voxanne::domain::ProviderId;
use voxanne::jobs::sweep_often;
use voxanne::sandbox::Fault;

use super::support::app::TestApp;
use super::support::line::{BOOKED, Line, booking, events, first_time, sentence, until};

const RELEASES: &str = "select count(*) from appointments where org_id = $1 and must_release";
const OWED: &str = "select count(*) from appointments where org_id = $1 and owed is not null";
const NOTES: &str = "select count(*) from notes where org_id = $1 and kind = 'follow_up'";

#[tokio::test(flavor = "multi_thread")]
async fn of_two_moves_of_one_appointment_one_is_booked_and_the_other_is_given_back() {
    let app = TestApp::start().await;
    let line = Line::open(&app, "Sunrise Dental").await;
    let start = line.first_free("one").await;
    assert!(line.use_tool("one", "book", "book_appointment", booking(&start)).await.contains("is booked"));
    let said = line.use_tool("look", "look", "check_availability", json!({ "partOfDay": "afternoon" })).await;
    let others = [first_time(&said), line.first_free("look").await];
    assert_ne!(others[0], others[1]);
    // Both have found the appointment before either has moved it: neither row is ended while this is held.
    let mut holder = app.db.superuser.acquire().await.unwrap();
    let mut tx = holder.begin().await.unwrap();
    sqlx::query("select 1 from appointments where org_id = $1 and status = 'booked' for update")
        .bind(line.clinic.org.0)
        .execute(&mut *tx)
        .await
        .unwrap();
    let moves: Vec<_> = others
        .iter()
        .enumerate()
        .map(|(at, start)| {
            let body = line.message(
                &format!("move-{at}"),
                "m",
                "reschedule_appointment",
                &json!({ "start": start }),
            );
            let wire = line.wire.clone();
            tokio::spawn(async move { sentence(&wire.send(&body).await) })
        })
        .collect();
    let began = Instant::now();
    while events(&app, &line).len() < 3 {
        assert!(
            began.elapsed() < Duration::from_secs(3),
            "both stand in the calendar before the answer is due"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tx.rollback().await.unwrap();
    drop(holder);
    let mut said = Vec::new();
    for one in moves {
        said.push(one.await.unwrap());
    }
    let moved = said.iter().filter(|said| said.starts_with("The appointment has moved to")).count();
    let given_back = said.iter().filter(|said| said.contains("had been moved or cancelled before")).count();
    assert_eq!((moved, given_back), (1, 1), "{said:?}");
    until(&app, &line, RELEASES, 0).await;
    assert_eq!((app.count(BOOKED, line.clinic.org).await, events(&app, &line).len()), (1, 1));
    until(&app, &line, OWED, 0).await;
    assert_eq!(app.count(NOTES, line.clinic.org).await, 0, "the caller has heard it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_asks_again_much_later_hears_that_it_is_booked() {
    let app = TestApp::start().await;
    let line = Line::open(&app, "Sunrise Dental").await;
    let start = line.first_free("call").await;
    assert!(line.use_tool("call", "1", "book_appointment", booking(&start)).await.contains("is booked for"));
    app.meddle(
        "update appointments set updated_at = now() - interval '10 minutes' where org_id = $1",
        line.clinic.org,
    )
    .await;
    let again = line.use_tool("call", "2", "book_appointment", booking(&start)).await;
    assert!(again.starts_with("That is booked already"), "{again}");
    let other = line.use_tool("another", "3", "book_appointment", booking(&start)).await;
    assert!(other.contains("no longer free"), "{other}");
    assert_eq!((app.count(BOOKED, line.clinic.org).await, events(&app, &line).len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_can_not_be_taken_out_is_tried_less_and_less_and_then_told_to_the_team() {
    let app = TestApp::start().await;
    let line = Line::open(&app, "Sunrise Dental").await;
    let start = line.first_free("call").await;
    assert!(line.use_tool("call", "1", "book_appointment", booking(&start)).await.contains("is booked for"));
    app.sandbox.faults().set(ProviderId::GoogleCalendar, Fault::Forbidden);
    assert!(line.use_tool("call", "2", "cancel_appointment", json!({})).await.ends_with("is cancelled."));
    let looked = "select max(looks)::bigint from appointments where org_id = $1";
    until(&app, &line, looked, 1).await;
    // A minute and a half later it is not its turn yet; after two it is.
    let later = async |statement: &'static str| {
        app.meddle(statement, line.clinic.org).await;
        sweep_often(app.services.clone()).await.unwrap();
    };
    later("update appointments set updated_at = now() - interval '90 seconds' where org_id = $1").await;
    assert_eq!(app.count(looked, line.clinic.org).await, 1);
    later("update appointments set updated_at = now() - interval '121 seconds' where org_id = $1").await;
    assert_eq!(app.count(looked, line.clinic.org).await, 2);
    later(
        "update appointments set looks = 17, updated_at = now() - interval '110 minutes' where org_id = $1",
    )
    .await;
    assert_eq!((app.count(RELEASES, line.clinic.org).await, app.count(NOTES, line.clinic.org).await), (1, 0));
    later("update appointments set updated_at = now() - interval '121 minutes' where org_id = $1").await;
    assert_eq!((app.count(RELEASES, line.clinic.org).await, app.count(NOTES, line.clinic.org).await), (0, 1));
    let notes = line.owner.send("GET", "/api/notes", None).await.json();
    let text = notes["notes"][0]["note"]["message"].as_str().unwrap();
    assert!(text.ends_with("could not be taken out of the calendar. Delete it there."), "{text}");
    later("update appointments set updated_at = now() - interval '1 day' where org_id = $1").await;
    assert_eq!(app.count(NOTES, line.clinic.org).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_takes_its_practitioners_time_and_no_other_ones() {
    let app = TestApp::start().await;
    let line = Line::open(&app, "Sunrise Dental").await;
    let mut plan = line.owner.send("GET", "/api/schedule", None).await.json();
    plan["practitioners"] = json!([{ "name": "Dr. Nord", "hours": [] }, { "name": "Dr. Lee", "hours": [] }]);
    let saved = line.owner.send("PUT", "/api/schedule", Some(plan)).await;
    assert_eq!(saved.status, 200, "{}", saved.body);
    let look = async |call: &str, with: Option<&str>| {
        let arguments = with.map_or_else(|| json!({}), |name| json!({ "practitioner": name }));
        first_time(
            &line.use_tool(call, &format!("look-{with:?}-{call}"), "check_availability", arguments).await,
        )
    };
    let start = look("first", Some("Dr. Nord")).await;
    let with = |name: &str, start: &str| {
        let mut booking = booking(start);
        booking["practitioner"] = json!(name);
        booking
    };
    let book = async |call: &str, arguments| line.use_tool(call, "book", "book_appointment", arguments).await;
    assert!(book("nord", with("Dr. Nord", &start)).await.contains("is booked for"));
    // The same time, with somebody else: offered and booked, at once and when the calendar has told of the first.
    assert_eq!(look("second", Some("Dr. Lee")).await, start);
    assert_ne!(look("second", Some("Dr. Nord")).await, start);
    assert_ne!(look("second", None).await, start, "nobody in particular is everybody");
    app.meddle(
        "update appointments set updated_at = now() - interval '10 minutes' where org_id = $1",
        line.clinic.org,
    )
    .await;
    assert!(book("lee", with("Dr. Lee", &start)).await.contains("is booked for"));
    assert!(book("nord again", with("Dr. Nord", &start)).await.contains("no longer free"));
    assert!(book("lee again", with("Dr. Lee", &start)).await.contains("no longer free"));
    assert_eq!((app.count(BOOKED, line.clinic.org).await, events(&app, &line).len()), (2, 2));
    // What people block in the calendar by themselves counts for all, over the time of a booking too.
    let next = look("third", Some("Dr. Nord")).await;
    assert!(book("third", with("Dr. Nord", &next)).await.contains("is booked for"));
    assert_eq!(look("fourth", Some("Dr. Lee")).await, next);
    let at: jiff::Timestamp = format!("{next}:00Z").parse().unwrap();
    let until = at.checked_add(jiff::SignedDuration::from_mins(15)).unwrap();
    app.sandbox.google().add_event(&line.google, at, until);
    assert_ne!(look("fifth", Some("Dr. Lee")).await, next);
    assert!(book("fifth", with("Dr. Lee", &next)).await.contains("no longer free"));
    let told = app.sandbox.disagreements();
    assert!(told.is_empty(), "{told:?}");
}
