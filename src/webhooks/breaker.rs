//! The breaker of an endpoint: how long nothing is sent there, and when it is switched off.
//!
//! Pure. Its state is in the endpoint's row, so that all processes know the same; that only one try at a
//! time goes to an endpoint that fails is seen to where deliveries are taken (`lease_deliveries`).

use std::time::Duration;

/// Failures in a row from which on the breaker is open.
pub const FAILURES_TO_OPEN: i32 = 5;
/// An endpoint that has failed for this long, without one success, is switched off.
pub const SWITCH_OFF_AFTER: Duration = Duration::from_secs(5 * 86_400);
/// But not before it was really tried: so many times, as often as one event is tried by itself,
const LEAST_FAILURES: i32 = 8;
/// and on so many different days. One bad hour and another one next week are no end.
const LEAST_DAYS: u32 = 3;

const FIRST: Duration = Duration::from_secs(30);
const LONGEST: Duration = Duration::from_secs(10 * 60);

/// For how long nothing is sent after so many failures in a row; none while the breaker stays closed.
/// It doubles with each probe that fails.
pub fn block_after(failures: i32) -> Option<Duration> {
    let more = u32::try_from(failures.checked_sub(FAILURES_TO_OPEN)?).ok()?;
    Some(FIRST.saturating_mul(2_u32.saturating_pow(more.min(8))).min(LONGEST))
}

/// Whether an endpoint that fails now, and has failed for so long, so many times and on so many days, is
/// switched off.
pub fn is_given_up(failing_for: Duration, failures: i32, days: u32) -> bool {
    failing_for >= SWITCH_OFF_AFTER && failures >= LEAST_FAILURES && days >= LEAST_DAYS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_at_the_fifth_failure_and_stays_open_for_longer_each_time() {
        let seconds = |failures| block_after(failures).map(|time| time.as_secs());
        assert_eq!((0..5).filter_map(seconds).count(), 0, "four failures block nothing");
        let open: Vec<_> = (5..13).filter_map(seconds).collect();
        assert_eq!(open, [30, 60, 120, 240, 480, 600, 600, 600]);
        assert_eq!(seconds(i32::MAX), Some(600));
    }

    #[test]
    fn five_days_without_a_success_are_the_end_of_what_was_tried_on_several_of_them() {
        assert!(!is_given_up(SWITCH_OFF_AFTER - Duration::from_secs(1), 20, 5));
        assert!(is_given_up(SWITCH_OFF_AFTER, 8, 3));
        assert!(!is_given_up(SWITCH_OFF_AFTER * 10, 2, 2), "two failures with nothing between them");
        assert!(!is_given_up(SWITCH_OFF_AFTER * 10, 9, 2), "a bad hour, and one more failure");
        assert!(!is_given_up(SWITCH_OFF_AFTER * 10, 7, 7));
    }
}
