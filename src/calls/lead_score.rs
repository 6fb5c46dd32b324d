//! How likely a caller wants an appointment, from 0 to 100, each point with its reason.
//!
//! A pure function of what is known after a call: what Vapi has extracted (`structuredData`), its
//! summary, how the call ended, how long it took, and which tools were used. `docs/leads.md` tells the
//! points to clinics; a test holds the two together. It never sees a transcript.

use serde::Serialize;
use serde_json::Value;

use super::ended_reasons::{Outcome, ToolUse};

/// What is known of a call.
#[derive(Clone, Debug)]
pub struct Heard<'a> {
    pub structured: &'a Value,
    pub summary: &'a str,
    pub outcome: Outcome,
    pub duration_seconds: Option<i32>,
    pub tools: &'a [ToolUse],
    /// The caller has said a name.
    pub has_name: bool,
    /// The caller can be called back.
    pub has_number: bool,
}

/// One reason with its points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// A stable word: `booked`.
    pub key: &'static str,
    pub points: i32,
    /// For people.
    pub text: &'static str,
}

/// A score and what it is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Score {
    /// 0 to 100: the sum of the reasons, within these bounds.
    pub points: i32,
    pub reasons: Vec<Reason>,
}

/// What makes a caller a lead at all: without any of these, points only tell that there was a call.
const SIGNS: [&str; 9] = [
    "booked",
    "high_interest",
    "wants_appointment",
    "tried_to_book",
    "some_interest",
    "urgent",
    "asked_price",
    "wants_callback",
    "new_patient",
];

impl Score {
    /// Whether the caller may want an appointment at all.
    pub fn is_lead(&self) -> bool {
        self.points > 0 && self.reasons.iter().any(|reason| SIGNS.contains(&reason.key))
    }
}

/// Every reason there is. Of the first group only the strongest counts: they say the same thing.
pub const REASONS: [Reason; 20] = [
    Reason { key: "booked", points: 70, text: "An appointment was booked in the call" },
    Reason { key: "high_interest", points: 55, text: "Vapi's analysis says that the interest is high" },
    Reason { key: "wants_appointment", points: 45, text: "The caller asked for an appointment" },
    Reason { key: "tried_to_book", points: 45, text: "The agent looked for a time, and none was booked" },
    Reason { key: "some_interest", points: 25, text: "Vapi's analysis says that there is some interest" },
    Reason { key: "told_twice", points: 15, text: "Analysis or summary and the tools used say the same" },
    Reason { key: "urgent", points: 15, text: "It is urgent for the caller" },
    Reason { key: "asked_price", points: 10, text: "The caller asked what it costs" },
    Reason {
        key: "wants_callback",
        points: 10,
        text: "The caller wants to be called back, or left a message",
    },
    Reason { key: "long_call", points: 10, text: "The conversation took two minutes or more" },
    Reason { key: "real_call", points: 5, text: "The conversation took 45 seconds or more" },
    Reason { key: "has_name", points: 5, text: "The caller has said a name" },
    Reason { key: "has_number", points: 5, text: "The number is known" },
    Reason { key: "new_patient", points: 5, text: "The caller has not been there before" },
    Reason { key: "low_interest", points: -20, text: "Vapi's analysis says that the interest is low" },
    Reason { key: "cancelled", points: -20, text: "An appointment was cancelled and none was booked" },
    Reason { key: "short_call", points: -20, text: "The call was over within 15 seconds" },
    Reason { key: "not_interested", points: -60, text: "The caller is not interested" },
    Reason {
        key: "wrong_number",
        points: -80,
        text: "It was a wrong number, or somebody who sells something",
    },
    Reason { key: "nobody_spoke", points: -80, text: "Nobody spoke: no answer, a voicemail, or a fault" },
];

/// Scores a call.
pub fn score(heard: &Heard<'_>) -> Score {
    let facts = Facts::read(heard.structured);
    let summary = heard.summary.to_lowercase();
    let said = |phrases: &[&str]| phrases.iter().any(|phrase| summary.contains(phrase));
    let used = |names: &[&str]| heard.tools.iter().any(|tool| names.contains(&tool.name.as_str()));
    let is_refusal = facts.is_wrong || said(WRONG);
    let is_not_interested = facts.wants == Some(false) || said(NOT_INTERESTED);
    let booked = heard.outcome == Outcome::Booked;
    let looked = used(&["check_availability", "book_appointment"]);
    let by_words =
        facts.wants == Some(true) || facts.interest == Interest::High || (said(WANTS) && !is_not_interested);

    let mut keys: Vec<&'static str> = Vec::new();
    // The strongest of what says the same thing.
    let interest = [
        (booked, "booked"),
        (facts.interest == Interest::High, "high_interest"),
        (by_words, "wants_appointment"),
        (looked, "tried_to_book"),
        (facts.interest == Interest::Some, "some_interest"),
    ];
    keys.extend(interest.into_iter().find(|(holds, _)| *holds).map(|(_, key)| key));
    let seconds = heard.duration_seconds;
    let other = [
        ("told_twice", by_words && (booked || looked)),
        ("urgent", facts.is_urgent || said(URGENT)),
        ("asked_price", said(PRICE)),
        ("wants_callback", facts.wants_callback || said(CALLBACK) || heard.outcome == Outcome::MessageTaken),
        ("long_call", seconds.is_some_and(|seconds| seconds >= 120)),
        ("real_call", seconds.is_some_and(|seconds| (45..120).contains(&seconds))),
        ("has_name", heard.has_name),
        ("has_number", heard.has_number),
        ("new_patient", facts.is_new),
        ("low_interest", facts.interest == Interest::Low),
        ("cancelled", heard.outcome == Outcome::Cancelled),
        ("short_call", !booked && seconds.is_some_and(|seconds| seconds < 15)),
        ("not_interested", !booked && is_not_interested),
        ("wrong_number", !booked && is_refusal),
        (
            "nobody_spoke",
            matches!(heard.outcome, Outcome::NoAnswer | Outcome::Voicemail | Outcome::Failed) && !looked,
        ),
    ];
    keys.extend(other.into_iter().filter(|(_, holds)| *holds).map(|(key, _)| key));
    let reasons: Vec<Reason> = REASONS.into_iter().filter(|reason| keys.contains(&reason.key)).collect();
    let sum: i32 = reasons.iter().map(|reason| reason.points).sum();
    Score { points: sum.clamp(0, 100), reasons }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Interest {
    High,
    Some,
    Low,
    #[default]
    Unknown,
}

/// What the extracted data says, under whichever of the usual names.
#[derive(Debug, Default)]
struct Facts {
    interest: Interest,
    wants: Option<bool>,
    is_urgent: bool,
    wants_callback: bool,
    is_new: bool,
    is_wrong: bool,
}

impl Facts {
    /// Reads the members of an object, and of objects in it, three levels deep.
    fn read(structured: &Value) -> Self {
        let mut facts = Self::default();
        facts.take(structured, 0);
        facts
    }

    fn take(&mut self, value: &Value, depth: usize) {
        let Some(members) = value.as_object().filter(|_| depth < 3) else { return };
        for (name, member) in members {
            let key: String =
                name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
            match key.as_str() {
                "interest" | "interestlevel" | "leadquality" | "bookinginterest" | "intentlevel"
                | "leadscore" => {
                    self.interest = level(member).unwrap_or(self.interest);
                }
                "wantsappointment"
                | "wantstobook"
                | "bookingintent"
                | "bookingrequested"
                | "appointmentrequested"
                | "hotlead"
                | "islead"
                | "ishotlead"
                | "interested" => match level(member) {
                    Some(level) => self.interest = level,
                    None => self.wants = yes(member).or(self.wants),
                },
                "urgent" | "isurgent" | "urgency" | "emergency" => {
                    self.is_urgent |= yes(member) == Some(true) || level(member) == Some(Interest::High);
                }
                "wantscallback" | "callbackrequested" | "callback" => {
                    self.wants_callback |= yes(member) == Some(true)
                }
                "newpatient" | "isnewpatient" | "newcustomer" => self.is_new |= yes(member) == Some(true),
                "spam" | "isspam" | "wrongnumber" | "solicitation" => {
                    self.is_wrong |= yes(member) == Some(true)
                }
                _ => self.take(member, depth + 1),
            }
        }
    }
}

/// A word or a number for how much; booleans are none.
fn level(value: &Value) -> Option<Interest> {
    match value {
        Value::String(word) => match word.trim().to_lowercase().as_str() {
            "high" | "very high" | "hot" | "strong" | "hoch" | "alto" | "alta" => Some(Interest::High),
            "medium" | "moderate" | "warm" | "mittel" | "medio" | "media" | "moyen" => Some(Interest::Some),
            "low" | "cold" | "none" | "niedrig" | "bajo" | "baja" | "faible" => Some(Interest::Low),
            _ => None,
        },
        // Out of 1, of 10 or of 100: whichever it is, by its size.
        Value::Number(number) => {
            let number = number.as_f64().filter(|number| (0.0..=100.0).contains(number))?;
            let share = if number <= 1.0 {
                number
            } else if number <= 10.0 {
                number / 10.0
            } else {
                number / 100.0
            };
            Some(if share >= 0.7 {
                Interest::High
            } else if share >= 0.4 {
                Interest::Some
            } else {
                Interest::Low
            })
        }
        _ => None,
    }
}

fn yes(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::String(word) => match word.trim().to_lowercase().as_str() {
            "yes" | "true" | "ja" | "si" | "sí" | "oui" => Some(true),
            "no" | "false" | "nein" | "non" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

// What summaries say, in the languages that agents are most often set to.
const WANTS: &[&str] = &[
    "wants to book",
    "want to book",
    "would like to book",
    "wants to schedule",
    "would like to schedule",
    "wants an appointment",
    "would like an appointment",
    "requested an appointment",
    "asked for an appointment",
    "asked to book",
    "interested in booking",
    "looking to book",
    "wanted to book",
    "wanted to schedule",
    "scheduled an appointment",
    "booked an appointment",
    "möchte einen termin",
    "wollte einen termin",
    "termin vereinbaren",
    "quiere una cita",
    "pidió una cita",
    "reservar una cita",
    "souhaite un rendez-vous",
    "prendre rendez-vous",
];
const NOT_INTERESTED: &[&str] = &[
    "not interested",
    "no interest",
    "does not want to book",
    "did not want to book",
    "doesn't want to book",
    "declined to book",
    "kein interesse",
    "no está interesad",
    "pas intéressé",
];
const URGENT: &[&str] = &[
    "urgent",
    "emergency",
    "as soon as possible",
    "in pain",
    "severe pain",
    "toothache",
    "dringend",
    "notfall",
    "schmerzen",
    "urgente",
    "dolor",
    "douleur",
];
const PRICE: &[&str] = &[
    "how much",
    "price",
    "pricing",
    "cost of",
    "the cost",
    "insurance cover",
    "payment plan",
    "was es kostet",
    "preis",
    "precio",
    "cuánto cuesta",
    "le prix",
    "combien",
];
const CALLBACK: &[&str] = &[
    "call back",
    "callback",
    "call her back",
    "call him back",
    "call them back",
    "rückruf",
    "zurückrufen",
    "devolver la llamada",
    "rappeler",
];
const WRONG: &[&str] = &[
    "wrong number",
    "misdial",
    "sales call",
    "telemarket",
    "solicitation",
    "robocall",
    "spam",
    "falsch verbunden",
    "número equivocado",
    "faux numéro",
];

#[cfg(test)]
#[path = "lead_score_tests.rs"]
mod tests;
