//! The test message, and who sends.

use std::time::Instant;

use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Admitted, JsonBody};
use crate::calls::messages::{NewText, Purpose, hot_lead_text};
use crate::calls::senders::{self, Choice};
use crate::calls::test_message;
use crate::domain::ProviderId;
use crate::http::error::{HttpError, Problem};
use crate::http::pages::integrations::SAMPLE_LEAD;
use crate::providers::twilio::Channel;

/// Where to.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SmsTestIn {
    /// With country code: `+15550100123`.
    pub to: String,
    /// `whatsapp` sends it through the clinic's WhatsApp sender.
    #[serde(default)]
    pub channel: Option<String>,
    /// Exactly this sender (`vonage`), whatever the clinic has chosen, and no fallback.
    #[serde(default)]
    pub sender: Option<String>,
}

/// What the provider said.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SmsTestOut {
    pub success: bool,
    /// The provider's id of the message.
    pub sid: String,
    /// The provider's word: `queued`, `accepted`.
    pub status: String,
    /// From the request to the provider's answer, in milliseconds.
    pub took_ms: u64,
    /// The provider that sent it.
    pub sender: String,
    /// Why this one: `only`, `first`, `primary`, `fallback`, `asked`.
    pub chosen: String,
    /// Why the fallback was used.
    pub note: Option<String>,
}

/// Sends the text of a hot lead to a chosen number, with the clinic's own sender.
#[utoipa::path(post, path = "/api/sms/test", tag = "messages", request_body = SmsTestIn,
    responses((status = 200, body = SmsTestOut), (status = 409, body = Problem), (status = 422, body = Problem), (status = 502, body = Problem)))]
pub async fn send_test(
    admitted: Admitted,
    JsonBody(body): JsonBody<SmsTestIn>,
) -> Result<Json<SmsTestOut>, HttpError> {
    let services = &admitted.state.services;
    test_message::require(services, &admitted.caller).await?;
    let channel = match body.channel.as_deref() {
        None | Some("sms") => Channel::Sms,
        Some("whatsapp") => Channel::WhatsApp,
        Some(_) => {
            let error = crate::http::error::FieldError {
                field: "channel".to_owned(),
                message: "Use sms or whatsapp.".to_owned(),
            };
            return Err(HttpError::invalid("invalid_fields", "Use sms or whatsapp.", vec![error]));
        }
    };
    let started = Instant::now();
    let mut new = NewText::parse(
        &body.to,
        &hot_lead_text(SAMPLE_LEAD),
        channel,
        Purpose::Test,
        admitted.caller.user(),
    )?;
    new.sender = body.sender.as_deref().map(senders::parse).transpose()?;
    let sent = test_message::send(services, &admitted.caller, new).await?;
    let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(Json(SmsTestOut {
        success: true,
        sid: sent.sid,
        status: sent.status,
        took_ms,
        sender: sent.provider.as_str().to_owned(),
        chosen: sent.reason.as_str().to_owned(),
        note: sent.note,
    }))
}

/// Who sends the clinic's text messages.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SendersIn {
    /// Who sends; `null` leaves it to what is connected.
    pub primary: Option<String>,
    /// Who sends where the first surely did not.
    #[serde(default)]
    pub fallback: Option<String>,
}

/// The clinic's choice, and what it can choose from.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SendersOut {
    pub primary: Option<String>,
    pub fallback: Option<String>,
    /// Who is tried for the next message, in this order.
    pub order: Vec<String>,
    /// Senders that are connected.
    pub connected: Vec<String>,
}

impl From<Choice> for SendersOut {
    fn from(choice: Choice) -> Self {
        let word = |id: ProviderId| id.as_str().to_owned();
        Self {
            primary: choice.primary.map(word),
            fallback: choice.fallback.map(word),
            order: choice.order(None).into_iter().map(|(id, _)| word(id)).collect(),
            connected: choice.connected.into_iter().map(word).collect(),
        }
    }
}

/// Shows who sends text messages.
#[utoipa::path(get, path = "/api/sms/senders", tag = "messages", responses((status = 200, body = SendersOut)))]
pub async fn show_senders(admitted: Admitted) -> Result<Json<SendersOut>, HttpError> {
    let choice = senders::find(&admitted.state.services, &admitted.caller).await?;
    Ok(Json(choice.into()))
}

/// Chooses who sends text messages, and who stands in.
#[utoipa::path(put, path = "/api/sms/senders", tag = "messages", request_body = SendersIn,
    responses((status = 200, body = SendersOut), (status = 403, body = Problem), (status = 422, body = Problem)))]
pub async fn choose_senders(
    admitted: Admitted,
    JsonBody(body): JsonBody<SendersIn>,
) -> Result<Json<SendersOut>, HttpError> {
    let (primary, fallback) = (body.primary.as_deref(), body.fallback.as_deref());
    let choice = senders::choose(&admitted.state.services, &admitted.caller, primary, fallback).await?;
    Ok(Json(choice.into()))
}
