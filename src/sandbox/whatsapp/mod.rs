//! The WhatsApp stand-in: numbers, their business accounts and messages behind a bearer token, in the
//! forms of Meta's Graph API.

#![expect(clippy::result_large_err, reason = "an error here is the finished answer of a stand-in")]

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Form, Path, Query, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::domain::ProviderId;

use super::faults::Fault;
use super::gate::{self, Gate};
use super::stand_ins::{DemoAccount, StandIn};
use super::state::Shared;

mod accounts;
mod deliver;
mod messages;

pub use accounts::{DEMO_WHATSAPP, DemoWhatsApp, SentWhatsApp, WhatsAppAccount};
pub(super) use accounts::{WhatsAppWorld, seed};

/// The entry in the table of contents.
pub(super) const STAND_IN: StandIn = StandIn {
    provider: ProviderId::WhatsApp,
    name: "WhatsApp",
    router: Some(router),
    demo_fields: |_| {
        let demo = &DEMO_WHATSAPP[0];
        vec![
            ("phoneNumberId", demo.phone_number_id.to_owned()),
            ("businessAccountId", demo.business_account_id.to_owned()),
            ("accessToken", demo.access_token.to_owned()),
            ("appSecret", demo.app_secret.to_owned()),
            ("verifyToken", "a demo verify token".to_owned()),
        ]
    },
    accounts: || {
        let account = |demo: &DemoWhatsApp| DemoAccount {
            name: demo.name,
            facts: vec![
                ("Phone number ID", demo.phone_number_id.to_owned()),
                ("WhatsApp Business Account ID", demo.business_account_id.to_owned()),
                ("Access token", demo.access_token.to_owned()),
                ("App secret", demo.app_secret.to_owned()),
                ("Number", demo.number.to_owned()),
            ],
        };
        DEMO_WHATSAPP.iter().map(account).collect()
    },
};

/// The WhatsApp stand-in, for tests.
pub struct WhatsAppHandle<'a>(pub(super) &'a Shared);

impl WhatsAppHandle<'_> {
    /// Adds a number with fresh ids, a token that does not end, and an app secret of its own.
    pub fn add_account(&self, name: &str, number: &str) -> WhatsAppAccount {
        let account = WhatsAppAccount::fresh(name, number);
        self.0.change(|world| world.whatsapp.accounts.push(account.clone()));
        account
    }

    /// Changes the account of a number; nothing happens where there is none.
    pub fn change(&self, phone_number_id: &str, change: impl FnOnce(&mut WhatsAppAccount)) {
        self.0.change(|world| {
            let accounts = &mut world.whatsapp.accounts;
            accounts.iter_mut().find(|account| account.phone_number_id == phone_number_id).map(change)
        });
    }

    /// Every message that the stand-in took, oldest first.
    pub fn sent(&self) -> Vec<SentWhatsApp> {
        self.0.read(|world| world.whatsapp.sent.clone())
    }
}

type Answer = Result<Response, Response>;
type SharedState = State<Arc<Shared>>;

fn router(shared: Arc<Shared>) -> Router {
    let name = |shared: &Shared, headers: &HeaderMap| find(shared, headers).map(|account| account.name);
    let gate = Gate {
        provider: ProviderId::WhatsApp,
        shared: Arc::clone(&shared),
        account_name: name,
        error: fault,
    };
    Router::new()
        .route("/debug_token", post(inspect))
        .route("/{id}", get(show_number))
        .route("/{id}/phone_numbers", get(list_numbers))
        .route("/{id}/message_templates", get(list_templates))
        .route("/{id}/messages", post(messages::create))
        .fallback(|| async { unknown_id("") })
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), judge_proof))
        .layer(middleware::from_fn_with_state(gate, gate::pass))
        .with_state(shared)
}

/// Meta's form of an error.
fn error(status: u16, code: u32, subcode: Option<u32>, message: &str) -> Response {
    let mut body = json!({ "error": {
        "message": message, "type": "OAuthException", "code": code, "fbtrace_id": "AdemoDEMOdemo",
    } });
    if let Some(subcode) = subcode {
        body["error"]["error_subcode"] = json!(subcode);
    }
    (StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST), Json(body)).into_response()
}

fn unknown_id(id: &str) -> Response {
    let message = format!(
        "Unsupported request. Object with ID '{id}' does not exist, cannot be loaded due to missing permissions, \
         or does not support this operation."
    );
    error(400, 100, Some(33), &message)
}

fn fault(fault: Fault) -> Response {
    match fault {
        Fault::Forbidden => {
            error(403, 10, None, "(#10) Application does not have permission for this action")
        }
        Fault::Throttled => error(429, 80007, None, "(#80007) Rate limit issues"),
        Fault::ServerError => error(500, 2, None, "An unexpected error has occurred. Please retry later."),
        Fault::Expired => error(401, 190, Some(463), "Error validating access token: Session has expired"),
        Fault::Revoked => error(401, 190, Some(467), "Error validating access token: The session is invalid"),
        Fault::Suspended => error(403, 131031, None, "(#131031) Business Account locked"),
        Fault::ErrorInside => {
            let mut response = error(500, 2, None, "An unexpected error has occurred.");
            *response.status_mut() = StatusCode::OK;
            response
        }
        _ => error(401, 190, None, "Invalid OAuth access token - Cannot parse access token"),
    }
}

fn find(shared: &Shared, headers: &HeaderMap) -> Option<WhatsAppAccount> {
    let token = headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")?;
    shared.read(|world| world.whatsapp.accounts.iter().find(|account| account.access_token == token).cloned())
}

/// Signs in with the bearer token.
fn sign_in(shared: &Shared, headers: &HeaderMap) -> Result<WhatsAppAccount, Response> {
    if headers.get(AUTHORIZATION).is_none() {
        return Err(error(401, 104, None, "An access token is required to request this resource."));
    }
    let account = find(shared, headers).ok_or_else(|| fault(Fault::Unauthorized))?;
    if account.is_expired {
        return Err(error(401, 190, Some(463), "Error validating access token: Session has expired"));
    }
    if account.is_locked {
        return Err(fault(Fault::Suspended));
    }
    Ok(account)
}

/// As [`sign_in`], for what needs the permission to manage.
fn sign_in_to_manage(shared: &Shared, headers: &HeaderMap, id: &str) -> Result<WhatsAppAccount, Response> {
    let account = sign_in(shared, headers)?;
    if !account.scopes.iter().any(|scope| scope == "whatsapp_business_management") {
        return Err(error(403, 200, None, "(#200) You do not have permission to access this field"));
    }
    // Whether another account has the id is nobody's affair.
    if account.business_account_id == id { Ok(account) } else { Err(unknown_id(id)) }
}

/// Holds `appsecret_proof` against the app's secret, on every path, and asks for it where the app does.
async fn judge_proof(State(shared): SharedState, request: Request, next: Next) -> Response {
    let Some(account) = find(&shared, request.headers()) else { return next.run(request).await };
    let query = request.uri().query().unwrap_or_default();
    let proof = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "appsecret_proof");
    match proof {
        Some((_, proof)) if *proof != hmac(&account.app_secret, account.access_token.as_bytes()) => {
            error(400, 100, None, "Invalid appsecret_proof provided in the API argument")
        }
        None if account.needs_proof => {
            error(400, 100, None, "(#100) API calls from the server require an appsecret_proof argument")
        }
        _ => next.run(request).await,
    }
}

async fn show_number(
    State(shared): SharedState,
    headers: HeaderMap,
    Path(id): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Answer {
    let account = sign_in(&shared, &headers)?;
    if account.phone_number_id != id {
        return Err(unknown_id(&id));
    }
    let wanted = query.get("fields").map(String::as_str).unwrap_or_default();
    let all = json!({
        "id": account.phone_number_id,
        "display_phone_number": account.number,
        "verified_name": account.name,
        "quality_rating": account.quality_rating,
        "messaging_limit_tier": account.tier,
    });
    let mut shown = json!({ "id": account.phone_number_id });
    for field in wanted.split(',').filter(|field| !field.is_empty()) {
        let Some(value) = all.get(field) else {
            let message = format!("(#100) Tried accessing nonexisting field ({field})");
            return Err(error(400, 100, None, &message));
        };
        shown[field] = value.clone();
    }
    Ok(Json(shown).into_response())
}

/// In pages of 25, or of up to 100 where that is asked. A cursor is how many came before.
async fn list_numbers(
    State(shared): SharedState,
    headers: HeaderMap,
    Path(id): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Answer {
    sign_in_to_manage(&shared, &headers, &id)?;
    let asked =
        |name: &str, otherwise| query.get(name).map_or(Some(otherwise), |text| text.parse::<usize>().ok());
    let (Some(limit @ 1..=100), Some(start)) = (asked("limit", 25), asked("after", 0)) else {
        return Err(error(400, 100, None, "(#100) Invalid parameter"));
    };
    let numbers: Vec<Value> = shared.read(|world| {
        let own = world.whatsapp.accounts.iter().filter(|other| other.business_account_id == id);
        own.skip(start).map(|other| json!({ "id": other.phone_number_id })).collect()
    });
    let page = &numbers[..numbers.len().min(limit)];
    let mut paging = json!({ "cursors": { "after": (start + page.len()).to_string() } });
    if page.len() < numbers.len() {
        paging["next"] = format!("https://graph.facebook.com/v23.0/{id}/phone_numbers").into();
    }
    Ok(Json(json!({ "data": page, "paging": paging })).into_response())
}

async fn list_templates(State(shared): SharedState, headers: HeaderMap, Path(id): Path<String>) -> Answer {
    let account = sign_in_to_manage(&shared, &headers, &id)?;
    let template = |(at, name): (usize, &String)| json!({ "id": (5_000 + at).to_string(), "name": name, "status": "APPROVED", "category": "UTILITY", "language": "en_US" });
    let templates: Vec<Value> = account.templates.iter().enumerate().map(template).collect();
    Ok(Json(json!({ "data": templates, "paging": { "cursors": {} } })).into_response())
}

/// `debug_token`: posted with `method=get`, as Meta's own libraries do.
async fn inspect(
    State(shared): SharedState,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> Answer {
    let account = sign_in(&shared, &headers)?;
    let is_get = form.get("method").is_some_and(|method| method.eq_ignore_ascii_case("get"));
    if !is_get || form.get("input_token") != Some(&account.access_token) {
        return Err(error(400, 100, None, "(#100) The parameter input_token is required"));
    }
    Ok(Json(json!({ "data": {
        "app_id": account.app_id, "type": "SYSTEM_USER", "is_valid": true, "expires_at": account.token_ends,
        "data_access_expires_at": 0, "scopes": account.scopes,
    } }))
    .into_response())
}

/// HMAC-SHA256 in hexadecimal, as Meta signs webhooks and as `appsecret_proof` is made.
fn hmac(secret: &str, bytes: &[u8]) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return String::new() };
    mac.update(bytes);
    hex::encode(mac.finalize().into_bytes())
}
