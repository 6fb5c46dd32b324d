//! A range of days as addresses say it, in the clinic's time zone: `?range=7d`, or
//! `?range=custom&from=2026-02-01&to=2026-02-14`.
//!
//! What is said wrongly becomes the usual range and a sentence: a page with numbers is more use than a
//! page without.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde::Deserialize;
use time::{OffsetDateTime, PrimitiveDateTime};

use crate::app::pages::webhooks::range::RangeView;
use crate::db::analytics::{Span, Step};

/// The longest range that somebody may ask for, in days.
const MOST_DAYS: i64 = 366;
/// Up to so many days hours are shown.
const HOURLY_DAYS: i64 = 2;

/// What the address says.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct RangeQuery {
    #[serde(default)]
    pub range: String,
    #[serde(default)]
    pub from: String,
    #[serde(default)]
    pub to: String,
}

/// The range that numbers are about.
#[derive(Clone, Debug)]
pub struct Range {
    word: String,
    first: Date,
    last: Date,
    time_zone: TimeZone,
    time_zone_name: String,
    now: Timestamp,
    error: Option<String>,
}

impl Range {
    /// Reads what the address says; `usual` is the word of the range where it says nothing.
    pub fn choose(query: &RangeQuery, now: OffsetDateTime, time_zone: &str, usual: &'static str) -> Self {
        let now = Timestamp::from_second(now.unix_timestamp()).unwrap_or_default();
        let zone = TimeZone::get(time_zone).unwrap_or(TimeZone::UTC);
        let today = now.to_zoned_datetime(zone.clone()).date();
        let days = |word: &str| match word {
            "today" => Some(1),
            "7d" => Some(7),
            "30d" => Some(30),
            "90d" => Some(90),
            _ => None,
        };
        let last_days = |days: i64| today.checked_sub((days - 1).days()).unwrap_or(today);
        let of_word = |word: &str, error| Self {
            word: word.to_owned(),
            first: last_days(days(word).unwrap_or(7)),
            last: today,
            time_zone: zone.clone(),
            time_zone_name: time_zone.to_owned(),
            now,
            error,
        };
        match query.range.as_str() {
            "custom" => match custom(query, today) {
                Ok((first, last)) => Self { first, last, ..of_word("custom", None) },
                Err(error) => of_word(usual, Some(error)),
            },
            word if days(word).is_some() => of_word(word, None),
            _ => of_word(usual, None),
        }
    }

    fn days(&self) -> i64 {
        self.first.until(self.last).map_or(1, |span| i64::from(span.get_days()) + 1)
    }

    const fn step_of(days: i64) -> Step {
        if days <= HOURLY_DAYS { Step::Hour } else { Step::Day }
    }

    pub fn step(&self) -> Step {
        Self::step_of(self.days())
    }

    fn start_of(&self, date: Date) -> OffsetDateTime {
        let start =
            date.to_zoned_datetime(self.time_zone.clone()).map_or(self.now, |zoned| zoned.timestamp());
        OffsetDateTime::from_unix_timestamp(start.as_second()).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    /// The range as the database takes it.
    pub fn span(&self, endpoint: Option<uuid::Uuid>) -> Span<'_> {
        Span {
            from: self.start_of(self.first),
            until: self.start_of(self.last.tomorrow().unwrap_or(self.last)),
            time_zone: self.time_zone.iana_name().unwrap_or("UTC"),
            step: self.step(),
            endpoint,
        }
    }

    /// Every hour or day of the range, oldest first, and its label; none that has not begun.
    pub fn places(&self) -> Vec<(DateTime, String)> {
        let now = self.now.to_zoned_datetime(self.time_zone.clone()).datetime();
        let is_one_day = self.first == self.last;
        let mut out = Vec::new();
        for date in self.first.series(1.days()).take_while(|date| *date <= self.last) {
            let hours = if self.step() == Step::Hour { 0..24 } else { 0..1 };
            for hour in hours {
                let place = date.at(hour, 0, 0, 0);
                if place > now {
                    return out;
                }
                let form = match (self.step(), is_one_day) {
                    (Step::Day, _) => "%-d %b",
                    (Step::Hour, true) => "%H:%M",
                    (Step::Hour, false) => "%-d %b %H:%M",
                };
                out.push((place, place.strftime(form).to_string()));
            }
        }
        out
    }

    /// The range as pages show it.
    pub fn view(&self, action: &'static str, keep: Vec<(&'static str, String)>) -> RangeView {
        RangeView {
            action,
            keep,
            chosen: self.word.clone(),
            from: self.first.to_string(),
            to: self.last.to_string(),
            time_zone: self.time_zone_name.clone(),
            error: self.error.clone(),
        }
    }
}

fn custom(query: &RangeQuery, today: Date) -> Result<(Date, Date), String> {
    let date = |text: &str| text.trim().parse::<Date>();
    let (Ok(first), Ok(last)) = (date(&query.from), date(&query.to)) else {
        return Err("Enter both days, such as 2026-02-01.".to_owned());
    };
    if first > last {
        return Err("The first day is after the last one.".to_owned());
    }
    if first > today {
        return Err("These days have not come yet.".to_owned());
    }
    let is_long = first.duration_until(last) >= SignedDuration::from_hours(24 * MOST_DAYS);
    if is_long {
        return Err(format!("Choose {MOST_DAYS} days at most."));
    }
    Ok((first, last))
}

/// When a day begins on the clinic's clock; none where the text is no day.
pub fn start_of_day(text: &str, time_zone: &str) -> Option<OffsetDateTime> {
    let zone = TimeZone::get(time_zone).unwrap_or(TimeZone::UTC);
    let start = text.trim().parse::<Date>().ok()?.to_zoned_datetime(zone).ok()?;
    OffsetDateTime::from_unix_timestamp(start.timestamp().as_second()).ok()
}

/// The time that a clock on the wall shows, as the database says it, for looking it up among places.
pub fn civil(at: PrimitiveDateTime) -> DateTime {
    let (year, month, day) = (at.year(), u8::from(at.month()), at.day());
    let part = |value: u8| i8::try_from(value).unwrap_or_default();
    let date = Date::new(i16::try_from(year).unwrap_or_default(), part(month), part(day)).unwrap_or_default();
    date.at(part(at.hour()), 0, 0, 0)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-03-29 12:30 UTC);

    fn query(range: &str, from: &str, to: &str) -> RangeQuery {
        RangeQuery { range: range.to_owned(), from: from.to_owned(), to: to.to_owned() }
    }

    #[test]
    fn days_begin_at_midnight_of_the_clinic_even_when_the_clocks_change() {
        let range = Range::choose(&query("today", "", ""), NOW, "Europe/Berlin", "7d");
        let span = range.span(None);
        assert_eq!(span.from, datetime!(2026-03-28 23:00 UTC));
        assert_eq!(span.until, datetime!(2026-03-29 22:00 UTC), "a day of 23 hours");
        assert_eq!(range.step(), Step::Hour);
        assert_eq!(range.places().last().unwrap().1, "14:00", "hours to come are left out");
        let week = Range::choose(&query("7d", "", ""), NOW, "America/New_York", "7d");
        assert_eq!((week.places().len(), week.step()), (7, Step::Day));
        assert_eq!(week.places()[6].1, "29 Mar");
    }

    #[test]
    fn days_that_make_no_range_give_the_usual_one_and_a_sentence() {
        for (from, to) in [
            ("", ""),
            ("2026-02-30", "2026-03-01"),
            ("2026-03-02", "2026-03-01"),
            ("2026-04-01", "2026-04-02"),
            ("2025-01-01", "2026-03-01"),
            ("yesterday", "today"),
        ] {
            let view = Range::choose(&query("custom", from, to), NOW, "UTC", "30d").view("/", Vec::new());
            assert!(view.error.is_some(), "{from} to {to}");
            assert_eq!((view.chosen.as_str(), view.to.as_str()), ("30d", "2026-03-29"));
        }
        let year = Range::choose(&query("custom", "2025-03-29", "2026-03-29"), NOW, "UTC", "7d");
        assert_eq!((year.places().len(), year.view("/", Vec::new()).error), (366, None));
    }

    #[test]
    fn an_unknown_time_zone_is_read_as_utc() {
        let range = Range::choose(&RangeQuery::default(), NOW, "Mars/Olympus", "7d");
        assert_eq!(range.span(None).time_zone, "UTC");
        assert_eq!(range.span(None).from, datetime!(2026-03-23 00:00 UTC));
    }

    #[test]
    fn what_the_database_says_is_found_among_the_places() {
        let range = Range::choose(&query("today", "", ""), NOW, "UTC", "7d");
        let place = civil(time::macros::datetime!(2026-03-29 09:00));
        assert_eq!(range.places()[9], (place, "09:00".to_owned()));
    }
}
