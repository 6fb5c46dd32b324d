//! Draws every page with sample data and holds what is true for all of them.

use scraper::{Html, Selector};
use uuid::Uuid;

use super::agents::{AgentForm, AgentsView, AtVapi, agents_page};
use super::audit::{AuditOutcome, AuditRow, AuditView, audit_page};
use super::connect_panel::ConnectPanelView;
use super::disconnect_panel::DisconnectPanelView;
use super::error::{ErrorPage, error_page};
use super::events::{EventRow, EventStatus, EventsView, TraceStage, events_page};
use super::integrations::{IntegrationsView, Panel, integrations_page, parse_filter, summary};
use super::login::{LoginView, login_page};
use super::overview::{NextStep, OverviewView, ReadinessLine, overview_page};
use super::settings::{CredentialRow, ProfileForm, SettingsView, settings_page};
use super::setup::{SetupView, setup_page};
use super::sms_panel::{SmsPanelView, SmsResult};
use crate::app::components::card::{CardView, ErrorView, HintRow, Proof};
use crate::app::components::field::{FieldView, SavedHint};
use crate::app::wire::{AssistantLine, FieldError, PatternKind, ReportView, SuccessView};
use crate::app::{Assets, Flash, NavItem, Shell, UserNav, render};
use crate::domain::card::{CardState, Meaning};
use crate::domain::outcome::Answer;
use crate::domain::pattern::Pattern;
use crate::domain::{CapabilityResult, CredentialId, EventId, OrgId, Outcome, ProviderId, Role};

const NOW: i64 = 1_770_127_512_000;
/// What a value would need to become markup somewhere.
const EVIL: &str = "</textarea></title><script>alert(1)</script>\"'><img src=x onerror=alert(1)>";

fn org() -> OrgId {
    OrgId(Uuid::from_u128(7))
}

fn shell(title: &str, active: NavItem) -> Shell {
    Shell {
        title: title.to_owned(),
        nonce: "bm9uY2U".to_owned(),
        assets: Assets {
            css_href: "/style/main.css".to_owned(),
            js_href: Some("/pkg/voxanne.js".to_owned()),
            wasm_href: Some("/pkg/voxanne_bg.wasm".to_owned()),
        },
        user: Some(UserNav {
            name: "Anna Meyer".to_owned(),
            email: "anna.meyer@praxis-nord.example".to_owned(),
            role: Role::Owner,
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

fn alone(title: &str) -> Shell {
    Shell { user: None, sandbox: false, ..shell(title, NavItem::None) }
}

fn line(label: &str, answer: Answer, note: Option<&str>) -> CapabilityResult {
    CapabilityResult {
        capability: label.to_lowercase().replace(' ', "_"),
        label: label.to_owned(),
        answer,
        note: note.map(str::to_owned),
    }
}

fn vapi_card(state: CardState) -> CardView {
    CardView {
        org: org(),
        provider: ProviderId::Vapi,
        name: "Vapi",
        category: "Voice",
        purpose: "Answers the phone and calls people back with this clinic's two agents.",
        state,
        proof: Proof {
            checked_at: Some(NOW - 240_000),
            checked_by: Some("A. Meyer".to_owned()),
            used_at: Some(NOW - 12_000),
            used_by: Some("a call".to_owned()),
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
            AssistantLine { role: "inbound".to_owned(), id: Some(Uuid::from_u128(41).to_string()), note: None },
            AssistantLine { role: "outbound".to_owned(), id: Some(Uuid::from_u128(42).to_string()), note: None },
        ],
        can_configure: true,
        may_ask: None,
        has_credential: true,
        restorable: None,
        can_send_test: false,
    }
}

fn twilio_card(state: CardState) -> CardView {
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
        ..vapi_card(state)
    }
}

fn cards() -> Vec<CardView> {
    vec![vapi_card(CardState::Connected), twilio_card(CardState::Error)]
}

fn integrations(panel: Option<Panel>) -> IntegrationsView {
    IntegrationsView { now: NOW, cards: cards(), filter: None, panel }
}

fn connect() -> ConnectPanelView {
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
        org: org(),
        provider: ProviderId::Twilio,
        name: "Twilio",
        purpose: "Sends text messages to callers and hot-lead alerts to the clinic.",
        checks: vec!["Sign in".to_owned(), "Send text messages".to_owned()],
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
    }
}

fn report(outcome: Outcome) -> ReportView {
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
    }
}

fn agent(role: &'static str, text: &str) -> AgentForm {
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
        at_vapi: AtVapi {
            meaning: Meaning::Works,
            text: "In step with Vapi".to_owned(),
            assistant_id: Some(Uuid::from_u128(41).to_string()),
            synced_at: Some(NOW - 90_000),
        },
        errors: vec![FieldError { field: "name".to_owned(), message: "At most 40 characters.".to_owned() }],
    }
}

fn event(kind: &str, status: EventStatus) -> EventRow {
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
    }
}

/// Every page in every shape that matters, with a name for messages and pictures.
fn all_pages(text: &str) -> Vec<(&'static str, String)> {
    let connected = |outcome, draft: Option<&str>| ConnectPanelView {
        report: Some(report(outcome)),
        save_anyway: outcome == Outcome::Undetermined,
        draft: draft.map(str::to_owned),
        fields: connect().fields.into_iter().map(|field| FieldView { error: None, ..field }).collect(),
        ..connect()
    };
    let panel = |panel| render(shell("Integrations", NavItem::Integrations), || integrations_page(integrations(Some(panel))));
    let success = ConnectPanelView {
        provider: ProviderId::Vapi,
        name: "Vapi",
        success: Some(SuccessView { assistants: vapi_card(CardState::Connected).assistants }),
        ..connect()
    };
    let member_cards = cards()
        .into_iter()
        .map(|card| CardView { can_configure: false, may_ask: Some(format!("Ask an owner or admin: {text}")), ..card })
        .collect();
    let flash = Flash {
        kind: Meaning::Works,
        text: "Twilio is disconnected".to_owned(),
        detail: Some(text.to_owned()),
        reference: Some("0197a2c4".to_owned()),
    };
    let disconnect = DisconnectPanelView {
        org: org(),
        provider: ProviderId::Twilio,
        name: "Twilio",
        stops: "No text message leaves this clinic any more.",
        after: "Delete the API key in the Twilio console.",
        console_url: "https://console.twilio.com/",
        uses: vec!["2 assistants".to_owned(), "9 messages this week".to_owned()],
    };
    let sms = SmsPanelView {
        org: org(),
        now: NOW,
        to: text.to_owned(),
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
        now: NOW,
        org_name: text.to_owned(),
        readiness: vec![
            ReadinessLine { meaning: Meaning::Works, text: "Calls are answered".to_owned(), reason: None },
            ReadinessLine {
                meaning: Meaning::Broken,
                text: "Text messages fail".to_owned(),
                reason: Some("Twilio rejected the Auth Token.".to_owned()),
            },
        ],
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
        credentials: cards()
            .into_iter()
            .map(|card| CredentialRow {
                provider: card.provider,
                provider_name: card.name,
                label: "Main account".to_owned(),
                state: card.state,
                hints: vec![HintRow { label: "Private key".to_owned(), value: "c0ffee00-0***000001".to_owned() }],
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
        agents: vec![agent("inbound", text), agent("outbound", text)],
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
    let events = EventsView {
        now: NOW,
        events: vec![event("end-of-call-report", EventStatus::Processed), event(text, EventStatus::Parked)],
        older_href: None,
    };
    let mut pages = vec![
        ("login", render(alone("Sign in"), || {
            login_page(LoginView {
                email: text.to_owned(),
                next: Some("/dashboard".to_owned()),
                error: Some("E-mail address or password is wrong.".to_owned()),
            })
        })),
        ("setup", render(alone(text), || setup_page(SetupView { clinic: text.to_owned(), ..SetupView::default() }))),
        ("overview", render(shell("Overview", NavItem::Overview), || overview_page(overview))),
        ("integrations", render(Shell { flash: Some(flash), ..shell(text, NavItem::Integrations) }, || {
            integrations_page(integrations(None))
        })),
        ("states", render(shell("Integrations", NavItem::Integrations), || {
            integrations_page(IntegrationsView { cards: all_states, ..integrations(None) })
        })),
        ("member", render(shell("Integrations", NavItem::Integrations), || {
            integrations_page(IntegrationsView { cards: member_cards, ..integrations(None) })
        })),
        ("connect", panel(Panel::Connect(Box::new(connect())))),
        ("refused", panel(Panel::Connect(Box::new(connected(Outcome::Refused, Some("d")))))),
        ("undetermined", panel(Panel::Connect(Box::new(connected(Outcome::Undetermined, Some("d")))))),
        ("success", panel(Panel::Connect(Box::new(success)))),
        ("disconnect", panel(Panel::Disconnect(disconnect))),
        ("sms", panel(Panel::Sms(sms))),
        ("settings", render(shell("Settings", NavItem::Settings), || settings_page(settings(true)))),
        ("settings-member", render(shell("Settings", NavItem::Settings), || settings_page(settings(false)))),
        ("agents", render(shell("Agents", NavItem::Agents), || agents_page(agents))),
        ("events", render(shell("Events", NavItem::Events), || events_page(events))),
        ("events-empty", render(shell("Events", NavItem::Events), || {
            events_page(EventsView { now: NOW, events: Vec::new(), older_href: None })
        })),
        ("audit", render(shell("Audit", NavItem::Audit), || audit_page(audit))),
    ];
    let errors = [
        ("404", ErrorPage::NotFound),
        ("403", ErrorPage::Forbidden { may_ask: Some(text.to_owned()) }),
        ("409", ErrorPage::OtherClinic { now_in: "Lakeside Dental".to_owned(), opened_in: Some(text.to_owned()) }),
        ("500", ErrorPage::Internal { reference: "0197a2c4".to_owned() }),
        ("503", ErrorPage::Unavailable { reference: None }),
    ];
    pages.extend(errors.map(|(name, error)| (name, render(shell(&error.title(), NavItem::None), || error_page(error)))));
    pages
}

fn select(html: &str, selector: &str) -> Vec<String> {
    let selector = Selector::parse(selector).unwrap();
    Html::parse_document(html).select(&selector).map(|element| element.html()).collect()
}

#[test]
fn every_page_has_one_main_heading_and_no_duplicate_id() {
    for (name, html) in all_pages("Dr. Nord") {
        assert_eq!(select(&html, "h1").len(), 1, "{name}");
        assert_eq!(select(&html, "main#main").len(), 1, "{name}");
        if name == "states" {
            // The same provider eight times over: not a page that can exist.
            continue;
        }
        let selector = Selector::parse("[id]").unwrap();
        let document = Html::parse_document(&html);
        let mut ids: Vec<_> = document.select(&selector).filter_map(|element| element.attr("id")).collect();
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count, "{name}: {ids:?}");
    }
}

#[test]
fn every_input_has_a_label() {
    for (name, html) in all_pages("Dr. Nord") {
        let document = Html::parse_document(&html);
        let inputs = Selector::parse("input:not([type=hidden]), textarea, select").unwrap();
        for input in document.select(&inputs) {
            let id = input.attr("id").unwrap_or_default();
            let label = Selector::parse(&format!("label[for=\"{id}\"]")).unwrap();
            assert_eq!(document.select(&label).count(), 1, "{name}: {}", input.html());
        }
        let buttons = Selector::parse("button, a[href]:not([aria-hidden])").unwrap();
        for button in document.select(&buttons) {
            let words: String = button.text().collect();
            assert!(!words.trim().is_empty() || button.attr("aria-label").is_some(), "{name}: {}", button.html());
        }
    }
}

#[test]
fn no_page_needs_an_inline_style_or_an_inline_handler() {
    for (name, html) in all_pages("Dr. Nord") {
        assert!(select(&html, "[style], style").is_empty(), "{name}");
        assert!(select(&html, "[onclick], [onsubmit], [onerror]").is_empty(), "{name}");
        let scripts = select(&html, "script");
        assert_eq!(scripts.len(), 1, "{name}");
        assert!(scripts[0].contains("nonce=\"bm9uY2U\""), "{name}");
        assert!(!scripts[0].contains("&gt;") || scripts[0].contains("=&gt;"), "{name}");
    }
}

#[test]
fn text_never_becomes_markup() {
    let plain = all_pages("Dr. Nord");
    for ((name, evil), (_, plain)) in all_pages(EVIL).into_iter().zip(plain) {
        assert_eq!(select(&evil, "script").len(), 1, "{name}");
        assert!(select(&evil, "img[src=x], [onerror]").is_empty(), "{name}");
        let count = |html: &str| select(html, "*").len();
        assert_eq!(count(&evil), count(&plain), "{name}: the text changed the shape of the page");
    }
}

#[test]
fn every_posting_form_inside_says_which_clinic_it_is_for() {
    for (name, html) in all_pages("Dr. Nord") {
        let document = Html::parse_document(&html);
        let forms = Selector::parse(".with-nav form[method=post]").unwrap();
        let org = Selector::parse("[name=org]").unwrap();
        for form in document.select(&forms) {
            assert!(form.select(&org).next().is_some(), "{name}: {}", form.html());
        }
    }
}

#[test]
fn save_anyway_is_offered_only_when_nobody_could_tell() {
    let pages = all_pages("Dr. Nord");
    let html = |wanted: &str| &pages.iter().find(|(name, _)| *name == wanted).unwrap().1;
    assert_eq!(select(html("undetermined"), "button[value=save_anyway]").len(), 1);
    assert!(select(html("refused"), "button[value=save_anyway]").is_empty());
    assert!(select(html("connect"), "button[value=save_anyway]").is_empty());
    assert_eq!(select(html("refused"), "input[name=draft][form=connect-form]").len(), 1);
}

#[test]
fn members_see_state_and_who_to_ask_but_no_form() {
    let pages = all_pages("A. Meyer");
    let (_, html) = pages.iter().find(|(name, _)| *name == "member").unwrap();
    assert!(select(html, ".card form, .card .button").is_empty());
    assert!(html.contains("Ask an owner or admin: A. Meyer"));
    assert_eq!(select(html, ".card [data-state]").len(), 2);
}

#[test]
fn cards_stand_worst_first_and_the_summary_counts_them() {
    let html = render(shell("Integrations", NavItem::Integrations), || integrations_page(integrations(None)));
    assert!(html.find("data-provider=\"twilio\"").unwrap() < html.find("data-provider=\"vapi\"").unwrap());
    assert_eq!(summary(&cards()), "1 of 2 needs attention.");
    assert_eq!(summary(&[vapi_card(CardState::Connected)]), "1 of 1 connected. Everything works.");
    assert_eq!(parse_filter("broken"), Some(Meaning::Broken));
    assert_eq!(parse_filter("nonsense"), None);
}

#[test]
fn every_provider_has_a_mark() {
    for provider in ProviderId::ALL {
        let path = format!("{}/public/marks/{}.svg", env!("CARGO_MANIFEST_DIR"), provider.as_str());
        assert!(std::path::Path::new(&path).is_file(), "{path}");
    }
}

#[test]
fn without_built_files_there_is_no_script_at_all() {
    let assets = Assets { css_href: "/a.css".to_owned(), js_href: None, wasm_href: None };
    let html = render(Shell { assets, ..shell("Integrations", NavItem::Integrations) }, || {
        integrations_page(integrations(None))
    });
    assert!(select(&html, "script, link[rel=modulepreload]").is_empty());
}

/// `VOXANNE_PREVIEW=folder cargo test pictures_of_all_pages` writes the pages as files to look at.
#[test]
fn pictures_of_all_pages_can_be_taken() {
    let pages = all_pages("Dr. Nord");
    assert!(pages.len() > 20);
    if let Some(folder) = std::env::var_os("VOXANNE_PREVIEW") {
        std::fs::create_dir_all(&folder).unwrap();
        for (name, html) in pages {
            std::fs::write(std::path::Path::new(&folder).join(format!("{name}.html")), html).unwrap();
        }
    }
}
