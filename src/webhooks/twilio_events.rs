//! A verified form of Twilio: a patient's message, or what became of one of ours.
//!
//! Which of both is told by the address, never by what stands in the form. A status brings our own id
//! back in the query of the address that we gave with the message, and the query is signed.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::envelope::EnvelopeError;
use super::form::Form;
use super::news::{self, MESSAGE, News, STATUS, masked, summary, word};
use crate::db::messages::StatusNews;
use crate::domain::{MessageId, ProviderId};

const SOURCE: ProviderId = ProviderId::Twilio;
/// The longest id that Twilio gives, with room.
const LONGEST_ID: usize = 64;

/// The name under which our own id stands in the address of a status.
pub const OWN_ID: &str = "message";

/// Reads a patient's message.
///
/// # Errors
/// Where the form has no id of a message, or nobody who wrote it.
pub fn read_message(form: &Form) -> Result<News, EnvelopeError> {
    let id = id_of(form)?;
    let from = form.find("From").filter(|from| !from.is_empty()).ok_or(EnvelopeError::Unparsable)?;
    Ok(News {
        source: SOURCE,
        kind: MESSAGE.to_owned(),
        dedupe_key: news::key(SOURCE, &[MESSAGE, id]),
        payload: json!({ "form": members(form) }),
        summary: summary(&[
            ("type", word(Some(if from.starts_with(WHATSAPP) { "whatsapp" } else { "sms" }))),
            ("caller", masked(Some(number_of(from)))),
        ]),
        status: None,
        is_due: true,
    })
}

/// Reads what became of a message. `query` is that of the address.
///
/// # Errors
/// Where the form has no id of a message, or no status.
pub fn read_status(form: &Form, query: &str) -> Result<News, EnvelopeError> {
    let id = id_of(form)?;
    let told = form.find("MessageStatus").or(form.find("SmsStatus"));
    let told = told.filter(|told| (1..=40).contains(&told.len())).ok_or(EnvelopeError::Unparsable)?;
    let own = query.split('&').find_map(|pair| pair.strip_prefix(OWN_ID)?.strip_prefix('='));
    let own = own.and_then(|own| Uuid::try_parse(own).ok());
    Ok(News {
        source: SOURCE,
        kind: STATUS.to_owned(),
        dedupe_key: news::key(SOURCE, &[STATUS, id, told]),
        payload: json!({ "form": members(form), "own": own }),
        summary: summary(&[
            ("status", word(Some(told))),
            ("recipient", masked(form.find("To").map(number_of))),
            ("code", form.find("ErrorCode").and_then(|code| word(Some(code)))),
        ]),
        status: None,
        is_due: true,
    })
}

/// What a stored status says about a message of ours; none where it says nothing that is noted.
pub fn status_of(payload: &Value) -> Option<StatusNews> {
    let form = &payload["form"];
    let told = form["MessageStatus"].as_str().or(form["SmsStatus"].as_str())?;
    let status = match told {
        // Twilio's words before a carrier has it; all of them mean that it waits.
        "accepted" | "scheduled" | "queued" | "sending" => "queued",
        "sent" => "sent",
        "delivered" | "partially_delivered" => "delivered",
        "read" => "read",
        "failed" | "undelivered" | "canceled" => "failed",
        _ => return None,
    };
    let code = form["ErrorCode"].as_str().and_then(|code| code.parse().ok());
    Some(StatusNews {
        reference: form["MessageSid"].as_str().or(form["SmsSid"].as_str())?.to_owned(),
        own: payload["own"].as_str().and_then(|own| own.parse().ok()).map(MessageId),
        status,
        error_code: code.filter(|_| status == "failed"),
    })
}

/// Before the number of somebody who writes by WhatsApp.
pub const WHATSAPP: &str = "whatsapp:";

fn number_of(address: &str) -> &str {
    address.strip_prefix(WHATSAPP).unwrap_or(address)
}

fn id_of(form: &Form) -> Result<&str, EnvelopeError> {
    let id = form.find("MessageSid").or(form.find("SmsSid"));
    let is_id = |id: &&str| {
        (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    id.filter(is_id).ok_or(EnvelopeError::Unparsable)
}

/// The form as an object; of a name that stands there twice, the first value.
fn members(form: &Form) -> Value {
    let mut members = Map::new();
    for (name, value) in form.fields() {
        members.entry(name.clone()).or_insert_with(|| json!(value));
    }
    Value::Object(members)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhooks::news::cleaned;

    fn form(text: &str) -> Form {
        Form::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_message_is_told_apart_by_its_id_and_kept_without_its_words() {
        let text = "MessageSid=SM1&From=%2B15550100199&To=%2B15550100100&Body=My+CANARY+hurts";
        let one = read_message(&form(text)).unwrap();
        let again = read_message(&form(&format!("{text}&New=1"))).unwrap();
        let other = read_message(&form(&text.replace("SM1", "SM2"))).unwrap();
        assert_eq!(one.dedupe_key, again.dedupe_key);
        assert_ne!(one.dedupe_key, other.dedupe_key);
        assert_eq!(one.summary, json!({ "type": "sms", "caller": "+15***99" }));
        let kept = cleaned(&one.payload);
        assert!(one.payload.to_string().contains("CANARY") && !kept.to_string().contains("CANARY"), "{kept}");
        assert_eq!(kept["form"]["From"], "+15550100199");
    }

    #[test]
    fn a_status_says_what_became_of_a_message_and_why() {
        let own = Uuid::from_u128(7);
        let text = "MessageSid=SM1&MessageStatus=undelivered&ErrorCode=30003&To=whatsapp%3A%2B15550100199";
        let news = read_status(&form(text), &format!("a=1&message={own}")).unwrap();
        assert_eq!(
            news.summary,
            json!({ "status": "undelivered", "recipient": "+15***99", "code": "30003" })
        );
        let status = status_of(&news.payload).unwrap();
        assert_eq!((status.status, status.error_code), ("failed", Some(30003)));
        assert_eq!((status.reference.as_str(), status.own), ("SM1", Some(MessageId(own))));
        let of = |word: &str| {
            let text = format!("SmsSid=SM1&SmsStatus={word}&ErrorCode=1");
            status_of(&read_status(&form(&text), "").unwrap().payload)
                .map(|news| (news.status, news.error_code))
        };
        assert_eq!((of("sending"), of("sent")), (Some(("queued", None)), Some(("sent", None))));
        assert_eq!((of("read"), of("delivered")), (Some(("read", None)), Some(("delivered", None))));
        assert_eq!((of("failed"), of("received")), (Some(("failed", Some(1))), None));
    }

    #[test]
    fn a_form_that_names_no_message_is_none() {
        for text in ["", "MessageSid=&From=%2B1", "MessageSid=S+M&From=%2B1", "From=%2B1", "MessageSid=SM1"] {
            assert!(read_message(&form(text)).is_err(), "{text}");
        }
        assert!(read_message(&form("MessageSid=SM1&MessageSid=SM2&From=%2B1")).is_err(), "which one?");
        assert!(read_status(&form("MessageSid=SM1"), "").is_err());
        assert!(read_status(&form("MessageSid=SM1&MessageStatus="), "").is_err());
    }
}
