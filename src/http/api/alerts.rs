//! Whom a clinic wants to be told of a hot lead.

use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Admitted, JsonBody};
use crate::calls::alerts::{self, Settings, Wanted, show_minutes};
use crate::http::error::{HttpError, Problem};

/// The settings. Members see masked recipients.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertsOut {
    pub is_on: bool,
    /// Points from which on a lead is hot, 1 to 100.
    pub threshold: i32,
    /// With the places `{lead_name}`, `{lead_number}` and `{score}`.
    pub text: String,
    pub numbers: Vec<String>,
    pub mails: Vec<String>,
    /// `22:00`, in the clinic's time zone.
    pub quiet_from: Option<String>,
    pub quiet_until: Option<String>,
    pub time_zone: String,
}

impl AlertsOut {
    fn of(settings: Settings, may_see: bool) -> Self {
        let recipients = if may_see { settings.recipients.clone() } else { settings.recipients.masked() };
        Self {
            is_on: settings.is_on,
            threshold: settings.threshold,
            text: settings.text,
            numbers: recipients.numbers,
            mails: recipients.mails,
            quiet_from: settings.quiet.map(|(from, _)| show_minutes(from)),
            quiet_until: settings.quiet.map(|(_, until)| show_minutes(until)),
            time_zone: settings.time_zone,
        }
    }
}

/// What to change; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AlertsIn {
    pub is_on: Option<bool>,
    pub threshold: Option<i32>,
    /// Empty for the default.
    pub text: Option<String>,
    /// At most ten, in international form.
    pub numbers: Option<Vec<String>>,
    /// At most ten.
    pub mails: Option<Vec<String>>,
    /// Both times empty: no hour is quiet.
    pub quiet_from: Option<String>,
    pub quiet_until: Option<String>,
}

/// Shows whom the clinic wants to be told of a hot lead.
#[utoipa::path(get, path = "/api/alerts", tag = "calls", responses((status = 200, body = AlertsOut)))]
pub async fn show(admitted: Admitted) -> Result<Json<AlertsOut>, HttpError> {
    let settings = alerts::find(&admitted.state.services, &admitted.caller).await?;
    Ok(Json(AlertsOut::of(settings, admitted.caller.scope.role.may_configure())))
}

/// Changes whom the clinic wants to be told of a hot lead.
#[utoipa::path(put, path = "/api/alerts", tag = "calls", request_body = AlertsIn,
    responses((status = 200, body = AlertsOut), (status = 403, body = Problem), (status = 422, body = Problem)))]
pub async fn save(
    admitted: Admitted,
    JsonBody(body): JsonBody<AlertsIn>,
) -> Result<Json<AlertsOut>, HttpError> {
    let services = &admitted.state.services;
    let stored = alerts::find(services, &admitted.caller).await?;
    let quiet = |minutes: Option<i32>| minutes.map(show_minutes).unwrap_or_default();
    let wanted = Wanted {
        is_on: body.is_on.unwrap_or(stored.is_on),
        threshold: body.threshold.unwrap_or(stored.threshold),
        text: body.text.unwrap_or(stored.text),
        numbers: body.numbers.unwrap_or(stored.recipients.numbers).join("\n"),
        mails: body.mails.unwrap_or(stored.recipients.mails).join("\n"),
        quiet_from: body.quiet_from.unwrap_or_else(|| quiet(stored.quiet.map(|(from, _)| from))),
        quiet_until: body.quiet_until.unwrap_or_else(|| quiet(stored.quiet.map(|(_, until)| until))),
    };
    alerts::save(services, &admitted.caller, &wanted).await?;
    let settings = alerts::find(services, &admitted.caller).await?;
    Ok(Json(AlertsOut::of(settings, true)))
}
