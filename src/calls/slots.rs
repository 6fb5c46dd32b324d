//! Free appointments: opening hours, closures and what is taken, turned into times to offer. Pure:
//! it asks nobody and knows no clock.
//!
//! Hours are told in the clinic's wall clock and laid onto real time day by day, so that nine o'clock
//! stays nine o'clock when the clocks change; an appointment never reaches into an hour that a day
//! does not have, and in an hour that a day has twice only the first counts.

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::{Disambiguation, TimeZone};
use jiff::{SignedDuration, Timestamp};

use crate::providers::calendar::Busy;

/// From when to when somebody is there on a day of the week. Several for one day are one after the
/// other: mornings and afternoons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    pub weekday: Weekday,
    pub from: Time,
    pub until: Time,
}

/// Days on which nobody is there, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closure {
    pub first: Date,
    pub last: Date,
}

/// What appointments have to fit into.
#[derive(Clone, Debug)]
pub struct Schedule {
    pub time_zone: TimeZone,
    pub openings: Vec<Opening>,
    pub closures: Vec<Closure>,
    /// Hours of the practitioner who is asked for; an appointment lies within both. None of them
    /// means that the clinic's own hours are theirs.
    pub practitioner: Vec<Opening>,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Wish {
    pub duration: SignedDuration,
    /// Time that must be free before and after, for preparing and clearing away.
    pub buffer_before: SignedDuration,
    pub buffer_after: SignedDuration,
    /// Appointments begin at whole steps after the opening: every fifteen minutes.
    pub step: SignedDuration,
    /// Nothing earlier: now, and the notice that the clinic wants.
    pub not_before: Timestamp,
    /// First and last day that is looked at, in the clinic's time zone.
    pub first_day: Date,
    pub last_day: Date,
    /// How many are wanted.
    pub most: usize,
}

/// An appointment that could be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot {
    pub start: Timestamp,
    pub end: Timestamp,
}

/// More days than this are not looked at, whatever is asked.
const MOST_DAYS: usize = 62;

/// The earliest free appointments, in order. `busy` needs no order and may overlap.
pub fn find(schedule: &Schedule, wish: &Wish, busy: &[Busy]) -> Vec<Slot> {
    let mut found = Vec::new();
    if wish.duration <= SignedDuration::ZERO || wish.step <= SignedDuration::ZERO {
        return found;
    }
    let days = wish.first_day.series(jiff::Span::new().days(1));
    for day in days.take_while(|day| *day <= wish.last_day).take(MOST_DAYS) {
        for (open, close) in hours_of(schedule, day) {
            let mut start = open;
            while found.len() < wish.most {
                let Some(end) = later(start, wish.duration).filter(|end| *end <= close) else { break };
                let slot = Slot { start, end };
                if start >= wish.not_before && is_free(&slot, wish, busy) {
                    found.push(slot);
                }
                let Some(next) = later(start, wish.step) else { break };
                start = next;
            }
        }
    }
    found
}

/// Whether an appointment is one that [`find`] could offer, but for the steps that it begins at.
pub fn fits(schedule: &Schedule, wish: &Wish, slot: &Slot, busy: &[Busy]) -> bool {
    let day = slot.start.to_zoned_datetime(schedule.time_zone.clone()).date();
    let is_within = |(open, close): (Timestamp, Timestamp)| slot.start >= open && slot.end <= close;
    slot.start < slot.end
        && slot.start >= wish.not_before
        && hours_of(schedule, day).into_iter().any(is_within)
        && is_free(slot, wish, busy)
}

/// The taken times but for those of one appointment, which is to be moved.
pub fn without(busy: &[Busy], own: &Slot) -> Vec<Busy> {
    let mut left = Vec::with_capacity(busy.len() + 1);
    for taken in busy {
        let before = Busy { start: taken.start, end: taken.end.min(own.start) };
        let after = Busy { start: taken.start.max(own.end), end: taken.end };
        left.extend([before, after].into_iter().filter(|part| part.start < part.end));
    }
    left
}

fn later(at: Timestamp, by: SignedDuration) -> Option<Timestamp> {
    at.checked_add(by).ok()
}

/// The spans of a day in which appointments may lie, in order.
fn hours_of(schedule: &Schedule, day: Date) -> Vec<(Timestamp, Timestamp)> {
    if schedule.closures.iter().any(|closure| closure.first <= day && day <= closure.last) {
        return Vec::new();
    }
    let clinic = spans(&schedule.time_zone, &schedule.openings, day);
    if schedule.practitioner.is_empty() {
        return clinic;
    }
    let own = spans(&schedule.time_zone, &schedule.practitioner, day);
    let mut both: Vec<(Timestamp, Timestamp)> = clinic
        .iter()
        .flat_map(|one| own.iter().map(move |other| (one.0.max(other.0), one.1.min(other.1))))
        .filter(|(from, until)| from < until)
        .collect();
    both.sort_unstable();
    both
}

fn spans(time_zone: &TimeZone, openings: &[Opening], day: Date) -> Vec<(Timestamp, Timestamp)> {
    let at = |time: Time| {
        let zoned = time_zone.to_ambiguous_zoned_datetime(day.to_datetime(time));
        zoned.disambiguate(Disambiguation::Compatible).ok().map(|zoned| zoned.timestamp())
    };
    let of_day = openings.iter().filter(|opening| opening.weekday == day.weekday());
    let mut spans: Vec<(Timestamp, Timestamp)> = of_day
        .filter_map(|opening| Some((at(opening.from)?, at(opening.until)?)))
        .filter(|(from, until)| from < until)
        .collect();
    spans.sort_unstable();
    spans
}

fn is_free(slot: &Slot, wish: &Wish, busy: &[Busy]) -> bool {
    let from = later(slot.start, -wish.buffer_before).unwrap_or(slot.start);
    let until = later(slot.end, wish.buffer_after).unwrap_or(slot.end);
    busy.iter().all(|taken| taken.end <= from || taken.start >= until)
}

#[cfg(test)]
#[path = "slots_tests.rs"]
mod tests;
