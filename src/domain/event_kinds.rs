//! The kinds of events that a clinic's endpoints can be told of, each with a sample.
//!
//! The one list: filters are checked against it, pages and samples are made from it, and
//! `docs/webhooks.md` tells it. Who tells of what is with whoever does it.

/// A kind of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventKind {
    /// `appointment.booked`.
    pub name: &'static str,
    /// When it is told, for people.
    pub when: &'static str,
    /// The `data` of a sample: a JSON object.
    pub sample: &'static str,
}

/// All of them.
pub const EVENT_KINDS: [EventKind; 11] = [
    EventKind {
        name: "call.ended",
        when: "A call has ended and its report has arrived.",
        sample: r#"{"callId":"0198c0de-0000-7000-8000-000000000001","direction":"inbound","callerMask":"+15***23","startedAt":"2026-03-02T09:00:00Z","endedAt":"2026-03-02T09:03:20Z","endedReason":"customer-ended-call","outcome":"booked","cost":0.21,"summary":"The caller booked a check-up."}"#,
    },
    EventKind {
        name: "lead.scored",
        when: "A caller was given a score, with its reasons.",
        sample: r#"{"leadId":"0198c0de-0000-7000-8000-000000000002","callId":"0198c0de-0000-7000-8000-000000000001","name":"Sam Example","phone":"+15550100123","score":55,"reasons":["asked for a price"]}"#,
    },
    EventKind {
        name: "lead.hot",
        when: "A score has reached the clinic's threshold; once for each caller.",
        sample: r#"{"leadId":"0198c0de-0000-7000-8000-000000000002","callId":"0198c0de-0000-7000-8000-000000000001","name":"Sam Example","phone":"+15550100123","score":85,"reasons":["wants an appointment this week"]}"#,
    },
    EventKind {
        name: "appointment.booked",
        when: "An appointment was put into the calendar.",
        sample: r#"{"appointmentId":"0198c0de-0000-7000-8000-000000000003","callId":"0198c0de-0000-7000-8000-000000000001","service":"Check-up","practitioner":null,"startsAt":"2026-03-05T14:00:00Z","endsAt":"2026-03-05T14:30:00Z","name":"Sam Example","phone":"+15550100123"}"#,
    },
    EventKind {
        name: "appointment.rescheduled",
        when: "An appointment was moved.",
        sample: r#"{"appointmentId":"0198c0de-0000-7000-8000-000000000003","callId":"0198c0de-0000-7000-8000-000000000001","service":"Check-up","startsAt":"2026-03-06T10:00:00Z","endsAt":"2026-03-06T10:30:00Z","name":"Sam Example","phone":"+15550100123"}"#,
    },
    EventKind {
        name: "appointment.cancelled",
        when: "An appointment was cancelled.",
        sample: r#"{"appointmentId":"0198c0de-0000-7000-8000-000000000003","callId":null,"service":"Check-up","startsAt":"2026-03-06T10:00:00Z","endsAt":"2026-03-06T10:30:00Z","name":"Sam Example","phone":"+15550100123"}"#,
    },
    EventKind {
        name: "note.taken",
        when: "A caller left a message for the clinic.",
        sample: r#"{"callId":"0198c0de-0000-7000-8000-000000000001","name":"Sam Example","phone":"+15550100123","text":"Please call me back about my crown."}"#,
    },
    EventKind {
        name: "message.received",
        when: "A patient answered by SMS or WhatsApp.",
        sample: r#"{"messageId":"0198c0de-0000-7000-8000-000000000004","channel":"sms","from":"+15550100123","text":"Thanks, see you then."}"#,
    },
    EventKind {
        name: "message.failed",
        when: "A message to a patient did not arrive.",
        sample: r#"{"messageId":"0198c0de-0000-7000-8000-000000000004","channel":"sms","purpose":"tool","errorCode":"30003","error":"The phone was switched off."}"#,
    },
    EventKind {
        name: "integration.needs_attention",
        when: "Something that calls need does not work; once for as long as it lasts.",
        sample: r#"{"incidentId":"0198c0de-0000-7000-8000-000000000005","provider":"twilio","cause":"refused","what":"Twilio refused the Auth Token."}"#,
    },
    EventKind {
        name: "integration.recovered",
        when: "It works again.",
        sample: r#"{"incidentId":"0198c0de-0000-7000-8000-000000000005","provider":"twilio","cause":"refused","times":3}"#,
    },
];

/// The kind of an event that somebody sends by calling an endpoint by hand; no filter names it.
pub const CALLED: &str = "endpoint.called";

/// The kind of that name.
pub fn find(name: &str) -> Option<&'static EventKind> {
    EVENT_KINDS.iter().find(|kind| kind.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_stands_there_once_and_is_found() {
        for (at, kind) in EVENT_KINDS.iter().enumerate() {
            assert_eq!(find(kind.name), Some(kind));
            assert!(EVENT_KINDS[at + 1..].iter().all(|other| other.name != kind.name), "{}", kind.name);
        }
        assert_eq!(find(CALLED), None);
    }
}
