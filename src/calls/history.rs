//! The calls of a clinic as people look at them: which ones, what was said in one, a table to take
//! along.
//!
//! Lists show masked numbers and nothing that was said. Opening a call's details is for owners and
//! admins, and leaves a row in the trail; so does taking the table along.

use serde::Deserialize;
use serde_json::Value;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, Duration, OffsetDateTime};
use uuid::Uuid;

use super::CallError;
use super::ended_reasons::{self, Outcome};
use super::reports::details_place;
use crate::audit::Ended;
use crate::db::calls::{self, CallFilter, CallRow};
use crate::db::{DbError, OrgTx};
use crate::integrations::{Caller, IntegrationError};
use crate::state::Services;
use crate::vault::Sealed;

/// Calls in an exported table.
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
    /// Reads what was asked for; empty fields ask for nothing.
    ///
    /// # Errors
    /// [`CallError::Invalid`] with the field.
    pub fn filter(&self) -> Result<CallFilter, CallError> {
        let invalid =
            |field: &'static str, message: &str| CallError::Invalid { field, message: message.to_owned() };
        let given = |text: &Option<String>| {
            text.clone().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
        };
        let moment = |field, text: &Option<String>, is_last: bool| match given(text) {
            None => Ok(None),
            Some(text) => match parse_moment(&text, is_last) {
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
            from: moment("from", &self.from, false)?,
            until: moment("until", &self.until, true)?,
            outcome,
            is_hot: matches!(given(&self.hot).as_deref(), Some("1" | "true" | "on")),
            before: None,
        })
    }
}

/// A day in UTC, its end where it is the last one; or a moment.
fn parse_moment(text: &str, is_last: bool) -> Option<OffsetDateTime> {
    if let Ok(day) = Date::parse(text, format_description!("[year]-[month]-[day]")) {
        let begin = day.midnight().assume_utc();
        return if is_last { begin.checked_add(Duration::days(1)) } else { Some(begin) };
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
    let mut filter = asked.filter()?;
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

/// The calls that are asked for as a table of comma-separated values, for an owner or admin.
///
/// # Errors
/// As [`list`].
pub async fn export(services: &Services, caller: &Caller, asked: &Asked) -> Result<String, CallError> {
    caller.require_configure(services, "calls.exported", "calls").await?;
    let filter = asked.filter()?;
    let mut tx = caller.begin(services).await?;
    let rows = calls::list(&mut tx, &filter, MOST_EXPORTED).await?;
    let details = format!("{} calls", rows.len());
    caller.record(&mut tx, services, "calls.exported", "calls", Ended::Success, &details).await?;
    tx.commit().await?;
    let mut table = String::with_capacity(160 * (rows.len() + 1));
    table.push_str(
        "Call,Started,Ended,Seconds,Direction,Assistant,Caller,Outcome,Ended because,Cost (USD),Lead score,Hot lead\r\n",
    );
    for row in rows {
        let time =
            |at: Option<OffsetDateTime>| at.and_then(|at| at.format(&Rfc3339).ok()).unwrap_or_default();
        let cells = [
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
        ];
        let cells: Vec<String> = cells.iter().map(|cell| csv_cell(cell)).collect();
        table.push_str(&cells.join(","));
        table.push_str("\r\n");
    }
    Ok(table)
}

/// A cell that a spreadsheet takes as text and never as a formula: what could begin one gets an
/// apostrophe, and everything with a separator is quoted (RFC 4180).
pub fn csv_cell(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '|', '%']);
    let safe = if is_formula { format!("'{text}") } else { text.to_owned() };
    if safe.contains([',', '"', '\n', '\r', ';', '\t']) || is_formula {
        format!("\"{}\"", safe.replace('"', "\"\""))
    } else {
        safe
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_begins_a_formula_or_breaks_its_row() {
        assert_eq!(csv_cell("+15***23"), "\"'+15***23\"");
        assert_eq!(csv_cell("=HYPERLINK(\"http://x\")"), "\"'=HYPERLINK(\"\"http://x\"\")\"");
        assert_eq!(csv_cell("a,b"), "\"a,b\"");
        assert_eq!(csv_cell("two\nlines"), "\"two\nlines\"");
        assert_eq!(csv_cell("2026-03-02T10:00:00Z"), "2026-03-02T10:00:00Z");
        for begin in ['=', '+', '-', '@', '\t', '\r'] {
            assert!(csv_cell(&format!("{begin}1")).starts_with("\"'"), "{begin:?}");
        }
    }

    #[test]
    fn days_are_whole_and_nonsense_names_its_field() {
        let asked = |from: &str, until: &str, outcome: &str| Asked {
            from: Some(from.to_owned()),
            until: Some(until.to_owned()),
            outcome: Some(outcome.to_owned()),
            ..Asked::default()
        };
        let filter = asked("2026-03-01", "2026-03-01", "").filter().unwrap();
        assert_eq!(filter.until.unwrap() - filter.from.unwrap(), Duration::days(1));
        assert!(filter.outcome.is_none() && !filter.is_hot);
        let field = |asked: Asked| match asked.filter() {
            Err(CallError::Invalid { field, .. }) => field,
            _ => "none",
        };
        assert_eq!(field(asked("yesterday", "", "")), "from");
        assert_eq!(field(asked("", "2026-13-01", "")), "until");
        assert_eq!(field(asked("", "", "lost")), "outcome");
        assert_eq!(field(asked("2026-03-01T10:00:00Z", "", "booked")), "none");
    }
}
