//! What a test found, in a form that cards, dialogs and the API show as it is.
//!
//! Three outcomes only: *refused* is the provider's own word; whatever nobody could tell is
//! *undetermined* and says nothing about the credential.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::domain::provider::ProviderSpec;
use crate::domain::{Answer, CapabilityResult, Outcome};

use super::answer::Unexpected;
use super::egress::EgressError;

/// What to do about a problem, and the page where it is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixHint {
    pub text: Cow<'static, str>,
    pub url: Cow<'static, str>,
}

/// What a provider's answer means: what happened, what to do, where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// One sentence that names who said it.
    pub sentence: Cow<'static, str>,
    /// One sentence; empty where nothing can be done.
    pub fix: Cow<'static, str>,
    pub url: Cow<'static, str>,
}

impl Explanation {
    /// An explanation made of constants.
    pub const fn of(sentence: &'static str, fix: &'static str, url: &'static str) -> Self {
        Self { sentence: Cow::Borrowed(sentence), fix: Cow::Borrowed(fix), url: Cow::Borrowed(url) }
    }

    /// The part that says what to do, where there is one.
    pub fn hint(&self) -> Option<FixHint> {
        (!self.fix.is_empty()).then(|| FixHint { text: self.fix.clone(), url: self.url.clone() })
    }
}

/// What a test found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestReport {
    pub outcome: Outcome,
    /// One line per capability of the provider, in the order of its `ProviderSpec`.
    pub capabilities: Vec<CapabilityResult>,
    /// The provider's own identifier of the account, which pins a card to it.
    pub identity: Option<String>,
    /// Its name, for people.
    pub identity_name: Option<String>,
    /// Who said what: "Twilio rejected the Auth Token."
    pub headline: String,
    pub fix: Option<FixHint>,
    /// The field that the headline is about.
    pub field: Option<Cow<'static, str>>,
    /// The provider's own code for it.
    pub reference: Option<String>,
    /// What limits a credential that was accepted: a trial account, an API key.
    pub notes: Vec<String>,
    /// What somebody has to know or do although the credential works; stands on the card.
    #[serde(default)]
    pub notice: Option<String>,
    /// How long the provider asks to wait, in seconds.
    pub retry_after_seconds: Option<u64>,
}

impl TestReport {
    /// A report without any detail yet.
    pub fn new(outcome: Outcome, headline: impl Into<String>) -> Self {
        Self {
            outcome,
            capabilities: Vec::new(),
            identity: None,
            identity_name: None,
            headline: headline.into(),
            fix: None,
            field: None,
            reference: None,
            notes: Vec::new(),
            notice: None,
            retry_after_seconds: None,
        }
    }

    /// The provider said no, about this field.
    pub fn refused(explanation: &Explanation, field: Option<&'static str>) -> Self {
        Self {
            fix: explanation.hint(),
            field: field.map(Cow::Borrowed),
            ..Self::new(Outcome::Refused, explanation.sentence.clone().into_owned())
        }
    }

    /// Nobody could tell.
    pub fn undetermined(sentence: impl Into<String>, retry_after: Option<Duration>) -> Self {
        Self {
            retry_after_seconds: retry_after.map(|wait| wait.as_secs().max(1)),
            ..Self::new(Outcome::Undetermined, sentence)
        }
    }

    /// How long to wait, where somebody said so: "Try again in 7 s."
    pub fn again(&self) -> Option<String> {
        self.retry_after_seconds.map(|seconds| match seconds {
            0..=120 => format!("Try again in {seconds} s."),
            more => format!("Try again in {} minutes.", more.div_ceil(60)),
        })
    }

    /// No whole answer came.
    pub fn unreachable(who: &str, error: &EgressError) -> Self {
        let retry_after = match error {
            EgressError::BreakerOpen { retry_after } => Some(*retry_after),
            _ => None,
        };
        Self::undetermined(error.sentence(who), retry_after)
    }

    /// The answer of a line that ended with this report instead of a yes: only a refusal is a no.
    pub fn failed_answer(&self) -> Answer {
        if self.outcome == Outcome::Refused { Answer::No } else { Answer::Unknown }
    }

    /// An answer came that can not be read.
    pub fn unexpected(who: &str, unexpected: Unexpected) -> Self {
        Self::undetermined(unexpected.sentence(who), None)
    }
}

/// A number with its thousands set apart: "12,345".
pub(super) fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::from(if number < 0 { "-" } else { "" });
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The day of a Unix time, as people write it: "1 December 2026". None for a time beyond all dates.
pub(super) fn day_of(unix: i64) -> Option<String> {
    let at = time::OffsetDateTime::from_unix_timestamp(unix).ok()?;
    Some(format!("{} {} {}", at.day(), at.month(), at.year()))
}

/// Collects the lines of a test and passes each on as soon as it is known.
pub(super) struct Lines<'a> {
    spec: &'static ProviderSpec,
    answers: Vec<CapabilityResult>,
    progress: Option<&'a mpsc::Sender<CapabilityResult>>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(
        spec: &'static ProviderSpec,
        progress: Option<&'a mpsc::Sender<CapabilityResult>>,
    ) -> Self {
        Self { spec, answers: Vec::new(), progress }
    }

    /// Records the answer for one capability of the provider.
    pub(super) fn answer(&mut self, key: &str, answer: Answer, note: Option<&str>) {
        let Some(capability) = self.spec.capabilities.iter().find(|known| known.key == key) else { return };
        let line = CapabilityResult {
            capability: capability.key.to_owned(),
            label: capability.label.to_owned(),
            answer,
            note: note.map(str::to_owned),
        };
        if let Some(progress) = self.progress {
            // A full or closed channel only means that nobody watches.
            let _ = progress.try_send(line.clone());
        }
        self.answers.push(line);
    }

    /// Whether something was refused so far.
    pub(super) fn has_no(&self) -> bool {
        self.answers.iter().any(|line| line.answer == Answer::No)
    }

    /// Adds a sentence to the note of a line that was answered before. Whoever watches has seen the
    /// line without it; the report has it.
    pub(super) fn amend(&mut self, key: &str, sentence: &str) {
        if let Some(line) = self.answers.iter_mut().find(|line| line.capability == key) {
            line.note = Some(match line.note.take() {
                Some(note) => format!("{note} {sentence}"),
                None => sentence.to_owned(),
            });
        }
    }

    /// All lines in the order of the provider; what was not asked is unknown.
    pub(super) fn finish(mut self) -> Vec<CapabilityResult> {
        for capability in self.spec.capabilities {
            if !self.answers.iter().any(|line| line.capability == capability.key) {
                self.answer(capability.key, Answer::Unknown, None);
            }
        }
        let rank = |line: &CapabilityResult| {
            self.spec.capabilities.iter().position(|known| known.key == line.capability)
        };
        let mut answers = std::mem::take(&mut self.answers);
        answers.sort_by_key(rank);
        answers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_days_read_well() {
        let all: Vec<String> = [0, 7, 999, 1000, 1_234_567, -4321].map(grouped).into();
        assert_eq!(all, ["0", "7", "999", "1,000", "1,234,567", "-4,321"]);
        assert_eq!(day_of(1_796_083_200).as_deref(), Some("1 December 2026"));
        assert_eq!(day_of(i64::MAX), None);
    }
}
