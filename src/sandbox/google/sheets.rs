//! Spreadsheets: what they are, and rows added below what is there. A host of its own at Google, so a
//! stand-in of its own here, with its own switch; accounts and tokens are Google's.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::faults::Fault;
use super::super::gate::{self, Gate};
use super::super::state::Shared;
use super::world::StandInSpreadsheet;
use super::{Answer, SharedState, account_name, find_token, has_scope};
use crate::domain::ProviderId;

const READ: &[&str] = &["spreadsheets", "spreadsheets.readonly", "drive", "drive.file", "drive.readonly"];
const WRITE: &[&str] = &["spreadsheets", "drive", "drive.file"];
/// What one cell takes, in characters.
const MOST_OF_A_CELL: usize = 50_000;

pub(in crate::sandbox) fn router(shared: Arc<Shared>) -> Router {
    let gate =
        Gate { provider: ProviderId::GoogleSheets, shared: Arc::clone(&shared), account_name, error: fault };
    Router::new()
        .route("/v4/spreadsheets/{id}", get(show))
        .route("/v4/spreadsheets/{id}/values/{range}", post(append))
        .fallback(|| async { not_found() })
        .layer(middleware::from_fn_with_state(gate, gate::pass))
        .with_state(shared)
}

/// The newer APIs' form of an error.
fn error(code: StatusCode, status: &str, reason: Option<&str>, message: &str) -> Response {
    let details: Vec<Value> = reason
        .map(|reason| {
            json!({
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": reason,
                "domain": "googleapis.com",
                "metadata": { "service": "sheets.googleapis.com" },
            })
        })
        .into_iter()
        .collect();
    let mut body = json!({ "error": { "code": code.as_u16(), "message": message, "status": status } });
    if !details.is_empty() {
        body["error"]["details"] = details.into();
    }
    (code, Json(body)).into_response()
}

fn not_found() -> Response {
    error(StatusCode::NOT_FOUND, "NOT_FOUND", None, "Requested entity was not found.")
}

fn denied() -> Response {
    error(StatusCode::FORBIDDEN, "PERMISSION_DENIED", None, "The caller does not have permission")
}

fn invalid(message: &str) -> Response {
    error(StatusCode::BAD_REQUEST, "INVALID_ARGUMENT", None, message)
}

fn fault(fault: Fault) -> Response {
    let own = || error(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL", None, "Internal error encountered.");
    match fault {
        Fault::Forbidden => error(
            StatusCode::FORBIDDEN,
            "PERMISSION_DENIED",
            Some("ACCESS_TOKEN_SCOPE_INSUFFICIENT"),
            "Request had insufficient authentication scopes.",
        ),
        Fault::Throttled => error(
            StatusCode::TOO_MANY_REQUESTS,
            "RESOURCE_EXHAUSTED",
            Some("RATE_LIMIT_EXCEEDED"),
            "Quota exceeded for quota metric 'Write requests' and limit 'Write requests per minute per user'.",
        ),
        Fault::ServerError => own(),
        Fault::ErrorInside => {
            let mut response = own();
            *response.status_mut() = StatusCode::OK;
            response
        }
        Fault::Suspended => error(
            StatusCode::FORBIDDEN,
            "PERMISSION_DENIED",
            Some("SERVICE_DISABLED"),
            "Google Sheets API has not been used in project 1 before or it is disabled.",
        ),
        _ => error(
            StatusCode::UNAUTHORIZED,
            "UNAUTHENTICATED",
            None,
            "Request had invalid authentication credentials.",
        ),
    }
}

/// Signs in and lets something be done with a spreadsheet that the account may open.
fn with(
    shared: &Shared,
    headers: &HeaderMap,
    scopes: &[&str],
    id: &str,
    act: impl FnOnce(&mut StandInSpreadsheet) -> Answer,
) -> Answer {
    let token = find_token(shared, headers).ok_or_else(|| fault(Fault::Unauthorized))?;
    if !has_scope(&token, scopes) {
        return Err(fault(Fault::Forbidden));
    }
    shared.change(|world| {
        let exists = world.google.accounts.iter().any(|one| one.spreadsheets.iter().any(|it| it.id == id));
        let account = world.google.account_mut(&token.account);
        let own = account.and_then(|account| account.spreadsheets.iter_mut().find(|it| it.id == id));
        match own {
            Some(spreadsheet) => act(spreadsheet),
            None if exists => Err(denied()),
            None => Err(not_found()),
        }
    })
}

async fn show(State(shared): SharedState, headers: HeaderMap, Path(id): Path<String>) -> Answer {
    with(&shared, &headers, READ, &id, |spreadsheet| {
        let sheets: Vec<Value> =
            spreadsheet.sheets.iter().map(|(title, _)| json!({ "properties": { "title": title } })).collect();
        let body = json!({ "properties": { "title": spreadsheet.title }, "sheets": sheets });
        Ok(Json(body).into_response())
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Options {
    value_input_option: Option<String>,
}

#[derive(Deserialize)]
struct Rows {
    #[serde(default)]
    range: Option<String>,
    values: Vec<Vec<String>>,
}

/// The sheet that a range names: the first without a name.
fn sheet_of(range: &str) -> Option<String> {
    let (name, _) = range.rsplit_once('!')?;
    let name = name.strip_prefix('\'').and_then(|name| name.strip_suffix('\'')).unwrap_or(name);
    Some(name.replace("''", "'"))
}

async fn append(
    State(shared): SharedState,
    headers: HeaderMap,
    Path((id, range)): Path<(String, String)>,
    Query(options): Query<Options>,
    Json(rows): Json<Rows>,
) -> Answer {
    let Some(range) = range.strip_suffix(":append").map(str::to_owned) else { return Err(not_found()) };
    with(&shared, &headers, WRITE, &id, |spreadsheet| {
        if !spreadsheet.is_writable {
            return Err(denied());
        }
        match options.value_input_option.as_deref() {
            Some("RAW" | "USER_ENTERED") => {}
            _ => return Err(invalid("'valueInputOption' is required but not specified")),
        }
        if rows.range.as_ref().is_some_and(|other| *other != range) {
            return Err(invalid("The range in the body does not match that of the address."));
        }
        if rows.values.iter().flatten().any(|cell| cell.chars().count() > MOST_OF_A_CELL) {
            return Err(invalid(
                "Your input contains more than the maximum of 50000 characters in a single cell.",
            ));
        }
        let name = sheet_of(&range);
        let found = match &name {
            Some(name) => spreadsheet.sheets.iter_mut().find(|(known, _)| known == name),
            None => spreadsheet.sheets.first_mut(),
        };
        let Some((name, known)) = found else {
            return Err(invalid(&format!("Unable to parse range: {range}")));
        };
        known.extend(rows.values);
        let last = known.len();
        let body = json!({ "updates": { "updatedRange": format!("'{name}'!A{last}") } });
        Ok(Json(body).into_response())
    })
}
