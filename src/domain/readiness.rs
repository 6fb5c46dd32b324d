//! Whether a whole call works, in one sentence: it is answered, it can be booked, a message follows.
//!
//! One pure function of what is known. Each part follows the call: the first thing that is missing
//! on its way is its reason, and the first broken part is what to mend first.

use super::card::{CardState, Meaning};

/// What is known about a clinic when its readiness is told.
#[derive(Clone, Debug)]
pub struct ReadinessFacts<'a> {
    pub vapi: CardState,
    /// Both assistants exist at Vapi as they are configured here.
    pub assistants_ready: bool,
    /// Why an assistant does not, where that is known.
    pub assistant_error: Option<&'a str>,
    /// What does not work although both assistants do: a number that another clinic has.
    pub notice: Option<&'a str>,
    /// What was seen at Vapi when the assistants were last looked at, where it is not what was sent: then
    /// nobody knows whether calls still come here, and in whose name.
    pub out_of_step: Option<OutOfStep>,
    /// Phone numbers of the clinic at Vapi.
    pub numbers: Numbers,
    /// The calendar, where the product knows one: its name, its card, and whether it takes bookings.
    pub calendar: Option<Service<'a>>,
    /// What sends text messages, the first choice first.
    pub senders: &'a [Service<'a>],
}

/// How an assistant at Vapi is not what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutOfStep {
    Changed,
    Gone,
}

impl OutOfStep {
    const fn reason(self) -> &'static str {
        match self {
            OutOfStep::Changed => {
                "An assistant was changed at Vapi, so its messages may go somewhere else. Send it to Vapi again."
            }
            OutOfStep::Gone => "An assistant was deleted at Vapi. Send it to Vapi again.",
        }
    }
}

/// How many phone numbers there are, and how many of them one of our assistants answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    pub all: usize,
    pub answered: usize,
}

/// A provider on the way of a call.
#[derive(Clone, Copy, Debug)]
pub struct Service<'a> {
    pub name: &'a str,
    /// Its word in addresses.
    pub word: &'a str,
    pub state: CardState,
    /// What its test found that it can not do, of what the call needs: "book appointments".
    pub lacks: Option<&'static str>,
}

/// One part of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub meaning: Meaning,
    /// "Calls are answered".
    pub text: &'static str,
    /// Why not, as a sentence.
    pub reason: Option<String>,
    /// Where it is mended.
    pub href: String,
}

/// How a call goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// "Calls are answered; bookings work; text messages are not sent: Twilio is paused."
    pub sentence: String,
    pub meaning: Meaning,
    pub parts: Vec<Part>,
}

impl Readiness {
    /// Tells it.
    pub fn of(facts: &ReadinessFacts<'_>) -> Self {
        let mut parts = vec![calls(facts)];
        parts.extend(facts.calendar.map(|calendar| {
            part(calendar, ["Bookings work", "Bookings may not work", "Bookings do not work"])
        }));
        parts.push(messages(facts.senders));
        Self { sentence: sentence(&parts), meaning: worst(&parts), parts }
    }

    /// The part to mend first: the first of the worst.
    pub fn first_to_mend(&self) -> Option<&Part> {
        if self.meaning == Meaning::Works {
            return None;
        }
        self.parts.iter().find(|part| part.meaning == self.meaning)
    }
}

fn calls(facts: &ReadinessFacts<'_>) -> Part {
    let vapi = Service { name: "Vapi", word: "vapi", state: facts.vapi, lacks: None };
    let words = ["Calls are answered", "Calls may not be answered", "Calls are not answered"];
    let answered = part(vapi, words);
    if answered.meaning != Meaning::Works {
        return answered;
    }
    let not_ready = |reason: &str, href: &str| Part {
        meaning: Meaning::Attention,
        text: "Calls are not ready yet",
        reason: Some(reason.to_owned()),
        href: href.to_owned(),
    };
    if !facts.assistants_ready {
        let reason = facts.assistant_error.unwrap_or("An assistant is missing at Vapi.");
        return not_ready(reason, "/dashboard/agents");
    }
    if let Some(seen) = facts.out_of_step {
        return Part { text: words[1], ..not_ready(seen.reason(), "/dashboard/agents") };
    }
    if let Some(notice) = facts.notice {
        let text = "Calls are not answered on every number";
        return Part { meaning: Meaning::Attention, text, reason: Some(notice.to_owned()), ..answered };
    }
    match facts.numbers {
        Numbers { all: 0, .. } => {
            not_ready("There is no phone number at Vapi yet, so nobody can call.", "/dashboard/phone")
        }
        Numbers { answered: 0, .. } => {
            let reason = "No phone number at Vapi is answered by your assistant yet. Choose it for one.";
            not_ready(reason, "/dashboard/phone")
        }
        _ => answered,
    }
}

/// The first sender that works, else the first that somebody has set up, else the first there is.
fn messages(senders: &[Service<'_>]) -> Part {
    let words = ["Text messages are sent", "Text messages may not be sent", "Text messages are not sent"];
    let works = |sender: &&Service<'_>| {
        sender.lacks.is_none() && matches!(sender.state, CardState::Connected | CardState::ConnectedLimited)
    };
    let is_set_up = |sender: &&Service<'_>| sender.state != CardState::NotConfigured;
    let sender = senders.iter().find(works).or(senders.iter().find(is_set_up)).or(senders.first());
    sender.map_or_else(
        || Part { meaning: Meaning::Unknown, text: words[2], reason: None, href: String::new() },
        |sender| part(*sender, words),
    )
}

/// A part that hangs on one provider. The words: works, may not, does not.
fn part(service: Service<'_>, words: [&'static str; 3]) -> Part {
    let Service { name, word, state, lacks } = service;
    let (meaning, text, reason) = match state {
        CardState::Connected | CardState::ConnectedLimited => match lacks {
            None => (Meaning::Works, words[0], None),
            Some(what) => {
                (Meaning::Broken, words[2], Some(format!("{name} does not let this account {what}.")))
            }
        },
        CardState::NotConfigured => (Meaning::Unknown, words[2], Some(format!("{name} is not connected."))),
        CardState::Paused => (Meaning::Unknown, words[2], Some(format!("{name} is paused."))),
        CardState::Error => {
            (Meaning::Broken, words[2], Some(format!("{name} refused the credential at the last check.")))
        }
        CardState::Unreadable => {
            (Meaning::Broken, words[2], Some(format!("The stored credential for {name} cannot be read.")))
        }
        CardState::CannotCheck => (
            Meaning::Unknown,
            words[1],
            Some(format!("{name} could not be reached at the last check; calls still try.")),
        ),
        CardState::NeedsVerification => {
            (Meaning::Attention, words[1], Some(format!("{name} needs to be verified.")))
        }
    };
    let href = match state {
        CardState::NotConfigured | CardState::Error | CardState::Unreadable => {
            format!("/dashboard/integrations?panel={word}")
        }
        _ => format!("/dashboard/integrations#{word}"),
    };
    Part { meaning, text, reason, href }
}

fn worst(parts: &[Part]) -> Meaning {
    let has = |meaning| parts.iter().any(|part| part.meaning == meaning);
    [Meaning::Broken, Meaning::Attention, Meaning::Unknown]
        .into_iter()
        .find(|meaning| has(*meaning))
        .unwrap_or(Meaning::Works)
}

/// The parts in their order, each with its reason after a colon. Advice ends the sentence: what comes behind it
/// begins anew.
fn sentence(parts: &[Part]) -> String {
    let mut text = String::new();
    for part in parts {
        let is_advised = text.ends_with('.');
        if text.is_empty() || is_advised {
            text.push_str(if is_advised { " " } else { "" });
            text.push_str(part.text);
        } else {
            text.push_str("; ");
            let mut letters = part.text.chars();
            text.extend(letters.next().map(|first| first.to_ascii_lowercase()));
            text.push_str(letters.as_str());
        }
        if let Some(reason) = &part.reason {
            let reason = reason.trim_end_matches('.');
            text.push_str(": ");
            text.push_str(reason);
            text.push_str(if reason.contains(". ") { "." } else { "" });
        }
    }
    if !text.ends_with('.') {
        text.push('.');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(name: &'static str, state: CardState) -> Service<'static> {
        Service { name, word: "word", state, lacks: None }
    }

    fn all_well(senders: &'static [Service<'static>]) -> ReadinessFacts<'static> {
        ReadinessFacts {
            vapi: CardState::Connected,
            assistants_ready: true,
            assistant_error: None,
            notice: None,
            out_of_step: None,
            numbers: Numbers { all: 1, answered: 1 },
            calendar: Some(service("Google Calendar", CardState::Connected)),
            senders,
        }
    }

    const TWILIO: Service<'static> =
        Service { name: "Twilio", word: "twilio", state: CardState::Connected, lacks: None };
    const PAUSED: Service<'static> =
        Service { name: "Twilio", word: "twilio", state: CardState::Paused, lacks: None };
    const VONAGE: Service<'static> =
        Service { name: "Vonage", word: "vonage", state: CardState::Connected, lacks: None };

    #[test]
    fn a_call_that_works_is_one_short_sentence() {
        let readiness = Readiness::of(&all_well(&[TWILIO]));
        assert_eq!(readiness.sentence, "Calls are answered; bookings work; text messages are sent.");
        assert_eq!((readiness.meaning, readiness.first_to_mend()), (Meaning::Works, None));
    }

    #[test]
    fn what_fails_is_told_with_its_reason_and_where_to_mend_it() {
        let readiness = Readiness::of(&all_well(&[PAUSED]));
        assert_eq!(
            readiness.sentence,
            "Calls are answered; bookings work; text messages are not sent: Twilio is paused."
        );
        assert_eq!(readiness.first_to_mend().unwrap().href, "/dashboard/integrations#twilio");
        let broken = ReadinessFacts { vapi: CardState::Error, ..all_well(&[PAUSED]) };
        let readiness = Readiness::of(&broken);
        assert_eq!(readiness.meaning, Meaning::Broken);
        assert_eq!(readiness.first_to_mend().unwrap().href, "/dashboard/integrations?panel=vapi");
    }

    #[test]
    fn the_first_thing_missing_on_the_way_of_a_call_is_the_reason() {
        let no_assistant =
            ReadinessFacts { assistants_ready: false, numbers: Numbers::default(), ..all_well(&[TWILIO]) };
        assert!(Readiness::of(&no_assistant).sentence.contains("An assistant is missing at Vapi"));
        let no_number = ReadinessFacts { numbers: Numbers::default(), ..all_well(&[TWILIO]) };
        let readiness = Readiness::of(&no_number);
        assert!(readiness.sentence.starts_with("Calls are not ready yet: There is no phone number"));
        assert_eq!(readiness.meaning, Meaning::Attention);
        let unbound = ReadinessFacts { numbers: Numbers { all: 2, answered: 0 }, ..all_well(&[TWILIO]) };
        let readiness = Readiness::of(&unbound);
        assert!(readiness.sentence.ends_with(
            "answered by your assistant yet. Choose it for one. Bookings work; text messages are sent."
        ));
        assert_eq!(readiness.first_to_mend().unwrap().href, "/dashboard/phone");
        for (seen, words) in [(OutOfStep::Changed, "changed at Vapi"), (OutOfStep::Gone, "deleted at Vapi")] {
            let seen = ReadinessFacts { out_of_step: Some(seen), ..all_well(&[TWILIO]) };
            let readiness = Readiness::of(&seen);
            assert!(readiness.sentence.starts_with("Calls may not be answered: "), "{}", readiness.sentence);
            assert!(readiness.sentence.contains(words), "{}", readiness.sentence);
            assert_eq!(readiness.meaning, Meaning::Attention);
        }
        let taken = ReadinessFacts { notice: Some("Another has +15550100100."), ..all_well(&[TWILIO]) };
        assert!(
            Readiness::of(&taken).sentence.starts_with("Calls are not answered on every number: Another")
        );
        let read_only = Service {
            lacks: Some("book appointments"),
            ..service("Google Calendar", CardState::ConnectedLimited)
        };
        let readiness = Readiness::of(&ReadinessFacts { calendar: Some(read_only), ..all_well(&[TWILIO]) });
        assert!(
            readiness
                .sentence
                .contains("bookings do not work: Google Calendar does not let this account book")
        );
    }

    #[test]
    fn another_sender_that_works_is_enough() {
        assert_eq!(Readiness::of(&all_well(&[PAUSED, VONAGE])).meaning, Meaning::Works);
    }

    #[test]
    fn an_outage_is_not_told_as_broken() {
        let away = ReadinessFacts { vapi: CardState::CannotCheck, ..all_well(&[TWILIO]) };
        let readiness = Readiness::of(&away);
        assert!(readiness.sentence.starts_with("Calls may not be answered: Vapi could not be reached"));
        assert_eq!(readiness.meaning, Meaning::Unknown);
    }
}
