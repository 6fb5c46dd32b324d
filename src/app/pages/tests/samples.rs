//! Sample views: a clinic with one provider that works and one that does not.

use uuid::Uuid;

use crate::app::components::accounts::{AccountView, AccountsView};
use crate::app::components::card::{CardView, ErrorView, HintRow, Proof};
use crate::app::components::field::{FieldView, SavedHint};
use crate::app::components::report::CapabilityCheck;
use crate::app::pages::agent_tools::ToolsForm;
use crate::app::pages::agents::{AgentForm, AtVapi};
use crate::app::pages::appointments::{AppointmentLine, AppointmentStatus, AppointmentsView, PatientLines};
use crate::app::pages::connect_panel::ConnectPanelView;
use crate::app::pages::integrations::{IntegrationsView, Panel};
use crate::app::pages::notes::{NoteKind, NoteLine, NoteText};
use crate::app::pages::schedule::ScheduleForm;
use crate::app::wire::{AssistantLine, FieldError, PatternKind, ReportView};
use crate::app::{Assets, NavItem, Shell, UserNav};
use crate::domain::agent_tools::AgentTool;
use crate::domain::card::{CardState, Meaning};
use crate::domain::outcome::Answer;
use crate::domain::pattern::Pattern;
use crate::domain::{CapabilityResult, CredentialId, OrgId, Outcome, ProviderId};

pub(super) const NOW: i64 = 1_770_127_512_000;
pub(super) fn org() -> OrgId {
    OrgId(Uuid::from_u128(7))
}

pub(super) fn shell(title: &str, active: NavItem) -> Shell {
    Shell {
        title: title.to_owned(),
        nonce: "bm9uY2U".to_owned(),
        assets: Assets {
            css_href: "/style/main.css".to_owned(),
            js_href: Some("/pkg/voxanne.js".to_owned()),
            wasm_href: Some("/pkg/voxanne_bg.wasm".to_owned()),
            talk: None,
        },
        user: Some(UserNav {
            name: "Anna Meyer".to_owned(),
            email: "anna.meyer@praxis-nord.example".to_owned(),
            role: "owner",
            is_visiting: false,
            org_id: org(),
            org_name: "Praxis Nord".to_owned(),
            organizations: vec![
                (org(), "Praxis Nord".to_owned()),
                (OrgId(Uuid::from_u128(8)), "Lakeside Dental".to_owned()),
            ],
            is_staff: false,
        }),
        active,
        sandbox: true,
        flash: None,
    }
}

pub(super) fn alone(title: &str) -> Shell {
    Shell { user: None, sandbox: false, ..shell(title, NavItem::None) }
}

pub(super) fn line(label: &str, answer: Answer, note: Option<&str>) -> CapabilityResult {
    CapabilityResult {
        capability: label.to_lowercase().replace(' ', "_"),
        label: label.to_owned(),
        answer,
        note: note.map(str::to_owned),
    }
}

pub(super) fn vapi_card(state: CardState) -> CardView {
    CardView {
        org: org(),
        provider: ProviderId::Vapi,
        name: "Vapi",
        category: "Voice",
        purpose: "Answers the phone and calls people back with this clinic's two agents.",
        state,
        proof: Proof {
            checked_at: Some(NOW - 240_000),
            used_at: Some(NOW - 12_000),
            used_by: Some("a call"),
        },
        identity_name: Some("Praxis Nord".to_owned()),
        capabilities: vec![
            line("Manage assistants", Answer::Yes, None),
            line("Sign webhooks", Answer::Yes, None),
            line("List phone numbers", Answer::Yes, Some("1 number: +49***18")),
        ],
        error: None,
        hints: vec![HintRow { label: "Private key".to_owned(), value: "c0ffee00-0***000001".to_owned() }],
        assistants: vec![
            AssistantLine {
                role: "inbound".to_owned(),
                id: Some(Uuid::from_u128(41).to_string()),
                note: None,
            },
            AssistantLine {
                role: "outbound".to_owned(),
                id: Some(Uuid::from_u128(42).to_string()),
                note: None,
            },
        ],
        can_configure: true,
        may_ask: None,
        has_credential: true,
        first_label: "Configure",
        restorable: None,
        can_send_test: false,
        notices: Vec::new(),
        callback: None,
        can_purge: false,
        accounts: AccountsView::default(),
    }
}

pub(super) fn twilio_card(state: CardState) -> CardView {
    CardView {
        provider: ProviderId::Twilio,
        name: "Twilio",
        category: "Messages",
        purpose: "Sends text messages to callers and hot-lead alerts to the clinic.",
        proof: Proof { checked_at: Some(NOW - 7_200_000), ..Proof::default() },
        identity_name: None,
        capabilities: vec![
            line("Sign in", Answer::No, Some("Account SID and Auth Token do not belong together.")),
            line("Send text messages", Answer::Unknown, None),
            line("Send WhatsApp messages", Answer::NotSetUp, None),
            line("Delivery reports", Answer::NotTestable, Some("Shown with the first message.")),
        ],
        error: Some(ErrorView {
            headline: "Twilio rejected the Auth Token".to_owned(),
            fix: Some("Copy both values from the same account in the Twilio console.".to_owned()),
            fix_url: Some("https://console.twilio.com/".to_owned()),
            reference: Some("0197a2c4".to_owned()),
        }),
        hints: Vec::new(),
        assistants: Vec::new(),
        restorable: Some(CredentialId(Uuid::from_u128(9))),
        can_send_test: true,
        notices: vec!["The phone number +15550100123 is already in use.".to_owned()],
        accounts: AccountsView {
            primary: Some("Primary".to_owned()),
            others: vec![AccountView {
                label: "Branch office".to_owned(),
                state: CardState::Connected,
                identity_name: Some("Praxis Süd".to_owned()),
                has_credential: true,
                restorable: None,
            }],
            can_add: true,
        },
        ..vapi_card(state)
    }
}

pub(super) fn cards() -> Vec<CardView> {
    vec![vapi_card(CardState::Connected), twilio_card(CardState::Error)]
}

pub(super) fn integrations(panel: Option<Panel>) -> IntegrationsView {
    IntegrationsView { now: NOW, cards: cards(), filter: None, panel }
}

pub(super) fn connect() -> ConnectPanelView {
    let sid = Pattern::PrefixedHex { prefix: "AC", digits: 32 };
    let secret = FieldView {
        secret: true,
        saved: Some(SavedHint { masked: "***4f865l".to_owned(), from_draft: false }),
        help: "Account, API keys and tokens",
        where_url: "https://console.twilio.com/",
        pattern: Some(PatternKind::Alphanumeric { length: 32 }),
        ..FieldView::new("authToken", "Auth Token", "")
    };
    ConnectPanelView {
        account: None,
        org: org(),
        provider: ProviderId::Twilio,
        name: "Twilio",
        purpose: "Sends text messages to callers and hot-lead alerts to the clinic.",
        checks: vec![
            CapabilityCheck { key: "account", label: "Sign in" },
            CapabilityCheck { key: "send_sms", label: "Send text messages" },
        ],
        fields: vec![
            FieldView {
                example: "AC0123456789abcdef0123456789abcdef",
                help: "On the console's first page",
                where_url: "https://console.twilio.com/",
                pattern: Some(sid.into()),
                ..FieldView::new("accountSid", "Account SID", "AC0123456789abcdef0123456789abcdef")
            },
            secret,
            FieldView {
                example: "+1 555 010 0123",
                pattern: Some(PatternKind::Phone),
                error: Some("This number does not belong to the account.".to_owned()),
                ..FieldView::new("phoneNumber", "Sender number", "+15550100123")
            },
            FieldView {
                folded_under: Some("Use an API key instead of the Auth Token"),
                required: false,
                ..FieldView::new("apiKeySid", "API key SID", "")
            },
            FieldView {
                folded_under: Some("WhatsApp sender"),
                required: false,
                pattern: Some(PatternKind::Phone),
                ..FieldView::new("whatsappNumber", "WhatsApp number", "")
            },
        ],
        draft: None,
        report: None,
        save_anyway: false,
        success: None,
        message: None,
        permissions: vec!["messages:write".to_owned()],
        console_url: "https://console.twilio.com/",
        can_rotate: true,
    }
}

pub(super) fn report(outcome: Outcome) -> ReportView {
    let (headline, answer) = match outcome {
        Outcome::Accepted => ("Twilio accepted the credential", Answer::Yes),
        Outcome::Refused => ("Twilio rejected the Auth Token", Answer::No),
        Outcome::Undetermined => ("Twilio did not answer in time", Answer::Unknown),
    };
    ReportView {
        outcome,
        headline: headline.to_owned(),
        fix: Some("Copy both values from the same account in the Twilio console.".to_owned()),
        fix_url: Some("https://console.twilio.com/".to_owned()),
        reference: Some("0197a2c4".to_owned()),
        lines: vec![line("Sign in", answer, None), line("Send text messages", Answer::Unknown, None)],
        again: None,
        retry_after_seconds: None,
    }
}

pub(super) fn agent(role: &'static str, text: &str) -> AgentForm {
    AgentForm {
        role,
        name: "Reception".to_owned(),
        first_message: "Good morning, this is the practice of Dr. Nord. How can I help?".to_owned(),
        system_prompt: text.to_owned(),
        voice_provider: "vapi".to_owned(),
        voice_id: "Clara".to_owned(),
        model_provider: "openai".to_owned(),
        model: "gpt-4o".to_owned(),
        language: "en".to_owned(),
        tools: ToolsForm {
            tools: AgentTool::USUAL.to_vec(),
            calendar: "call_back".to_owned(),
            sms_mail: text.to_owned(),
            transfer_number: "+15550100123".to_owned(),
        },
        voices: vec![("vapi:Clara".to_owned(), "Clara".to_owned()), ("11labs:x".to_owned(), text.to_owned())],
        may_load_voices: true,
        at_vapi: AtVapi {
            meaning: Meaning::Works,
            text: "In step with Vapi".to_owned(),
            assistant_id: Some(Uuid::from_u128(41).to_string()),
            synced_at: Some(NOW - 90_000),
            checked_at: Some(NOW - 30_000),
            is_unanswered: true,
        },
        errors: vec![FieldError { field: "name".to_owned(), message: "At most 40 characters.".to_owned() }],
    }
}

/// As many cards and categories as the page must have room for. They share the ids of two providers.
pub(super) fn twelve_cards() -> Vec<CardView> {
    let fresh = |name, category, purpose| CardView {
        name,
        category,
        purpose,
        has_credential: false,
        proof: Proof::default(),
        capabilities: Vec::new(),
        hints: Vec::new(),
        assistants: Vec::new(),
        identity_name: None,
        ..vapi_card(CardState::NotConfigured)
    };
    let mut cards = vec![
        vapi_card(CardState::Connected),
        fresh("ElevenLabs", "Voice", "Lends the agents a voice of this clinic's own account."),
        twilio_card(CardState::Error),
        fresh("WhatsApp Business", "Messages", "Answers patients where they already write."),
        fresh("Another SMS sender", "Messages", "Sends text messages through another sender."),
    ];
    for (name, category) in [
        ("Google Calendar", "Calendar"),
        ("Outlook Calendar", "Calendar"),
        ("Resend", "Mail"),
        ("n8n", "Automation"),
        ("Webhook", "Automation"),
        ("HubSpot", "CRM & payments"),
        ("Stripe", "CRM & payments"),
    ] {
        cards.push(fresh(name, category, "What the clinic gets from it, in one sentence."));
    }
    cards
}

pub(super) fn schedule(text: &str) -> ScheduleForm {
    let pairs = [
        ("open_monday", "09:00-12:00, 13:00-17:00"),
        ("closures", text),
        ("service_0_name", text),
        ("service_0_minutes", "30"),
        ("person_0_name", "Dr. Nord"),
        ("noticeMinutes", "60"),
    ];
    ScheduleForm {
        values: pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        errors: vec![FieldError { field: "services".to_owned(), message: text.to_owned() }],
        time_zone: "Europe/Berlin".to_owned(),
    }
}

pub(super) fn appointments(text: &str, can_configure: bool) -> AppointmentsView {
    let line = |id: u128, status, is_open: bool| AppointmentLine {
        id: Uuid::from_u128(id).to_string(),
        when: "Tue 1 Dec 2026, 14:00 to 14:30".to_owned(),
        service: text.to_owned(),
        practitioner: Some("Dr. Nord".to_owned()),
        patient_mask: "A*** +15***23".to_owned(),
        opened: is_open.then(|| PatientLines {
            name: text.to_owned(),
            phone: "+15550100123".to_owned(),
            notes: text.to_owned(),
        }),
        status,
        reason: (status == AppointmentStatus::Cancelled).then(|| text.to_owned()),
        call_id: Some("call".to_owned()),
        ended_call_id: Some(text.to_owned()),
    };
    let note = |id: u128, kind, is_done| NoteLine {
        id: Uuid::from_u128(id).to_string(),
        kind,
        caller_mask: Some("+15***23".to_owned()),
        text: can_configure.then(|| NoteText {
            name: text.to_owned(),
            phone: "+15550100123".to_owned(),
            message: text.to_owned(),
        }),
        at: NOW - 60_000,
        is_done,
    };
    AppointmentsView {
        org: org(),
        now: NOW,
        can_configure,
        may_ask: None,
        state: "upcoming",
        time_zone: "Europe/Berlin".to_owned(),
        appointments: vec![
            line(51, AppointmentStatus::Booked, can_configure),
            line(52, AppointmentStatus::Pending, false),
            line(53, AppointmentStatus::Cancelled, false),
        ],
        is_cut: true,
        are_notes_open: true,
        notes: vec![
            note(61, NoteKind::Message, false),
            note(62, NoteKind::CallBack, false),
            note(63, NoteKind::FollowUp, true),
        ],
    }
}
