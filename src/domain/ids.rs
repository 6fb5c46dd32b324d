//! Typed identifiers, so that an organization can never be passed where a user is meant.
//!
//! All of them are UUIDs (version 7, made on the server by `db::fresh_id`). Nothing here makes one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id_type {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::from_str(text).map(Self)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    )+};
}

id_type!(
    /// A clinic.
    OrgId,
    /// A person who signs in.
    UserId,
    /// A provider as one organization has set it up: one card.
    IntegrationId,
    /// One sealed version of an integration's secret material.
    CredentialId,
    /// An agent configuration (inbound or outbound).
    AgentId,
    /// An inbound event in the durable inbox.
    EventId,
    /// A text message that we sent or tried to send.
    MessageId,
);
