//! Messages of a clinic, in both directions, and who wants none.

use axum::Json;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::integrations::rfc3339;
use super::{Admitted, JsonBody};
use crate::audit::Ended;
use crate::calls::opt_outs;
use crate::db::{inbound_messages, messages, opt_outs as rows};
use crate::http::error::{HttpError, Problem};
use crate::http::pages::messages::{OPENED, SHOWN, text_of};
use crate::integrations::IntegrationError;

/// A message that the clinic sent, or tried to send.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SentOut {
    pub id: String,
    /// Masked.
    pub to: String,
    /// `sms` or `whatsapp`.
    pub channel: String,
    pub provider: String,
    /// `test`, `tool`, `alert`.
    pub purpose: String,
    /// `sending`, `queued`, `sent`, `delivered`, `read`, `failed`, or `parked` where nobody knows.
    pub status: String,
    /// Why it was not delivered, and what to do.
    pub reason: Option<String>,
    pub created_at: String,
}

/// A message that a patient wrote.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReceivedOut {
    pub id: String,
    /// Masked.
    pub from: String,
    pub channel: String,
    pub provider: String,
    /// For owners and admins, as long as the clinic keeps it; each time is recorded.
    pub text: Option<String>,
    /// `stop`, `start` or `help`, where the text is nothing but such a word.
    pub keyword: Option<String>,
    pub received_at: String,
}

/// The newest 100 of each direction.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessagesOut {
    pub sent: Vec<SentOut>,
    pub received: Vec<ReceivedOut>,
    /// Numbers to which nothing is sent.
    pub opted_out: i64,
}

/// Lists the newest messages of the clinic.
#[utoipa::path(get, path = "/api/messages", tag = "messages",
    responses((status = 200, body = MessagesOut), (status = 401, body = Problem)))]
pub async fn list(admitted: Admitted) -> Result<Json<MessagesOut>, HttpError> {
    let services = &admitted.state.services;
    let mut tx = admitted.caller.begin(services).await?;
    let sent = messages::list(&mut tx, SHOWN).await?;
    let rows_in = inbound_messages::list(&mut tx, SHOWN).await?;
    let opted_out = rows::count(&mut tx).await?;
    tx.commit().await?;
    let sent = sent
        .into_iter()
        .map(|row| SentOut {
            id: row.id.to_string(),
            to: row.recipient_mask,
            channel: row.channel,
            provider: row.provider,
            purpose: row.purpose,
            status: row.status,
            reason: row.error,
            created_at: rfc3339(row.created_at),
        })
        .collect();
    let may_see = admitted.caller.scope.role.may_configure();
    let mut opened = 0;
    let mut received = Vec::with_capacity(rows_in.len());
    for row in rows_in {
        let text = match may_see {
            true => text_of(services, admitted.caller.org(), &row).await,
            false => None,
        };
        opened += usize::from(text.is_some());
        received.push(ReceivedOut {
            id: row.id.to_string(),
            from: row.sender_mask,
            channel: row.channel,
            provider: row.provider,
            text,
            keyword: row.keyword,
            received_at: rfc3339(row.received_at),
        });
    }
    if opened > 0 {
        // Without the row in the trail nothing is shown.
        let mut tx = admitted.caller.begin(services).await?;
        let details = format!("{opened} messages");
        admitted.caller.record(&mut tx, services, OPENED, "messages", Ended::Success, &details).await?;
        tx.commit().await.map_err(IntegrationError::from)?;
    }
    Ok(Json(MessagesOut { sent, received, opted_out }))
}

/// What a patient has told the clinic in another way.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OptOutIn {
    /// With country code: `+15550100123`.
    pub number: String,
    /// True: nothing is sent to it any more.
    pub opted_out: bool,
}

/// Notes that a number wants no messages, or messages again.
#[utoipa::path(put, path = "/api/messages/opt-outs", tag = "messages", request_body = OptOutIn,
    responses((status = 204), (status = 403, body = Problem), (status = 422, body = Problem)))]
pub async fn set_opt_out(
    admitted: Admitted,
    JsonBody(body): JsonBody<OptOutIn>,
) -> Result<StatusCode, HttpError> {
    opt_outs::set(&admitted.state.services, &admitted.caller, &body.number, body.opted_out).await?;
    Ok(StatusCode::NO_CONTENT)
}
