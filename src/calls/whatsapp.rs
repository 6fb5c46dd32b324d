//! WhatsApp messages with the clinic's own number at Meta.
//!
//! The same order as in `messages`: the row first, then the call, then the result. Where nobody knows
//! whether a message went out it is parked, until one of its statuses tells: Meta gives our own id
//! back with each (`statuses`). A message through Twilio's WhatsApp sender is `messages`' affair.

use serde_json::json;

use super::message_rows::{insert_unless_out, record};
use super::messages::{NewText, Purpose, Sent};
use super::senders::Reason;
use super::{CallError, incidents, opt_outs};
use crate::db::fresh_id;
use crate::db::messages::{NewMessage, Once, SendResult, reference_of};
use crate::domain::mask::mask_phone;
use crate::domain::phone::PhoneNumber;
use crate::domain::{MessageId, OrgId, ProviderId, UserId};
use crate::integrations::IntegrationError;
use crate::integrations::connect::bulkhead;
use crate::providers::egress::Deadline;
use crate::providers::sms::SendFailure;
use crate::providers::whatsapp::{Content, WhatsAppClient, WhatsAppCredentials, send_message};
use crate::state::Services;
use crate::vault::{Opened, Place, VaultError};

/// A WhatsApp message to be sent.
#[derive(Clone, Debug)]
pub struct NewWhatsApp<'a> {
    pub to: PhoneNumber,
    pub content: Content<'a>,
    pub purpose: Purpose,
    pub by: Option<UserId>,
    /// The call that it belongs to, by Vapi's id.
    pub call_id: Option<&'a str>,
    /// What it tells of, where that is told once.
    pub once: Option<Once>,
}

/// The place that a message's content is bound to.
const fn place(org: OrgId, id: MessageId) -> Place<'static> {
    let provider = ProviderId::WhatsApp.as_str();
    Place { org: Some(org), table: "messages", column: "sealed_content", provider, row: id.0 }
}

/// Sends a text where the clinic has connected a number of its own; none where it has not. One that is
/// paused or was refused is an error: nothing goes out by another way than the clinic's chosen one.
pub(super) async fn send_if_connected(
    services: &Services,
    org: OrgId,
    new: &NewText,
    deadline: Deadline,
) -> Result<Option<Sent>, CallError> {
    let opened = match services.vault.open::<WhatsAppCredentials>(org).await {
        Ok(opened) => opened,
        Err(VaultError::NotConnected { .. }) => return Ok(None),
        Err(error) => return Err(IntegrationError::from(error).into()),
    };
    let content = Content::Text(&new.text);
    let call_id = new.call_id.as_deref();
    let (to, once) = (new.to.clone(), new.once);
    let new = NewWhatsApp { to, content, purpose: new.purpose, by: new.by, call_id, once };
    send_with(services, org, &opened, new, deadline).await.map(Some)
}

/// Sends a text or a template with the clinic's own number. Without a usable credential no request
/// leaves this process.
pub async fn send(
    services: &Services,
    org: OrgId,
    new: NewWhatsApp<'_>,
    deadline: Deadline,
) -> Result<Sent, CallError> {
    let opened = services.vault.open::<WhatsAppCredentials>(org).await.map_err(IntegrationError::from)?;
    send_with(services, org, &opened, new, deadline).await
}

async fn send_with(
    services: &Services,
    org: OrgId,
    opened: &Opened<WhatsAppCredentials>,
    new: NewWhatsApp<'_>,
    deadline: Deadline,
) -> Result<Sent, CallError> {
    let id: MessageId = fresh_id();
    let content = match new.content {
        Content::Text(text) => json!({ "to": new.to.as_str(), "text": text }),
        Content::Template { name, language, texts } => {
            json!({ "to": new.to.as_str(), "template": name, "language": language, "texts": texts })
        }
    };
    let sealed = services.vault.seal(&place(org, id), content.to_string().as_bytes()).await;
    let sealed = sealed.map_err(IntegrationError::from)?;
    let recipient_hash =
        opt_outs::hash_of(&services.vault, org, new.to.as_str()).await.map_err(IntegrationError::from)?;
    let row = NewMessage {
        id,
        provider: ProviderId::WhatsApp.as_str(),
        channel: "whatsapp",
        purpose: new.purpose.as_str(),
        recipient_mask: &mask_phone(new.to.as_str()),
        recipient_hash: &recipient_hash,
        sealed_content: sealed.as_bytes(),
        key_version: sealed.key_version(),
        requested_by: new.by,
        chosen: Reason::Only.as_str(),
        chosen_note: None,
        call_id: new.call_id,
        once: new.once,
    };
    insert_unless_out(services, org, &row).await?;

    let client = WhatsAppClient {
        egress: &services.egress,
        base: &services.bases.whatsapp,
        credentials: &opened.credentials,
        bulkhead: bulkhead(org, ProviderId::WhatsApp),
        deadline,
    };
    let answer = send_message(&client, &new.to, new.content, &id.0.to_string()).await;
    let reference = answer.as_ref().ok().map(|taken| reference_of(&taken.id));
    let code = answer.as_ref().err().and_then(|failure| failure.code.clone());
    let result = match &answer {
        Ok(_) => SendResult {
            status: "queued",
            provider_message_id: reference.as_deref(),
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
    // As for every message: what is out is out, recorded or not. A status of Meta brings it up later.
    let works = answer.is_ok().then_some(ProviderId::WhatsApp);
    if let Err(error) = record(services, org, id, &result, works, true).await {
        tracing::error!(error = &error as &dyn std::error::Error, %org, message = %id, "the result of a message was not recorded");
    }
    match answer {
        Ok(taken) => {
            services.uses.integration(org, opened.integration_id, new.purpose.usage());
            Ok(Sent {
                id,
                sid: reference.unwrap_or_default(),
                status: taken.status,
                provider: ProviderId::WhatsApp,
                reason: Reason::Only,
                note: None,
            })
        }
        Err(failure) => {
            if new.purpose.is_live()
                && let Some(trouble) = incidents::of_send(ProviderId::WhatsApp, &failure)
            {
                incidents::note(services, org, &trouble).await;
            }
            Err(CallError::of_send(&failure))
        }
    }
}
