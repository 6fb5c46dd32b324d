//! What Twilio posts by itself: what became of a message, and messages of patients. Signed with the
//! account's Auth Token. It follows Twilio's description and shares no code with what verifies.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use super::super::state::{PhoneLogEntry, Shared, TwilioAccount, fresh_sid};

/// The fields of a form.
pub type FormFields = Vec<(String, String)>;

/// The header that proves who posts a form: `X-Twilio-Signature`.
pub fn signature(auth_token: &str, url: &str, fields: &[(String, String)]) -> String {
    let mut names: Vec<&String> = fields.iter().map(|(name, _)| name).collect();
    names.sort();
    names.dedup();
    let mut text = url.to_owned();
    for name in names {
        let mut values: Vec<&String> =
            fields.iter().filter(|(other, _)| other == name).map(|(_, value)| value).collect();
        values.sort();
        values.dedup();
        values.into_iter().for_each(|value| text.push_str(&format!("{name}{value}")));
    }
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(auth_token.as_bytes()) else { return String::new() };
    mac.update(text.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

/// A form as Twilio writes it.
pub fn body_of(fields: &[(String, String)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// The form that tells what became of a message.
pub(in crate::sandbox) fn status_form(
    message: &PhoneLogEntry,
    status: &str,
    code: Option<u32>,
) -> FormFields {
    let mut fields = vec![
        ("AccountSid", message.account_sid.clone()),
        ("ApiVersion", "2010-04-01".to_owned()),
        ("From", message.from.clone().unwrap_or_default()),
        ("MessageSid", message.sid.clone()),
        ("MessageStatus", status.to_owned()),
        ("SmsSid", message.sid.clone()),
        ("SmsStatus", status.to_owned()),
        ("To", message.to.clone()),
    ];
    fields.extend(message.messaging_service_sid.clone().map(|sid| ("MessagingServiceSid", sid)));
    fields.extend(code.map(|code| ("ErrorCode", code.to_string())));
    owned(fields)
}

/// The form of a patient's message.
pub(in crate::sandbox) fn text_form(account: &TwilioAccount, from: &str, text: &str) -> FormFields {
    let sid = fresh_sid("SM");
    owned(vec![
        ("AccountSid", account.sid.clone()),
        ("ApiVersion", "2010-04-01".to_owned()),
        ("Body", text.to_owned()),
        ("From", from.to_owned()),
        ("MessageSid", sid.clone()),
        ("NumMedia", "0".to_owned()),
        ("NumSegments", "1".to_owned()),
        ("SmsMessageSid", sid.clone()),
        ("SmsSid", sid),
        ("SmsStatus", "received".to_owned()),
        ("To", account.numbers.first().map(|own| own.number.clone()).unwrap_or_default()),
    ])
}

fn owned(fields: Vec<(&str, String)>) -> FormFields {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Posts a form to an address; the status of the answer, none where there was none.
pub(in crate::sandbox) async fn post(
    auth_token: &str,
    url: &str,
    fields: &[(String, String)],
) -> Option<u16> {
    let http = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(std::time::Duration::from_secs(15))
        .build()
        .ok()?;
    let request = http
        .post(url)
        .header(reqwest::header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header("x-twilio-signature", signature(auth_token, url, fields))
        .body(body_of(fields));
    request.send().await.ok().map(|answer| answer.status().as_u16())
}

/// Tells what became of a message, where it named an address.
pub(in crate::sandbox) async fn report(
    shared: &Shared,
    sid: &str,
    status: &str,
    code: Option<u32>,
) -> Option<u16> {
    let (message, token) = shared.read(|world| {
        let message = world.twilio.messages.iter().find(|message| message.sid == sid)?.clone();
        let account = world.twilio.accounts.iter().find(|account| account.sid == message.account_sid)?;
        Some((message, account.auth_token.clone()))
    })?;
    let url = message.status_callback.clone()?;
    post(&token, &url, &status_form(&message, status, code)).await
}

/// Sends a text to the clinic that has an account. The address is where the account's owner lets Twilio
/// post messages to.
pub(in crate::sandbox) async fn text_clinic(
    shared: &Shared,
    account_sid: &str,
    url: &str,
    from: &str,
    text: &str,
) -> Option<u16> {
    let account = shared
        .read(|world| world.twilio.accounts.iter().find(|account| account.sid == account_sid).cloned())?;
    post(&account.auth_token, url, &text_form(&account, from, text)).await
}

/// Where a message goes on its own: sent a moment later, then delivered. Magic numbers fail instead.
pub(in crate::sandbox) async fn go_its_way(shared: &Shared, sid: &str, to: &str) {
    let way: [(&str, Option<u32>); 2] = match to {
        "+15005550010" => [("sent", None), ("undelivered", Some(30003))],
        "+15005550011" => [("sent", None), ("undelivered", Some(30007))],
        _ => [("sent", None), ("delivered", None)],
    };
    for (status, code) in way {
        tokio::time::sleep(std::time::Duration::from_millis(700)).await;
        report(shared, sid, status, code).await;
    }
}
