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
    /// Base address of Vonage's SMS and account API.
    vonage: "VONAGE_BASE_URL", "vonage-base-url", "https://rest.nexmo.com";
    /// Domain of AWS: the names of service and region are put in front of it.
    aws: "AWS_BASE_URL", "aws-base-url", "https://amazonaws.com";
}

fn fixed(text: &'static str) -> Url {
    #[expect(clippy::expect_used, reason = "the text is a constant, and a test reads it")]
    Url::parse(text).expect("a constant URL")
}
