//! The shape of a provider as data: what it is called, which fields it asks for, what the product
//! needs from it. The providers themselves are in `providers/catalogue.rs` on the server.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::pattern::Pattern;

/// A third-party service kind that a clinic can connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProviderId {
    Vapi,
    Twilio,
    ElevenLabs,
    Resend,
    Stripe,
    HubSpot,
    Retell,
    N8n,
    #[serde(rename = "google_calendar")]
    GoogleCalendar,
    #[serde(rename = "google_sheets")]
    GoogleSheets,
    WhatsApp,
    Vonage,
    Sns,
}

impl ProviderId {
    pub const ALL: [ProviderId; 13] = [
        ProviderId::Vapi,
        ProviderId::Twilio,
        ProviderId::ElevenLabs,
        ProviderId::Resend,
        ProviderId::Stripe,
        ProviderId::HubSpot,
        ProviderId::Retell,
        ProviderId::N8n,
        ProviderId::GoogleCalendar,
        ProviderId::GoogleSheets,
        ProviderId::WhatsApp,
        ProviderId::Vonage,
        ProviderId::Sns,
    ];

    /// The word in URLs, in the database and in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            ProviderId::Vapi => "vapi",
            ProviderId::Twilio => "twilio",
            ProviderId::ElevenLabs => "elevenlabs",
            ProviderId::Resend => "resend",
            ProviderId::Stripe => "stripe",
            ProviderId::HubSpot => "hubspot",
            ProviderId::Retell => "retell",
            ProviderId::N8n => "n8n",
            ProviderId::GoogleCalendar => "google_calendar",
            ProviderId::GoogleSheets => "google_sheets",
            ProviderId::WhatsApp => "whatsapp",
            ProviderId::Vonage => "vonage",
            ProviderId::Sns => "sns",
        }
    }
}

impl FromStr for ProviderId {
    type Err = ();
    fn from_str(word: &str) -> Result<Self, Self::Err> {
        ProviderId::ALL.into_iter().find(|id| id.as_str() == word).ok_or(())
    }
}

/// Static facts about a provider. Forms, masks, REST schemas and docs are made from them.
#[derive(Debug)]
pub struct ProviderSpec {
    pub id: ProviderId,
    pub name: &'static str,
    /// Heading under which the card stands: "Voice", "Messages".
    pub category: &'static str,
    /// What a clinic gets from it, in one sentence.
    pub purpose: &'static str,
    /// What stops working when it is disconnected, in one sentence.
    pub on_disconnect: &'static str,
    /// What the clinic has to do at the provider after disconnecting, and where.
    pub after_disconnect: &'static str,
    /// The provider's page where the credential is found.
    pub console_url: &'static str,
    /// What the credential must be allowed to do, listed before the form.
    pub permissions: &'static [&'static str],
    pub fields: &'static [FieldSpec],
    pub capabilities: &'static [CapabilitySpec],
    pub sign_in: SignIn,
}

/// How a clinic proves that an account is its own.
#[derive(Clone, Copy, Debug)]
pub enum SignIn {
    /// The fields of the form are the credential.
    Fields,
    /// Consent on a page of the provider. The fields are what is chosen beside it, and all of them
    /// may be empty.
    OAuth(&'static OAuthSpec),
}

/// A sign-in by consent on the provider's own page.
#[derive(Debug)]
pub struct OAuthSpec {
    /// Providers with the same issuer share one consent, and lose it together.
    pub issuer: &'static str,
    /// "Connect with Google".
    pub button: &'static str,
    /// What is asked for beside who the account is.
    pub scopes: &'static [ScopeSpec],
    /// The field that is chosen from a list of the account, once there is a consent.
    pub choice: Option<&'static str>,
    /// Fields of the clinic's own OAuth client: id and secret.
    pub client: [&'static str; 2],
}

/// One permission that the consent page shows with a box of its own.
#[derive(Debug)]
pub struct ScopeSpec {
    pub scope: &'static str,
    /// The words of the consent page.
    pub words: &'static str,
    /// What does not work without it, in one sentence.
    pub without: &'static str,
}

impl ProviderSpec {
    /// The consent that the provider asks for, where it asks for one.
    pub const fn oauth(&self) -> Option<&'static OAuthSpec> {
        match self.sign_in {
            SignIn::Fields => None,
            SignIn::OAuth(oauth) => Some(oauth),
        }
    }

    pub fn field(&self, key: &str) -> Option<&'static FieldSpec> {
        self.fields.iter().find(|field| field.key == key)
    }
}

/// One field of a provider's form.
#[derive(Debug)]
pub struct FieldSpec {
    /// Name in forms and in the REST body, in camel case: `accountSid`.
    pub key: &'static str,
    /// The provider's own words: "Account SID".
    pub label: &'static str,
    pub example: &'static str,
    pub pattern: Pattern,
    /// Sealed, masked, never sent to a browser.
    pub secret: bool,
    pub required: bool,
    /// Where the value is found, as a short path through the provider's console.
    pub where_to_find: &'static str,
    /// Exact page, opened by the "Where do I find this?" link.
    pub where_url: &'static str,
    /// Shown folded away: another way to sign in or an optional extra. Fields with the same text
    /// stand together under it.
    pub folded_under: Option<&'static str>,
}

/// One thing that the product needs from a provider.
#[derive(Debug)]
pub struct CapabilitySpec {
    pub key: &'static str,
    pub label: &'static str,
}
