//! The table of contents of the sandbox: which stand-ins there are, where each is, which demo
//! accounts it has. A new stand-in is one entry in `STAND_INS` and one line in `bases`.

use std::sync::Arc;

use axum::Router;

use crate::domain::ProviderId;
use crate::providers::{ProviderBases, below};

use super::Sandbox;
use super::demo::{DEMO_TWILIO, DEMO_VAPI};
use super::state::Shared;
use super::{sns, vonage};

/// A stand-in.
pub(super) struct StandIn {
    pub(super) provider: ProviderId,
    /// On the page.
    pub(super) name: &'static str,
    /// What is served below `/{word}` on the shared port; none for one with a port of its own.
    pub(super) router: Option<fn(Arc<Shared>) -> Router>,
    /// What the form takes for the first demo account, by the keys of the provider's fields.
    pub(super) demo_fields: fn() -> Vec<(&'static str, &'static str)>,
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
        demo_fields: || vec![("apiKey", DEMO_VAPI[0].private_key)],
        accounts: vapi_accounts,
    },
    StandIn {
        provider: ProviderId::Twilio,
        name: "Twilio",
        router: None,
        demo_fields: || {
            let demo = &DEMO_TWILIO[0];
            vec![
                ("accountSid", demo.account_sid),
                ("authToken", demo.auth_token),
                ("phoneNumber", demo.number),
            ]
        },
        accounts: twilio_accounts,
    },
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
    let shared = |provider: ProviderId| below(&sandbox.shared_url, &[provider.as_str()]);
    ProviderBases {
        vapi: sandbox.vapi_url.clone(),
        twilio: sandbox.twilio_url.clone(),
        vonage: shared(ProviderId::Vonage),
        aws: shared(ProviderId::Sns),
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
