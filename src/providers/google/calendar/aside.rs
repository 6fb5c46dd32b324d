//! Taken times without some of the clinic's own events: those of another practitioner, whose time nobody else needs.
//!
//! Google tells taken times as spans in which events are no longer told apart. So the events of the calendar for
//! bookings are read as well, and what any other one takes stays taken. Where they cannot be read, everything stays.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::super::super::calendar::Busy;

/// An event as it is listed.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct ListedEvent {
    pub(super) id: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    transparency: String,
    start: ListedTime,
    end: ListedTime,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListedTime {
    #[serde(default)]
    date_time: Option<Timestamp>,
    /// Of an event that takes whole days.
    #[serde(default)]
    date: Option<Date>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventList {
    #[serde(default)]
    pub(super) items: Vec<ListedEvent>,
    #[serde(default)]
    pub(super) next_page_token: Option<String>,
}

/// A day begins somewhere so many hours before or after it does in Greenwich.
const WIDEST_OFFSET: SignedDuration = SignedDuration::from_hours(14);

impl ListedEvent {
    /// What it takes; whole days with what they may be in any time zone. None where it takes nothing.
    fn span(&self) -> Option<Busy> {
        if self.status == "cancelled" || self.transparency == "transparent" {
            return None;
        }
        let day = |day: Date| day.to_zoned_datetime(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
        let start = match (&self.start.date_time, self.start.date) {
            (Some(at), _) => *at,
            (None, Some(date)) => day(date)?.checked_sub(WIDEST_OFFSET).ok()?,
            (None, None) => Timestamp::MIN,
        };
        let end = match (&self.end.date_time, self.end.date) {
            (Some(at), _) => *at,
            (None, Some(date)) => day(date)?.checked_add(WIDEST_OFFSET).ok()?,
            (None, None) => Timestamp::MAX,
        };
        Some(Busy { start, end })
    }
}

/// The taken times of a calendar without those of some of its events.
pub(super) fn set_aside(busy: &[Busy], events: &[ListedEvent], aside: &[String]) -> Vec<Busy> {
    let mut left = busy.to_vec();
    for event in events.iter().filter(|event| aside.contains(&event.id)) {
        let Some(own) = event.span() else { continue };
        left = left
            .iter()
            .flat_map(|taken| {
                let before = Busy { start: taken.start, end: taken.end.min(own.start) };
                let after = Busy { start: taken.start.max(own.end), end: taken.end };
                [before, after]
            })
            .filter(|part| part.start < part.end)
            .collect();
    }
    // What is taken besides is taken, whatever was cut out above.
    for other in events.iter().filter(|event| !aside.contains(&event.id)).filter_map(ListedEvent::span) {
        let within = busy
            .iter()
            .map(|taken| Busy { start: taken.start.max(other.start), end: taken.end.min(other.end) });
        left.extend(within.filter(|part| part.start < part.end));
    }
    left.sort_unstable();
    left.dedup();
    left
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 - 1_800_000_000 % 86_400 + hour * 3600).unwrap()
    }

    fn span(from: i64, until: i64) -> Busy {
        Busy { start: at(from), end: at(until) }
    }

    fn event(id: &str, from: i64, until: i64) -> ListedEvent {
        let time = |hour| json!({ "dateTime": at(hour).to_string() });
        serde_json::from_value(
            json!({ "id": id, "status": "confirmed", "start": time(from), "end": time(until) }),
        )
        .unwrap()
    }

    #[test]
    fn an_event_that_is_set_aside_frees_its_time_and_what_others_take_stays_taken() {
        let aside = ["own".to_owned()];
        let own = event("own", 9, 10);
        assert_eq!(set_aside(&[span(9, 11)], &[own.clone(), event("other", 10, 11)], &aside), [span(10, 11)]);
        // Somebody has blocked a part of the same time by hand.
        let both = [own.clone(), event("block", 9, 12)];
        let left = set_aside(&[span(9, 12)], &both, &aside);
        assert!(left.contains(&span(9, 12)), "{left:?}");
        assert_eq!(set_aside(&[span(9, 10)], &[own], &aside), []);
        // What is not listed is not freed.
        assert_eq!(set_aside(&[span(9, 10)], &[], &aside), [span(9, 10)]);
    }

    #[test]
    fn whole_days_take_their_time_and_what_takes_none_takes_none() {
        let aside = ["own".to_owned()];
        let date = at(0).to_zoned_datetime(TimeZone::UTC).date();
        let all_day: ListedEvent = serde_json::from_value(json!({
            "id": "closed", "start": { "date": date.to_string() }, "end": { "date": date.tomorrow().unwrap().to_string() },
        }))
        .unwrap();
        let left = set_aside(&[span(0, 24)], &[event("own", 9, 10), all_day], &aside);
        assert!(left.contains(&span(0, 24)), "{left:?}");
        let free: ListedEvent = serde_json::from_value(json!({
            "id": "free", "transparency": "transparent",
            "start": { "dateTime": at(9).to_string() }, "end": { "dateTime": at(10).to_string() },
        }))
        .unwrap();
        assert_eq!(set_aside(&[span(9, 10)], &[event("own", 9, 10), free], &aside), []);
    }
}
