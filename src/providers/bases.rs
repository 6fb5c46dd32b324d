//! Where the providers are: one base address each, a setting like any other.
//!
//! Configuration, so that the sandbox, tests and a real account run the same code. A new provider
//! is one line here.

use clap::Args;
use url::Url;

/// Declares the addresses once: as fields, as settings and as what holds without a setting.
macro_rules! bases {
    ($($(#[$about:meta])* $field:ident: $variable:literal, $flag:literal, $default:literal;)+) => {
        /// The base address of every provider's API.
        #[derive(Args, Clone, Debug, PartialEq, Eq)]
        pub struct ProviderBases {
            $($(#[$about])*
            #[arg(id = $variable, long = $flag, env = $variable, default_value = $default)]
            pub $field: Url,)+
        }

        #[cfg(feature = "sandbox")]
        impl ProviderBases {
            /// Changes every address.
            pub(crate) fn with_each(mut self, change: impl Fn(&mut Url)) -> Self {
                $(change(&mut self.$field);)+
                self
            }
        }

        impl Default for ProviderBases {
            fn default() -> Self {
                Self { $($field: fixed($default),)+ }
            }
        }
    };
}

bases! {
    /// Base address of Vapi's API.
    vapi: "VAPI_BASE_URL", "vapi-base-url", "https://api.vapi.ai";
    /// Base address of Twilio's API.
    twilio: "TWILIO_BASE_URL", "twilio-base-url", "https://api.twilio.com";
    /// Base address of ElevenLabs' API.
    elevenlabs: "ELEVENLABS_BASE_URL", "elevenlabs-base-url", "https://api.elevenlabs.io";
    /// Base address of Resend's API.
    resend: "RESEND_BASE_URL", "resend-base-url", "https://api.resend.com";
    /// Base address of Stripe's API.
    stripe: "STRIPE_BASE_URL", "stripe-base-url", "https://api.stripe.com";
    /// Base address of HubSpot's API.
    hubspot: "HUBSPOT_BASE_URL", "hubspot-base-url", "https://api.hubapi.com";
    /// Base address of Retell AI's API.
    retell: "RETELL_BASE_URL", "retell-base-url", "https://api.retellai.com";
    /// Base address of Google's consent page.
    google_accounts: "GOOGLE_ACCOUNTS_BASE_URL", "google-accounts-base-url", "https://accounts.google.com";
    /// Base address of Google's token service.
    google_oauth: "GOOGLE_OAUTH_BASE_URL", "google-oauth-base-url", "https://oauth2.googleapis.com";
    /// Base address of Google's APIs.
    google_api: "GOOGLE_API_BASE_URL", "google-api-base-url", "https://www.googleapis.com";
    /// Base address of Google Sheets' API, which has a host of its own.
    google_sheets: "GOOGLE_SHEETS_BASE_URL", "google-sheets-base-url", "https://sheets.googleapis.com";
    /// Base address of Meta's Graph API, with its version.
    whatsapp: "WHATSAPP_BASE_URL", "whatsapp-base-url", "https://graph.facebook.com/v23.0";
    /// Base address of Vonage's SMS and account API.
    vonage: "VONAGE_BASE_URL", "vonage-base-url", "https://rest.nexmo.com";
    /// Domain of AWS: the names of service and region are put in front of it.
    aws: "AWS_BASE_URL", "aws-base-url", "https://amazonaws.com";
}

fn fixed(text: &'static str) -> Url {
    #[expect(clippy::expect_used, reason = "the text is a constant, and a test reads it")]
    Url::parse(text).expect("a constant URL")
}
