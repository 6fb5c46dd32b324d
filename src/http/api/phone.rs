//! The telephone: a clinic's numbers, and calls that it places.

use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use super::integrations::rfc3339;
use super::{Admitted, JsonBody};
use crate::calls::numbers;
use crate::calls::outbound::{self, Wanted};
use crate::db::fresh_id;
use crate::db::outbound_calls::{self, OutboundCallRow};
use crate::db::phone_numbers::{self, PhoneNumberRow};
use crate::http::error::{HttpError, Problem};
use crate::http::pages::phone::SHOWN;

/// A number of the clinic, as Vapi told it last.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PhoneNumberOut {
    /// Vapi's id.
    pub id: String,
    pub number: String,
    pub name: String,
    /// Who Vapi has it from: `twilio`.
    pub provider: String,
    /// The assistant that answers it.
    pub assistant_id: Option<String>,
    pub refreshed_at: String,
}

impl From<PhoneNumberRow> for PhoneNumberOut {
    fn from(row: PhoneNumberRow) -> Self {
        Self {
            id: row.id.to_string(),
            number: row.number,
            name: row.name,
            provider: row.provider,
            assistant_id: row.assistant_id.map(|id| id.to_string()),
            refreshed_at: rfc3339(row.refreshed_at),
        }
    }
}

/// All numbers of the clinic.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PhoneNumbersOut {
    pub phone_numbers: Vec<PhoneNumberOut>,
}

fn all(rows: Vec<PhoneNumberRow>) -> Json<PhoneNumbersOut> {
    Json(PhoneNumbersOut { phone_numbers: rows.into_iter().map(PhoneNumberOut::from).collect() })
}

/// Lists the clinic's numbers, as Vapi told them last.
#[utoipa::path(get, path = "/api/phone-numbers", tag = "phone",
    responses((status = 200, body = PhoneNumbersOut), (status = 401, body = Problem)))]
pub async fn list_numbers(admitted: Admitted) -> Result<Json<PhoneNumbersOut>, HttpError> {
    let mut tx = admitted.caller.begin(&admitted.state.services).await?;
    let rows = phone_numbers::list(&mut tx).await?;
    tx.commit().await?;
    Ok(all(rows))
}

/// A body with nothing in it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NothingIn {}

/// Reads the clinic's numbers from Vapi.
#[utoipa::path(post, path = "/api/phone-numbers/refresh", tag = "phone", request_body = NothingIn,
    responses((status = 200, body = PhoneNumbersOut), (status = 403, body = Problem), (status = 409, body = Problem), (status = 502, body = Problem)))]
pub async fn refresh(
    admitted: Admitted,
    JsonBody(_): JsonBody<NothingIn>,
) -> Result<Json<PhoneNumbersOut>, HttpError> {
    Ok(all(numbers::refresh(&admitted.state.services, &admitted.caller).await?))
}

/// A number of the clinic's Twilio account.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImportIn {
    /// With country code: `+15550100123`.
    pub number: String,
    #[serde(default)]
    pub name: String,
}

/// Brings a number of the clinic's own Twilio account to Vapi; the inbound agent answers it.
#[utoipa::path(post, path = "/api/phone-numbers/import", tag = "phone", request_body = ImportIn,
    responses((status = 200, body = PhoneNumberOut), (status = 403, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem), (status = 502, body = Problem)))]
pub async fn import(
    admitted: Admitted,
    JsonBody(body): JsonBody<ImportIn>,
) -> Result<Json<PhoneNumberOut>, HttpError> {
    let row = numbers::import(&admitted.state.services, &admitted.caller, &body.number, &body.name).await?;
    Ok(Json(row.into()))
}

/// Who answers a number.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AnsweredByIn {
    /// `inbound` or `outbound`; `null` for nobody.
    pub role: Option<String>,
}

/// Lets an agent answer a number, or nobody.
#[utoipa::path(put, path = "/api/phone-numbers/{id}/agent", tag = "phone", params(("id" = String, Path)), request_body = AnsweredByIn,
    responses((status = 200, body = PhoneNumberOut), (status = 404, body = Problem), (status = 422, body = Problem), (status = 502, body = Problem)))]
pub async fn bind(
    admitted: Admitted,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<AnsweredByIn>,
) -> Result<Json<PhoneNumberOut>, HttpError> {
    let id: Uuid = id.parse().map_err(|_| HttpError::not_found())?;
    let row = numbers::bind(&admitted.state.services, &admitted.caller, id, body.role.as_deref()).await?;
    Ok(Json(row.into()))
}

/// Whom to call.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CallIn {
    /// With country code: `+15550100123`.
    pub number: String,
    /// The clinic's number that the call comes from, by its id.
    #[schema(value_type = String)]
    pub phone_number_id: Uuid,
    #[serde(default)]
    pub name: String,
    /// Texts by name, for the agent's `{{name}}`.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub variables: Map<String, Value>,
    /// A UUID of the caller's: the same one again is the same call.
    #[schema(value_type = Option<String>)]
    pub request_id: Option<Uuid>,
}

/// A call that the clinic placed, or tried to place.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlacedOut {
    /// `requestId`, or one of ours.
    pub id: String,
    /// Vapi's id.
    pub call_id: Option<String>,
    /// Masked.
    pub to: String,
    pub from: String,
    /// `placing`, `placed`, `failed`, or `parked` where nobody knows.
    pub status: String,
    pub reason: Option<String>,
    pub created_at: String,
}

impl From<OutboundCallRow> for PlacedOut {
    fn from(row: OutboundCallRow) -> Self {
        Self {
            id: row.id.to_string(),
            call_id: row.call_id,
            to: row.customer_mask,
            from: row.phone_number,
            status: row.status,
            reason: row.error,
            created_at: rfc3339(row.created_at),
        }
    }
}

/// The newest 50 calls.
#[derive(Serialize, ToSchema)]
pub struct PlacedCallsOut {
    pub calls: Vec<PlacedOut>,
}

/// Lists the calls that the clinic placed.
#[utoipa::path(get, path = "/api/calls/outbound", tag = "phone",
    responses((status = 200, body = PlacedCallsOut), (status = 401, body = Problem)))]
pub async fn list_placed(admitted: Admitted) -> Result<Json<PlacedCallsOut>, HttpError> {
    let mut tx = admitted.caller.begin(&admitted.state.services).await?;
    let rows = outbound_calls::list(&mut tx, SHOWN).await?;
    tx.commit().await?;
    Ok(Json(PlacedCallsOut { calls: rows.into_iter().map(PlacedOut::from).collect() }))
}

/// Places a call with the outbound agent.
#[utoipa::path(post, path = "/api/calls/outbound", tag = "phone", request_body = CallIn,
    responses((status = 201, body = PlacedOut), (status = 403, body = Problem), (status = 404, body = Problem), (status = 422, body = Problem), (status = 429, body = Problem), (status = 502, body = Problem)))]
pub async fn place(
    admitted: Admitted,
    JsonBody(body): JsonBody<CallIn>,
) -> Result<(StatusCode, Json<PlacedOut>), HttpError> {
    let id = body.request_id.unwrap_or_else(fresh_id);
    let wanted = Wanted::parse(id, &body.number, &body.name, body.variables, body.phone_number_id)?;
    let row = outbound::place(&admitted.state.services, &admitted.caller, wanted).await?;
    Ok((StatusCode::CREATED, Json(row.into())))
}
