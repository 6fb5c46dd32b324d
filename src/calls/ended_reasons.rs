//! Why a call ended, in words for people, and what it came to.
//!
//! Vapi has several hundred reasons; most are faults of a part, named by it. The common ones have a
//! sentence, the others are told by what their name says. Pure.

/// What a call came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Booked,
    Rescheduled,
    Cancelled,
    MessageTaken,
    Transferred,
    Answered,
    /// The caller was gone before anything was said.
    Abandoned,
    NoAnswer,
    Voicemail,
    Failed,
}

impl Outcome {
    pub const ALL: [Outcome; 10] = [
        Outcome::Booked,
        Outcome::Rescheduled,
        Outcome::Cancelled,
        Outcome::MessageTaken,
        Outcome::Transferred,
        Outcome::Answered,
        Outcome::Abandoned,
        Outcome::NoAnswer,
        Outcome::Voicemail,
        Outcome::Failed,
    ];

    /// The word in the database and in the interface.
    pub const fn as_str(self) -> &'static str {
        match self {
            Outcome::Booked => "booked",
            Outcome::Rescheduled => "rescheduled",
            Outcome::Cancelled => "cancelled",
            Outcome::MessageTaken => "message_taken",
            Outcome::Transferred => "transferred",
            Outcome::Answered => "answered",
            Outcome::Abandoned => "abandoned",
            Outcome::NoAnswer => "no_answer",
            Outcome::Voicemail => "voicemail",
            Outcome::Failed => "failed",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == word)
    }
}

/// A tool that was used in a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolUse {
    /// `book_appointment`.
    pub name: String,
    /// `done`, `failed`, `parked`, `running`.
    pub status: String,
}

impl ToolUse {
    pub fn is_done(&self) -> bool {
        self.status == "done"
    }
}

/// A caller who is gone within this many seconds has heard the greeting at most.
const AT_ONCE: i32 = 10;

/// What a call came to: what was done in it counts before how it ended.
pub fn outcome(reason: &str, duration_seconds: Option<i32>, tools: &[ToolUse]) -> Outcome {
    let done = |name: &str| tools.iter().any(|tool| tool.name == name && tool.is_done());
    for (tool, outcome) in [
        ("book_appointment", Outcome::Booked),
        ("reschedule_appointment", Outcome::Rescheduled),
        ("cancel_appointment", Outcome::Cancelled),
        ("transfer_call", Outcome::Transferred),
        ("take_message", Outcome::MessageTaken),
    ] {
        if done(tool) {
            return outcome;
        }
    }
    match reason {
        "assistant-forwarded-call" | "assistant-request-returned-forwarding-phone-number" => {
            Outcome::Transferred
        }
        "voicemail" => Outcome::Voicemail,
        "customer-busy" | "customer-did-not-answer" => Outcome::NoAnswer,
        _ if is_fault(reason) => Outcome::Failed,
        _ if tools.is_empty() && duration_seconds.is_some_and(|seconds| seconds < AT_ONCE) => {
            Outcome::Abandoned
        }
        _ => Outcome::Answered,
    }
}

/// Whether a reason tells of a fault and not of an end that somebody chose.
fn is_fault(reason: &str) -> bool {
    ["error", "fail", "fault", "invalid", "not-found", "not-valid", "rejected", "unauthorized"]
        .iter()
        .any(|mark| reason.contains(mark))
}

/// A sentence for a reason.
pub fn words(reason: &str) -> String {
    let known = match reason {
        "customer-ended-call" => "The caller hung up.",
        "assistant-ended-call"
        | "assistant-said-end-call-phrase"
        | "assistant-ended-call-after-message-spoken" => "The assistant said goodbye and hung up.",
        "assistant-forwarded-call" => "The call was passed on to a person.",
        "silence-timed-out" => "Nobody said anything for a while.",
        "exceeded-max-duration" => "The call reached the longest time that is set for the agent.",
        "customer-busy" => "The line was busy.",
        "customer-did-not-answer" => "Nobody answered.",
        "voicemail" => "A voicemail answered.",
        "manually-canceled" => "Somebody ended the call by hand.",
        "twilio-failed-to-connect-call" => "Twilio could not connect the call.",
        "assistant-request-failed" => "This service was asked for an assistant and could not be reached.",
        "assistant-request-returned-error" => "No assistant was ready for the call.",
        "assistant-not-found" | "assistant-not-valid" => {
            "The assistant of this number is gone or not valid at Vapi."
        }
        "call.start.error-subscription-frozen" => "The account at Vapi is frozen.",
        "call.start.error-subscription-insufficient-credits" => "The account at Vapi has no credit left.",
        "call.start.error-subscription-concurrency-limit-reached" => {
            "More calls at the same time than the account at Vapi may have."
        }
        "call.start.error-fraud-check-failed" => "Vapi's fraud check refused the call.",
        "" => "Vapi gave no reason.",
        _ => "",
    };
    if !known.is_empty() {
        return known.to_owned();
    }
    for (mark, part) in [
        ("voice", "The voice failed."),
        ("transcriber", "The part that listens failed."),
        ("llm", "The language model failed."),
        ("openai", "The language model failed."),
        ("sip", "The telephone line failed."),
        ("twilio", "Twilio reported a fault."),
        ("providerfault", "A provider of Vapi failed."),
        ("vapifault", "Vapi failed."),
    ] {
        if is_fault(reason) && reason.contains(mark) {
            return part.to_owned();
        }
    }
    let plain: String = reason.chars().map(|c| if matches!(c, '-' | '.' | '_') { ' ' } else { c }).collect();
    let mut letters = plain.trim().chars();
    match letters.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), letters.as_str()),
        None => "Vapi gave no reason.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(name: &str, status: &str) -> ToolUse {
        ToolUse { name: name.to_owned(), status: status.to_owned() }
    }

    #[test]
    fn what_was_done_counts_before_how_it_ended() {
        let booked = [tool("send_sms", "done"), tool("book_appointment", "done")];
        assert_eq!(outcome("customer-ended-call", Some(4), &booked), Outcome::Booked);
        let tried = [tool("book_appointment", "failed"), tool("take_message", "done")];
        assert_eq!(outcome("customer-ended-call", Some(90), &tried), Outcome::MessageTaken);
        let parked = [tool("book_appointment", "parked")];
        assert_eq!(outcome("customer-ended-call", Some(90), &parked), Outcome::Answered);
    }

    #[test]
    fn without_tools_the_reason_and_the_time_tell() {
        for (reason, seconds, expected) in [
            ("customer-ended-call", Some(3), Outcome::Abandoned),
            ("customer-ended-call", Some(40), Outcome::Answered),
            ("customer-ended-call", None, Outcome::Answered),
            ("voicemail", Some(20), Outcome::Voicemail),
            ("customer-did-not-answer", Some(0), Outcome::NoAnswer),
            ("assistant-forwarded-call", Some(60), Outcome::Transferred),
            ("pipeline-error-eleven-labs-voice-failed", Some(12), Outcome::Failed),
            ("call.in-progress.error-vapifault-openai-llm-failed", None, Outcome::Failed),
        ] {
            assert_eq!(outcome(reason, seconds, &[]), expected, "{reason}");
        }
    }

    #[test]
    fn every_reason_has_words_and_faults_name_their_part() {
        assert_eq!(words("customer-ended-call"), "The caller hung up.");
        assert_eq!(words("pipeline-error-eleven-labs-voice-failed"), "The voice failed.");
        assert_eq!(words("call.in-progress.error-vapifault-openai-llm-failed"), "The language model failed.");
        assert_eq!(words("something-new_happened"), "Something new happened.");
        assert_eq!(words(""), "Vapi gave no reason.");
        assert_eq!(words("---"), "Vapi gave no reason.");
    }

    #[test]
    fn every_outcome_has_its_own_word() {
        for outcome in Outcome::ALL {
            assert_eq!(Outcome::parse(outcome.as_str()), Some(outcome));
        }
        assert_eq!(Outcome::parse("lost"), None);
    }
}
