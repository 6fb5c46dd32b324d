//! The schedule on a clock of the tests' own (bar W8): every path that a delivery can take.

use std::collections::BTreeSet;

use super::*;

/// A delivery, an endpoint and a clock that nobody waits for.
struct World {
    now: Duration,
    delivery: Uuid,
    failures_in_row: i32,
    failing_since: Option<Duration>,
    failing_days: BTreeSet<u64>,
}

impl World {
    fn new(delivery: Uuid) -> Self {
        Self {
            now: Duration::ZERO,
            delivery,
            failures_in_row: 0,
            failing_since: None,
            failing_days: BTreeSet::new(),
        }
    }

    /// One try, now.
    fn ends(&mut self, tries: u32, outcome: Outcome, retry_after: Option<u64>) -> Ruling {
        if outcome == Outcome::Succeeded {
            (self.failures_in_row, self.failing_since) = (0, None);
            self.failing_days.clear();
        } else {
            self.failures_in_row += 1;
            self.failing_since.get_or_insert(self.now);
            self.failing_days.insert(self.now.as_secs() / 86_400);
        }
        rule(&Ended {
            outcome,
            retry_after: retry_after.map(Duration::from_secs),
            tries,
            failures_in_row: self.failures_in_row,
            failing_for: self.failing_since.map_or(Duration::ZERO, |since| self.now - since),
            failing_days: u32::try_from(self.failing_days.len()).unwrap_or(u32::MAX),
            delivery: self.delivery,
        })
    }

    /// The times of all tries until nothing follows, and what was last.
    fn run(&mut self, outcome: Outcome) -> (Vec<Duration>, Ruling) {
        let mut times = Vec::new();
        for tries in 1.. {
            times.push(self.now);
            let ruling = self.ends(tries, outcome, None);
            match ruling.next {
                Next::Retry(wait) => self.now += wait,
                _ => return (times, ruling),
            }
        }
        unreachable!("the schedule ends")
    }
}

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn eight_tries_over_more_than_27_hours_and_then_it_is_dead() {
    for outcome in Outcome::ALL {
        if matches!(outcome, Outcome::Succeeded | Outcome::Gone) {
            continue;
        }
        let (times, last) = World::new(Uuid::now_v7()).run(outcome);
        assert_eq!(times.len(), 8, "{outcome:?}");
        let over = *times.last().expect("tries");
        assert!(over >= 27 * HOUR && over <= 39 * HOUR, "{outcome:?}: {over:?}");
        assert_eq!((last.next, last.switch_off), (Next::Dead, None), "{outcome:?}");
    }
}

#[test]
fn each_wait_is_the_planned_one_and_up_to_a_fifth_more() {
    for _ in 0..1000 {
        let delivery = Uuid::new_v4();
        for (at, base) in SCHEDULE.iter().enumerate() {
            let wait = wait_after(u32::try_from(at).expect("small") + 1, delivery).expect("a wait");
            assert!(wait >= *base && wait <= base.mul_f64(1.2), "{at}: {wait:?}");
        }
        assert_eq!(wait_after(8, delivery), None);
        assert_eq!(wait_after(0, delivery), None);
    }
}

#[test]
fn no_two_clinics_come_back_in_lockstep() {
    // A thousand deliveries of as many clinics fail in the same moment.
    let deliveries: Vec<Uuid> = (0..1000).map(|_| Uuid::now_v7()).collect();
    for (tries, step) in [(1, 0.05), (2, 1.0), (3, 1.0), (5, 60.0)] {
        let mut buckets = std::collections::HashMap::<u64, u32>::new();
        for delivery in &deliveries {
            let wait = wait_after(tries, *delivery).expect("a wait").as_secs_f64();
            *buckets.entry((wait / step) as u64).or_default() += 1;
        }
        // Twenty or more steps share them, so each has 50 at most on average.
        let fullest = buckets.values().max().copied().unwrap_or_default();
        assert!(buckets.len() >= 19 && fullest <= 100, "{tries}: {} steps, {fullest}", buckets.len());
    }
}

#[test]
fn a_success_is_the_end_and_closes_the_breaker() {
    let mut world = World::new(Uuid::now_v7());
    for tries in 1..=6 {
        world.ends(tries, Outcome::ServerError, None);
    }
    let done = Ruling { next: Next::Done, rest: None, switch_off: None };
    assert_eq!(world.ends(7, Outcome::Succeeded, None), done);
    assert_eq!(world.ends(1, Outcome::ServerError, None).rest, None, "it counts from one again");
}

#[test]
fn what_an_endpoint_asks_for_is_waited_but_no_longer_than_a_day() {
    for outcome in [Outcome::Throttled, Outcome::ServerError] {
        let mut world = World::new(Uuid::now_v7());
        let ruling = world.ends(1, outcome, Some(1800));
        assert_eq!(ruling.next, Next::Retry(Duration::from_secs(1800)), "{outcome:?}");
        assert_eq!(ruling.rest, Some((Duration::from_secs(1800), Rest::Throttled)));
    }
    let ruling = World::new(Uuid::now_v7()).ends(1, Outcome::Throttled, Some(90 * 86_400));
    assert_eq!(ruling.next, Next::Retry(LONGEST_WISH));
    // A wish that is shorter than the schedule shortens nothing.
    let Next::Retry(wait) = World::new(Uuid::now_v7()).ends(4, Outcome::Throttled, Some(1)).next else {
        panic!("it is tried again")
    };
    assert!(wait >= 2 * HOUR);
}

#[test]
fn an_overloaded_endpoint_is_left_alone_as_a_whole() {
    for status in [429, 502, 504] {
        let outcome = Outcome::of_status(status);
        assert_eq!(outcome, Outcome::Throttled, "{status}");
        let ruling = World::new(Uuid::now_v7()).ends(1, outcome, None);
        assert_eq!(ruling.rest, Some((Duration::from_secs(60), Rest::Throttled)));
        let Next::Retry(wait) = ruling.next else { panic!("it is tried again") };
        assert!(wait >= Duration::from_secs(60));
    }
}

#[test]
fn gone_switches_off_at_once() {
    let ruling = World::new(Uuid::now_v7()).ends(1, Outcome::of_status(410), None);
    assert_eq!(ruling.next, Next::Parked);
    assert_eq!(ruling.switch_off, Some(SwitchOff::Gone));
}

#[test]
fn five_days_of_failure_switch_off_and_one_success_in_between_starts_them_anew() {
    let day = 24 * HOUR;
    let mut world = World::new(Uuid::now_v7());
    for at in 0..10 {
        world.now = at * 12 * HOUR;
        assert_eq!(world.ends(1, Outcome::Timeout, None).switch_off, None, "{at}");
    }
    world.now = 5 * day - HOUR;
    assert_eq!(world.ends(1, Outcome::Timeout, None).switch_off, None);
    let mut idle = World::new(Uuid::now_v7());
    idle.ends(1, Outcome::Timeout, None);
    idle.now = 9 * day;
    assert_eq!(idle.ends(1, Outcome::Timeout, None).switch_off, None, "two failures with nothing between");
    let mut spared = World { ..World::new(Uuid::now_v7()) };
    spared.ends(1, Outcome::Timeout, None);
    spared.now = 4 * day;
    spared.ends(1, Outcome::Succeeded, None);
    spared.now = 6 * day;
    assert_eq!(spared.ends(1, Outcome::Timeout, None).switch_off, None);
    world.now = 5 * day;
    let ruling = world.ends(1, Outcome::Timeout, None);
    assert_eq!((ruling.next, ruling.switch_off), (Next::Parked, Some(SwitchOff::Failing)));
}

#[test]
fn the_breaker_opens_at_the_fifth_failure() {
    let mut world = World::new(Uuid::now_v7());
    for failure in 1..5 {
        assert_eq!(world.ends(1, Outcome::Connection, None).rest, None, "{failure}");
    }
    let rest = world.ends(1, Outcome::Connection, None).rest;
    assert_eq!(rest, Some((Duration::from_secs(30), Rest::Failing)));
    // Where both hold, the longer one counts.
    let rest = world.ends(1, Outcome::Throttled, Some(10)).rest;
    assert_eq!(rest, Some((Duration::from_secs(60), Rest::Failing)));
}

#[test]
fn every_status_has_its_outcome() {
    for (status, outcome) in [
        (200, Outcome::Succeeded),
        (204, Outcome::Succeeded),
        (301, Outcome::Redirected),
        (308, Outcome::Redirected),
        (400, Outcome::Refused),
        (404, Outcome::Refused),
        (410, Outcome::Gone),
        (429, Outcome::Throttled),
        (500, Outcome::ServerError),
        (503, Outcome::ServerError),
        (502, Outcome::Throttled),
        (999, Outcome::ServerError),
    ] {
        assert_eq!(Outcome::of_status(status), outcome, "{status}");
    }
}
