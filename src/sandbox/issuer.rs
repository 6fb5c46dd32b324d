//! The stand-in of an identity provider: a published key, and the key that signs for it.
//!
//! The pair is the example of RFC 8037, appendix A, which nobody can mistake for a real one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

const KEY_ID: &str = "demo";
const PUBLIC: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
/// PKCS #8 (RFC 8410) around the private half.
const PRIVATE: &str =
    "302e020100300506032b6570042204209d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";

/// Id and private key (PKCS #8) of what `/jwks` on the shared port publishes.
pub fn demo_issuer_key() -> (&'static str, Vec<u8>) {
    (KEY_ID, hex::decode(PRIVATE).unwrap_or_default())
}

pub(super) fn router(asked: Arc<AtomicU64>) -> Router {
    Router::new().route("/jwks", get(show)).with_state(asked)
}

async fn show(State(asked): State<Arc<AtomicU64>>) -> Json<Value> {
    asked.fetch_add(1, Ordering::Relaxed);
    Json(json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": KEY_ID, "x": PUBLIC }] }))
}
