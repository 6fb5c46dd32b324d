//! The parts of Sheets' answers that are read.

use serde::Deserialize;

/// A spreadsheet, as far as it is asked for.
#[derive(Deserialize)]
pub(super) struct Spreadsheet {
    #[serde(default)]
    pub(super) properties: Named,
    /// In the order of the tabs.
    #[serde(default)]
    pub(super) sheets: Vec<Sheet>,
}

#[derive(Deserialize)]
pub(super) struct Sheet {
    pub(super) properties: Named,
}

#[derive(Default, Deserialize)]
pub(super) struct Named {
    #[serde(default)]
    pub(super) title: String,
}

/// The answer to an added row.
#[derive(Deserialize)]
pub(super) struct AppendAnswer {
    pub(super) updates: Updates,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Updates {
    #[serde(default)]
    pub(super) updated_range: String,
}
