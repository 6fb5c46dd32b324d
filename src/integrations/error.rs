//! What can go wrong in a use case, with the sentence that a clinic reads.

use super::ConsentRefusal;
use crate::audit::AuditError;
use crate::db::{BeginError, DbError};
use crate::domain::ProviderId;
use crate::domain::account::MOST_ACCOUNTS;
use crate::providers::catalogue;
use crate::vault::VaultError;

/// A field of a form that is not right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub field: String,
    pub message: String,
}

/// Why a use case did not happen.
#[derive(Debug, thiserror::Error)]
pub enum IntegrationError {
    #[error("the caller may not set up providers")]
    MayNot,
    #[error("only an owner may do this")]
    OwnerOnly,
    #[error("fields are not valid")]
    Invalid(Vec<Problem>),
    #[error("{} is not connected", .0.as_str())]
    NotConnected(ProviderId),
    #[error("the draft was used or has expired")]
    DraftGone,
    #[error("the credential belongs to another account than the connected one")]
    OtherAccount { provider: ProviderId },
    #[error("the earlier credential belongs to another account than the connected one")]
    RestoresOtherAccount { provider: ProviderId },
    #[error("{} has as many accounts as a clinic may have", .0.as_str())]
    TooManyAccounts(ProviderId),
    #[error("{} takes one account", .0.as_str())]
    OneAccountOnly(ProviderId),
    #[error("no earlier credential can be restored")]
    NothingToRestore,
    /// The consent was given back at disconnect: only a new one helps.
    #[error("a new consent is needed")]
    MustReconnect(ProviderId),
    #[error("the answer of a consent page was not taken")]
    Consent(#[from] ConsentRefusal),
    #[error("the same work is being done by somebody else")]
    Busy,
    #[error("there is no active endpoint of that name")]
    EndpointNotConfigured,
    #[error("too many signing secrets are live")]
    RotatedTooOften,
    /// A provider refused or did not answer; the sentence says who and why.
    #[error("a provider refused or did not answer")]
    Provider { code: Option<&'static str>, sentence: String, is_passing: bool },
    #[error("the credential could not be used")]
    Vault(#[from] VaultError),
    #[error("the audit trail could not be written")]
    Audit(#[from] AuditError),
    #[error(transparent)]
    Begin(BeginError),
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<BeginError> for IntegrationError {
    fn from(error: BeginError) -> Self {
        match error {
            BeginError::Db(error) => IntegrationError::Db(error),
            other => IntegrationError::Begin(other),
        }
    }
}

/// The name of a provider as people know it.
pub fn provider_name(provider: ProviderId) -> &'static str {
    catalogue::find(provider).spec().name
}

impl IntegrationError {
    /// Whether trying again later may help, without anybody changing anything.
    pub fn is_passing(&self) -> bool {
        match self {
            IntegrationError::Busy | IntegrationError::Db(DbError::Unavailable(_)) => true,
            IntegrationError::Provider { is_passing, .. } => *is_passing,
            IntegrationError::Vault(error) => error.is_transient(),
            _ => false,
        }
    }

    /// What happened and what to do, for people.
    pub fn sentence(&self) -> String {
        match self {
            IntegrationError::MayNot => "Only an owner or an admin of the clinic can do this.".to_owned(),
            IntegrationError::OwnerOnly => "Only an owner of the clinic can do this.".to_owned(),
            IntegrationError::Invalid(problems) => match problems.as_slice() {
                [only] => only.message.clone(),
                _ => "Some fields need your attention.".to_owned(),
            },
            IntegrationError::NotConnected(provider) => not_connected(*provider),
            IntegrationError::DraftGone => {
                "What you entered was kept for 15 minutes and is gone now. Please enter it again.".to_owned()
            }
            IntegrationError::OtherAccount { provider } => format!(
                "This belongs to another {} account than the one that is connected. Confirm the switch if that is what you want.",
                provider_name(*provider)
            ),
            IntegrationError::RestoresOtherAccount { provider } => {
                let name = provider_name(*provider);
                format!(
                    "The earlier credential belongs to another {name} account than the one in use, so it was not brought back. Disconnect {name} first if that is what you want, then restore."
                )
            }
            IntegrationError::TooManyAccounts(provider) => format!(
                "A clinic can have {MOST_ACCOUNTS} accounts of {}. Remove one for good before you add another.",
                provider_name(*provider)
            ),
            IntegrationError::OneAccountOnly(provider) => format!(
                "{} takes one account for a clinic: Google's cards share one permission.",
                provider_name(*provider)
            ),
            IntegrationError::NothingToRestore => {
                "There is no earlier credential to bring back. Old ones are kept for 30 days.".to_owned()
            }
            IntegrationError::MustReconnect(provider) => {
                let name = provider_name(*provider);
                format!(
                    "{name} was given back to Google, so there is nothing to restore. Connect with Google again."
                )
            }
            IntegrationError::Consent(refusal) => refusal.sentence().to_owned(),
            IntegrationError::Busy => {
                "This is being worked on already. Please look again in a few seconds.".to_owned()
            }
            IntegrationError::EndpointNotConfigured => {
                "There is no active endpoint of this name. An owner or admin can add it or switch it on.".to_owned()
            }
            IntegrationError::RotatedTooOften => {
                "The signing secret was rotated several times within a day. Old ones verify for 24 hours; please try again tomorrow."
                    .to_owned()
            }
            IntegrationError::Provider { sentence, .. } => sentence.clone(),
            IntegrationError::Vault(error) => vault_sentence(error),
            IntegrationError::Audit(_) | IntegrationError::Begin(_) | IntegrationError::Db(_) => {
                "This could not be done right now. Please try again in a moment.".to_owned()
            }
        }
    }
}

fn not_connected(provider: ProviderId) -> String {
    let name = provider_name(provider);
    format!("{name} is not connected for this clinic. An owner or admin can connect it under Integrations.")
}

fn vault_sentence(error: &VaultError) -> String {
    match error {
        VaultError::NotConnected { provider } => not_connected(*provider),
        VaultError::Paused { provider } => {
            let name = provider_name(*provider);
            format!("{name} is paused for this clinic. An owner or admin can resume it under Integrations.")
        }
        VaultError::Failed { provider } => {
            let name = provider_name(*provider);
            format!("{name} refused this clinic's credential at the last check. Open its card under Integrations and test it again.")
        }
        VaultError::Pending { provider } => {
            let name = provider_name(*provider);
            format!("{name} was never tested for this clinic. Open its card under Integrations and press Verify.")
        }
        unreadable if unreadable.is_unreadable() => {
            "The stored credential cannot be read with the keys that this service has. Enter it again, or ask support."
                .to_owned()
        }
        _ => "The stored credential could not be used right now. Please try again in a moment.".to_owned(),
    }
}
