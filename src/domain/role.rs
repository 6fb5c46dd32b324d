//! Roles of people in an organization, and what each may do.
//!
//! The same rules stand in the database as policies on `app.role`; this module only decides what
//! the interface offers and which sentence refuses.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a member of an organization may do. Ordered: an owner may do all that an admin may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sees state, never forms.
    Member,
    /// Connects, tests and disconnects providers.
    Admin,
    /// Also purges, and decides about people.
    Owner,
}

impl Role {
    pub const ALL: [Role; 3] = [Role::Owner, Role::Admin, Role::Member];

    /// The word that the database and the interfaces use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Owner => "owner",
            Role::Admin => "admin",
            Role::Member => "member",
        }
    }

    /// May set up providers and agents.
    pub const fn may_configure(self) -> bool {
        matches!(self, Role::Owner | Role::Admin)
    }
}

impl FromStr for Role {
    type Err = ();
    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Role::ALL.into_iter().find(|role| role.as_str() == word).ok_or(())
    }
}
