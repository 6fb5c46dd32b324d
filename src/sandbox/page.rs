//! The sandbox's own page: switches, calls, the phone log and what was seen. Plain HTML and forms.
//!
//! It listens on loopback only and still refuses forms of other sites, since any page in the
//! same browser could otherwise reach it.

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
use url::Url;
use uuid::Uuid;

use crate::domain::ProviderId;

use super::call::{self, CallScript, CallTranscript, ToolUse};
use super::demo::{DEMO_TWILIO, DEMO_VAPI};
use super::faults::Fault;
use super::gate::SeenRequest;
use super::state::Shared;

#[derive(Clone)]
struct Page {
    shared: Arc<Shared>,
    vapi_url: Url,
    twilio_url: Url,
}

pub(super) fn router(shared: Arc<Shared>, vapi_url: &Url, twilio_url: &Url) -> Router {
    let page = Page { shared, vapi_url: vapi_url.clone(), twilio_url: twilio_url.clone() };
    Router::new()
        .route("/", get(show))
        .route("/faults", post(set_faults))
        .route("/calls", post(place_call))
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

#[derive(Deserialize)]
struct FaultForm {
    vapi: String,
    twilio: String,
    #[serde(default)]
    refuse_credentials: Option<String>,
}

async fn set_faults(State(page): State<Page>, Form(form): Form<FaultForm>) -> Redirect {
    let faults = &page.shared.faults;
    faults.set(ProviderId::Vapi, Fault::parse(&form.vapi).unwrap_or_default());
    faults.set(ProviderId::Twilio, Fault::parse(&form.twilio).unwrap_or_default());
    faults.refuse_credentials(form.refuse_credentials.is_some());
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
            return (StatusCode::BAD_REQUEST, "The arguments are not JSON.").into_response();
        };
        script.tools.push(ToolUse { name: form.tool, arguments });
    }
    match call::place(&page.shared, form.assistant, &script).await {
        Ok(transcript) => Html(document("The call", &transcript_view(&transcript))).into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    }
}

async fn show(State(page): State<Page>) -> Html<String> {
    let body = format!(
        "<p>Stand-ins of Vapi at <code>{}</code> and Twilio at <code>{}</code>. Nothing here reaches a real \
         account, and no message is really sent.</p>{}{}{}{}{}",
        page.vapi_url,
        page.twilio_url,
        switches(&page.shared),
        call_form(&page.shared),
        phone_log(&page.shared),
        accounts(),
        seen(&page.shared),
    );
    Html(document("Sandbox", &body))
}

fn switches(shared: &Shared) -> String {
    let select = |provider: ProviderId, label: &str| {
        let now = shared.faults.of(provider);
        let options = Fault::ALL.iter().fold(String::new(), |mut options, fault| {
            let selected = if *fault == now { " selected" } else { "" };
            let _ = write!(options, "<option value={}{selected}>{}</option>", fault.as_str(), fault.label());
            options
        });
        format!("<label>{label} <select name={}>{options}</select></label>", provider.as_str())
    };
    let checked = if shared.faults.refuses_credentials() { " checked" } else { "" };
    format!(
        "<h2>Failures</h2><form method=post action=/faults>{} {} <label><input type=checkbox \
         name=refuse_credentials value=on{checked}> Vapi refuses POST /credential</label> \
         <button>Set</button></form>",
        select(ProviderId::Vapi, "Vapi"),
        select(ProviderId::Twilio, "Twilio"),
    )
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
        return "<h2>Place a call</h2><p>No assistant exists yet: connect Vapi first.</p>".to_owned();
    }
    format!(
        "<h2>Place a call</h2><form method=post action=/calls><label>Assistant <select name=assistant>{options}\
         </select></label> <label>Caller <input name=customer value=\"+15550100199\"></label> <label>Tool <input \
         name=tool value=send_sms></label> <label class=wide>Arguments <textarea name=arguments rows=3>\
         {{\"to\": \"+15550100199\", \"message\": \"Your cleaning is on Monday at 9:00.\"}}</textarea></label> \
         <button>Call</button></form>"
    )
}

fn phone_log(shared: &Shared) -> String {
    let rows = shared.read(|world| {
        world.twilio.messages.iter().rev().take(50).fold(String::new(), |mut rows, message| {
            let from =
                message.from.as_deref().or(message.messaging_service_sid.as_deref()).unwrap_or_default();
            let _ = write!(
                rows,
                "<tr><td>{}<td>{}<td>{}<td>{}<td>{}<td>{}",
                time_of_day(message.at),
                escape(&message.account),
                escape(from),
                escape(&message.to),
                message.status(),
                escape(&message.body)
            );
            rows
        })
    });
    table("Phone log", "No message yet.", &["Time", "Account", "From", "To", "Status", "Text"], &rows)
}

fn accounts() -> String {
    let mut rows = String::new();
    for demo in DEMO_VAPI {
        let _ = write!(
            rows,
            "<tr><td>Vapi<td>{}<td>Private key <code>{}</code><br>Public key (refused) <code>{}</code>",
            demo.name, demo.private_key, demo.public_key
        );
    }
    for demo in DEMO_TWILIO {
        let verified = if demo.is_trial {
            format!("<br>Sends only to {}", demo.verified.join(", "))
        } else {
            String::new()
        };
        let _ = write!(
            rows,
            "<tr><td>Twilio<td>{}<td>Account SID <code>{}</code><br>Auth Token <code>{}</code><br>Number \
             <code>{}</code><br>API key <code>{}</code> <code>{}</code><br>Messaging Service <code>{}</code>{verified}",
            demo.name,
            demo.account_sid,
            demo.auth_token,
            demo.number,
            demo.api_key_sid,
            demo.api_key_secret,
            demo.messaging_service_sid
        );
    }
    table("Demo accounts", "", &["Provider", "Account", "To copy and paste"], &rows)
}

fn seen(shared: &Shared) -> String {
    let mut requests: Vec<SeenRequest> =
        ProviderId::ALL.into_iter().flat_map(|provider| shared.seen.list(provider)).collect();
    requests.sort_by_key(|request| std::cmp::Reverse(request.at));
    let rows = requests.iter().take(100).fold(String::new(), |mut rows, request| {
        let account = request.account.as_deref().unwrap_or("unknown");
        let _ = write!(
            rows,
            "<tr><td>{}<td>{}<td>{} {}<td>{} <small>{}</small><td>{}",
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
    table("Requests", "No request yet.", &["Time", "Provider", "Request", "Signed in as", "Status"], &rows)
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
    let caption = format!("Call {}", transcript.call_id);
    table(&caption, "", &["Message", "Status", "Time", "Answer"], &rows) + "<p><a href=/>Back</a></p>"
}

fn table(title: &str, empty: &str, heads: &[&str], rows: &str) -> String {
    if rows.is_empty() {
        return format!("<h2>{title}</h2><p>{empty}</p>");
    }
    format!("<h2>{title}</h2><table><tr><th>{}{rows}</table>", heads.join("<th>"))
}

fn document(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <title>{title} - Voxanne sandbox</title><style>{STYLE}</style><main><h1>{title}</h1>{body}</main></html>"
    )
}

const STYLE: &str = "\
:root{color-scheme:light dark;font:15px/1.5 system-ui,sans-serif}main{max-width:1100px;margin:2rem auto;padding:0 1rem}\
h2{font-size:1.1rem;margin-top:2rem}table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;\
padding:.4rem .6rem;border-bottom:1px solid color-mix(in oklch,currentColor 20%,transparent);overflow-wrap:anywhere}\
form{display:flex;flex-wrap:wrap;gap:1rem;align-items:end}label{display:inline-flex;gap:.4rem;align-items:center}\
.wide{flex-basis:100%}textarea{width:100%;font:inherit}code{font-size:.9em}button{font:inherit;padding:.3rem 1rem}";

fn time_of_day(at: time::OffsetDateTime) -> String {
    format!("{:02}:{:02}:{:02}", at.hour(), at.minute(), at.second())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
