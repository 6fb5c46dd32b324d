//! The sandbox's own page: switches, calls, the phone log and what was seen. Plain HTML and forms.
//!
//! It listens on loopback only and still refuses forms of other sites, since any page in the
//! same browser could otherwise reach it.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Form, Request, State};
use axum::http::header::{CONTENT_SECURITY_POLICY, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use uuid::Uuid;

use crate::domain::ProviderId;

use super::call::{self, CallScript, CallTranscript, ToolUse};
use super::faults::Fault;
use super::gate::SeenRequest;
use super::page_hooks;
use super::receiver::HookBehaviour;
use super::stand_ins::{self, STAND_INS};
use super::state::Shared;

#[derive(Clone)]
struct Page {
    shared: Arc<Shared>,
}

pub(super) fn router(shared: Arc<Shared>) -> Router {
    let page = Page { shared };
    Router::new()
        .route("/", get(show))
        .route("/faults", post(set_faults))
        .route("/calls", post(place_call))
        .route("/hooks", post(set_hook))
        .layer(middleware::from_fn(refuse_other_sites))
        .with_state(page)
}

async fn refuse_other_sites(request: Request, next: Next) -> Response {
    if !is_own_request(request.headers()) {
        return (StatusCode::FORBIDDEN, "This page takes no forms of other sites.").into_response();
    }
    let mut response = next.run(request).await;
    let policy = HeaderValue::from_static(
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    );
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    response
}

/// The host must be a loopback name, so that no foreign name can be pointed here either.
fn is_own_request(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(HOST).unwrap_or_default();
    let is_loopback = ["127.0.0.1:", "localhost:"].iter().any(|own| host.starts_with(own));
    is_loopback && text(ORIGIN).is_none_or(|origin| origin == format!("http://{host}"))
}

/// By the words of the providers; a provider that is not named works again.
type FaultForm = HashMap<String, String>;

async fn set_faults(State(page): State<Page>, Form(form): Form<FaultForm>) -> Redirect {
    let faults = &page.shared.faults;
    for provider in ProviderId::ALL {
        let word = form.get(provider.as_str()).map(String::as_str).unwrap_or_default();
        faults.set(provider, Fault::parse(word).unwrap_or_default());
    }
    faults.refuse_credentials(form.contains_key("refuse_credentials"));
    Redirect::to("/")
}

#[derive(Deserialize)]
struct HookForm {
    path: String,
    secret: String,
    behaviour: String,
}

async fn set_hook(State(page): State<Page>, Form(form): Form<HookForm>) -> Redirect {
    let path = form.path.trim().trim_matches('/');
    if let Some(behaviour) = HookBehaviour::parse(&form.behaviour) {
        page.shared.receiver.set_behaviour(path, behaviour);
    }
    let secret = form.secret.trim();
    page.shared
        .receiver
        .set_secrets(path, if secret.is_empty() { &[] } else { std::slice::from_ref(&secret) });
    Redirect::to("/")
}

#[derive(Deserialize)]
struct CallForm {
    assistant: Uuid,
    customer: String,
    tool: String,
    arguments: String,
}

async fn place_call(State(page): State<Page>, Form(form): Form<CallForm>) -> Response {
    let mut script = CallScript { customer: form.customer, ..CallScript::default() };
    if !form.tool.is_empty() {
        let Ok(arguments) = serde_json::from_str(&form.arguments) else {
            return not_placed("The arguments are not a JSON object.");
        };
        script.tools.push(ToolUse { name: form.tool, arguments });
    }
    match call::place(&page.shared, form.assistant, &script).await {
        Ok(transcript) => Html(document("The call", &transcript_view(&transcript))).into_response(),
        Err(error) => not_placed(&error.to_string()),
    }
}

fn not_placed(why: &str) -> Response {
    let body = format!("<section><p>{}</p>{BACK}</section>", escape(why));
    (StatusCode::BAD_REQUEST, Html(document("The call was not placed", &body))).into_response()
}

async fn show(State(page): State<Page>) -> Html<String> {
    let body = format!(
        "<p>Stand-ins of every provider. Nothing here reaches a real account, and no message is really sent.</p><div class=pair>{}{}</div>{}{}<h2>Demo accounts</h2>\
         <div class=pair>{}</div>{}",
        call_form(&page.shared),
        phone_log(&page.shared),
        page_hooks::view(&page.shared),
        switches(&page.shared),
        accounts(),
        seen(&page.shared),
    );
    Html(document("Sandbox", &body))
}

fn call_form(shared: &Shared) -> String {
    let options = shared.read(|world| {
        world.vapi.assistants.iter().rev().fold(String::new(), |mut options, stored| {
            let name = escape(stored.body["name"].as_str().unwrap_or("unnamed"));
            let account = world.vapi.accounts.iter().find(|account| account.org_id == stored.org_id);
            let account = escape(account.map_or("", |account| &account.name));
            let _ = write!(options, "<option value={}>{account}: {name}</option>", stored.id);
            options
        })
    });
    if options.is_empty() {
        return section(
            "Place a call",
            "<p>No assistant exists yet: connect Vapi in the dashboard first.</p>",
        );
    }
    section(
        "Place a call",
        &format!(
            "<p>Somebody calls, the assistant uses a tool, and Vapi reports the call when it ends.</p>\
             <form method=post action=/calls>\
             <div class=field><label for=assistant>Assistant</label><select id=assistant name=assistant>{options}</select></div>\
             <div class=fields>\
             <div class=field><label for=customer>Caller</label><input id=customer name=customer value=\"+15550100199\"></div>\
             <div class=field><label for=tool>Tool</label><input id=tool name=tool value=send_sms aria-describedby=tool-help>\
             <small id=tool-help>Leave empty for a call without tools.</small></div></div>\
             <div class=field><label for=arguments>Arguments</label><textarea id=arguments name=arguments rows=3 \
             aria-describedby=arguments-help>{{\"to\": \"+15550100199\", \"message\": \"Your cleaning is on Monday at 9:00.\"}}</textarea>\
             <small id=arguments-help>What the assistant passes to the tool, as a JSON object.</small></div>\
             <button>Place call</button></form>"
        ),
    )
}

fn phone_log(shared: &Shared) -> String {
    let messages = shared.read(|world| {
        world.phone_log().iter().rev().take(50).fold(String::new(), |mut items, message| {
            let from =
                message.from.as_deref().or(message.messaging_service_sid.as_deref()).unwrap_or("anybody");
            let _ = write!(
                items,
                "<li><div><span>To <strong>{}</strong> from {} ({})</span><span>{}, {}</span></div><p>{}</p></li>",
                escape(&message.to),
                escape(from),
                escape(&message.account),
                time_of_day(message.at),
                message.status(),
                escape(&message.body)
            );
            items
        })
    });
    if messages.is_empty() {
        return section(
            "Phone log",
            "<p>No message yet. Every text message that would have been sent appears here.</p>",
        );
    }
    // A list that scrolls must be reachable with the keyboard.
    section(
        "Phone log",
        &format!("<ul class=log tabindex=0 aria-label=\"Messages, newest first\">{messages}</ul>"),
    )
}

fn switches(shared: &Shared) -> String {
    let select = |provider: ProviderId| {
        let label = stand_ins::of(provider).name;
        let now = shared.faults.of(provider);
        let options = Fault::ALL.iter().fold(String::new(), |mut options, fault| {
            let selected = if *fault == now { " selected" } else { "" };
            let _ = write!(options, "<option value={}{selected}>{}</option>", fault.as_str(), fault.label());
            options
        });
        let name = provider.as_str();
        format!(
            "<div class=field><label for={name}>{label}</label><select id={name} name={name}>{options}</select></div>"
        )
    };
    let checked = if shared.faults.refuses_credentials() { " checked" } else { "" };
    section(
        "Failures",
        &format!(
            "<p>How each provider answers, until it is set back.</p><form method=post action=/faults>\
             <div class=fields>{}</div><label class=choice><input type=checkbox name=refuse_credentials \
             value=on{checked}> Vapi refuses to store the key that signs webhooks</label><button>Apply</button></form>",
            ProviderId::ALL.map(select).concat(),
        ),
    )
}

fn accounts() -> String {
    let card = |provider: &str, name: &str, facts: &[(&str, String)]| {
        let facts = facts.iter().fold(String::new(), |mut facts, (label, value)| {
            let _ = write!(facts, "<dt>{label}</dt><dd><code>{value}</code></dd>");
            facts
        });
        format!("<section><h3>{provider}: {name}</h3><dl>{facts}</dl></section>")
    };
    let cards = STAND_INS.iter().flat_map(|stand_in| {
        (stand_in.accounts)().into_iter().map(|account| card(stand_in.name, account.name, &account.facts))
    });
    cards.collect()
}

fn seen(shared: &Shared) -> String {
    let mut requests: Vec<SeenRequest> =
        ProviderId::ALL.into_iter().flat_map(|provider| shared.seen.list(provider)).collect();
    requests.sort_by_key(|request| std::cmp::Reverse(request.at));
    if requests.is_empty() {
        return section("Requests to the providers", "<p>No request yet.</p>");
    }
    let rows = requests.iter().take(100).fold(String::new(), |mut rows, request| {
        let account = request.account.as_deref().unwrap_or("unknown");
        let _ = write!(
            rows,
            "<tr><td>{}<td>{}<td><code>{} {}</code><td>{} <small>{}</small><td>{}",
            time_of_day(request.at),
            request.provider.as_str(),
            escape(&request.method),
            escape(&request.path),
            escape(account),
            request.credential_fingerprint,
            request.status
        );
        rows
    });
    let heads = ["Time (UTC)", "Provider", "Request", "Signed in as", "Status"];
    section("Requests to the providers", &table(&heads, &rows))
}

fn transcript_view(transcript: &CallTranscript) -> String {
    let rows = transcript.steps.iter().fold(String::new(), |mut rows, step| {
        let status = step.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
        let _ = write!(
            rows,
            "<tr><td>{}<td>{status}<td>{} ms<td><code>{}</code>",
            escape(&step.message),
            step.millis,
            escape(&step.answer)
        );
        rows
    });
    let heads = ["Message", "Status", "Time", "Answer"];
    let caption = format!("Call {}", transcript.call_id);
    section(&caption, &(table(&heads, &rows) + BACK))
}

const BACK: &str = "<p><a href=/>Back to the sandbox</a></p>";

pub(super) fn section(title: &str, body: &str) -> String {
    format!("<section><h2>{title}</h2>{body}</section>")
}

fn table(heads: &[&str], rows: &str) -> String {
    let heads = heads.join("<th scope=col>");
    format!(
        "<div class=frame tabindex=0><table><thead><tr><th scope=col>{heads}</thead><tbody>{rows}</tbody></table></div>"
    )
}

pub(super) fn document(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport \
         content=\"width=device-width, initial-scale=1\"><title>{title} - Voxanne sandbox</title><style>{STYLE}</style>\
         <main><h1>{title}</h1>{body}</main></html>"
    )
}

const STYLE: &str = include_str!("page.css");

pub(super) fn time_of_day(at: time::OffsetDateTime) -> String {
    format!("{:02}:{:02}:{:02}", at.hour(), at.minute(), at.second())
}

pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
