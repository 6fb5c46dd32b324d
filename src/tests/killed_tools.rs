//! A process that is killed in the middle of a tool call: Vapi asks again, and in the end each appointment is
//! in the calendar once, none is there that is not known, no text message went out twice, and one of which
//! nobody knows whether it did is parked (bar W7, tools).
//!
//! Reduced here; `VOXANNE_BARS=full` kills a hundred times.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use voxanne::sandbox::DEMO_GOOGLE;

use super::support::consent;
use super::support::line::first_time;
use super::support::mortal::Mortal;
use super::tenancy_pool::all_cases;

/// What somebody had begun was begun ten minutes ago: whoever did is gone.
const LOST: [&str; 3] = [
    "update tool_calls set started_at = started_at - interval '10 minutes' where status = 'running'",
    "update messages set created_at = created_at - interval '10 minutes' where status = 'sending'",
    "update appointments set updated_at = updated_at - interval '10 minutes' where status = 'pending'",
];

const CALLER: &str = "+15550100188";

fn tool(mortal: &Mortal, call: &str, id: &str, name: &str, arguments: &Value) -> String {
    let one = json!({ "id": id, "type": "function", "function": { "name": name, "arguments": arguments } });
    let more = json!({
        "toolCallList": [one], "customer": { "number": CALLER },
        "call": { "id": call, "assistantId": mortal.vapi.assistant, "customer": { "number": CALLER } },
    });
    mortal.vapi.message("tool-calls", call, &more)
}

fn said(answer: &Value) -> String {
    answer["results"][0]["result"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

async fn connect_calendar(mortal: &Mortal) {
    let browser = mortal.sign_in().await;
    let form = [("org", mortal.org()), ("intent", "sign_in".to_owned())];
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let answer = browser.post("/dashboard/integrations/google_calendar/connect", &form).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let back = consent::open(answer.location()).await.allow(DEMO_GOOGLE[0].email, &[]).await;
    let answer = browser.get(&back).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
}

/// Events of the calendar by id that were not cancelled.
fn in_calendar(world: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect(&world["google"], &mut found);
    found
}

fn collect(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            let is_event = fields.contains_key("start") && fields.contains_key("summary");
            if is_event && fields.get("status") != Some(&json!("cancelled")) {
                found.push(fields["id"].as_str().unwrap().to_owned());
            }
            fields.values().for_each(|value| collect(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, found)),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tool_calls_cut_off_by_a_kill_book_once_and_send_once() {
    let kills = if all_cases() { 100 } else { 6 };
    let mut mortal = Mortal::start("killed-tools").await;
    connect_calendar(&mortal).await;
    for kill in 0..kills {
        let call = format!("call-{kill}");
        let look = tool(&mortal, &call, "look", "check_availability", &json!({}));
        let start = first_time(&said(&mortal.vapi.send_until_taken(&look).await));
        let book = json!({ "start": start, "name": format!("Patient {kill}") });
        let bodies = [
            tool(&mortal, &call, "book", "book_appointment", &book),
            tool(&mortal, &call, "text", "send_sms", &json!({ "message": format!("Text {kill}") })),
        ];
        let asking: Vec<_> = bodies
            .iter()
            .map(|body| {
                let (vapi, body) = (mortal.vapi.clone(), body.clone());
                tokio::spawn(async move { vapi.send(&body).await })
            })
            .collect();
        // Each time a little later in what happens then.
        tokio::time::sleep(Duration::from_millis(4 + 17 * (kill % 12))).await;
        mortal.restart();
        for one in asking {
            one.await.unwrap();
        }
        // What the dead had begun has lost its process; whoever looks after it does so at once.
        mortal.meddle(&LOST).await;
        for body in &bodies {
            mortal.vapi.send_until_taken(body).await;
        }
    }
    // The worker looks for what was left open when it begins, and then once a minute.
    mortal.restart();
    let open = "select (select count(*) from appointments where status = 'pending')
                     + (select count(*) from messages where status = 'sending')
                     + (select count(*) from tool_calls where status = 'running')";
    mortal.until_none(open, &LOST).await;

    let world = mortal.world();
    let events = in_calendar(&world);
    let mut by_id = BTreeMap::new();
    for id in &events {
        *by_id.entry(id.clone()).or_insert(0) += 1;
    }
    assert!(by_id.values().all(|count| *count == 1), "{by_id:?}");
    let booked = mortal.count("select count(*) from appointments where status = 'booked'").await;
    assert_eq!(
        i64::try_from(events.len()).unwrap(),
        booked,
        "what is booked is in the calendar, and nothing else"
    );
    let doubled = "select count(*) from (select call_id from appointments where status = 'booked' group by call_id having count(*) > 1) d";
    assert_eq!(mortal.count(doubled).await, 0);
    assert!(booked >= 1, "none of {kills} was booked");

    // Text messages: what went out did so once; what nobody knows of is parked and was not repeated.
    let mut sent: BTreeMap<String, usize> = BTreeMap::new();
    for message in world["twilio"]["messages"].as_array().unwrap() {
        *sent.entry(message["body"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    assert!(sent.values().all(|count| *count == 1), "{sent:?}");
    let known = "select count(*) from messages where status in ('queued', 'sent', 'delivered')";
    let (known, parked) = (
        mortal.count(known).await,
        mortal.count("select count(*) from messages where status = 'parked'").await,
    );
    let all = i64::try_from(sent.len()).unwrap();
    assert!(
        (known..=known + parked).contains(&all),
        "{known} are said to be sent and {parked} parked, {all} went out: {sent:?}"
    );
    // Each of both that was asked for is accounted for: done, refused, or parked for a person to look at.
    for asked in [
        "select count(*) from tool_calls where name = 'book_appointment' and status in ('done', 'failed', 'parked')",
        "select count(*) from tool_calls where name = 'send_sms' and status in ('done', 'failed', 'parked')",
    ] {
        assert_eq!(mortal.count(asked).await, i64::try_from(kills).unwrap(), "{asked}");
    }
    mortal.end().await;
}
