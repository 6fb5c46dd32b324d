//! `/dashboard/calls`: the list with its filters, one call, and the table to take along.

use axum::extract::{Path, Query};
use axum::response::{Html, Response};
use serde::Deserialize;
use serde_json::Value;
use url::form_urlencoded;

use super::appointments::when;
use super::{Page, millis};
use crate::app::NavItem;
use crate::app::pages::appointments::AppointmentStatus;
use crate::app::pages::call::{CallView, LeadView, MomentLine, ReasonLine, Said, SaidView, call_page};
use crate::app::pages::call_effects::{CallAppointment, CallDelivery};
use crate::app::pages::calls::{CallLine, CallsView, FilterForm, calls_page};
use crate::audit::{self, Ended, Entry, Origin};
use crate::calls::clinic::zone;
use crate::calls::ended_reasons;
use crate::calls::history::{self, Asked, Details};
use crate::db::appointments::{self, AppointmentRow};
use crate::db::calls::{self, CallRow, Moment};
use crate::db::deliveries::{self, DeliveryRow};
use crate::db::{DbError, leads, schedules};
use crate::domain::card::Meaning;
use crate::http::api::Admitted;
use crate::http::csv;
use crate::http::error::HttpError;

/// Calls on one page.
const SHOWN: i64 = 50;

/// The list.
pub async fn show(mut page: Page, Query(asked): Query<Asked>) -> Result<Html<String>, HttpError> {
    // What can not be read is told beside the filters, and everything is shown.
    let zone = zone(&schedules::find(&mut page.tx).await?.time_zone);
    let (asked_for, error) = match asked.filter(&zone) {
        Ok(_) => (asked.clone(), None),
        Err(error) => (Asked::default(), Some(error.sentence())),
    };
    let listed = history::list(&mut page.tx, &asked_for, SHOWN).await?;
    let kept = query(&asked_for);
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let joint = if kept.is_empty() { "" } else { "&" };
    let view = CallsView {
        org: page.scope.org,
        now: page.now(),
        filter: FilterForm {
            from: text(&asked.from),
            until: text(&asked.until),
            outcome: text(&asked.outcome),
            hot: asked.hot.as_deref().is_some_and(|word| !word.is_empty()),
            error,
        },
        calls: listed.calls.into_iter().map(line).collect(),
        older_href: listed.next.map(|id| format!("/dashboard/calls?{kept}{joint}before={id}")),
        export_href: page.can_configure().then(|| format!("/dashboard/calls.csv?{kept}")),
    };
    page.draw("Calls", NavItem::Calls, || calls_page(view)).await
}

/// What was asked for, to be asked again.
fn query(asked: &Asked) -> String {
    let mut text = form_urlencoded::Serializer::new(String::new());
    for (key, value) in
        [("from", &asked.from), ("until", &asked.until), ("outcome", &asked.outcome), ("hot", &asked.hot)]
    {
        if let Some(value) = value.as_deref().filter(|value| !value.is_empty()) {
            text.append_pair(key, value);
        }
    }
    text.finish()
}

/// The table to take along.
pub async fn export(admitted: Admitted, Query(asked): Query<Asked>) -> Result<Response, HttpError> {
    let history::Exported { table, next } =
        history::export(&admitted.state.services, &admitted.caller, &asked).await?;
    let kept = query(&asked);
    let joint = if kept.is_empty() { "" } else { "&" };
    let next = next.map(|id| format!("/dashboard/calls.csv?{kept}{joint}before={id}"));
    Ok(csv::download("calls.csv", table, next))
}

/// Whether what was said is to be opened.
#[derive(Deserialize)]
pub struct OpenQuery {
    open: Option<String>,
}

/// One call.
pub async fn show_one(
    origin: Origin,
    mut page: Page,
    Path(id): Path<String>,
    Query(query): Query<OpenQuery>,
) -> Result<Html<String>, HttpError> {
    let row = calls::find(&mut page.tx, &id).await?.ok_or(DbError::NotFound)?;
    let moments = calls::list_moments(&mut page.tx, &row.call_id, row.lead_id).await?;
    let lead = match row.lead_id {
        Some(lead) => leads::find(&mut page.tx, lead).await?,
        None => None,
    };
    let made = appointments::list_of_call(&mut page.tx, &row.call_id).await?;
    let told = deliveries::list_of_call(&mut page.tx, &row.call_id).await?;
    let time_zone = schedules::find(&mut page.tx).await?.time_zone;
    let may_ask = page.may_ask().await?;
    let can_configure = page.can_configure();
    let clock = zone(&time_zone);
    let now = page.state.services.clock.now();
    let said = if query.open.as_deref() == Some("details") {
        open(&mut page, &origin, &row).await?
    } else {
        closed(&row)
    };
    let reasons = row.lead_reasons.0.as_array().into_iter().flatten();
    let view = CallView {
        org: page.scope.org,
        time_zone,
        appointments: made.into_iter().map(|made| appointment(made, &row.call_id, &clock, now)).collect(),
        deliveries: told.into_iter().map(delivery).collect(),
        call_id: row.call_id.clone(),
        assistant: row.role.clone(),
        ended_at: row.ended_at.map(millis),
        moments: moments.into_iter().map(moment).collect(),
        lead: lead.map(|lead| LeadView {
            score: lead.score,
            calls: lead.calls,
            hot_at: lead.hot_at.map(millis),
        }),
        reasons: reasons
            .filter_map(|reason| {
                let points = i32::try_from(reason["points"].as_i64()?).ok()?;
                Some(ReasonLine { text: reason["text"].as_str()?.to_owned(), points })
            })
            .collect(),
        said,
        can_configure,
        may_ask,
        call: line(row),
    };
    page.draw("Call", NavItem::Calls, || call_page(view)).await
}

fn closed(row: &CallRow) -> Said {
    match (row.emptied_at, row.has_summary) {
        (Some(_), _) => Said::Emptied,
        (None, true) => Said::Closed,
        (None, false) => Said::NotYet,
    }
}

/// Opens what was said, and records it as the last statement of the page's transaction.
async fn open(page: &mut Page, origin: &Origin, row: &CallRow) -> Result<Said, HttpError> {
    let services = page.state.services.clone();
    let may = page.can_configure();
    let details = if may { history::read_details(&services, &mut page.tx, row.id).await? } else { None };
    let entry = Entry {
        actor: page.scope.actor(),
        action: history::OPENED,
        target: row.id.to_string(),
        ended: if may { Ended::Success } else { Ended::Denied },
        details: String::new(),
    };
    audit::append(&mut page.tx, &services.vault, &services.clock, origin, entry)
        .await
        .map_err(crate::integrations::IntegrationError::from)?;
    Ok(match details {
        Some(details) => Said::Open(Box::new(said(details))),
        None => closed(row),
    })
}

fn said(details: Details) -> SaidView {
    let shown = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        other => other.to_string(),
    };
    let extracted = details.structured_data.as_object().into_iter().flatten();
    SaidView {
        extracted: extracted.map(|(name, value)| (name.clone(), shown(value))).collect(),
        number: details.number,
        name: details.name,
        summary: details.summary,
        evaluation: details.success_evaluation,
    }
}

/// A call as lists show it.
pub(super) fn line(row: CallRow) -> CallLine {
    CallLine {
        id: row.id.to_string(),
        started_at: millis(row.started_at),
        is_running: row.status == "in_progress",
        direction: row.direction,
        caller: row.caller_mask,
        duration: row.duration_seconds.map(span),
        outcome: row.outcome,
        ended: row.ended_reason.as_deref().map(ended_reasons::words),
        score: row.lead_score,
        is_hot: row.is_hot,
        cost: row.cost.map(|cost| format!("${cost:.2}")),
    }
}

/// `45 s`, `3 min 20 s`.
fn span(seconds: i32) -> String {
    if seconds < 60 { format!("{seconds} s") } else { format!("{} min {:02} s", seconds / 60, seconds % 60) }
}

fn appointment(
    row: AppointmentRow,
    call_id: &str,
    clock: &jiff::tz::TimeZone,
    now: time::OffsetDateTime,
) -> CallAppointment {
    let status = AppointmentStatus::parse(&row.status);
    let is_made_here = row.call_id.as_deref() == Some(call_id);
    let is_ended_here = row.ended_call_id.as_deref() == Some(call_id);
    let list = match status {
        AppointmentStatus::Failed => None,
        AppointmentStatus::Cancelled => Some("cancelled"),
        _ if row.ends_at < now => Some("past"),
        _ => Some("upcoming"),
    };
    CallAppointment {
        when: when(&row, clock),
        what: match (is_made_here, is_ended_here, row.replaces) {
            (true, true, _) => "Booked and given up in this call",
            (true, false, Some(_)) => "Moved to this time in this call",
            (true, false, None) => "Booked in this call",
            (false, ..) => "Given up in this call",
        },
        href: list.map(|list| format!("/dashboard/appointments?state={list}#{}", row.id)),
        service: row.service,
        practitioner: row.practitioner,
        status,
        reason: row.reason,
    }
}

fn delivery(row: DeliveryRow) -> CallDelivery {
    CallDelivery {
        id: row.id,
        kind: row.kind,
        endpoint: row.workflow_name,
        status: row.status,
        last_error: row.last_error,
        at: millis(row.created_at),
    }
}

fn moment(moment: Moment) -> MomentLine {
    let what = match moment.kind.as_str() {
        "tool" => format!("Tool {}", moment.name),
        "alert" if moment.name == "email" => "Alert by e-mail".to_owned(),
        "alert" => "Alert by text message".to_owned(),
        _ => match moment.name.as_str() {
            "confirmation" => "Confirmation of the appointment".to_owned(),
            "tool" => "Message that the agent sent".to_owned(),
            "alert" => "Message of the alert".to_owned(),
            other => format!("Message ({other})"),
        },
    };
    let meaning = match moment.status.as_str() {
        "done" | "sent" | "queued" | "delivered" | "read" => Meaning::Works,
        "failed" => Meaning::Broken,
        "parked" => Meaning::Attention,
        _ => Meaning::Unknown,
    };
    let status = match moment.status.as_str() {
        "parked" => "Nobody knows".to_owned(),
        word => {
            let mut letters = word.chars();
            letters
                .next()
                .map_or_else(String::new, |first| format!("{}{}", first.to_uppercase(), letters.as_str()))
        }
    };
    MomentLine {
        at: millis(moment.at),
        what,
        status,
        meaning,
        note: moment.note.filter(|note| !note.is_empty()),
    }
}

#[cfg(test)]
mod tests {
    use super::span;

    #[test]
    fn lengths_are_read_in_minutes_and_seconds() {
        assert_eq!((span(45).as_str(), span(200).as_str()), ("45 s", "3 min 20 s"));
    }
}
