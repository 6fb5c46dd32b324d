//! Text messages with the clinic's own sender.
//!
//! The row comes first, then the call to the provider, then the result on the row. Where nobody
//! knows whether a message went out, it is parked for a person and never sent again by itself.

use serde_json::json;

use super::{CallError, whatsapp};
use crate::db::messages::{self, NewMessage, SendResult};
use crate::db::{DbError, OrgTx, fresh_id};
use crate::domain::mask::mask_phone;
use crate::domain::phone::PhoneNumber;
use crate::domain::{MessageId, OrgId, ProviderId, UserId};
use crate::integrations::IntegrationError;
use crate::integrations::connect::bulkhead;
use crate::providers::egress::Deadline;
use crate::providers::twilio::{Channel, SendFailure, TwilioClient, TwilioCredentials, send_message};
use crate::state::Services;
use crate::vault::Place;

/// The longest text that is taken, in characters; Twilio splits it into segments.
pub const MAX_TEXT: usize = 1600;

/// Why a message is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Test,
    Tool,
    Alert,
}

impl Purpose {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Purpose::Test => "test",
            Purpose::Tool => "tool",
            Purpose::Alert => "alert",
        }
    }
}

/// A message to be sent.
#[derive(Clone, Debug)]
pub struct NewText {
    pub to: PhoneNumber,
    pub text: String,
    pub channel: Channel,
    pub purpose: Purpose,
    pub by: Option<UserId>,
}

impl NewText {
    /// Checks what people and assistants write.
    pub fn parse(
        to: &str,
        text: &str,
        channel: Channel,
        purpose: Purpose,
        by: Option<UserId>,
    ) -> Result<Self, CallError> {
        let to = PhoneNumber::parse(to)
            .map_err(|error| CallError::Invalid { field: "to", message: format!("{}.", error.sentence()) })?;
        let text = text.trim();
        if text.is_empty() {
            return Err(CallError::Invalid { field: "message", message: "The message is empty.".to_owned() });
        }
        if text.chars().count() > MAX_TEXT {
            let message = format!("The message is longer than {MAX_TEXT} characters.");
            return Err(CallError::Invalid { field: "message", message });
        }
        Ok(Self { to, text: text.to_owned(), channel, purpose, by })
    }
}

/// A message that the provider took.
#[derive(Clone, Debug)]
pub struct Sent {
    pub id: MessageId,
    /// The provider's own id.
    pub sid: String,
    /// The provider's word: `queued`, `accepted`.
    pub status: String,
}

/// The text that a clinic's staff gets when a caller wants to book.
pub fn hot_lead_text(lead_name: &str) -> String {
    format!("\u{1f525} Hot Lead! {lead_name} just expressed high interest in booking.")
}

/// The place that a message's content is bound to.
const fn place(org: OrgId, id: MessageId) -> Place<'static> {
    Place { org: Some(org), table: "messages", column: "sealed_content", provider: "twilio", row: id.0 }
}

/// Sends a message with the clinic's Twilio account (a WhatsApp message with its own WhatsApp number,
/// where it has connected one), or says what is missing. Without a usable
/// credential no request leaves this process.
pub async fn send(
    services: &Services,
    org: OrgId,
    new: NewText,
    deadline: Deadline,
) -> Result<Sent, CallError> {
    if new.channel == Channel::WhatsApp
        && let Some(sent) = whatsapp::send_if_connected(services, org, &new, deadline).await?
    {
        return Ok(sent);
    }
    let opened = services.vault.open::<TwilioCredentials>(org).await.map_err(IntegrationError::from)?;
    let id: MessageId = fresh_id();
    let content = json!({ "to": new.to.as_str(), "text": new.text }).to_string();
    let sealed =
        services.vault.seal(&place(org, id), content.as_bytes()).await.map_err(IntegrationError::from)?;

    let mut tx = OrgTx::service(&services.pool, org).await?;
    messages::insert(
        &mut tx,
        &NewMessage {
            id,
            provider: ProviderId::Twilio.as_str(),
            channel: if new.channel == Channel::Sms { "sms" } else { "whatsapp" },
            purpose: new.purpose.as_str(),
            recipient_mask: &mask_phone(new.to.as_str()),
            sealed_content: sealed.as_bytes(),
            key_version: sealed.key_version(),
            requested_by: new.by,
        },
    )
    .await?;
    tx.commit().await?;

    let client = TwilioClient {
        egress: &services.egress,
        base: &services.bases.twilio,
        credentials: &opened.credentials,
        bulkhead: bulkhead(org, ProviderId::Twilio),
        deadline,
    };
    let answer = send_message(&client, &new.to, &new.text, new.channel, None).await;
    let code = answer.as_ref().err().and_then(|failure| failure.code).map(|code| code.to_string());
    let result = match &answer {
        Ok(sent) => SendResult {
            status: "queued",
            provider_message_id: Some(&sent.sid),
            error_code: None,
            error: None,
        },
        Err(failure) => SendResult {
            status: if failure.kind == SendFailure::Undetermined { "parked" } else { "failed" },
            provider_message_id: None,
            error_code: code.as_deref(),
            error: Some(&failure.sentence),
        },
    };
    // The message is out, or it is not: that the result could not be recorded changes nothing of it.
    // The row stays `sending` and is parked by a worker.
    if let Err(error) = record(services, org, id, &result).await {
        tracing::error!(error = &error as &dyn std::error::Error, %org, message = %id, "the result of a message was not recorded");
    }

    match answer {
        Ok(sent) => {
            services.uses.integration(org, opened.integration_id);
            Ok(Sent { id, sid: sent.sid, status: sent.status })
        }
        Err(failure) => {
            let is_passing = failure.kind != SendFailure::Refused;
            let code = if is_passing { "provider_unavailable" } else { "provider_refused" };
            let sentence = match &failure.fix {
                Some(fix) => format!("{} {}", failure.sentence, fix.text),
                None => failure.sentence.clone(),
            };
            let error = IntegrationError::Provider { code: Some(code), sentence, is_passing };
            Err(match failure.kind {
                SendFailure::Undetermined => CallError::Undetermined(error),
                SendFailure::Refused | SendFailure::NotSent => CallError::Integration(error),
            })
        }
    }
}

pub(super) async fn record(
    services: &Services,
    org: OrgId,
    id: MessageId,
    result: &SendResult<'_>,
) -> Result<(), DbError> {
    let mut tx = OrgTx::service(&services.pool, org).await?;
    messages::finish(&mut tx, id, result).await?;
    tx.commit().await
}
