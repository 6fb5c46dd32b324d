//! What the cards of a clinic show, from one query: facts, state, proof.

use crate::db::integrations::{self, IntegrationRow};
use crate::db::{DbError, OrgTx};
use crate::domain::card::{CardFacts, CardState, Verification};
use crate::domain::provider::ProviderSpec;
use crate::domain::{Answer, CredentialId, OrgId};
use crate::providers::catalogue;
use crate::state::Services;
use crate::vault::{Sealed, WrappedKey};

use super::save::place;

/// One card: what the catalogue says and what the clinic has set up.
pub struct Card {
    pub spec: &'static ProviderSpec,
    pub row: Option<IntegrationRow>,
    pub state: CardState,
    /// Accounts beside the primary one, which nothing uses until one of them becomes it.
    pub others: Vec<OtherAccount>,
}

/// An account that is not the primary one.
pub struct OtherAccount {
    pub row: IntegrationRow,
    pub state: CardState,
}

/// The cards of the transaction's organization, one per provider of the catalogue, worst first.
pub async fn list(tx: &mut OrgTx, services: &Services) -> Result<Vec<Card>, DbError> {
    let org = tx.org();
    let mut rows = integrations::list(tx, services.restore_days).await?;
    let mut cards: Vec<Card> = catalogue::catalogue()
        .iter()
        .map(|provider| {
            let spec = provider.spec();
            let own: Vec<IntegrationRow>;
            (own, rows) = rows.drain(..).partition(|row| row.provider_id() == Some(spec.id));
            let (primary, others): (Vec<_>, Vec<_>) = own.into_iter().partition(|row| row.is_primary);
            let row = primary.into_iter().next();
            let state = state_of(services, org, row.as_ref());
            let others = others
                .into_iter()
                .map(|row| OtherAccount { state: state_of(services, org, Some(&row)), row })
                .collect();
            Card { spec, row, state, others }
        })
        .collect();
    cards.sort_by_key(|card| card.state.urgency());
    Ok(cards)
}

fn state_of(services: &Services, org: OrgId, row: Option<&IntegrationRow>) -> CardState {
    let answers: Vec<Answer> =
        row.map(|row| row.capabilities.iter().map(|line| line.answer).collect()).unwrap_or_default();
    CardState::of(&CardFacts {
        has_credential: row.is_some_and(|row| row.active_credential_id.is_some()),
        is_paused: row.is_some_and(|row| row.is_paused),
        verification: row.map_or(Verification::Pending, IntegrationRow::verification),
        answers: &answers,
        is_readable: row.is_none_or(|row| is_readable(services, org, row)),
        setup_incomplete: false,
    })
}

/// Whether the active credential opens with the keys that this process has: one that does not is
/// one bad card, never a broken page.
fn is_readable(services: &Services, org: OrgId, row: &IntegrationRow) -> bool {
    let Some(credential) = row.active_credential_id else { return true };
    let opened = || {
        let sealed = Sealed::parse(row.sealed.clone()?).ok()?;
        let key = WrappedKey {
            version: row.key_version?,
            kek_id: row.kek_id?,
            bytes: row.wrapped.clone()?.into(),
            seals_reserved: 0,
        };
        let place = place(org, row.provider_id()?, CredentialId(credential));
        services.vault.open_with_key(&place, &sealed, &key).ok()
    };
    opened().is_some()
}
