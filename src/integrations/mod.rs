//! The use cases: connect, test, verify, disconnect, restore, the assistants at Vapi, and consents at
//! Google with the tokens that come of them.
//!
//! The only place where database, vault and providers meet. No HTTP and no pages here: a use case
//! takes a [`Caller`] and returns values or an [`IntegrationError`]. No transaction is open while a
//! provider is asked.

mod assistant_sync;
pub mod assistant_tools;
pub mod bearer;
pub mod caller;
pub mod cards;
mod claim_numbers;
pub mod claims;
pub mod connect;
pub mod consent;
mod consent_refusal;
pub mod disconnect;
pub mod endpoints;
pub mod ensure;
mod error;
pub mod fields;
pub mod found;
pub mod give_up;
pub mod grant;
pub mod in_step;
pub mod incidents;
pub mod onboard;
pub mod pause;
pub mod primary;
pub mod purge;
pub mod rotation;
mod save;
pub mod sheets;
pub mod signing;
mod token_error;
pub mod tokens;
pub mod verify;
pub mod voice_key;
pub mod voices;

pub use caller::Caller;
pub use consent_refusal::ConsentRefusal;
pub use error::{IntegrationError, Problem};
