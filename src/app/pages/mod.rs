//! One file per page: its view struct and the function that draws it.

pub mod agents;
pub mod audit;
pub mod connect_panel;
pub mod consent_panel;
pub mod disconnect_panel;
pub mod error;
pub mod events;
pub mod integrations;
pub mod login;
pub mod overview;
pub mod platform;
pub mod senders;
pub mod settings;
pub mod setup;
pub mod sms_panel;
#[cfg(test)]
mod tests;
