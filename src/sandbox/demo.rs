//! The demo accounts that are there from the start, with credentials that nobody can mistake for
//! real ones. The page shows them for copy and paste.

use uuid::Uuid;

use super::google::{GoogleAccount, GoogleOAuthClient};
use super::state::{AccountStatus, Stored, TwilioAccount, TwilioKey, TwilioNumber, VapiAccount, World};
use super::{sns, vapi, vonage};

/// A Vapi organization of the sandbox.
#[derive(Clone, Copy, Debug)]
pub struct DemoVapi {
    pub name: &'static str,
    pub private_key: &'static str,
    pub public_key: &'static str,
    pub org_id: Uuid,
    pub phone_number: &'static str,
    pub phone_number_id: Uuid,
}

/// A Twilio account of the sandbox.
#[derive(Clone, Copy, Debug)]
pub struct DemoTwilio {
    pub name: &'static str,
    pub account_sid: &'static str,
    pub auth_token: &'static str,
    pub api_key_sid: &'static str,
    pub api_key_secret: &'static str,
    pub messaging_service_sid: &'static str,
    pub number: &'static str,
    pub is_trial: bool,
    /// Numbers that a trial account may send to.
    pub verified: &'static [&'static str],
}

/// The demo organizations at Vapi.
pub const DEMO_VAPI: [DemoVapi; 2] = [
    DemoVapi {
        name: "Sunrise Dental",
        private_key: "aaaaaaaa-0000-4000-8000-000000000001",
        public_key: "aaaaaaaa-0000-4000-8000-000000000002",
        org_id: Uuid::from_u128(0xaaaa_aaaa_0000_4000_8000_0000_0000_000a),
        phone_number: "+15550100100",
        phone_number_id: Uuid::from_u128(0xaaaa_aaaa_0000_4000_8000_0000_0000_0100),
    },
    DemoVapi {
        name: "Harbor Clinic",
        private_key: "bbbbbbbb-0000-4000-8000-000000000001",
        public_key: "bbbbbbbb-0000-4000-8000-000000000002",
        org_id: Uuid::from_u128(0xbbbb_bbbb_0000_4000_8000_0000_0000_000b),
        phone_number: "+15550100200",
        phone_number_id: Uuid::from_u128(0xbbbb_bbbb_0000_4000_8000_0000_0000_0200),
    },
];

/// The demo accounts at Twilio: one for each clinic, and a trial account.
pub const DEMO_TWILIO: [DemoTwilio; 3] = [
    DemoTwilio {
        name: "Sunrise Dental",
        account_sid: "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        auth_token: "aaaa0000aaaa0000aaaa0000aaaa0000",
        api_key_sid: "SKaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        api_key_secret: "DemoDemoDemoDemoDemoDemoDemoDemA",
        messaging_service_sid: "MGaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        number: "+15550100100",
        is_trial: false,
        verified: &[],
    },
    DemoTwilio {
        name: "Harbor Clinic",
        account_sid: "ACbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
        auth_token: "bbbb0000bbbb0000bbbb0000bbbb0000",
        api_key_sid: "SKbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
        api_key_secret: "DemoDemoDemoDemoDemoDemoDemoDemB",
        messaging_service_sid: "MGbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
        number: "+15550100200",
        is_trial: false,
        verified: &[],
    },
    DemoTwilio {
        name: "Trial account",
        account_sid: "ACcccccccccccccccccccccccccccccccc",
        auth_token: "cccc0000cccc0000cccc0000cccc0000",
        api_key_sid: "SKcccccccccccccccccccccccccccccccc",
        api_key_secret: "DemoDemoDemoDemoDemoDemoDemoDemC",
        messaging_service_sid: "MGcccccccccccccccccccccccccccccccc",
        number: "+15550100300",
        is_trial: true,
        verified: &["+15550100301"],
    },
];

/// A Google account of the sandbox.
#[derive(Clone, Copy, Debug)]
pub struct DemoGoogle {
    /// Google's `sub`.
    pub id: &'static str,
    pub email: &'static str,
    /// One that never ends, beside those that a consent gives.
    pub access_token: &'static str,
}

/// The demo accounts at Google: one for each clinic.
pub const DEMO_GOOGLE: [DemoGoogle; 2] = [
    DemoGoogle {
        id: "100000000000000000001",
        email: "frontdesk@sunrise.example",
        access_token: "ya29.demo-sunrise-00000000000000000000000000000000",
    },
    DemoGoogle {
        id: "100000000000000000002",
        email: "frontdesk@harbor.example",
        access_token: "ya29.demo-harbor-000000000000000000000000000000000",
    },
];

/// The OAuth client of the platform in the sandbox: id and secret.
pub const DEMO_GOOGLE_CLIENT: (&str, &str) =
    ("000000000000-sandbox.apps.googleusercontent.com", "GOCSPX-sandbox-0000000000000000000");

/// Adds the demo accounts that a world does not have yet.
pub(super) fn seed(world: &mut World) {
    super::whatsapp::seed(world);
    for demo in DEMO_VAPI {
        if world.vapi.accounts.iter().any(|known| known.private_key == demo.private_key) {
            continue;
        }
        world.vapi.accounts.push(VapiAccount {
            name: demo.name.to_owned(),
            org_id: demo.org_id,
            private_key: demo.private_key.to_owned(),
            public_key: demo.public_key.to_owned(),
        });
        let body = vapi::number_body(demo.phone_number, "Front desk");
        world.vapi.phone_numbers.push(Stored::new(demo.phone_number_id, demo.org_id, body));
    }
    for demo in DEMO_TWILIO {
        if world.twilio.accounts.iter().any(|known| known.sid == demo.account_sid) {
            continue;
        }
        world.twilio.accounts.push(TwilioAccount {
            sid: demo.account_sid.to_owned(),
            name: demo.name.to_owned(),
            auth_token: demo.auth_token.to_owned(),
            keys: vec![TwilioKey {
                sid: demo.api_key_sid.to_owned(),
                secret: demo.api_key_secret.to_owned(),
            }],
            status: AccountStatus::Active,
            is_trial: demo.is_trial,
            has_test_credentials_only: false,
            numbers: vec![TwilioNumber { number: demo.number.to_owned(), sms: true, whatsapp: true }],
            verified: demo.verified.iter().map(|number| (*number).to_owned()).collect(),
            unsubscribed: Vec::new(),
            messaging_services: vec![demo.messaging_service_sid.to_owned()],
        });
    }
    let google = &mut world.google;
    let (client, secret) = DEMO_GOOGLE_CLIENT;
    if !google.clients.iter().any(|known| known.id == client) {
        google.clients.push(GoogleOAuthClient {
            id: client.to_owned(),
            secret: secret.to_owned(),
            redirects: None,
        });
    }
    for demo in DEMO_GOOGLE {
        if !google.accounts.iter().any(|known| known.id == demo.id) {
            google.accounts.push(GoogleAccount::of(demo.id, demo.email));
            google.add_lasting_token(demo.access_token, client, demo.id);
        }
        // An account of an older state file has none yet.
        if let Some(account) = google.accounts.iter_mut().find(|known| known.id == demo.id)
            && account.spreadsheets.is_empty()
        {
            account.add_spreadsheets();
        }
    }
    vonage::seed(&mut world.vonage);
    sns::seed(&mut world.aws);
}
