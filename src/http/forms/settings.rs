//! The forms of the clinic's profile, of how long it keeps conversations, and of who sends its text messages.

use axum::response::Response;

use super::Submission;
use crate::audit::Ended;
use crate::auth::accounts::is_time_zone;
use crate::calls::senders;
use crate::db::organizations;
use crate::domain::card::Meaning;
use crate::http::error::{FieldError, HttpError};
use crate::http::flash::Said;
use crate::integrations::IntegrationError;

const HOME: &str = "/dashboard/settings";

/// `POST /dashboard/settings/profile`
pub async fn submit_profile(form: Submission) -> Result<Response, HttpError> {
    let services = &form.state.services;
    form.caller.require_configure(services, "clinic.changed", "profile").await?;
    let (name, time_zone, country) = (
        form.fields.text("name").trim(),
        form.fields.text("timeZone").trim(),
        form.fields.text("country").trim(),
    );
    let mut errors = Vec::new();
    let mut require = |is_good: bool, field: &str, message: &str| {
        if !is_good {
            errors.push(FieldError { field: field.to_owned(), message: message.to_owned() });
        }
    };
    let is_name = (1..=120).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    require(is_name, "name", "Enter a name with 1 to 120 characters.");
    require(is_time_zone(time_zone), "timeZone", "Enter a time zone such as Europe/Berlin.");
    require(
        country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_alphabetic()),
        "country",
        "Enter the two letters of the country, such as DE.",
    );
    if !errors.is_empty() {
        let error = HttpError::invalid("invalid_fields", "Some fields need your attention.", errors);
        return form.back(HOME, error, &["name", "timeZone", "country"], "profile").await;
    }
    let mut tx = form.caller.begin(services).await?;
    organizations::update_profile(&mut tx, name, time_zone, &country.to_uppercase()).await?;
    form.caller.record(&mut tx, services, "clinic.changed", "profile", Ended::Success, "").await?;
    tx.commit().await.map_err(IntegrationError::from)?;
    form.go(HOME, Said::message(Meaning::Works, "The clinic's profile is saved")).await
}

/// `POST /dashboard/settings/retention`
pub async fn submit_retention(form: Submission) -> Result<Response, HttpError> {
    let services = &form.state.services;
    form.caller.require_configure(services, "clinic.changed", "retention").await?;
    let days = form.fields.text("days").trim().parse::<i32>().ok().filter(|days| (1..=3650).contains(days));
    let Some(days) = days else {
        let message = "Enter a number of days from 1 to 3650.".to_owned();
        let errors = vec![FieldError { field: "days".to_owned(), message: message.clone() }];
        let error = HttpError::invalid("invalid_fields", message, errors);
        return form.back(HOME, error, &["days"], "retention").await;
    };
    let mut tx = form.caller.begin(services).await?;
    organizations::update_retention(&mut tx, days).await?;
    let details = format!("{days} days");
    form.caller.record(&mut tx, services, "clinic.changed", "retention", Ended::Success, &details).await?;
    tx.commit().await.map_err(IntegrationError::from)?;
    form.go(HOME, Said::message(Meaning::Works, format!("Conversations are kept for {days} days"))).await
}

/// `POST /dashboard/settings/senders`
pub async fn submit_senders(form: Submission) -> Result<Response, HttpError> {
    let (primary, fallback) = (form.fields.text("primary"), form.fields.text("fallback"));
    match senders::choose(&form.state.services, &form.caller, Some(primary), Some(fallback)).await {
        Ok(_) => form.go(HOME, Said::message(Meaning::Works, "Who sends text messages is saved")).await,
        Err(error) => form.back(HOME, error.into(), &["primary", "fallback"], "senders").await,
    }
}
