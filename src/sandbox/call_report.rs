//! The report of a call that the Vapi stand-in has played: what was said, and what of it the assistant's own plan has
//! asked the analysis for.

use serde_json::{Value, json};

use super::call::CallScript;
use super::state::{Stored, now_iso};

/// What the assistant's plan of the analysis asks for, of what there is. Without a plan there is a summary and
/// nothing extracted, as at Vapi.
fn analysis(assistant: &Stored, script: &CallScript) -> Value {
    let plan = &assistant.body["analysisPlan"];
    let mut analysis = json!({ "successEvaluation": "true" });
    if plan["summaryPlan"]["enabled"] != false {
        analysis["summary"] = script.summary.clone().into();
    }
    let data = &plan["structuredDataPlan"];
    if data["enabled"] == true
        && let Some(asked) = data["schema"]["properties"].as_object()
        && let Some(there) = script.structured_data.as_object()
    {
        let given = there.iter().filter(|(name, _)| asked.contains_key(*name));
        analysis["structuredData"] = given
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect::<serde_json::Map<_, _>>()
            .into();
    }
    analysis
}

pub(super) fn report(assistant: &Stored, script: &CallScript, started_at: &str) -> Value {
    let messages: Vec<Value> = script
        .transcript
        .iter()
        .enumerate()
        .map(|(at, (role, text))| json!({ "role": role, "message": text, "secondsFromStart": at * 4 }))
        .collect();
    let speaker = |role: &str| if role == "user" { "User" } else { "AI" };
    let lines: Vec<String> =
        script.transcript.iter().map(|(role, text)| format!("{}: {text}", speaker(role))).collect();
    json!({
        "type": "end-of-call-report",
        "endedReason": script.ended_reason,
        "startedAt": started_at,
        "endedAt": now_iso(),
        "cost": 0.05,
        "analysis": analysis(assistant, script),
        "artifact": { "messages": messages, "transcript": lines.join("\n") },
    })
}
