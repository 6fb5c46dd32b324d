//! Samples of the pages about messages and the telephone.

use super::samples::{NOW, org};
use crate::app::pages::messages::{MessageStatus, MessagesView, ReceivedRow, SentRow};
use crate::app::wire::FieldError;

/// Messages in every state.
pub(super) fn messages(text: &str) -> MessagesView {
    let sent = |word: &str, reason: Option<&str>| SentRow {
        at: NOW,
        to: "+15***23".to_owned(),
        channel: "SMS",
        provider: text.to_owned(),
        purpose: "In a call".to_owned(),
        status: MessageStatus::parse(word),
        reason: reason.map(str::to_owned),
    };
    let words = ["sending", "queued", "sent", "delivered", "read", "parked"];
    let received = |text: Option<&str>, effect| ReceivedRow {
        at: NOW,
        from: "+15***99".to_owned(),
        channel: "WhatsApp",
        provider: "WhatsApp".to_owned(),
        text: text.map(str::to_owned),
        effect,
    };
    MessagesView {
        org: org(),
        now: NOW,
        can_configure: true,
        may_ask: None,
        sent: words.iter().map(|word| sent(word, None)).chain([sent("failed", Some(text))]).collect(),
        received: vec![
            received(Some(text), None),
            received(Some("STOP"), Some("No more messages")),
            received(None, None),
        ],
        opted_out: 2,
        number: text.to_owned(),
        errors: vec![FieldError { field: "number".to_owned(), message: text.to_owned() }],
        twilio_address: Some("https://app.example/api/webhooks/twilio/0123/inbound".to_owned()),
    }
}

/// A clinic that has sent nothing, as a member sees it.
pub(super) fn no_messages() -> MessagesView {
    MessagesView {
        can_configure: false,
        may_ask: Some("Ask an owner or admin: A. Meyer".to_owned()),
        sent: Vec::new(),
        received: Vec::new(),
        opted_out: 0,
        number: String::new(),
        errors: Vec::new(),
        twilio_address: None,
        ..messages("")
    }
}
