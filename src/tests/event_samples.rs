//! A sample has the shape of the real event: the same keys, and under each of them the same kind of JSON.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use voxanne::domain::event_kinds::EVENT_KINDS;
use voxanne::jobs::work_off_inbox;

use super::calls::{PATIENT, hot_report, take};
use super::deliveries::send_due;
use super::support::app::TestApp;
use super::support::line::{Line, booking};
use super::support::state::connect;

/// Whatever the clinic's own analysis extracts stands there as it is.
const FREE: &str = "structuredData";

/// Where two values differ in shape; null stands for whatever could be there.
fn differences(at: &str, one: &Value, other: &Value, found: &mut Vec<String>) {
    match (one, other) {
        (Value::Null, _) | (_, Value::Null) => {}
        (Value::Object(one), Value::Object(other)) => {
            for key in one.keys().chain(other.keys()) {
                match (one.get(key), other.get(key)) {
                    _ if key == FREE => {}
                    (Some(one), Some(other)) => differences(&format!("{at}.{key}"), one, other, found),
                    _ => found.push(format!("{at}.{key} is in one of them only")),
                }
            }
        }
        (Value::Array(one), Value::Array(other)) => {
            if let (Some(one), Some(other)) = (one.first(), other.first()) {
                differences(&format!("{at}[]"), one, other, found);
            }
        }
        (one, other) => {
            if std::mem::discriminant(one) != std::mem::discriminant(other) {
                found.push(format!("{at}: {one} and {other}"));
            }
        }
    }
}

/// Makes everything happen that an endpoint can be told of.
async fn live_through_everything(app: &TestApp, line: &Line) {
    let start = line.first_free("one").await;
    let said = line.use_tool("one", "book", "book_appointment", booking(&start)).await;
    assert!(said.contains("is booked for"), "{said}");
    let later = line.first_free("one").await;
    let moved = line.use_tool("one", "move", "reschedule_appointment", json!({ "start": later })).await;
    assert!(moved.contains("has moved to"), "{moved}");
    let said = line.use_tool("one", "cancel", "cancel_appointment", json!({})).await;
    assert!(said.ends_with("is cancelled."), "{said}");
    let message = json!({ "name": "Robin Patient", "message": "Please call me back." });
    line.use_tool("one", "note", "take_message", message).await;

    take(&line.wire, &hot_report(&line.wire, "two", Some(PATIENT))).await;
    let url = format!("{}/inbound", app.services.twilio_webhook_url(line.clinic.org).await.unwrap());
    let written = app.sandbox.twilio().text(&line.clinic.twilio.sid, &url, PATIENT, "See you then").await;
    assert_eq!(written, Some(200));
    let sid = app.sandbox.phone_log().last().unwrap().sid.clone();
    assert_eq!(app.sandbox.twilio().report(&sid, "undelivered", Some(30003)).await, Some(200));
    work_off_inbox(app.services.clone()).await.unwrap();

    assert_eq!(line.owner.send("DELETE", "/api/integrations/twilio", None).await.status, 204);
    line.use_tool("three", "text", "send_sms", json!({ "message": "Hello" })).await;
    assert_eq!(connect(&line.owner, "twilio", line.clinic.twilio_body()).await.status, 200);
    line.use_tool("three", "again", "send_sms", json!({ "message": "Hello again" })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_of_every_kind_has_the_shape_of_the_event_that_really_happens() {
    let app = TestApp::start().await;
    let line = Line::open(&app, "Sunrise Dental").await;
    let hooks = app.sandbox.hooks();
    let body = json!({ "workflowName": "watch", "url": hooks.url("demo/watch") });
    assert_eq!(line.owner.send("POST", "/api/endpoints", Some(body)).await.status, 201);
    live_through_everything(&app, &line).await;
    send_due(&app).await;
    let of_hooks = || -> BTreeMap<String, Value> {
        let came = hooks.received().into_iter().map(|hook| {
            let body: Value = serde_json::from_str(&hook.body).unwrap();
            (body["type"].as_str().unwrap().to_owned(), body["data"].clone())
        });
        came.collect()
    };
    let real = of_hooks();
    let kinds: Vec<&str> = EVENT_KINDS.iter().map(|kind| kind.name).collect();
    for kind in &kinds {
        assert!(real.contains_key(*kind), "{kind} never happened: {:?}", real.keys());
    }
    // What the button sends, and what the list of kinds shows.
    hooks.forget();
    for kind in &kinds {
        let sent = line.owner.send("POST", "/api/endpoints/watch/test", Some(json!({ "kind": kind }))).await;
        assert_eq!(sent.status, 200, "{}", sent.body);
    }
    send_due(&app).await;
    let samples = of_hooks();
    let listed = line.owner.send("GET", "/api/endpoints/event-kinds", None).await.json();
    let mut found = Vec::new();
    for kind in listed["kinds"].as_array().unwrap() {
        let name = kind["name"].as_str().unwrap();
        differences(name, &samples[name], &real[name], &mut found);
        assert_eq!(kind["sample"], samples[name], "{name}");
    }
    assert_eq!(found, Vec::<String>::new());
}
