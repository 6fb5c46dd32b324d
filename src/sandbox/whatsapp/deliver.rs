//! What Meta posts to a clinic: messages of patients and statuses of its own messages, signed with
//! the app secret. It follows Meta's description and shares no code with what verifies.

use serde_json::{Value, json};

use super::accounts::WhatsAppAccount;
use super::messages::wamid;
use super::{WhatsAppHandle, hmac};

impl WhatsAppHandle<'_> {
    /// A text of a patient, as a change of a webhook. Gives Meta's id and the change.
    pub fn text(&self, account: &WhatsAppAccount, from: &str, text: &str) -> (String, Value) {
        let id = wamid(from);
        let change = change(
            account,
            &json!({
                "contacts": [{ "profile": { "name": "Sheena Nelson" }, "wa_id": from }],
                "messages": [{ "from": from, "id": id, "timestamp": "1749416383", "type": "text", "text": { "body": text } }],
            }),
        );
        (id, change)
    }

    /// The status of a message that this stand-in took, as a change of a webhook.
    pub fn status(&self, account: &WhatsAppAccount, id: &str, status: &str, error: Option<u32>) -> Value {
        let sent = self.sent().into_iter().find(|sent| sent.id == id);
        let mut told = json!({
            "id": id, "status": status, "timestamp": "1749416390",
            "recipient_id": sent.as_ref().map(|sent| sent.to.clone()).unwrap_or_default(),
        });
        if let Some(reference) = sent.and_then(|sent| sent.body.get("biz_opaque_callback_data").cloned()) {
            told["biz_opaque_callback_data"] = reference;
        }
        if let Some(code) = error {
            told["errors"] = json!([{ "code": code, "title": "Message not sent", "message": "Message not sent",
                "error_data": { "details": "As told by the stand-in." } }]);
        }
        change(account, &json!({ "statuses": [told] }))
    }

    /// Changes as one webhook of a business account.
    pub fn webhook(&self, account: &WhatsAppAccount, changes: &[Value]) -> String {
        json!({
            "object": "whatsapp_business_account",
            "entry": [{ "id": account.business_account_id, "changes": changes }],
        })
        .to_string()
    }

    /// The header that proves who posts a body: `X-Hub-Signature-256`.
    pub fn signature(&self, app_secret: &str, body: &str) -> String {
        format!("sha256={}", hmac(app_secret, body.as_bytes()))
    }
}

fn change(account: &WhatsAppAccount, members: &Value) -> Value {
    let mut value = json!({
        "messaging_product": "whatsapp",
        "metadata": { "display_phone_number": account.number, "phone_number_id": account.phone_number_id },
    });
    for (key, member) in members.as_object().into_iter().flatten() {
        value[key] = member.clone();
    }
    json!({ "field": "messages", "value": value })
}
