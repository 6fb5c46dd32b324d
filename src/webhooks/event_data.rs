//! What each kind of event tells: one struct for a kind, made by whoever tells of something and by the
//! samples, so that a workflow that was built on a sample understands the real event.
//!
//! A field that is not known is null and never absent: the keys of a kind are always the same ones. When
//! each is told is in `domain::event_kinds`.

use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

/// `data` of `call.ended`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CallEnded {
    /// Vapi's id of the call.
    pub call_id: String,
    pub id: Uuid,
    /// `inbound`, `outbound` or `web`.
    pub direction: Option<String>,
    pub caller: Caller,
    pub started_at: Option<String>,
    pub ended_at: Option<String>,
    pub duration_seconds: Option<i32>,
    pub ended_reason: String,
    pub ended_reason_text: String,
    pub outcome: String,
    pub cost: Option<f64>,
    pub summary: String,
    /// What the clinic's own analysis at Vapi has extracted; its shape is the clinic's.
    pub structured_data: Value,
}

/// Who called.
#[derive(Clone, Debug, Serialize)]
pub struct Caller {
    pub number: Option<String>,
    pub name: Option<String>,
}

/// `data` of `lead.scored` and `lead.hot`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Lead {
    pub lead_id: Uuid,
    pub call_id: String,
    pub name: Option<String>,
    pub number: Option<String>,
    pub score: i32,
    pub is_hot: bool,
    pub reasons: Vec<Reason>,
}

/// One reason of a score.
#[derive(Clone, Debug, Serialize)]
pub struct Reason {
    /// A stable word: `booked`.
    pub key: String,
    pub points: i32,
    /// For people.
    pub text: String,
}

/// `data` of `appointment.booked` and `appointment.cancelled`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Appointment {
    pub appointment_id: Uuid,
    pub call_id: Option<String>,
    pub service: String,
    pub practitioner: Option<String>,
    pub starts_at: String,
    pub ends_at: String,
    pub status: String,
    pub patient: Patient,
}

/// Whose appointment it is.
#[derive(Clone, Debug, Serialize)]
pub struct Patient {
    pub name: String,
    pub phone: String,
}

/// `data` of `appointment.rescheduled`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rescheduled {
    #[serde(flatten)]
    pub appointment: Appointment,
    pub previous_appointment_id: Option<Uuid>,
    pub previous_starts_at: Option<String>,
}

/// `data` of `note.taken`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NoteTaken {
    pub note_id: Uuid,
    pub call_id: Option<String>,
    pub kind: String,
    pub name: String,
    pub phone: String,
    pub message: String,
}

/// `data` of `message.received`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageReceived {
    pub message_id: Uuid,
    pub provider: String,
    pub channel: String,
    pub from: String,
    pub text: String,
    /// `stop`, `start` or `help`, where the text is nothing else.
    pub keyword: Option<String>,
}

/// `data` of `message.failed`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageFailed {
    pub message_id: Uuid,
    pub call_id: Option<String>,
    pub provider: String,
    pub channel: String,
    pub purpose: String,
    /// Masked.
    pub recipient: String,
    /// The provider's own.
    pub code: Option<String>,
    pub reason: Option<String>,
}

/// `data` of `integration.needs_attention`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NeedsAttention {
    pub incident_id: Uuid,
    /// The provider's word; `webhook` for an endpoint of the clinic.
    pub provider: String,
    /// The name of that endpoint.
    pub endpoint: Option<String>,
    pub cause: String,
    pub what: String,
}

/// `data` of `integration.recovered`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Recovered {
    pub incident_id: Uuid,
    pub provider: String,
    pub endpoint: Option<String>,
    pub cause: String,
    pub times: i64,
}

/// The word for an endpoint of the clinic where a provider's word would stand.
pub const ENDPOINT: &str = "webhook";

/// Something that can be told.
#[derive(Clone, Debug)]
pub enum EventData {
    CallEnded(Box<CallEnded>),
    LeadScored(Lead),
    LeadHot(Lead),
    AppointmentBooked(Appointment),
    AppointmentRescheduled(Rescheduled),
    AppointmentCancelled(Appointment),
    NoteTaken(NoteTaken),
    MessageReceived(MessageReceived),
    MessageFailed(MessageFailed),
    NeedsAttention(NeedsAttention),
    Recovered(Recovered),
}

impl EventData {
    /// The word of its kind, one of `domain::event_kinds`.
    pub const fn kind(&self) -> &'static str {
        match self {
            EventData::CallEnded(_) => "call.ended",
            EventData::LeadScored(_) => "lead.scored",
            EventData::LeadHot(_) => "lead.hot",
            EventData::AppointmentBooked(_) => "appointment.booked",
            EventData::AppointmentRescheduled(_) => "appointment.rescheduled",
            EventData::AppointmentCancelled(_) => "appointment.cancelled",
            EventData::NoteTaken(_) => "note.taken",
            EventData::MessageReceived(_) => "message.received",
            EventData::MessageFailed(_) => "message.failed",
            EventData::NeedsAttention(_) => "integration.needs_attention",
            EventData::Recovered(_) => "integration.recovered",
        }
    }

    /// What a receiver gets as `data`.
    pub fn value(&self) -> Value {
        let made = match self {
            EventData::CallEnded(data) => serde_json::to_value(data),
            EventData::LeadScored(data) | EventData::LeadHot(data) => serde_json::to_value(data),
            EventData::AppointmentBooked(data) | EventData::AppointmentCancelled(data) => {
                serde_json::to_value(data)
            }
            EventData::AppointmentRescheduled(data) => serde_json::to_value(data),
            EventData::NoteTaken(data) => serde_json::to_value(data),
            EventData::MessageReceived(data) => serde_json::to_value(data),
            EventData::MessageFailed(data) => serde_json::to_value(data),
            EventData::NeedsAttention(data) => serde_json::to_value(data),
            EventData::Recovered(data) => serde_json::to_value(data),
        };
        // Structs of texts and numbers: there is nothing in them that could not be written.
        made.unwrap_or_default()
    }

    /// A sample of a kind; none where there is no such kind.
    pub fn sample(kind: &str) -> Option<Self> {
        let id = |last: u128| Uuid::from_u128(0x0198_c0de_0000_7000_8000_0000_0000_0000 + last);
        let text = str::to_owned;
        let call = || "voxanne-sample-call".to_owned();
        let lead = |score, is_hot, points, key: &str, words: &str| Lead {
            lead_id: id(2),
            call_id: call(),
            name: Some(text("Sam Example")),
            number: Some(text("+15550100123")),
            score,
            is_hot,
            reasons: vec![Reason { key: text(key), points, text: text(words) }],
        };
        let appointment = |starts: &str, ends: &str, status: &str| Appointment {
            appointment_id: id(3),
            call_id: Some(call()),
            service: text("Check-up"),
            practitioner: Some(text("Dr. Rivera")),
            starts_at: text(starts),
            ends_at: text(ends),
            status: text(status),
            patient: Patient { name: text("Sam Example"), phone: text("+15550100123") },
        };
        let (thursday, later) = ("2026-03-05T14:00:00Z", "2026-03-05T14:30:00Z");
        let (friday, after) = ("2026-03-06T10:00:00Z", "2026-03-06T10:30:00Z");
        Some(match kind {
            "call.ended" => EventData::CallEnded(Box::new(CallEnded {
                call_id: call(),
                id: id(1),
                direction: Some(text("inbound")),
                caller: Caller { number: Some(text("+15550100123")), name: Some(text("Sam Example")) },
                started_at: Some(text("2026-03-02T09:00:00Z")),
                ended_at: Some(text("2026-03-02T09:03:20Z")),
                duration_seconds: Some(200),
                ended_reason: text("customer-ended-call"),
                ended_reason_text: text("The caller hung up."),
                outcome: text("booked"),
                cost: Some(0.21),
                summary: text("The caller booked a check-up."),
                structured_data: json!({ "interest": "high" }),
            })),
            "lead.scored" => {
                EventData::LeadScored(lead(10, false, 10, "asked_price", "The caller asked what it costs"))
            }
            "lead.hot" => {
                EventData::LeadHot(lead(85, true, 70, "booked", "An appointment was booked in the call"))
            }
            "appointment.booked" => EventData::AppointmentBooked(appointment(thursday, later, "booked")),
            "appointment.rescheduled" => EventData::AppointmentRescheduled(Rescheduled {
                appointment: Appointment { appointment_id: id(6), ..appointment(friday, after, "booked") },
                previous_appointment_id: Some(id(3)),
                previous_starts_at: Some(text(thursday)),
            }),
            "appointment.cancelled" => {
                EventData::AppointmentCancelled(appointment(thursday, later, "cancelled"))
            }
            "note.taken" => EventData::NoteTaken(NoteTaken {
                note_id: id(7),
                call_id: Some(call()),
                kind: text("message"),
                name: text("Sam Example"),
                phone: text("+15550100123"),
                message: text("Please call me back about my crown."),
            }),
            "message.received" => EventData::MessageReceived(MessageReceived {
                message_id: id(4),
                provider: text("twilio"),
                channel: text("sms"),
                from: text("+15550100123"),
                text: text("Thanks, see you then."),
                keyword: None,
            }),
            "message.failed" => EventData::MessageFailed(MessageFailed {
                message_id: id(4),
                call_id: Some(call()),
                provider: text("twilio"),
                channel: text("sms"),
                purpose: text("tool"),
                recipient: text("+15***23"),
                code: Some(text("30003")),
                reason: Some(text("The phone was switched off.")),
            }),
            "integration.needs_attention" => EventData::NeedsAttention(NeedsAttention {
                incident_id: id(5),
                provider: text("twilio"),
                endpoint: None,
                cause: text("refused"),
                what: text("Twilio refused the Auth Token."),
            }),
            "integration.recovered" => EventData::Recovered(Recovered {
                incident_id: id(5),
                provider: text("twilio"),
                endpoint: None,
                cause: text("refused"),
                times: 3,
            }),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event_kinds::EVENT_KINDS;

    #[test]
    fn every_kind_has_a_sample_of_its_own_kind() {
        for kind in EVENT_KINDS {
            let sample = EventData::sample(kind.name).expect(kind.name);
            assert_eq!(sample.kind(), kind.name);
            assert!(sample.value().as_object().is_some_and(|data| data.len() > 4), "{}", kind.name);
        }
        assert!(EventData::sample("lead.lukewarm").is_none());
    }
}
