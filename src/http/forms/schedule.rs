//! The form of the clinic's hours and services.

use std::collections::BTreeMap;

use axum::response::Response;

use super::{Fields, Submission};
use crate::calls::schedule;
use crate::domain::card::Meaning;
use crate::domain::clinic_plan::{
    ClinicPlan, Day, Hours, Practitioner, Service, closures_text, parse_closures, parse_spans, parse_week,
    spans_text, week_text,
};
use crate::http::error::{FieldError, HttpError};
use crate::http::flash::Said;

const HOME: &str = "/dashboard/agents#schedule";
/// The word of this form in what is left for the next page.
pub const FORM: &str = "schedule";
/// Rows of a kind that are looked for.
const MOST_ROWS: usize = 64;

/// A plan as the fields of the form.
pub fn values_of(plan: &ClinicPlan) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    let mut put = |key: String, value: String| values.insert(key, value);
    for day in Day::ALL {
        put(format!("open_{}", day.as_str()), spans_text(&plan.openings, day));
    }
    put("closures".to_owned(), closures_text(&plan.closures));
    for (row, service) in plan.services.iter().enumerate() {
        put(format!("service_{row}_name"), service.name.clone());
        put(format!("service_{row}_minutes"), service.minutes.to_string());
        put(format!("service_{row}_before"), service.buffer_before.to_string());
        put(format!("service_{row}_after"), service.buffer_after.to_string());
        put(format!("service_{row}_practitioner"), service.practitioner.clone().unwrap_or_default());
    }
    for (row, person) in plan.practitioners.iter().enumerate() {
        put(format!("person_{row}_name"), person.name.clone());
        put(format!("person_{row}_hours"), week_text(&person.hours));
    }
    put("noticeMinutes".to_owned(), plan.notice_minutes.to_string());
    put("stepMinutes".to_owned(), plan.step_minutes.to_string());
    put("daysAhead".to_owned(), plan.days_ahead.to_string());
    values
}

/// Reads the fields of the form; everything that can not be read is told at once.
fn read(fields: &Fields) -> Result<ClinicPlan, Vec<FieldError>> {
    let mut errors: Vec<FieldError> = Vec::new();
    let mut wrong = |field: &str, message: String| {
        if errors.iter().all(|known| known.field != field) {
            errors.push(FieldError { field: field.to_owned(), message });
        }
    };
    let mut number = |field: &str, key: &str, empty: Option<u32>, what: &str| -> u32 {
        match (fields.text(key).trim(), empty) {
            ("", Some(empty)) => empty,
            (text, _) => text.parse().unwrap_or_else(|_| {
                wrong(field, format!("{what}: write a whole number of minutes or days."));
                0
            }),
        }
    };
    let mut services = Vec::new();
    for row in 0..MOST_ROWS {
        let text = |part: &str| fields.text(&format!("service_{row}_{part}")).trim().to_owned();
        let name = text("name");
        if name.is_empty() {
            continue;
        }
        let mut minutes =
            |part: &str, empty| number("services", &format!("service_{row}_{part}"), empty, &name);
        services.push(Service {
            minutes: minutes("minutes", None),
            buffer_before: minutes("before", Some(0)),
            buffer_after: minutes("after", Some(0)),
            practitioner: Some(text("practitioner")).filter(|person| !person.is_empty()),
            name: name.clone(),
        });
    }
    let notice_minutes = number("noticeMinutes", "noticeMinutes", None, "Earliest");
    let step_minutes = number("stepMinutes", "stepMinutes", None, "Begin");
    let days_ahead = number("daysAhead", "daysAhead", None, "Latest");
    let mut openings = Vec::new();
    for day in Day::ALL {
        match parse_spans(fields.text(&format!("open_{}", day.as_str()))) {
            Ok(spans) => {
                openings.extend(spans.into_iter().map(|(from, until)| Hours { day, from, until }));
            }
            Err(part) => {
                wrong("openings", format!("{}: {part} is not a span such as 9:00-12:00.", day.name()))
            }
        }
    }
    let closures = parse_closures(fields.text("closures")).unwrap_or_else(|line| {
        wrong("closures", format!("{line} does not begin with a day such as 2026-12-24."));
        Vec::new()
    });
    let mut practitioners = Vec::new();
    for row in 0..MOST_ROWS {
        let name = fields.text(&format!("person_{row}_name")).trim().to_owned();
        if name.is_empty() {
            continue;
        }
        let hours = parse_week(fields.text(&format!("person_{row}_hours"))).unwrap_or_else(|part| {
            wrong("practitioners", format!("{name}: {part} is not like Mon-Wed 9-12."));
            Vec::new()
        });
        practitioners.push(Practitioner { name, hours });
    }
    let plan =
        ClinicPlan { openings, closures, services, practitioners, notice_minutes, step_minutes, days_ahead };
    if errors.is_empty() { Ok(plan) } else { Err(errors) }
}

/// `POST /dashboard/agents/schedule`
pub async fn submit_schedule(form: Submission) -> Result<Response, HttpError> {
    form.caller.require_configure(&form.state.services, "schedule.changed", "clinic").await?;
    let saved = match read(&form.fields) {
        Ok(plan) => schedule::save(&form.state.services, &form.caller, &plan).await.map_err(HttpError::from),
        Err(errors) => Err(HttpError::invalid("invalid_fields", "Some fields need your attention.", errors)),
    };
    match saved {
        Ok(()) => form.go(HOME, Said::message(Meaning::Works, "Hours and services are saved")).await,
        Err(error) => {
            let keys: Vec<String> = form.fields.iter().map(|(key, _)| key.to_owned()).collect();
            let keys: Vec<&str> = keys.iter().map(String::as_str).filter(|key| *key != "org").collect();
            form.back(HOME, error, &keys, FORM).await
        }
    }
}
