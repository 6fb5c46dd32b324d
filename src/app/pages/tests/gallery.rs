//! Every page drawn with sample views, in every shape that matters.

use super::call_samples::*;
use super::event_samples::*;
use super::samples::*;
use super::telephone::{messages, no_messages, phone};

use crate::app::components::card::{CardView, HintRow, Proof};
use crate::app::components::field::FieldView;
use crate::app::pages::agents::{AgentsView, agents_page};
use crate::app::pages::api_docs::{ApiAnswer, ApiGroup, ApiOperation, ApiParameter, api_docs_page};
use crate::app::pages::appointments::{AppointmentsView, appointments_page};
use crate::app::pages::audit::{AuditOutcome, AuditRow, AuditView, audit_page};
use crate::app::pages::call::{Said, call_page};
use crate::app::pages::calls::{CallsView, calls_page};
use crate::app::pages::connect_panel::ConnectPanelView;
use crate::app::pages::disconnect_panel::DisconnectPanelView;
use crate::app::pages::error::{ErrorPage, error_page};
use crate::app::pages::event::event_page;
use crate::app::pages::event_test::event_test_page;
use crate::app::pages::events::{EventStatus, EventsView, events_page};
use crate::app::pages::integrations::{IntegrationsView, Panel, integrations_page};
use crate::app::pages::login::{LoginView, login_page};
use crate::app::pages::messages::messages_page;
use crate::app::pages::overview::{IncidentLine, NextStep, OverviewView, overview_page};
use crate::app::pages::phone::{PhoneView, phone_page};
use crate::app::pages::retention::RetentionForm;
use crate::app::pages::senders::SendersForm;
use crate::app::pages::settings::{CredentialRow, ProfileForm, SettingsView, settings_page};
use crate::app::pages::setup::{SetupView, setup_page};
use crate::app::pages::sms_panel::{SmsPanelView, SmsResult, UnknownTest};
use crate::app::pages::talk::TalkView;
use crate::app::wire::SuccessView;
use crate::app::{Flash, NavItem, Shell, TalkAssets, render};
use crate::domain::card::{CardState, Meaning};
use crate::domain::readiness::{Numbers, Readiness, ReadinessFacts, Service};
use crate::domain::{Outcome, ProviderId};

fn talk() -> TalkView {
    let href = |name: &str| format!("/pkg/{name}.js");
    let assets = TalkAssets { script_href: href("talk"), worklet_href: href("talk-worklet") };
    TalkView::Ready { assets: Some(assets), nonce: "bm9uY2U".to_owned() }
}

fn api_group(text: &str) -> ApiGroup {
    let parameter = ApiParameter {
        name: "provider".to_owned(),
        place: "path".to_owned(),
        is_required: true,
        about: text.to_owned(),
    };
    let operation = ApiOperation {
        method: "POST".to_owned(),
        path: "/api/integrations/{provider}".to_owned(),
        summary: text.to_owned(),
        parameters: vec![parameter],
        body: Some("ConnectIn".to_owned()),
        answers: vec![ApiAnswer { status: "200".to_owned(), about: text.to_owned() }],
    };
    ApiGroup { name: "integrations".to_owned(), operations: vec![operation] }
}

fn appointments_drawn(view: AppointmentsView) -> String {
    render(shell("Appointments", NavItem::Appointments), || appointments_page(view))
}

/// Every page in every shape that matters, with a name for messages and pictures.
pub(super) fn all_pages(text: &str) -> Vec<(&'static str, String)> {
    let connected = |outcome, draft: Option<&str>| ConnectPanelView {
        report: Some(report(outcome)),
        save_anyway: outcome == Outcome::Undetermined,
        draft: draft.map(str::to_owned),
        fields: connect().fields.into_iter().map(|field| FieldView { error: None, ..field }).collect(),
        ..connect()
    };
    let panel = |panel| {
        render(shell("Integrations", NavItem::Integrations), || integrations_page(integrations(Some(panel))))
    };
    let success = ConnectPanelView {
        provider: ProviderId::Vapi,
        name: "Vapi",
        success: Some(SuccessView { assistants: vapi_card(CardState::Connected).assistants }),
        ..connect()
    };
    let member_cards = cards()
        .into_iter()
        .map(|card| CardView {
            can_configure: false,
            may_ask: Some(format!("Ask an owner or admin: {text}")),
            ..card
        })
        .collect();
    let flash = Flash {
        kind: Meaning::Works,
        text: "Twilio is disconnected".to_owned(),
        detail: Some(text.to_owned()),
        reference: Some("0197a2c4".to_owned()),
    };
    let disconnect = DisconnectPanelView {
        account: None,
        org: org(),
        provider: ProviderId::Twilio,
        name: "Twilio",
        stops: "No text message leaves this clinic any more.",
        after: "Delete the API key in the Twilio console.",
        console_url: "https://console.twilio.com/",
        undo: "Restore brings it back.",
        uses: vec!["2 assistants".to_owned(), "9 messages this week".to_owned()],
        has_credential: true,
        is_paused: false,
        can_purge: true,
    };
    let sms = SmsPanelView {
        org: org(),
        now: NOW,
        to: text.to_owned(),
        sender: "vonage".to_owned(),
        usual: "Twilio, then Vonage".to_owned(),
        senders: vec![("twilio".to_owned(), "Twilio".to_owned()), ("vonage".to_owned(), text.to_owned())],
        from: Some("+1 555 010 0123".to_owned()),
        preview: "Hot lead: a caller asked for an appointment today.".to_owned(),
        error: Some("Start with + and the country code.".to_owned()),
        result: Some(SmsResult {
            ok: true,
            text: "Twilio took the message".to_owned(),
            sid: Some("SM0123456789abcdef0123456789abcdef".to_owned()),
            status: Some("queued".to_owned()),
            at: NOW,
            took_ms: Some(1_240),
        }),
        unknown: Some(UnknownTest { to: "+1 555 *** 0123".to_owned(), at: NOW, sentence: text.to_owned() }),
    };
    let mut all_states: Vec<CardView> = CardState::ALL
        .into_iter()
        .map(|state| if state.meaning() == Meaning::Broken { twilio_card(state) } else { vapi_card(state) })
        .collect();
    for card in &mut all_states {
        if card.state == CardState::NotConfigured {
            *card = CardView {
                has_credential: false,
                proof: Proof::default(),
                capabilities: Vec::new(),
                hints: Vec::new(),
                assistants: Vec::new(),
                identity_name: None,
                ..card.clone()
            };
        }
    }
    let overview = OverviewView {
        org: org(),
        now: NOW,
        org_name: text.to_owned(),
        readiness: Readiness::of(&ReadinessFacts {
            vapi: CardState::Connected,
            assistants_ready: false,
            assistant_error: Some(text),
            notice: None,
            out_of_step: None,
            numbers: Numbers { all: 1, answered: 1 },
            calendar: None,
            senders: &[Service { name: "Twilio", word: "twilio", state: CardState::Error, lacks: None }],
        }),
        can_configure: true,
        incidents: vec![IncidentLine {
            id: "0197a2c4".to_owned(),
            provider_name: "Twilio".to_owned(),
            sentence: text.to_owned(),
            href: "/dashboard/integrations#twilio".to_owned(),
            opened_at: NOW,
            last_seen_at: NOW,
            count: 3,
        }],
        calls: vec![super::call_samples::line(text, true)],
        next_steps: vec![NextStep {
            text: "Reconnect Twilio with a current Auth Token.".to_owned(),
            label: "Reconnect Twilio".to_owned(),
            href: "/dashboard/integrations?panel=twilio".to_owned(),
        }],
        cards: cards(),
    };
    let settings = |can_configure| SettingsView {
        org: org(),
        now: NOW,
        can_configure,
        may_ask: None,
        profile: ProfileForm {
            name: text.to_owned(),
            time_zone: "Europe/Berlin".to_owned(),
            country: "DE".to_owned(),
            errors: Vec::new(),
        },
        retention: RetentionForm { days: "30".to_owned(), errors: Vec::new() },
        senders: SendersForm {
            options: vec![("twilio", "Twilio"), ("vonage", "Vonage")],
            order: vec!["Twilio", "Vonage"],
            primary: "twilio".to_owned(),
            fallback: "vonage".to_owned(),
            errors: Vec::new(),
        },
        alerts: alerts_form(text),
        credentials: cards()
            .into_iter()
            .map(|card| CredentialRow {
                provider: card.provider,
                provider_name: card.name,
                label: "Main account".to_owned(),
                is_other: false,
                state: card.state,
                hints: vec![HintRow {
                    label: "Private key".to_owned(),
                    value: "c0ffee00-0***000001".to_owned(),
                }],
                verified_at: card.proof.checked_at,
                versions: 2,
                has_credential: true,
                restorable: card.restorable,
            })
            .collect(),
    };
    let agents = AgentsView {
        org: org(),
        now: NOW,
        can_configure: true,
        may_ask: None,
        vapi_connected: false,
        talk: Some(talk()),
        agents: vec![agent("inbound", text), agent("outbound", text)],
        schedule: schedule(text),
    };
    let audit = AuditView {
        rows: [AuditOutcome::Success, AuditOutcome::Failure, AuditOutcome::Denied]
            .into_iter()
            .zip(1..)
            .map(|(outcome, seq)| AuditRow {
                seq,
                at: NOW,
                actor: "Anna Meyer".to_owned(),
                action: "integration.connect".to_owned(),
                target: "Twilio".to_owned(),
                outcome,
                request_id: Some("0197a2c4-3b1e".to_owned()),
                details: Some(text.to_owned()),
            })
            .collect(),
        older_href: Some("/dashboard/audit?before=1".to_owned()),
    };
    let mut pages = vec![
        (
            "login",
            render(alone("Sign in"), || {
                login_page(LoginView {
                    email: text.to_owned(),
                    next: Some("/dashboard".to_owned()),
                    error: Some("E-mail address or password is wrong.".to_owned()),
                })
            }),
        ),
        (
            "setup",
            render(alone(text), || setup_page(SetupView { clinic: text.to_owned(), ..SetupView::default() })),
        ),
        ("overview", render(shell("Overview", NavItem::Overview), || overview_page(overview))),
        (
            "integrations",
            render(Shell { flash: Some(flash), ..shell(text, NavItem::Integrations) }, || {
                integrations_page(integrations(None))
            }),
        ),
        (
            "states",
            render(shell("Integrations", NavItem::Integrations), || {
                integrations_page(IntegrationsView { cards: all_states, ..integrations(None) })
            }),
        ),
        (
            "twelve",
            render(shell("Integrations", NavItem::Integrations), || {
                integrations_page(IntegrationsView { cards: twelve_cards(), ..integrations(None) })
            }),
        ),
        (
            "member",
            render(shell("Integrations", NavItem::Integrations), || {
                integrations_page(IntegrationsView { cards: member_cards, ..integrations(None) })
            }),
        ),
        ("connect", panel(Panel::Connect(Box::new(connect())))),
        ("refused", panel(Panel::Connect(Box::new(connected(Outcome::Refused, Some("d")))))),
        ("undetermined", panel(Panel::Connect(Box::new(connected(Outcome::Undetermined, Some("d")))))),
        ("success", panel(Panel::Connect(Box::new(success)))),
        ("disconnect", panel(Panel::Disconnect(disconnect))),
        ("sms", panel(Panel::Sms(Box::new(sms)))),
        ("settings", render(shell("Settings", NavItem::Settings), || settings_page(settings(true)))),
        ("settings-member", render(shell("Settings", NavItem::Settings), || settings_page(settings(false)))),
        ("calls", render(shell("Calls", NavItem::Calls), || calls_page(calls(text)))),
        (
            "calls-empty",
            render(shell("Calls", NavItem::Calls), || {
                calls_page(CallsView { calls: Vec::new(), ..calls(text) })
            }),
        ),
        (
            "call",
            render(shell("Call", NavItem::Calls), || call_page(call(text, Said::Open(Box::new(said(text)))))),
        ),
        ("call-closed", render(shell("Call", NavItem::Calls), || call_page(call(text, Said::Closed)))),
        ("agents", render(shell("Agents", NavItem::Agents), || agents_page(agents))),
        ("appointments", appointments_drawn(appointments(text, true))),
        ("appointments-member", appointments_drawn(appointments(text, false))),
        (
            "appointments-empty",
            appointments_drawn(AppointmentsView {
                appointments: Vec::new(),
                notes: Vec::new(),
                ..appointments(text, true)
            }),
        ),
        ("phone", render(shell("Phone", NavItem::Phone), || phone_page(phone(text)))),
        (
            "phone-empty",
            render(shell("Phone", NavItem::Phone), || {
                phone_page(PhoneView { numbers: Vec::new(), calls: Vec::new(), ..phone("") })
            }),
        ),
        (
            "phone-none",
            render(shell("Phone", NavItem::Phone), || {
                phone_page(PhoneView { vapi_connected: false, ..phone("") })
            }),
        ),
        ("messages", render(shell("Messages", NavItem::Messages), || messages_page(messages(text)))),
        ("messages-empty", render(shell("Messages", NavItem::Messages), || messages_page(no_messages()))),
        ("events", render(shell("Events", NavItem::Events), || events_page(events(text, true)))),
        (
            "events-empty",
            render(shell("Events", NavItem::Events), || {
                events_page(EventsView {
                    is_filtered: false,
                    newest_href: Some("/dashboard/events".to_owned()),
                    events: Vec::new(),
                    ..events(text, false)
                })
            }),
        ),
        (
            "event-test",
            render(shell("Test event", NavItem::Events), || event_test_page(event_test(text, true))),
        ),
        (
            "event-test-member",
            render(shell("Test event", NavItem::Events), || event_test_page(event_test(text, false))),
        ),
        (
            "event",
            render(shell("Event", NavItem::Events), || event_page(one_event(text, EventStatus::Processed))),
        ),
        (
            "event-parked",
            render(shell("Event", NavItem::Events), || event_page(one_event(text, EventStatus::Parked))),
        ),
        ("audit", render(shell("Audit", NavItem::Audit), || audit_page(audit))),
        ("api-docs", render(shell("Interface", NavItem::None), || api_docs_page(vec![api_group(text)]))),
    ];
    pages.extend(super::webhooks::pages(text));
    pages.extend(super::staff::pages(text));
    let errors = [
        ("404", ErrorPage::NotFound),
        ("403", ErrorPage::Forbidden { may_ask: Some(text.to_owned()) }),
        (
            "409",
            ErrorPage::OtherClinic { now_in: "Lakeside Dental".to_owned(), opened_in: Some(text.to_owned()) },
        ),
        (
            "500",
            ErrorPage::Internal {
                reference: "0197a2c4".to_owned(),
                again: Some("/dashboard/events".to_owned()),
            },
        ),
        ("503", ErrorPage::Unavailable { reference: None, again: None }),
    ];
    pages.extend(
        errors
            .map(|(name, error)| (name, render(shell(&error.title(), NavItem::None), || error_page(error)))),
    );
    pages
}
