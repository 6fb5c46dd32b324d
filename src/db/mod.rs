//! All SQL of the product: one file per noun.
//!
//! Tenant tables are reached through [`OrgTx`] alone, which cannot exist without an organization
//! that the database has confirmed. Nothing here can decrypt: sealed columns travel as opaque bytes.

pub mod account_marks;
pub mod agents;
pub mod alerts;
pub mod analytics;
pub mod api_keys;
pub mod appointments;
pub mod attempts;
pub mod audit;
pub mod calls;
pub mod catalogue;
pub mod changes;
pub mod commits;
pub mod counters;
pub mod credentials;
pub mod deliveries;
pub mod delivery_queue;
pub mod embedded;
pub mod endpoint_drafts;
pub mod endpoints;
pub mod event_list;
pub mod event_trace;
pub mod inbound;
pub mod inbound_messages;
pub mod incidents;
pub mod installation;
pub mod integrations;
pub mod issuers;
pub mod jobs;
pub mod keys;
pub mod leads;
pub mod live;
pub mod messages;
pub mod migrate;
pub mod notes;
pub mod oauth;
pub mod opt_outs;
pub mod organizations;
pub mod outbound;
pub mod outbound_calls;
pub mod overdue;
pub mod owed;
pub mod phone_numbers;
pub mod platform;
pub mod pool;
mod pooler;
pub mod routes;
pub mod schedules;
pub mod sealed_columns;
pub mod sealed_source;
pub mod senders;
pub mod sessions;
pub mod tool_calls;
pub mod tx;
pub mod users;
pub mod webhook_secrets;

use uuid::Uuid;

pub use pool::PgPool;
pub use tx::{Access, BeginError, ContextRole, OrgTx, Scope};

/// What can go wrong with the database, as far as callers can act on it.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// A named constraint said no; callers turn the name into a field error.
    #[error("the database refused the row ({constraint})")]
    Constraint { constraint: String },
    /// A text that PostgreSQL cannot hold: it has a NUL character.
    #[error("the text cannot be stored")]
    Text(#[source] sqlx::Error),
    /// The row is not there, or belongs to somebody else: nobody can tell the difference.
    #[error("there is no such row")]
    NotFound,
    /// The database cannot be reached, is shutting down or took too long. Worth another try.
    #[error("the database is not available")]
    Unavailable(#[source] sqlx::Error),
    /// A fault of ours.
    #[error("the database did not understand us")]
    Fault(#[source] sqlx::Error),
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::RowNotFound => DbError::NotFound,
            sqlx::Error::Io(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::Tls(_)
            | sqlx::Error::WorkerCrashed => DbError::Unavailable(error),
            sqlx::Error::Database(database) => {
                let code = database.code().unwrap_or_default().into_owned();
                if let Some(constraint) = database.constraint() {
                    DbError::Constraint { constraint: constraint.to_owned() }
                } else if matches!(code.as_str(), "22021" | "22P05") {
                    DbError::Text(error)
                } else if is_passing(&code) {
                    DbError::Unavailable(error)
                } else {
                    DbError::Fault(error)
                }
            }
            _ => DbError::Fault(error),
        }
    }
}

/// Codes that say "not now": connection exceptions, resources, operator intervention, cancelled
/// statements, serialization failures, deadlocks, locks that were not to be had (PostgreSQL,
/// appendix A).
fn is_passing(code: &str) -> bool {
    code.starts_with("08")
        || code.starts_with("53")
        || code.starts_with("57")
        || code == "40001"
        || code == "40P01"
        || code == "55P03"
}

/// A new identifier, ordered by time (UUID version 7, RFC 9562).
pub fn fresh_id<T: From<Uuid>>() -> T {
    T::from(Uuid::now_v7())
}
