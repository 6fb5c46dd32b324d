//! The table of contents of the sandbox: which stand-ins there are, where each is, which demo
//! accounts it has. A new stand-in is one entry in `STAND_INS` and one line in `bases`.

use std::sync::Arc;

use axum::Router;
use url::Url;

use crate::domain::ProviderId;
use crate::providers::{ProviderBases, below};

use super::Sandbox;
use super::demo::{DEMO_GOOGLE, DEMO_TWILIO, DEMO_VAPI};
use super::elevenlabs::{self, DEMO_ELEVENLABS};
use super::google;
use super::hubspot::{self, DEMO_HUBSPOT};
use super::n8n::{self, DEMO_N8N};
use super::resend::{self, DEMO_RESEND};
use super::retell::{self, DEMO_RETELL};
use super::state::Shared;
use super::stripe::{self, DEMO_STRIPE};
use super::whatsapp;
use super::{sns, vonage};

/// A stand-in.
pub(super) struct StandIn {
    pub(super) provider: ProviderId,
    /// On the page.
    pub(super) name: &'static str,
    /// What is served below `/{word}` on the shared port; none for one with a port of its own.
    pub(super) router: Option<fn(Arc<Shared>) -> Router>,
    /// What the form takes for the first demo account, by the keys of the provider's fields.
    /// The address is that of the shared port.
    pub(super) demo_fields: fn(&Url) -> Vec<(&'static str, String)>,
    /// All demo accounts, for the page.
    pub(super) accounts: fn() -> Vec<DemoAccount>,
}

/// A demo account, as the page shows it.
pub(super) struct DemoAccount {
    pub(super) name: &'static str,
    /// Label and value, to be copied.
    pub(super) facts: Vec<(&'static str, String)>,
}

/// All stand-ins, in the order of [`ProviderId::ALL`].
pub(super) const STAND_INS: [StandIn; ProviderId::ALL.len()] = [
    StandIn {
        provider: ProviderId::Vapi,
        name: "Vapi",
        router: None,
        demo_fields: |_| vec![("apiKey", DEMO_VAPI[0].private_key.to_owned())],
        accounts: vapi_accounts,
    },
    StandIn {
        provider: ProviderId::Twilio,
        name: "Twilio",
        router: None,
        demo_fields: |_| {
            let demo = &DEMO_TWILIO[0];
            vec![
                ("accountSid", demo.account_sid.to_owned()),
                ("authToken", demo.auth_token.to_owned()),
                ("phoneNumber", demo.number.to_owned()),
            ]
        },
        accounts: twilio_accounts,
    },
    StandIn {
        provider: ProviderId::ElevenLabs,
        name: "ElevenLabs",
        router: Some(elevenlabs::router),
        demo_fields: |_| vec![("apiKey", DEMO_ELEVENLABS[0].key.to_owned())],
        accounts: elevenlabs::accounts,
    },
    StandIn {
        provider: ProviderId::Resend,
        name: "Resend",
        router: Some(resend::router),
        demo_fields: |_| {
            let demo = &DEMO_RESEND[0];
            vec![("apiKey", demo.key.to_owned()), ("from", demo.from.to_owned())]
        },
        accounts: resend::accounts,
    },
    StandIn {
        provider: ProviderId::Stripe,
        name: "Stripe",
        router: Some(stripe::router),
        demo_fields: |_| vec![("apiKey", DEMO_STRIPE[0].key.to_owned())],
        accounts: stripe::accounts,
    },
    StandIn {
        provider: ProviderId::HubSpot,
        name: "HubSpot",
        router: Some(hubspot::router),
        demo_fields: |_| vec![("accessToken", DEMO_HUBSPOT[0].token.to_owned())],
        accounts: hubspot::accounts,
    },
    StandIn {
        provider: ProviderId::Retell,
        name: "Retell AI",
        router: Some(retell::router),
        demo_fields: |_| vec![("apiKey", DEMO_RETELL[0].key.to_owned())],
        accounts: retell::accounts,
    },
    StandIn {
        provider: ProviderId::N8n,
        name: "n8n",
        router: Some(n8n::router),
        demo_fields: |shared| {
            let address = format!("{}{}", shared.as_str(), ProviderId::N8n.as_str());
            vec![("baseUrl", address), ("apiKey", DEMO_N8N[0].key.to_owned())]
        },
        accounts: n8n::accounts,
    },
    StandIn {
        provider: ProviderId::GoogleCalendar,
        name: "Google",
        router: Some(google::router),
        // What comes of a consent; a person gives it on the consent page.
        demo_fields: |_| {
            vec![
                ("accessToken", DEMO_GOOGLE[0].access_token.to_owned()),
                ("grantedScopes", google::ALL_SCOPES.to_owned()),
            ]
        },
        accounts: google_accounts,
    },
    StandIn {
        provider: ProviderId::GoogleSheets,
        name: "Google Sheets",
        router: Some(google::sheets_router),
        demo_fields: |_| {
            vec![
                ("accessToken", DEMO_GOOGLE[0].access_token.to_owned()),
                ("grantedScopes", google::ALL_SCOPES.to_owned()),
                ("spreadsheetId", spreadsheet_of(&DEMO_GOOGLE[0])),
                ("sheetName", "Leads".to_owned()),
            ]
        },
        accounts: google_spreadsheets,
    },
    whatsapp::STAND_IN,
    StandIn {
        provider: ProviderId::Vonage,
        name: "Vonage",
        router: Some(vonage::router),
        demo_fields: vonage::demo_fields,
        accounts: vonage::demo_accounts,
    },
    StandIn {
        provider: ProviderId::Sns,
        name: "AWS SNS",
        router: Some(sns::router),
        demo_fields: sns::demo_fields,
        accounts: sns::demo_accounts,
    },
];

/// The stand-in of a provider.
pub(super) fn of(provider: ProviderId) -> &'static StandIn {
    const { assert!(is_in_order(), "STAND_INS is in the order of ProviderId::ALL") };
    static ALL: [StandIn; ProviderId::ALL.len()] = STAND_INS;
    &ALL[provider as usize]
}

const fn is_in_order() -> bool {
    let mut at = 0;
    while at < STAND_INS.len() {
        if STAND_INS[at].provider as usize != at || ProviderId::ALL[at] as usize != at {
            return false;
        }
        at += 1;
    }
    true
}

/// Where the product finds each stand-in.
pub(super) fn bases(sandbox: &Sandbox) -> ProviderBases {
    let at = |segments: &[&str]| below(&sandbox.shared_url, segments);
    let one = |provider: ProviderId| at(&[provider.as_str()]);
    ProviderBases {
        vapi: sandbox.vapi_url.clone(),
        twilio: sandbox.twilio_url.clone(),
        elevenlabs: one(ProviderId::ElevenLabs),
        resend: one(ProviderId::Resend),
        stripe: one(ProviderId::Stripe),
        hubspot: one(ProviderId::HubSpot),
        retell: one(ProviderId::Retell),
        google_accounts: at(&["google_calendar", "accounts"]),
        google_oauth: at(&["google_calendar", "oauth"]),
        google_api: at(&["google_calendar", "api"]),
        google_sheets: one(ProviderId::GoogleSheets),
        whatsapp: one(ProviderId::WhatsApp),
        vonage: one(ProviderId::Vonage),
        aws: one(ProviderId::Sns),
    }
}

/// The stand-ins that share a port, each below its word.
pub(super) fn router(shared: &Arc<Shared>) -> Router {
    STAND_INS.iter().fold(Router::new(), |all, stand_in| match stand_in.router {
        Some(router) => all.nest(&format!("/{}", stand_in.provider.as_str()), router(Arc::clone(shared))),
        None => all,
    })
}

fn vapi_accounts() -> Vec<DemoAccount> {
    let account = |demo: &super::DemoVapi| DemoAccount {
        name: demo.name,
        facts: vec![
            ("Private key", demo.private_key.to_owned()),
            ("Public key, refused", demo.public_key.to_owned()),
        ],
    };
    DEMO_VAPI.iter().map(account).collect()
}

fn twilio_accounts() -> Vec<DemoAccount> {
    let account = |demo: &super::DemoTwilio| {
        let mut facts = vec![
            ("Account SID", demo.account_sid.to_owned()),
            ("Auth Token", demo.auth_token.to_owned()),
            ("Phone number", demo.number.to_owned()),
            ("API key SID", demo.api_key_sid.to_owned()),
            ("API key secret", demo.api_key_secret.to_owned()),
            ("Messaging Service", demo.messaging_service_sid.to_owned()),
        ];
        if demo.is_trial {
            facts.push(("Sends only to", demo.verified.join(", ")));
        }
        DemoAccount { name: demo.name, facts }
    };
    DEMO_TWILIO.iter().map(account).collect()
}

fn google_accounts() -> Vec<DemoAccount> {
    let account = |demo: &super::DemoGoogle| DemoAccount {
        name: demo.email,
        facts: vec![("To be picked on the consent page", demo.email.to_owned())],
    };
    DEMO_GOOGLE.iter().map(account).collect()
}

/// The spreadsheet that a demo account owns.
fn spreadsheet_of(demo: &super::DemoGoogle) -> String {
    let own = google::GoogleAccount::of(demo.id, demo.email).spreadsheets.into_iter().next();
    own.map(|spreadsheet| spreadsheet.id).unwrap_or_default()
}

fn google_spreadsheets() -> Vec<DemoAccount> {
    let account = |demo: &super::DemoGoogle| DemoAccount {
        name: demo.email,
        facts: vec![("Spreadsheet", spreadsheet_of(demo)), ("Sheet", "Leads".to_owned())],
    };
    DEMO_GOOGLE.iter().map(account).collect()
}
