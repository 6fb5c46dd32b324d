//! The use cases: connect, test, verify, disconnect, restore, and the assistants at Vapi.
//!
//! The only place where database, vault and providers meet. No HTTP and no pages here: a use case
//! takes a [`Caller`] and returns values or an [`IntegrationError`]. No transaction is open while a
//! provider is asked.

pub mod bearer;
pub mod caller;
pub mod cards;
pub mod connect;
pub mod disconnect;
pub mod ensure;
mod error;
pub mod fields;
pub mod onboard;
pub mod pause;
pub mod purge;
pub mod rotation;
mod save;
pub mod signing;
pub mod verify;
pub mod voice_key;
pub mod voices;

pub use caller::Caller;
pub use error::{IntegrationError, Problem};
