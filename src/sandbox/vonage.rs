//! The Vonage stand-in: balance and text messages behind HTTP Basic. As at Vonage, a message that is
//! not taken is a 200 with a status inside.

use std::sync::Arc;

use axum::extract::{Form, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::json;
use time::OffsetDateTime;
use url::Url;
use uuid::Uuid;

use crate::domain::ProviderId;

use super::Sandbox;
use super::faults::Fault;
use super::gate::{self, Gate};
use super::stand_ins::DemoAccount;
use super::state::{PhoneLogEntry, Shared};

/// A Vonage account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VonageAccount {
    pub name: String,
    pub api_key: String,
    pub api_secret: String,
    /// In euros; what is sent costs 5 cents.
    pub balance: f64,
    /// Its own numbers, without a plus.
    pub numbers: Vec<String>,
    /// Recipients that it may not send to.
    pub barred: Vec<String>,
    pub is_suspended: bool,
}

/// Name, API key, API secret and number of the demo accounts.
pub const DEMO_VONAGE: [[&str; 4]; 2] = [
    ["Sunrise Dental", "aaaa0001", "DemoVonageSecretA", "+15550100110"],
    ["Harbor Clinic", "bbbb0001", "DemoVonageSecretB", "+15550100210"],
];

impl VonageAccount {
    /// An account with credit and one number.
    fn new(name: &str, api_key: &str, api_secret: &str, number: &str) -> Self {
        Self {
            name: name.to_owned(),
            api_key: api_key.to_owned(),
            api_secret: api_secret.to_owned(),
            balance: 10.0,
            numbers: vec![number.trim_start_matches('+').to_owned()],
            barred: Vec::new(),
            is_suspended: false,
        }
    }
}

impl Sandbox {
    /// Adds a Vonage account with fresh credentials and that number.
    pub fn add_vonage(&self, name: &str, number: &str) -> VonageAccount {
        let (key, secret) = (Uuid::new_v4().simple().to_string(), Uuid::new_v4().simple().to_string());
        let account = VonageAccount::new(name, &key[24..], &secret[..20], number);
        self.shared.change(|world| world.vonage.push(account.clone()));
        account
    }

    /// Changes an account; nothing happens where there is none of that API key.
    pub fn change_vonage(&self, api_key: &str, change: impl FnOnce(&mut VonageAccount)) {
        self.shared.change(|world| world.vonage.iter_mut().find(|a| a.api_key == api_key).map(change));
    }
}

/// Adds the demo accounts that are not there yet.
pub(super) fn seed(accounts: &mut Vec<VonageAccount>) {
    for [name, key, secret, number] in DEMO_VONAGE {
        if !accounts.iter().any(|known| known.api_key == key) {
            accounts.push(VonageAccount::new(name, key, secret, number));
        }
    }
}

pub(super) fn demo_fields(_: &Url) -> Vec<(&'static str, String)> {
    let [_, key, secret, number] = DEMO_VONAGE[0];
    vec![("apiKey", key.to_owned()), ("apiSecret", secret.to_owned()), ("sender", number.to_owned())]
}

pub(super) fn demo_accounts() -> Vec<DemoAccount> {
    let account = |[name, key, secret, number]: [&'static str; 4]| DemoAccount {
        name,
        facts: vec![
            ("API key", key.to_owned()),
            ("API secret", secret.to_owned()),
            ("Sender", number.to_owned()),
        ],
    };
    DEMO_VONAGE.into_iter().map(account).collect()
}

pub(super) fn router(shared: Arc<Shared>) -> Router {
    let gate = Gate { provider: ProviderId::Vonage, shared: Arc::clone(&shared), account_name, error: fault };
    Router::new()
        .route("/account/get-balance", get(show_balance))
        .route("/sms/json", post(send))
        .fallback(|| async { error(StatusCode::NOT_FOUND, "404", "not found") })
        .layer(middleware::from_fn_with_state(gate, gate::pass))
        .with_state(shared)
}

/// The account API's form of an error.
fn error(status: StatusCode, code: &str, label: &str) -> Response {
    (status, Json(json!({ "error-code": code, "error-code-label": label }))).into_response()
}

fn fault(fault: Fault) -> Response {
    match fault {
        Fault::Forbidden => error(StatusCode::FORBIDDEN, "403", "not allowed"),
        Fault::Suspended => error(StatusCode::FORBIDDEN, "8", "partner account barred"),
        Fault::Throttled => error(StatusCode::TOO_MANY_REQUESTS, "429", "too many requests"),
        Fault::ServerError => error(StatusCode::INTERNAL_SERVER_ERROR, "500", "internal error"),
        Fault::ErrorInside => error(StatusCode::OK, "500", "internal error"),
        _ => error(StatusCode::UNAUTHORIZED, "401", "authentication failed"),
    }
}

fn find_account(shared: &Shared, headers: &HeaderMap) -> Option<VonageAccount> {
    let encoded = headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
    let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (key, secret) = text.split_once(':')?;
    find(shared, key, secret)
}

fn find(shared: &Shared, key: &str, secret: &str) -> Option<VonageAccount> {
    let fits = |account: &&VonageAccount| account.api_key == key && account.api_secret == secret;
    shared.read(|world| world.vonage.iter().find(fits).cloned())
}

fn account_name(shared: &Shared, headers: &HeaderMap) -> Option<String> {
    find_account(shared, headers).map(|account| account.name)
}

async fn show_balance(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    match find_account(&shared, &headers) {
        Some(account) => Json(json!({ "value": account.balance, "autoReload": false })).into_response(),
        None => fault(Fault::Unauthorized),
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct MessageForm {
    api_key: String,
    api_secret: String,
    from: String,
    to: String,
    text: String,
}

async fn send(State(shared): State<Arc<Shared>>, Form(form): Form<MessageForm>) -> Response {
    let account = find(&shared, &form.api_key, &form.api_secret);
    if let Err((status, text)) = judge(account.as_ref(), &form) {
        let part = json!({ "status": status, "error-text": text });
        return Json(json!({ "message-count": "1", "messages": [part] })).into_response();
    }
    let Some(account) = account else { return fault(Fault::Unauthorized) };
    let sid = Uuid::new_v4().simple().to_string()[..16].to_ascii_uppercase();
    let balance = account.balance - 0.05;
    let part = json!({
        "to": form.to, "message-id": sid, "status": "0", "remaining-balance": format!("{balance:.8}"),
        "message-price": "0.05000000", "network": "12345",
    });
    let entry = PhoneLogEntry {
        sid,
        account_sid: account.api_key.clone(),
        account: format!("{} at Vonage", account.name),
        from: Some(form.from),
        messaging_service_sid: None,
        to: format!("+{}", form.to),
        body: form.text,
        status_callback: None,
        at: OffsetDateTime::now_utc(),
    };
    shared.change(|world| {
        if let Some(own) = world.vonage.iter_mut().find(|own| own.api_key == account.api_key) {
            own.balance = balance;
        }
        world.texts.push(entry);
    });
    Json(json!({ "message-count": "1", "messages": [part] })).into_response()
}

/// Status and words of a message that is not taken.
fn judge(account: Option<&VonageAccount>, form: &MessageForm) -> Result<(), (&'static str, &'static str)> {
    let Some(account) = account else { return Err(("4", "Bad Credentials")) };
    let is_number = |text: &str| (7..=15).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    let is_name = (1..=11).contains(&form.from.len()) && form.from.bytes().any(|b| b.is_ascii_alphabetic());
    // Numbers that stand for what Vonage may answer.
    match form.to.as_str() {
        "15005550001" => return Err(("1", "Throughput Rate Exceeded - please wait [ 250 ] and retry")),
        "15005550005" => return Err(("5", "Internal Error")),
        _ => {}
    }
    if account.is_suspended {
        Err(("8", "Partner account barred"))
    } else if form.to.is_empty() || form.from.is_empty() || form.text.is_empty() {
        Err(("2", "Missing mandatory params"))
    } else if !is_number(&form.to) {
        Err(("3", "Invalid value for param: to"))
    } else if account.balance <= 0.0 {
        Err(("9", "Partner quota exceeded"))
    } else if account.barred.contains(&form.to) {
        Err(("7", "The number you are trying to submit to is blacklisted and may not receive messages"))
    } else if !is_name && !account.numbers.contains(&form.from) {
        Err(("15", "Illegal Sender Address - rejected"))
    } else {
        Ok(())
    }
}
