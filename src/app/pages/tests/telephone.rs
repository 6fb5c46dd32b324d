//! Samples of the pages about messages and the telephone.

use super::samples::{NOW, org};
use crate::app::pages::messages::{MessageStatus, MessagesView, ReceivedRow, ReceivedText, SentRow};
use crate::app::pages::phone::{AnsweredBy, NumberRow, PhoneView, PlacedRow, PlacedStatus};
use crate::app::pages::phone_forms::{CallForm, ImportForm};
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
    let shown = |text: &str| ReceivedText::Shown(text.to_owned());
    let received = |text, effect| ReceivedRow {
        at: NOW,
        from: "+15***99".to_owned(),
        channel: "WhatsApp",
        provider: "WhatsApp".to_owned(),
        text,
        effect,
    };
    MessagesView {
        org: org(),
        now: NOW,
        can_configure: true,
        may_ask: None,
        sent: words.iter().map(|word| sent(word, None)).chain([sent("failed", Some(text))]).collect(),
        received: vec![
            received(shown(text), None),
            received(shown("STOP"), Some("No more messages")),
            received(ReceivedText::Closed, None),
            received(ReceivedText::Gone, None),
        ],
        open_href: Some("/dashboard/messages?open=texts"),
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

/// Numbers with every answerer, calls in every state, both forms with errors.
pub(super) fn phone(text: &str) -> PhoneView {
    let number = |at: u32, answered_by| NumberRow {
        id: format!("00000000-0000-4000-8000-00000000000{at}"),
        number: format!("+1555010010{at}"),
        name: text.to_owned(),
        provider: "twilio".to_owned(),
        answered_by,
        refreshed_at: NOW,
    };
    let error = |field: &str| FieldError { field: field.to_owned(), message: text.to_owned() };
    let call = |word: &str| PlacedRow {
        at: NOW,
        to: "+15***99".to_owned(),
        from: "+15550100100".to_owned(),
        status: PlacedStatus::parse(word),
        reason: (word == "failed").then(|| text.to_owned()),
        call_id: (word == "placed").then(|| "00000000-0000-4000-8000-000000000009".to_owned()),
    };
    let all = [AnsweredBy::Inbound, AnsweredBy::Outbound, AnsweredBy::Another, AnsweredBy::Nobody];
    PhoneView {
        org: org(),
        now: NOW,
        can_configure: true,
        may_ask: None,
        vapi_connected: true,
        twilio_connected: true,
        numbers: (0..).zip(all).map(|(at, answered_by)| number(at, answered_by)).collect(),
        calls: ["placing", "placed", "failed", "parked"].into_iter().map(call).collect(),
        call: CallForm {
            request: "00000000-0000-4000-8000-000000000001".to_owned(),
            number: text.to_owned(),
            name: text.to_owned(),
            from: String::new(),
            variables: text.to_owned(),
            errors: ["number", "name", "from", "variables"].into_iter().map(error).collect(),
        },
        import: ImportForm { number: text.to_owned(), name: text.to_owned(), errors: vec![error("number")] },
    }
}
