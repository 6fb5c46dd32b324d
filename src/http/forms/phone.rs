//! Forms of the telephone's page.

use axum::extract::Path;
use axum::response::Response;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::Submission;
use crate::calls::CallError;
use crate::calls::numbers;
use crate::calls::outbound::{self, Wanted};
use crate::domain::card::Meaning;
use crate::http::error::HttpError;
use crate::http::flash::Said;

const HOME: &str = "/dashboard/phone";
const CALL_FIELDS: &[&str] = &["number", "name", "from", "variables"];

/// `POST /dashboard/phone/refresh`
pub async fn submit_refresh(form: Submission) -> Result<Response, HttpError> {
    match numbers::refresh(&form.state.services, &form.caller).await {
        Ok(rows) => {
            let text = match rows.len() {
                0 => "Vapi has no number that is this clinic's".to_owned(),
                1 => "One number was read from Vapi".to_owned(),
                more => format!("{more} numbers were read from Vapi"),
            };
            form.go(HOME, Said::message(Meaning::Works, text)).await
        }
        Err(error) => form.back(HOME, error.into(), &[], "").await,
    }
}

/// `POST /dashboard/phone/import`
pub async fn submit_import(form: Submission) -> Result<Response, HttpError> {
    let (number, name) = (form.fields.text("number"), form.fields.text("name"));
    match numbers::import(&form.state.services, &form.caller, number, name).await {
        Ok(row) => form.go(HOME, Said::message(Meaning::Works, format!("{} is at Vapi", row.number))).await,
        Err(error) => form.back(HOME, error.into(), &["number", "name"], "import").await,
    }
}

/// `POST /dashboard/phone/{id}/agent`
pub async fn submit_agent(Path(id): Path<String>, form: Submission) -> Result<Response, HttpError> {
    let id: Uuid = id.parse().map_err(|_| HttpError::not_found())?;
    let role = Some(form.fields.text("role")).filter(|role| !role.is_empty());
    match numbers::bind(&form.state.services, &form.caller, id, role).await {
        Ok(row) => {
            let who = role.map_or_else(|| "Nobody".to_owned(), |role| format!("The {role} agent"));
            form.go(HOME, Said::message(Meaning::Works, format!("{who} answers {}", row.number))).await
        }
        Err(error) => form.back(HOME, error.into(), &[], "").await,
    }
}

/// `POST /dashboard/phone/call`
pub async fn submit_call(form: Submission) -> Result<Response, HttpError> {
    let wanted = match read(&form) {
        Ok(wanted) => wanted,
        Err(error) => return form.back(HOME, error.into(), CALL_FIELDS, "call").await,
    };
    match outbound::place(&form.state.services, &form.caller, wanted).await {
        Ok(row) => {
            let said = match row.status.as_str() {
                "placed" => {
                    Said::message(Meaning::Works, format!("The call to {} is placed", row.customer_mask))
                }
                _ => Said::message(
                    Meaning::Attention,
                    row.error.unwrap_or_else(|| "This call is being placed already".to_owned()),
                ),
            };
            form.go(HOME, said).await
        }
        Err(error) => form.back(HOME, error.into(), CALL_FIELDS, "call").await,
    }
}

fn read(form: &Submission) -> Result<Wanted, CallError> {
    let invalid =
        |field: &'static str, message: &str| CallError::Invalid { field, message: message.to_owned() };
    let text = |key: &str| form.fields.text(key);
    let id: Uuid = text("request")
        .parse()
        .map_err(|_| invalid("number", "Please open this page again and send the form from there."))?;
    let from =
        text("from").parse().map_err(|_| invalid("from", "Choose the number that the call comes from."))?;
    let mut variables = Map::new();
    for pair in text("variables").split([';', '\n']).map(str::trim).filter(|pair| !pair.is_empty()) {
        let (name, value) = pair
            .split_once('=')
            .ok_or_else(|| invalid("variables", "Write name = value, separated by semicolons."))?;
        variables.insert(name.trim().to_owned(), Value::String(value.trim().to_owned()));
    }
    Wanted::parse(id, text("number"), text("name"), variables, from)
}
