//! The real process, killed at every point of a booking (bar W7): whoever looks after what it has left finds one event
//! in the calendar or none, tells the patient once, or parks what nobody knows; and the patient can ask again.
//!
//! What another session holds, or a provider keeps to itself, stops the process exactly where it is to die.

use serde_json::json;
use sqlx::{Connection, PgConnection};
use voxanne::domain::ProviderId;
use voxanne::sandbox::{Fault, Sandbox};

use super::support::cluster::TestDb;
use super::support::line::{Line, sentence};
use super::support::outlived::Outlived;
use super::support::wire::Wire;

/// Where the process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Point {
    /// Before the message of the call is stored.
    BeforeEvent,
    /// Before the tool call is claimed.
    BeforeClaim,
    /// Claimed, and before the appointment has a row.
    BeforeRow,
    /// With a row, and before anything is in the calendar.
    BeforeInsert,
    /// It is in the calendar, and Google has not said so.
    Inserting,
    /// Google has said so, and our row does not.
    Inserted,
    /// Booked, and before the message has a row.
    BeforeMessage,
    /// With a row, and Twilio has not taken it.
    NotTaken,
    /// Twilio has taken it and has not said so.
    Taken,
    /// Twilio has said so, and our row does not.
    Sent,
    /// Our row says so, and the booking still owes its confirmation.
    Unsettled,
    /// The caller has the answer.
    After,
}

/// What there is when somebody has looked after what the dead have left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Left {
    /// In the calendar, booked, and told to the clinic's endpoints.
    booked: [i64; 3],
    /// Texts that went out, and such of which nobody knows.
    texts: (usize, i64),
    /// What the team is to look after.
    notes: i64,
}

const NOTHING: Left = Left { booked: [0; 3], texts: (0, 0), notes: 0 };
const DONE: Left = Left { booked: [1; 3], texts: (1, 0), notes: 0 };

const POINTS: [(Point, Left); 12] = [
    (Point::BeforeEvent, NOTHING),
    (Point::BeforeClaim, NOTHING),
    (Point::BeforeRow, Left { notes: 1, ..NOTHING }),
    (Point::BeforeInsert, Left { notes: 1, ..NOTHING }),
    (Point::Inserting, DONE),
    (Point::Inserted, DONE),
    (Point::BeforeMessage, DONE),
    (Point::NotTaken, Left { texts: (0, 1), ..DONE }),
    (Point::Taken, Left { texts: (1, 1), ..DONE }),
    (Point::Sent, Left { texts: (1, 1), ..DONE }),
    (Point::Unsettled, DONE),
    (Point::After, DONE),
];

const PENDING: &str = "select count(*) from appointments where status = 'pending'";
const SENDING: &str = "select count(*) from messages where status = 'sending'";
const OPEN: &str = "select (select count(*) from appointments where status = 'pending' or owed is not null)
                         + (select count(*) from messages where status = 'sending')
                         + (select count(*) from tool_calls where status = 'running')
                         + (select count(*) from inbound_events where status = 'received')";

/// One booking of one call.
struct Asked {
    point: Point,
    call: String,
    caller: String,
    start: String,
}

impl Asked {
    fn body(&self, line: &Line, id: &str) -> String {
        let arguments = json!({ "start": self.start, "name": "Robin Patient" });
        line.message_from(&self.caller, &self.call, id, "book_appointment", &arguments)
    }

    /// Asks for it and kills the process where it is to die.
    async fn and_die(&self, house: &mut Outlived, line: &Line, wire: &Wire) {
        let held = self.prepare(house).await;
        let asking = Outlived::ask(wire, &self.body(line, "first"));
        let held = self.wait(house, line, held).await;
        if self.point == Point::After {
            let said = sentence(&asking.await.unwrap().unwrap());
            assert!(said.starts_with("The appointment is booked for"), "{said}");
            house.kill();
        } else {
            house.kill();
            assert!(asking.await.unwrap().is_none(), "{:?}: nobody answers", self.point);
        }
        if let Some(held) = held {
            held.close().await.unwrap();
        }
        for provider in [ProviderId::GoogleCalendar, ProviderId::Twilio] {
            house.app.sandbox.faults().set(provider, Fault::None);
        }
    }

    /// What is in its way from the beginning.
    async fn prepare(&self, house: &Outlived) -> Option<PgConnection> {
        let faults = house.app.sandbox.faults();
        let table = match self.point {
            Point::BeforeEvent => "inbound_events",
            Point::BeforeClaim => "tool_calls",
            Point::BeforeRow => "appointments",
            Point::BeforeMessage => "messages",
            point => {
                match point {
                    Point::BeforeInsert => faults.set(ProviderId::GoogleCalendar, Fault::Hang),
                    Point::Inserting => faults.set(ProviderId::GoogleCalendar, Fault::HeldAnswer),
                    Point::Inserted => faults.set(ProviderId::GoogleCalendar, Fault::Slow),
                    Point::NotTaken => faults.set(ProviderId::Twilio, Fault::Hang),
                    Point::Taken => faults.set(ProviderId::Twilio, Fault::HeldAnswer),
                    Point::Sent | Point::Unsettled => faults.set(ProviderId::Twilio, Fault::Slow),
                    _ => {}
                }
                return None;
            }
        };
        Some(house.hold(&format!("lock table {table} in access exclusive mode")).await)
    }

    /// Waits until it is where it is to die; gives what holds it there.
    async fn wait(&self, house: &Outlived, line: &Line, held: Option<PgConnection>) -> Option<PgConnection> {
        let is_made = |sandbox: &Sandbox| {
            sandbox.google().events(&line.google, "primary").iter().any(|event| self.is_of(event))
        };
        let texts =
            |sandbox: &Sandbox| sandbox.phone_log().iter().filter(|entry| entry.to == self.caller).count();
        match self.point {
            Point::BeforeEvent | Point::BeforeClaim | Point::BeforeRow | Point::BeforeMessage => {
                house.until_somebody_waits().await;
                held
            }
            Point::BeforeInsert => {
                house.until(PENDING, 1).await;
                let is_asked = |sandbox: &Sandbox| !sandbox.requests(ProviderId::GoogleCalendar).is_empty();
                house.until_seen("the calendar is asked", is_asked).await;
                None
            }
            Point::Inserting => {
                house.until_seen("the event", is_made).await;
                None
            }
            Point::Inserted => {
                house.until(PENDING, 1).await;
                let row = "select 1 from appointments where status = 'pending' for update";
                let held = house.hold(row).await;
                house.until_seen("the event", is_made).await;
                house.until_somebody_waits().await;
                Some(held)
            }
            Point::NotTaken => {
                house.until(SENDING, 1).await;
                let is_asked = |sandbox: &Sandbox| !sandbox.requests(ProviderId::Twilio).is_empty();
                house.until_seen("Twilio is asked", is_asked).await;
                None
            }
            Point::Taken => {
                house.until_seen("the text", |sandbox| texts(sandbox) == 1).await;
                None
            }
            Point::Sent => {
                house.until(SENDING, 1).await;
                let held = house.hold("select 1 from messages where status = 'sending' for update").await;
                house.until_seen("the text", |sandbox| texts(sandbox) == 1).await;
                house.until_somebody_waits().await;
                Some(held)
            }
            Point::Unsettled => {
                house.until(SENDING, 1).await;
                let held = house.hold("select 1 from appointments where owed is not null for update").await;
                house.until(SENDING, 0).await;
                house.until_somebody_waits().await;
                Some(held)
            }
            Point::After => None,
        }
    }

    /// Whether an event of the calendar is at this time, and stands.
    fn is_of(&self, event: &serde_json::Value) -> bool {
        let start = event["start"]["dateTime"].as_str().unwrap_or_default();
        start.starts_with(&self.start) && event["status"] != "cancelled"
    }

    async fn left(&self, house: &Outlived, line: &Line) -> Left {
        let sandbox = &house.app.sandbox;
        let events = sandbox.google().events(&line.google, "primary");
        let events = events.iter().filter(|event| self.is_of(event)).count();
        let count = async |query: &'static str| house.count_of(&self.call, query).await;
        let booked = "select count(*) from appointments where call_id = $1 and status = 'booked'";
        let told = "select count(*) from outbound_events where call_id = $1 and kind = 'appointment.booked'";
        let parked = "select count(*) from messages where call_id = $1 and status = 'parked'";
        Left {
            booked: [i64::try_from(events).unwrap(), count(booked).await, count(told).await],
            texts: (
                sandbox.phone_log().iter().filter(|entry| entry.to == self.caller).count(),
                count(parked).await,
            ),
            notes: count("select count(*) from notes where call_id = $1").await,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_cut_off_anywhere_is_in_the_calendar_once_and_told_once() {
    let mut house = Outlived::over(TestDb::create().await).await;
    let line = Line::open(&house.app, "Sunrise Dental").await;
    let wire = house.wire(&line);
    house.app.sandbox.faults().set_delay(std::time::Duration::from_millis(400));
    // Without a worker, nothing happens but what is asked for.
    house.serve(&["--no-worker"]);
    let mut all = Vec::new();
    for (at, (point, expected)) in POINTS.into_iter().enumerate() {
        let call = format!("call-{point:?}");
        let start = line.first_free(&format!("look-{at}")).await;
        let asked = Asked { point, call, caller: format!("+155501003{at:02}"), start };
        house.app.sandbox.forget_requests();
        asked.and_die(&mut house, &line, &wire).await;
        // What the dead had sent may still come to its end in the database.
        house.until_nobody_waits().await;
        house.lose().await;
        house.work().await;
        assert_eq!(house.count(OPEN).await, 0, "{point:?}");
        assert_eq!(asked.left(&house, &line).await, expected, "{point:?}");

        // Vapi, who has no answer, asks again, which changes only what was not begun; and so does the patient.
        house.serve(&["--no-worker"]);
        let again = sentence(&wire.send(&asked.body(&line, "first")).await);
        let is_new = matches!(point, Point::BeforeEvent | Point::BeforeClaim);
        assert_eq!(
            again.starts_with("The appointment is booked for"),
            is_new || point == Point::After,
            "{again}"
        );
        let once_more = sentence(&wire.send(&asked.body(&line, "second")).await);
        let is_missing = expected.booked == [0; 3] && !is_new;
        let begin = if is_missing { "The appointment is booked for" } else { "That is booked already" };
        assert!(once_more.starts_with(begin), "{point:?}: {once_more}");
        all.push((asked, expected));
    }
    house.terminate();
    house.lose().await;
    house.work().await;
    assert_eq!(house.count(OPEN).await, 0);
    for (asked, expected) in all {
        let texts = if expected == NOTHING || expected.notes > 0 { (1, 0) } else { expected.texts };
        let expected = Left { booked: [1; 3], texts, notes: expected.notes };
        assert_eq!(asked.left(&house, &line).await, expected, "{:?}, in the end", asked.point);
    }
    let parked = house.app.recorded(line.clinic.org, "message.parked", "failure").await;
    assert_eq!(parked, 3, "somebody is told of each that nobody knows of");
}
