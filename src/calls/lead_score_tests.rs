//! Scores of calls as they happen, and the document that tells them.

use serde_json::json;

use super::*;

fn heard<'a>(structured: &'a Value, summary: &'a str, outcome: Outcome, tools: &'a [ToolUse]) -> Heard<'a> {
    Heard {
        structured,
        summary,
        outcome,
        duration_seconds: Some(90),
        tools,
        has_name: true,
        has_number: true,
    }
}

fn tool(name: &str, status: &str) -> ToolUse {
    ToolUse { name: name.to_owned(), status: status.to_owned() }
}

fn keys(score: &Score) -> Vec<&'static str> {
    score.reasons.iter().map(|reason| reason.key).collect()
}

#[test]
fn a_booking_is_hot_whatever_else_is_known() {
    let booked = [tool("book_appointment", "done")];
    let score = score(&Heard {
        duration_seconds: Some(8),
        has_name: false,
        ..heard(&Value::Null, "", Outcome::Booked, &booked)
    });
    assert_eq!((score.points, keys(&score)), (75, vec!["booked", "has_number"]));
}

#[test]
fn high_interest_and_a_wish_in_words_are_enough_for_hot() {
    let structured = json!({ "interestLevel": "high", "patientName": "Alex" });
    let score = score(&heard(
        &structured,
        "The caller would like to book a cleaning and asked about the price.",
        Outcome::Answered,
        &[],
    ));
    assert_eq!(keys(&score), ["high_interest", "asked_price", "real_call", "has_name", "has_number"]);
    assert_eq!(score.points, 80);
}

#[test]
fn a_question_alone_is_no_hot_lead() {
    let score = score(&heard(&Value::Null, "The caller asked about opening hours.", Outcome::Answered, &[]));
    assert_eq!((score.points, score.is_lead()), (15, false));
    assert!(!keys(&score).contains(&"wants_appointment"));
}

#[test]
fn what_says_the_same_counts_once_and_agreement_a_little_more() {
    let looked = [tool("check_availability", "done")];
    let with_words = score(&heard(&json!({ "wantsAppointment": true }), "", Outcome::Answered, &looked));
    assert_eq!(keys(&with_words), ["wants_appointment", "told_twice", "real_call", "has_name", "has_number"]);
    let without = score(&heard(&Value::Null, "", Outcome::Answered, &looked));
    assert_eq!(keys(&without)[0], "tried_to_book");
    assert!(with_words.points > without.points);
}

#[test]
fn refusals_sales_calls_and_silence_are_nothing() {
    for (structured, summary, outcome) in [
        (json!({ "interested": false }), "", Outcome::Answered),
        (Value::Null, "It was a sales call about advertising.", Outcome::Answered),
        (Value::Null, "The caller does not want to book; wrong number.", Outcome::Answered),
        (Value::Null, "", Outcome::Voicemail),
        (Value::Null, "", Outcome::Failed),
    ] {
        assert_eq!(score(&heard(&structured, summary, outcome, &[])).points, 0, "{structured} {summary}");
    }
}

#[test]
fn the_usual_names_and_scales_of_extracted_data_are_read() {
    for structured in [
        json!({ "interest_level": "HIGH" }),
        json!({ "leadScore": 85 }),
        json!({ "lead_score": 9 }),
        json!({ "leadScore": 0.9 }),
        json!({ "lead": { "bookingIntent": "high" } }),
    ] {
        assert!(
            keys(&score(&heard(&structured, "", Outcome::Answered, &[]))).contains(&"high_interest"),
            "{structured}"
        );
    }
    for structured in
        [json!({ "wants_to_book": "yes" }), json!({ "hotLead": true }), json!({ "is_lead": true })]
    {
        assert!(
            keys(&score(&heard(&structured, "", Outcome::Answered, &[]))).contains(&"wants_appointment"),
            "{structured}"
        );
    }
    let german = score(&heard(
        &Value::Null,
        "Die Anruferin möchte einen Termin, sie hat Schmerzen.",
        Outcome::Answered,
        &[],
    ));
    assert!(keys(&german).contains(&"wants_appointment") && keys(&german).contains(&"urgent"));
}

#[test]
fn hostile_data_neither_panics_nor_leaves_the_bounds() {
    let mut deep = json!({ "interest": "high" });
    for _ in 0..60 {
        deep = json!({ "a": deep });
    }
    for structured in
        [deep, json!([1, 2]), json!("x"), json!({ "leadScore": 1e300, "urgent": [], "interested": {} })]
    {
        let points = score(&heard(&structured, &"book ".repeat(5000), Outcome::Answered, &[])).points;
        assert!((0..=100).contains(&points));
    }
}

#[test]
fn the_guide_for_clinics_tells_every_reason_with_its_points() {
    let guide = include_str!("../../docs/leads.md");
    for Reason { key, points, text } in REASONS {
        let line = format!("| {text} | {points:+} | `{key}` |");
        assert!(guide.contains(&line), "docs/leads.md lacks: {line}");
    }
}

#[test]
fn everything_that_assistants_are_asked_to_extract_is_understood() {
    let asked = crate::integrations::assistant_tools::extracted();
    let nothing = score(&heard(&Value::Null, "", Outcome::Answered, &[]));
    for (name, member) in asked["properties"].as_object().unwrap() {
        // For people: the name is read by the report, the reason by the team.
        if ["patientName", "reason"].contains(&name.as_str()) {
            continue;
        }
        let value = if member["type"] == "boolean" { json!(true) } else { member["enum"][0].clone() };
        let structured = json!({ name: value });
        assert_ne!(score(&heard(&structured, "", Outcome::Answered, &[])), nothing, "{name}");
    }
}
