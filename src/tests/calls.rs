//! Calls as they are made of their messages: one row whatever comes first, again or at once; what lists
//! show, what is opened and by whom, and the table to take along.

use serde_json::{Value, json};
use voxanne::domain::Role;
use voxanne::jobs::{sweep_hourly, work_off_inbox};
use voxanne::webhooks::signature::{HmacPlan, Scheme};

use super::support::app::{Browser, Clinic, TestApp};
use super::support::wire::Wire;

pub const PATIENT: &str = "+15550100123";
pub const SUMMARY: &str = "The caller would like to book a cleaning and asked about the price.";

pub async fn clinic(app: &TestApp, name: &str) -> (Clinic, Browser, Wire) {
    let (clinic, owner) = app.connected_clinic(name).await;
    let (_, assistant) = app.assistants(&clinic)[0];
    let wire = Wire::tap(app, clinic.org, assistant, Scheme::Hmac(HmacPlan::ours())).await;
    (clinic, owner, wire)
}

/// A report of a caller with high interest, as Vapi sends it.
pub fn hot_report(wire: &Wire, call: &str, number: Option<&str>) -> String {
    let now = time::OffsetDateTime::now_utc();
    let at = |seconds: i64| {
        let at = now - time::Duration::seconds(seconds);
        at.format(&time::format_description::well_known::Rfc3339).unwrap()
    };
    let mut more = json!({
        "endedReason": "customer-ended-call", "cost": 0.07, "startedAt": at(95), "endedAt": at(5),
        "analysis": {
            "summary": SUMMARY, "successEvaluation": "true",
            "structuredData": { "patientName": "Robin Caller", "interestLevel": "high" },
        },
    });
    if let Some(number) = number {
        more["customer"] = json!({ "number": number });
    }
    wire.message("end-of-call-report", call, &more)
}

pub async fn take(wire: &Wire, body: &str) {
    let answer = wire.send(body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

fn status(wire: &Wire, call: &str, status: &str) -> String {
    let more =
        json!({ "status": status, "endedReason": "customer-ended-call", "customer": { "number": PATIENT } });
    wire.message("status-update", call, &more)
}

async fn list(browser: &Browser, query: &str) -> Vec<Value> {
    let answer = browser.send("GET", &format!("/api/calls{query}"), None).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["calls"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_one_row_in_whatever_order_its_messages_come() {
    let app = TestApp::start().await;
    let (_, owner, wire) = clinic(&app, "Sunrise Dental").await;
    let begun = |call: &str| status(&wire, call, "in-progress");
    let ended = |call: &str| status(&wire, call, "ended");
    let report = |call: &str| hot_report(&wire, call, Some(PATIENT));
    for (call, order) in [
        ("one", [begun("one"), ended("one"), report("one")]),
        ("two", [report("two"), ended("two"), begun("two")]),
        ("three", [ended("three"), report("three"), begun("three")]),
    ] {
        for body in &order {
            take(&wire, body).await;
            work_off_inbox(app.services.clone()).await.unwrap();
        }
        let calls = list(&owner, "").await;
        let one = calls.iter().find(|one| one["callId"] == call).unwrap();
        assert_eq!(calls.iter().filter(|one| one["callId"] == call).count(), 1);
        assert_eq!(
            (&one["status"], &one["direction"], &one["assistant"], &one["outcome"]),
            (&json!("ended"), &json!("inbound"), &json!("inbound"), &json!("answered")),
            "{one}"
        );
        assert_eq!(
            (&one["durationSeconds"], &one["cost"], &one["caller"]),
            (&json!(90), &json!(0.07), &json!("+15***23"))
        );
        assert_eq!(
            (&one["leadScore"], &one["isHot"], &one["hasSummary"]),
            (&json!(80), &json!(true), &json!(true))
        );
        assert_eq!(one["endedReasonText"], "The caller hung up.");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_runs_is_shown_before_its_report_and_is_not_scored() {
    let app = TestApp::start().await;
    let (clinic, owner, wire) = clinic(&app, "Sunrise Dental").await;
    take(&wire, &status(&wire, "call", "in-progress")).await;
    work_off_inbox(app.services.clone()).await.unwrap();
    let calls = list(&owner, "").await;
    assert_eq!((&calls[0]["status"], &calls[0]["leadScore"]), (&json!("in_progress"), &Value::Null));
    assert!(owner.get("/dashboard/calls").await.body.contains("On the line"));
    take(&wire, &status(&wire, "call", "ended")).await;
    work_off_inbox(app.services.clone()).await.unwrap();
    let calls = list(&owner, "").await;
    assert_eq!((&calls[0]["status"], &calls[0]["outcome"]), (&json!("ended"), &json!("answered")));
    assert_eq!(app.count("select count(*) from leads where org_id = $1", clinic.org).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_twice_in_parallel_and_in_two_processes_is_one_call() {
    let app = TestApp::start().await;
    let other = app.beside().await;
    let (clinic, _, wire) = clinic(&app, "Sunrise Dental").await;
    let body = hot_report(&wire, "call", Some(PATIENT));
    let second = wire.to(&other);
    let both = tokio::join!(wire.send(&body), second.send(&body), wire.send(&body));
    assert_eq!((both.0.status, both.1.status, both.2.status), (200, 200, 200));
    let (one, two, three) = tokio::join!(
        work_off_inbox(app.services.clone()),
        work_off_inbox(other.services.clone()),
        work_off_inbox(app.services.clone())
    );
    one.and(two).and(three).unwrap();
    // Played again by hand, as a person may: nothing is told twice.
    app.meddle("update inbound_events set status = 'received', next_attempt_at = now(), lease_until = null where org_id = $1", clinic.org).await;
    work_off_inbox(app.services.clone()).await.unwrap();
    for (table, count) in [
        ("select count(*) from calls where org_id = $1", 1),
        ("select count(*) from leads where org_id = $1", 1),
        ("select calls::bigint from leads where org_id = $1", 1),
        ("select count(*) from inbound_events where org_id = $1 and status = 'processed'", 1),
    ] {
        assert_eq!(app.count(table, clinic.org).await, count, "{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_mask_numbers_and_what_was_said_is_opened_by_owners_and_admins_and_recorded() {
    let app = TestApp::start().await;
    let (clinic, owner, wire) = clinic(&app, "Sunrise Dental").await;
    let member = app.sign_in(&clinic.email(Role::Member)).await;
    take(&wire, &hot_report(&wire, "call", Some(PATIENT))).await;
    work_off_inbox(app.services.clone()).await.unwrap();
    let id = list(&owner, "").await[0]["id"].as_str().unwrap().to_owned();
    let page = format!("/dashboard/calls/{id}");

    for browser in [&owner, &member] {
        for path in
            ["/dashboard/calls".to_owned(), page.clone(), "/api/calls".to_owned(), format!("/api/calls/{id}")]
        {
            let body = browser.send("GET", &path, None).await.body;
            assert!(
                !body.contains(PATIENT) && !body.contains(SUMMARY) && !body.contains("Robin"),
                "{path}: {body}"
            );
        }
    }
    assert_eq!(app.recorded(clinic.org, "call.opened", "success").await, 0);
    let stored = app.dump(clinic.org).await;
    assert!(!stored.contains(PATIENT) && !stored.contains("cleaning") && !stored.contains("Robin Caller"));

    let opened = owner.get(&format!("{page}?open=details")).await;
    assert_eq!(opened.status, 200);
    assert!(
        opened.body.contains(PATIENT)
            && opened.body.contains(SUMMARY)
            && opened.body.contains("Robin Caller")
    );
    assert_eq!(app.recorded(clinic.org, "call.opened", "success").await, 1);
    let details = owner.send("GET", "/api/calls/call?include=details", None).await.json();
    assert_eq!(
        (&details["details"]["number"], &details["details"]["structuredData"]["interestLevel"]),
        (&json!(PATIENT), &json!("high"))
    );
    assert_eq!(app.recorded(clinic.org, "call.opened", "success").await, 2);

    let refused = member.get(&format!("{page}?open=details")).await;
    assert!(refused.status == 200 && !refused.body.contains(PATIENT) && !refused.body.contains(SUMMARY));
    assert_eq!(member.send("GET", "/api/calls/call?include=details", None).await.status, 403);
    assert_eq!(app.recorded(clinic.org, "call.opened", "denied").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_calls_page_tells_its_tools_messages_and_score() {
    let app = TestApp::start().await;
    let (_, owner, wire) = clinic(&app, "Sunrise Dental").await;
    let answer = wire.send(&wire.send_sms("call", "tool-1", "See you on Monday.")).await;
    assert_eq!(answer.json()["results"][0]["result"], "The text message is on its way.");
    take(&wire, &hot_report(&wire, "call", Some(PATIENT))).await;
    work_off_inbox(app.services.clone()).await.unwrap();
    let one = owner.send("GET", "/api/calls/call", None).await.json();
    let kinds: Vec<(&str, &str)> = one["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .map(|moment| (moment["kind"].as_str().unwrap(), moment["name"].as_str().unwrap()))
        .collect();
    assert_eq!(kinds, [("tool", "send_sms"), ("message", "tool")], "{one}");
    let reasons: Vec<&str> =
        one["leadReasons"].as_array().unwrap().iter().map(|reason| reason["key"].as_str().unwrap()).collect();
    assert_eq!(reasons, ["high_interest", "asked_price", "real_call", "has_name", "has_number"]);
    let page = owner.get(&format!("/dashboard/calls/{}", one["id"].as_str().unwrap())).await.body;
    for shown in
        ["Tool send_sms", "Lead score: 80 of 100", "Hot lead", "The caller hung up.", "1 min 30 s", "$0.07"]
    {
        assert!(page.contains(shown), "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_found_by_day_outcome_and_lead_page_by_page() {
    let app = TestApp::start().await;
    let (clinic, owner, wire) = clinic(&app, "Sunrise Dental").await;
    take(&wire, &hot_report(&wire, "hot", Some(PATIENT))).await;
    take(&wire, &wire.report("plain")).await;
    let voicemail = json!({ "endedReason": "voicemail" });
    take(&wire, &wire.message("end-of-call-report", "voicemail", &voicemail)).await;
    work_off_inbox(app.services.clone()).await.unwrap();
    app.meddle(
        "update calls set started_at = now() - interval '3 days' where org_id = $1 and call_id = 'plain'",
        clinic.org,
    )
    .await;
    let found = async |query: &str| -> Vec<String> {
        let calls = list(&owner, query).await;
        calls.iter().map(|call| call["callId"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(found("").await.len(), 3);
    assert_eq!(found("?hot=true").await, ["hot"]);
    assert_eq!(found("?outcome=voicemail").await, ["voicemail"]);
    let today = time::OffsetDateTime::now_utc().date();
    assert!(
        !found(&format!("?from={}", today - time::Duration::days(1))).await.contains(&"plain".to_owned())
    );
    assert_eq!(found(&format!("?until={}", today - time::Duration::days(2))).await, ["plain"]);
    let wrong = owner.send("GET", "/api/calls?outcome=lost", None).await;
    assert_eq!((wrong.status, wrong.json()["errors"][0]["field"].as_str()), (422, Some("outcome")));
    assert!(owner.get("/dashboard/calls?from=yesterday").await.body.contains("Enter a day such as"));

    app.meddle(
        "insert into calls (org_id, id, call_id, started_at)
         select $1, gen_random_uuid(), 'old-' || n, now() - interval '10 days' from generate_series(1, 230) n",
        clinic.org,
    )
    .await;
    let mut seen = Vec::new();
    let mut next = String::new();
    loop {
        let page = owner.send("GET", &format!("/api/calls?before={next}"), None).await.json();
        seen.extend(
            page["calls"].as_array().unwrap().iter().map(|call| call["callId"].as_str().unwrap().to_owned()),
        );
        match page["next"].as_str() {
            Some(id) => next = id.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen.len(), 233);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 233, "no call is on two pages");
    assert!(owner.get("/dashboard/calls").await.body.contains("Older calls"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_to_take_along_has_no_formula_and_is_recorded() {
    let app = TestApp::start().await;
    let (clinic, owner, wire) = clinic(&app, "Sunrise Dental").await;
    let member = app.sign_in(&clinic.email(Role::Member)).await;
    take(&wire, &hot_report(&wire, "=HYPERLINK(\"http://evil.example\")", Some(PATIENT))).await;
    work_off_inbox(app.services.clone()).await.unwrap();
    let answer = owner.get("/dashboard/calls.csv?hot=1").await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, "text/csv; charset=utf-8; header=present")
    );
    assert!(answer.header("content-disposition").contains("calls.csv"));
    let lines: Vec<&str> = answer.body.split("\r\n").collect();
    assert_eq!(lines.len(), 3, "{}", answer.body);
    assert!(lines[1].starts_with("\"'=HYPERLINK(\"\"http://evil.example\"\")\","), "{}", lines[1]);
    assert!(lines[1].contains("\"'+15***23\"") && lines[1].ends_with(",\"80\",\"yes\""), "{}", lines[1]);
    assert!(!answer.body.contains(PATIENT) && !answer.body.contains("Robin"));
    assert_eq!(app.recorded(clinic.org, "calls.exported", "success").await, 1);
    assert_eq!(member.get("/dashboard/calls.csv").await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_clinic_sees_nothing_of_a_call() {
    let app = TestApp::start().await;
    let (sunrise, _, wire) = clinic(&app, "Sunrise Dental").await;
    let (_, stranger, other) = clinic(&app, "Harbor Clinic").await;
    take(&wire, &hot_report(&wire, "call", Some(PATIENT))).await;
    work_off_inbox(app.services.clone()).await.unwrap();
    let id: uuid::Uuid = sqlx::query_scalar("select id from calls where org_id = $1")
        .bind(sunrise.org.0)
        .fetch_one(&app.db.superuser)
        .await
        .unwrap();
    assert!(list(&stranger, "").await.is_empty());
    for path in [
        format!("/api/calls/{id}"),
        "/api/calls/call".to_owned(),
        format!("/dashboard/calls/{id}?open=details"),
    ] {
        assert_eq!(stranger.send("GET", &path, None).await.status, 404, "{path}");
    }
    assert!(!stranger.get("/dashboard/calls.csv").await.body.contains("call,"));
    // The same call id in another clinic is another call, and its caller another lead.
    take(&other, &hot_report(&other, "call", Some(PATIENT))).await;
    work_off_inbox(app.services.clone()).await.unwrap();
    assert_eq!(list(&stranger, "").await.len(), 1);
    let keys: Vec<Vec<u8>> = sqlx::query_scalar("select distinct caller_key from leads")
        .fetch_all(&app.db.superuser)
        .await
        .unwrap();
    assert_eq!(keys.len(), 2, "equal numbers can not be seen to be equal");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_is_emptied_with_the_clinics_retention_and_counts_stay() {
    let app = TestApp::start().await;
    let (clinic, owner, wire) = clinic(&app, "Sunrise Dental").await;
    for call in ["old", "young"] {
        take(&wire, &hot_report(&wire, call, Some(if call == "old" { PATIENT } else { "+15550100124" })))
            .await;
    }
    work_off_inbox(app.services.clone()).await.unwrap();
    sweep_hourly(app.services.clone()).await.unwrap();
    let full = "select count(*) from calls where org_id = $1 and sealed_details is not null";
    assert_eq!(app.count(full, clinic.org).await, 2);
    app.meddle(
        "update calls set started_at = now() - interval '31 days' where org_id = $1 and call_id = 'old'",
        clinic.org,
    )
    .await;
    app.meddle("update leads set last_call_at = now() - interval '31 days' where org_id = $1 and first_call_id = 'old'", clinic.org).await;
    let other = app.beside().await;
    let (one, two) = tokio::join!(sweep_hourly(app.services.clone()), sweep_hourly(other.services.clone()));
    one.and(two).unwrap();
    assert_eq!(app.count(full, clinic.org).await, 1);
    assert_eq!(
        app.count("select count(*) from leads where org_id = $1 and sealed_contact is not null", clinic.org)
            .await,
        1
    );
    let one = owner.send("GET", "/api/calls/old?include=details", None).await.json();
    assert_eq!(
        (&one["leadScore"], &one["details"], &one["hasSummary"]),
        (&json!(80), &Value::Null, &json!(false))
    );
    let page = owner.get("/dashboard/calls/old").await.body;
    assert!(page.contains("Older than this clinic keeps"));
}
