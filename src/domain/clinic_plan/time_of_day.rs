//! A minute of the day and a day of the calendar, as plans write them: `09:30`, `2026-12-24`. What
//! they mean in a time zone is not known here.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A minute of the day, by the wall clock: 00:00 to 23:59.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Minute(u16);

impl Minute {
    /// Made of constants; what is too large is cut.
    pub const fn of(hour: u16, minute: u16) -> Self {
        let at = hour * 60 + minute;
        Self(if at > 1439 { 1439 } else { at })
    }

    pub const fn hour(self) -> u16 {
        self.0 / 60
    }

    pub const fn minute(self) -> u16 {
        self.0 % 60
    }

    /// Reads `9`, `9:30`, `09.30`, `9h`, `9 am`, `2:30 pm`. Midnight at the end of a day is 23:59.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        let (text, half) = match text.strip_suffix("pm").or_else(|| text.strip_suffix("p.m.")) {
            Some(rest) => (rest.trim_end(), Some(12)),
            None => match text.strip_suffix("am").or_else(|| text.strip_suffix("a.m.")) {
                Some(rest) => (rest.trim_end(), Some(0)),
                None => (text.as_str(), None),
            },
        };
        let (hour, minute) = match text.split_once([':', '.', 'h']) {
            Some((hour, "")) => (hour, "0"),
            Some(parts) => parts,
            None => (text, "0"),
        };
        let number = |part: &str| -> Option<u16> {
            let is_number = (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
            if is_number { part.parse().ok() } else { None }
        };
        let (hour, minute) = (number(hour)?, number(minute)?);
        let hour = match half {
            Some(half) if (1..=12).contains(&hour) => hour % 12 + half,
            Some(_) => return None,
            None => hour,
        };
        match (hour, minute) {
            (24, 0) => Some(Self(1439)),
            (0..=23, 0..=59) => Some(Self(hour * 60 + minute)),
            _ => None,
        }
    }
}

impl fmt::Display for Minute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.hour(), self.minute())
    }
}

impl TryFrom<String> for Minute {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("a time of day is written as 09:30")
    }
}

impl From<Minute> for String {
    fn from(minute: Minute) -> Self {
        minute.to_string()
    }
}

/// A day of the calendar that there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CalendarDate {
    pub year: i16,
    pub month: u8,
    pub day: u8,
}

impl CalendarDate {
    /// Reads `2026-12-24`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('-');
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        let is_whole = parts.next().is_none() && year.len() == 4;
        let all = [year, month, day];
        if !is_whole || all.iter().any(|part| part.is_empty() || !part.bytes().all(|b| b.is_ascii_digit())) {
            return None;
        }
        let (year, month, day): (i16, u8, u8) = (year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
        let is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        let days = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if is_leap => 29,
            2 => 28,
            _ => return None,
        };
        (year >= 1 && (1..=days).contains(&day)).then_some(Self { year, month, day })
    }
}

impl fmt::Display for CalendarDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl TryFrom<String> for CalendarDate {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("a day is written as 2026-12-24")
    }
}

impl From<CalendarDate> for String {
    fn from(date: CalendarDate) -> Self {
        date.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_are_read_as_people_write_them() {
        for (text, expected) in [
            ("9", "09:00"),
            ("09:30", "09:30"),
            ("9.30", "09:30"),
            ("14h", "14:00"),
            ("2:30 pm", "14:30"),
            ("12 am", "00:00"),
            ("12pm", "12:00"),
            ("24:00", "23:59"),
        ] {
            assert_eq!(Minute::parse(text).map(|it| it.to_string()).as_deref(), Some(expected), "{text}");
        }
        for wrong in ["", "25", "9:60", "13 pm", "0 am", "nine", "9:3:0", "-1", "123"] {
            assert_eq!(Minute::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn only_days_that_there_are_are_days() {
        assert_eq!(CalendarDate::parse("2028-02-29").map(|it| it.to_string()).as_deref(), Some("2028-02-29"));
        for wrong in ["2026-02-29", "2026-13-01", "2026-04-31", "26-01-01", "2026-1", "2026-01-01-01", "x"] {
            assert_eq!(CalendarDate::parse(wrong), None, "{wrong}");
        }
    }
}
