//! `/dashboard/webhooks/attempts`: all tries of the clinic within a range of days.

use axum::extract::Query;
use axum::response::Html;
use serde::Deserialize;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::app::NavItem;
use crate::app::pages::webhooks::attempts::{ADDRESS, AttemptLine, AttemptsView, attempts_page};
use crate::db::attempts::{self, AttemptFilter};
use crate::db::organizations;
use crate::http::error::HttpError;
use crate::http::pages::{Page, millis};
use crate::http::range::{Range, RangeQuery};

/// Tries on one page.
const SHOWN: i64 = 100;

/// What the address says.
#[derive(Debug, Deserialize)]
pub struct AttemptsQuery {
    #[serde(default)]
    range: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
    /// `failed`, or nothing.
    #[serde(default)]
    outcome: String,
    /// Where the page before ended: microseconds since 1970 and the id of its last try.
    #[serde(default)]
    before: String,
}

/// The page.
pub async fn show(mut page: Page, Query(query): Query<AttemptsQuery>) -> Result<Html<String>, HttpError> {
    let zone = organizations::find(&mut page.tx).await?.time_zone;
    let is_failed = query.outcome == "failed";
    let asked = RangeQuery { range: query.range, from: query.from, to: query.to };
    let range = Range::choose(&asked, page.state.services.clock.now(), &zone, "7d");
    let span = range.span(None);
    let filter = AttemptFilter {
        endpoint: None,
        since: Some(span.from),
        until: Some(span.until),
        is_failed,
        before: parse_cursor(&query.before),
        limit: SHOWN,
    };
    let found = attempts::list(&mut page.tx, &filter).await?;
    let keep: Vec<(&'static str, String)> =
        is_failed.then(|| ("outcome", "failed".to_owned())).into_iter().collect();
    let shown = range.view(ADDRESS, keep);
    let address = |outcome: &str| {
        format!("{ADDRESS}?range={}&from={}&to={}{outcome}", shown.chosen, shown.from, shown.to)
    };
    let (this, other) = if is_failed { ("&outcome=failed", "") } else { ("", "&outcome=failed") };
    let older_href = found
        .last()
        .filter(|_| found.len() as i64 == SHOWN)
        .map(|last| format!("{}&before={}", address(this), cursor(last.attempted_at, last.id)));
    let view = AttemptsView {
        now: page.now(),
        is_failed,
        other_href: address(other),
        attempts: found.into_iter().map(line).collect(),
        older_href,
        range: shown,
    };
    page.draw("Tries", NavItem::Webhooks, || attempts_page(view)).await
}

/// A try as lists show it.
pub fn line(row: attempts::AttemptLine) -> AttemptLine {
    AttemptLine {
        delivery: row.delivery_id,
        endpoint: row.workflow_name,
        kind: row.kind,
        number: u32::try_from(row.number).unwrap_or_default(),
        outcome: row.outcome,
        status_code: row.status_code.and_then(|code| u16::try_from(code).ok()),
        millis: u32::try_from(row.millis).unwrap_or_default(),
        error: row.error,
        triggered_by: row.triggered_by,
        at: millis(row.attempted_at),
    }
}

/// PostgreSQL counts microseconds, so these say a time exactly.
fn cursor(at: OffsetDateTime, id: Uuid) -> String {
    format!("{}.{id}", at.unix_timestamp_nanos() / 1000)
}

/// What is no cursor is the first page.
fn parse_cursor(text: &str) -> Option<(OffsetDateTime, Uuid)> {
    let (micros, id) = text.split_once('.')?;
    let nanos = micros.parse::<i64>().ok().map(i128::from)? * 1000;
    Some((OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()?, id.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_anything_else_is_the_first_page() {
        let at = time::macros::datetime!(2026-02-03 14:05:12.123456 UTC);
        let id = Uuid::from_u128(7);
        assert_eq!(parse_cursor(&cursor(at, id)), Some((at, id)));
        for wrong in ["", ".", "1", "x.y", "99999999999999999999.0", "1.nobody"] {
            assert_eq!(parse_cursor(wrong), None, "{wrong}");
        }
    }
}
