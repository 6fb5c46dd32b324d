//! The test of a consent: who it is, which calendars, when they are busy. Nothing is written.

use jiff::{SignedDuration, Timestamp};

use crate::domain::{Answer, Outcome};
use crate::vault::SecretFields;

use super::super::super::report::{Explanation, Lines, TestReport};
use super::super::super::{Choice, TestContext};
use super::super::explain::CALENDAR;
use super::super::{GoogleClient, GoogleError, PERMISSIONS_URL, access_token, granted_scopes};
use super::client::{BusyOf, free_busy, list_calendars};
use super::records::CalendarEntry;
use super::{CalendarChoice, EVENTS, FREE_BUSY, LIST, OAUTH, SPEC};

fn without(scope: &str) -> String {
    super::super::without(OAUTH.scopes, scope)
}

pub(super) async fn run(context: &TestContext<'_>, fields: &SecretFields) -> TestReport {
    let mut lines = Lines::new(&SPEC, context.progress.as_ref());
    let mut report = match ask(context, fields, &mut lines).await {
        Ok(report) => report,
        Err(report) => *report,
    };
    if report.outcome == Outcome::Refused && !lines.has_no() {
        lines.answer("account", Answer::No, None);
    }
    report.capabilities = lines.finish();
    report
}

async fn ask(
    context: &TestContext<'_>,
    fields: &SecretFields,
    lines: &mut Lines<'_>,
) -> Result<TestReport, Box<TestReport>> {
    let fail = |error: &GoogleError| Box::new(error.report(&CALENDAR));
    let Some(token) = access_token(fields) else {
        return Err(fail(&GoogleError::GrantGone));
    };
    let client = GoogleClient::of_test(context, token);
    let account = client.account().await.map_err(|error| fail(&error))?;
    lines.answer("account", Answer::Yes, None);
    let mut report = TestReport::new(Outcome::Accepted, "Google Calendar accepted the sign-in.");
    report.identity = Some(account.id);
    report.identity_name = account.email;

    let scopes = granted_scopes(fields);
    let missing: Vec<&str> =
        OAUTH.scopes.iter().map(|spec| spec.scope).filter(|scope| !scopes.contains(scope)).collect();
    if missing.len() == OAUTH.scopes.len() {
        let nothing = Explanation::of(
            "Google Calendar was not allowed to do anything: no box was ticked on Google's page.",
            "Connect with Google again and leave all boxes ticked.",
            PERMISSIONS_URL,
        );
        lines.answer("book", Answer::No, Some(&without(EVENTS)));
        let refused = TestReport::refused(&nothing, None);
        return Err(Box::new(TestReport {
            identity: report.identity,
            identity_name: report.identity_name,
            ..refused
        }));
    }
    let choice = CalendarChoice::read(fields);
    let calendars = if scopes.contains(&LIST) {
        let calendars = list_calendars(&client).await.map_err(|error| fail(&error))?;
        lines.answer("list_calendars", Answer::Yes, None);
        Some(calendars)
    } else {
        lines.answer("list_calendars", Answer::No, Some(&without(LIST)));
        None
    };
    if scopes.contains(&FREE_BUSY) {
        busy(&client, &choice, lines).await.map_err(|error| fail(&error))?;
    } else {
        lines.answer("free_busy", Answer::No, Some(&without(FREE_BUSY)));
    }
    book(&choice, calendars.as_deref(), scopes.contains(&EVENTS), lines).map_err(|error| fail(&error))?;
    if !missing.is_empty() {
        report.headline =
            "Google Calendar accepted the sign-in, but not everything was allowed on Google's page."
                .to_owned();
        report.notes = missing.iter().map(|scope| without(scope)).collect();
    }
    Ok(report)
}

/// Asks for the busy times of the next day. A calendar that cannot be read is a refusal that names it.
async fn busy(
    client: &GoogleClient<'_>,
    choice: &CalendarChoice,
    lines: &mut Lines<'_>,
) -> Result<(), GoogleError> {
    let from = Timestamp::now();
    let until = from + SignedDuration::from_hours(24);
    let found = free_busy(client, &choice.all(), from, until).await?;
    let failed: Vec<(&String, &BusyOf)> = found.iter().filter(|(_, busy)| busy.is_err()).collect();
    let Some((id, Err(error))) = failed.first() else {
        lines.answer("free_busy", Answer::Yes, None);
        return Ok(());
    };
    let answer = if error.is_undetermined() { Answer::Unknown } else { Answer::No };
    lines.answer("free_busy", answer, Some(&format!("The calendar {id} cannot be read.")));
    Err((*error).clone())
}

/// Whether events can be written is told by the rights on the calendar; nothing is tried.
fn book(
    choice: &CalendarChoice,
    calendars: Option<&[CalendarEntry]>,
    is_granted: bool,
    lines: &mut Lines<'_>,
) -> Result<(), GoogleError> {
    if !is_granted {
        lines.answer("book", Answer::No, Some(&without(EVENTS)));
        return Ok(());
    }
    let chosen = calendars.map(|calendars| {
        calendars
            .iter()
            .find(|one| one.id == choice.calendar || (one.primary && choice.calendar == "primary"))
    });
    match chosen {
        Some(None) => {
            lines.answer(
                "book",
                Answer::No,
                Some("The calendar for bookings is not in the list of this account."),
            );
            Err(GoogleError::NotFound)
        }
        Some(Some(entry)) if !entry.is_writable() => {
            lines.answer("book", Answer::No, Some("The account may only read the calendar for bookings."));
            Ok(())
        }
        _ => {
            lines.answer(
                "book",
                Answer::NotTestable,
                Some("Shown by the first booking: a test writes nothing."),
            );
            Ok(())
        }
    }
}

/// The calendars that bookings may go to.
pub(super) async fn choices(context: &TestContext<'_>, fields: &SecretFields) -> Vec<Choice> {
    let Some(token) = access_token(fields) else { return Vec::new() };
    if !granted_scopes(fields).contains(&LIST) {
        return Vec::new();
    }
    let found = list_calendars(&GoogleClient::of_test(context, token)).await.unwrap_or_default();
    let writable = found.into_iter().filter(CalendarEntry::is_writable);
    writable
        .map(|entry| Choice {
            label: if entry.primary {
                format!("{} (main calendar)", entry.name())
            } else {
                entry.name().to_owned()
            },
            value: entry.id,
        })
        .collect()
}
