//! Vapi's side of a webhook, for tests that need to send what the stand-in never would.
//!
//! Signing follows Vapi's description of its plans and shares no code with what verifies.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use uuid::Uuid;
use voxanne::auth::accounts;
use voxanne::db::webhook_secrets::{self, NewWebhookSecret};
use voxanne::db::{OrgTx, routes};
use voxanne::domain::OrgId;
use voxanne::integrations::onboard;
use voxanne::webhooks::resolver::RouteSecret;
use voxanne::webhooks::signature::{Algorithm, Encoding, HmacPlan, Scheme};

use super::app::{Answer, TestApp};

/// Headers of a request.
pub type Headers = Vec<(String, String)>;

/// A line from one assistant to a server, with a secret that the test knows.
#[derive(Clone)]
pub struct Wire {
    pub client: reqwest::Client,
    pub url: String,
    pub org: OrgId,
    pub assistant: Uuid,
    pub secret: String,
    pub scheme: Scheme,
}

impl Wire {
    /// A clinic of its own with one claimed assistant and one secret in the scheme that we set up.
    pub async fn new(app: &TestApp, name: &str) -> Self {
        Self::with_scheme(app, name, Scheme::Hmac(HmacPlan::ours())).await
    }

    pub async fn with_scheme(app: &TestApp, name: &str, scheme: Scheme) -> Self {
        let org = accounts::create_organization(&app.services.pool, name, "UTC", "US").await.unwrap();
        onboard::onboard(&app.services, org, name).await.unwrap();
        let assistant = Uuid::new_v4();
        let mut tx = OrgTx::service(&app.services.pool, org).await.unwrap();
        assert!(routes::claim_assistant(&mut tx, assistant, "inbound", name).await.unwrap());
        tx.commit().await.unwrap();
        Self::tap(app, org, assistant, scheme).await
    }

    /// A line from an assistant that is claimed already.
    pub async fn tap(app: &TestApp, org: OrgId, assistant: Uuid, scheme: Scheme) -> Self {
        // Base64, since one of the plans wants it so.
        let secret = STANDARD.encode(Uuid::new_v4().as_bytes());
        insert_secret(app, org, &scheme, &secret).await;
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(60))
            .build()
            .unwrap();
        Self { client, url: format!("{}/api/webhooks/vapi", app.url), org, assistant, secret, scheme }
    }

    /// The same line to another server.
    pub fn to(&self, app: &TestApp) -> Self {
        Self { url: format!("{}/api/webhooks/vapi", app.url), ..self.clone() }
    }

    /// A message of this assistant: `type`, call id, further members.
    pub fn message(&self, kind: &str, call: &str, more: &Value) -> String {
        let mut message = json!({
            "type": kind, "timestamp": 1_737_157_773_126_i64, "call": { "id": call, "assistantId": self.assistant },
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            message[name.as_str()] = value.clone();
        }
        json!({ "message": message }).to_string()
    }

    pub fn report(&self, call: &str) -> String {
        self.message(
            "end-of-call-report",
            call,
            &json!({ "endedReason": "customer-ended-call", "cost": 0.05 }),
        )
    }

    /// A tool call of `send_sms`.
    pub fn send_sms(&self, call: &str, tool_call: &str, text: &str) -> String {
        let one = json!({
            "id": tool_call, "type": "function",
            "function": { "name": "send_sms", "arguments": { "to": "+15550100177", "message": text } },
        });
        self.message("tool-calls", call, &json!({ "toolCallList": [one] }))
    }

    /// The headers that prove a body, at this time.
    pub fn sign(&self, body: &[u8], timestamp: i64) -> Headers {
        proof(&self.scheme, &self.secret, body, &self.url, &timestamp.to_string())
    }

    /// Sends a body as it should be.
    pub async fn send(&self, body: &str) -> Answer {
        let headers = self.sign(body.as_bytes(), now());
        self.post(body.as_bytes().to_vec(), &headers).await
    }

    /// Sends anything.
    pub async fn post(&self, body: Vec<u8>, headers: &[(String, String)]) -> Answer {
        let mut request = self.client.post(&self.url).header("content-type", "application/json").body(body);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer { status, headers, body: response.text().await.unwrap() }
    }
}

/// Stores a secret as the product does, and lets the server notice.
pub async fn insert_secret(app: &TestApp, org: OrgId, scheme: &Scheme, secret: &str) -> Uuid {
    let id = Uuid::now_v7();
    let sealed = app.services.vault.seal(&RouteSecret::place(org, id), secret.as_bytes()).await.unwrap();
    let (name, params) = scheme.to_stored();
    let mut tx = OrgTx::service(&app.services.pool, org).await.unwrap();
    let new = NewWebhookSecret {
        id,
        source: "vapi",
        scheme: name,
        params: &params,
        sealed: sealed.as_bytes(),
        key_version: sealed.key_version(),
        provider_credential_id: None,
    };
    webhook_secrets::insert(&mut tx, &new).await.unwrap();
    tx.commit().await.unwrap();
    app.services.evict(org);
    id
}

/// Unix time in seconds, of the system.
pub fn now() -> i64 {
    time::OffsetDateTime::now_utc().unix_timestamp()
}

/// How Vapi proves a body under a scheme.
pub fn proof(scheme: &Scheme, secret: &str, body: &[u8], url: &str, timestamp: &str) -> Headers {
    let plan = match scheme {
        Scheme::Bearer { header, with_prefix } => {
            let value = if *with_prefix { format!("Bearer {secret}") } else { secret.to_owned() };
            return vec![(header.clone(), value)];
        }
        Scheme::Hmac(plan) => plan,
    };
    let message_id = "msg_1";
    // Split at the body, so that what it contains is never taken for a place to fill.
    let (before, after) = plan.payload_format.split_once("{body}").unwrap();
    let fill = |text: &str| {
        text.replace("{timestamp}", timestamp)
            .replace("{method}", "POST")
            .replace("{url}", url)
            .replace("{svix-id}", message_id)
    };
    let signed = [fill(before).as_bytes(), body, fill(after).as_bytes()].concat();
    let key =
        if plan.secret_is_base64 { STANDARD.decode(secret).unwrap() } else { secret.as_bytes().to_vec() };
    let mac = match plan.algorithm {
        Algorithm::Sha1 => mac::<Hmac<Sha1>>(&key, &signed),
        Algorithm::Sha256 => mac::<Hmac<Sha256>>(&key, &signed),
        Algorithm::Sha512 => mac::<Hmac<Sha512>>(&key, &signed),
    };
    let encoded = match plan.signature_encoding {
        Encoding::Hex => hex::encode(mac),
        Encoding::Base64 => STANDARD.encode(mac),
    };
    let prefix = plan.signature_prefix.as_deref().unwrap_or_default();
    let mut headers = vec![(plan.signature_header.clone(), format!("{prefix}{encoded}"))];
    if plan.include_timestamp {
        headers.push((plan.timestamp_header.clone(), timestamp.to_owned()));
    }
    headers.extend(plan.message_id_header.iter().map(|name| (name.clone(), message_id.to_owned())));
    headers
}

fn mac<M: Mac + KeyInit>(key: &[u8], signed: &[u8]) -> Vec<u8> {
    let mut mac = <M as KeyInit>::new_from_slice(key).unwrap();
    mac.update(signed);
    mac.finalize().into_bytes().to_vec()
}

/// How many events an organization has, asked around every policy.
pub async fn stored(app: &TestApp, org: OrgId) -> i64 {
    sqlx::query_scalar("select count(*) from inbound_events where org_id = $1")
        .bind(org.0)
        .fetch_one(&app.db.superuser)
        .await
        .unwrap()
}
