//! Google's consent page and token service: addresses to open, codes to redeem, tokens to renew and
//! to give back. PKCE always (RFC 7636, S256).
//!
//! Written by hand over the one egress client: a library of its own would bring its own ideas of
//! requests, randomness and hashing for five form fields.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use url::Url;

use crate::vault::SecretText;

use super::super::egress::{ANSWER_LIMIT, Auth, Body, BulkheadKey, Call, Deadline, Egress, Reply};
use super::super::{answer, below};
use super::errors::GoogleError;
use super::records::{IdClaims, TokenAnswer};

/// An OAuth client: the platform's, or a clinic's own.
#[derive(Clone, Debug)]
pub struct OAuthClient {
    pub id: String,
    pub secret: SecretText,
}

/// What the consent page is asked.
pub struct ConsentRequest<'a> {
    pub client_id: &'a str,
    pub redirect_uri: &'a str,
    pub scopes: &'a [&'a str],
    pub state: &'a str,
    pub nonce: &'a str,
    pub verifier: &'a str,
    /// The account that is known already.
    pub login_hint: Option<&'a str>,
    /// Ask for consent although it may have been given: only then comes a refresh token for sure.
    pub ask_again: bool,
}

/// The address of the consent page.
pub fn consent_url(accounts: &Url, request: &ConsentRequest<'_>) -> Url {
    let mut url = below(accounts, &["o", "oauth2", "v2", "auth"]);
    let mut query = url.query_pairs_mut();
    query
        .append_pair("client_id", request.client_id)
        .append_pair("redirect_uri", request.redirect_uri)
        .append_pair("response_type", "code")
        .append_pair("scope", &request.scopes.join(" "))
        .append_pair("access_type", "offline")
        .append_pair("include_granted_scopes", "true")
        .append_pair("prompt", if request.ask_again { "consent select_account" } else { "select_account" })
        .append_pair("state", request.state)
        .append_pair("nonce", request.nonce)
        .append_pair("code_challenge", &challenge(request.verifier))
        .append_pair("code_challenge_method", "S256");
    if let Some(hint) = request.login_hint {
        query.append_pair("login_hint", hint);
    }
    drop(query);
    url
}

/// The challenge of a code verifier.
pub fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

/// What a code or a refresh token was exchanged for.
#[derive(Clone, Debug)]
pub struct Tokens {
    pub access: SecretText,
    /// Absent where Google expects that an earlier one is still known.
    pub refresh: Option<SecretText>,
    /// What was really granted; in Google's order, which means nothing.
    pub scopes: Vec<String>,
    /// Seconds that the access token lives.
    pub expires_in: i64,
    /// Who the account is. The token came straight from Google over TLS, so its signature tells
    /// nothing more (`OpenID` Connect Core, 3.1.3.7).
    pub identity: Option<IdClaims>,
}

/// Google's token service, as seen with one OAuth client.
#[derive(Clone, Copy)]
pub struct TokenService<'a> {
    pub egress: &'a Egress,
    pub base: &'a Url,
    pub client: &'a OAuthClient,
    pub bulkhead: BulkheadKey,
    pub deadline: Deadline,
}

impl TokenService<'_> {
    /// Redeems a code, with the verifier that its challenge was made from.
    pub async fn redeem(
        &self,
        code: &str,
        verifier: &str,
        redirect_uri: &str,
    ) -> Result<Tokens, GoogleError> {
        let pairs = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("code_verifier", verifier),
            ("redirect_uri", redirect_uri),
            ("client_id", &self.client.id),
            ("client_secret", self.client.secret.expose()),
        ];
        read_tokens(&self.post("token", "/token", &pairs).await?)
    }

    /// Gets a new access token.
    pub async fn refresh(&self, refresh_token: &SecretText) -> Result<Tokens, GoogleError> {
        let pairs = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token.expose()),
            ("client_id", &self.client.id),
            ("client_secret", self.client.secret.expose()),
        ];
        read_tokens(&self.post("token", "/token", &pairs).await?)
    }

    /// Gives a token back, and with it everything that the account has granted to the client. One
    /// that Google does not know any more was given back already.
    pub async fn revoke(&self, token: &SecretText) -> Result<(), GoogleError> {
        match self.post("revoke", "/revoke", &[("token", token.expose())]).await {
            Ok(_) | Err(GoogleError::GrantGone | GoogleError::Invalid { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn post(
        &self,
        path: &str,
        template: &'static str,
        pairs: &[(&str, &str)],
    ) -> Result<Reply, GoogleError> {
        let call = Call {
            method: reqwest::Method::POST,
            url: below(self.base, &[path]),
            template,
            auth: Auth::None,
            body: Body::Form(pairs),
            bulkhead: self.bulkhead,
            answer_limit: ANSWER_LIMIT,
        };
        let reply = self.egress.send(call, self.deadline).await.map_err(GoogleError::Transport)?;
        if (200..300).contains(&reply.status) { Ok(reply) } else { Err(GoogleError::of_token_reply(&reply)) }
    }
}

fn read_tokens(reply: &Reply) -> Result<Tokens, GoogleError> {
    if super::client::has_error_inside(reply) {
        return Err(GoogleError::Unexpected(answer::Unexpected::ErrorInside));
    }
    let answer: TokenAnswer = answer::read(reply).map_err(GoogleError::Unexpected)?;
    Ok(Tokens {
        access: SecretText::new(answer.access_token),
        refresh: answer.refresh_token.filter(|token| !token.is_empty()).map(SecretText::new),
        scopes: answer.scope.split_ascii_whitespace().map(full_scope).collect(),
        expires_in: answer.expires_in.clamp(0, 24 * 3600),
        identity: answer.id_token.as_deref().and_then(read_claims),
    })
}

/// Google answers short names with their long forms, and not always: one form is kept.
fn full_scope(scope: &str) -> String {
    match scope {
        "email" => "https://www.googleapis.com/auth/userinfo.email".to_owned(),
        "profile" => "https://www.googleapis.com/auth/userinfo.profile".to_owned(),
        other => other.to_owned(),
    }
}

/// The claims in the middle of an identity token.
fn read_claims(token: &str) -> Option<IdClaims> {
    let claims = token.split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_that_of_the_standard() {
        // RFC 7636, appendix B.
        assert_eq!(
            challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }

    #[test]
    fn a_token_answer_is_read_whatever_form_its_scopes_have() {
        let claims = URL_SAFE_NO_PAD.encode(r#"{"iss":"a","aud":"b","sub":"c","nonce":"d"}"#);
        let body = format!(
            r#"{{"access_token":"ya29","expires_in":3599,"scope":"openid email","id_token":"x.{claims}.y"}}"#
        );
        let reply = Reply { status: 200, retry_after: None, is_html: false, body: body.into() };
        let tokens = read_tokens(&reply).unwrap();
        assert_eq!(tokens.scopes, ["openid", "https://www.googleapis.com/auth/userinfo.email"]);
        assert!(tokens.refresh.is_none());
        assert_eq!(tokens.identity.unwrap().sub, "c");
    }
}
