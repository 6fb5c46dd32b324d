//! The Twilio stand-in: accounts, numbers, Messaging Services and messages behind HTTP Basic.

#![expect(clippy::result_large_err, reason = "an error here is the finished answer of a stand-in")]

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::domain::ProviderId;

use super::faults::Fault;
use super::gate::{self, Gate};
use super::state::{AccountStatus, Shared, TwilioAccount};

mod handle;
mod messages;
pub mod reports;

pub use handle::TwilioHandle;

pub(super) fn router(shared: Arc<Shared>) -> Router {
    let gate = Gate { provider: ProviderId::Twilio, shared: Arc::clone(&shared), account_name, error: fault };
    let account = "/2010-04-01/Accounts/{account}";
    Router::new()
        .route(account, get(show_account))
        .route(&format!("{account}/IncomingPhoneNumbers.json"), get(list_numbers))
        .route(&format!("{account}/Balance.json"), get(show_balance))
        .route(&format!("{account}/Messages.json"), get(messages::list).post(messages::create))
        .route(&format!("{account}/Messages/{{message}}"), get(messages::show))
        .route("/v1/Services/{service}", get(show_service))
        .fallback(|uri: Uri| async move { not_found(&uri) })
        .layer(middleware::from_fn_with_state(gate, gate::pass))
        .with_state(shared)
}

type Answer = Result<Response, Response>;
type SharedState = State<Arc<Shared>>;

/// Twilio's form of an error.
fn error(status: StatusCode, code: u32, message: &str) -> Response {
    let body = json!({
        "code": code,
        "message": message,
        "more_info": format!("https://www.twilio.com/docs/errors/{code}"),
        "status": status.as_u16(),
    });
    let mut response = (status, Json(body)).into_response();
    if status == StatusCode::UNAUTHORIZED {
        let realm = HeaderValue::from_static("Basic realm=\"Twilio API\"");
        response.headers_mut().insert(WWW_AUTHENTICATE, realm);
    }
    response
}

fn authenticate() -> Response {
    error(StatusCode::UNAUTHORIZED, 20003, "Authenticate")
}

fn not_found(uri: &Uri) -> Response {
    let message = format!("The requested resource {} was not found", uri.path());
    error(StatusCode::NOT_FOUND, 20404, &message)
}

fn fault(fault: Fault) -> Response {
    match fault {
        Fault::Forbidden => {
            error(StatusCode::FORBIDDEN, 20008, "Resource not accessible with Test Account Credentials")
        }
        Fault::Suspended => error(StatusCode::UNAUTHORIZED, 20005, "Account not active"),
        Fault::Throttled => error(StatusCode::TOO_MANY_REQUESTS, 20429, "Too Many Requests"),
        Fault::ServerError => {
            error(StatusCode::INTERNAL_SERVER_ERROR, 20500, "An internal server error has occurred")
        }
        Fault::ErrorInside => {
            let mut response =
                error(StatusCode::INTERNAL_SERVER_ERROR, 20500, "An internal server error has occurred");
            *response.status_mut() = StatusCode::OK;
            response
        }
        _ => authenticate(),
    }
}

/// Who signs in.
struct Caller {
    account: TwilioAccount,
    /// By the Auth Token, not by an API key.
    is_owner: bool,
}

fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let encoded = headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
    let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

fn find_caller(shared: &Shared, headers: &HeaderMap) -> Option<Caller> {
    let (user, password) = basic(headers)?;
    shared.read(|world| {
        world.twilio.accounts.iter().find_map(|account| {
            let is_owner = account.sid == user && account.auth_token == password;
            let is_key = account.keys.iter().any(|key| key.sid == user && key.secret == password);
            (is_owner || is_key).then(|| Caller { account: account.clone(), is_owner })
        })
    })
}

fn account_name(shared: &Shared, headers: &HeaderMap) -> Option<String> {
    find_caller(shared, headers).map(|caller| caller.account.name)
}

/// Signs in and checks that the path names the same account.
fn sign_in(shared: &Shared, headers: &HeaderMap, account_in_path: Option<&str>) -> Result<Caller, Response> {
    let caller = find_caller(shared, headers).ok_or_else(authenticate)?;
    if caller.account.status == AccountStatus::Suspended {
        return Err(authenticate());
    }
    if account_in_path.is_some_and(|sid| sid != caller.account.sid) {
        return Err(authenticate());
    }
    Ok(caller)
}

/// Signs in to something that only an active account with live credentials may see.
fn sign_in_live(shared: &Shared, headers: &HeaderMap, account: Option<&str>) -> Result<Caller, Response> {
    let caller = sign_in(shared, headers, account)?;
    if caller.account.status != AccountStatus::Active {
        return Err(authenticate());
    }
    if caller.account.has_test_credentials_only {
        return Err(fault(Fault::Forbidden));
    }
    Ok(caller)
}

async fn show_account(
    State(shared): SharedState,
    headers: HeaderMap,
    Path(file): Path<String>,
    uri: Uri,
) -> Answer {
    let sid = file.strip_suffix(".json").ok_or_else(|| not_found(&uri))?;
    let caller = sign_in(&shared, &headers, Some(sid))?;
    if caller.account.has_test_credentials_only {
        return Err(fault(Fault::Forbidden));
    }
    // A standard API key may not read accounts.
    if !caller.is_owner {
        return Err(authenticate());
    }
    let account = &caller.account;
    Ok(Json(json!({
        "sid": account.sid,
        "friendly_name": account.name,
        "status": account.status.as_str(),
        "type": if account.is_trial { "Trial" } else { "Full" },
        "owner_account_sid": account.sid,
        "auth_token": account.auth_token,
        "uri": format!("/2010-04-01/Accounts/{}.json", account.sid),
    }))
    .into_response())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NumberQuery {
    phone_number: Option<String>,
    page_size: Option<usize>,
}

async fn list_numbers(
    State(shared): SharedState,
    headers: HeaderMap,
    Path(account): Path<String>,
    Query(query): Query<NumberQuery>,
    uri: Uri,
) -> Answer {
    let caller = sign_in_live(&shared, &headers, Some(&account))?;
    let page_size = query.page_size.unwrap_or(50).min(1000);
    // As at Twilio, the filter also finds parts of a number.
    let matching = |number: &str| query.phone_number.as_deref().is_none_or(|part| number.contains(part));
    let numbers: Vec<Value> = caller
        .account
        .numbers
        .iter()
        .filter(|number| matching(&number.number))
        .take(page_size)
        .map(|number| {
            json!({
                "sid": format!("PN{:0>32}", number.number.trim_start_matches('+')),
                "phone_number": number.number,
                "friendly_name": number.number,
                "capabilities": { "voice": true, "sms": number.sms, "mms": number.sms, "fax": false },
                "status": "in-use",
                "sms_url": "",
                "voice_url": "",
            })
        })
        .collect();
    Ok(Json(json!({
        "incoming_phone_numbers": numbers,
        "page": 0,
        "page_size": page_size,
        "start": 0,
        "end": numbers.len().saturating_sub(1),
        "first_page_uri": uri.path(),
        "next_page_uri": null,
        "previous_page_uri": null,
        "uri": uri.path(),
    }))
    .into_response())
}

async fn show_balance(State(shared): SharedState, headers: HeaderMap, Path(account): Path<String>) -> Answer {
    let caller = sign_in_live(&shared, &headers, Some(&account))?;
    Ok(Json(json!({ "account_sid": caller.account.sid, "balance": "12.34", "currency": "USD" }))
        .into_response())
}

async fn show_service(
    State(shared): SharedState,
    headers: HeaderMap,
    Path(service): Path<String>,
    uri: Uri,
) -> Answer {
    let caller = sign_in_live(&shared, &headers, None)?;
    if !caller.account.messaging_services.contains(&service) {
        return Err(not_found(&uri));
    }
    Ok(Json(json!({
        "sid": service,
        "account_sid": caller.account.sid,
        "friendly_name": "Demo service",
    }))
    .into_response())
}
