//! Calls to Sheets: what a spreadsheet is, and a row more in it.

use reqwest::Method;
use serde_json::json;
use url::Url;

use super::super::super::below;
use super::super::{GoogleClient, GoogleError};
use super::SheetChoice;
use super::records::{AppendAnswer, Spreadsheet};

/// What Google takes into one cell, in characters.
const MOST_OF_A_CELL: usize = 50_000;
/// Columns that a new sheet has; more are no row that anybody reads.
const MOST_CELLS: usize = 200;

/// Where a row went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// In A1 notation, as Google writes it: `Leads!A7:D7`.
    pub range: String,
}

fn spreadsheet_url(client: &GoogleClient<'_>, id: &str, segments: &[&str]) -> Url {
    let mut path = vec!["v4", "spreadsheets", id];
    path.extend(segments);
    below(client.base, &path)
}

/// Title and tabs of a spreadsheet.
pub(super) async fn find_spreadsheet(
    client: &GoogleClient<'_>,
    id: &str,
) -> Result<Spreadsheet, GoogleError> {
    let mut url = spreadsheet_url(client, id, &[]);
    url.query_pairs_mut()
        .append_pair("includeGridData", "false")
        .append_pair("fields", "properties.title,sheets.properties.title");
    client.read(url, "/v4/spreadsheets/{id}").await
}

/// A sheet in A1 notation. Quotation marks around a name are always allowed, and needed for most.
fn range_of(sheet: Option<&str>) -> String {
    match sheet {
        Some(name) => format!("'{}'!A1", name.replace('\'', "''")),
        None => "A1".to_owned(),
    }
}

/// Whether Google would refuse the row for its size.
pub fn is_row_too_large(cells: &[String]) -> bool {
    cells.len() > MOST_CELLS || cells.iter().any(|cell| cell.chars().count() > MOST_OF_A_CELL)
}

/// Adds a row below the table of the chosen sheet. Cells are taken as they are written and never read
/// as formulas, so that nothing a caller said is run in the clinic's spreadsheet.
///
/// It is not safe to repeat: where [`GoogleError::may_have_happened`], the row may be there.
///
/// # Errors
/// [`GoogleError::NotFound`] also where no spreadsheet is chosen.
pub async fn append_row(
    client: &GoogleClient<'_>,
    choice: &SheetChoice,
    cells: &[String],
) -> Result<Appended, GoogleError> {
    let id = choice.spreadsheet.as_deref().ok_or(GoogleError::NotFound)?;
    if is_row_too_large(cells) {
        return Err(GoogleError::Invalid {
            message: format!("a row has {MOST_CELLS} cells of {MOST_OF_A_CELL} characters at most"),
        });
    }
    let range = range_of(choice.sheet.as_deref());
    let mut url = spreadsheet_url(client, id, &["values", &format!("{range}:append")]);
    url.query_pairs_mut()
        .append_pair("valueInputOption", "RAW")
        .append_pair("insertDataOption", "INSERT_ROWS")
        .append_pair("fields", "updates.updatedRange");
    let body = json!({ "range": range, "majorDimension": "ROWS", "values": [cells] });
    let template = "/v4/spreadsheets/{id}/values/{range}:append";
    let answer: AppendAnswer = client.write(Method::POST, url, template, &body).await?;
    Ok(Appended { range: answer.updates.updated_range })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_is_named_so_that_no_name_becomes_another_range() {
        assert_eq!(range_of(None), "A1");
        assert_eq!(range_of(Some("Leads")), "'Leads'!A1");
        assert_eq!(range_of(Some("Dr. Nord's!B2")), "'Dr. Nord''s!B2'!A1");
    }

    #[test]
    fn a_row_that_google_would_refuse_is_known_before() {
        assert!(!is_row_too_large(&["é".repeat(MOST_OF_A_CELL)]));
        assert!(is_row_too_large(&["e".repeat(MOST_OF_A_CELL + 1)]));
        assert!(is_row_too_large(&vec![String::new(); MOST_CELLS + 1]));
    }
}
