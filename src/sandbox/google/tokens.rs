//! The token service and the identity of an account.

use axum::Json;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::world::{Code, GoogleWorld, now};
use super::{Answer, SharedState, sign_in, unauthenticated};

#[derive(Deserialize)]
pub(super) struct Exchange {
    #[serde(default)]
    grant_type: String,
    #[serde(default)]
    client_id: String,
    #[serde(default)]
    client_secret: String,
    code: Option<String>,
    code_verifier: Option<String>,
    redirect_uri: Option<String>,
    refresh_token: Option<String>,
}

/// The token service's form of an error.
fn refuse(status: StatusCode, error: &str, description: &str) -> Response {
    (status, Json(json!({ "error": error, "error_description": description }))).into_response()
}

fn invalid_grant(description: &str) -> Response {
    refuse(StatusCode::BAD_REQUEST, "invalid_grant", description)
}

pub(super) async fn exchange(State(shared): SharedState, Form(form): Form<Exchange>) -> Answer {
    shared.change(|world| {
        let google = &mut world.google;
        let client = google.client(&form.client_id).cloned();
        let is_known = client.is_some_and(|client| client.secret == form.client_secret);
        if !is_known {
            return Err(refuse(StatusCode::UNAUTHORIZED, "invalid_client", "Unauthorized"));
        }
        match form.grant_type.as_str() {
            "authorization_code" => redeem(google, &form),
            "refresh_token" => refresh(google, &form),
            _ => Err(refuse(StatusCode::BAD_REQUEST, "unsupported_grant_type", "Invalid grant_type")),
        }
    })
}

fn redeem(google: &mut GoogleWorld, form: &Exchange) -> Answer {
    let code = form.code.as_deref().unwrap_or_default();
    let Some(known) = google.codes.iter_mut().find(|known| known.code == code) else {
        return Err(invalid_grant("Malformed auth code."));
    };
    if known.is_used || known.at < now() - 600 || known.client != form.client_id {
        return Err(invalid_grant("Bad Request"));
    }
    if form.redirect_uri.as_deref() != Some(&known.redirect_uri) {
        return Err(refuse(StatusCode::BAD_REQUEST, "redirect_uri_mismatch", "Bad Request"));
    }
    let challenge = form.code_verifier.as_deref().map(|it| URL_SAFE_NO_PAD.encode(Sha256::digest(it)));
    if known.challenge != challenge {
        return Err(invalid_grant("Invalid code verifier."));
    }
    known.is_used = true;
    let code = known.clone();
    let refresh = code.gives_refresh.then(|| new_refresh(google, &code.client, &code.account, &code.scopes));
    let mut answer = token_answer(google, &code.client, &code.account, &code.scopes);
    if let Some(refresh) = refresh {
        answer["refresh_token"] = refresh.into();
    }
    answer["id_token"] = id_token(google, &code).into();
    Ok(Json(answer).into_response())
}

fn refresh(google: &mut GoogleWorld, form: &Exchange) -> Answer {
    let token = form.refresh_token.as_deref().unwrap_or_default();
    let grant = google.grants.iter_mut().find(|grant| {
        grant.client == form.client_id && grant.refresh_tokens.iter().any(|known| known == token)
    });
    let Some(grant) = grant else { return Err(invalid_grant("Token has been expired or revoked.")) };
    let at = grant.refresh_tokens.iter().position(|known| known == token).unwrap_or_default();
    let scopes = grant.refresh_scopes.get(at).unwrap_or(&grant.scopes).clone();
    let (client, account) = (grant.client.clone(), grant.account.clone());
    let mut answer = token_answer(google, &client, &account, &scopes);
    if google.rotates {
        if let Some(grant) = google.grants.iter_mut().find(|g| g.client == client && g.account == account) {
            grant.refresh_tokens.remove(at);
            if at < grant.refresh_scopes.len() {
                grant.refresh_scopes.remove(at);
            }
        }
        answer["refresh_token"] = new_refresh(google, &client, &account, &scopes).into();
    }
    Ok(Json(answer).into_response())
}

fn token_answer(google: &mut GoogleWorld, client: &str, account: &str, scopes: &[String]) -> Value {
    let access = google.issue(client, account, scopes);
    json!({
        "access_token": access.token,
        "expires_in": access.expires_at - now(),
        "scope": scopes.join(" "),
        "token_type": "Bearer",
    })
}

fn new_refresh(google: &mut GoogleWorld, client: &str, account: &str, scopes: &[String]) -> String {
    let token = format!("1//0{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    if let Some(grant) = google.grants.iter_mut().find(|g| g.client == client && g.account == account) {
        // One of an older state file is taken to cover everything.
        grant.refresh_scopes.resize(grant.refresh_tokens.len(), grant.scopes.clone());
        grant.refresh_tokens.push(token.clone());
        grant.refresh_scopes.push(scopes.to_vec());
    }
    token
}

/// An identity token with a signature that nobody could check: it is not asked for here.
fn id_token(google: &GoogleWorld, code: &Code) -> String {
    let email = google.account(&code.account).map(|account| account.email.clone());
    let claims = json!({
        "iss": google.issuer.as_deref().unwrap_or("https://accounts.google.com"),
        "aud": code.client,
        "sub": code.account,
        "email": email,
        "email_verified": true,
        "nonce": code.nonce,
        "iat": now(),
        "exp": now() + 3600,
    });
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.c2FuZGJveA", part(&json!({ "alg": "RS256", "typ": "JWT" })), part(&claims))
}

#[derive(Deserialize)]
pub(super) struct Revocation {
    #[serde(default)]
    token: String,
}

pub(super) async fn revoke(State(shared): SharedState, Form(form): Form<Revocation>) -> Answer {
    shared.change(|world| {
        let google = &mut world.google;
        let by_access = google.tokens.iter().find(|known| known.token == form.token);
        let by_access = by_access.map(|known| (known.client.clone(), known.account.clone()));
        let by_refresh = google.grants.iter().find(|grant| grant.refresh_tokens.contains(&form.token));
        let by_refresh = by_refresh.map(|grant| (grant.client.clone(), grant.account.clone()));
        let Some((client, account)) = by_access.or(by_refresh) else {
            return Err(refuse(StatusCode::BAD_REQUEST, "invalid_token", "Token expired or revoked"));
        };
        google.revoke(&client, &account);
        Ok(Json(json!({})).into_response())
    })
}

pub(super) async fn userinfo(State(shared): SharedState, headers: HeaderMap) -> Answer {
    let token = sign_in(&shared, &headers, &["openid", "userinfo.email"])?;
    let account = shared.read(|world| world.google.account(&token.account).cloned());
    let account = account.ok_or_else(unauthenticated)?;
    Ok(Json(json!({ "id": account.id, "email": account.email, "verified_email": true })).into_response())
}
