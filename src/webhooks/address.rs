//! The addresses that a clinic gives to a provider: computed, never stored.
//!
//! An address holds the clinic's id under a keyed hash, for one purpose: a made-up address is refused
//! without a look into any cache or table, and no table could route one clinic's address to another.
//! It is no secret that anything depends on: what proves the sender is the signature.

use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::domain::OrgId;
use crate::vault::{Vault, VaultError};

/// Bytes of the keyed hash that stand in an address.
const PROOF: usize = 16;

/// What the addresses of one provider are for; a part of their hash.
#[derive(Clone, Copy, Debug)]
pub struct Address(pub &'static str);

impl Address {
    /// The last part of a clinic's address: 64 hexadecimal digits. It never changes.
    ///
    /// # Errors
    /// The vault's, where its first key is not at hand.
    pub async fn route_of(self, vault: &Vault, org: OrgId) -> Result<String, VaultError> {
        let proof = vault.fingerprint(self.0, org.0.as_bytes()).await?;
        Ok(format!("{}{}", org.0.simple(), hex::encode(&proof[..PROOF])))
    }

    /// The clinic of an address; none where nobody was ever given it.
    ///
    /// # Errors
    /// As [`Address::route_of`].
    pub async fn org_of(self, vault: &Vault, route: &str) -> Result<Option<OrgId>, VaultError> {
        let mut bytes = [0; 16 + PROOF];
        let is_whole = hex::decode_to_slice(route, &mut bytes).is_ok();
        let (id, given) = bytes.split_at(16);
        let proof = vault.fingerprint(self.0, id).await?;
        let is_ours = bool::from(proof[..PROOF].ct_eq(given));
        Ok(Uuid::from_slice(id).ok().filter(|_| is_whole && is_ours).map(OrgId))
    }
}
