//! Hot leads: told once, at once or when the quiet hours end, to whom the clinic names, with its own
//! sender; and what goes wrong with an alert changes nothing about the call.

use serde_json::{Value, json};
use voxanne::calls::alert_sending;
use voxanne::domain::{ProviderId, Role};
use voxanne::jobs::{send_alerts, work_off_inbox};
use voxanne::sandbox::Fault;

use super::calls::{PATIENT, clinic, hot_report, take};
use super::support::app::{Browser, Clinic, TestApp};
use super::support::state::connect;
use super::support::wire::Wire;

const STAFF: &str = "+15550100777";
const SENT: &str = "select count(*) from alerts where org_id = $1 and status = 'sent'";
const PARKED: &str = "select count(*) from alerts where org_id = $1 and status = 'parked'";
const ALL: &str = "select count(*) from alerts where org_id = $1";

async fn set(owner: &Browser, body: Value) -> Value {
    let answer = owner.send("PUT", "/api/alerts", Some(body)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

async fn told_clinic(app: &TestApp, name: &str) -> (Clinic, Browser, Wire) {
    let (clinic, owner, wire) = clinic(app, name).await;
    set(&owner, json!({ "numbers": [STAFF] })).await;
    (clinic, owner, wire)
}

async fn work(app: &TestApp) {
    work_off_inbox(app.services.clone()).await.unwrap();
    send_alerts(app.services.clone()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hot_lead_is_told_at_once_with_the_clinics_own_sender_and_once() {
    let app = TestApp::start().await;
    let other = app.beside().await;
    let (clinic, _, wire) = told_clinic(&app, "Sunrise Dental").await;
    let (neighbour, _, _) = told_clinic(&app, "Harbor Clinic").await;
    let body = hot_report(&wire, "call", Some(PATIENT));
    let (one, two) = tokio::join!(wire.send(&body), wire.send(&body));
    assert_eq!((one.status, two.status), (200, 200));
    let (one, two) =
        tokio::join!(work_off_inbox(app.services.clone()), work_off_inbox(other.services.clone()));
    one.and(two).unwrap();
    let (one, two) = tokio::join!(send_alerts(app.services.clone()), send_alerts(other.services.clone()));
    one.and(two).unwrap();
    // The same caller again, hot again: the same lead.
    take(&wire, &hot_report(&wire, "call-2", Some(PATIENT))).await;
    work(&app).await;

    let log = app.sandbox.phone_log();
    assert_eq!(log.len(), 1, "{log:?}");
    assert_eq!(log[0].to, STAFF);
    assert_eq!(log[0].from.as_deref(), Some(clinic.twilio.numbers[0].number.as_str()));
    assert_eq!(log[0].body, "\u{1f525} Hot Lead! Robin Caller just expressed high interest in booking.");
    assert_eq!((app.count(SENT, clinic.org).await, app.count(ALL, clinic.org).await), (1, 1));
    assert_eq!(app.count("select calls::bigint from leads where org_id = $1", clinic.org).await, 2);
    assert_eq!(app.count(ALL, neighbour.org).await, 0);
    let stored = app.dump(clinic.org).await;
    assert!(!stored.contains(STAFF) && !stored.contains(PATIENT) && !stored.contains("Robin Caller"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_without_a_number_is_a_lead_of_each_call_and_a_cold_one_is_told_to_nobody() {
    let app = TestApp::start().await;
    let (clinic, owner, wire) = told_clinic(&app, "Sunrise Dental").await;
    for call in ["one", "two"] {
        take(&wire, &hot_report(&wire, call, None)).await;
    }
    take(&wire, &wire.report("cold")).await;
    work(&app).await;
    assert_eq!(app.count("select count(*) from leads where org_id = $1", clinic.org).await, 2);
    assert_eq!(app.sandbox.phone_log().len(), 2);
    // A threshold that this call does not reach.
    set(&owner, json!({ "threshold": 100 })).await;
    take(&wire, &hot_report(&wire, "three", None)).await;
    work(&app).await;
    assert_eq!(
        app.count("select count(*) from leads where org_id = $1 and hot_at is null", clinic.org).await,
        1
    );
    assert_eq!(app.sandbox.phone_log().len(), 2);
    // It reaches it later: it becomes hot then, once.
    set(&owner, json!({ "threshold": 60, "text": "{lead_name} ({lead_number}) has {score} points" })).await;
    for call in ["four", "five"] {
        take(&wire, &hot_report(&wire, call, Some(PATIENT))).await;
    }
    work(&app).await;
    let log = app.sandbox.phone_log();
    assert_eq!(log.len(), 3);
    assert_eq!(log[2].body, format!("Robin Caller ({PATIENT}) has 80 points"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_waits_until_the_quiet_hours_of_the_clinics_zone_end() {
    let app = TestApp::start().await;
    let (clinic, owner, wire) = told_clinic(&app, "Sunrise Dental").await;
    app.meddle("update organizations set time_zone = 'Asia/Tokyo' where id = $1", clinic.org).await;
    // Quiet from an hour ago until in two hours, by the wall clock of Tokyo.
    let tokyo = app.clock.now() + time::Duration::hours(9);
    let wall = |hours: i64| {
        let at = tokyo + time::Duration::hours(hours);
        format!("{:02}:{:02}", at.hour(), at.minute())
    };
    let saved = set(&owner, json!({ "quietFrom": wall(-1), "quietUntil": wall(2) })).await;
    assert_eq!(saved["timeZone"], "Asia/Tokyo");
    take(&wire, &hot_report(&wire, "call", Some(PATIENT))).await;
    work(&app).await;
    assert_eq!((app.count(ALL, clinic.org).await, app.sandbox.phone_log().len()), (1, 0));
    app.clock.advance(time::Duration::minutes(110));
    work(&app).await;
    assert_eq!(app.sandbox.phone_log().len(), 0, "ten minutes too early");
    app.clock.advance(time::Duration::minutes(11));
    work(&app).await;
    work(&app).await;
    assert_eq!((app.sandbox.phone_log().len(), app.count(SENT, clinic.org).await), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_with_an_alert_changes_nothing_about_the_call() {
    let app = TestApp::start().await;
    let (clinic, owner, wire) = told_clinic(&app, "Sunrise Dental").await;
    // Nobody knows: parked, and never again.
    app.sandbox.faults().set(ProviderId::Twilio, Fault::LostAnswer);
    take(&wire, &hot_report(&wire, "lost", Some("+15550100201"))).await;
    work(&app).await;
    app.sandbox.faults().set(ProviderId::Twilio, Fault::None);
    work(&app).await;
    assert_eq!((app.count(PARKED, clinic.org).await, app.sandbox.phone_log().len()), (1, 1));
    // Surely not sent: again, a little later.
    app.sandbox.faults().set(ProviderId::Twilio, Fault::Throttled);
    take(&wire, &hot_report(&wire, "throttled", Some("+15550100202"))).await;
    work(&app).await;
    app.sandbox.faults().set(ProviderId::Twilio, Fault::None);
    assert_eq!(app.sandbox.phone_log().len(), 1);
    app.clock.advance(time::Duration::seconds(30));
    work(&app).await;
    assert_eq!((app.count(SENT, clinic.org).await, app.sandbox.phone_log().len()), (1, 2));
    // Without an account: failed, one incident.
    assert_eq!(owner.send("DELETE", "/api/integrations/twilio", None).await.status, 204);
    take(&wire, &hot_report(&wire, "without", Some("+15550100203"))).await;
    work(&app).await;
    let failed = "select count(*) from alerts where org_id = $1 and status = 'failed' and error like '%not connected%'";
    assert_eq!(app.count(failed, clinic.org).await, 1);
    let incidents = "select count(*) from incidents where org_id = $1 and kind = 'not_connected'";
    assert_eq!(app.count(incidents, clinic.org).await, 1);
    let done = "select count(*) from inbound_events where org_id = $1 and status = 'processed' and kind = 'end-of-call-report'";
    assert_eq!(
        app.count(done, clinic.org).await,
        3,
        "each report was worked off whatever became of its alert"
    );
    let page = owner.get("/dashboard").await.body;
    assert!(page.contains("Needs somebody") && page.contains("Twilio is not connected"), "{page}");
    let call = owner.send("GET", "/api/calls/without", None).await.json();
    assert_eq!(call["timeline"][0]["kind"], "alert", "{call}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_e_mail_goes_through_the_clinics_resend_account_once() {
    let app = TestApp::start().await;
    let (clinic, owner, wire) = told_clinic(&app, "Sunrise Dental").await;
    let mails = ["desk@clinic.example"];
    set(&owner, json!({ "numbers": [], "mails": mails })).await;
    take(&wire, &hot_report(&wire, "without", Some("+15550100201"))).await;
    work(&app).await;
    let failed = "select count(*) from alerts where org_id = $1 and status = 'failed'";
    assert_eq!(app.count(failed, clinic.org).await, 1, "nothing is connected that sends e-mails");
    assert!(owner.get("/dashboard/settings").await.body.contains("Resend is not connected"));

    let fields = app.sandbox.demo_fields(ProviderId::Resend);
    let body: serde_json::Map<String, Value> =
        fields.into_iter().map(|(key, value)| (key.to_owned(), json!(value))).collect();
    let connected = connect(&owner, "resend", Value::Object(body)).await;
    assert_eq!(connected.status, 200, "{}", connected.body);
    app.sandbox.forget_requests();
    take(&wire, &hot_report(&wire, "call", Some(PATIENT))).await;
    // The first answer is lost: the same key again, and it is one e-mail.
    app.sandbox.faults().set(ProviderId::Resend, Fault::LostAnswer);
    work(&app).await;
    app.sandbox.faults().set(ProviderId::Resend, Fault::None);
    app.clock.advance(time::Duration::seconds(30));
    work(&app).await;
    assert_eq!(app.count(SENT, clinic.org).await, 1);
    let mails = app.sandbox.mail_log();
    assert_eq!(mails.len(), 1, "{mails:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_the_owners_and_admins_and_members_see_masks() {
    let app = TestApp::start().await;
    let (clinic, owner, _) = told_clinic(&app, "Sunrise Dental").await;
    let member = app.sign_in(&clinic.email(Role::Member)).await;
    let shown = member.send("GET", "/api/alerts", None).await.json();
    assert_eq!((&shown["numbers"][0], &shown["threshold"]), (&json!("+15***77"), &json!(70)));
    assert_eq!(member.send("PUT", "/api/alerts", Some(json!({ "isOn": false }))).await.status, 403);
    assert!(!member.get("/dashboard/settings").await.body.contains(STAFF));
    assert!(owner.get("/dashboard/settings").await.body.contains(STAFF));

    let org = clinic.org.to_string();
    let form = |threshold: &str, numbers: &str| {
        [
            ("org", org.clone()),
            ("isOn", "yes".to_owned()),
            ("threshold", threshold.to_owned()),
            ("text", "Call {lead_name}".to_owned()),
            ("numbers", numbers.to_owned()),
            ("mails", String::new()),
            ("quietFrom", "22:00".to_owned()),
            ("quietUntil", "07:00".to_owned()),
        ]
    };
    let post = async |fields: [(&str, String); 8]| {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(key, value)| (*key, value.as_str())).collect();
        owner.post("/dashboard/settings/alerts", &fields).await
    };
    let wrong = post(form("seventy", "+15550100778")).await;
    assert_eq!(wrong.status, 303);
    let page = owner.get(wrong.location()).await.body;
    assert!(
        page.contains("Enter points from 1 to 100.") && page.contains("+15550100778"),
        "what was typed stays"
    );
    let saved = post(form("55", "+15550100778\n+15550100779")).await;
    assert!(owner.get(saved.location()).await.body.contains("Hot lead alerts are saved"));
    let settings = owner.send("GET", "/api/alerts", None).await.json();
    assert_eq!(settings["numbers"], json!(["+15550100778", "+15550100779"]));
    assert_eq!(
        (&settings["threshold"], &settings["quietFrom"], &settings["text"]),
        (&json!(55), &json!("22:00"), &json!("Call {lead_name}"))
    );
    let wrong = owner.send("PUT", "/api/alerts", Some(json!({ "numbers": ["555"] }))).await;
    assert_eq!((wrong.status, wrong.json()["errors"][0]["field"].as_str()), (422, Some("numbers")));
    assert_eq!(app.recorded(clinic.org, "alerts.changed", "success").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_whose_process_died_is_sent_where_nothing_went_out_and_parked_where_nobody_knows() {
    let app = TestApp::start().await;
    let (clinic, _, wire) = told_clinic(&app, "Sunrise Dental").await;
    take(&wire, &hot_report(&wire, "call", Some(PATIENT))).await;
    work_off_inbox(app.services.clone()).await.unwrap();
    // Died after it took the alert and before it wrote a message down.
    let died = "update alerts set status = 'sending', attempts = 1, lease_until = now() - interval '1 second' where org_id = $1";
    assert_eq!(app.meddle(died, clinic.org).await, 1);
    work(&app).await;
    assert_eq!((app.sandbox.phone_log().len(), app.count(SENT, clinic.org).await), (1, 1));
    // Died after the message went out and before the alert was ended.
    app.meddle(died, clinic.org).await;
    work(&app).await;
    assert_eq!((app.sandbox.phone_log().len(), app.count(SENT, clinic.org).await), (1, 1));
    // Died while the message was being sent.
    app.meddle(
        "update messages set status = 'sending' where org_id = $1 and alert_id is not null",
        clinic.org,
    )
    .await;
    app.meddle(died, clinic.org).await;
    work(&app).await;
    assert_eq!((app.sandbox.phone_log().len(), app.count(PARKED, clinic.org).await), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_is_settled_by_owners_and_admins_of_its_clinic_only() {
    let app = TestApp::start().await;
    let (clinic, owner, wire) = told_clinic(&app, "Sunrise Dental").await;
    let (_, stranger, _) = told_clinic(&app, "Harbor Clinic").await;
    assert_eq!(owner.send("DELETE", "/api/integrations/twilio", None).await.status, 204);
    assert_eq!(wire.send(&wire.send_sms("call", "t", "Hi")).await.status, 200);
    let id: uuid::Uuid = sqlx::query_scalar("select id from incidents where org_id = $1")
        .bind(clinic.org.0)
        .fetch_one(&app.db.superuser)
        .await
        .unwrap();
    let path = format!("/dashboard/incidents/{id}/close");
    let theirs: String = sqlx::query_scalar("select id::text from organizations where id <> $1")
        .bind(clinic.org.0)
        .fetch_one(&app.db.superuser)
        .await
        .unwrap();
    assert_eq!(stranger.post(&path, &[("org", &theirs)]).await.status, 404);
    let member = app.sign_in(&clinic.email(Role::Member)).await;
    let org = clinic.org.to_string();
    assert_eq!(member.post(&path, &[("org", &org)]).await.status, 403);
    let settled = owner.post(&path, &[("org", &org)]).await;
    assert!(owner.get(settled.location()).await.body.contains("The incident of Twilio is settled"));
    assert_eq!(
        app.count("select count(*) from incidents where org_id = $1 and closed_at is null", clinic.org).await,
        0
    );
    assert_eq!(app.recorded(clinic.org, "incident.settled", "success").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clinic_whose_alerts_hang_keeps_no_other_clinics_people_waiting() {
    let app = TestApp::start().await;
    let (stuck, owner, slow) = told_clinic(&app, "Sunrise Dental").await;
    let (free, _, quick) = told_clinic(&app, "Harbor Clinic").await;
    let many: Vec<String> = (0..8).map(|at| format!("+1555010060{at}")).collect();
    set(&owner, json!({ "numbers": many })).await;
    take(&slow, &hot_report(&slow, "call", Some(PATIENT))).await;
    take(&quick, &hot_report(&quick, "call", Some(PATIENT))).await;
    work_off_inbox(app.services.clone()).await.unwrap();
    assert_eq!((app.count(ALL, stuck.org).await, app.count(ALL, free.org).await), (8, 1));
    // Nothing of the one clinic gets on: no message of it can be written down.
    let mut holder = app.db.superuser.acquire().await.unwrap();
    let mut tx = sqlx::Connection::begin(&mut *holder).await.unwrap();
    sqlx::query("select 1 from data_keys where org_id = $1 for update")
        .bind(stuck.org.0)
        .execute(&mut *tx)
        .await
        .unwrap();
    let sending = tokio::spawn(send_alerts(app.services.clone()));
    let began = std::time::Instant::now();
    while app.sandbox.phone_log().is_empty() {
        // Less than one of the stuck ones takes until it is given up.
        assert!(began.elapsed() < std::time::Duration::from_secs(4), "the other clinic waits");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(app.sandbox.phone_log()[0].to, STAFF);
    let flying = "select count(*) from alerts where org_id = $1 and status = 'sending'";
    assert_eq!(app.count(flying, stuck.org).await, 2, "a few of one clinic at the same time");
    tx.rollback().await.unwrap();
    drop(holder);
    sending.await.unwrap().unwrap();
    app.clock.advance(time::Duration::minutes(1));
    work(&app).await;
    assert_eq!((app.count(SENT, stuck.org).await, app.sandbox.phone_log().len()), (8, 9));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_was_away_for_longer_than_its_lease_sends_nothing() {
    let app = TestApp::start().await;
    let (clinic, _, wire) = told_clinic(&app, "Sunrise Dental").await;
    take(&wire, &hot_report(&wire, "call", Some(PATIENT))).await;
    work_off_inbox(app.services.clone()).await.unwrap();
    let late = alert_sending::lease(&app.services, 8).await.unwrap();
    assert_eq!(late.len(), 1);
    app.meddle("update alerts set lease_until = now() - interval '1 second' where org_id = $1", clinic.org)
        .await;
    let taken_over = alert_sending::lease(&app.services, 8).await.unwrap();
    assert_eq!((taken_over[0].id, taken_over[0].attempts), (late[0].id, late[0].attempts + 1));
    alert_sending::send_leased(&app.services, late[0]).await;
    assert_eq!(app.sandbox.phone_log().len(), 0, "the older claim holds no more");
    alert_sending::send_leased(&app.services, taken_over[0]).await;
    alert_sending::send_leased(&app.services, late[0]).await;
    assert_eq!((app.sandbox.phone_log().len(), app.count(SENT, clinic.org).await), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_named_twice_is_told_once() {
    let app = TestApp::start().await;
    let (clinic, owner, wire) = told_clinic(&app, "Sunrise Dental").await;
    let numbers = [STAFF, "+15550100778", "+1 555 010 0777"];
    let mails = ["desk@clinic.example", "other@clinic.example", "Desk@clinic.example"];
    let saved = set(&owner, json!({ "numbers": numbers, "mails": mails })).await;
    assert_eq!(saved["numbers"], json!([STAFF, "+15550100778"]));
    assert_eq!(saved["mails"], json!(["desk@clinic.example", "other@clinic.example"]));
    take(&wire, &hot_report(&wire, "call", Some(PATIENT))).await;
    work_off_inbox(app.services.clone()).await.unwrap();
    assert_eq!(app.count(ALL, clinic.org).await, 4);
}
