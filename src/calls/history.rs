//! The calls of a clinic as people look at them: which ones, what was said in one, a table to take
//! along.
//!
//! Lists show masked numbers and nothing that was said. Opening a call's details is for owners and
//! admins, and leaves a row in the trail; so does taking the table along.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use super::CallError;
use super::clinic::{moment, zone};
use super::ended_reasons::{self, Outcome};
use super::reports::details_place;
use crate::audit::Ended;
use crate::db::calls::{self, CallFilter, CallRow};
use crate::db::{DbError, OrgTx, schedules};
use crate::domain::csv;
use crate::integrations::{Caller, IntegrationError};
use crate::state::Services;
use crate::vault::Sealed;

/// Calls in one part of an exported table.
const MOST_EXPORTED: i64 = 10_000;

/// Which calls somebody asks for, as it was written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// A day or a moment: `2026-03-01`.
    pub from: Option<String>,
    /// The last day, or the moment at which it ends.
    pub until: Option<String>,
    /// A word of [`Outcome`].
    pub outcome: Option<String>,
    /// `1`, `true`, `on`: hot leads only.
    pub hot: Option<String>,
    /// The id of the last call of the page before.
    pub before: Option<String>,
}

impl Asked {
    /// Reads what was asked for; empty fields ask for nothing. Days are those of the clinic's time zone.
    ///
    /// # Errors
    /// [`CallError::Invalid`] with the field.
    pub fn filter(&self, zone: &TimeZone) -> Result<CallFilter, CallError> {
        let invalid =
            |field: &'static str, message: &str| CallError::Invalid { field, message: message.to_owned() };
        let given = |text: &Option<String>| {
            text.clone().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
        };
        let bound = |field, text: &Option<String>, is_last: bool| match given(text) {
            None => Ok(None),
            Some(text) => match parse_moment(&text, is_last, zone) {
                Some(at) => Ok(Some(at)),
                None => Err(invalid(field, "Enter a day such as 2026-03-01.")),
            },
        };
        let outcome = given(&self.outcome);
        if outcome.as_deref().is_some_and(|word| Outcome::parse(word).is_none()) {
            let words: Vec<&str> = Outcome::ALL.iter().map(|outcome| outcome.as_str()).collect();
            return Err(invalid("outcome", &format!("Use one of {}.", words.join(", "))));
        }
        Ok(CallFilter {
            from: bound("from", &self.from, false)?,
            until: bound("until", &self.until, true)?,
            outcome,
            is_hot: matches!(given(&self.hot).as_deref(), Some("1" | "true" | "on")),
            before: None,
        })
    }
}

/// A day of a time zone, its end where it is the last one; or a moment.
fn parse_moment(text: &str, is_last: bool, zone: &TimeZone) -> Option<OffsetDateTime> {
    if let Ok(day) = text.parse::<Date>() {
        let day = if is_last { day.tomorrow().ok()? } else { day };
        return day.to_zoned_datetime(zone.clone()).ok().map(|begin| moment(begin.timestamp()));
    }
    OffsetDateTime::parse(text, &Rfc3339).ok()
}

/// One page of calls, newest first, and the id by which the next page is asked for.
#[derive(Debug)]
pub struct Listed {
    pub calls: Vec<CallRow>,
    pub next: Option<String>,
}

/// Lists calls in the transaction of whoever asks.
///
/// # Errors
/// [`CallError::Invalid`] for what was asked; a page after a call that is not there is not found.
pub async fn list(tx: &mut OrgTx, asked: &Asked, limit: i64) -> Result<Listed, CallError> {
    let zone = zone(&schedules::find(tx).await?.time_zone);
    let mut filter = asked.filter(&zone)?;
    if let Some(id) = asked.before.as_deref().filter(|id| !id.is_empty()) {
        let last = calls::find(tx, id).await?.ok_or(DbError::NotFound)?;
        filter.before = Some((last.started_at, last.id));
    }
    // One more tells whether there is another page.
    let mut rows = calls::list(tx, &filter, limit + 1).await?;
    let has_more = rows.len() > usize::try_from(limit).unwrap_or(usize::MAX);
    rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let next = rows.last().filter(|_| has_more).map(|row| row.id.to_string());
    Ok(Listed { calls: rows, next })
}

/// What was said in a call, as far as it is kept.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Details {
    pub number: Option<String>,
    pub name: Option<String>,
    pub summary: String,
    pub structured_data: Value,
    pub success_evaluation: Option<String>,
}

/// Opens a call's details for an owner or admin, and records it.
///
/// # Errors
/// Not found where there is no such call; a member may not, and that is recorded too.
pub async fn open(services: &Services, caller: &Caller, id: &str) -> Result<Option<Details>, CallError> {
    let mut tx = caller.begin(services).await?;
    let row = calls::find(&mut tx, id).await?.ok_or(DbError::NotFound)?;
    tx.commit().await?;
    let target = row.id.to_string();
    caller.require_configure(services, OPENED, &target).await?;
    let mut tx = caller.begin(services).await?;
    let details = read_details(services, &mut tx, row.id).await?;
    // In the same transaction: without the row in the trail nothing is shown.
    caller.record(&mut tx, services, OPENED, &target, Ended::Success, "").await?;
    tx.commit().await?;
    Ok(details)
}

/// What stands in the trail when somebody opens a call.
pub const OPENED: &str = "call.opened";

/// Reads a call's details. Whoever shows them records it in the same transaction.
///
/// # Errors
/// Where they do not open; none where the clinic's retention has emptied them.
pub async fn read_details(
    services: &Services,
    tx: &mut OrgTx,
    call: Uuid,
) -> Result<Option<Details>, CallError> {
    let Some(sealed) = calls::find_details(tx, call).await? else { return Ok(None) };
    let sealed = Sealed::parse(sealed).map_err(IntegrationError::from)?;
    let place = details_place(tx.org(), call);
    let opened = services.vault.open_at(&place, &sealed).await.map_err(IntegrationError::from)?;
    Ok(serde_json::from_slice(opened.expose()).ok())
}

/// A table of calls, and the call behind which its next part begins.
pub struct Exported {
    pub table: String,
    pub next: Option<String>,
}

/// The calls that are asked for as a table of comma-separated values, for an owner or admin.
///
/// # Errors
/// As [`list`].
pub async fn export(services: &Services, caller: &Caller, asked: &Asked) -> Result<Exported, CallError> {
    caller.require_configure(services, "calls.exported", "calls").await?;
    let mut tx = caller.begin(services).await?;
    let Listed { calls, next } = list(&mut tx, asked, MOST_EXPORTED).await?;
    let details = format!("{} calls", calls.len());
    caller.record(&mut tx, services, "calls.exported", "calls", Ended::Success, &details).await?;
    tx.commit().await?;
    let heads = [
        "Call",
        "Started",
        "Ended",
        "Seconds",
        "Direction",
        "Assistant",
        "Caller",
        "Outcome",
        "Ended because",
        "Cost (USD)",
        "Lead score",
        "Hot lead",
    ];
    let time = |at: Option<OffsetDateTime>| at.and_then(|at| at.format(&Rfc3339).ok()).unwrap_or_default();
    let rows = calls.into_iter().map(|row| {
        vec![
            row.call_id,
            time(Some(row.started_at)),
            time(row.ended_at),
            row.duration_seconds.map(|seconds| seconds.to_string()).unwrap_or_default(),
            row.direction,
            row.role.unwrap_or_default(),
            row.caller_mask.unwrap_or_default(),
            row.outcome.unwrap_or_default(),
            row.ended_reason.map(|reason| ended_reasons::words(&reason)).unwrap_or_default(),
            row.cost.map(|cost| format!("{cost:.4}")).unwrap_or_default(),
            row.lead_score.map(|score| score.to_string()).unwrap_or_default(),
            if row.is_hot { "yes" } else { "no" }.to_owned(),
        ]
    });
    Ok(Exported { table: csv::document(&heads, rows), next })
}

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::*;

    #[test]
    fn days_are_whole_and_nonsense_names_its_field() {
        let asked = |from: &str, until: &str, outcome: &str| Asked {
            from: Some(from.to_owned()),
            until: Some(until.to_owned()),
            outcome: Some(outcome.to_owned()),
            ..Asked::default()
        };
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let filter = asked("2026-03-01", "2026-03-01", "").filter(&berlin).unwrap();
        assert_eq!(filter.until.unwrap() - filter.from.unwrap(), Duration::days(1));
        assert_eq!(
            filter.from.unwrap().unix_timestamp(),
            1_772_319_600,
            "midnight there, an hour before UTC's"
        );
        // The day on which the clocks go forward.
        let short = asked("2026-03-29", "2026-03-29", "").filter(&berlin).unwrap();
        assert_eq!(short.until.unwrap() - short.from.unwrap(), Duration::hours(23));
        assert!(filter.outcome.is_none() && !filter.is_hot);
        let field = |asked: Asked| match asked.filter(&berlin) {
            Err(CallError::Invalid { field, .. }) => field,
            _ => "none",
        };
        assert_eq!(field(asked("yesterday", "", "")), "from");
        assert_eq!(field(asked("", "2026-13-01", "")), "until");
        assert_eq!(field(asked("", "", "lost")), "outcome");
        assert_eq!(field(asked("2026-03-01T10:00:00Z", "", "booked")), "none");
    }
}
