//! Hours and closures as people write them in a form: `9:00-12:00, 14:00-18:00`,
//! `Mon-Fri 9-17; Sat 9-12`, `2026-12-24 - 2026-12-26 Christmas`.

use super::{CalendarDate, Closure, Day, Hours, Minute};

/// The spans of one day; none for an empty text or the word "closed".
///
/// # Errors
/// The part that could not be read.
pub fn parse_spans(text: &str) -> Result<Vec<(Minute, Minute)>, String> {
    let text = text.trim();
    if text.is_empty() || text.eq_ignore_ascii_case("closed") {
        return Ok(Vec::new());
    }
    text.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| {
            // People write dashes of every length.
            let (from, until) = part.split_once(['-', '\u{2013}', '\u{2014}']).ok_or(part)?;
            Ok((Minute::parse(from).ok_or(part)?, Minute::parse(until).ok_or(part)?))
        })
        .collect::<Result<_, &str>>()
        .map_err(str::to_owned)
}

/// The spans of one day as they are shown.
pub fn spans_text(hours: &[Hours], day: Day) -> String {
    let mut of_day: Vec<&Hours> = hours.iter().filter(|span| span.day == day).collect();
    of_day.sort_unstable();
    of_day.iter().map(|span| format!("{}-{}", span.from, span.until)).collect::<Vec<_>>().join(", ")
}

fn day_of(word: &str) -> Option<Day> {
    let word = word.trim().trim_end_matches(['.', ':']).to_ascii_lowercase();
    let is_long_enough = word.len() >= 2;
    Day::ALL.into_iter().find(|day| is_long_enough && day.as_str().starts_with(&word))
}

fn days_of(word: &str) -> Option<Vec<Day>> {
    let Some((first, last)) = word.split_once(['-', '\u{2013}']) else {
        return day_of(word).map(|day| vec![day]);
    };
    let (first, last) = (day_of(first)?, day_of(last)?);
    (first <= last).then(|| Day::ALL.into_iter().filter(|day| (first..=last).contains(day)).collect())
}

/// A week: `Mon-Fri 9:00-12:00, 13:00-17:00; Sat 9-12`, days divided by semicolons or line breaks.
///
/// # Errors
/// The part that could not be read.
pub fn parse_week(text: &str) -> Result<Vec<Hours>, String> {
    let mut hours = Vec::new();
    for part in text.split([';', '\n']).map(str::trim).filter(|part| !part.is_empty()) {
        let (days, spans) = part.split_once(char::is_whitespace).ok_or_else(|| part.to_owned())?;
        let days = days_of(days).ok_or_else(|| part.to_owned())?;
        for (from, until) in parse_spans(spans)? {
            hours.extend(days.iter().map(|day| Hours { day: *day, from, until }));
        }
    }
    hours.sort_unstable();
    Ok(hours)
}

/// A week as it is shown.
pub fn week_text(hours: &[Hours]) -> String {
    let of_day = |day: &Day| {
        let spans = spans_text(hours, *day);
        (!spans.is_empty()).then(|| format!("{} {spans}", &day.name()[..3]))
    };
    Day::ALL.iter().filter_map(of_day).collect::<Vec<_>>().join("; ")
}

/// Closures, one a line: a day, or the first and the last with a dash between, and what for.
///
/// # Errors
/// The line that could not be read.
pub fn parse_closures(text: &str) -> Result<Vec<Closure>, String> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(|line| closure_of(line).ok_or_else(|| line.to_owned()))
        .collect()
}

fn closure_of(line: &str) -> Option<Closure> {
    const DATE: usize = "2026-12-24".len();
    let first = CalendarDate::parse(line.get(..DATE)?)?;
    let rest = line[DATE..].trim_start();
    let after_dash = rest.strip_prefix(['-', '\u{2013}']).map(str::trim_start);
    let (last, label) = match after_dash {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit()) => {
            (CalendarDate::parse(rest.get(..DATE)?)?, &rest[DATE..])
        }
        Some(rest) => (first, rest),
        None => (first, rest),
    };
    Some(Closure { first, last, label: label.trim().to_owned() })
}

/// Closures as they are shown.
pub fn closures_text(closures: &[Closure]) -> String {
    let line = |closure: &Closure| {
        let days = if closure.first == closure.last {
            closure.first.to_string()
        } else {
            format!("{} - {}", closure.first, closure.last)
        };
        format!("{days} {}", closure.label).trim_end().to_owned()
    };
    closures.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_is_read_and_shown_again() {
        let week = parse_week("Mon-Wed 9-12, 13:00\u{2013}17:30; sat 10am-1pm").unwrap();
        assert_eq!(week.len(), 7);
        let shown = week_text(&week);
        assert_eq!(
            shown,
            "Mon 09:00-12:00, 13:00-17:30; Tue 09:00-12:00, 13:00-17:30; Wed 09:00-12:00, 13:00-17:30; Sat 10:00-13:00"
        );
        assert_eq!(parse_week(&shown).unwrap(), week);
        assert_eq!(parse_week(" ").unwrap(), []);
        for wrong in ["Mon", "Someday 9-12", "Fri-Mon 9-12", "Mon 9-12-13", "Mon nine", "m 9-12"] {
            assert!(parse_week(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn closures_are_read_and_shown_again() {
        let text = "2026-12-24 - 2026-12-26 Christmas\n2027-01-01\n2027-05-01 Labour Day";
        let closures = parse_closures(text).unwrap();
        assert_eq!(closures_text(&closures), text);
        assert_eq!(closures[0].label, "Christmas");
        assert!(parse_closures("tomorrow").is_err());
        assert!(parse_closures("2026-02-30").is_err());
    }

    #[test]
    fn an_empty_day_is_a_closed_one() {
        assert_eq!(parse_spans("closed"), Ok(Vec::new()));
        assert_eq!(parse_spans(""), Ok(Vec::new()));
        assert_eq!(parse_spans("9-12, x"), Err("x".to_owned()));
    }
}
