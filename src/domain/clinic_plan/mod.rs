//! When a clinic is open and for what: opening hours, closures, services, practitioners. One plan for
//! both agents. How people write hours is in `text`; free appointments are found in `calls::slots`.

mod text;
mod time_of_day;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

pub use text::{closures_text, parse_closures, parse_spans, parse_week, spans_text, week_text};
pub use time_of_day::{CalendarDate, Minute};

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Day {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Day {
    pub const ALL: [Day; 7] =
        [Day::Monday, Day::Tuesday, Day::Wednesday, Day::Thursday, Day::Friday, Day::Saturday, Day::Sunday];

    /// The word in forms and in the interface.
    pub const fn as_str(self) -> &'static str {
        match self {
            Day::Monday => "monday",
            Day::Tuesday => "tuesday",
            Day::Wednesday => "wednesday",
            Day::Thursday => "thursday",
            Day::Friday => "friday",
            Day::Saturday => "saturday",
            Day::Sunday => "sunday",
        }
    }

    /// The name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Day::Monday => "Monday",
            Day::Tuesday => "Tuesday",
            Day::Wednesday => "Wednesday",
            Day::Thursday => "Thursday",
            Day::Friday => "Friday",
            Day::Saturday => "Saturday",
            Day::Sunday => "Sunday",
        }
    }
}

/// From when to when somebody is there on a day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    pub day: Day,
    pub from: Minute,
    pub until: Minute,
}

/// Days on which nobody is there, both included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Closure {
    pub first: CalendarDate,
    pub last: CalendarDate,
    /// What for: "Christmas". May be empty.
    #[serde(default)]
    pub label: String,
}

/// Something that a patient can have an appointment for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Service {
    pub name: String,
    pub minutes: u32,
    /// Minutes that must be free before and after, for preparing and clearing away.
    #[serde(default)]
    pub buffer_before: u32,
    #[serde(default)]
    pub buffer_after: u32,
    /// Who does it, where only one person does.
    #[serde(default)]
    pub practitioner: Option<String>,
}

/// Somebody who sees patients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Practitioner {
    pub name: String,
    /// Own hours, within those of the clinic; none means the clinic's.
    #[serde(default)]
    pub hours: Vec<Hours>,
}

/// The whole of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClinicPlan {
    pub openings: Vec<Hours>,
    #[serde(default)]
    pub closures: Vec<Closure>,
    pub services: Vec<Service>,
    #[serde(default)]
    pub practitioners: Vec<Practitioner>,
    /// No appointment begins earlier than so many minutes from now.
    pub notice_minutes: u32,
    /// Appointments begin at whole steps after the opening.
    pub step_minutes: u32,
    /// How many days ahead appointments are offered.
    pub days_ahead: u32,
}

impl Default for ClinicPlan {
    /// What a clinic has before it says anything: Monday to Friday, nine to five, half an hour.
    fn default() -> Self {
        let (from, until) = (Minute::of(9, 0), Minute::of(17, 0));
        Self {
            openings: Day::ALL[..5].iter().map(|day| Hours { day: *day, from, until }).collect(),
            closures: Vec::new(),
            services: vec![Service {
                name: "Appointment".to_owned(),
                minutes: 30,
                buffer_before: 0,
                buffer_after: 0,
                practitioner: None,
            }],
            practitioners: Vec::new(),
            notice_minutes: 60,
            step_minutes: 30,
            days_ahead: 60,
        }
    }
}

/// Something that is not right with a plan, by the field it stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanProblem {
    /// `openings`, `closures`, `services`, `practitioners`, `noticeMinutes`, `stepMinutes`, `daysAhead`.
    pub field: &'static str,
    pub message: String,
}

const MOST_SERVICES: usize = 40;
const MOST_PRACTITIONERS: usize = 30;
const MOST_CLOSURES: usize = 100;
const MOST_SPANS: usize = 70;
const MOST_NAME: usize = 80;

impl ClinicPlan {
    /// Everything that is wrong with it; nothing where it can be stored.
    pub fn problems(&self) -> Vec<PlanProblem> {
        let mut found = Vec::new();
        let mut say = |field: &'static str, message: String| found.push(PlanProblem { field, message });
        if let Some(message) = hours_problem(&self.openings) {
            say("openings", message);
        }
        if self.closures.len() > MOST_CLOSURES {
            say("closures", format!("There can be {MOST_CLOSURES} closures at most."));
        }
        if let Some(wrong) = self.closures.iter().find(|closure| closure.first > closure.last) {
            say("closures", format!("The closure from {} ends before it begins.", wrong.first));
        }
        if self.closures.iter().any(|closure| !is_label(&closure.label)) {
            say("closures", format!("A closure's name can have {MOST_NAME} characters at most."));
        }
        if self.practitioners.len() > MOST_PRACTITIONERS {
            say("practitioners", format!("There can be {MOST_PRACTITIONERS} practitioners at most."));
        }
        if let Some(message) = names_problem(self.practitioners.iter().map(|person| person.name.as_str())) {
            say("practitioners", message);
        }
        for person in &self.practitioners {
            if let Some(message) = hours_problem(&person.hours) {
                say("practitioners", format!("{}: {message}", person.name));
            }
        }
        if !(1..=MOST_SERVICES).contains(&self.services.len()) {
            say("services", format!("Name 1 to {MOST_SERVICES} services."));
        }
        if let Some(message) = names_problem(self.services.iter().map(|service| service.name.as_str())) {
            say("services", message);
        }
        for service in &self.services {
            if let Some(message) = self.service_problem(service) {
                say("services", format!("{}: {message}", service.name));
            }
        }
        if self.notice_minutes > 60 * 24 * 30 {
            say("noticeMinutes", "The notice can be 30 days at most.".to_owned());
        }
        if !(5..=240).contains(&self.step_minutes) {
            say("stepMinutes", "Appointments can begin every 5 to 240 minutes.".to_owned());
        }
        if !(1..=365).contains(&self.days_ahead) {
            say("daysAhead", "Appointments can be offered 1 to 365 days ahead.".to_owned());
        }
        found
    }

    fn service_problem(&self, service: &Service) -> Option<String> {
        if !(5..=720).contains(&service.minutes) {
            return Some("an appointment takes 5 minutes to 12 hours.".to_owned());
        }
        if service.buffer_before > 240 || service.buffer_after > 240 {
            return Some("a buffer can be 4 hours at most.".to_owned());
        }
        let named = service.practitioner.as_ref()?;
        let is_known = self.practitioners.iter().any(|person| person.name == *named);
        (!is_known).then(|| format!("there is no practitioner {named}."))
    }
}

fn is_label(text: &str) -> bool {
    text.chars().count() <= MOST_NAME && !text.chars().any(char::is_control)
}

fn names_problem<'a>(names: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut seen = BTreeSet::new();
    for name in names {
        if name.trim().is_empty() || !is_label(name) {
            return Some(format!("A name has 1 to {MOST_NAME} characters."));
        }
        if !seen.insert(name.trim().to_lowercase()) {
            return Some(format!("{name} is there twice."));
        }
    }
    None
}

fn hours_problem(hours: &[Hours]) -> Option<String> {
    if hours.len() > MOST_SPANS {
        return Some(format!("There can be {MOST_SPANS} spans of hours at most."));
    }
    let mut sorted = hours.to_vec();
    sorted.sort_unstable();
    if let Some(wrong) = sorted.iter().find(|span| span.from >= span.until) {
        return Some(format!("On {} the hours end before they begin.", wrong.day.name()));
    }
    let overlap = sorted.windows(2).find(|pair| pair[0].day == pair[1].day && pair[1].from < pair[0].until);
    overlap.map(|pair| format!("On {} two spans of hours overlap.", pair[0].day.name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_clinic_starts_with_can_be_stored() {
        assert_eq!(ClinicPlan::default().problems(), []);
    }

    #[test]
    fn each_thing_that_is_wrong_is_told_by_its_field() {
        let plan = |change: fn(&mut ClinicPlan)| {
            let mut plan = ClinicPlan::default();
            change(&mut plan);
            plan.problems().into_iter().map(|problem| problem.field).collect::<Vec<_>>()
        };
        assert_eq!(plan(|it| it.openings.push(it.openings[0])), ["openings"]);
        assert_eq!(plan(|it| it.openings[0].until = Minute::of(8, 0)), ["openings"]);
        assert_eq!(plan(|it| it.services.clear()), ["services"]);
        assert_eq!(plan(|it| it.services[0].minutes = 1), ["services"]);
        assert_eq!(plan(|it| it.services.push(it.services[0].clone())), ["services"]);
        assert_eq!(plan(|it| it.services[0].practitioner = Some("Dr. Who".to_owned())), ["services"]);
        assert_eq!(plan(|it| it.step_minutes = 0), ["stepMinutes"]);
        assert_eq!(plan(|it| it.days_ahead = 0), ["daysAhead"]);
        assert_eq!(plan(|it| it.notice_minutes = u32::MAX), ["noticeMinutes"]);
    }
}
