//! The test tool: a clinic's own signed samples, through the route of all webhooks and the queue of all
//! events out.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use voxanne::calls::samples::KINDS;
use voxanne::domain::Role;
use voxanne::jobs;
use voxanne::sandbox::{HookBehaviour, SignatureVerdict};

use super::deliveries::send_due;
use super::endpoints::house;
use super::support::app::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_of_every_type_is_verified_stored_and_answered_by_the_webhooks_own_route() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let told = json!({ "numbers": ["+15550100777"], "threshold": 1 });
    assert_eq!(owner.send("PUT", "/api/alerts", Some(told)).await.status, 200);
    for (kind, _) in KINDS {
        sqlx::query("delete from rate_counters").execute(&app.db.superuser).await.unwrap();
        let answer = owner.send("POST", "/api/events/test", Some(json!({ "kind": kind }))).await;
        assert_eq!(answer.status, 200, "{kind}: {}", answer.body);
        let tested = answer.json();
        assert_eq!((tested["status"].as_u64(), tested["event"]["kind"].as_str()), (Some(200), Some(*kind)));
        assert_eq!(tested["event"]["isTest"], true);
        let stages: Vec<&str> = tested["event"]["trace"]
            .as_array()
            .unwrap()
            .iter()
            .map(|s| s["stage"].as_str().unwrap())
            .collect();
        assert_eq!(stages[..3], ["received", "verified", "sealed"], "{kind}");
        if *kind == "tool-calls" {
            assert!(tested["answer"].as_str().unwrap().contains("nothing was done"), "{tested}");
        }
        if *kind == "assistant-request" {
            assert!(tested["answer"].as_str().unwrap().contains("assistantId"), "{tested}");
        }
    }
    jobs::work_off_inbox(app.services.clone()).await.unwrap();
    jobs::send_alerts(app.services.clone()).await.unwrap();
    let alerts = "select count(*) from alerts where org_id = $1";
    assert_eq!(app.count(alerts, clinic.org).await, 0, "a quiet test wakes nobody");
    let parked = "select count(*) from inbound_events where org_id = $1 and status = 'parked'";
    assert_eq!(app.count(parked, clinic.org).await, 0);
    assert!(app.sandbox.phone_log().is_empty(), "a quiet test reaches nobody outside");
    let deliveries = "select count(*) from deliveries where org_id = $1";
    assert_eq!(app.count(deliveries, clinic.org).await, 0);
    assert_eq!(app.recorded(clinic.org, "event.tested", "success").await, KINDS.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_in_earnest_does_what_a_real_message_does() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let body = json!({ "kind": "tool-calls", "loud": true, "number": "+1 555 010 0177" });
    let answer = owner.send("POST", "/api/events/test", Some(body)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let sent = app.sandbox.phone_log();
    assert_eq!(sent.len(), 1, "{}", answer.body);
    assert_eq!(sent[0].to, "+15550100177");
    let without =
        owner.send("POST", "/api/events/test", Some(json!({ "kind": "tool-calls", "loud": true }))).await;
    assert_eq!(without.status, 422);

    // In the dashboard the next page is the event with its stages.
    let org = clinic.org.to_string();
    let answer = owner.post("/dashboard/events/test", &[("org", &org), ("kind", "end-of-call-report")]).await;
    assert_eq!(answer.status, 303);
    let page = owner.get(answer.location()).await.body;
    for part in
        ["end-of-call-report was verified, stored and answered with 200", "Stages as a table", "verified"]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
    let answer = owner.post("/dashboard/events/test", &[("org", &org), ("kind", "nonsense")]).await;
    assert!(owner.get(answer.location()).await.body.contains("Choose a type of message"));
}

#[tokio::test(flavor = "multi_thread")]
async fn tests_are_for_owners_and_admins_of_a_connected_clinic_and_a_few_a_minute() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let member = app.sign_in(&clinic.email(Role::Member)).await;
    let ask = || Some(json!({ "kind": "hang" }));
    assert_eq!(member.send("POST", "/api/events/test", ask()).await.status, 403);
    assert_eq!(app.recorded(clinic.org, "event.tested", "denied").await, 1);
    assert!(!member.get("/dashboard/events/test").await.body.contains("<select"));
    let fresh = app.clinic("Harbor Clinic").await;
    let stranger = app.sign_in(&fresh.email(Role::Owner)).await;
    let answer = stranger.send("POST", "/api/events/test", ask()).await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (409, Some("not_connected")));
    let mut statuses = Vec::new();
    for _ in 0..21 {
        statuses.push(owner.send("POST", "/api/events/test", ask()).await.status);
    }
    assert_eq!((statuses[19], statuses[20]), (200, 429), "{statuses:?}");
    let answer = owner.send("POST", "/api/events/test", ask()).await;
    assert_eq!(
        (answer.header("retry-after"), answer.json()["code"].as_str()),
        ("60", Some("too_many_tests"))
    );
    assert_eq!(
        stranger.send("POST", "/api/events/test", ask()).await.status,
        409,
        "another clinic's counter"
    );
}

/// The stages of each delivery, by endpoint.
fn ways(trace: &Value) -> Vec<(&str, Vec<&str>)> {
    let ways = trace["deliveries"].as_array().unwrap();
    ways.iter()
        .map(|way| {
            let stages = way["stages"].as_array().unwrap();
            let words = stages.iter().map(|stage| stage["stage"].as_str().unwrap()).collect();
            (way["workflowName"].as_str().unwrap(), words)
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_of_an_event_out_takes_the_real_way_and_shows_each_stage() {
    let house = house().await;
    let (app, owner) = (&house.app, &house.owner);
    house.endpoint("bookings", json!({ "events": ["appointment.booked"] })).await;
    house.endpoint("crm", json!({})).await;
    house.endpoint("leads", json!({ "events": ["lead.hot"] })).await;
    house.endpoint("asleep", json!({ "isActive": false })).await;
    app.sandbox.hooks().set_behaviour("demo/crm", HookBehaviour::Status(500));

    // To all that listen.
    let body = json!({ "kind": "appointment.booked" });
    let answer = owner.send("POST", "/api/deliveries/test", Some(body)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let queued = answer.json();
    assert_eq!(queued["isTest"], true);
    let waits = vec!["stored", "queued", "waiting"];
    assert_eq!(ways(&queued), [("bookings", waits.clone()), ("crm", waits)]);
    send_due(app).await;
    let event = queued["eventId"].as_str().unwrap();
    let trace = owner.send("GET", &format!("/api/deliveries/events/{event}"), None).await.json();
    let begin = ["stored", "queued", "claimed", "sent"];
    assert_eq!(
        ways(&trace),
        [
            ("bookings", [&begin[..], &["answered"]].concat()),
            ("crm", [&begin[..], &["failed", "waiting"]].concat())
        ]
    );
    let failed = &trace["deliveries"][1]["stages"][4];
    assert_eq!(failed["status"], 500);
    let times = trace["deliveries"][0]["stages"].as_array().unwrap();
    let at = |stage: &Value| OffsetDateTime::parse(stage["at"].as_str().unwrap(), &Rfc3339).unwrap();
    assert!(times.iter().map(at).is_sorted(), "{times:?}");
    let came = app.sandbox.hooks().received();
    assert_eq!(came.len(), 2);
    for hook in &came {
        assert_eq!((hook.id.as_str(), &hook.signature), (event, &SignatureVerdict::Verified(1)));
        let body: Value = serde_json::from_str(&hook.body).unwrap();
        assert_eq!((&body["test"], &body["type"]), (&json!(true), &json!("appointment.booked")));
    }

    // To one, in the dashboard: the next page is its way.
    let org = house.clinic.org.to_string();
    let form = |event: &'static str, name: &'static str| {
        [("org", org.clone()), ("event", event.to_owned()), ("workflowName", name.to_owned())]
    };
    let post = async |event, name| {
        let fields = form(event, name);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(key, value)| (*key, value.as_str())).collect();
        owner.post("/dashboard/events/test/outbound", &fields).await
    };
    let answer = post("appointment.booked", "leads").await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let location = answer.location().to_owned();
    send_due(app).await;
    let page = owner.get(&location).await.body;
    for part in
        ["A sample of appointment.booked is on its way to leads", "Taken by a worker", "Answered with 200"]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
    for (event, name, sentence) in [
        ("appointment.booked", "asleep", "asleep is switched off or gone"),
        ("no.such", "leads", "There is no such event."),
    ] {
        let answer = post(event, name).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        let page = owner.get(answer.location()).await.body;
        assert!(page.contains(sentence), "{page}");
    }
    assert_eq!(owner.send("DELETE", "/api/endpoints/crm", None).await.status, 204);
    let nobody = owner.send("POST", "/api/deliveries/test", Some(json!({ "kind": "note.taken" }))).await;
    assert_eq!((nobody.status, nobody.json()["errors"][0]["field"].as_str()), (422, Some("workflowName")));
    let gone = json!({ "kind": "lead.hot", "workflowName": "crm" });
    let gone = owner.send("POST", "/api/deliveries/test", Some(gone)).await;
    assert_eq!((gone.status, &gone.json()["code"]), (404, &json!("endpoint_not_configured")));
    assert_eq!(app.recorded(house.clinic.org, "endpoint.tested", "success").await, 2);

    // Members see the way and send nothing.
    let member = app.sign_in(&house.clinic.email(Role::Member)).await;
    assert_eq!(
        member.send("POST", "/api/deliveries/test", Some(json!({ "kind": "lead.hot" }))).await.status,
        403
    );
    assert!(member.get("/dashboard/events/test").await.body.contains("Ask an owner or admin"));
    assert_eq!(member.get(&format!("/dashboard/webhooks/events/{event}")).await.status, 200);
    assert_eq!(app.recorded(house.clinic.org, "endpoint.tested", "denied").await, 1);
}
