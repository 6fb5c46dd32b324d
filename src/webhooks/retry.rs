//! What follows from a try: the schedule of retries, and what is done with the endpoint.
//!
//! A pure function of what was known before and how the try ended; the clock is the caller's. Tries are
//! counted per round: a replay by a person begins a new one.

use std::time::Duration;

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::breaker;

/// What is waited after each try that failed, before jitter: eight tries over 31 hours and 35 minutes.
pub const SCHEDULE: [Duration; 7] = [
    Duration::from_secs(5),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 3600),
    Duration::from_secs(5 * 3600),
    Duration::from_secs(10 * 3600),
    Duration::from_secs(14 * 3600),
];
/// At most so much of a wait is added to it, so that what failed together does not come back together.
const JITTER: f64 = 0.2;
/// The longest wait that an endpoint can ask for.
pub const LONGEST_WISH: Duration = Duration::from_secs(24 * 3600);
/// The wait for an endpoint that is overloaded and does not say for how long.
const THROTTLE: Duration = Duration::from_secs(60);

/// How a try ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// 2xx.
    Succeeded,
    /// 3xx: it is not followed.
    Redirected,
    /// 410: the endpoint wants nothing any more.
    Gone,
    /// 429, 502 or 504: not now.
    Throttled,
    /// Any other 4xx.
    Refused,
    /// Any other 5xx, and what is no status at all.
    ServerError,
    /// No whole answer in time.
    Timeout,
    /// No connection, or one that broke.
    Connection,
    /// The name was not found.
    Name,
    /// No trusted TLS connection.
    Tls,
    /// The address may not be called.
    Blocked,
    /// Nothing could be sent: what is stored can not be read, or the destination is not set up.
    NotSent,
}

impl Outcome {
    /// All of them, the good one first.
    pub const ALL: [Outcome; 12] = [
        Outcome::Succeeded,
        Outcome::Redirected,
        Outcome::Gone,
        Outcome::Throttled,
        Outcome::Refused,
        Outcome::ServerError,
        Outcome::Timeout,
        Outcome::Connection,
        Outcome::Name,
        Outcome::Tls,
        Outcome::Blocked,
        Outcome::NotSent,
    ];

    /// By the status of an answer.
    pub const fn of_status(status: u16) -> Self {
        match status {
            200..=299 => Outcome::Succeeded,
            300..=399 => Outcome::Redirected,
            410 => Outcome::Gone,
            429 | 502 | 504 => Outcome::Throttled,
            400..=499 => Outcome::Refused,
            _ => Outcome::ServerError,
        }
    }

    /// The word in the database and in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Outcome::Succeeded => "succeeded",
            Outcome::Redirected => "redirected",
            Outcome::Gone => "gone",
            Outcome::Throttled => "throttled",
            Outcome::Refused => "refused",
            Outcome::ServerError => "server_error",
            Outcome::Timeout => "timeout",
            Outcome::Connection => "connection",
            Outcome::Name => "name",
            Outcome::Tls => "tls",
            Outcome::Blocked => "blocked",
            Outcome::NotSent => "not_sent",
        }
    }
}

/// A try that ended.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    pub outcome: Outcome,
    pub retry_after: Option<Duration>,
    /// This one counted, in its round.
    pub tries: u32,
    /// Of the endpoint, this one counted; 0 after a success.
    pub failures_in_row: i32,
    /// Since the first of them.
    pub failing_for: Duration,
    /// On how many days it failed meanwhile; looked at only where it has failed for long.
    pub failing_days: u32,
    pub delivery: Uuid,
}

/// What becomes of the delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    Done,
    Retry(Duration),
    /// It was the last try: a person may replay it.
    Dead,
    /// The endpoint was switched off: it waits for a person, as all others of that endpoint.
    Parked,
}

/// Why an endpoint is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    Failing,
    Throttled,
}

impl Rest {
    pub const fn as_str(self) -> &'static str {
        match self {
            Rest::Failing => "failing",
            Rest::Throttled => "throttled",
        }
    }
}

/// Why an endpoint is switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SwitchOff {
    Gone,
    Failing,
}

impl SwitchOff {
    pub const fn as_str(self) -> &'static str {
        match self {
            SwitchOff::Gone => "gone",
            SwitchOff::Failing => "failing",
        }
    }
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ruling {
    pub next: Next,
    pub rest: Option<(Duration, Rest)>,
    pub switch_off: Option<SwitchOff>,
}

/// Decides what follows from a try.
pub fn rule(ended: &Ended) -> Ruling {
    if ended.outcome == Outcome::Succeeded {
        return Ruling { next: Next::Done, rest: None, switch_off: None };
    }
    if ended.outcome == Outcome::Gone {
        return Ruling { next: Next::Parked, rest: None, switch_off: Some(SwitchOff::Gone) };
    }
    if breaker::is_given_up(ended.failing_for, ended.failures_in_row, ended.failing_days) {
        return Ruling { next: Next::Parked, rest: None, switch_off: Some(SwitchOff::Failing) };
    }
    let wish = ended.retry_after.map(|wish| wish.min(LONGEST_WISH));
    let throttled = match (ended.outcome, wish) {
        (_, Some(wish)) => Some(wish),
        (Outcome::Throttled, None) => Some(THROTTLE),
        _ => None,
    };
    let blocked = breaker::block_after(ended.failures_in_row);
    let rest = match (throttled, blocked) {
        (Some(wish), Some(block)) if block > wish => Some((block, Rest::Failing)),
        (Some(wish), _) => Some((wish, Rest::Throttled)),
        (None, Some(block)) => Some((block, Rest::Failing)),
        (None, None) => None,
    };
    let next = match wait_after(ended.tries, ended.delivery) {
        Some(wait) => Next::Retry(wait.max(throttled.unwrap_or_default())),
        None => Next::Dead,
    };
    Ruling { next, rest, switch_off: None }
}

/// What is waited after so many tries; none after the last. The jitter is the delivery's own: it is
/// the same whenever it is asked for.
pub fn wait_after(tries: u32, delivery: Uuid) -> Option<Duration> {
    let base = SCHEDULE.get(usize::try_from(tries.checked_sub(1)?).ok()?)?;
    let hash = Sha256::new().chain_update(delivery.as_bytes()).chain_update(tries.to_be_bytes()).finalize();
    let word = u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]);
    Some(base.mul_f64(1.0 + JITTER * f64::from(word) / f64::from(u32::MAX)))
}

#[cfg(test)]
#[path = "retry_tests.rs"]
mod tests;
