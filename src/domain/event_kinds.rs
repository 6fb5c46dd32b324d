//! The kinds of events that a clinic's endpoints can be told of.
//!
//! The one list: filters are checked against it, pages are made from it, and `docs/webhooks.md` tells it.
//! What each of them says, and its sample, is in `webhooks::event_data`; who tells of what is with whoever
//! does it.

/// A kind of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventKind {
    /// `appointment.booked`.
    pub name: &'static str,
    /// When it is told, for people.
    pub when: &'static str,
}

/// All of them.
pub const EVENT_KINDS: [EventKind; 11] = [
    EventKind { name: "call.ended", when: "A call has ended and its report has arrived." },
    EventKind { name: "lead.scored", when: "A caller was given a score, with its reasons." },
    EventKind { name: "lead.hot", when: "A score has reached the clinic's threshold; once for each caller." },
    EventKind { name: "appointment.booked", when: "An appointment was put into the calendar." },
    EventKind { name: "appointment.rescheduled", when: "An appointment was moved." },
    EventKind { name: "appointment.cancelled", when: "An appointment was cancelled." },
    EventKind { name: "note.taken", when: "A caller left a message for the clinic." },
    EventKind { name: "message.received", when: "A patient answered by SMS or WhatsApp." },
    EventKind { name: "message.failed", when: "A message to a patient did not arrive." },
    EventKind {
        name: "integration.needs_attention",
        when: "Something that calls need does not work; once for as long as it lasts.",
    },
    EventKind { name: "integration.recovered", when: "It works again." },
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
