//! What takes a clinic's events in the n8n stand-in: it writes down what came, verifies signatures where
//! it was told the secret, and fails as it is told.
//!
//! Signatures are verified by hand here, so that the product's own code is not its own witness.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;
use time::OffsetDateTime;

use super::listener::Cut;
use super::state::Shared;

/// Posts that are kept; older ones are forgotten.
const MOST_KEPT: usize = 5_000;
/// Seconds that a signature may be off.
const TOLERANCE: i64 = 300;

/// How a webhook answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HookBehaviour {
    /// 200, as a workflow that answers at once.
    #[default]
    Works,
    /// Nothing but this status.
    Status(u16),
    /// 429 with `Retry-After` in seconds.
    Throttled(u32),
    /// 200 after a while.
    Slow(Duration),
    /// No answer at all.
    Hang,
    /// The connection breaks before the post is looked at.
    Reset,
    /// 200, and a body without an end.
    Endless,
    /// 302 to another path here.
    Redirect,
}

impl HookBehaviour {
    /// By the word of the page's form.
    pub(super) fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "works" => Self::Works,
            "not_found" => Self::Status(404),
            "gone" => Self::Status(410),
            "server_error" => Self::Status(500),
            "throttled" => Self::Throttled(7),
            "slow" => Self::Slow(Duration::from_secs(3)),
            "hang" => Self::Hang,
            "reset" => Self::Reset,
            "endless" => Self::Endless,
            "redirect" => Self::Redirect,
            _ => return None,
        })
    }
}

/// The words of the form, and what they say.
pub(super) const BEHAVIOURS: [(&str, &str); 10] = [
    ("works", "Works"),
    ("not_found", "404: workflow is off"),
    ("gone", "410: gone"),
    ("server_error", "500: own problem"),
    ("throttled", "429: slow down (Retry-After 7 s)"),
    ("slow", "Slow (3 s)"),
    ("hang", "No answer"),
    ("reset", "Connection breaks"),
    ("endless", "An answer without an end"),
    ("redirect", "Points elsewhere"),
];

/// What a signature was worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureVerdict {
    /// Nobody told this webhook a secret.
    Unchecked,
    /// So many of its secrets verify it.
    Verified(usize),
    Refused,
}

/// A post that came.
#[derive(Clone, Debug)]
pub struct ReceivedHook {
    pub at: OffsetDateTime,
    /// Behind `/webhook/`.
    pub path: String,
    /// `webhook-id`.
    pub id: String,
    /// `webhook-timestamp`.
    pub timestamp: i64,
    pub signature: SignatureVerdict,
    pub headers: HeaderMap,
    pub body: String,
}

/// All webhooks of the stand-in.
#[derive(Default)]
pub(super) struct Receiver(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    received: VecDeque<ReceivedHook>,
    hooks: HashMap<String, Hook>,
}

#[derive(Clone, Default)]
struct Hook {
    secrets: Vec<String>,
    behaviour: HookBehaviour,
}

impl Receiver {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn list(&self) -> Vec<ReceivedHook> {
        self.lock().received.iter().cloned().collect()
    }

    pub(super) fn take(&self) -> Vec<ReceivedHook> {
        self.lock().received.drain(..).collect()
    }

    pub(super) fn clear(&self) {
        self.lock().received.clear();
    }

    pub(super) fn set_secrets(&self, path: &str, secrets: &[&str]) {
        let secrets = secrets.iter().map(|secret| (*secret).to_owned()).collect();
        self.lock().hooks.entry(path.to_owned()).or_default().secrets = secrets;
    }

    pub(super) fn set_behaviour(&self, path: &str, behaviour: HookBehaviour) {
        self.lock().hooks.entry(path.to_owned()).or_default().behaviour = behaviour;
    }

    /// The webhook of a path: those that were spoken of, the demo's own, and every one below a clinic's
    /// name, as a workflow would be made for it.
    fn find(&self, path: &str) -> Option<Hook> {
        let known = self.lock().hooks.get(path).cloned();
        known.or_else(|| (path == "bookings" || path.contains('/')).then(Hook::default))
    }
}

/// A production webhook.
pub(super) async fn receive(
    State(shared): State<std::sync::Arc<Shared>>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    Path(path): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(hook) = shared.receiver.find(&path) else {
        let body = json!({
            "code": 404,
            "message": format!("The requested webhook \"POST {path}\" is not registered."),
            "hint": "The workflow must be active for a production URL to run successfully.",
        });
        return (StatusCode::NOT_FOUND, Json(body)).into_response();
    };
    if hook.behaviour == HookBehaviour::Reset {
        cut.cut();
        return StatusCode::OK.into_response();
    }
    let text =
        |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let (id, timestamp) = (text("webhook-id"), text("webhook-timestamp").parse().unwrap_or_default());
    let now = OffsetDateTime::now_utc();
    let signature =
        judge(&hook.secrets, &id, timestamp, &text("webhook-signature"), &body, now.unix_timestamp());
    {
        let mut inner = shared.receiver.lock();
        if inner.received.len() == MOST_KEPT {
            inner.received.pop_front();
        }
        let body = String::from_utf8_lossy(&body).into_owned();
        inner.received.push_back(ReceivedHook { at: now, path, id, timestamp, signature, headers, body });
    }
    if signature == SignatureVerdict::Refused {
        return (StatusCode::FORBIDDEN, "Authorization data is wrong!").into_response();
    }
    answer(hook.behaviour).await
}

async fn answer(behaviour: HookBehaviour) -> Response {
    let started = || Json(json!({ "message": "Workflow was started" })).into_response();
    match behaviour {
        HookBehaviour::Works | HookBehaviour::Reset => started(),
        HookBehaviour::Status(status) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, Json(json!({ "code": 0, "message": "Error in workflow" }))).into_response()
        }
        HookBehaviour::Throttled(seconds) => {
            (StatusCode::TOO_MANY_REQUESTS, [("retry-after", seconds.to_string())]).into_response()
        }
        HookBehaviour::Slow(time) => {
            tokio::time::sleep(time).await;
            started()
        }
        HookBehaviour::Hang => std::future::pending().await,
        HookBehaviour::Endless => {
            let chunks = futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b'x'; 16 * 1024]));
            Body::from_stream(chunks).into_response()
        }
        HookBehaviour::Redirect => {
            (StatusCode::FOUND, [("location", "/n8n/webhook/demo/elsewhere")]).into_response()
        }
    }
}

/// How many of the secrets verify one of the signatures.
fn judge(
    secrets: &[String],
    id: &str,
    timestamp: i64,
    signatures: &str,
    body: &[u8],
    now: i64,
) -> SignatureVerdict {
    if secrets.is_empty() {
        return SignatureVerdict::Unchecked;
    }
    let verifies = |secret: &&String| {
        let Ok(key) = STANDARD.decode(secret.trim_start_matches("whsec_")) else { return false };
        signatures.split(' ').filter_map(|part| part.strip_prefix("v1,")).any(|part| {
            let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key) else { return false };
            mac.update(format!("{id}.{timestamp}.").as_bytes());
            mac.update(body);
            STANDARD.decode(part).is_ok_and(|given| mac.verify_slice(&given).is_ok())
        })
    };
    let good = secrets.iter().filter(verifies).count();
    if good == 0 || (now - timestamp).abs() > TOLERANCE {
        SignatureVerdict::Refused
    } else {
        SignatureVerdict::Verified(good)
    }
}
