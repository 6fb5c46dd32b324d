//! Webhooks in: find the clinic, verify with its own secret, store durably, then answer.
//!
//! The order is fixed: nothing is parsed as a whole and nothing is written before the signature
//! holds. [`inbound::Verified`] is the only key to the inbox, and only verification makes one.
//! Vapi's messages are found by what they name, those of WhatsApp, Twilio and Resend by their
//! address (`whatsapp`, `twilio`, `resend`).
//! What a call needs (tools, messages) is in `calls`. Events out are in `outbound`, what each of
//! them says in `event_data`. What nobody waits
//! for is worked off later: `work`.

pub mod address;
pub mod breaker;
pub mod dedupe;
pub mod delivery;
pub mod envelope;
pub mod event_data;
pub mod form;
pub mod inbound;
pub mod inbox;
pub mod masked;
pub mod news;
pub mod outbound;
pub mod owners;
pub mod payload;
mod private_names;
mod receiver;
pub mod resend;
pub mod resolver;
pub mod retry;
pub mod sign;
pub mod signature;
pub mod signing;
pub mod strict;
pub mod svix;
pub mod switch_off;
pub mod target;
pub mod twilio;
pub mod twilio_events;
pub mod twilio_signature;
pub mod whatsapp;
pub mod whatsapp_events;
pub mod work;
