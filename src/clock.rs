//! The time, from a clock that tests can set.
//!
//! Leases and expiry of rows are decided by the database's clock, not by this one: several
//! processes never have to agree about the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;

/// A source of the time. Cheap to clone; clones of a set clock move together.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// Seconds by which this clock is ahead of the system's.
    ahead: Arc<AtomicI64>,
}

impl Clock {
    /// The time of day, in UTC.
    pub fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc() + time::Duration::seconds(self.ahead.load(Ordering::Relaxed))
    }

    /// Unix time in seconds.
    pub fn unix(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        i64::try_from(since).unwrap_or(i64::MAX) + self.ahead.load(Ordering::Relaxed)
    }

    /// Moves this clock and all of its clones; for tests.
    pub fn advance(&self, by: time::Duration) {
        self.ahead.fetch_add(by.whole_seconds(), Ordering::Relaxed);
    }
}
