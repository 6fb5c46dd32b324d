//! Where an endpoint's events go and what is sent along: sealed as one.
//!
//! As one, because a token belongs to the address that it was entered for: whoever could put two values
//! together, from a backup or another endpoint, would have it sent elsewhere. The address is a secret by
//! itself, since whoever knows it can post to it. Shown to those who may not see it is its server.
//!
//! Rows from before addresses were sealed are read as they are, so that nothing waits for them to be sealed
//! (`integrations::endpoints::tend`).

use url::Url;
use uuid::Uuid;

use crate::db::endpoints::StoredTarget;
use crate::domain::OrgId;
use crate::domain::mask::MASK;
use crate::vault::{Place, Sealed, SecretFields, SecretText, Vault, VaultError};

/// The field of the address, and what the fields of headers begin with: no header's name has a space.
pub const ADDRESS: &str = "address";
const HEADER: &str = "header ";

/// Puts headers among the fields of something sealed, under their names in small letters.
pub fn put_headers(fields: &mut SecretFields, headers: &[(String, SecretText)]) {
    for (name, value) in headers {
        fields.insert(format!("{HEADER}{}", name.to_ascii_lowercase()), value.clone());
    }
}

/// The headers among the fields of something sealed.
pub fn headers_in(fields: &SecretFields) -> Vec<(String, SecretText)> {
    let named =
        |(key, value): (&str, &SecretText)| Some((key.strip_prefix(HEADER)?.to_owned(), value.clone()));
    fields.iter().filter_map(named).collect()
}

/// An address and the headers that are sent there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub address: SecretText,
    /// Names and values.
    pub headers: Vec<(String, SecretText)>,
}

impl Target {
    /// Opens what an endpoint's row holds.
    ///
    /// # Errors
    /// Those of opening, and [`VaultError::Malformed`] where it holds no address.
    pub async fn open(
        vault: &Vault,
        org: OrgId,
        endpoint: Uuid,
        stored: &StoredTarget,
    ) -> Result<Self, VaultError> {
        let Some(sealed) = &stored.sealed_target else {
            return open_plain(vault, org, endpoint, stored).await;
        };
        let sealed = Sealed::parse(sealed.clone())?;
        let fields = vault.open_fields(&target_place(org, endpoint), &sealed).await?;
        let address = fields.find(ADDRESS).cloned().ok_or(VaultError::Malformed("target"))?;
        Ok(Self { address, headers: headers_in(&fields) })
    }

    /// Seals it for an endpoint's row.
    ///
    /// # Errors
    /// Those of sealing.
    pub async fn seal(&self, vault: &Vault, org: OrgId, endpoint: Uuid) -> Result<Sealed, VaultError> {
        let mut fields = SecretFields::new();
        fields.insert(ADDRESS, self.address.clone());
        put_headers(&mut fields, &self.headers);
        vault.seal(&target_place(org, endpoint), fields.encode().expose()).await
    }
}

/// A row from before addresses were sealed: the address is there, headers are sealed by themselves.
async fn open_plain(
    vault: &Vault,
    org: OrgId,
    endpoint: Uuid,
    stored: &StoredTarget,
) -> Result<Target, VaultError> {
    let address = stored.url.clone().ok_or(VaultError::Malformed("target"))?;
    let own = match &stored.sealed_auth {
        Some(sealed) => {
            vault.open_fields(&auth_place(org, endpoint), &Sealed::parse(sealed.clone())?).await?
        }
        None => SecretFields::new(),
    };
    let headers = own.iter().map(|(name, value)| (name.to_owned(), value.clone())).collect();
    Ok(Target { address: SecretText::new(address), headers })
}

fn target_place(org: OrgId, endpoint: Uuid) -> Place<'static> {
    Place { org: Some(org), table: "endpoints", column: "sealed_target", provider: "", row: endpoint }
}

fn auth_place(org: OrgId, endpoint: Uuid) -> Place<'static> {
    Place { org: Some(org), table: "endpoints", column: "sealed_auth", provider: "", row: endpoint }
}

/// The address of an endpoint as everybody of the clinic may see it.
pub fn masked_address(stored: &StoredTarget) -> String {
    stored.address.clone().unwrap_or_else(|| mask(stored.url.as_deref().unwrap_or_default()))
}

/// An address without what may be secret of it: scheme, host and port, and a mask.
pub fn mask(address: &str) -> String {
    match Url::parse(address) {
        Ok(url) if url.has_host() => format!("{}/{MASK}", url.origin().ascii_serialization()),
        _ => MASK.to_owned(),
    }
}

/// The host of an address, masked or not.
pub fn host_of(address: &str) -> String {
    Url::parse(address).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_address_its_server_is_shown_and_nothing_else() {
        for (address, shown, host) in [
            (
                "https://n8n.example.com/webhook/a-token?key=b#c",
                "https://n8n.example.com/***",
                "n8n.example.com",
            ),
            ("http://127.0.0.1:5678/webhook/leads", "http://127.0.0.1:5678/***", "127.0.0.1"),
            ("https://somebody:a-password@example.com/", "https://example.com/***", "example.com"),
            ("https://[2001:db8::1]/x", "https://[2001:db8::1]/***", "[2001:db8::1]"),
            ("mailto:a-secret", "***", ""),
            ("a-secret", "***", ""),
        ] {
            assert_eq!(mask(address), shown, "{address}");
            assert_eq!((host_of(shown), mask(shown)), (host.to_owned(), shown.to_owned()), "{address}");
        }
    }
}
