//! `/dashboard/events/test`: send a test message, or a sample of an event out, and see where it goes.

use axum::response::Html;

use super::Page;
use crate::app::NavItem;
use crate::app::pages::event_test::{EventTestView, SampleForm, event_test_page};
use crate::app::wire::FieldError;
use crate::calls::samples::KINDS;
use crate::db::endpoints;
use crate::domain::event_kinds::EVENT_KINDS;
use crate::http::error::HttpError;

/// The page.
pub async fn show(mut page: Page) -> Result<Html<String>, HttpError> {
    let may_ask = page.may_ask().await?;
    let named = endpoints::list(&mut page.tx).await?;
    let typed = |key: &str| page.said.values.get(key).cloned().unwrap_or_default();
    let error_of = |key: &str| FieldError::find(&page.said.errors, key).map(str::to_owned);
    let view = EventTestView {
        org: page.scope.org,
        kinds: KINDS.iter().map(|(kind, words)| ((*kind).to_owned(), format!("{kind}: {words}"))).collect(),
        kind: Some(typed("kind"))
            .filter(|kind| !kind.is_empty())
            .unwrap_or_else(|| "end-of-call-report".to_owned()),
        kind_error: error_of("kind").filter(|_| page.said.form != "sample"),
        number: typed("number"),
        number_error: error_of("number"),
        is_loud: typed("loud") == "yes",
        sample: SampleForm {
            kinds: EVENT_KINDS
                .iter()
                .map(|kind| (kind.name.to_owned(), format!("{}: {}", kind.name, kind.when)))
                .collect(),
            kind: Some(typed("event"))
                .filter(|kind| !kind.is_empty())
                .unwrap_or_else(|| EVENT_KINDS[0].name.to_owned()),
            kind_error: error_of("event").or_else(|| {
                // The interface calls it `kind`, which is another field here.
                (page.said.form == "sample").then(|| error_of("kind")).flatten()
            }),
            endpoints: named
                .into_iter()
                .map(|row| {
                    let text = if row.is_active {
                        row.workflow_name.clone()
                    } else {
                        format!("{} (switched off)", row.workflow_name)
                    };
                    (row.workflow_name, text)
                })
                .collect(),
            endpoint: typed("workflowName"),
            endpoint_error: error_of("workflowName"),
        },
        can_configure: page.can_configure(),
        may_ask,
    };
    page.draw("Test event", NavItem::Events, || event_test_page(view)).await
}
