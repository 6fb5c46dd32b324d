//! Who is asking: passwords, browser sessions, API keys, tokens, throttles.
//!
//! What somebody may do is not decided here: the database says it when a transaction begins
//! (`db::OrgTx`), and the extractors in `http` carry its answer.

pub mod accounts;
pub mod api_keys;
pub mod issuer_cache;
pub mod password;
pub mod session;
pub mod sign_in;
pub mod throttle;
pub mod tokens;
