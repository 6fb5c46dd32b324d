//! One file per page: its view struct and the function that draws it.

pub mod agent_tools;
pub mod agents;
pub mod alerts;
pub mod api_docs;
pub mod appointments;
pub mod audit;
pub mod call;
pub mod call_effects;
pub mod calls;
pub mod connect_panel;
pub mod consent_panel;
pub mod disconnect_panel;
pub mod error;
pub mod event;
pub mod event_test;
pub mod events;
pub mod integrations;
pub mod login;
pub mod messages;
pub mod notes;
pub mod overview;
pub mod phone;
pub mod phone_forms;
pub mod platform;
pub mod platform_clinic;
pub mod retention;
pub mod schedule;
pub mod senders;
pub mod settings;
pub mod setup;
pub mod sms_panel;
pub mod talk;
#[cfg(test)]
mod tests;
pub mod webhooks;
