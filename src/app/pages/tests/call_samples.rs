//! Sample calls, with a value that is put wherever a caller or a clinic could put one.

use uuid::Uuid;

use super::samples::{NOW, org};

use crate::app::pages::alerts::AlertsForm;
use crate::app::pages::appointments::AppointmentStatus;
use crate::app::pages::call::{CallView, LeadView, MomentLine, ReasonLine, Said, SaidView};
use crate::app::pages::call_effects::{CallAppointment, CallDelivery};
use crate::app::pages::calls::{CallLine, CallsView, FilterForm};
use crate::app::wire::FieldError;
use crate::domain::card::Meaning;

pub(super) fn line(text: &str, is_hot: bool) -> CallLine {
    CallLine {
        id: if is_hot { "0197a2c4-hot" } else { "0197a2c4-cold" }.to_owned(),
        started_at: NOW,
        is_running: false,
        direction: "inbound".to_owned(),
        caller: Some("+15***23".to_owned()),
        duration: Some("3 min 20 s".to_owned()),
        outcome: Some(if is_hot { "booked" } else { "answered" }.to_owned()),
        ended: Some(text.to_owned()),
        score: Some(if is_hot { 80 } else { 15 }),
        is_hot,
        cost: Some("$0.07".to_owned()),
    }
}

pub(super) fn calls(text: &str) -> CallsView {
    CallsView {
        org: org(),
        now: NOW,
        filter: FilterForm { from: text.to_owned(), error: Some(text.to_owned()), ..FilterForm::default() },
        calls: vec![line(text, true), line(text, false)],
        older_href: Some("/dashboard/calls?before=0197a2c4".to_owned()),
        export_href: Some("/dashboard/calls.csv?".to_owned()),
    }
}

pub(super) fn said(text: &str) -> SaidView {
    SaidView {
        number: Some("+15550100123".to_owned()),
        name: Some(text.to_owned()),
        summary: text.to_owned(),
        extracted: vec![(text.to_owned(), text.to_owned())],
        evaluation: Some("true".to_owned()),
    }
}

pub(super) fn call(text: &str, said: Said) -> CallView {
    CallView {
        org: org(),
        time_zone: text.to_owned(),
        appointments: vec![CallAppointment {
            when: "Tue 1 Dec 2026, 14:00 to 14:30".to_owned(),
            what: "Booked in this call",
            service: text.to_owned(),
            practitioner: Some(text.to_owned()),
            status: AppointmentStatus::Booked,
            reason: Some(text.to_owned()),
            href: Some("/dashboard/appointments?state=upcoming#a".to_owned()),
        }],
        deliveries: vec![CallDelivery {
            id: Uuid::from_u128(51),
            kind: "appointment.booked".to_owned(),
            endpoint: "crm".to_owned(),
            status: "dead".to_owned(),
            last_error: Some(text.to_owned()),
            at: NOW,
        }],
        call: line(text, true),
        call_id: text.to_owned(),
        assistant: Some("inbound".to_owned()),
        ended_at: Some(NOW),
        moments: vec![MomentLine {
            at: NOW,
            what: format!("Tool {text}"),
            status: "Done".to_owned(),
            meaning: Meaning::Works,
            note: Some(text.to_owned()),
        }],
        lead: Some(LeadView { score: 80, calls: 2, hot_at: Some(NOW) }),
        reasons: vec![ReasonLine { text: text.to_owned(), points: 70 }],
        said,
        can_configure: true,
        may_ask: None,
    }
}

pub(super) fn alerts_form(text: &str) -> AlertsForm {
    AlertsForm {
        is_on: true,
        threshold: "70".to_owned(),
        text: text.to_owned(),
        numbers: text.to_owned(),
        mails: text.to_owned(),
        quiet_from: "22:00".to_owned(),
        quiet_until: text.to_owned(),
        time_zone: "Europe/Berlin".to_owned(),
        lacks_mailer: true,
        errors: vec![FieldError { field: "numbers".to_owned(), message: text.to_owned() }],
    }
}
