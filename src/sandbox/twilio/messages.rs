//! Messages of the Twilio stand-in, with Twilio's magic numbers.

use axum::Json;
use axum::extract::{Form, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use super::super::state::AccountStatus;
use super::super::state::{PhoneLogEntry, TwilioAccount, fresh_sid};
use super::{Answer, SharedState, authenticate, error, not_found, reports, sign_in, sign_in_live};

/// The form of a new message; members that Twilio knows and the product does not use are ignored.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct MessageForm {
    to: Option<String>,
    from: Option<String>,
    messaging_service_sid: Option<String>,
    body: Option<String>,
    status_callback: Option<String>,
}

/// Status, code and words of a refusal.
type Refusal = (u16, u32, String);

pub(super) async fn create(
    State(shared): SharedState,
    headers: HeaderMap,
    Path(account): Path<String>,
    Form(form): Form<MessageForm>,
) -> Answer {
    let caller = sign_in(&shared, &headers, Some(&account))?;
    if caller.account.status != AccountStatus::Active {
        return Err(authenticate());
    }
    let account = caller.account;
    if let Err((status, code, message)) = judge(&account, &form) {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        return Err(error(status, code, &message));
    }
    let message = PhoneLogEntry {
        sid: fresh_sid("SM"),
        account_sid: account.sid.clone(),
        account: account.name.clone(),
        from: form.from,
        messaging_service_sid: form.messaging_service_sid,
        to: form.to.unwrap_or_default(),
        body: form.body.unwrap_or_default(),
        status_callback: form.status_callback,
        at: OffsetDateTime::now_utc(),
    };
    let shown = shown(&message);
    // Test credentials charge nothing and send nothing.
    if !account.has_test_credentials_only {
        let (sid, to) = (message.sid.clone(), message.to.clone());
        shared.change(|world| world.twilio.messages.push(message));
        if shared.reports {
            let shared = shared.clone();
            tokio::spawn(async move { reports::go_its_way(&shared, &sid, &to).await });
        }
    }
    Ok((StatusCode::CREATED, Json(shown)).into_response())
}

fn judge(account: &TwilioAccount, form: &MessageForm) -> Result<(), Refusal> {
    let refuse = |code: u32, message: String| Err((400, code, message));
    let to = form.to.as_deref().unwrap_or_default();
    if to.is_empty() {
        return refuse(21604, "A 'To' phone number is required.".to_owned());
    }
    let body = form.body.as_deref().unwrap_or_default();
    if body.is_empty() {
        return refuse(21602, "Message body is required.".to_owned());
    }
    if body.chars().count() > 1600 {
        return refuse(21617, "The concatenated message body exceeds the 1600 character limit.".to_owned());
    }
    judge_sender(account, form)?;
    let number = to.strip_prefix("whatsapp:").unwrap_or(to);
    if !is_e164(number) {
        return refuse(21211, format!("The 'To' number {to} is not a valid phone number."));
    }
    match number {
        "+15005550001" => refuse(21211, format!("The 'To' number {to} is not a valid phone number.")),
        "+15005550002" => {
            refuse(21612, "The 'To' phone number is not currently reachable via SMS.".to_owned())
        }
        "+15005550003" => {
            refuse(21408, "Permission to send an SMS has not been enabled for the region.".to_owned())
        }
        "+15005550004" => refuse(21610, "Attempt to send to unsubscribed recipient".to_owned()),
        "+15005550009" => refuse(21614, "'To' number is not a valid mobile number".to_owned()),
        _ if account.unsubscribed.iter().any(|known| known == number) => {
            refuse(21610, "Attempt to send to unsubscribed recipient".to_owned())
        }
        _ if account.is_trial && !account.verified.iter().any(|known| known == number) => refuse(
            21608,
            format!(
                "The number {number} is unverified. Trial accounts cannot send messages to unverified numbers; \
                 verify {number} at twilio.com/user/account/phone-numbers/verified, or purchase a Twilio number \
                 to send messages to unverified numbers."
            ),
        ),
        _ => Ok(()),
    }
}

fn judge_sender(account: &TwilioAccount, form: &MessageForm) -> Result<(), Refusal> {
    let refuse = |code: u32, message: String| Err((400, code, message));
    if let Some(service) = &form.messaging_service_sid {
        return if account.messaging_services.contains(service) {
            Ok(())
        } else {
            refuse(21705, format!("The Messaging Service Sid {service} is invalid."))
        };
    }
    let from = form.from.as_deref().unwrap_or_default();
    if from.is_empty() {
        return refuse(21603, "A 'From' phone number is required.".to_owned());
    }
    match from {
        "+15005550001" => {
            return refuse(21212, format!("The 'From' number {from} is not a valid phone number."));
        }
        "+15005550008" => {
            return Err((
                429,
                21611,
                "This 'From' number has exceeded the maximum number of queued messages".to_owned(),
            ));
        }
        "+15005550006" if account.has_test_credentials_only => return Ok(()),
        _ => {}
    }
    if let Some(number) = from.strip_prefix("whatsapp:") {
        let is_sender = account.numbers.iter().any(|own| own.whatsapp && own.number == number);
        return if is_sender {
            Ok(())
        } else {
            refuse(63007, "Twilio could not find a Channel with the specified From address".to_owned())
        };
    }
    let is_sender = account.numbers.iter().any(|own| own.sms && own.number == from);
    if is_sender && !account.has_test_credentials_only {
        Ok(())
    } else {
        refuse(
            21606,
            format!(
                "The 'From' phone number provided ({from}) is not a valid message-capable Twilio phone number \
                 for this destination"
            ),
        )
    }
}

fn is_e164(number: &str) -> bool {
    number.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|b| b.is_ascii_digit())
    })
}

pub(super) async fn show(
    State(shared): SharedState,
    headers: HeaderMap,
    Path((account, file)): Path<(String, String)>,
    uri: Uri,
) -> Answer {
    let caller = sign_in_live(&shared, &headers, Some(&account))?;
    let sid = file.strip_suffix(".json").ok_or_else(|| not_found(&uri))?;
    shared.read(|world| {
        let mut messages = world.twilio.messages.iter();
        messages
            .find(|message| message.sid == sid && message.account_sid == caller.account.sid)
            .map(|message| Json(shown(message)).into_response())
            .ok_or_else(|| not_found(&uri))
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct MessageQuery {
    to: Option<String>,
    page_size: Option<usize>,
}

pub(super) async fn list(
    State(shared): SharedState,
    headers: HeaderMap,
    Path(account): Path<String>,
    Query(query): Query<MessageQuery>,
) -> Answer {
    let caller = sign_in_live(&shared, &headers, Some(&account))?;
    let messages: Vec<Value> = shared.read(|world| {
        let own = world.twilio.messages.iter().rev().filter(|message| {
            message.account_sid == caller.account.sid && query.to.as_deref().is_none_or(|to| message.to == to)
        });
        own.take(query.page_size.unwrap_or(50).min(1000)).map(shown).collect()
    });
    let response: Response =
        Json(json!({ "messages": messages, "page": 0, "next_page_uri": null })).into_response();
    Ok(response)
}

fn shown(message: &PhoneLogEntry) -> Value {
    let at = message.at.format(&Rfc2822).unwrap_or_default();
    let uri = format!("/2010-04-01/Accounts/{}/Messages/{}", message.account_sid, message.sid);
    json!({
        "account_sid": message.account_sid,
        "api_version": "2010-04-01",
        "body": message.body,
        "date_created": at,
        "date_sent": null,
        "date_updated": at,
        "direction": "outbound-api",
        "error_code": null,
        "error_message": null,
        "from": message.from,
        "messaging_service_sid": message.messaging_service_sid,
        "num_media": "0",
        "num_segments": "1",
        "price": null,
        "price_unit": null,
        "sid": message.sid,
        "status": message.status(),
        "subresource_uris": { "media": format!("{uri}/Media.json") },
        "to": message.to,
        "uri": format!("{uri}.json"),
    })
}
