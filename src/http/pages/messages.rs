//! `/dashboard/messages`: what was sent, what came in, who wants no messages.

use axum::extract::Query;
use axum::response::Html;
use serde::Deserialize;
use serde_json::Value;

use super::{Page, millis};
use crate::app::NavItem;
use crate::app::pages::messages::{
    MessageStatus, MessagesView, ReceivedRow, ReceivedText, SentRow, messages_page,
};
use crate::audit::{self, Ended, Entry};
use crate::calls::{incoming, senders};
use crate::db::inbound_messages::{self, InboundRow};
use crate::db::messages::{self, MessageRow};
use crate::db::{integrations, opt_outs};
use crate::domain::{EventId, OrgId, ProviderId};
use crate::http::error::HttpError;
use crate::state::Services;
use crate::vault::Sealed;

/// Messages of each direction on the page.
pub const SHOWN: i64 = 100;

/// What stands in the trail when somebody has what patients wrote opened.
pub const OPENED: &str = "messages.opened";
const OPEN_HREF: &str = "/dashboard/messages?open=texts";

#[derive(Deserialize)]
pub struct PageQuery {
    /// `texts` shows what patients wrote, to owners and admins.
    open: Option<String>,
}

/// The page.
pub async fn show(mut page: Page, Query(query): Query<PageQuery>) -> Result<Html<String>, HttpError> {
    let may_ask = page.may_ask().await?;
    let services = page.state.services.clone();
    let org = page.scope.org;
    let sent = messages::list(&mut page.tx, SHOWN).await?;
    let received = inbound_messages::list(&mut page.tx, SHOWN).await?;
    let opted_out = opt_outs::count(&mut page.tx).await?;
    let has_twilio = integrations::is_connected(&mut page.tx, ProviderId::Twilio.as_str()).await?;
    let twilio_address = if has_twilio && page.can_configure() {
        Some(format!("{}/inbound", services.twilio_webhook_url(org).await?))
    } else {
        None
    };
    let is_open = page.can_configure() && query.open.as_deref() == Some("texts");
    let mut rows = Vec::with_capacity(received.len());
    for row in received {
        let text = match (is_open, row.sealed_content.is_some()) {
            (_, false) => ReceivedText::Gone,
            (false, true) => ReceivedText::Closed,
            (true, true) => {
                text_of(&services, org, &row).await.map_or(ReceivedText::Gone, ReceivedText::Shown)
            }
        };
        rows.push(received_row(row, text));
    }
    let opened = rows.iter().filter(|row| matches!(row.text, ReceivedText::Shown(_))).count();
    if opened > 0 {
        let entry = Entry {
            actor: page.scope.actor(),
            action: OPENED,
            target: "messages".to_owned(),
            ended: Ended::Success,
            details: format!("{opened} messages"),
        };
        let origin = page.origin.clone();
        audit::append(&mut page.tx, &services.vault, &services.clock, &origin, entry).await?;
    }
    let has_closed = rows.iter().any(|row| row.text == ReceivedText::Closed);
    let is_ours = page.said.form == "opt-outs";
    let view = MessagesView {
        org,
        now: page.now(),
        can_configure: page.can_configure(),
        may_ask,
        sent: sent.into_iter().map(sent_row).collect(),
        received: rows,
        open_href: (page.can_configure() && has_closed).then_some(OPEN_HREF),
        opted_out: u32::try_from(opted_out).unwrap_or(0),
        number: page.said.values.get("number").filter(|_| is_ours).cloned().unwrap_or_default(),
        errors: if is_ours { page.said.errors.clone() } else { Vec::new() },
        twilio_address,
    };
    page.draw("Messages", NavItem::Messages, || messages_page(view)).await
}

/// What a patient wrote; none where it is kept no longer, or can not be read right now.
pub async fn text_of(services: &Services, org: OrgId, row: &InboundRow) -> Option<String> {
    let sealed = Sealed::parse(row.sealed_content.clone()?).ok()?;
    let place = incoming::place(org, &row.provider, EventId(row.id));
    match services.vault.open_at(&place, &sealed).await {
        Ok(opened) => {
            let content: Value = serde_json::from_slice(opened.expose()).ok()?;
            content["text"].as_str().map(str::to_owned)
        }
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, %org, "a received message does not open");
            None
        }
    }
}

fn channel(word: &str) -> &'static str {
    if word == "whatsapp" { "WhatsApp" } else { "SMS" }
}

fn provider(word: &str) -> String {
    word.parse().map_or_else(|()| word.to_owned(), |id: ProviderId| senders::name(id).to_owned())
}

fn sent_row(row: MessageRow) -> SentRow {
    let purpose = match row.purpose.as_str() {
        "test" => "Test message".to_owned(),
        "tool" => "In a call".to_owned(),
        "alert" => "Alert".to_owned(),
        other => {
            let mut letters = other.chars();
            letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
        }
    };
    SentRow {
        at: millis(row.created_at),
        to: row.recipient_mask,
        channel: channel(&row.channel),
        provider: provider(&row.provider),
        purpose,
        status: MessageStatus::parse(&row.status),
        reason: row.error,
    }
}

fn received_row(row: InboundRow, text: ReceivedText) -> ReceivedRow {
    ReceivedRow {
        at: millis(row.received_at),
        from: row.sender_mask,
        channel: channel(&row.channel),
        provider: provider(&row.provider),
        text,
        effect: match row.keyword.as_deref() {
            Some("stop") => Some("No more messages"),
            Some("start") => Some("Messages again"),
            _ => None,
        },
    }
}
