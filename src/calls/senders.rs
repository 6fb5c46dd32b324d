//! Who sends a clinic's text messages: the clinic's choice, and who is tried in which order.
//!
//! Without a choice the only connected sender sends, or the first of several, and nobody stands in:
//! a second account costs money of its own and shows another number, so using it is the clinic's to
//! say. [`super::messages`] does the sending.

use super::CallError;
use crate::audit::Ended;
use crate::db::senders::{self, SenderRow};
use crate::domain::ProviderId;
use crate::integrations::{Caller, IntegrationError};
use crate::providers::{catalogue, sms};
use crate::state::Services;

/// Why a sender is tried, as the message's row keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Nothing else is connected, or nothing at all.
    Only,
    /// Several are connected, the clinic has chosen none, and it is the first.
    First,
    /// The clinic's choice.
    Primary,
    /// The clinic's second choice, because the first did surely not send.
    Fallback,
    /// Whoever sends has asked for exactly this one.
    Asked,
}

impl Reason {
    /// The word in the database and in the interface.
    pub const fn as_str(self) -> &'static str {
        match self {
            Reason::Only => "only",
            Reason::First => "first",
            Reason::Primary => "primary",
            Reason::Fallback => "fallback",
            Reason::Asked => "asked",
        }
    }
}

/// What a clinic has chosen, and which of the family are connected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    pub primary: Option<ProviderId>,
    pub fallback: Option<ProviderId>,
    /// In the order of the catalogue.
    pub connected: Vec<ProviderId>,
}

impl Choice {
    /// From what is stored; words that mean no sender any more mean no choice.
    pub fn of(row: &SenderRow) -> Self {
        let known = |word: &Option<String>| word.as_deref().and_then(|word| parse(word).ok());
        let primary = known(&row.sms_primary);
        Self {
            primary,
            fallback: known(&row.sms_fallback).filter(|fallback| primary.is_some_and(|it| it != *fallback)),
            connected: family().filter(|id| row.connected.iter().any(|word| word == id.as_str())).collect(),
        }
    }

    /// Who is tried, first one first: one or two, never nobody.
    pub fn order(&self, asked: Option<ProviderId>) -> Vec<(ProviderId, Reason)> {
        if let Some(asked) = asked {
            return vec![(asked, Reason::Asked)];
        }
        if let Some(primary) = self.primary {
            let second = self.fallback.map(|fallback| (fallback, Reason::Fallback));
            return std::iter::once((primary, Reason::Primary)).chain(second).collect();
        }
        match self.connected.as_slice() {
            // What is said then is that the first of the family is not connected.
            [] => family().take(1).map(|id| (id, Reason::Only)).collect(),
            [only] => vec![(*only, Reason::Only)],
            [first, ..] => vec![(*first, Reason::First)],
        }
    }
}

/// All who could be chosen, in the order of the catalogue.
pub fn family() -> impl Iterator<Item = ProviderId> {
    sms::senders().map(|provider| provider.spec().id)
}

/// A sender by its word.
pub fn parse(word: &str) -> Result<ProviderId, CallError> {
    word.parse().ok().filter(|id| family().any(|known| known == *id)).ok_or_else(|| {
        let words: Vec<&str> = family().map(ProviderId::as_str).collect();
        let message = format!("Use one of {}.", words.join(", "));
        CallError::Invalid { field: "sender", message }
    })
}

/// The choice of the caller's clinic.
pub async fn find(services: &Services, caller: &Caller) -> Result<Choice, CallError> {
    let mut tx = caller.begin(services).await?;
    let row = senders::find(&mut tx).await?;
    tx.commit().await?;
    Ok(Choice::of(&row))
}

/// Stores a choice. What is newly chosen must be connected; what was chosen before may stay.
///
/// # Errors
/// [`CallError::Invalid`] for `primary` or `fallback`.
pub async fn choose(
    services: &Services,
    caller: &Caller,
    primary: Option<&str>,
    fallback: Option<&str>,
) -> Result<Choice, CallError> {
    caller.require_configure(services, "senders.changed", "sms").await?;
    let mut tx = caller.begin(services).await?;
    let before = Choice::of(&senders::find(&mut tx).await?);
    let chosen = |field: &'static str, word: Option<&str>| -> Result<Option<ProviderId>, CallError> {
        let Some(word) = word.filter(|word| !word.is_empty()) else { return Ok(None) };
        let invalid = |message| CallError::Invalid { field, message };
        let id = parse(word).map_err(|error| invalid(error.sentence()))?;
        let is_known =
            before.connected.contains(&id) || [before.primary, before.fallback].contains(&Some(id));
        if is_known { Ok(Some(id)) } else { Err(invalid(IntegrationError::NotConnected(id).sentence())) }
    };
    let (primary, fallback) = (chosen("primary", primary)?, chosen("fallback", fallback)?);
    if fallback.is_some() && (primary.is_none() || primary == fallback) {
        let message = if primary.is_none() {
            "Choose who sends first; the fallback stands in for it."
        } else {
            "The fallback is somebody else than who sends first."
        };
        return Err(CallError::Invalid { field: "fallback", message: message.to_owned() });
    }
    let words = [primary, fallback].map(|id| id.map(ProviderId::as_str));
    senders::update(&mut tx, words[0], words[1]).await?;
    let details = words.map(|word| word.unwrap_or("none")).join(", then ");
    caller.record(&mut tx, services, "senders.changed", "sms", Ended::Success, &details).await?;
    tx.commit().await?;
    Ok(Choice { primary, fallback, connected: before.connected })
}

/// The name of a sender as people know it.
pub fn name(id: ProviderId) -> &'static str {
    catalogue::find(id).spec().name
}

#[cfg(test)]
mod tests {
    use super::*;

    use ProviderId::{Sns, Twilio, Vonage};

    fn order(row: [Option<&str>; 2], connected: &[&str]) -> Vec<(ProviderId, Reason)> {
        let row = SenderRow {
            sms_primary: row[0].map(str::to_owned),
            sms_fallback: row[1].map(str::to_owned),
            connected: connected.iter().map(|word| (*word).to_owned()).collect(),
        };
        Choice::of(&row).order(None)
    }

    #[test]
    fn without_a_choice_the_first_that_is_connected_sends_and_nobody_stands_in() {
        assert_eq!(order([None, None], &[]), [(Twilio, Reason::Only)]);
        assert_eq!(order([None, None], &["vapi", "sns"]), [(Sns, Reason::Only)]);
        assert_eq!(order([None, None], &["sns", "vonage", "vapi"]), [(Vonage, Reason::First)]);
    }

    #[test]
    fn a_choice_holds_whatever_is_connected() {
        let both = [(Sns, Reason::Primary), (Twilio, Reason::Fallback)];
        assert_eq!(order([Some("sns"), Some("twilio")], &["vonage"]), both);
        assert_eq!(order([Some("sns"), None], &["vonage"]), [(Sns, Reason::Primary)]);
        assert_eq!(order([Some("vapi"), Some("sns")], &["vonage"]), [(Vonage, Reason::Only)], "no sender");
        let asked = Choice { primary: Some(Sns), fallback: Some(Twilio), connected: vec![] };
        assert_eq!(asked.order(Some(Vonage)), [(Vonage, Reason::Asked)]);
    }
}
