//! Messages of patients, worked off the inbox: stored sealed, STOP and START obeyed, the clinic's
//! endpoints told. Each once, in the transaction that ends its event.
//!
//! A status of Twilio comes the same way; what it says is noted by `statuses`.

use serde_json::{Value, json};

use crate::db::inbound_messages::{self, NewInbound};
use crate::db::opt_outs::{self, OptOut};
use crate::db::{OrgTx, inbound, organizations};
use crate::domain::mask::mask_phone;
use crate::domain::phone::PhoneNumber;
use crate::domain::{EventId, OrgId, ProviderId};
use crate::state::Services;
use crate::vault::Place;
use crate::webhooks::event_data::{EventData, MessageReceived};
use crate::webhooks::news::cleaned;
use crate::webhooks::outbound::{OutboundEvent, emit};
use crate::webhooks::twilio_events::{WHATSAPP, status_of};
use crate::webhooks::work::{Begun, Work, WorkError};

use super::opt_outs::{Keyword, hash_of};
use super::statuses;

/// The longest text that is kept, in characters: what the longest of the channels allows.
const MOST_TEXT: usize = 4096;

/// A message as its sender wrote it.
#[derive(Debug, PartialEq, Eq)]
struct Incoming {
    channel: &'static str,
    /// With its country code where it is a telephone number; else as the provider wrote it.
    from: String,
    text: String,
    keyword: Option<Keyword>,
}

/// The place that a message's number and text are bound to.
pub const fn place(org: OrgId, provider: &str, id: EventId) -> Place<'_> {
    Place { org: Some(org), table: "inbound_messages", column: "sealed_content", provider, row: id.0 }
}

/// Works off a patient's message.
///
/// # Errors
/// Where the database or a key is away: the event is tried again.
pub async fn work_message(services: &Services, mut work: Work) -> Result<(), WorkError> {
    let Some(payload) = work.open(services).await? else { return Ok(()) };
    let Some(new) = read(&work.source, &payload) else {
        // Nothing in it that anybody could read: it stays in the list of events.
        let Some(Begun { tx, .. }) = work.begin(services).await? else { return Ok(()) };
        return work.finish(tx).await;
    };
    let (org, event) = (work.org, work.event);
    let hash = hash_of(&services.vault, org, &new.from).await?;
    let content = json!({ "from": new.from, "text": new.text }).to_string();
    let sealed = services.vault.seal(&place(org, &work.source, event), content.as_bytes()).await?;
    let rest = services.vault.seal(&work.place(), cleaned(&payload).to_string().as_bytes()).await?;

    let Some(Begun { mut tx, received_at, .. }) = work.begin(services).await? else { return Ok(()) };
    let mask = mask_phone(&new.from);
    let row = NewInbound {
        id: event,
        provider: &work.source,
        channel: new.channel,
        sender_mask: &mask,
        number_hash: &hash,
        keyword: new.keyword.map(Keyword::as_str),
        sealed_content: sealed.as_bytes(),
        key_version: sealed.key_version(),
        received_at,
    };
    if inbound_messages::insert(&mut tx, &row).await? {
        if let Some(is_out) = new.keyword.and_then(says_out) {
            let said = OptOut {
                number_hash: &hash,
                channel: new.channel,
                number_mask: &mask,
                is_out,
                source: "patient",
                at: Some(received_at),
            };
            opt_outs::note(&mut tx, &said).await?;
        }
        tell(&mut tx, services, &work, &new).await?;
    }
    // What the patient wrote has a place of its own now.
    if organizations::find_receiving(&mut tx).await? != Some(true) {
        inbound::replace_payload(&mut tx, event, rest.as_bytes(), rest.key_version()).await?;
    }
    work.stage("noted");
    work.finish(tx).await
}

/// Works off what Twilio says about a message.
///
/// # Errors
/// As [`work_message`].
pub async fn work_status(services: &Services, mut work: Work) -> Result<(), WorkError> {
    let Some(Begun { mut tx, payload, .. }) = work.begin(services).await? else { return Ok(()) };
    if let Some(news) = status_of(&payload) {
        statuses::note_in(&mut tx, &services.vault, ProviderId::Twilio, &news).await?;
    }
    work.finish(tx).await
}

const fn says_out(keyword: Keyword) -> Option<bool> {
    match keyword {
        Keyword::Stop => Some(true),
        Keyword::Start => Some(false),
        Keyword::Help => None,
    }
}

async fn tell(tx: &mut OrgTx, services: &Services, work: &Work, new: &Incoming) -> Result<(), WorkError> {
    let data = EventData::MessageReceived(MessageReceived {
        message_id: work.event.0,
        provider: work.source.clone(),
        channel: new.channel.to_string(),
        from: new.from.clone(),
        text: new.text.clone(),
        keyword: new.keyword.map(|keyword| keyword.as_str().to_owned()),
    });
    emit(tx, &services.vault, &OutboundEvent::of(&data, work.source.clone())).await?;
    Ok(())
}

fn read(source: &str, payload: &Value) -> Option<Incoming> {
    if source == ProviderId::Twilio.as_str() {
        of_twilio(&payload["form"])
    } else {
        of_whatsapp(&payload["message"])
    }
}

fn of_twilio(form: &Value) -> Option<Incoming> {
    let from = form["From"].as_str()?;
    let (channel, number) = match from.strip_prefix(WHATSAPP) {
        Some(number) => ("whatsapp", number),
        None => ("sms", from),
    };
    let text = form["Body"].as_str().unwrap_or_default();
    // Where a Messaging Service keeps words of its own, Twilio says what they mean.
    let told = form["OptOutType"].as_str().and_then(Keyword::of);
    let media = form["NumMedia"].as_str().and_then(|count| count.parse().ok()).unwrap_or(0_u32);
    let keyword = told.or_else(|| Keyword::of(text));
    let text = match (text.is_empty(), media) {
        (true, 1..) => "Sent a picture or another file.".to_owned(),
        _ => shortened(text),
    };
    Some(Incoming { channel, from: spelled(number), text, keyword })
}

fn of_whatsapp(message: &Value) -> Option<Incoming> {
    let from = format!("+{}", message["from"].as_str()?);
    let words = [
        &message["text"]["body"],
        &message["button"]["text"],
        &message["interactive"]["button_reply"]["title"],
        &message["interactive"]["list_reply"]["title"],
    ];
    let words = words.into_iter().find_map(Value::as_str);
    let kind: String = message["type"]
        .as_str()
        .unwrap_or("other")
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(30)
        .collect();
    Some(Incoming {
        channel: "whatsapp",
        from: spelled(&from),
        keyword: words.and_then(Keyword::of),
        text: words.map_or_else(|| format!("Sent something that is no text ({kind})."), shortened),
    })
}

fn shortened(text: &str) -> String {
    text.chars().take(MOST_TEXT).collect()
}

/// A number in its one spelling; a short code or a name as it is.
fn spelled(number: &str) -> String {
    PhoneNumber::parse(number).map_or_else(|_| shortened(number), |number| number.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_whoever_brought_it() {
        let form = json!({ "From": "+1 555 010 0199", "Body": "Stop", "NumMedia": "0" });
        let stop = Incoming {
            channel: "sms",
            from: "+15550100199".into(),
            text: "Stop".into(),
            keyword: Some(Keyword::Stop),
        };
        assert_eq!(of_twilio(&form), Some(stop));
        let form = json!({ "From": "whatsapp:+15550100199", "Body": "Basta", "OptOutType": "STOP" });
        let read = of_twilio(&form).unwrap();
        assert_eq!((read.channel, read.keyword), ("whatsapp", Some(Keyword::Stop)));
        let picture = of_twilio(&json!({ "From": "12345", "Body": "", "NumMedia": "1" })).unwrap();
        assert_eq!(
            (picture.from.as_str(), picture.text.as_str()),
            ("12345", "Sent a picture or another file.")
        );

        let text = json!({ "from": "15550100199", "type": "text", "text": { "body": "START" } });
        assert_eq!(of_whatsapp(&text).unwrap().keyword, Some(Keyword::Start));
        let button = json!({ "from": "15550100199", "type": "button", "button": { "text": "Stop" } });
        assert_eq!(of_whatsapp(&button).unwrap().keyword, Some(Keyword::Stop));
        let image = of_whatsapp(&json!({ "from": "15550100199", "type": "image", "image": {} })).unwrap();
        assert_eq!((image.text.as_str(), image.keyword), ("Sent something that is no text (image).", None));
        assert_eq!((of_twilio(&json!({})), of_whatsapp(&Value::Null)), (None, None));
    }
}
