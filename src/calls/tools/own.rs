//! Which appointment a caller means who wants to move or cancel one: their own, and no other.
//!
//! The number that calls opens the appointments of that number, and a call those that it has booked. A
//! number that is only said opens an appointment whose exact time is said with it.

use super::arguments::When;
use super::{Context, Ended};
use crate::calls::appointments::list_of_caller;
use crate::calls::clinic::timestamp;
use crate::db::appointments::AppointmentRow;
use crate::domain::phone::PhoneNumber;

/// The arguments that name the appointment as it is now.
const CURRENT: [&str; 5] = ["current", "currentStart", "appointment", "appointmentTime", "oldStart"];

/// The appointment that is meant.
///
/// # Errors
/// What is said where there is none, or more than one.
pub(super) async fn find(context: &Context<'_>, more_keys: &[&str]) -> Result<AppointmentRow, Ended> {
    let facts = context.facts;
    let now = facts.local(timestamp(context.services.clock.now()));
    let keys: Vec<&str> = CURRENT.iter().chain(more_keys).copied().collect();
    let named = context.call.when(&keys, &now);
    let said = context.call.phone();
    let parse = |text: Option<&str>| text.and_then(|text| PhoneNumber::parse(text).ok());
    let (said, calling) = (parse(said), parse(context.about.caller.as_deref()));
    let is_proven = said.is_none() || said == calling;
    let phone = said.or(calling);
    let found = list_of_caller(
        context.services,
        context.org,
        phone.as_ref().map(PhoneNumber::as_str),
        context.call_id,
    );
    let rows = found.await.map_err(|error| {
        tracing::error!(error = &error as &dyn std::error::Error, org = %context.org, "appointments could not be read during a call");
        Ended::failed("I can not look that up at the moment. I can take a message for the team.")
    })?;
    let is_of_call = |row: &AppointmentRow| row.call_id.as_deref() == Some(context.call_id);
    let is_named = |row: &AppointmentRow| match named {
        Some(When::Moment(at)) => timestamp(row.starts_at) == at,
        Some(When::Day(day)) => facts.local(timestamp(row.starts_at)).date() == day,
        None => true,
    };
    let is_exact = matches!(named, Some(When::Moment(_)));
    let mut fitting: Vec<AppointmentRow> =
        rows.into_iter().filter(|row| (is_proven || is_exact || is_of_call(row)) && is_named(row)).collect();
    match fitting.len() {
        1 => Ok(fitting.remove(0)),
        0 => Err(Ended::failed(
            "I find no such appointment under this number. Ask for the number and the exact time that it was booked with.",
        )),
        _ => {
            let times: Vec<String> =
                fitting.iter().map(|row| facts.spoken(timestamp(row.starts_at))).collect();
            Err(Ended::failed(format!(
                "There is more than one: {}. Ask which one is meant.",
                times.join("; ")
            )))
        }
    }
}
