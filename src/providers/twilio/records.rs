//! What is read of Twilio's answers: only the few members that are needed.
//!
//! An account's answer holds its live Auth Token, which is dropped unread.

use serde::Deserialize;

/// An account.
#[derive(Debug, Deserialize)]
pub struct Account {
    pub sid: String,
    pub friendly_name: Option<String>,
    /// `active`, `suspended` or `closed`.
    pub status: String,
    /// `Trial` or `Full`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct NumberList {
    pub incoming_phone_numbers: Vec<OwnedNumber>,
}

/// A phone number of the account.
#[derive(Debug, Deserialize)]
pub struct OwnedNumber {
    pub phone_number: String,
    #[serde(default)]
    pub capabilities: NumberCapabilities,
}

/// What a number can do.
#[derive(Debug, Default, Deserialize)]
pub struct NumberCapabilities {
    #[serde(default)]
    pub sms: bool,
}

/// What is left on the account. Nothing of it is a number in Twilio's answer.
#[derive(Debug, Deserialize)]
pub struct Balance {
    pub balance: String,
    pub currency: String,
}

/// A Messaging Service.
#[derive(Debug, Deserialize)]
pub struct Service {
    pub sid: String,
    pub friendly_name: Option<String>,
}

/// A message that Twilio took.
#[derive(Debug, Deserialize)]
pub(super) struct Message {
    pub sid: String,
    pub status: String,
}
