//! What a call needs to know of the clinic: its clock, its plan, what its agent may do; and the plan
//! turned into what free appointments are found by. Pure, once it is read.

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ZonedDateTime};
use time::OffsetDateTime;

use super::slots::{Closure, Opening, Schedule, Wish};
use crate::db::schedules::CallRow;
use crate::domain::agent_tools::{AgentTool, Fallbacks};
use crate::domain::clinic_plan::{CalendarDate, ClinicPlan, Day, Hours, Minute, Practitioner, Service};

/// The clinic as a call sees it.
#[derive(Clone, Debug)]
pub struct ClinicFacts {
    pub name: String,
    pub time_zone: TimeZone,
    pub plan: ClinicPlan,
    pub tools: Vec<AgentTool>,
    pub fallbacks: Fallbacks,
}

impl ClinicFacts {
    /// From what is stored. A time zone that nobody knows any more is UTC.
    pub fn of(row: CallRow) -> Self {
        Self {
            name: row.clinic,
            time_zone: zone(&row.time_zone),
            plan: row.plan.map(|stored| stored.0).unwrap_or_default(),
            tools: AgentTool::of_stored(row.tools.as_deref()),
            fallbacks: row.fallbacks.map(|stored| stored.0).unwrap_or_default(),
        }
    }

    /// The service that is asked for: by its name, or the first one where none is named.
    ///
    /// # Errors
    /// What the assistant says where nobody knows that service.
    pub fn service(&self, wanted: Option<&str>) -> Result<&Service, String> {
        let all = &self.plan.services;
        match wanted {
            None => all.first(),
            Some(name) => by_name(all, name, |service| &service.name).or(only(all)),
        }
        .ok_or_else(|| {
            let names: Vec<&str> = all.iter().map(|service| service.name.as_str()).collect();
            format!("That is not offered here. There is {}.", names.join(", "))
        })
    }

    /// Who does it: the service's own practitioner, or whoever is asked for. None where it does not matter.
    ///
    /// # Errors
    /// What the assistant says where nobody of that name does this.
    pub fn practitioner(
        &self,
        service: &Service,
        wanted: Option<&str>,
    ) -> Result<Option<&Practitioner>, String> {
        let all = &self.plan.practitioners;
        let own =
            service.practitioner.as_ref().and_then(|name| all.iter().find(|person| person.name == *name));
        let Some(wanted) = wanted.filter(|_| !all.is_empty()) else { return Ok(own) };
        let asked = by_name(all, wanted, |person| &person.name);
        match (own, asked) {
            (Some(own), Some(asked)) if own.name != asked.name => {
                Err(format!("{} is done by {} only.", service.name, own.name))
            }
            (own, Some(asked)) => Ok(own.or(Some(asked))),
            (_, None) => {
                let names: Vec<&str> = all.iter().map(|person| person.name.as_str()).collect();
                Err(format!("There is nobody of that name here. There is {}.", names.join(", ")))
            }
        }
    }

    /// What appointments with somebody have to fit into.
    pub fn schedule(&self, practitioner: Option<&Practitioner>) -> Schedule {
        Schedule {
            time_zone: self.time_zone.clone(),
            openings: openings(&self.plan.openings),
            closures: self
                .plan
                .closures
                .iter()
                .map(|closure| Closure { first: date(closure.first), last: date(closure.last) })
                .collect(),
            practitioner: practitioner.map(|person| openings(&person.hours)).unwrap_or_default(),
        }
    }

    /// What is asked for with a service, between two days.
    pub fn wish(
        &self,
        service: &Service,
        now: Timestamp,
        first_day: Date,
        last_day: Date,
        most: usize,
    ) -> Wish {
        let minutes = |count: u32| SignedDuration::from_mins(i64::from(count));
        Wish {
            duration: minutes(service.minutes),
            buffer_before: minutes(service.buffer_before),
            buffer_after: minutes(service.buffer_after),
            step: minutes(self.plan.step_minutes),
            not_before: now.checked_add(minutes(self.plan.notice_minutes)).unwrap_or(now),
            first_day,
            last_day,
            most,
        }
    }

    /// A moment by the clinic's clock.
    pub fn local(&self, at: Timestamp) -> ZonedDateTime {
        at.to_zoned_datetime(self.time_zone.clone())
    }

    /// `Tuesday, 1 December 2026 at 14:00`.
    pub fn spoken(&self, at: Timestamp) -> String {
        self.local(at).strftime("%A, %-d %B %Y at %H:%M").to_string()
    }
}

/// A time zone by its name; UTC where nobody knows it.
pub fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}

/// A moment as calendars count it.
pub fn timestamp(at: OffsetDateTime) -> Timestamp {
    Timestamp::from_nanosecond(at.unix_timestamp_nanos()).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// A moment as the database takes it.
pub fn moment(at: Timestamp) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(at.as_nanosecond()).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

fn by_name<'a, T>(all: &'a [T], wanted: &str, name: impl Fn(&T) -> &str) -> Option<&'a T> {
    let wanted = wanted.trim().to_lowercase();
    let is_exact = |one: &&T| name(one).to_lowercase() == wanted;
    // People say half of a name, and models add to it.
    let is_close = |one: &&T| {
        let known = name(one).to_lowercase();
        known.contains(&wanted) || wanted.contains(&known)
    };
    all.iter().find(is_exact).or_else(|| all.iter().find(|one| !wanted.is_empty() && is_close(one)))
}

/// The one that there is, where there is one only.
fn only<T>(all: &[T]) -> Option<&T> {
    if let [one] = all { Some(one) } else { None }
}

fn date(at: CalendarDate) -> Date {
    Date::new(at.year, i8::try_from(at.month).unwrap_or(1), i8::try_from(at.day).unwrap_or(1))
        .unwrap_or(Date::MAX)
}

fn time(at: Minute) -> Time {
    let part = |number: u16| i8::try_from(number).unwrap_or_default();
    Time::new(part(at.hour()), part(at.minute()), 0, 0).unwrap_or(Time::MIN)
}

fn openings(hours: &[Hours]) -> Vec<Opening> {
    hours
        .iter()
        .map(|span| Opening { weekday: weekday(span.day), from: time(span.from), until: time(span.until) })
        .collect()
}

const fn weekday(day: Day) -> Weekday {
    match day {
        Day::Monday => Weekday::Monday,
        Day::Tuesday => Weekday::Tuesday,
        Day::Wednesday => Weekday::Wednesday,
        Day::Thursday => Weekday::Thursday,
        Day::Friday => Weekday::Friday,
        Day::Saturday => Weekday::Saturday,
        Day::Sunday => Weekday::Sunday,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> ClinicFacts {
        let service = |name: &str, practitioner: Option<&str>| Service {
            name: name.to_owned(),
            minutes: 30,
            buffer_before: 0,
            buffer_after: 0,
            practitioner: practitioner.map(str::to_owned),
        };
        let person = |name: &str| Practitioner { name: name.to_owned(), hours: Vec::new() };
        let plan = ClinicPlan {
            services: vec![service("Cleaning", None), service("Root canal", Some("Dr. Nord"))],
            practitioners: vec![person("Dr. Nord"), person("Dr. Lee")],
            ..ClinicPlan::default()
        };
        ClinicFacts {
            name: "Sunrise".to_owned(),
            time_zone: zone("Europe/Berlin"),
            plan,
            tools: Vec::new(),
            fallbacks: Fallbacks::default(),
        }
    }

    #[test]
    fn services_and_people_are_found_by_what_callers_say() {
        let facts = facts();
        assert_eq!(facts.service(None).unwrap().name, "Cleaning");
        assert_eq!(facts.service(Some("a teeth cleaning")).unwrap().name, "Cleaning");
        assert_eq!(facts.service(Some("root")).unwrap().name, "Root canal");
        assert_eq!(
            facts.service(Some("braces")).unwrap_err(),
            "That is not offered here. There is Cleaning, Root canal."
        );
        let [cleaning, root] = [0, 1].map(|at| &facts.plan.services[at]);
        let name =
            |found: Result<Option<&Practitioner>, String>| found.map(|it| it.map(|it| it.name.clone()));
        assert_eq!(name(facts.practitioner(cleaning, None)), Ok(None));
        assert_eq!(name(facts.practitioner(cleaning, Some("lee"))), Ok(Some("Dr. Lee".to_owned())));
        assert_eq!(name(facts.practitioner(root, None)), Ok(Some("Dr. Nord".to_owned())));
        assert!(facts.practitioner(root, Some("Lee")).is_err());
        assert!(facts.practitioner(cleaning, Some("Who")).is_err());
    }

    #[test]
    fn a_moment_is_spoken_by_the_clinics_clock() {
        let at: Timestamp = "2026-12-01T13:00:00Z".parse().unwrap();
        assert_eq!(facts().spoken(at), "Tuesday, 1 December 2026 at 14:00");
        assert_eq!(timestamp(moment(at)), at);
        assert_eq!(zone("Nowhere/Land"), TimeZone::UTC);
    }
}
