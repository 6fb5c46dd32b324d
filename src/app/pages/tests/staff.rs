//! The pages of staff of the platform with sample views.

use super::samples::{NOW, org, shell};
use crate::app::pages::platform::{ClinicLine, PlatformView, platform_page};
use crate::app::pages::platform_clinic::{AccountRow, ClinicInside, ClinicView, EndpointRow, clinic_page};
use crate::app::pages::webhooks::words::{EndpointState, Tally};
use crate::app::{NavItem, Shell, render};
use crate::domain::card::CardState;

pub(super) fn pages(text: &str) -> Vec<(&'static str, String)> {
    let shell = |title: &str| Shell { user: None, ..shell(title, NavItem::None) };
    let clinic = |inside| ClinicView { org: org(), name: text.to_owned(), error: None, inside };
    let line = ClinicLine {
        id: org(),
        name: text.to_owned(),
        slug: "sunrise".to_owned(),
        is_suspended: false,
        connected: 4,
        attention: 1,
        access_until: None,
    };
    let platform = PlatformView { staff: text.to_owned(), clinics: vec![line], error: None };
    vec![
        ("platform", render(shell("Platform"), || platform_page(platform))),
        ("platform-clinic", render(shell(text), || clinic_page(clinic(Some(inside(text)))))),
        ("platform-clinic-closed", render(shell(text), || clinic_page(clinic(None)))),
    ]
}

fn inside(text: &str) -> ClinicInside {
    let account = |word, name, state, hints: &[&str]| AccountRow {
        word,
        name,
        state,
        hints: hints.iter().map(|hint| (*hint).to_owned()).collect(),
        last_verified_at: (!hints.is_empty()).then_some(NOW - 300_000),
        error: (state == CardState::Error).then(|| text.to_owned()),
    };
    let tally =
        Tally { delivered: 1_240, failed: 12, average: Some(310.0), p50: Some(240.0), p95: Some(1_400.0) };
    let endpoint = |name: &str, state, tally| EndpointRow {
        name: name.to_owned(),
        host: "n8n.sunrise.example".to_owned(),
        headers: "authorization: Bearer ***k81c2a".to_owned(),
        state,
        tally,
        last_called_at: Some(NOW - 60_000),
    };
    ClinicInside {
        now: NOW,
        accounts: vec![
            account("vapi", "Vapi", CardState::Connected, &["Private API key: ***3f91c0"]),
            account(
                "twilio",
                "Twilio",
                CardState::Error,
                &["Account SID: AC***4d21aa", "Auth Token: ***90ab12", "Phone number: +1 555 010 0123"],
            ),
            account("whatsapp", "WhatsApp Business", CardState::NotConfigured, &[]),
        ],
        endpoints: vec![
            endpoint("hot-leads", EndpointState::Active, tally),
            endpoint("bookings", EndpointState::SwitchedOff { is_gone: false }, Tally::default()),
        ],
        tally,
    }
}
