//! A row more in the clinic's spreadsheet, for whoever has something to report: a destination of
//! deliveries. What stands in a row, and when, is the caller's affair.

use crate::domain::{OrgId, ProviderId, Use};
use crate::providers::Deadline;
use crate::providers::google::sheets::{self, Appended, SheetChoice};
use crate::providers::google::{self, GoogleClient, GoogleError};
use crate::providers::report::Explanation;
use crate::state::Services;

use super::IntegrationError;
use super::connect::bulkhead;
use super::tokens::{self, Access, TokenError};

/// Why there is no row, as far as anybody knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowError {
    /// The row is surely not there, and trying later may help.
    NotSent(Explanation),
    /// The row is surely not there; somebody of the clinic has to do something.
    Refused(Explanation),
    /// The row may be there: not to be repeated.
    Unknown(Explanation),
}

impl RowError {
    /// What happened and what to do.
    pub const fn explanation(&self) -> &Explanation {
        let (Self::NotSent(why) | Self::Refused(why) | Self::Unknown(why)) = self;
        why
    }
}

/// Adds a row to the spreadsheet that the clinic has chosen, cell by cell from the left. Cells are text
/// and never formulas. An access token that Google rejects is renewed once.
///
/// # Errors
/// As opening the credential: not connected, paused, failed. How Google answered is the inner result.
pub async fn append_row(
    services: &Services,
    org: OrgId,
    cells: &[String],
    deadline: Deadline,
) -> Result<Result<Appended, RowError>, IntegrationError> {
    const ID: ProviderId = ProviderId::GoogleSheets;
    let opened = services.vault.open::<SheetChoice>(org).await?;
    let choice = opened.credentials;
    if choice.spreadsheet.is_none() {
        return Ok(Err(RowError::Refused(not_chosen())));
    }
    let access = match tokens::access(services, org).await {
        Ok(access) => access,
        Err(error) => return without_token(error),
    };
    let run = async |access: &Access| {
        let client = GoogleClient {
            egress: &services.egress,
            base: &services.bases.google_sheets,
            token: &access.token,
            bulkhead: bulkhead(org, ID),
            deadline,
        };
        sheets::append_row(&client, &choice, cells).await
    };
    let mut result = run(&access).await;
    if matches!(result, Err(GoogleError::TokenRejected)) {
        match tokens::access_after(services, org, &access).await {
            Ok(access) => result = run(&access).await,
            Err(error) => return without_token(error),
        }
    }
    Ok(match result {
        Ok(appended) => {
            services.uses.integration(org, opened.integration_id, Use::SheetRow);
            Ok(appended)
        }
        Err(error) => Err(row_error(&error)),
    })
}

fn row_error(error: &GoogleError) -> RowError {
    let why = error.explain(google::api_of(ProviderId::GoogleSheets));
    if error.may_have_happened() {
        RowError::Unknown(why)
    } else if error.is_undetermined() {
        RowError::NotSent(why)
    } else {
        RowError::Refused(why)
    }
}

fn not_chosen() -> Explanation {
    Explanation::of(
        "Google Sheets is connected, and no spreadsheet is chosen yet.",
        "Open the card of Google Sheets and paste the address of the spreadsheet.",
        "https://docs.google.com/spreadsheets/",
    )
}

/// Without a token nothing was sent.
fn without_token(error: TokenError) -> Result<Result<Appended, RowError>, IntegrationError> {
    const ID: ProviderId = ProviderId::GoogleSheets;
    match error {
        TokenError::Google(ref cause) if !cause.is_undetermined() => {
            Ok(Err(RowError::Refused(error.explain(ID))))
        }
        TokenError::Google(_) | TokenError::Busy => Ok(Err(RowError::NotSent(error.explain(ID)))),
        other => Err(other.of(ID)),
    }
}
