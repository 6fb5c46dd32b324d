//! Free appointments around everything that makes them hard.

use jiff::civil::{date, time};

use super::*;

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const HALF: SignedDuration = SignedDuration::from_mins(30);
const ALL_DAYS: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];

fn daily(from: Time, until: Time) -> Vec<Opening> {
    ALL_DAYS.map(|weekday| Opening { weekday, from, until }).to_vec()
}

fn schedule(zone: &str, openings: Vec<Opening>) -> Schedule {
    let time_zone = TimeZone::get(zone).unwrap();
    Schedule { time_zone, openings, closures: Vec::new(), practitioner: Vec::new() }
}

fn wish(first_day: Date, last_day: Date) -> Wish {
    Wish {
        duration: HOUR,
        buffer_before: SignedDuration::ZERO,
        buffer_after: SignedDuration::ZERO,
        step: HOUR,
        not_before: Timestamp::MIN,
        first_day,
        last_day,
        most: 100,
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn busy(start: &str, end: &str) -> Busy {
    Busy { start: at(start), end: at(end) }
}

fn starts(slots: &[Slot]) -> Vec<String> {
    slots.iter().map(|slot| slot.start.to_string()).collect()
}

#[test]
fn taken_times_and_their_buffers_are_left_out_and_edges_may_touch() {
    let schedule = schedule("UTC", daily(time(9, 0, 0, 0), time(13, 0, 0, 0)));
    let day = date(2026, 1, 5);
    let taken = [busy("2026-01-05T10:00:00Z", "2026-01-05T11:00:00Z")];
    let found = find(&schedule, &wish(day, day), &taken);
    assert_eq!(starts(&found), ["2026-01-05T09:00:00Z", "2026-01-05T11:00:00Z", "2026-01-05T12:00:00Z"]);
    let with_buffers = Wish { buffer_before: HALF, buffer_after: HALF, ..wish(day, day) };
    assert_eq!(starts(&find(&schedule, &with_buffers, &taken)), ["2026-01-05T12:00:00Z"]);
    let soon = Wish { not_before: at("2026-01-05T11:30:00Z"), ..wish(day, day) };
    assert_eq!(starts(&find(&schedule, &soon, &taken)), ["2026-01-05T12:00:00Z"]);
}

#[test]
fn nine_o_clock_stays_nine_o_clock_when_the_clocks_change() {
    let schedule = schedule("America/New_York", daily(time(9, 0, 0, 0), time(10, 0, 0, 0)));
    // Forward on 8 March 2026, back on 1 November.
    let spring = find(&schedule, &wish(date(2026, 3, 7), date(2026, 3, 9)), &[]);
    assert_eq!(starts(&spring), ["2026-03-07T14:00:00Z", "2026-03-08T13:00:00Z", "2026-03-09T13:00:00Z"]);
    let autumn = find(&schedule, &wish(date(2026, 10, 31), date(2026, 11, 2)), &[]);
    assert_eq!(starts(&autumn), ["2026-10-31T13:00:00Z", "2026-11-01T14:00:00Z", "2026-11-02T14:00:00Z"]);
}

#[test]
fn a_night_that_loses_or_repeats_an_hour_has_appointments_of_their_full_length() {
    let schedule = schedule("Europe/Berlin", daily(time(1, 0, 0, 0), time(4, 0, 0, 0)));
    // On 29 March 2026 there is no time between two and three: two real hours are left.
    let spring = find(&schedule, &wish(date(2026, 3, 29), date(2026, 3, 29)), &[]);
    assert_eq!(starts(&spring), ["2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z"]);
    // On 25 October the hour between two and three is there twice: four real hours.
    let autumn = find(&schedule, &wish(date(2026, 10, 25), date(2026, 10, 25)), &[]);
    assert_eq!(autumn.len(), 4);
    for slot in spring.iter().chain(&autumn) {
        assert_eq!(slot.start.duration_until(slot.end), HOUR);
    }
    // Hours that a day does not have offer nothing at all.
    let missing = Schedule { openings: daily(time(2, 0, 0, 0), time(3, 0, 0, 0)), ..schedule };
    assert!(find(&missing, &wish(date(2026, 3, 29), date(2026, 3, 29)), &[]).is_empty());
}

#[test]
fn a_day_in_a_half_hour_zone_is_its_own_day() {
    let schedule = schedule("Asia/Kolkata", daily(time(0, 0, 0, 0), time(1, 0, 0, 0)));
    let found = find(&schedule, &wish(date(2026, 1, 5), date(2026, 1, 5)), &[]);
    assert_eq!(starts(&found), ["2026-01-04T18:30:00Z"]);
}

#[test]
fn closures_and_the_practitioner_narrow_the_hours() {
    let mut schedule = schedule("UTC", daily(time(9, 0, 0, 0), time(12, 0, 0, 0)));
    schedule.openings.extend(daily(time(14, 0, 0, 0), time(16, 0, 0, 0)));
    schedule.closures = vec![Closure { first: date(2026, 1, 6), last: date(2026, 1, 7) }];
    schedule.practitioner = vec![
        Opening { weekday: Weekday::Monday, from: time(11, 0, 0, 0), until: time(15, 0, 0, 0) },
        Opening { weekday: Weekday::Tuesday, from: time(9, 0, 0, 0), until: time(12, 0, 0, 0) },
    ];
    let found = find(&schedule, &wish(date(2026, 1, 5), date(2026, 1, 8)), &[]);
    assert_eq!(starts(&found), ["2026-01-05T11:00:00Z", "2026-01-05T14:00:00Z"]);
}

#[test]
fn what_is_offered_fits_and_what_does_not_fit_is_not_offered() {
    let schedule = schedule("America/New_York", daily(time(9, 0, 0, 0), time(12, 0, 0, 0)));
    let day = date(2026, 3, 8);
    let wish = Wish { step: HALF, ..wish(day, day) };
    let taken = [busy("2026-03-08T14:00:00Z", "2026-03-08T14:10:00Z")];
    let found = find(&schedule, &wish, &taken);
    assert!(!found.is_empty());
    assert!(found.iter().all(|slot| fits(&schedule, &wish, slot, &taken)));
    let slot = |start: &str, end: &str| Slot { start: at(start), end: at(end) };
    for wrong in [
        slot("2026-03-08T13:30:00Z", "2026-03-08T14:30:00Z"),
        slot("2026-03-08T12:30:00Z", "2026-03-08T13:30:00Z"),
        slot("2026-03-08T15:30:00Z", "2026-03-08T16:30:00Z"),
        slot("2026-03-08T15:00:00Z", "2026-03-08T15:00:00Z"),
    ] {
        assert!(!fits(&schedule, &wish, &wrong, &taken), "{wrong:?}");
    }
}

#[test]
fn nonsense_is_answered_with_nothing_and_a_long_question_ends() {
    let schedule = schedule("UTC", daily(time(9, 0, 0, 0), time(12, 0, 0, 0)));
    let day = date(2026, 1, 5);
    for wrong in [
        Wish { duration: SignedDuration::ZERO, ..wish(day, day) },
        Wish { step: SignedDuration::ZERO, ..wish(day, day) },
        Wish { duration: -HOUR, ..wish(day, day) },
        wish(day, date(2026, 1, 4)),
        Wish { most: 0, ..wish(day, day) },
    ] {
        assert!(find(&schedule, &wrong, &[]).is_empty(), "{wrong:?}");
    }
    let endless = Wish { most: usize::MAX, ..wish(day, Date::MAX) };
    assert_eq!(find(&schedule, &endless, &[]).len(), 3 * 62);
}

#[test]
fn an_appointment_that_moves_does_not_stand_in_its_own_way() {
    let at = |text: &str| format!("2026-06-01T{text}:00Z").parse::<Timestamp>().unwrap();
    let span = |from: &str, until: &str| Busy { start: at(from), end: at(until) };
    let own = Slot { start: at("10:00"), end: at("11:00") };
    let busy = [span("09:30", "11:30"), span("10:00", "11:00"), span("12:00", "13:00")];
    assert_eq!(
        without(&busy, &own),
        [span("09:30", "10:00"), span("11:00", "11:30"), span("12:00", "13:00")],
        "what touches it is one span at Google, and stays taken"
    );
}
