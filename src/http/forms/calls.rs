//! The forms around calls: whom to tell of a hot lead, and an incident that somebody has settled.

use axum::extract::Path;
use axum::response::Response;

use super::Submission;
use crate::calls::alerts::{self, Wanted};
use crate::domain::card::Meaning;
use crate::http::error::HttpError;
use crate::http::flash::Said;
use crate::integrations::incidents;

const SETTINGS: &str = "/dashboard/settings";

/// The fields of the alerts form that are shown again.
pub const ALERT_FIELDS: [&str; 7] =
    ["isOn", "threshold", "text", "numbers", "mails", "quietFrom", "quietUntil"];

/// `POST /dashboard/settings/alerts`
pub async fn submit_alerts(form: Submission) -> Result<Response, HttpError> {
    let text = |key: &str| form.fields.text(key).to_owned();
    let wanted = Wanted {
        is_on: text("isOn") == "yes",
        threshold: text("threshold").trim().parse().unwrap_or(0),
        text: text("text"),
        numbers: text("numbers"),
        mails: text("mails"),
        quiet_from: text("quietFrom"),
        quiet_until: text("quietUntil"),
    };
    match alerts::save(&form.state.services, &form.caller, &wanted).await {
        Ok(()) => form.go(SETTINGS, Said::message(Meaning::Works, "Hot lead alerts are saved")).await,
        Err(error) => form.back(SETTINGS, error.into(), &ALERT_FIELDS, "alerts").await,
    }
}

/// `POST /dashboard/incidents/{id}/close`
pub async fn submit_close(Path(id): Path<String>, form: Submission) -> Result<Response, HttpError> {
    let name = incidents::settle(&form.state.services, &form.caller, &id).await?;
    let text = format!("The incident of {name} is settled. It opens again when a call meets it again.");
    form.go("/dashboard", Said::message(Meaning::Works, text)).await
}
