//! Events as rows of the spreadsheet that the clinic has chosen on its card of Google Sheets.

use async_trait::async_trait;
use serde_json::Value;

use crate::domain::OrgId;
use crate::integrations::sheets::{self, RowError};
use crate::providers::Deadline;
use crate::state::Services;
use crate::webhooks::delivery::{Answer, Row, RowWriter};
use crate::webhooks::retry::Outcome;

/// The characters of the data that stand in a cell; Google takes 50,000.
const MOST_CELL: usize = 40_000;

/// Writes rows with the clinic's own account.
#[derive(Clone, Copy, Debug)]
pub struct SheetRows;

#[async_trait]
impl RowWriter for SheetRows {
    async fn write_row(&self, services: &Services, org: OrgId, row: &Row<'_>, deadline: Deadline) -> Answer {
        match sheets::append_row(services, org, &cells(row), deadline).await {
            Ok(Ok(appended)) => Answer {
                outcome: Outcome::Succeeded,
                error: None,
                body: appended.range.into_bytes(),
                ..Answer::not_sent("")
            },
            Ok(Err(error)) => {
                let why = error.explanation();
                let sentence = format!("{} {}", why.sentence, why.fix).trim_end().to_owned();
                match error {
                    RowError::NotSent(_) => Answer::failed(Outcome::Connection, sentence),
                    RowError::Refused(_) => Answer::failed(Outcome::Refused, sentence),
                    RowError::Unknown(_) => Answer {
                        is_unknown: true,
                        ..Answer::failed(
                            Outcome::Timeout,
                            format!("{sentence} The row may be there: look before you send it again."),
                        )
                    },
                }
            }
            Err(error) => Answer::not_sent(error.sentence()),
        }
    }
}

/// When, what, the data, and the id by which a row that stands there twice is told.
fn cells(row: &Row<'_>) -> Vec<String> {
    let body: Value = serde_json::from_str(row.body).unwrap_or_default();
    let at = body["timestamp"].as_str().unwrap_or_default().to_owned();
    let data = match &body["data"] {
        Value::Null => row.body.to_owned(),
        data => data.to_string(),
    };
    vec![at, row.kind.to_owned(), data.chars().take(MOST_CELL).collect(), row.event.to_string()]
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_row_tells_when_what_and_under_which_id() {
        let event = Uuid::nil();
        let body = r#"{"type":"note.taken","timestamp":"2026-03-02T09:00:00Z","data":{"a":1}}"#;
        let made = cells(&Row { event, kind: "note.taken", body });
        assert_eq!(made, ["2026-03-02T09:00:00Z", "note.taken", r#"{"a":1}"#, &event.to_string()]);
        assert_eq!(cells(&Row { event, kind: "endpoint.called", body: "[1]" })[2], "[1]");
    }
}
