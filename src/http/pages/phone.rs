//! `/dashboard/phone`: the clinic's numbers, and the calls that it places.

use axum::response::Html;
use uuid::Uuid;

use super::{Page, millis};
use crate::app::NavItem;
use crate::app::pages::phone::{AnsweredBy, NumberRow, PhoneView, PlacedRow, PlacedStatus, phone_page};
use crate::app::pages::phone_forms::{CallForm, ImportForm};
use crate::db::agents::{self, AgentRow};
use crate::db::outbound_calls::{self, OutboundCallRow};
use crate::db::phone_numbers::{self, PhoneNumberRow};
use crate::db::{fresh_id, integrations};
use crate::domain::ProviderId;
use crate::http::error::HttpError;

/// Calls on the page.
pub const SHOWN: i64 = 50;

/// The page.
pub async fn show(mut page: Page) -> Result<Html<String>, HttpError> {
    let may_ask = page.may_ask().await?;
    let agents = agents::list(&mut page.tx).await?;
    let numbers = phone_numbers::list(&mut page.tx).await?;
    let calls = outbound_calls::list(&mut page.tx, SHOWN).await?;
    let vapi_connected = integrations::is_connected(&mut page.tx, ProviderId::Vapi.as_str()).await?;
    let twilio_connected = integrations::is_connected(&mut page.tx, ProviderId::Twilio.as_str()).await?;
    let typed = |form: &str, key: &str| {
        page.said.values.get(key).filter(|_| page.said.form == form).cloned().unwrap_or_default()
    };
    let errors = |form: &str| if page.said.form == form { page.said.errors.clone() } else { Vec::new() };
    // With one number there is nothing to choose.
    let only = if let [only] = numbers.as_slice() { only.id.to_string() } else { String::new() };
    let from = Some(typed("call", "from")).filter(|from| !from.is_empty()).unwrap_or(only);
    let request: Uuid = fresh_id();
    let view = PhoneView {
        org: page.scope.org,
        now: page.now(),
        can_configure: page.can_configure(),
        may_ask,
        vapi_connected,
        twilio_connected,
        call: CallForm {
            request: request.to_string(),
            number: typed("call", "number"),
            name: typed("call", "name"),
            from,
            variables: typed("call", "variables"),
            errors: errors("call"),
        },
        import: ImportForm {
            number: typed("import", "number"),
            name: typed("import", "name"),
            errors: errors("import"),
        },
        numbers: numbers.into_iter().map(|row| number(row, &agents)).collect(),
        calls: calls.into_iter().map(placed).collect(),
    };
    page.draw("Phone", NavItem::Phone, || phone_page(view)).await
}

/// Who answers a number, in the clinic's own terms.
pub fn answered_by(row: &PhoneNumberRow, agents: &[AgentRow]) -> AnsweredBy {
    let Some(assistant) = row.assistant_id else { return AnsweredBy::Nobody };
    let agent = agents.iter().find(|agent| agent.vapi_assistant_id == Some(assistant));
    match agent.map(|agent| agent.role.as_str()) {
        Some("inbound") => AnsweredBy::Inbound,
        Some("outbound") => AnsweredBy::Outbound,
        _ => AnsweredBy::Another,
    }
}

fn number(row: PhoneNumberRow, agents: &[AgentRow]) -> NumberRow {
    NumberRow {
        answered_by: answered_by(&row, agents),
        id: row.id.to_string(),
        number: row.number,
        name: row.name,
        provider: row.provider,
        refreshed_at: millis(row.refreshed_at),
    }
}

fn placed(row: OutboundCallRow) -> PlacedRow {
    PlacedRow {
        at: millis(row.created_at),
        to: row.customer_mask,
        from: row.phone_number,
        status: PlacedStatus::parse(&row.status),
        reason: row.error,
        call_id: row.call_id,
    }
}
