//! The ElevenLabs stand-in: keys with and without permissions, plans, voices.

#![expect(clippy::result_large_err, reason = "an error here is the finished answer of a stand-in")]

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router, middleware};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::domain::ProviderId;

use super::faults::Fault;
use super::gate::{self, Gate};
use super::stand_ins::DemoAccount;
use super::state::Shared;

/// A key of the ElevenLabs stand-in.
#[derive(Clone, Copy, Debug)]
pub struct DemoElevenLabs {
    pub name: &'static str,
    pub key: &'static str,
    pub user_id: &'static str,
    /// `user_read`, `voices_read`.
    pub permissions: &'static [&'static str],
    pub tier: &'static str,
    pub status: &'static str,
    pub used: i64,
    pub limit: i64,
}

const ALL_PERMISSIONS: &[&str] = &["user_read", "voices_read", "text_to_speech"];

/// The demo keys: one for each clinic, one that only speaks, one whose characters are used up, one
/// of the older form, one that always meets a busy system.
pub const DEMO_ELEVENLABS: [DemoElevenLabs; 6] = [
    DemoElevenLabs {
        name: "Sunrise Dental",
        key: "sk_aaaa0000aaaa0000aaaa0000aaaa0000aaaa0000aaaa0000",
        user_id: "demo-sunrise",
        permissions: ALL_PERMISSIONS,
        tier: "creator",
        status: "active",
        used: 21_500,
        limit: 100_000,
    },
    DemoElevenLabs {
        name: "Harbor Clinic",
        key: "sk_bbbb0000bbbb0000bbbb0000bbbb0000bbbb0000bbbb0000",
        user_id: "demo-harbor",
        permissions: ALL_PERMISSIONS,
        tier: "starter",
        status: "active",
        used: 1_200,
        limit: 30_000,
    },
    DemoElevenLabs {
        name: "Sunrise Dental, speaks only",
        key: "sk_aaaa1111aaaa1111aaaa1111aaaa1111aaaa1111aaaa1111",
        user_id: "demo-sunrise",
        permissions: &["text_to_speech"],
        tier: "creator",
        status: "active",
        used: 21_500,
        limit: 100_000,
    },
    DemoElevenLabs {
        name: "Used up",
        key: "sk_cccc0000cccc0000cccc0000cccc0000cccc0000cccc0000",
        user_id: "demo-used-up",
        permissions: ALL_PERMISSIONS,
        tier: "free",
        status: "free",
        used: 10_000,
        limit: 10_000,
    },
    DemoElevenLabs {
        name: "Older key, payment overdue",
        key: "dddd0000dddd0000dddd0000dddd0000",
        user_id: "demo-older",
        permissions: ALL_PERMISSIONS,
        tier: "pro",
        status: "past_due",
        used: 0,
        limit: 500_000,
    },
    DemoElevenLabs {
        name: "System busy",
        key: "sk_eeee0000eeee0000eeee0000eeee0000eeee0000eeee0000",
        user_id: "demo-busy",
        permissions: &[BUSY],
        tier: "starter",
        status: "active",
        used: 0,
        limit: 30_000,
    },
];

/// In place of permissions: whatever the key asks for, the system is busy.
const BUSY: &str = "system_busy";

/// The demo keys, for the page.
pub(super) fn accounts() -> Vec<DemoAccount> {
    let account = |demo: &DemoElevenLabs| DemoAccount {
        name: demo.name,
        facts: vec![("API key", demo.key.to_owned())],
    };
    DEMO_ELEVENLABS.iter().map(account).collect()
}

pub(super) fn router(shared: Arc<Shared>) -> Router {
    let gate =
        Gate { provider: ProviderId::ElevenLabs, shared: Arc::clone(&shared), account_name, error: fault };
    Router::new()
        .route("/v1/user", get(show_user))
        .route("/v1/user/subscription", get(show_subscription))
        .route("/v2/voices", get(list_voices))
        .fallback(|| async { (StatusCode::NOT_FOUND, Json(json!({ "detail": "Not Found" }))) })
        .layer(middleware::from_fn_with_state(gate, gate::pass))
        .with_state(shared)
}

/// ElevenLabs' form of an error, with the older member `status` and the newer `type` and `code`.
fn error(status: StatusCode, kind: &str, code: &str, word: &str, message: &str) -> Response {
    let detail = json!({ "type": kind, "code": code, "status": word, "message": message });
    (status, Json(json!({ "detail": detail }))).into_response()
}

fn invalid_key() -> Response {
    let kind = "authentication_error";
    error(StatusCode::UNAUTHORIZED, kind, "unauthorized", "invalid_api_key", "Invalid API key")
}

fn fault(fault: Fault) -> Response {
    match fault {
        Fault::Forbidden => error(
            StatusCode::FORBIDDEN,
            "authorization_error",
            "forbidden",
            "only_for_creator+",
            "This is only available for creator and above.",
        ),
        Fault::Suspended => error(
            StatusCode::UNAUTHORIZED,
            "authentication_error",
            "unauthorized",
            "detected_unusual_activity",
            "Unusual activity detected. Free Tier usage disabled.",
        ),
        Fault::Throttled => error(
            StatusCode::TOO_MANY_REQUESTS,
            "rate_limit_error",
            "concurrent_limit_exceeded",
            "too_many_concurrent_requests",
            "Too many concurrent requests.",
        ),
        Fault::ServerError | Fault::ErrorInside => {
            let status =
                if fault == Fault::ErrorInside { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR };
            error(status, "internal_error", "internal_error", "internal_server_error", "Something went wrong")
        }
        _ => invalid_key(),
    }
}

fn caller(headers: &HeaderMap) -> Option<&'static DemoElevenLabs> {
    let key = headers.get("xi-api-key")?.to_str().ok()?;
    DEMO_ELEVENLABS.iter().find(|demo| demo.key == key)
}

fn account_name(_: &Shared, headers: &HeaderMap) -> Option<String> {
    caller(headers).map(|demo| demo.name.to_owned())
}

/// Signs in with a key that has that permission.
fn sign_in(headers: &HeaderMap, permission: &str) -> Result<&'static DemoElevenLabs, Response> {
    let demo = caller(headers).ok_or_else(invalid_key)?;
    if demo.permissions.contains(&permission) {
        return Ok(demo);
    }
    if demo.permissions.contains(&BUSY) {
        let message = "The system is experiencing heavy traffic. Please try again.";
        return Err(error(StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", BUSY, BUSY, message));
    }
    let message =
        format!("The API key you used is missing the permission {permission} to execute this operation.");
    Err(error(
        StatusCode::UNAUTHORIZED,
        "authentication_error",
        "unauthorized",
        "missing_permissions",
        &message,
    ))
}

fn subscription(demo: &DemoElevenLabs) -> Value {
    json!({
        "tier": demo.tier,
        "character_count": demo.used,
        "character_limit": demo.limit,
        "max_character_limit_extension": null,
        "can_extend_character_limit": true,
        "allowed_to_extend_character_limit": false,
        // The start of 2030: a day that stays the same in pictures.
        "next_character_count_reset_unix": 1_893_456_000,
        "voice_slots_used": 1,
        "professional_voice_slots_used": 0,
        "voice_limit": 30,
        "voice_add_edit_counter": 0,
        "professional_voice_limit": 1,
        "can_extend_voice_limit": false,
        "can_use_instant_voice_cloning": true,
        "can_use_professional_voice_cloning": false,
        "currency": "usd",
        "status": demo.status,
    })
}

async fn show_user(headers: HeaderMap) -> Result<Json<Value>, Response> {
    let demo = sign_in(&headers, "user_read")?;
    Ok(Json(json!({
        "user_id": demo.user_id,
        "subscription": subscription(demo),
        "is_new_user": false,
        "can_use_delayed_payment_methods": false,
        "is_onboarding_completed": true,
        "is_onboarding_checklist_completed": true,
        "created_at": 1_767_225_600,
        "xi_api_key": demo.key,
        "first_name": demo.name,
    })))
}

async fn show_subscription(headers: HeaderMap) -> Result<Json<Value>, Response> {
    Ok(Json(subscription(sign_in(&headers, "user_read")?)))
}

#[derive(Deserialize)]
struct VoiceQuery {
    page_size: Option<usize>,
}

async fn list_voices(
    State(_): State<Arc<Shared>>,
    headers: HeaderMap,
    Query(query): Query<VoiceQuery>,
) -> Result<Json<Value>, Response> {
    sign_in(&headers, "voices_read")?;
    let page_size = query.page_size.unwrap_or(10);
    if page_size > 100 {
        let problem =
            json!({ "loc": ["query", "page_size"], "msg": "must be at most 100", "type": "value_error" });
        return Err((StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "detail": [problem] }))).into_response());
    }
    let voice = |(id, name, category): (&str, &str, &str)| {
        json!({
            "voice_id": id,
            "name": name,
            "category": category,
            "labels": {},
            "is_owner": false,
            "available_for_tiers": [],
            "high_quality_base_model_ids": [],
        })
    };
    let voices: Vec<Value> = [
        ("21m00Tcm4TlvDq8ikWAM", "Rachel", "premade"),
        ("EXAVITQu4vr4xnSDxMaL", "Sarah", "premade"),
        ("demoFrontDeskVoice00", "Front desk", "cloned"),
    ]
    .into_iter()
    .take(page_size)
    .map(voice)
    .collect();
    Ok(Json(json!({ "voices": voices, "has_more": false, "total_count": 3, "next_page_token": null })))
}
