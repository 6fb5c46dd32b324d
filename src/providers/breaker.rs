//! A breaker per bulkhead and host: after five failures in a row the door stays shut for ten
//! seconds, then one call tries again.
//!
//! It keeps a hanging provider from holding every worker of the caller. It knows nothing of HTTP:
//! `egress` decides what is a failure.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Failures in a row that shut the door.
pub const FAILURES_TO_OPEN: u32 = 5;
/// How long it stays shut before one call may try.
pub const OPEN_FOR: Duration = Duration::from_secs(10);

/// Whose failures are counted together. The caller makes it, from a hash of what it likes; nothing
/// here can tell which organization it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BulkheadKey(pub u128);

type Door = (BulkheadKey, String);

#[derive(Clone, Copy, Debug, Default)]
struct DoorState {
    failures: u32,
    shut_until: Option<Instant>,
    probe_runs: bool,
}

/// All doors that have seen a failure lately. A success forgets its door, so the map stays small.
#[derive(Clone, Debug, Default)]
pub struct Breakers {
    doors: Arc<Mutex<HashMap<Door, DoorState>>>,
}

/// The right to make one call. Dropping it without a verdict counts as neither success nor failure.
#[derive(Debug)]
pub struct Permit {
    breakers: Breakers,
    door: Door,
    is_probe: bool,
    is_settled: bool,
}

impl Breakers {
    /// Asks to call. An open breaker answers how long to wait.
    pub fn enter(&self, bulkhead: BulkheadKey, host: &str) -> Result<Permit, Duration> {
        self.enter_at(bulkhead, host, Instant::now())
    }

    fn enter_at(&self, bulkhead: BulkheadKey, host: &str, now: Instant) -> Result<Permit, Duration> {
        let door = (bulkhead, host.to_owned());
        let mut doors = self.lock();
        let mut is_probe = false;
        if let Some(state) = doors.get_mut(&door)
            && let Some(until) = state.shut_until
        {
            let left = until.saturating_duration_since(now);
            if !left.is_zero() {
                return Err(left);
            }
            if state.probe_runs {
                return Err(Duration::from_secs(1));
            }
            state.probe_runs = true;
            is_probe = true;
        }
        drop(doors);
        Ok(Permit { breakers: self.clone(), door, is_probe, is_settled: false })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Door, DoorState>> {
        self.doors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    /// The other side answered.
    pub fn succeeded(mut self) {
        self.is_settled = true;
        self.breakers.lock().remove(&self.door);
    }

    /// The other side did not answer, or answered that it is broken.
    pub fn failed(self) {
        self.failed_at(Instant::now());
    }

    fn failed_at(mut self, now: Instant) {
        self.is_settled = true;
        let mut doors = self.breakers.lock();
        let state = doors.entry(self.door.clone()).or_default();
        state.failures = state.failures.saturating_add(1);
        if self.is_probe {
            state.probe_runs = false;
        }
        if state.failures >= FAILURES_TO_OPEN {
            state.shut_until = Some(now + OPEN_FOR);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if !self.is_settled
            && self.is_probe
            && let Some(state) = self.breakers.lock().get_mut(&self.door)
        {
            state.probe_runs = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: BulkheadKey = BulkheadKey(1);
    const HOST: &str = "a.example.com";

    fn fail(breakers: &Breakers, times: u32, now: Instant) {
        for _ in 0..times {
            breakers.enter_at(KEY, HOST, now).expect("shut too early").failed_at(now);
        }
    }

    #[test]
    fn five_failures_in_a_row_shut_the_door_and_a_success_forgets_them() {
        let (breakers, now) = (Breakers::default(), Instant::now());
        fail(&breakers, 4, now);
        breakers.enter_at(KEY, HOST, now).expect("open").succeeded();
        fail(&breakers, 5, now);
        assert_eq!(breakers.enter_at(KEY, HOST, now).err(), Some(OPEN_FOR));
    }

    #[test]
    fn a_shut_door_concerns_one_bulkhead_and_one_host() {
        let (breakers, now) = (Breakers::default(), Instant::now());
        fail(&breakers, 5, now);
        assert!(breakers.enter_at(BulkheadKey(2), HOST, now).is_ok());
        assert!(breakers.enter_at(KEY, "b.example.com", now).is_ok());
    }

    #[test]
    fn exactly_one_call_tries_again_and_its_verdict_counts() {
        let (breakers, start) = (Breakers::default(), Instant::now());
        fail(&breakers, 5, start);
        let later = start + OPEN_FOR;
        let probe = breakers.enter_at(KEY, HOST, later).expect("one may try");
        assert!(breakers.enter_at(KEY, HOST, later).is_err(), "a second call must wait for the first");
        probe.failed_at(later);
        assert!(breakers.enter_at(KEY, HOST, later).is_err());
        let much_later = later + OPEN_FOR;
        drop(breakers.enter_at(KEY, HOST, much_later).expect("one may try"));
        let second = breakers.enter_at(KEY, HOST, much_later).expect("a dropped try gives its place back");
        second.succeeded();
        assert!(breakers.enter_at(KEY, HOST, much_later).is_ok());
    }
}
