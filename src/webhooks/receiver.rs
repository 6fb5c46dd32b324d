//! What of a clinic's credential tells who posts to an address of the clinic's (`address`).
//!
//! Whoever is refused learns nothing about why: not connected, connected without such a secret, and a secret that
//! cannot be opened are one answer. Operators learn of the last one. Only a store that is away for a moment is an
//! answer of its own, as a sender should try again.

use super::address::Address;
use super::inbound::InboundError;
use crate::domain::OrgId;
use crate::vault::{Credential, Vault, VaultError};

/// The clinic of an address, and what its credential says, where there is one that opens.
pub(super) struct Receiver<C> {
    pub org: Option<OrgId>,
    pub secrets: Option<C>,
    unreadable: Option<VaultError>,
}

impl<C: Credential> Receiver<C> {
    /// Looks who is meant.
    ///
    /// # Errors
    /// The vault's, where nobody could look.
    pub(super) async fn find(vault: &Vault, address: Address, route: &str) -> Result<Self, InboundError> {
        let Some(org) = address.org_of(vault, route).await? else {
            return Ok(Self { org: None, secrets: None, unreadable: None });
        };
        let (secrets, unreadable) = match vault.open_to_receive::<C>(org).await {
            Ok(opened) => (Some(opened.credentials), None),
            Err(
                VaultError::NotConnected { .. }
                | VaultError::MissingField { .. }
                | VaultError::InvalidField { .. },
            ) => (None, None),
            Err(error) if error.is_unreadable() => (None, Some(error)),
            Err(error) => return Err(error.into()),
        };
        Ok(Self { org: Some(org), secrets, unreadable })
    }

    /// Why a post is not believed.
    pub(super) fn refusal(self) -> InboundError {
        match (self.org, self.unreadable) {
            (Some(org), Some(source)) => InboundError::Unreadable { org, source },
            (org, _) => InboundError::Refused { org },
        }
    }
}
