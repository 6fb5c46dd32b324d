//! Events as rows of a table in the clinic's own account: the place where Google Sheets comes in.

use async_trait::async_trait;
use serde_json::Value;

use crate::domain::OrgId;
use crate::state::Services;
use crate::webhooks::delivery::{Answer, Row, RowWriter};

/// Whether rows can be written. Without it nobody makes an endpoint that is a table.
pub(super) const ARE_THERE: bool = false;

/// Writes rows with the clinic's own account.
#[derive(Clone, Copy, Debug)]
pub struct SheetRows;

#[async_trait]
impl RowWriter for SheetRows {
    async fn write_row(&self, _: &Services, _: OrgId, _: &Value, _: &Row<'_>) -> Answer {
        Answer::not_sent("Rows of Google Sheets can not be written by this version.")
    }
}
