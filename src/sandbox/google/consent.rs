//! Google's consent page: a person picks an account, unticks what is not wanted, allows or cancels.
//!
//! What is wrong with the request itself is told on the page and never sent back, as at Google.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY};
use axum::response::{Html, IntoResponse, Redirect, Response};
use url::{Url, form_urlencoded};
use uuid::Uuid;

use super::super::page::{document, escape};
use super::super::state::Shared;
use super::SharedState;
use super::world::{Code, GoogleWorld, Grant, now};

/// Scopes that have no box: who signs in tells who it is.
const WITHOUT_BOX: [&str; 4] =
    ["openid", "email", "profile", "https://www.googleapis.com/auth/userinfo.email"];

/// Names and values, in order; a name may be there several times.
struct Pairs(Vec<(String, String)>);

impl Pairs {
    fn parse(text: &str) -> Self {
        Self(form_urlencoded::parse(text.as_bytes()).into_owned().collect())
    }

    fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What is wrong with a request, in Google's words.
fn problem(world: &GoogleWorld, query: &Pairs) -> Option<&'static str> {
    let Some(client) = world.client(query.text("client_id")) else {
        return Some("Error 401: invalid_client. The OAuth client was not found.");
    };
    let redirect = query.text("redirect_uri");
    let is_registered = match &client.redirects {
        Some(known) => known.iter().any(|one| one == redirect),
        None => Url::parse(redirect).is_ok_and(|url| {
            let is_own = matches!(url.host_str(), Some("127.0.0.1" | "localhost"));
            is_own && url.path() == "/api/auth/google/callback" && url.query().is_none()
        }),
    };
    if !is_registered {
        return Some("Error 400: redirect_uri_mismatch");
    }
    let is_complete = query.text("response_type") == "code" && !query.text("scope").is_empty();
    (!is_complete).then_some("Error 400: invalid_request")
}

fn page(status: StatusCode, title: &str, body: &str) -> Response {
    let mut response = (status, Html(document(title, body))).into_response();
    let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'";
    if let Ok(policy) = policy.parse() {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    response.headers_mut().insert(CACHE_CONTROL, axum::http::HeaderValue::from_static("no-store"));
    response
}

pub(super) async fn show(State(shared): SharedState, RawQuery(query): RawQuery) -> Response {
    let query = Pairs::parse(query.as_deref().unwrap_or_default());
    if let Some(problem) = shared.read(|world| problem(&world.google, &query)) {
        let body = format!("<section><p>{problem}</p></section>");
        return page(StatusCode::BAD_REQUEST, "Access blocked", &body);
    }
    let hint = query.text("login_hint");
    let accounts = shared.read(|world| {
        world.google.accounts.iter().enumerate().fold(String::new(), |mut list, (at, account)| {
            let is_picked = if hint.is_empty() { at == 0 } else { account.email == hint };
            let picked = if is_picked { " checked" } else { "" };
            let (id, email) = (escape(&account.id), escape(&account.email));
            let _ = write!(
                list,
                "<label class=choice><input type=radio name=account value=\"{id}\"{picked} required> {email}</label>"
            );
            list
        })
    });
    let boxes = query.text("scope").split(' ').filter(|scope| !WITHOUT_BOX.contains(scope)).fold(
        String::new(),
        |mut list, scope| {
            let (name, words) = (escape(scope), escape(words(scope)));
            let _ = write!(
                list,
                "<label class=choice><input type=checkbox name=allow value=\"{name}\" checked> {words}</label>"
            );
            list
        },
    );
    let hidden = query.0.iter().fold(String::new(), |mut list, (name, value)| {
        let _ = write!(list, "<input type=hidden name=\"{}\" value=\"{}\">", escape(name), escape(value));
        list
    });
    let body = format!(
        "<p>This is the sandbox. Nothing here is a real Google account.</p><form method=post action=auth>{hidden}\
         <section><h2>Choose an account</h2>{accounts}</section>\
         <section><h2>Select what Voxanne Integrations can access</h2>{boxes}</section>\
         <button name=decision value=allow>Continue</button> <button name=decision value=cancel>Cancel</button></form>"
    );
    page(StatusCode::OK, "Sign in with Google", &body)
}

fn words(scope: &str) -> &str {
    match scope.rsplit('/').next().unwrap_or_default() {
        "calendar.events" => "View and edit events on all your calendars",
        "calendar.freebusy" => "View your availability in your calendars",
        "calendar.calendarlist.readonly" => "See the list of Google calendars you are subscribed to",
        "spreadsheets" => "See, edit, create, and delete all your Google Sheets spreadsheets",
        _ => scope,
    }
}

pub(super) async fn decide(State(shared): SharedState, body: String) -> Response {
    let form = Pairs::parse(&body);
    if let Some(problem) = shared.read(|world| problem(&world.google, &form)) {
        let body = format!("<section><p>{problem}</p></section>");
        return page(StatusCode::BAD_REQUEST, "Access blocked", &body);
    }
    let Ok(mut back) = Url::parse(form.text("redirect_uri")) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    if form.text("decision") == "allow" {
        let Some((code, scopes)) = give_code(&shared, &form) else {
            return page(StatusCode::BAD_REQUEST, "Access blocked", "<section><p>No account.</p></section>");
        };
        back.query_pairs_mut().append_pair("code", &code).append_pair("scope", &scopes);
    } else {
        back.query_pairs_mut().append_pair("error", "access_denied");
    }
    let issuer = shared.read(|world| world.google.issuer.clone());
    back.query_pairs_mut()
        .append_pair("state", form.text("state"))
        .append_pair("iss", issuer.as_deref().unwrap_or("https://accounts.google.com"));
    Redirect::to(back.as_str()).into_response()
}

/// Gives out a code for what was ticked, together with what was granted before.
fn give_code(shared: &Arc<Shared>, form: &Pairs) -> Option<(String, String)> {
    let optional = |name: &str| Some(form.text(name)).filter(|text| !text.is_empty()).map(str::to_owned);
    let allowed: Vec<&str> = form.all("allow").collect();
    let ticked = form
        .text("scope")
        .split(' ')
        .filter(|scope| WITHOUT_BOX.contains(scope) || allowed.contains(scope))
        .map(str::to_owned);
    let mut scopes: Vec<String> = ticked.collect();
    shared.change(|world| {
        let google = &mut world.google;
        let account = google.account(form.text("account"))?.id.clone();
        let client = form.text("client_id").to_owned();
        let earlier = google.grants.iter().find(|grant| grant.client == client && grant.account == account);
        let is_first = earlier.is_none();
        if form.text("include_granted_scopes") == "true" {
            for scope in earlier.map(|grant| grant.scopes.clone()).unwrap_or_default() {
                if !scopes.contains(&scope) {
                    scopes.push(scope);
                }
            }
        }
        match google.grants.iter_mut().find(|grant| grant.client == client && grant.account == account) {
            Some(grant) => grant.scopes.clone_from(&scopes),
            None => google.grants.push(Grant {
                client: client.clone(),
                account: account.clone(),
                scopes: scopes.clone(),
                refresh_tokens: Vec::new(),
                refresh_scopes: Vec::new(),
            }),
        }
        let code = format!("4/0A{}", Uuid::new_v4().simple());
        google.codes.retain(|known| known.at > now() - 600);
        google.codes.push(Code {
            code: code.clone(),
            client,
            redirect_uri: form.text("redirect_uri").to_owned(),
            challenge: optional("code_challenge").filter(|_| form.text("code_challenge_method") == "S256"),
            nonce: optional("nonce"),
            account,
            scopes: scopes.clone(),
            gives_refresh: form.text("access_type") == "offline"
                && (is_first || form.text("prompt").contains("consent")),
            is_used: false,
            at: now(),
        });
        Some((code, scopes.join(" ")))
    })
}
