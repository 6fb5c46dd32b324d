//! How the Vapi stand-in authenticates a server message: by the plan of a credential, or by plain
//! headers. It follows Vapi's description and shares no code with what verifies.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha1::Sha1;
use sha2::{Sha256, Sha512};

/// The headers that authenticate one message. `timestamp` is Unix time in seconds.
pub(super) fn headers(plan: &Value, body: &str, url: &str, timestamp: i64) -> Vec<(String, String)> {
    match plan["type"].as_str() {
        Some("hmac") => hmac_headers(plan, body, url, timestamp),
        Some("bearer") => vec![bearer_header(plan)],
        _ => Vec::new(),
    }
}

fn bearer_header(plan: &Value) -> (String, String) {
    let token = plan["token"].as_str().unwrap_or_default();
    let name = plan["headerName"].as_str().unwrap_or("Authorization").to_owned();
    let has_prefix = plan["bearerPrefixEnabled"].as_bool().unwrap_or(true);
    (name, if has_prefix { format!("Bearer {token}") } else { token.to_owned() })
}

fn hmac_headers(plan: &Value, body: &str, url: &str, timestamp: i64) -> Vec<(String, String)> {
    let text = |key: &str| plan[key].as_str();
    let message_id = format!("msg_{}", uuid::Uuid::new_v4().simple());
    let includes_timestamp = plan["includeTimestamp"].as_bool().unwrap_or(true);
    let timestamp = timestamp.to_string();
    let format =
        text("payloadFormat").unwrap_or(if includes_timestamp { "{timestamp}.{body}" } else { "{body}" });
    let parts = [
        ("{timestamp}", timestamp.as_str()),
        ("{method}", "POST"),
        ("{url}", url),
        ("{svix-id}", message_id.as_str()),
        // The body last: what it contains must not be taken for a place to fill.
        ("{body}", body),
    ];
    let signed = parts.iter().fold(format.to_owned(), |text, (place, value)| text.replace(place, value));
    let secret = text("secretKey").unwrap_or_default();
    let key = if plan["secretIsBase64"].as_bool().unwrap_or(false) {
        STANDARD.decode(secret.trim_start_matches("whsec_")).unwrap_or_default()
    } else {
        secret.as_bytes().to_vec()
    };
    let mac = match text("algorithm") {
        Some("sha1") => sign::<Hmac<Sha1>>(&key, &signed),
        Some("sha512") => sign::<Hmac<Sha512>>(&key, &signed),
        _ => sign::<Hmac<Sha256>>(&key, &signed),
    };
    let encoded =
        if text("signatureEncoding") == Some("base64") { STANDARD.encode(mac) } else { hex::encode(mac) };
    let signature = format!("{}{encoded}", text("signaturePrefix").unwrap_or_default());
    let mut headers = vec![(text("signatureHeader").unwrap_or("x-signature").to_owned(), signature)];
    if includes_timestamp {
        headers.push((text("timestampHeader").unwrap_or("x-timestamp").to_owned(), timestamp));
    }
    headers.extend(text("messageIdHeader").map(|name| (name.to_owned(), message_id)));
    headers
}

fn sign<M: Mac + KeyInit>(key: &[u8], text: &str) -> Vec<u8> {
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) else { return Vec::new() };
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const BODY: &str = r#"{"message":{"type":"hang","call":{"id":"c0ffee00-0000-4000-8000-000000000001"}}}"#;

    fn signature(plan: Value) -> String {
        headers(&plan, BODY, "https://example.com/", 1_700_000_000).remove(0).1
    }

    #[test]
    fn the_default_plan_signs_timestamp_and_body_in_hexadecimal() {
        let plan = json!({ "type": "hmac", "secretKey": "vapi-test-secret", "algorithm": "sha256" });
        let signed = headers(&plan, BODY, "https://example.com/", 1_700_000_000);
        assert_eq!(signed[0].0, "x-signature");
        assert_eq!(signed[0].1, "cdd0ea877c162c9e093af998efeeafb84094cac053db9ba6b48326c6d3992de9");
        assert_eq!(signed[1], ("x-timestamp".to_owned(), "1700000000".to_owned()));
    }

    #[test]
    fn format_encoding_and_prefix_follow_the_plan() {
        let plan = json!({
            "type": "hmac", "secretKey": "vapi-test-secret", "algorithm": "sha256", "payloadFormat": "{body}",
            "signatureEncoding": "base64", "signaturePrefix": "v1,",
        });
        assert_eq!(signature(plan), "v1,JfukgR6ipXpLG4pF0S2LKP+qfaDRdLk/EshvzI3z/Xs=");
    }

    #[test]
    fn a_bearer_plan_can_drop_its_prefix_and_rename_its_header() {
        let plan = json!({ "type": "bearer", "token": "t", "headerName": "X-Vapi-Secret", "bearerPrefixEnabled": false });
        assert_eq!(headers(&plan, BODY, "", 0), [("X-Vapi-Secret".to_owned(), "t".to_owned())]);
    }
}
