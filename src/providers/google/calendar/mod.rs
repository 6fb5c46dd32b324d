//! Google Calendar: when the clinic is free, and where bookings go.

use async_trait::async_trait;

use crate::domain::ProviderId;
use crate::domain::pattern::Pattern;
use crate::domain::provider::{CapabilitySpec, FieldSpec, OAuthSpec, ProviderSpec, ScopeSpec, SignIn};
use crate::vault::{Credential, SecretFields, VaultError};

use super::super::check::{self, filled};
use super::super::{Choice, FieldProblem, Provider, TestContext, TestReport};
use super::{CLIENT_FIELDS, CLIENT_ID, CLIENT_SECRET, ISSUER, PERMISSIONS_URL, explain};

mod aside;
pub mod client;
mod events;
mod records;
mod test;

pub use client::GoogleCalendar;
pub use events::event_id;
pub use records::CalendarEntry;

/// Read and change events.
pub const EVENTS: &str = "https://www.googleapis.com/auth/calendar.events";
/// See when calendars are busy.
pub const FREE_BUSY: &str = "https://www.googleapis.com/auth/calendar.freebusy";
/// See which calendars there are.
pub const LIST: &str = "https://www.googleapis.com/auth/calendar.calendarlist.readonly";

static OAUTH: OAuthSpec = OAuthSpec {
    issuer: ISSUER,
    button: "Connect with Google",
    scopes: &[
        ScopeSpec {
            scope: EVENTS,
            words: "View and edit events on all your calendars",
            without: "Appointments cannot be booked.",
        },
        ScopeSpec {
            scope: FREE_BUSY,
            words: "View your availability in your calendars",
            without: "Free times cannot be found.",
        },
        ScopeSpec {
            scope: LIST,
            words: "See the list of Google calendars you are subscribed to",
            without: "The calendar cannot be chosen from a list.",
        },
    ],
    choice: Some("calendarId"),
    client: CLIENT_FIELDS,
};

static SPEC: ProviderSpec = ProviderSpec {
    id: ProviderId::GoogleCalendar,
    name: explain::CALENDAR.name,
    category: "Calendar",
    purpose: "Finds free times in your calendar and books appointments into it.",
    on_disconnect: "The assistants can no longer find free times or book appointments.",
    after_disconnect: "Nothing: the permission is given back to Google, unless Google Sheets still uses it. Appointments stay in the calendar.",
    console_url: PERMISSIONS_URL,
    permissions: &[],
    fields: &[
        FieldSpec {
            key: "calendarId",
            label: "Calendar for bookings",
            example: "primary",
            pattern: Pattern::Text { max: 1024 },
            secret: false,
            required: false,
            where_to_find: "Google Calendar, Settings, your calendar, Integrate calendar, Calendar ID",
            where_url: "https://calendar.google.com/calendar/r/settings",
            folded_under: None,
        },
        FieldSpec {
            key: "alsoBusy",
            label: "Other calendars that block times",
            example: "name@group.calendar.google.com",
            pattern: Pattern::Text { max: 1024 },
            secret: false,
            required: false,
            where_to_find: "Their Calendar IDs, separated by commas",
            where_url: "https://calendar.google.com/calendar/r/settings",
            folded_under: Some("More calendars"),
        },
        CLIENT_ID,
        CLIENT_SECRET,
    ],
    capabilities: &[
        CapabilitySpec { key: "account", label: "Sign in to the account" },
        CapabilitySpec { key: "list_calendars", label: "See the calendars" },
        CapabilitySpec { key: "free_busy", label: "Find free times" },
        CapabilitySpec { key: "book", label: "Book appointments" },
    ],
    sign_in: SignIn::OAuth(&OAUTH),
};

/// Most calendars that are looked at together, the one for bookings included.
pub const MOST_CALENDARS: usize = 20;

/// Google Calendar in the catalogue.
pub struct GoogleCalendarProvider;

#[async_trait]
impl Provider for GoogleCalendarProvider {
    fn spec(&self) -> &'static ProviderSpec {
        &SPEC
    }

    fn check(&self, fields: &SecretFields) -> Result<(), Vec<FieldProblem>> {
        let mut problems = check::each_field(&SPEC, fields);
        super::check_client(fields, &mut problems);
        if CalendarChoice::read(fields).also_busy.len() >= MOST_CALENDARS {
            let message = format!("At most {} other calendars can block times.", MOST_CALENDARS - 1);
            problems.push(FieldProblem { field: "alsoBusy", message });
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    async fn test(&self, context: &TestContext<'_>, fields: &SecretFields) -> TestReport {
        test::run(context, fields).await
    }

    async fn choices(&self, context: &TestContext<'_>, fields: &SecretFields) -> Vec<Choice> {
        test::choices(context, fields).await
    }
}

/// Which calendars a clinic uses. The tokens are not part of it: they have a row of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalendarChoice {
    /// The calendar for bookings.
    pub calendar: String,
    pub also_busy: Vec<String>,
}

impl CalendarChoice {
    fn read(fields: &SecretFields) -> Self {
        let calendar = filled(fields, "calendarId").unwrap_or("primary").to_owned();
        let others = filled(fields, "alsoBusy").unwrap_or_default();
        let others = others.split(',').map(str::trim).filter(|id| !id.is_empty());
        Self { calendar, also_busy: others.map(str::to_owned).collect() }
    }

    /// All calendars whose times count as taken.
    pub fn all(&self) -> Vec<&str> {
        let mut all = vec![self.calendar.as_str()];
        for other in &self.also_busy {
            if !all.contains(&other.as_str()) {
                all.push(other);
            }
        }
        all
    }
}

impl Credential for CalendarChoice {
    const PROVIDER: ProviderId = ProviderId::GoogleCalendar;

    fn from_fields(fields: &SecretFields) -> Result<Self, VaultError> {
        Ok(Self::read(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::SecretText;

    fn fields(pairs: &[(&str, &str)]) -> SecretFields {
        let mut fields = SecretFields::new();
        for (key, value) in pairs {
            fields.insert(key, SecretText::new((*value).to_owned()));
        }
        fields
    }

    #[test]
    fn a_choice_names_each_calendar_once_and_the_one_for_bookings_first() {
        let choice = CalendarChoice::read(&fields(&[("calendarId", "a@x"), ("alsoBusy", "b@x, a@x,, c@x ")]));
        assert_eq!(choice.all(), ["a@x", "b@x", "c@x"]);
        assert_eq!(CalendarChoice::read(&fields(&[])).all(), ["primary"]);
    }

    #[test]
    fn an_own_client_is_whole_or_absent() {
        let problem = |pairs: &[(&str, &str)]| {
            let problems = GoogleCalendarProvider.check(&fields(pairs)).err().unwrap_or_default();
            problems.first().map(|problem| problem.field)
        };
        let id = "1-a.apps.googleusercontent.com";
        assert_eq!(problem(&[]), None);
        assert_eq!(problem(&[("clientId", id), ("clientSecret", "GOCSPX-1")]), None);
        assert_eq!(problem(&[("clientId", id)]), Some("clientSecret"));
        assert_eq!(problem(&[("clientSecret", "GOCSPX-1")]), Some("clientId"));
        assert_eq!(problem(&[("clientId", "GOCSPX-1"), ("clientSecret", "GOCSPX-1")]), Some("clientId"));
    }
}
