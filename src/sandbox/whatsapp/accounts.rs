//! What the WhatsApp stand-in holds, and its demo accounts.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::super::state::World;

/// A demo number of the sandbox.
#[derive(Clone, Copy, Debug)]
pub struct DemoWhatsApp {
    pub name: &'static str,
    pub phone_number_id: &'static str,
    pub business_account_id: &'static str,
    pub access_token: &'static str,
    pub app_secret: &'static str,
    pub number: &'static str,
}

/// The demo numbers: one for each clinic.
pub const DEMO_WHATSAPP: [DemoWhatsApp; 2] = [
    DemoWhatsApp {
        name: "Sunrise Dental",
        phone_number_id: "100000000000001",
        business_account_id: "200000000000001",
        access_token: "EAADEMOdemoDEMOdemoDEMOdemoDEMOdemoDEMOdemoDEMOA",
        app_secret: "aaaa1111aaaa1111aaaa1111aaaa1111",
        number: "+1 555-010-0100",
    },
    DemoWhatsApp {
        name: "Harbor Clinic",
        phone_number_id: "100000000000002",
        business_account_id: "200000000000002",
        access_token: "EAADEMOdemoDEMOdemoDEMOdemoDEMOdemoDEMOdemoDEMOB",
        app_secret: "bbbb1111bbbb1111bbbb1111bbbb1111",
        number: "+1 555-010-0200",
    },
];

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::sandbox) struct WhatsAppWorld {
    pub(super) accounts: Vec<WhatsAppAccount>,
    pub(super) sent: Vec<SentWhatsApp>,
}

/// A number, with its business account, its app and the token of its system user.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WhatsAppAccount {
    pub name: String,
    pub phone_number_id: String,
    pub business_account_id: String,
    pub access_token: String,
    pub app_id: String,
    pub app_secret: String,
    /// As Meta writes it: `+1 555-010-0100`.
    pub number: String,
    pub quality_rating: String,
    pub tier: Option<String>,
    /// Unix time; 0 for a token that does not end.
    pub token_ends: i64,
    pub scopes: Vec<String>,
    /// 190 with subcode 463.
    pub is_expired: bool,
    /// The app takes calls only with `appsecret_proof`.
    #[serde(default)]
    pub needs_proof: bool,
    /// 131031.
    pub is_locked: bool,
    /// Of a test number: it writes to these only.
    pub allowed: Option<Vec<String>>,
    /// Names of approved templates, in `en_US`.
    pub templates: Vec<String>,
}

/// A message that the stand-in took.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SentWhatsApp {
    pub id: String,
    pub phone_number_id: String,
    /// Digits only.
    pub to: String,
    pub body: Value,
}

/// A fresh id as Meta's: digits only.
fn fresh_id() -> String {
    (100_000_000_000_000 + Uuid::new_v4().as_u128() % 800_000_000_000_000).to_string()
}

impl WhatsAppAccount {
    /// A number in good standing, with a token that does not end.
    pub fn fresh(name: &str, number: &str) -> Self {
        Self {
            name: name.to_owned(),
            phone_number_id: fresh_id(),
            business_account_id: fresh_id(),
            access_token: format!("EAA{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()),
            app_id: fresh_id(),
            app_secret: Uuid::new_v4().simple().to_string(),
            number: number.to_owned(),
            quality_rating: "GREEN".to_owned(),
            tier: Some("TIER_1K".to_owned()),
            token_ends: 0,
            scopes: ["whatsapp_business_management", "whatsapp_business_messaging"]
                .map(str::to_owned)
                .to_vec(),
            is_expired: false,
            needs_proof: false,
            is_locked: false,
            allowed: None,
            templates: vec!["appointment_reminder".to_owned()],
        }
    }
}

/// Adds the demo numbers that a world does not have yet.
pub(in crate::sandbox) fn seed(world: &mut World) {
    for demo in DEMO_WHATSAPP {
        let known = &mut world.whatsapp.accounts;
        if known.iter().any(|account| account.phone_number_id == demo.phone_number_id) {
            continue;
        }
        known.push(WhatsAppAccount {
            phone_number_id: demo.phone_number_id.to_owned(),
            business_account_id: demo.business_account_id.to_owned(),
            access_token: demo.access_token.to_owned(),
            app_secret: demo.app_secret.to_owned(),
            ..WhatsAppAccount::fresh(demo.name, demo.number)
        });
    }
}
