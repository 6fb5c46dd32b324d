//! A clinic that can be called: Vapi, Twilio and Google Calendar connected, and the wire of its inbound
//! assistant with a secret that the test knows.

use std::time::Duration;

use serde_json::{Value, json};
use voxanne::webhooks::signature::{HmacPlan, Scheme};

use super::app::{Answer, Browser, Clinic, TestApp};
use super::state::connect;
use super::wire::Wire;

/// The number of whoever calls, unless a test says otherwise.
pub const CALLER: &str = "+15550100188";

/// How many appointments are booked.
pub const BOOKED: &str = "select count(*) from appointments where org_id = $1 and status = 'booked'";

/// A clinic and a way to call it.
pub struct Line {
    pub clinic: Clinic,
    pub owner: Browser,
    /// The id of its Google account.
    pub google: String,
    pub wire: Wire,
}

impl Line {
    /// A clinic with everything connected.
    pub async fn open(app: &TestApp, name: &str) -> Self {
        Self::open_with(app, name, json!({})).await
    }

    /// The same with something changed of its inbound agent. It is changed before the wire is tapped, so
    /// that the stand-in's own calls are signed as they were set up.
    pub async fn open_with(app: &TestApp, name: &str, inbound: Value) -> Self {
        let (clinic, owner, google) = app.google_clinic(name).await;
        for (provider, body) in [("vapi", clinic.vapi_body()), ("twilio", clinic.twilio_body())] {
            let answer = connect(&owner, provider, body).await;
            assert_eq!(answer.status, 200, "{}", answer.body);
        }
        let saved = owner.send("PUT", "/api/agents/inbound", Some(inbound)).await;
        assert_eq!(saved.status, 200, "{}", saved.body);
        let (_, assistant) = app.assistants(&clinic)[0];
        app.sandbox.forget_requests();
        let wire = Wire::tap(app, clinic.org, assistant, Scheme::Hmac(HmacPlan::ours())).await;
        Self { clinic, owner, google, wire }
    }

    /// A message with one tool call, from [`CALLER`].
    pub fn message(&self, call: &str, id: &str, tool: &str, arguments: &Value) -> String {
        self.message_from(CALLER, call, id, tool, arguments)
    }

    /// The same from somebody else.
    pub fn message_from(&self, caller: &str, call: &str, id: &str, tool: &str, arguments: &Value) -> String {
        let one =
            json!({ "id": id, "type": "function", "function": { "name": tool, "arguments": arguments } });
        let control = format!("{}call/{call}/control", self.wire.url.split("api/webhooks").next().unwrap());
        self.wire.message(
            "tool-calls",
            call,
            &json!({
                "toolCallList": [one],
                "customer": { "number": caller },
                "call": {
                    "id": call,
                    "assistantId": self.wire.assistant,
                    "customer": { "number": caller },
                    "monitor": { "controlUrl": control },
                },
            }),
        )
    }

    /// Uses a tool and gives the sentence, checked for the shape that Vapi takes.
    pub async fn use_tool(&self, call: &str, id: &str, tool: &str, arguments: Value) -> String {
        sentence(&self.wire.send(&self.message(call, id, tool, &arguments)).await)
    }

    /// The first free time that is offered, as `2026-12-01T09:00`.
    pub async fn first_free(&self, call: &str) -> String {
        let id = format!("look-{}", uuid::Uuid::new_v4());
        let said = self.use_tool(call, &id, "check_availability", json!({})).await;
        first_time(&said)
    }
}

/// The one sentence of an answer.
pub fn sentence(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let body = answer.json();
    let results = body["results"].as_array().unwrap();
    assert_eq!(results.len(), 1, "{body}");
    let said = results[0]["result"].as_str().unwrap().to_owned();
    assert!(!said.is_empty() && !said.contains('\n'), "{body}");
    said
}

/// The first time that a sentence of `check_availability` names.
pub fn first_time(said: &str) -> String {
    let (before, after) = said.split_once(" at ").unwrap_or_else(|| panic!("no time in: {said}"));
    let day = &before[before.len() - 10..];
    format!("{day}T{}", &after[..5])
}

/// Events of the main calendar that were not cancelled.
pub fn events(app: &TestApp, line: &Line) -> Vec<Value> {
    let all = app.sandbox.google().events(&line.google, "primary");
    all.into_iter().filter(|event| event["status"] != "cancelled").collect()
}

/// Waits until a number that a superuser reads is as expected.
pub async fn until(app: &TestApp, line: &Line, query: &'static str, expected: i64) {
    for _ in 0..1_600 {
        if app.count(query, line.clinic.org).await == expected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("{query} is {} and not {expected}", app.count(query, line.clinic.org).await);
}

/// The arguments that book a time for one patient.
pub fn booking(start: &str) -> Value {
    json!({ "start": start, "name": "Robin Patient", "notes": "Afraid of needles" })
}
