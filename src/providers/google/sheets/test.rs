//! The test of a consent: who it is, and whether the chosen spreadsheet opens. Nothing is written, so
//! whether rows may be added is shown by the first one.

use crate::domain::{Answer, Outcome};
use crate::vault::SecretFields;

use super::super::super::TestContext;
use super::super::super::report::{Explanation, Lines, TestReport};
use super::super::explain::SHEETS;
use super::super::{GoogleClient, GoogleError, PERMISSIONS_URL, access_token, granted_scopes, without};
use super::client::find_spreadsheet;
use super::records::Spreadsheet;
use super::{OAUTH, SPEC, SPREADSHEETS, SheetChoice, field};

pub(super) async fn run(context: &TestContext<'_>, fields: &SecretFields) -> TestReport {
    let mut lines = Lines::new(&SPEC, context.progress.as_ref());
    let mut report = match ask(context, fields, &mut lines).await {
        Ok(report) => report,
        Err(report) => *report,
    };
    report.capabilities = lines.finish();
    report
}

async fn ask(
    context: &TestContext<'_>,
    fields: &SecretFields,
    lines: &mut Lines<'_>,
) -> Result<TestReport, Box<TestReport>> {
    let Some(token) = access_token(fields) else {
        lines.answer("account", Answer::No, None);
        return Err(Box::new(GoogleError::GrantGone.report(&SHEETS)));
    };
    let client = GoogleClient::of_test(context, token);
    let account = match client.account().await {
        Ok(account) => account,
        Err(error) => {
            let report = error.report(&SHEETS);
            lines.answer("account", report.failed_answer(), None);
            return Err(Box::new(report));
        }
    };
    lines.answer("account", Answer::Yes, None);
    let mut report = TestReport::new(Outcome::Accepted, "Google Sheets accepted the sign-in.");
    report.identity = Some(account.id);
    report.identity_name = account.email;
    let known = |other: TestReport| {
        let (identity, identity_name) = (report.identity.clone(), report.identity_name.clone());
        Box::new(TestReport { identity, identity_name, ..other })
    };
    if !granted_scopes(fields).contains(&SPREADSHEETS) {
        lines.answer("append_row", Answer::No, Some(&without(OAUTH.scopes, SPREADSHEETS)));
        let nothing = Explanation::of(
            "Google Sheets was not allowed to change spreadsheets: its box was not ticked on Google's page.",
            "Connect with Google again and leave the box ticked.",
            PERMISSIONS_URL,
        );
        return Err(known(TestReport::refused(&nothing, None)));
    }
    let choice = SheetChoice::read(fields);
    let Some(id) = choice.spreadsheet.as_deref() else {
        const WAITS: &str = "Choose the spreadsheet that rows are added to.";
        lines.answer("open_spreadsheet", Answer::NotSetUp, None);
        lines.answer("append_row", Answer::No, Some(WAITS));
        report.notes.push(WAITS.to_owned());
        return Ok(report);
    };
    let base = &context.bases.google_sheets;
    let found = match find_spreadsheet(&GoogleClient { base, ..client }, id).await {
        Ok(found) => found,
        Err(error) => {
            let failed = error.report(&SHEETS);
            lines.answer("open_spreadsheet", failed.failed_answer(), None);
            let field = matches!(error, GoogleError::NotFound | GoogleError::Forbidden { .. });
            let field = field.then_some(field::SPREADSHEET.into());
            return Err(known(TestReport { field, ..failed }));
        }
    };
    lines.answer("open_spreadsheet", Answer::Yes, Some(&format!("{}.", found.properties.title)));
    if let Some(missing) = missing_sheet(&found, &choice) {
        lines.answer("append_row", Answer::No, Some("The sheet is not in the spreadsheet."));
        return Err(known(TestReport::refused(&missing, Some(field::SHEET))));
    }
    lines.answer("append_row", Answer::NotTestable, Some("Shown by the first row: a test writes nothing."));
    Ok(report)
}

/// A named sheet has to be there: a row would be refused otherwise.
fn missing_sheet(found: &Spreadsheet, choice: &SheetChoice) -> Option<Explanation> {
    let wanted = choice.sheet.as_deref()?;
    let names: Vec<&str> = found.sheets.iter().map(|sheet| sheet.properties.title.as_str()).collect();
    if names.contains(&wanted) {
        return None;
    }
    let first: Vec<&str> = names.into_iter().take(10).collect();
    Some(Explanation {
        sentence: format!("Google Sheets has no sheet \"{wanted}\" in that spreadsheet.").into(),
        fix: format!("Enter one of its names: {}.", first.join(", ")).into(),
        url: SHEETS.sharing_url.into(),
    })
}
