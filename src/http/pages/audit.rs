//! `/dashboard/audit`: the clinic's trail, newest first.

use axum::response::Html;

use super::{Page, millis};
use crate::app::NavItem;
use crate::app::pages::audit::{self as view, AuditOutcome, AuditView, audit_page};
use crate::db::audit;
use crate::http::error::HttpError;

/// Rows on one page.
const SHOWN: i64 = 200;

/// The page.
pub async fn show(mut page: Page) -> Result<Html<String>, HttpError> {
    let rows = audit::list(&mut page.tx, SHOWN).await?;
    let rows = rows
        .into_iter()
        .map(|row| view::AuditRow {
            seq: row.seq,
            at: millis(row.at),
            actor: row.actor,
            action: row.action,
            target: row.target,
            outcome: match row.outcome.as_str() {
                "success" => AuditOutcome::Success,
                "denied" => AuditOutcome::Denied,
                _ => AuditOutcome::Failure,
            },
            request_id: row.request_id,
            details: Some(row.details).filter(|details| !details.is_empty()),
        })
        .collect();
    let view = AuditView { rows, older_href: None };
    page.draw("Audit", NavItem::Audit, || audit_page(view)).await
}
