//! Text messages with the clinic's own sender.
//!
//! The row comes first, then the call to the provider, then the result on the row. Where nobody
//! knows whether a message went out, it is parked for a person and never sent again by itself.

use serde_json::json;

use super::message_rows::{insert_unless_out, record};
use super::senders::{Choice, Reason};
use super::statuses::report_address;
use super::{CallError, incidents, opt_outs, whatsapp};
use crate::db::messages::{NewMessage, Once, SendResult};
use crate::db::{self, DbError, OrgTx, fresh_id};
use crate::domain::mask::mask_phone;
use crate::domain::phone::PhoneNumber;
use crate::domain::{MessageId, OrgId, ProviderId, Use, UserId};
use crate::integrations::IntegrationError;
use crate::integrations::connect::bulkhead;
use crate::providers::egress::Deadline;
use crate::providers::sms::{SendContext, SendError, SendFailure, SentMessage};
use crate::providers::twilio::{Channel, TwilioClient, TwilioCredentials, send_message};
use crate::providers::{Explanation, catalogue};
use crate::state::Services;
use crate::vault::{Credential, Place, SecretFields};

/// The longest text that is taken, in characters: what every sender takes and splits into segments.
pub const MAX_TEXT: usize = 1600;

/// Why a message is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Test,
    Tool,
    Alert,
    /// Tells a patient of an appointment.
    Confirmation,
}

impl Purpose {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Purpose::Test => "test",
            Purpose::Tool => "tool",
            Purpose::Alert => "alert",
            Purpose::Confirmation => "confirmation",
        }
    }

    /// What the card of the sender says that it was used for.
    pub(super) const fn usage(self) -> Use {
        match self {
            Purpose::Test => Use::TestMessage,
            Purpose::Tool | Purpose::Confirmation => Use::Message,
            Purpose::Alert => Use::Alert,
        }
    }

    /// Whether a call needs it: what goes wrong with a test is told to whoever tests.
    pub(super) const fn is_live(self) -> bool {
        !matches!(self, Purpose::Test)
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
    /// Exactly this sender, whatever the clinic has chosen.
    pub sender: Option<ProviderId>,
    /// The call that it belongs to, by Vapi's id.
    pub call_id: Option<String>,
    /// What it tells of, where that is told once.
    pub once: Option<Once>,
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
        let text = text.to_owned();
        Ok(Self { to, text, channel, purpose, by, sender: None, call_id: None, once: None })
    }

    /// The same message, as one of a call.
    pub fn in_call(mut self, call_id: &str) -> Self {
        self.call_id = Some(call_id.to_owned());
        self
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
    /// Who sent it, and why it was this one.
    pub provider: ProviderId,
    pub reason: Reason,
    /// Why the fallback was used.
    pub note: Option<String>,
}

/// The text that a clinic's staff gets when a caller wants to book.
pub fn hot_lead_text(lead_name: &str) -> String {
    format!("\u{1f525} Hot Lead! {lead_name} just expressed high interest in booking.")
}

/// The place that a message's content is bound to.
const fn place(org: OrgId, id: MessageId, provider: ProviderId) -> Place<'static> {
    let provider = provider.as_str();
    Place { org: Some(org), table: "messages", column: "sealed_content", provider, row: id.0 }
}

/// A try that brought no id: why, and whether another sender may be tried.
struct Failed {
    error: CallError,
    allows_another: bool,
}

impl<E: Into<CallError>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self { error: error.into(), allows_another: false }
    }
}

/// Sends a message with the clinic's own sender (a WhatsApp message with its own WhatsApp number, where
/// it has connected one), or says what is missing. Without a usable credential
/// no request leaves this process. Where the clinic has chosen a fallback, it is used only after a
/// first that surely did not send, and never for a recipient who was refused.
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
    let order = match new.channel {
        Channel::Sms => {
            let mut tx = OrgTx::service(&services.pool, org).await?;
            let row = db::senders::find(&mut tx).await?;
            tx.commit().await?;
            Choice::of(&row).order(new.sender)
        }
        Channel::WhatsApp => vec![(ProviderId::Twilio, Reason::Only)],
    };
    let mut first: Option<CallError> = None;
    let last = order.len();
    for (at, (provider, reason)) in order.into_iter().enumerate() {
        let note = first.as_ref().map(CallError::sentence);
        let with = Try { provider, reason, note, is_last: at + 1 == last };
        match send_by(services, org, &new, with, deadline).await {
            Ok(sent) => return Ok(sent),
            Err(Failed { error, allows_another }) => {
                let error = match first.take() {
                    None => error,
                    // Whether it went out by the second is not known: that is all that counts now.
                    Some(_) if matches!(error, CallError::Undetermined(_)) => return Err(error),
                    Some(first) => {
                        return Err(CallError::NoSender { first: Box::new(first), second: Box::new(error) });
                    }
                };
                if !allows_another {
                    return Err(error);
                }
                first = Some(error);
            }
        }
    }
    Err(first.unwrap_or_else(|| CallError::Db(DbError::NotFound)))
}

/// Who is tried, and why.
struct Try {
    provider: ProviderId,
    reason: Reason,
    note: Option<String>,
    /// Nobody is tried after it.
    is_last: bool,
}

/// One try with one sender: the row, the call, the result on the row.
async fn send_by(
    services: &Services,
    org: OrgId,
    new: &NewText,
    with: Try,
    deadline: Deadline,
) -> Result<Sent, Failed> {
    let Try { provider, reason, note, is_last } = with;
    let opened = match services.vault.open_active(org, provider).await {
        Ok(opened) => opened,
        Err(error) => {
            // Nothing was sent; but a database that is away is away for the next sender too.
            let allows_another = !error.is_transient();
            let error = IntegrationError::from(error);
            if new.purpose.is_live()
                && let Some(trouble) = incidents::of_error(provider, &error)
            {
                incidents::note(services, org, &trouble).await;
            }
            return Err(Failed { error: error.into(), allows_another });
        }
    };
    let id: MessageId = fresh_id();
    let content = json!({ "to": new.to.as_str(), "text": new.text }).to_string();
    let place = place(org, id, provider);
    let sealed = services.vault.seal(&place, content.as_bytes()).await.map_err(IntegrationError::from)?;

    let recipient_hash =
        opt_outs::hash_of(&services.vault, org, new.to.as_str()).await.map_err(IntegrationError::from)?;
    let row = NewMessage {
        id,
        provider: provider.as_str(),
        channel: if new.channel == Channel::Sms { "sms" } else { "whatsapp" },
        purpose: new.purpose.as_str(),
        recipient_mask: &mask_phone(new.to.as_str()),
        recipient_hash: &recipient_hash,
        sealed_content: sealed.as_bytes(),
        key_version: sealed.key_version(),
        requested_by: new.by,
        chosen: reason.as_str(),
        chosen_note: note.as_deref(),
        call_id: new.call_id.as_deref(),
        once: new.once,
    };
    insert_unless_out(services, org, &row).await?;

    let answer = ask(services, org, new, id, provider, &opened.credentials, deadline).await;
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
            error_code: failure.code.as_deref(),
            error: Some(&failure.sentence),
        },
    };
    // The message is out, or it is not: that the result could not be recorded changes nothing of it.
    // The row stays `sending` and is parked by a worker.
    let works = answer.is_ok().then_some(provider);
    // Where another sender takes over, nothing has failed yet.
    let is_final = is_last || answer.as_ref().is_err_and(|failure| !failure.allows_another());
    if let Err(error) = record(services, org, id, &result, works, is_final).await {
        tracing::error!(error = &error as &dyn std::error::Error, %org, message = %id, "the result of a message was not recorded");
    }

    match answer {
        Ok(sent) => {
            services.uses.integration(org, opened.integration_id, new.purpose.usage());
            Ok(Sent { id, sid: sent.sid, status: sent.status, provider, reason, note })
        }
        Err(failure) => {
            if new.purpose.is_live()
                && let Some(trouble) = incidents::of_send(provider, &failure)
            {
                incidents::note(services, org, &trouble).await;
            }
            Err(Failed { error: CallError::of_send(&failure), allows_another: failure.allows_another() })
        }
    }
}

/// Asks the provider, with the clinic's own credential.
async fn ask(
    services: &Services,
    org: OrgId,
    new: &NewText,
    id: MessageId,
    provider: ProviderId,
    fields: &SecretFields,
    deadline: Deadline,
) -> Result<SentMessage, SendError> {
    let found = catalogue::find(provider);
    let bulkhead = bulkhead(org, provider);
    let report_to = report_address(services, org, id, provider).await;
    if new.channel == Channel::WhatsApp {
        let credentials =
            TwilioCredentials::from_fields(fields).map_err(|error| SendError::incomplete(found, &error))?;
        let client = TwilioClient {
            egress: &services.egress,
            base: &services.bases.twilio,
            credentials: &credentials,
            bulkhead,
            deadline,
        };
        return send_message(&client, &new.to, &new.text, new.channel, report_to.as_deref()).await;
    }
    let context = SendContext {
        egress: &services.egress,
        bases: &services.bases,
        bulkhead,
        deadline,
        report_to: report_to.as_deref(),
    };
    match found.sms() {
        Some(sender) => sender.send_text(&context, fields, &new.to, &new.text).await,
        None => {
            let sentence = format!("{} sends no text messages.", found.spec().name);
            let explanation = Explanation { sentence: sentence.into(), fix: "".into(), url: "".into() };
            Err(SendError::of(SendFailure::Refused, None, &explanation))
        }
    }
}
