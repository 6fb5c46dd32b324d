//! The arithmetic of axes, and numbers as they are read: pure functions.

/// What numbers of a chart are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Count,
    Millis,
}

impl Unit {
    pub fn words(self, value: f64) -> String {
        match self {
            Unit::Count => count(value.max(0.0).round() as u64),
            Unit::Millis => millis(value),
        }
    }
}

/// `0`, `950`, `12 400`: thousands apart by a narrow space that does not break.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + 4);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// `85 ms`, `1.25 s`, `15 s`.
pub fn millis(value: f64) -> String {
    if value < 999.5 {
        return format!("{value:.0} ms");
    }
    let seconds = format!("{:.2}", value / 1000.0);
    format!("{} s", seconds.trim_end_matches('0').trim_end_matches('.'))
}

/// `98.75 %`; none where there is nothing to take a share of.
pub fn share(part: u64, whole: u64) -> Option<String> {
    (whole > 0).then(|| {
        // Rounded down, so that 100.00 is said of all only and not of nearly all.
        let hundredths = u128::from(part) * 10_000 / u128::from(whole);
        format!("{}.{:02} %", hundredths / 100, hundredths % 100)
    })
}

/// The marks of an axis from 0 on, evenly apart, the last at or above `highest`.
pub fn ticks(highest: f64, unit: Unit) -> Vec<f64> {
    const STEPS: f64 = 4.0;
    let least = if unit == Unit::Count { 1.0 } else { 5.0 };
    let wanted = (highest / STEPS).max(least);
    let power = 10_f64.powf(wanted.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0]
        .iter()
        .map(|factor| factor * power)
        // Nothing happens two and a half times.
        .filter(|step| unit != Unit::Count || step.fract() == 0.0)
        .find(|step| *step >= wanted * 0.999_999)
        .unwrap_or(power * 10.0);
    let marks = (highest / step).ceil().clamp(1.0, STEPS) as u32;
    (0..=marks).map(|at| f64::from(at) * step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_at_round_numbers_above_all_that_they_show() {
        for highest in [0.0, 1.0, 3.0, 4.0, 7.0, 19.0, 99.0, 101.0, 12_345.0, 9e9] {
            let marks = ticks(highest, Unit::Count);
            assert!(*marks.last().unwrap() >= highest, "{highest}: {marks:?}");
            assert!(marks.len() <= 5 && marks.len() >= 2, "{highest}: {marks:?}");
            assert!(marks.iter().all(|mark| mark.fract() == 0.0), "{highest}: {marks:?}");
        }
        assert_eq!(ticks(100.0, Unit::Count), [0.0, 25.0, 50.0, 75.0, 100.0]);
        assert_eq!(ticks(9.0, Unit::Count), [0.0, 5.0, 10.0]);
        assert_eq!(ticks(950.0, Unit::Millis), [0.0, 250.0, 500.0, 750.0, 1000.0]);
    }

    #[test]
    fn numbers_are_read_with_their_unit() {
        assert_eq!(
            [count(7), count(1_234), count(10_000_000)],
            ["7", "1\u{202f}234", "10\u{202f}000\u{202f}000"]
        );
        assert_eq!(
            [millis(0.4), millis(999.0), millis(1250.0), millis(15_000.0)],
            ["0 ms", "999 ms", "1.25 s", "15 s"]
        );
    }

    #[test]
    fn only_all_is_a_hundred_percent() {
        assert_eq!(share(0, 0), None);
        assert_eq!(share(99_999_999, 100_000_000).unwrap(), "99.99 %");
        assert_eq!(share(3, 3).unwrap(), "100.00 %");
        assert_eq!(share(79, 80).unwrap(), "98.75 %");
    }
}
