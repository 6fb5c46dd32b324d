//! Google: the consent, the tokens that come of it, and what all of Google's APIs have in common.
//!
//! What this module knows comes from Google's guides to OAuth for web servers and from the discovery
//! documents of its APIs. It keeps nothing: where tokens lie, and who may refresh them, is decided
//! elsewhere. The providers of the catalogue are in folders of their own: [`calendar`], [`sheets`].

pub mod calendar;
pub mod client;
pub mod errors;
pub mod explain;
pub mod oauth;
mod records;
pub mod sheets;

pub use client::GoogleClient;
pub use errors::GoogleError;
pub use explain::Api;
pub use oauth::{OAuthClient, TokenService, Tokens};
pub use records::{Account, IdClaims};

use crate::domain::ProviderId;
use crate::domain::pattern::Pattern;
use crate::domain::provider::{FieldSpec, ScopeSpec};
use crate::vault::{SecretFields, SecretText};

use super::FieldProblem;
use super::check::filled;

/// The issuer of Google's consents: all of Google's cards share one.
pub const ISSUER: &str = "google";
/// The issuer as Google writes it into its answers.
pub const ISSUER_URL: &str = "https://accounts.google.com";

pub(super) const CREDENTIALS_URL: &str = "https://console.cloud.google.com/apis/credentials";
pub(super) const PERMISSIONS_URL: &str = "https://myaccount.google.com/permissions";

/// What tells who the account is; asked for with every consent and not to be unticked.
pub const IDENTITY_SCOPES: [&str; 2] = ["openid", "https://www.googleapis.com/auth/userinfo.email"];

/// Keys under which a caller puts the tokens beside the fields of a form, for a test.
pub mod granted {
    pub const ACCESS_TOKEN: &str = "accessToken";
    /// Separated by spaces, as Google writes them.
    pub const SCOPES: &str = "grantedScopes";
}

/// Fields of a clinic's own OAuth client.
pub const CLIENT_FIELDS: [&str; 2] = ["clientId", "clientSecret"];

/// The heading under which those fields are folded away.
const OWN_APP: Option<&str> = Some("Your own Google app");

/// The form's field for the id of that client.
const CLIENT_ID: FieldSpec = FieldSpec {
    key: CLIENT_FIELDS[0],
    label: "Client ID",
    example: "000000000000-name.apps.googleusercontent.com",
    pattern: Pattern::Text { max: 200 },
    secret: false,
    required: false,
    where_to_find: "Google Cloud console, APIs & Services, Credentials, OAuth 2.0 Client IDs",
    where_url: CREDENTIALS_URL,
    folded_under: OWN_APP,
};

/// The form's field for its secret.
const CLIENT_SECRET: FieldSpec = FieldSpec {
    key: CLIENT_FIELDS[1],
    label: "Client secret",
    example: "GOCSPX-0000000000000000000000000000",
    pattern: Pattern::Text { max: 200 },
    secret: true,
    required: false,
    where_to_find: "The same page; open the client to see or make its secret",
    where_url: CREDENTIALS_URL,
    folded_under: OWN_APP,
};

/// What sentences about a card of Google's need to know.
pub fn api_of(provider: ProviderId) -> &'static Api {
    match provider {
        ProviderId::GoogleSheets => &explain::SHEETS,
        _ => &explain::CALENDAR,
    }
}

/// The access token that the caller put beside the fields.
fn access_token(fields: &SecretFields) -> Option<&SecretText> {
    fields.find(granted::ACCESS_TOKEN)
}

/// What does not work without a scope, as a note of its line.
fn without(scopes: &[ScopeSpec], scope: &str) -> String {
    let spec = scopes.iter().find(|known| known.scope == scope);
    spec.map(|spec| format!("Not allowed at Google: \"{}\". {}", spec.words, spec.without))
        .unwrap_or_default()
}

/// The scopes that a consent gave, as the caller put them beside the fields.
fn granted_scopes(fields: &SecretFields) -> Vec<&str> {
    fields.find(granted::SCOPES).map(|text| text.expose().split(' ').collect()).unwrap_or_default()
}

/// A client of the clinic's own is whole, and looks like one.
fn check_client(fields: &SecretFields, problems: &mut Vec<FieldProblem>) {
    let [id, secret] = CLIENT_FIELDS;
    match (filled(fields, id), filled(fields, secret)) {
        (Some(_), None) => problems.push(FieldProblem {
            field: secret,
            message: "Enter the client secret that belongs to the client ID.".to_owned(),
        }),
        (None, Some(_)) => problems.push(FieldProblem {
            field: id,
            message: "Enter the client ID that belongs to the client secret.".to_owned(),
        }),
        (Some(value), Some(_)) if !value.ends_with(".apps.googleusercontent.com") => {
            problems.push(FieldProblem {
                field: id,
                message: "A client ID of Google ends with .apps.googleusercontent.com.".to_owned(),
            });
        }
        _ => {}
    }
}
