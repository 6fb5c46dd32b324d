//! How long ago something was, in words. The same words on the server and in the browser.

/// Milliseconds since 1970, as views carry times.
pub type UnixMillis = i64;

/// "just now", "12 s ago", "4 min ago", "3 h ago", "2 d ago".
///
/// A time in the future (two clocks that disagree) reads as "just now".
pub fn relative(now: UnixMillis, then: UnixMillis) -> String {
    let seconds = (now - then).max(0) / 1000;
    match seconds {
        0..=4 => "just now".to_owned(),
        5..=59 => format!("{seconds} s ago"),
        60..=3_599 => format!("{} min ago", seconds / 60),
        3_600..=86_399 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::relative;

    #[test]
    fn each_span_has_its_unit() {
        let cases = [
            (0, "just now"),
            (5_000, "5 s ago"),
            (59_999, "59 s ago"),
            (60_000, "1 min ago"),
            (3_599_000, "59 min ago"),
            (3_600_000, "1 h ago"),
            (86_400_000, "1 d ago"),
        ];
        for (span, words) in cases {
            assert_eq!(relative(1_700_000_000_000 + span, 1_700_000_000_000), words);
        }
    }

    #[test]
    fn a_clock_that_runs_ahead_is_not_shown_as_the_future() {
        assert_eq!(relative(0, 90_000), "just now");
    }
}
