//! Webhooks in: find the clinic, verify with its own secret, store durably, then answer.
//!
//! The order is fixed: nothing is parsed as a whole and nothing is written before the signature
//! holds. [`inbound::Verified`] is the only key to the inbox, and only verification makes one.
//! Vapi's messages are found by what they name, WhatsApp's by their address (`whatsapp`).
//! What a call needs (tools, messages) is in `calls`. Events out are in `outbound`. What nobody waits
//! for is worked off later: `work`.

pub mod dedupe;
pub mod envelope;
pub mod inbound;
pub mod inbox;
pub mod outbound;
pub mod payload;
pub mod resolver;
pub mod signature;
pub mod strict;
pub mod svix;
pub mod whatsapp;
pub mod whatsapp_events;
pub mod work;
