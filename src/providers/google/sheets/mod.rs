//! Google Sheets: a spreadsheet of the clinic that rows are added to.
//!
//! One scope is asked for. The narrower `drive.file` covers only files that an app has made or that a
//! person picked in Google's own script on our page; the policy of these pages lets no foreign script in,
//! and a clinic wants its own spreadsheet. Nothing is listed: with this scope Google does not tell which
//! files there are.

use async_trait::async_trait;

use crate::domain::ProviderId;
use crate::domain::pattern::Pattern;
use crate::domain::provider::{CapabilitySpec, FieldSpec, OAuthSpec, ProviderSpec, ScopeSpec, SignIn};
use crate::vault::{Credential, SecretFields, VaultError};

use super::super::check::{self, filled};
use super::super::{FieldProblem, Provider, TestContext, TestReport};
use super::{CLIENT_FIELDS, CLIENT_ID, CLIENT_SECRET, ISSUER, PERMISSIONS_URL, explain};

mod client;
mod records;
mod test;

pub use client::{Appended, append_row, is_row_too_large};

/// See and change spreadsheets.
pub const SPREADSHEETS: &str = "https://www.googleapis.com/auth/spreadsheets";

/// Keys of the fields.
mod field {
    pub const SPREADSHEET: &str = "spreadsheetId";
    pub const SHEET: &str = "sheetName";
}

static OAUTH: OAuthSpec = OAuthSpec {
    issuer: ISSUER,
    button: "Connect with Google",
    scopes: &[ScopeSpec {
        scope: SPREADSHEETS,
        words: "See, edit, create, and delete all your Google Sheets spreadsheets",
        without: "No row can be added to your spreadsheet.",
    }],
    choice: None,
    client: CLIENT_FIELDS,
};

static SPEC: ProviderSpec = ProviderSpec {
    id: ProviderId::GoogleSheets,
    name: explain::SHEETS.name,
    category: "Office",
    purpose: "Adds a row to your spreadsheet for what happens on calls.",
    on_disconnect: "No rows are added to the spreadsheet any more.",
    after_disconnect: "Nothing: the permission is given back to Google, unless Google Calendar still uses it. Rows stay in the spreadsheet.",
    console_url: PERMISSIONS_URL,
    permissions: &[],
    fields: &[
        FieldSpec {
            key: field::SPREADSHEET,
            label: "Spreadsheet",
            example: "https://docs.google.com/spreadsheets/d/1AbCdEfGhIjKlMnOpQrStUvWxYz0123456789AbCdEfG/edit",
            pattern: Pattern::Text { max: 500 },
            secret: false,
            required: false,
            where_to_find: "Open the spreadsheet and copy the address of its page, or the ID in it",
            where_url: explain::SHEETS.sharing_url,
            folded_under: None,
        },
        FieldSpec {
            key: field::SHEET,
            label: "Sheet",
            example: "Leads",
            pattern: Pattern::Text { max: 100 },
            secret: false,
            required: false,
            where_to_find: "The name on the tab at the bottom; the first sheet without one",
            where_url: explain::SHEETS.sharing_url,
            folded_under: None,
        },
        CLIENT_ID,
        CLIENT_SECRET,
    ],
    capabilities: &[
        CapabilitySpec { key: "account", label: "Sign in to the account" },
        CapabilitySpec { key: "open_spreadsheet", label: "Open the spreadsheet" },
        CapabilitySpec { key: "append_row", label: "Add rows" },
    ],
    sign_in: SignIn::OAuth(&OAUTH),
};

/// Google Sheets in the catalogue.
pub struct GoogleSheetsProvider;

#[async_trait]
impl Provider for GoogleSheetsProvider {
    fn spec(&self) -> &'static ProviderSpec {
        &SPEC
    }

    fn check(&self, fields: &SecretFields) -> Result<(), Vec<FieldProblem>> {
        let mut problems = check::each_field(&SPEC, fields);
        super::check_client(fields, &mut problems);
        let has_problem = problems.iter().any(|known| known.field == field::SPREADSHEET);
        let typed = filled(fields, field::SPREADSHEET).filter(|_| !has_problem);
        if let Some(Err(message)) = typed.map(read_id) {
            problems.push(FieldProblem { field: field::SPREADSHEET, message: message.to_owned() });
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    async fn test(&self, context: &TestContext<'_>, fields: &SecretFields) -> TestReport {
        test::run(context, fields).await
    }
}

/// The id of a spreadsheet, from the address of its page or as it is.
fn read_id(text: &str) -> Result<&str, &'static str> {
    const PUBLISHED: &str =
        "This is the address of a published copy. Open the spreadsheet itself and copy that address.";
    const NEITHER: &str = "Paste the address of the spreadsheet's page, which has /spreadsheets/d/ in it, or the ID that follows there.";
    let id = match text.split_once("/spreadsheets/d/") {
        Some((_, rest)) if rest.starts_with("e/") => return Err(PUBLISHED),
        Some((_, rest)) => rest.split(['/', '?', '#']).next().unwrap_or_default(),
        None => text,
    };
    if id.starts_with("2PACX-") {
        return Err(PUBLISHED);
    }
    let is_id = (20..=100).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if is_id { Ok(id) } else { Err(NEITHER) }
}

/// The spreadsheet that a clinic has chosen. The tokens are not part of it: they have a row of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SheetChoice {
    /// None until somebody chooses one.
    pub spreadsheet: Option<String>,
    /// The tab; the first one without it.
    pub sheet: Option<String>,
}

impl SheetChoice {
    fn read(fields: &SecretFields) -> Self {
        let spreadsheet = filled(fields, field::SPREADSHEET).and_then(|text| read_id(text).ok());
        let sheet = filled(fields, field::SHEET);
        Self { spreadsheet: spreadsheet.map(str::to_owned), sheet: sheet.map(str::to_owned) }
    }
}

impl Credential for SheetChoice {
    const PROVIDER: ProviderId = ProviderId::GoogleSheets;

    fn from_fields(fields: &SecretFields) -> Result<Self, VaultError> {
        Ok(Self::read(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::SecretText;

    const ID: &str = "1AbCdEfGhIjKlMnOpQrStUvWxYz0123456789AbCdEfG";

    #[test]
    fn an_address_and_an_id_name_the_same_spreadsheet() {
        for text in [
            ID.to_owned(),
            format!("https://docs.google.com/spreadsheets/d/{ID}/edit#gid=0"),
            format!("https://docs.google.com/spreadsheets/d/{ID}?usp=sharing"),
            format!("docs.google.com/a/clinic.example/spreadsheets/d/{ID}"),
        ] {
            assert_eq!(read_id(&text), Ok(ID), "{text}");
        }
        let published = read_id("https://docs.google.com/spreadsheets/d/e/2PACX-1vQ/pubhtml");
        assert!(published.expect_err("refused").contains("published copy"));
        for text in ["https://docs.google.com/document/d/1AbCdEf/edit", "Leads", "1AbC dEf", "../../x"] {
            assert!(read_id(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_choice_may_wait_and_a_wrong_one_is_told_at_its_field() {
        let mut fields = SecretFields::new();
        assert_eq!(SheetChoice::read(&fields), SheetChoice::default());
        assert!(GoogleSheetsProvider.check(&fields).is_ok());
        fields.insert(field::SPREADSHEET, SecretText::new("my spreadsheet".to_owned()));
        let problems = GoogleSheetsProvider.check(&fields).expect_err("no id");
        assert_eq!(problems[0].field, field::SPREADSHEET);
    }
}
