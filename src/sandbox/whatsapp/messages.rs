//! Messages of the WhatsApp stand-in: what it takes, and what it refuses with which code.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use uuid::Uuid;

use super::accounts::{SentWhatsApp, WhatsAppAccount};
use super::{Answer, SharedState, error, sign_in, unknown_id};

pub(super) async fn create(
    State(shared): SharedState,
    headers: HeaderMap,
    Path(id): Path<String>,
    Json(body): Json<Value>,
) -> Answer {
    let account = sign_in(&shared, &headers)?;
    if !account.scopes.iter().any(|scope| scope == "whatsapp_business_messaging") {
        return Err(error(403, 10, None, "(#10) Application does not have permission for this action"));
    }
    if account.phone_number_id != id {
        return Err(unknown_id(&id));
    }
    judge(&account, &body)?;
    let to = digits(&body["to"]);
    let message = SentWhatsApp { id: wamid(&to), phone_number_id: id, to: to.clone(), body };
    let mut taken = json!({ "id": message.id });
    if message.body["type"] == "template" {
        taken["message_status"] = json!("accepted");
    }
    shared.change(|world| world.whatsapp.sent.push(message));
    Ok(Json(json!({
        "messaging_product": "whatsapp", "contacts": [{ "input": to, "wa_id": to }], "messages": [taken],
    }))
    .into_response())
}

fn judge(account: &WhatsAppAccount, body: &Value) -> Result<(), Response> {
    let invalid = |what: &str| Err(error(400, 100, None, &format!("(#100) Invalid parameter: {what}")));
    if body["messaging_product"] != "whatsapp" {
        return invalid("messaging_product");
    }
    let to = digits(&body["to"]);
    if !(7..=15).contains(&to.len()) {
        return invalid("to");
    }
    // Numbers that stand for what Meta may answer.
    match to.as_str() {
        "15005550001" => return Err(error(400, 131026, None, "(#131026) Message undeliverable")),
        "15005550002" => {
            return Err(error(400, 131056, None, "(#131056) Business/consumer pair rate limit hit"));
        }
        "15005550003" => return Err(error(400, 131047, None, "(#131047) Re-engagement message")),
        _ => {}
    }
    if account.allowed.as_ref().is_some_and(|allowed| !allowed.contains(&to)) {
        return Err(error(400, 131030, None, "(#131030) Recipient phone number not in allowed list"));
    }
    match body["type"].as_str() {
        Some("text") => match body["text"]["body"].as_str().map(|text| text.chars().count()) {
            Some(1..=4096) => Ok(()),
            _ => invalid("text.body"),
        },
        Some("template") => judge_template(account, &body["template"]),
        _ => invalid("type"),
    }
}

fn judge_template(account: &WhatsAppAccount, template: &Value) -> Result<(), Response> {
    let is_known = account.templates.iter().any(|name| template["name"] == name.as_str());
    if !is_known || template["language"]["code"] != "en_US" {
        let message = "(#132001) Template name does not exist in the translation";
        return Err(error(404, 132001, None, message));
    }
    // All demo templates have one place.
    let texts = template["components"][0]["parameters"].as_array().map_or(0, Vec::len);
    if texts != 1 {
        let message = "(#132000) Number of parameters does not match the expected number of params";
        return Err(error(400, 132000, None, message));
    }
    Ok(())
}

fn digits(to: &Value) -> String {
    to.as_str().unwrap_or_default().chars().filter(char::is_ascii_digit).collect()
}

/// An id as Meta's: the recipient's number is a readable part of it.
pub(super) fn wamid(number: &str) -> String {
    let tail = Uuid::new_v4().simple().to_string().to_uppercase();
    format!(
        "wamid.{}",
        STANDARD.encode(format!("\u{1c}\u{18}\u{b}{number}\u{15}\u{2}\0\u{11}\u{18}{tail}\0"))
    )
}
