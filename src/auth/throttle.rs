//! Throttles of sign-in attempts, and of the samples with which a clinic tests its own webhook, shared by
//! all processes.
//!
//! Counted per account and address together, per address, and per account over all addresses. The
//! last one never locks out an address from which the account signed in before: an attacker must
//! not be able to keep the owner out.

use sha2::{Digest, Sha256};

use crate::db::{DbError, PgPool, counters};

/// A counter: what it counts, how many hits it takes, over how many seconds.
#[derive(Clone, Copy)]
struct Limit {
    name: &'static str,
    hits: i32,
    seconds: f64,
}

const PER_ACCOUNT_AND_ADDRESS: Limit = Limit { name: "account+address", hits: 10, seconds: 900.0 };
const PER_ADDRESS: Limit = Limit { name: "address", hits: 60, seconds: 900.0 };
/// Fewer than 100 guesses an hour reach an account's hash, from however many addresses.
const PER_ACCOUNT: Limit = Limit { name: "account", hits: 20, seconds: 900.0 };
const KNOWN_ADDRESS: Limit = Limit { name: "known", hits: i32::MAX, seconds: 30.0 * 86_400.0 };

/// Samples of Vapi's messages that a clinic sends to its own webhook.
const TESTS: Limit = Limit { name: "test", hits: 20, seconds: 60.0 };

/// Whether an attempt may go on to the password's hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    Allowed,
    /// Too many; try again after this many seconds at most.
    Throttled {
        seconds: u32,
    },
}

/// Counts an attempt to sign in.
pub async fn count_attempt(pool: &PgPool, email: &str, address: &str) -> Result<Attempt, DbError> {
    let pair = hit(pool, PER_ACCOUNT_AND_ADDRESS, &[email, address]).await?;
    let by_address = hit(pool, PER_ADDRESS, &[address]).await?;
    if !pair || !by_address {
        return Ok(Attempt::Throttled { seconds: 900 });
    }
    if !hit(pool, PER_ACCOUNT, &[email]).await? && !is_known(pool, email, address).await? {
        return Ok(Attempt::Throttled { seconds: 900 });
    }
    Ok(Attempt::Allowed)
}

/// Notes a success: this address may always try this account again.
pub async fn note_success(pool: &PgPool, email: &str, address: &str) -> Result<(), DbError> {
    counters::clear(pool, &key(PER_ACCOUNT_AND_ADDRESS, &[email, address])).await?;
    hit(pool, KNOWN_ADDRESS, &[email, address]).await?;
    Ok(())
}

/// Counts a sample that a clinic sends itself; false where it has sent enough for now.
pub async fn count_test(pool: &PgPool, org: &str) -> Result<bool, DbError> {
    hit(pool, TESTS, &[org]).await
}

async fn hit(pool: &PgPool, limit: Limit, parts: &[&str]) -> Result<bool, DbError> {
    Ok(counters::hit(pool, &key(limit, parts), limit.seconds).await? <= limit.hits)
}

async fn is_known(pool: &PgPool, email: &str, address: &str) -> Result<bool, DbError> {
    counters::exists(pool, &key(KNOWN_ADDRESS, &[email, address]), KNOWN_ADDRESS.seconds).await
}

/// The key of a counter. A hash, so that the table lists no addresses of people.
fn key(limit: Limit, parts: &[&str]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in std::iter::once(&limit.name).chain(parts) {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part.as_bytes());
    }
    digest.finalize().into()
}
