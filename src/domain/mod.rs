//! Values of the product: identifiers, roles, provider descriptions, outcomes, card states.
//!
//! Compiled for the server and for the browser. No I/O, no async, no framework: what is here can
//! be tested with nothing but its inputs. Parsing happens at the edge, in the `parse` functions.

pub mod access_scope;
pub mod account;
pub mod agent_tools;
pub mod card;
pub mod clinic_plan;
pub mod csv;
pub mod event_kinds;
pub mod ids;
pub mod latency;
pub mod mask;
pub mod outcome;
pub mod pattern;
pub mod phone;
pub mod provider;
pub mod readiness;
pub mod role;
pub mod sample;
pub mod usage;

pub use account::{Account, AccountLabel};
pub use ids::{AgentId, CredentialId, EventId, IntegrationId, MessageId, OrgId, UserId};
pub use outcome::{Answer, CapabilityResult, Outcome};
pub use provider::ProviderId;
pub use role::Role;
pub use usage::Use;
