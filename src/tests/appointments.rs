//! Appointments that callers make: booked once whatever happens, confirmed, moved, cancelled, and never
//! another patient's.

use serde_json::{Value, json};
use tokio::task::JoinSet;
use voxanne::calls::tools::LATER;
use voxanne::domain::{ProviderId, Role};
use voxanne::jobs::{sweep_hourly, sweep_often};
use voxanne::sandbox::Fault;

use super::support::app::TestApp;
use super::support::line::{BOOKED, CALLER, Line, booking, events, first_time, sentence, until};
use super::support::state::connect;
use super::tenancy_pool::all_cases;

const PENDING: &str = "select count(*) from appointments where org_id = $1 and status = 'pending'";
const NOTES: &str = "select count(*) from notes where org_id = $1";

/// All cases of the bar where somebody asks for them.
fn at_once() -> usize {
    if all_cases() { 1_000 } else { 60 }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_finds_a_time_books_it_and_gets_a_message() {
    let app = TestApp::start().await;
    let line = Line::open(&app, "Sunrise Dental").await;
    let said = line.use_tool("call", "look", "check_availability", json!({})).await;
    assert!(said.contains("Free times for Appointment: "), "{said}");
    let start = first_time(&said);
    let said = line.use_tool("call", "book", "book_appointment", booking(&start)).await;
    assert!(said.starts_with("The appointment is booked for "), "{said}");
    assert!(said.ends_with("A message with the details is on its way."), "{said}");

    let events = events(&app, &line);
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["summary"], "Appointment: Robin Patient");
    assert_eq!(events[0]["start"]["dateTime"], format!("{start}:00Z"));
    let log = app.sandbox.phone_log();
    assert_eq!((log.len(), log[0].to.as_str()), (1, CALLER));
    assert!(
        log[0].body.starts_with("Sunrise Dental: your appointment (Appointment) is booked for "),
        "{log:?}"
    );
    assert_eq!(log[0].from.as_deref(), Some(line.clinic.twilio.numbers[0].number.as_str()));

    // The time is not offered any more, and nothing of the patient lies open in the database.
    assert_ne!(line.first_free("call").await, start);
    let dump = app.dump(line.clinic.org).await;
    for word in ["Robin Patient", "needles", CALLER] {
        assert!(!dump.contains(word), "{word} lies open");
    }
    // The same booking by another tool call of the same call is the same booking.
    let again = line.use_tool("call", "book again", "book_appointment", booking(&start)).await;
    assert!(again.starts_with("That is booked already"), "{again}");
    assert_eq!(app.count(BOOKED, line.clinic.org).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_concurrent_bookings_of_one_time_one_is_booked_and_one_event_is_there() {
    let app = TestApp::start().await;
    let line = Line::open(&app, "Sunrise Dental").await;
    let second = app.beside().await;
    let start = line.first_free("look").await;
    let mut running = JoinSet::new();
    for at in 0..at_once() {
        let wire = line.wire.to(if at % 2 == 0 { &app } else { &second });
        let body = line.message(&format!("call-{at}"), "book", "book_appointment", &booking(&start));
        running.spawn(async move { sentence(&wire.send(&body).await) });
    }
    let said = running.join_all().await;
    // Who had to wait for too long was told that a message follows; what became of it is known by then.
    until(&app, &line, PENDING, 0).await;
    assert_eq!(app.count(BOOKED, line.clinic.org).await, 1, "{said:?}");
    assert_eq!(events(&app, &line).len(), 1);
    let told = said.iter().filter(|said| said.starts_with("The appointment is booked")).count();
    assert!(told <= 1, "{said:?}");
    let is_truthful =
        |said: &String| said == LATER || said.contains("no longer free") || said.contains("is booked for");
    assert!(said.iter().all(is_truthful), "{said:?}");
    assert!(app.sandbox.phone_log().len() <= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn bookings_that_overlap_exclude_each_other_too() {
    let app = TestApp::start().await;
    let line = Line::open(&app, "Sunrise Dental").await;
    let start = line.first_free("look").await;
    let later = start.replace(":00", ":15").replace(":30", ":45");
    let mut running = JoinSet::new();
    for (at, start) in [&start, &later].into_iter().cycle().take(20).enumerate() {
        let wire = line.wire.clone();
        let body = line.message(&format!("call-{at}"), "book", "book_appointment", &booking(start));
        running.spawn(async move { sentence(&wire.send(&body).await) });
    }
    running.join_all().await;
    until(&app, &line, PENDING, 0).await;
    assert_eq!(app.count(BOOKED, line.clinic.org).await, 1);
    assert_eq!(events(&app, &line).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn times_are_read_as_models_write_them_and_what_can_not_be_booked_is_said_to_be_so() {
    let app = TestApp::start().await;
    let line = Line::open(&app, "Sunrise Dental").await;
    let start = line.first_free("look").await;
    let (day, time) = start.split_once('T').unwrap();
    let book =
        async |id: &str, arguments: Value| line.use_tool("call", id, "book_appointment", arguments).await;
    assert!(book("1", json!({ "name": "Alex" })).await.starts_with("I need to know the day and the time"));
    assert!(book("2", json!({ "name": "Alex", "date": day })).await.starts_with("I need the time on"));
    assert!(book("3", json!({ "start": start })).await.starts_with("I need the patient's name"));
    let night = json!({ "name": "Alex", "start": format!("{day} 03:00") });
    assert!(book("4", night).await.contains("outside of what can be booked"));
    let past = json!({ "name": "Alex", "start": "2020-01-06 10:00" });
    assert!(book("5", past).await.contains("outside of what can be booked"));
    let far = json!({ "name": "Alex", "start": "2099-01-05 10:00" });
    assert!(book("6", far).await.contains("outside of what can be booked"));
    assert_eq!(events(&app, &line).len(), 0);
    let split = json!({ "name": "Alex", "date": day, "time": time });
    assert!(book("7", split).await.starts_with("The appointment is booked"));
    assert_eq!(events(&app, &line).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_appointment_moves_and_is_cancelled_by_its_own_patient_only() {
    let app = TestApp::start().await;
    let line = Line::open(&app, "Sunrise Dental").await;
    let start = line.first_free("one").await;
    assert!(
        line.use_tool("one", "book", "book_appointment", booking(&start)).await.contains("is booked for")
    );
    let other = line.first_free("two").await;

    // Somebody else, with another number, who does not know the exact time.
    let stranger = async |id: &str, arguments: Value| {
        let body = line.message_from("+15550100999", "strange", id, "cancel_appointment", &arguments);
        sentence(&line.wire.send(&body).await)
    };
    assert!(stranger("1", json!({})).await.starts_with("I find no such appointment"));
    assert!(stranger("2", json!({ "phone": CALLER })).await.starts_with("I find no such appointment"));
    assert!(
        stranger("3", json!({ "phone": CALLER, "current": &start[..10] })).await.starts_with("I find no")
    );
    assert_eq!(app.count(BOOKED, line.clinic.org).await, 1);

    // The patient, in another call.
    let said = line.use_tool("two", "move", "reschedule_appointment", json!({ "start": other })).await;
    assert!(said.starts_with("The appointment has moved to "), "{said}");
    until(&app, &line, "select count(*) from appointments where org_id = $1 and must_release", 0).await;
    let now = events(&app, &line);
    assert_eq!(now.len(), 1, "the old time is free again: {now:?}");
    assert_eq!(now[0]["start"]["dateTime"], format!("{other}:00Z"));
    assert_eq!(app.count(BOOKED, line.clinic.org).await, 1);
    assert!(app.sandbox.phone_log().last().unwrap().body.contains("has moved to"));

    let said = line.use_tool("three", "cancel", "cancel_appointment", json!({ "current": other })).await;
    assert!(said.ends_with("is cancelled."), "{said}");
    until(&app, &line, "select count(*) from appointments where org_id = $1 and must_release", 0).await;
    assert_eq!(events(&app, &line).len(), 0);
    assert_eq!(app.count(BOOKED, line.clinic.org).await, 0);
    assert_eq!(line.first_free("four").await, start, "and can be booked by others");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_of_unknown_outcome_is_found_out_by_asking_the_calendar() {
    let app = TestApp::start().await;
    let line = Line::open(&app, "Sunrise Dental").await;
    let start = line.first_free("look").await;
    // What a process that died between its row and the calendar leaves behind.
    app.meddle(
        "insert into appointments (org_id, id, call_id, service, starts_at, ends_at, key_version, patient_mask, updated_at)
         select $1, gen_random_uuid(), 'lost', 'Appointment', now() + interval '1 day', now() + interval '1 day 30 minutes',
                max(version), 'unknown', now() - interval '2 minutes' from data_keys where org_id = $1",
        line.clinic.org,
    )
    .await;
    app.sandbox.faults().set(ProviderId::GoogleCalendar, Fault::ServerError);
    sweep_often(app.services.clone()).await.unwrap();
    assert_eq!(app.count(PENDING, line.clinic.org).await, 1, "what nobody can tell stays open");
    app.sandbox.faults().set(ProviderId::GoogleCalendar, Fault::None);
    line.owner.send("POST", "/api/integrations/google_calendar/verify", None).await;
    app.meddle(
        "update appointments set updated_at = now() - interval '2 minutes' where org_id = $1",
        line.clinic.org,
    )
    .await;
    sweep_often(app.services.clone()).await.unwrap();
    assert_eq!(app.count(PENDING, line.clinic.org).await, 0);
    assert_eq!(app.count(BOOKED, line.clinic.org).await, 0, "it did not reach the calendar");
    assert_eq!(app.count(NOTES, line.clinic.org).await, 1, "the team is told, since the patient was");

    // One that did reach it: booked, and the patient hears of it.
    let said = line.use_tool("call", "book", "book_appointment", booking(&start)).await;
    assert!(said.contains("is booked for"), "{said}");
    app.meddle(
        "update appointments set status = 'pending', updated_at = now() - interval '2 minutes'
          where org_id = $1 and status = 'booked'",
        line.clinic.org,
    )
    .await;
    // As if nobody had told the patient yet.
    app.meddle("update messages set appointment_id = null where org_id = $1", line.clinic.org).await;
    sweep_often(app.services.clone()).await.unwrap();
    assert_eq!(app.count(BOOKED, line.clinic.org).await, 1);
    assert_eq!(app.sandbox.phone_log().len(), 2, "the confirmation that was promised");
    assert_eq!(events(&app, &line).len(), 1);
    sweep_often(app.services.clone()).await.unwrap();
    assert_eq!(app.sandbox.phone_log().len(), 2, "once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_confirmation_fails_no_booking_and_is_not_promised() {
    let app = TestApp::start().await;
    let line = Line::open(&app, "Sunrise Dental").await;
    let start = line.first_free("call").await;
    app.sandbox.faults().set(ProviderId::Twilio, Fault::Unauthorized);
    let said = line.use_tool("call", "book", "book_appointment", booking(&start)).await;
    assert!(said.starts_with("The appointment is booked for "), "{said}");
    assert!(said.contains("Please note it down"), "{said}");
    assert_eq!(events(&app, &line).len(), 1);
    // Without any sender nothing is asked at all.
    assert_eq!(line.owner.send("DELETE", "/api/integrations/twilio", None).await.status, 204);
    app.sandbox.forget_requests();
    let start = line.first_free("other").await;
    let said = line.use_tool("other", "book", "book_appointment", booking(&start)).await;
    assert!(said.contains("is booked for") && said.contains("Please note it down"), "{said}");
    assert_eq!(app.sandbox.requests(ProviderId::Twilio).len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn patients_are_forgotten_with_the_clinics_retention() {
    let app = TestApp::start().await;
    let line = Line::open(&app, "Sunrise Dental").await;
    let start = line.first_free("call").await;
    line.use_tool("call", "book", "book_appointment", booking(&start)).await;
    let note = json!({ "message": "Please call me about my bill.", "name": "Robin Patient" });
    assert_eq!(line.use_tool("call", "note", "take_message", note).await, "The team has your message.");
    let sealed = "select (select count(*) from appointments where org_id = $1 and sealed_patient is not null)
                       + (select count(*) from notes where org_id = $1 and sealed_note is not null)";
    sweep_hourly(app.services.clone()).await.unwrap();
    assert_eq!(app.count(sealed, line.clinic.org).await, 2);
    app.meddle(
        "update appointments set starts_at = now() - interval '32 days', ends_at = now() - interval '31 days' where org_id = $1",
        line.clinic.org,
    )
    .await;
    app.meddle("update notes set created_at = now() - interval '31 days' where org_id = $1", line.clinic.org)
        .await;
    sweep_hourly(app.services.clone()).await.unwrap();
    assert_eq!(app.count(sealed, line.clinic.org).await, 0);
    assert_eq!(app.count(NOTES, line.clinic.org).await, 1);
    let keys = "select count(*) from appointments where org_id = $1 and patient_key is not null";
    assert_eq!(app.count(keys, line.clinic.org).await, 0, "nor can they be found by their number");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_clinics_calls_reach_no_appointment_of_another() {
    let app = TestApp::start().await;
    let (one, two) = (Line::open(&app, "Sunrise Dental").await, Line::open(&app, "Harbor Clinic").await);
    let start = one.first_free("call").await;
    assert!(one.use_tool("call", "book", "book_appointment", booking(&start)).await.contains("is booked"));
    // The same caller, the same call id, the exact time.
    let said = two.use_tool("call", "cancel", "cancel_appointment", json!({ "current": start })).await;
    assert!(said.starts_with("I find no such appointment"), "{said}");
    assert_eq!(app.count(BOOKED, one.clinic.org).await, 1);
    // What is taken there is free here.
    assert!(two.use_tool("call", "book", "book_appointment", booking(&start)).await.contains("is booked"));
    assert_eq!((events(&app, &one).len(), events(&app, &two).len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_calendar_the_clinics_own_fallback_is_said_and_kept() {
    let app = TestApp::start().await;
    let line = Line::open(&app, "Sunrise Dental").await;
    assert_eq!(line.owner.send("DELETE", "/api/integrations/google_calendar", None).await.status, 204);
    let said = line.use_tool("call", "1", "check_availability", json!({})).await;
    assert!(said.contains("I will leave the team a message"), "{said}");
    let change = json!({ "fallbacks": { "calendar": "call_back" } });
    assert_eq!(line.owner.send("PUT", "/api/agents/inbound", Some(change)).await.status, 200);
    for id in ["2", "3"] {
        let said = line.use_tool("call", id, "check_availability", json!({})).await;
        assert!(said.ends_with("I have noted that the team calls you back."), "{said}");
    }
    assert_eq!(app.count(NOTES, line.clinic.org).await, 1, "one for a call");
    let book = json!({ "start": "2099-01-05 10:00", "name": "Alex" });
    assert!(line.use_tool("call", "4", "book_appointment", book).await.contains("outside"));
    let member = app.sign_in(&line.clinic.email(Role::Member)).await;
    assert_eq!(member.send("PUT", "/api/agents/inbound", Some(json!({ "tools": [] }))).await.status, 403);
    let wrong = json!({ "fallbacks": { "calendar": "transfer" } });
    let refused = line.owner.send("PUT", "/api/agents/inbound", Some(wrong)).await;
    assert_eq!((refused.status, &refused.json()["errors"][0]["field"]), (422, &json!("calendarFallback")));
    // Switched off is switched off, whatever an assistant still asks for.
    let none = json!({ "tools": ["send_sms"] });
    assert_eq!(line.owner.send("PUT", "/api/agents/inbound", Some(none)).await.status, 200);
    let said = line.use_tool("call", "5", "check_availability", json!({})).await;
    assert!(said.starts_with("I can not do that here."), "{said}");
    assert!(connect(&line.owner, "twilio", line.clinic.twilio_body()).await.status == 200);
}
