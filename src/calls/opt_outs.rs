//! Who does not want to be written to, and the words by which people say so.
//!
//! Every send looks here in the transaction that writes its row, whoever the sender is: an SMS, a
//! WhatsApp message, the fallback. STOP on one channel stops all; START lifts it for its own channel,
//! so who has said STOP on two says START on two. Numbers are kept as keyed hashes, made for one clinic.

use crate::audit::Ended;
use crate::db::opt_outs::{self, OptOut};
use crate::db::{DbError, OrgTx};
use crate::domain::mask::mask_phone;
use crate::domain::phone::PhoneNumber;
use crate::domain::{OrgId, ProviderId};
use crate::integrations::{Caller, IntegrationError};
use crate::state::Services;
use crate::vault::{Vault, VaultError};

use super::CallError;

/// The code of a message that was not sent because its recipient does not want any.
pub const OPTED_OUT: &str = "recipient_opted_out";
/// What is said about it.
pub const SENTENCE: &str =
    "This number has answered STOP, so nothing is sent to it. Ask the patient to answer START.";

/// What somebody says with a single word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keyword {
    Stop,
    Start,
    Help,
}

impl Keyword {
    /// The word in the database and in events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Keyword::Stop => "stop",
            Keyword::Start => "start",
            Keyword::Help => "help",
        }
    }

    /// Reads a text that is nothing but such a word, in any case.
    pub fn of(text: &str) -> Option<Self> {
        let word = text.trim_matches(|c: char| !c.is_alphanumeric()).to_uppercase();
        match word.as_str() {
            "STOP" | "STOPALL" | "UNSUBSCRIBE" | "CANCEL" | "END" | "QUIT" | "STOPP" | "ABMELDEN" => {
                Some(Keyword::Stop)
            }
            "START" | "UNSTOP" => Some(Keyword::Start),
            "HELP" | "INFO" | "HILFE" => Some(Keyword::Help),
            _ => None,
        }
    }
}

/// What is kept of a number: a hash that only this installation can make, another one for each clinic.
///
/// # Errors
/// The vault's, where its first key is not at hand.
pub async fn hash_of(vault: &Vault, org: OrgId, number: &str) -> Result<[u8; 32], VaultError> {
    let value = [org.0.as_bytes().as_slice(), number.as_bytes()].concat();
    vault.fingerprint("number of an opt-out", &value).await
}

/// Whether a provider has refused a message because its recipient answered STOP to it.
pub fn is_told_by(provider: &str, code: Option<&str>) -> bool {
    [(ProviderId::Twilio, "21610"), (ProviderId::Sns, "OptedOut")]
        .iter()
        .any(|(id, known)| provider == id.as_str() && code == Some(known))
}

/// Notes what a provider's refusal says about a number.
///
/// # Errors
/// The database's.
pub async fn note_refusal(
    tx: &mut OrgTx,
    number_hash: &[u8; 32],
    channel: &str,
    number_mask: &str,
) -> Result<(), DbError> {
    let said = OptOut { number_hash, channel, number_mask, is_out: true, source: "provider", at: None };
    opt_outs::note(tx, &said).await
}

/// The refusal of a send, for whoever asked for it.
pub fn refusal() -> CallError {
    CallError::Integration(IntegrationError::Provider {
        code: Some(OPTED_OUT),
        sentence: SENTENCE.to_owned(),
        is_passing: false,
    })
}

/// Whether a number may not be written to or called.
///
/// # Errors
/// The database's and the vault's.
pub async fn is_out(services: &Services, org: OrgId, number: &PhoneNumber) -> Result<bool, CallError> {
    let hash = hash_of(&services.vault, org, number.as_str()).await.map_err(IntegrationError::from)?;
    let mut tx = OrgTx::service(&services.pool, org).await?;
    let is_out = opt_outs::is_out(&mut tx, &hash).await?;
    tx.commit().await?;
    Ok(is_out)
}

/// Notes what a patient has told the clinic in another way: no messages any more, or messages again.
/// A provider that has a STOP of its own keeps it, whatever is noted here.
///
/// # Errors
/// [`CallError::Invalid`] for `number`; whoever may not configure is refused.
pub async fn set(services: &Services, caller: &Caller, number: &str, is_out: bool) -> Result<(), CallError> {
    let action = if is_out { "recipient.opted_out" } else { "recipient.opted_in" };
    caller.require_configure(services, action, "messages").await?;
    let number = PhoneNumber::parse(number)
        .map_err(|error| CallError::Invalid { field: "number", message: format!("{}.", error.sentence()) })?;
    let hash =
        hash_of(&services.vault, caller.org(), number.as_str()).await.map_err(IntegrationError::from)?;
    let mask = mask_phone(number.as_str());
    let mut tx = caller.begin(services).await?;
    if is_out {
        let said = OptOut {
            number_hash: &hash,
            channel: "sms",
            number_mask: &mask,
            is_out,
            source: "staff",
            at: None,
        };
        opt_outs::note(&mut tx, &said).await?;
    } else {
        opt_outs::lift(&mut tx, &hash).await?;
    }
    caller.record(&mut tx, services, action, "messages", Ended::Success, &mask).await?;
    Ok(tx.commit().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_counts_where_it_stands_alone_in_any_case() {
        for text in
            ["STOP", "stop", " Stop. ", "\"STOP\"", "StopAll", "unsubscribe", "Cancel", "END", "quit!"]
        {
            assert_eq!(Keyword::of(text), Some(Keyword::Stop), "{text}");
        }
        assert_eq!(Keyword::of("stopp"), Some(Keyword::Stop));
        assert_eq!(Keyword::of("Abmelden"), Some(Keyword::Stop));
        assert_eq!(
            (Keyword::of("start"), Keyword::of("UNSTOP")),
            (Some(Keyword::Start), Some(Keyword::Start))
        );
        assert_eq!(Keyword::of("help"), Some(Keyword::Help));
        for text in ["", "...", "Please stop by at nine", "stop it", "Don't cancel my appointment", "ende"] {
            assert_eq!(Keyword::of(text), None, "{text}");
        }
    }

    #[test]
    fn only_a_refusal_about_stop_opts_a_number_out() {
        assert!(is_told_by("twilio", Some("21610")) && is_told_by("sns", Some("OptedOut")));
        assert!(!is_told_by("vonage", Some("21610")) && !is_told_by("twilio", Some("21211")));
        assert!(!is_told_by("twilio", None));
    }
}
