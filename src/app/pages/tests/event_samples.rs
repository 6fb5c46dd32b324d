//! Sample views of the inbox: its list, one event, and the form that sends a sample.

use uuid::Uuid;

use super::samples::{NOW, org};
use crate::app::components::filters::{FilterField, FilterKind};
use crate::app::components::waterfall::TraceStage;
use crate::app::pages::event::{EventView, PayloadView};
use crate::app::pages::event_test::{EventTestView, SampleForm};
use crate::app::pages::events::{EventRow, EventStatus, EventsView, RecoverForm};
use crate::domain::EventId;

pub(super) fn event(kind: &str, status: EventStatus) -> EventRow {
    let stage = |name: &str, offset_us| TraceStage { name: name.to_owned(), offset_us, note: None };
    EventRow {
        id: EventId(Uuid::from_u128(kind.len() as u128)),
        kind: kind.to_owned(),
        source: "vapi".to_owned(),
        call_id: Some(Uuid::from_u128(77).to_string()),
        summary: Some("Inbound call, 2 min 14 s, ended by the caller".to_owned()),
        status,
        attempts: 2,
        received_at: NOW - 65_000,
        error: None,
        trace: vec![stage("Signature checked", 210), stage("Stored", 3_420), stage("Answered", 3_610)],
        is_test: status == EventStatus::Parked,
    }
}

pub(super) fn events(text: &str, can_configure: bool) -> EventsView {
    let field = |key, label, kind| FilterField { key, label, value: text.to_owned(), kind };
    let options = vec![("vapi".to_owned(), "Vapi".to_owned()), (text.to_owned(), text.to_owned())];
    EventsView {
        org: org(),
        now: NOW,
        filters: vec![
            field("source", "Source", FilterKind::Choice { all: "All sources", options }),
            field(
                "kind",
                "Kind",
                FilterKind::Text { placeholder: "All kinds", known: vec![text.to_owned()] },
            ),
            field("from", "From (UTC)", FilterKind::Moment),
        ],
        is_filtered: true,
        events: vec![event("end-of-call-report", EventStatus::Processed), event(text, EventStatus::Parked)],
        older_href: Some("/dashboard/events?before=x".to_owned()),
        newest_href: None,
        recover: RecoverForm { since: text.to_owned(), error: Some(text.to_owned()) },
        can_configure,
        may_ask: Some(format!("Ask an owner or admin: {text}")),
    }
}

pub(super) fn event_test(text: &str, can_configure: bool) -> EventTestView {
    EventTestView {
        org: org(),
        kinds: vec![("hang".to_owned(), text.to_owned())],
        kind: "hang".to_owned(),
        kind_error: Some(text.to_owned()),
        number: text.to_owned(),
        number_error: Some(text.to_owned()),
        is_loud: true,
        sample: SampleForm {
            kinds: vec![("lead.hot".to_owned(), text.to_owned())],
            kind: "lead.hot".to_owned(),
            kind_error: Some(text.to_owned()),
            endpoints: vec![(text.to_owned(), text.to_owned())],
            endpoint: text.to_owned(),
            endpoint_error: Some(text.to_owned()),
        },
        can_configure,
        may_ask: Some(format!("Ask an owner or admin: {text}")),
    }
}

pub(super) fn one_event(text: &str, status: EventStatus) -> EventView {
    let row = event("end-of-call-report", status);
    EventView {
        org: org(),
        event: EventRow { error: Some(text.to_owned()), call_id: Some(text.to_owned()), ..row },
        processed_at: Some(NOW),
        payload: if status == EventStatus::Parked {
            PayloadView::Full(text.to_owned())
        } else {
            PayloadView::Masked(text.to_owned())
        },
        no_replay: (status == EventStatus::Processed).then(|| text.to_owned()),
        can_configure: true,
    }
}
