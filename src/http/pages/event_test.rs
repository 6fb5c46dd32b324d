//! `/dashboard/events/test`: send a test message and see where it goes.

use axum::response::Html;

use super::Page;
use crate::app::NavItem;
use crate::app::pages::event_test::{EventTestView, event_test_page};
use crate::app::wire::FieldError;
use crate::calls::samples::KINDS;
use crate::http::error::HttpError;

/// The page.
pub async fn show(mut page: Page) -> Result<Html<String>, HttpError> {
    let may_ask = page.may_ask().await?;
    let typed = |key: &str| page.said.values.get(key).cloned().unwrap_or_default();
    let error_of = |key: &str| FieldError::find(&page.said.errors, key).map(str::to_owned);
    let view = EventTestView {
        org: page.scope.org,
        kinds: KINDS.iter().map(|(kind, words)| ((*kind).to_owned(), format!("{kind}: {words}"))).collect(),
        kind: Some(typed("kind"))
            .filter(|kind| !kind.is_empty())
            .unwrap_or_else(|| "end-of-call-report".to_owned()),
        kind_error: error_of("kind"),
        number: typed("number"),
        number_error: error_of("number"),
        is_loud: typed("loud") == "yes",
        can_configure: page.can_configure(),
        may_ask,
    };
    page.draw("Test event", NavItem::Events, || event_test_page(view)).await
}
