//! Durations as counts in buckets, and percentiles out of them.
//!
//! Counts by the hour keep no single duration, so that a year of tries is read as some thousand rows.
//! What is said of a percentile can be wrong by the width of its bucket: half of the value at most
//! from 25 ms on, a quarter or less around one second.

/// Upper bounds of the buckets, in milliseconds; the last bucket has none.
pub const BOUNDS_MS: [i32; 15] =
    [25, 50, 100, 200, 300, 400, 500, 750, 1000, 1500, 2000, 3000, 5000, 7500, 10_000];
/// Buckets, the one without a bound included.
pub const BUCKETS: usize = BOUNDS_MS.len() + 1;

/// The duration that a share of all tries did not exceed, in milliseconds; none without tries.
///
/// Within a bucket durations count as spread evenly. `most` is the longest of all: it bounds the last
/// bucket, and nothing is said to have taken longer than the longest.
pub fn percentile(buckets: &[i64], most: i32, share: f64) -> Option<f64> {
    let total: i64 = buckets.iter().sum();
    if total <= 0 {
        return None;
    }
    let most = f64::from(most);
    let wanted = (share.clamp(0.0, 1.0) * total as f64).max(1.0);
    let mut below = 0.0;
    for (at, number) in buckets.iter().enumerate() {
        let number = *number as f64;
        if number > 0.0 && below + number >= wanted {
            let bound = |at: usize| BOUNDS_MS.get(at).map(|bound| f64::from(*bound));
            let lower = at.checked_sub(1).and_then(bound).unwrap_or(0.0).min(most);
            let upper = bound(at).map_or(most, |bound| bound.min(most));
            return Some(lower + (upper - lower) * (wanted - below) / number);
        }
        below += number;
    }
    Some(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each duration in its bucket, as it is counted when it is written.
    fn buckets(durations: &[i32]) -> Vec<i64> {
        let mut out = vec![0; BUCKETS];
        for millis in durations {
            out[BOUNDS_MS.iter().position(|bound| millis <= bound).unwrap_or(BOUNDS_MS.len())] += 1;
        }
        out
    }

    #[test]
    fn percentiles_are_as_wrong_as_their_bucket_is_wide_and_not_more() {
        let mut durations: Vec<i32> = (0..20_000).map(|at: i32| (at * 7919 % 1777) * (1 + at % 5)).collect();
        durations.sort_unstable();
        let most = *durations.last().unwrap();
        let counted = buckets(&durations);
        for share in [0.01, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0] {
            let exact = durations[((share * durations.len() as f64) as usize).saturating_sub(1)];
            let said = percentile(&counted, most, share).unwrap();
            let at = BOUNDS_MS.iter().position(|bound| exact <= *bound).unwrap_or(BOUNDS_MS.len());
            let lower = if at == 0 { 0 } else { BOUNDS_MS[at - 1] };
            let upper = BOUNDS_MS.get(at).copied().unwrap_or(most);
            assert!((f64::from(lower)..=f64::from(upper)).contains(&said), "{share}: {said} for {exact}");
        }
    }

    #[test]
    fn nothing_is_slower_than_the_slowest_and_nothing_is_said_of_nothing() {
        assert_eq!(percentile(&buckets(&[]), 0, 0.5), None);
        assert_eq!(percentile(&buckets(&[7]), 7, 0.95), Some(7.0));
        assert_eq!(percentile(&buckets(&[14_900]), 14_900, 0.5), Some(14_900.0));
        let p50 = percentile(&buckets(&[80, 80, 80, 9000]), 9000, 0.5).unwrap();
        assert!((50.0..=100.0).contains(&p50), "{p50}");
    }
}
