//! Moments as people and programs write them: RFC 3339, or what a browser's own field sends, in UTC.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::{format_description, time};
use time::{Date, PrimitiveDateTime};

/// `2026-01-05T08:00:00Z`, `2026-01-05T08:00`, `2026-01-05`; none for anything else, or for years that
/// no row of ours can have.
pub fn parse(text: &str) -> Option<OffsetDateTime> {
    let text = text.trim();
    let minutes = format_description!("[year]-[month]-[day]T[hour]:[minute]");
    let seconds = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");
    let day = format_description!("[year]-[month]-[day]");
    let at = OffsetDateTime::parse(text, &Rfc3339)
        .ok()
        .or_else(|| PrimitiveDateTime::parse(text, minutes).ok().map(PrimitiveDateTime::assume_utc))
        .or_else(|| PrimitiveDateTime::parse(text, seconds).ok().map(PrimitiveDateTime::assume_utc))
        .or_else(|| Date::parse(text, day).ok().map(|day| day.with_time(time!(0:00)).assume_utc()))?;
    (2000..=2200).contains(&at.year()).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn three_spellings_are_one_moment_and_nonsense_is_none() {
        let at = parse("2026-01-05T00:00:00Z").unwrap();
        assert_eq!(parse("2026-01-05T00:00"), Some(at));
        assert_eq!(parse("2026-01-05"), Some(at));
        assert_eq!(parse("2026-01-05T01:00:00+01:00"), Some(at));
        for wrong in ["", "yesterday", "2026-13-01", "9999-01-01", "0001-01-01T00:00:00Z"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
