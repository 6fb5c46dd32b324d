//! Who posts a WhatsApp webhook: the address names the clinic, the clinic's own app secret verifies.
//!
//! One Meta app has one address, so each clinic gets one of its own (`address`). What is in the body is
//! `whatsapp_events`' affair.

use axum::http::HeaderMap;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::address::Address;
use super::inbound::{InboundError, Verified};
use super::receiver::Receiver;
use super::signature::{HmacPlan, Scheme, Signed, verify};
use crate::domain::ProviderId;
use crate::vault::{Credential, SecretFields, SecretText, Vault, VaultError};

/// The addresses that are given to Meta.
pub const ADDRESS: Address = Address("whatsapp webhook address");

/// What of a clinic's credential tells who posts; the access token is not among it.
struct Secrets {
    phone_number_id: String,
    business_account_id: String,
    app_secret: SecretText,
    verify_token: SecretText,
}

impl Credential for Secrets {
    const PROVIDER: ProviderId = ProviderId::WhatsApp;

    fn from_fields(fields: &SecretFields) -> Result<Self, VaultError> {
        let field = |field| {
            let found = fields.find(field).filter(|value| !value.expose().is_empty()).cloned();
            found.ok_or(VaultError::MissingField { provider: Self::PROVIDER, field })
        };
        Ok(Self {
            phone_number_id: field("phoneNumberId")?.expose().to_owned(),
            business_account_id: field("businessAccountId")?.expose().to_owned(),
            app_secret: field("appSecret")?,
            verify_token: field("verifyToken")?,
        })
    }
}

/// A clinic whose app secret has signed a request.
pub struct Sender {
    pub verified: Verified,
    /// The number that the clinic has connected; news of any other are not its own.
    pub phone_number_id: String,
    pub business_account_id: String,
}

/// Meta's scheme: `X-Hub-Signature-256: sha256=` and the HMAC-SHA256 of the raw body in hexadecimal.
/// It signs no time; that nothing counts twice is the dedupe key's work.
fn scheme() -> Scheme {
    Scheme::Hmac(HmacPlan {
        signature_header: "x-hub-signature-256".to_owned(),
        signature_prefix: Some("sha256=".to_owned()),
        include_timestamp: false,
        payload_format: "{body}".to_owned(),
        ..HmacPlan::default()
    })
}

/// Finds the clinic of an address and verifies the body with that clinic's own app secret.
pub async fn authenticate(
    vault: &Vault,
    route: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Sender, InboundError> {
    let receiver = Receiver::<Secrets>::find(vault, ADDRESS, route).await?;
    let signed = Signed { headers, body, method: "POST", url: "" };
    // The same work for an address that nobody has.
    let key =
        receiver.secrets.as_ref().map_or("a secret that no clinic has ever had", |s| s.app_secret.expose());
    let is_signed = verify(&scheme(), key.as_bytes(), &signed, 0).is_ok();
    match (receiver.org, &receiver.secrets) {
        (Some(org), Some(secrets)) if is_signed => Ok(Sender {
            verified: Verified::of(org),
            phone_number_id: secrets.phone_number_id.clone(),
            business_account_id: secrets.business_account_id.clone(),
        }),
        _ => Err(receiver.refusal()),
    }
}

/// Whether whoever sets the webhook up at Meta knows the clinic's verify token.
pub async fn challenge(vault: &Vault, route: &str, token: &str) -> Result<(), InboundError> {
    let receiver = Receiver::<Secrets>::find(vault, ADDRESS, route).await?;
    let known = receiver.secrets.as_ref().map_or("", |secrets| secrets.verify_token.expose());
    // Hashing first makes the lengths equal, so that the comparison tells nothing about them.
    let is_same = bool::from(Sha256::digest(token).ct_eq(&Sha256::digest(known)));
    if is_same && receiver.secrets.is_some() { Ok(()) } else { Err(receiver.refusal()) }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn is_signed(key: &str, body: &str, signature: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert("x-hub-signature-256", HeaderValue::from_str(signature).unwrap());
        let signed = Signed { headers: &headers, body: body.as_bytes(), method: "POST", url: "" };
        verify(&scheme(), key.as_bytes(), &signed, 0).is_ok()
    }

    #[test]
    fn metas_signature_is_an_hmac_of_the_raw_body() {
        let good = "sha256=0329a06b62cd16b33eb6792be8c60b158d89a2ee3a876fce9a881ebb488c0914";
        assert!(is_signed("secret", "test", good));
        assert!(!is_signed("secret", "test ", good));
        assert!(!is_signed("Secret", "test", good));
        assert!(!is_signed("secret", "test", &good["sha256=".len()..]), "the prefix is a part of it");
        assert!(!is_signed("secret", "test", &good.replace("sha256", "sha1")));
        let empty = r#"{"object":"whatsapp_business_account","entry":[]}"#;
        let signature = "sha256=1ca363dab318df784e1963b29dca91e2098e6cf2fbf0d3c14e09580a90684a61";
        assert!(is_signed("app-secret-for-tests", empty, signature));
    }
}
