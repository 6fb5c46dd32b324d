//! Free appointments in a clinic's own calendar, and bookings that happen once.

use std::time::Duration;

use jiff::civil::{Weekday, date, time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;
use voxanne::calls::booking::{Booked, Booking, Found, book, cancel, find_slots};
use voxanne::calls::slots::{Opening, Schedule, Slot, Wish};
use voxanne::domain::ProviderId;
use voxanne::providers::Deadline;
use voxanne::providers::calendar::Inserted;
use voxanne::providers::google::calendar::event_id;
use voxanne::sandbox::Fault;

use super::support::app::{Clinic, TestApp};
use super::support::state::connect;

/// A Monday, nine to twelve in New York: two to five in the afternoon in UTC.
fn schedule() -> Schedule {
    Schedule {
        time_zone: TimeZone::get("America/New_York").unwrap(),
        openings: vec![Opening {
            weekday: Weekday::Monday,
            from: time(9, 0, 0, 0),
            until: time(12, 0, 0, 0),
        }],
        closures: Vec::new(),
        practitioner: Vec::new(),
    }
}

fn wish() -> Wish {
    Wish {
        duration: SignedDuration::from_hours(1),
        buffer_before: SignedDuration::ZERO,
        buffer_after: SignedDuration::ZERO,
        step: SignedDuration::from_hours(1),
        not_before: Timestamp::MIN,
        first_day: date(2027, 1, 4),
        last_day: date(2027, 1, 4),
        most: 10,
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn slot(hour: u8) -> Slot {
    Slot {
        start: at(&format!("2027-01-04T{hour}:00:00Z")),
        end: at(&format!("2027-01-04T{}:00:00Z", hour + 1)),
    }
}

fn booking(id: Uuid, hour: u8) -> Booking {
    Booking {
        id,
        slot: slot(hour),
        summary: "Alex Example".to_owned(),
        description: "Cleaning".to_owned(),
        instead_of: None,
        aside: Vec::new(),
    }
}

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(8))
}

async fn found(app: &TestApp, clinic: &Clinic) -> Found {
    find_slots(&app.services, clinic.org, &schedule(), &wish(), &[], soon()).await.unwrap()
}

async fn booked(app: &TestApp, clinic: &Clinic, booking: &Booking) -> Booked {
    book(&app.services, clinic.org, &schedule(), &wish(), booking, soon()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_in_any_of_the_calendars_is_not_offered_and_a_booking_takes_its_time() {
    let app = TestApp::start().await;
    let (clinic, owner, id) = app.google_clinic("Sunrise Dental").await;
    let nord = "desk-sunrise-dental-example-nord@group.calendar.google.com";
    assert_eq!(connect(&owner, "google_calendar", serde_json::json!({ "alsoBusy": nord })).await.status, 200);
    assert_eq!(found(&app, &clinic).await, Found::Slots(vec![slot(14), slot(15), slot(16)]));
    app.sandbox.google().add_event(&id, at("2027-01-04T14:30:00Z"), at("2027-01-04T14:45:00Z"));
    assert_eq!(found(&app, &clinic).await, Found::Slots(vec![slot(15), slot(16)]));

    let one = booking(Uuid::now_v7(), 15);
    let event = event_id(one.id);
    assert_eq!(booked(&app, &clinic, &one).await, Booked::Done { event: event.clone(), how: Inserted::Made });
    assert_eq!(found(&app, &clinic).await, Found::Slots(vec![slot(16)]));
    // Tried again, it is the same event; another booking does not get the time.
    assert_eq!(booked(&app, &clinic, &one).await, Booked::Done { event, how: Inserted::WasThere });
    assert_eq!(booked(&app, &clinic, &booking(Uuid::now_v7(), 15)).await, Booked::Taken);
    assert_eq!(
        booked(&app, &clinic, &booking(Uuid::now_v7(), 18)).await,
        Booked::Taken,
        "nobody is there then"
    );
    assert_eq!(booked(&app, &clinic, &booking(Uuid::now_v7(), 16)).await, {
        let events = app.sandbox.google().events(&id, "primary");
        Booked::Done { event: events.last().unwrap()["id"].as_str().unwrap().to_owned(), how: Inserted::Made }
    });
    assert_eq!(found(&app, &clinic).await, Found::Full);
    assert_eq!(app.sandbox.google().events(&id, "primary").len(), 3);

    assert_eq!(cancel(&app.services, clinic.org, one.id, soon()).await.unwrap(), Ok(()));
    assert_eq!(cancel(&app.services, clinic.org, one.id, soon()).await.unwrap(), Ok(()), "safe to repeat");
    assert_eq!(found(&app, &clinic).await, Found::Slots(vec![slot(15)]));
    assert_eq!(booked(&app, &clinic, &one).await, Booked::Cancelled, "its identifier stays used up");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_calendar_that_cannot_be_asked_is_neither_free_nor_full() {
    let app = TestApp::start().await;
    let (clinic, owner, id) = app.google_clinic("Sunrise Dental").await;
    let one = booking(Uuid::now_v7(), 15);
    for fault in [Fault::ServerError, Fault::Throttled, Fault::Reset, Fault::Html, Fault::ErrorInside] {
        app.sandbox.faults().set(ProviderId::GoogleCalendar, fault);
        let (slots, written) = (found(&app, &clinic).await, booked(&app, &clinic, &one).await);
        app.sandbox.faults().set(ProviderId::GoogleCalendar, Fault::None);
        assert!(matches!(&slots, Found::Unavailable(why) if why.is_passing), "{fault:?}: {slots:?}");
        assert!(matches!(&written, Booked::Unavailable(why) if why.is_passing), "{fault:?}: {written:?}");
        // Closes the breaker again.
        owner.send("POST", "/api/integrations/google_calendar/verify", None).await;
    }
    assert!(app.sandbox.google().events(&id, "primary").is_empty());
    // One calendar of several that cannot be read hides taken times: nothing is free then.
    app.sandbox
        .google()
        .change(&id, |account| account.calendars[0].busy_error = Some("internalError".to_owned()));
    assert!(matches!(found(&app, &clinic).await, Found::Unavailable(_)));
    app.sandbox.google().change(&id, |account| account.calendars[0].busy_error = Some("notFound".to_owned()));
    let gone = found(&app, &clinic).await;
    assert!(
        matches!(&gone, Found::Unavailable(why) if !why.is_passing && why.why.sentence.contains("no such calendar"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_books_once_and_a_retry_finds_it() {
    let app = TestApp::start().await;
    let (clinic, owner, id) = app.google_clinic("Sunrise Dental").await;
    let one = booking(Uuid::now_v7(), 15);
    assert!(matches!(booked(&app, &clinic, &one).await, Booked::Done { how: Inserted::Made, .. }));
    app.sandbox.faults().set(ProviderId::GoogleCalendar, Fault::LostAnswer);
    assert!(matches!(booked(&app, &clinic, &one).await, Booked::Unavailable(_)));
    app.sandbox.faults().set(ProviderId::GoogleCalendar, Fault::None);
    owner.send("POST", "/api/integrations/google_calendar/verify", None).await;
    assert!(matches!(booked(&app, &clinic, &one).await, Booked::Done { how: Inserted::WasThere, .. }));
    assert_eq!(app.sandbox.google().events(&id, "primary").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_token_is_renewed_on_the_way_and_another_clinics_calendar_is_never_asked() {
    let app = TestApp::start().await;
    let (one, _, first) = app.google_clinic("Sunrise Dental").await;
    let (two, _, second) = app.google_clinic("Harbor Clinic").await;
    app.sandbox.google().end_access_tokens();
    assert!(matches!(booked(&app, &one, &booking(Uuid::now_v7(), 15)).await, Booked::Done { .. }));
    assert!(matches!(booked(&app, &two, &booking(Uuid::now_v7(), 15)).await, Booked::Done { .. }));
    for id in [first, second] {
        assert_eq!(app.sandbox.google().events(&id, "primary").len(), 1);
    }
    let none = app.clinic("Third Clinic").await;
    let error = find_slots(&app.services, none.org, &schedule(), &wish(), &[], soon()).await.unwrap_err();
    assert!(error.sentence().contains("Google Calendar is not connected"), "{}", error.sentence());
}
