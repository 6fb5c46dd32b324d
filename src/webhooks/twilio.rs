//! Who posts a webhook of Twilio: the address names the clinic, the clinic's own Auth Token verifies.
//!
//! An account that is connected by an API key alone has no such token, so nothing that is posted for it
//! is believed. What is in the form is `twilio_events`' affair.

use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;

use super::address::Address;
use super::form::Form;
use super::inbound::{InboundError, Verified};
use super::receiver::Receiver;
use super::twilio_signature::{is_body_signed, is_form_signed};
use crate::providers::twilio::{TwilioAuth, TwilioCredentials};
use crate::vault::{SecretText, Vault};

/// The addresses that are given to Twilio.
pub const ADDRESS: Address = Address("twilio webhook address");

/// A form that a clinic's own account has signed.
pub struct Signed {
    pub verified: Verified,
    /// None where what was signed is no form.
    pub form: Option<Form>,
}

/// A post as it came in.
pub struct Posted<'a> {
    pub route: &'a str,
    /// The public address with the path and the query as they were sent.
    pub url: &'a str,
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
}

/// Finds the clinic of an address and verifies the form with that clinic's own Auth Token. Nothing is
/// said about why one is refused.
///
/// # Errors
/// [`InboundError::Refused`], or the vault's where nobody could look.
pub async fn authenticate(vault: &Vault, posted: &Posted<'_>) -> Result<Signed, InboundError> {
    let receiver = Receiver::<TwilioCredentials>::find(vault, ADDRESS, posted.route).await?;
    let token = receiver.secrets.as_ref().and_then(|credentials| match &credentials.auth {
        TwilioAuth::AuthToken(token) => Some(token),
        TwilioAuth::ApiKey { .. } => None,
    });
    let text =
        |name: &str| posted.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = text(CONTENT_TYPE.as_str()).split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let signature = text("x-twilio-signature");
    // The same work for an address that nobody has.
    let key = token.map_or("a token that no clinic has ever had", SecretText::expose).as_bytes();
    let (form, is_signed) = if kind == "application/x-www-form-urlencoded" {
        match Form::parse(posted.body) {
            Ok(form) => {
                let is_signed = is_form_signed(key, posted.url, form.fields(), signature);
                (Some(form), is_signed)
            }
            Err(_) => (None, false),
        }
    } else {
        (None, is_body_signed(key, posted.url, posted.body, signature))
    };
    match (receiver.org, token) {
        (Some(org), Some(_)) if is_signed => Ok(Signed { verified: Verified::of(org), form }),
        _ => Err(receiver.refusal()),
    }
}
