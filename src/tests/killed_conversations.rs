//! Whole conversations while everything dies (bar W7): the process is killed and PostgreSQL ends without warning again
//! and again, while callers look for a time, book it, have it sent, hang up, are scored and told of. In the end
//! nothing that was acknowledged is missing and nothing happened twice, here and at each provider.
//!
//! The providers live on, and Vapi sends again what was not taken. Reduced here; `VOXANNE_BARS=full` acknowledges
//! 10,000 messages while the process dies every two to five seconds and PostgreSQL five times.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinSet;
use uuid::Uuid;
use voxanne::db::embedded::{Embedded, EmbeddedOptions};
use voxanne::sandbox::{CallScript, ReceivedHook, Sandbox, SignatureVerdict};

use super::support::cluster::TestDb;
use super::support::line::Line;
use super::support::outlived::Outlived;
use super::support::process::DataFolder;
use super::tenancy_pool::all_cases;
use super::tenancy_rows::Dice;

/// What is to be done, and what dies meanwhile.
struct Form {
    clinics: usize,
    callers: usize,
    acks: usize,
    kills: usize,
    falls: usize,
    /// Milliseconds from one death to the next.
    pause: std::ops::Range<usize>,
}

const REDUCED: Form = Form { clinics: 2, callers: 4, acks: 120, kills: 4, falls: 2, pause: 300..1_100 };
const FULL: Form = Form { clinics: 16, callers: 16, acks: 10_000, kills: 20, falls: 5, pause: 2_000..5_000 };

/// What is not at its end.
const OPEN: &str = "select (select count(*) from inbound_events where status = 'received')
                         + (select count(*) from alerts where status in ('waiting', 'sending'))
                         + (select count(*) from appointments where status = 'pending' or owed is not null)
                         + (select count(*) from messages where status = 'sending')
                         + (select count(*) from tool_calls where status = 'running')
                         + (select count(*) from deliveries where status = 'pending')";

/// A clinic, its inbound assistant, and where its n8n is told.
struct Desk {
    line: Line,
    assistant: Uuid,
    path: String,
}

impl Desk {
    async fn open(house: &Outlived, at: usize) -> Self {
        let app = &house.app;
        let line = Line::open(app, &format!("Clinic {at}")).await;
        let (_, assistant) = app.assistants(&line.clinic)[0];
        let path = format!("clinic-{at}/crm");
        let hook = json!({ "workflowName": "crm", "url": app.sandbox.hooks().url(&path) });
        let made = line.owner.send("POST", "/api/endpoints", Some(hook)).await;
        assert_eq!(made.status, 201, "{}", made.body);
        let secret = made.json()["signingSecret"].as_str().unwrap().to_owned();
        app.sandbox.hooks().set_secrets(&path, &[&secret]);
        let whom = json!({ "numbers": [staff(at)], "text": "{lead_number}" });
        assert_eq!(line.owner.send("PUT", "/api/alerts", Some(whom)).await.status, 200);
        Self { line, assistant, path }
    }
}

fn staff(clinic: usize) -> String {
    format!("+1555010{:04}", 7_000 + clinic)
}

/// What Vapi was told.
#[derive(Clone, Default)]
struct Told {
    acks: Arc<AtomicUsize>,
    calls: Arc<AtomicUsize>,
    is_enough: Arc<AtomicBool>,
    /// Clinic and call of each report that was acknowledged.
    reports: Arc<Mutex<BTreeSet<(usize, String)>>>,
}

impl Told {
    /// Calls one clinic after the other until it is enough.
    async fn call(self, sandbox: Sandbox, assistants: Vec<Uuid>) {
        while !self.is_enough.load(Ordering::Relaxed) {
            let at = self.calls.fetch_add(1, Ordering::Relaxed);
            let clinic = at % assistants.len();
            let script = CallScript {
                again_after: Some(Duration::from_millis(150)),
                ..CallScript::conversation(&format!("+1555{:07}", 2_000_000 + at), &format!("Patient {at}"))
            };
            let call = sandbox.place_call(assistants[clinic], &script).await.unwrap();
            let taken = call.steps.iter().filter(|step| step.status == Some(200)).count();
            self.acks.fetch_add(taken, Ordering::Relaxed);
            if call.of("end-of-call-report")[0].status == Some(200) {
                self.reports.lock().unwrap().insert((clinic, call.call_id.to_string()));
            }
        }
    }
}

/// Lets process and database die until there are enough of everything; gives the numbers of deaths.
async fn let_everything_die(
    house: &mut Outlived,
    data: &DataFolder,
    form: &Form,
    told: &Told,
    posts: &mut Vec<ReceivedHook>,
) -> (usize, usize) {
    let mut dice = Dice::new(0x0077);
    let (mut kills, mut falls) = (0, 0);
    let began = Instant::now();
    loop {
        let acks = told.acks.load(Ordering::Relaxed);
        if acks >= form.acks && kills >= form.kills && falls >= form.falls {
            return (kills, falls);
        }
        assert!(began.elapsed() < Duration::from_secs(3_600), "nothing is taken any more: {acks}");
        let pause = form.pause.start + dice.below(form.pause.len());
        tokio::time::sleep(Duration::from_millis(u64::try_from(pause).unwrap())).await;
        posts.extend(house.app.sandbox.hooks().take());
        if falls < form.falls && acks * (form.falls + 1) >= form.acks * (falls + 1) {
            let pid = data.kill_cluster();
            let fell = Instant::now();
            while data.cluster().is_none_or(|(now, _)| now == pid)
                || sqlx::query("select 1").execute(&house.app.db.superuser).await.is_err()
            {
                assert!(fell.elapsed() < Duration::from_secs(90), "the database does not come back");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            falls += 1;
        } else {
            come_back(house).await;
            kills += 1;
        }
    }
}

/// Kills the process and starts it again. What was under way in it has lost it.
async fn come_back(house: &mut Outlived) {
    house.kill();
    house.lose().await;
    house.serve(&[]);
}

/// Lets the worker do what is left. What a database that died has cut off is seen to by the next process.
async fn drain(house: &mut Outlived, posts: &mut Vec<ReceivedHook>) {
    for _ in 0..20 {
        come_back(house).await;
        let began = Instant::now();
        let mut before = i64::MAX;
        let mut moved = began;
        while moved.elapsed() < Duration::from_secs(10) {
            let open = house.count(OPEN).await;
            posts.extend(house.app.sandbox.hooks().take());
            if open == 0 {
                return;
            }
            if open < before {
                (before, moved) = (open, Instant::now());
            }
            for statement in [
                "update delivery_queue set due_at = now() where lease_until is null",
                "update endpoints set blocked_until = null where blocked_until is not null",
            ] {
                sqlx::query(statement).execute(&house.app.db.superuser).await.unwrap();
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    panic!("{} things never come to an end: {}", house.count(OPEN).await, house.serving().log());
}

/// A column of texts about a clinic.
async fn list(house: &Outlived, desk: &Desk, query: &'static str) -> Vec<String> {
    sqlx::query_scalar(query).bind(desk.line.clinic.org.0).fetch_all(&house.app.db.superuser).await.unwrap()
}

/// The same, where nothing may stand twice.
async fn set(house: &Outlived, desk: &Desk, query: &'static str) -> BTreeSet<String> {
    let all = list(house, desk, query).await;
    let different: BTreeSet<String> = all.iter().cloned().collect();
    assert_eq!(different.len(), all.len(), "something is there twice: {query}");
    different
}

/// Each call is there once, with its lead, its events and its alert.
async fn calls_are_once(house: &Outlived, desk: &Desk, acknowledged: &BTreeSet<&String>) {
    let reported =
        set(house, desk, "select call_id from calls where org_id = $1 and reported_at is not null").await;
    for call in acknowledged {
        assert!(reported.contains(*call), "the report of {call} was acknowledged and is lost");
    }
    for query in [
        "select call_id from outbound_events where org_id = $1 and kind = 'call.ended'",
        "select call_id from outbound_events where org_id = $1 and kind = 'lead.scored'",
        "select call_id from outbound_events where org_id = $1 and kind = 'lead.hot'",
        "select first_call_id from leads where org_id = $1 and hot_at is not null and calls = 1",
        "select l.first_call_id from alerts a join leads l on l.org_id = a.org_id and l.id = a.subject_id
          where a.org_id = $1 and a.kind = 'hot_lead' and a.status in ('sent', 'parked')",
    ] {
        assert_eq!(set(house, desk, query).await, reported, "{query}");
    }
    let left = "select id::text from inbound_events where org_id = $1 and status = 'parked' and kind <> 'tool-calls'";
    assert_eq!(list(house, desk, left).await, Vec::<String>::new());
}

/// What is booked is in the calendar and nothing else is; each was told to the endpoints once.
async fn bookings_are_once(house: &Outlived, desk: &Desk) -> usize {
    let booked = "select calendar_event_id from appointments where org_id = $1 and status = 'booked'";
    let booked = set(house, desk, booked).await;
    let events: Vec<Value> = house.app.sandbox.google().events(&desk.line.google, "primary");
    let stand: Vec<String> = events
        .iter()
        .filter(|event| event["status"] != "cancelled")
        .map(|event| event["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(stand.len(), booked.len());
    assert_eq!(stand.into_iter().collect::<BTreeSet<_>>(), booked);
    let calls = "select call_id from appointments where org_id = $1 and status = 'booked'";
    let told = "select call_id from outbound_events where org_id = $1 and kind = 'appointment.booked'";
    assert_eq!(set(house, desk, told).await, set(house, desk, calls).await);
    // Its patient was told, or nobody knows, or the team knows.
    let untold = "select a.call_id from appointments a where a.org_id = $1 and a.status = 'booked'
                     and not exists (select 1 from messages m where m.org_id = a.org_id and m.appointment_id = a.id
                                        and m.status in ('queued', 'sent', 'delivered', 'parked'))
                     and not exists (select 1 from notes n where n.org_id = a.org_id and n.call_id = a.call_id)";
    assert_eq!(list(house, desk, untold).await, Vec::<String>::new(), "not told");
    booked.len()
}

/// No text went out twice, and of each there is a row that says so, or that nobody knows. Gives how many, and of
/// how many nobody knows.
async fn texts_are_once(house: &Outlived, desk: &Desk) -> (usize, usize) {
    let log = house.app.sandbox.phone_log();
    let own = log.iter().filter(|entry| entry.account_sid == desk.line.clinic.twilio.sid);
    let mut texts = BTreeMap::new();
    for entry in own.clone() {
        *texts.entry((&entry.to, &entry.body)).or_insert(0) += 1;
    }
    let doubled: Vec<_> = texts.iter().filter(|(_, count)| **count > 1).collect();
    assert!(doubled.is_empty(), "{doubled:?}");
    let sids = "select provider_message_id from messages where org_id = $1 and status in ('queued', 'sent', 'delivered')";
    let known = set(house, desk, sids).await;
    let went: BTreeSet<String> = own.map(|entry| entry.sid.clone()).collect();
    assert!(known.is_subset(&went), "something is said to be sent that was not");
    let parked =
        list(house, desk, "select id::text from messages where org_id = $1 and status = 'parked'").await;
    assert!(went.len() - known.len() <= parked.len(), "of a text that went out there is no row");
    (went.len(), parked.len())
}

/// Each event has arrived, signed, under one id and with the same bytes each time, and nothing else has.
async fn events_arrived(house: &Outlived, desk: &Desk, posts: &[ReceivedHook]) -> usize {
    let mut came: BTreeMap<String, &str> = BTreeMap::new();
    for post in posts.iter().filter(|post| post.path == desk.path) {
        assert_eq!(post.signature, SignatureVerdict::Verified(1), "{post:?}");
        let first = came.entry(post.id.clone()).or_insert(&post.body);
        assert_eq!(*first, post.body, "{} changed between its tries", post.id);
    }
    let events = set(house, desk, "select id::text from outbound_events where org_id = $1").await;
    assert_eq!(came.into_keys().collect::<BTreeSet<_>>(), events);
    events.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[expect(clippy::print_stderr, reason = "the figures are for whoever runs the bars")]
async fn whole_conversations_lose_nothing_and_double_nothing_while_everything_dies() {
    let form = if all_cases() { FULL } else { REDUCED };
    let data = DataFolder::new("killed-conversations");
    let cluster = Embedded::start(&data.path, EmbeddedOptions::default()).await.unwrap();
    let mut house = Outlived::over(TestDb::of(&cluster).await).await;
    let mut desks = Vec::new();
    for at in 0..form.clinics {
        desks.push(Desk::open(&house, at).await);
    }
    house.serve(&[]);
    let began = Instant::now();
    let told = Told::default();
    let assistants: Vec<Uuid> = desks.iter().map(|desk| desk.assistant).collect();
    let mut callers = JoinSet::new();
    for _ in 0..form.callers {
        callers.spawn(told.clone().call(house.app.sandbox.clone(), assistants.clone()));
    }
    let mut posts = Vec::new();
    let (kills, falls) = let_everything_die(&mut house, &data, &form, &told, &mut posts).await;
    told.is_enough.store(true, Ordering::Relaxed);
    callers.join_all().await;
    let took = began.elapsed();
    drain(&mut house, &mut posts).await;

    let reports = told.reports.lock().unwrap().clone();
    let (mut booked, mut texts, mut parked, mut events) = (0, 0, 0, 0);
    for (at, desk) in desks.iter().enumerate() {
        let own = reports.iter().filter(|(clinic, _)| *clinic == at).map(|(_, call)| call).collect();
        calls_are_once(&house, desk, &own).await;
        booked += bookings_are_once(&house, desk).await;
        let (went, unknown) = texts_are_once(&house, desk).await;
        (texts, parked) = (texts + went, parked + unknown);
        events += events_arrived(&house, desk, &posts).await;
    }
    assert!(booked > 0 && !reports.is_empty());
    eprintln!(
        "{} acknowledged in {took:?} with {kills} kills and {falls} falls of PostgreSQL: {} reports, {booked} booked, \
         {texts} texts and {parked} of unknown end, {events} events in {} posts",
        told.acks.load(Ordering::Relaxed),
        reports.len(),
        posts.len()
    );
    house.terminate();
    cluster.stop().await.unwrap();
}
