//! The test message.

use std::time::{Duration, Instant};

use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Admitted, JsonBody};
use crate::calls::messages::{self, NewText, Purpose, hot_lead_text};
use crate::http::error::{HttpError, Problem};
use crate::http::pages::integrations::SAMPLE_LEAD;
use crate::providers::egress::Deadline;
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
}

/// Sends the text of a hot lead to a chosen number, with the clinic's own sender.
#[utoipa::path(post, path = "/api/sms/test", tag = "messages", request_body = SmsTestIn,
    responses((status = 200, body = SmsTestOut), (status = 409, body = Problem), (status = 422, body = Problem), (status = 502, body = Problem)))]
pub async fn send_test(
    admitted: Admitted,
    JsonBody(body): JsonBody<SmsTestIn>,
) -> Result<Json<SmsTestOut>, HttpError> {
    let services = &admitted.state.services;
    admitted.caller.require_configure(services, "message.tested", "sms").await?;
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
    let new = NewText::parse(
        &body.to,
        &hot_lead_text(SAMPLE_LEAD),
        channel,
        Purpose::Test,
        admitted.caller.user(),
    )?;
    let sent = messages::send(services, admitted.caller.org(), new, Deadline::after(Duration::from_secs(10)))
        .await?;
    let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(Json(SmsTestOut { success: true, sid: sent.sid, status: sent.status, took_ms }))
}
