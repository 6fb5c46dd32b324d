//! What Google holds: OAuth clients, accounts with calendars, consents, tokens.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::sandbox) struct GoogleWorld {
    pub(in crate::sandbox) clients: Vec<GoogleOAuthClient>,
    pub(in crate::sandbox) accounts: Vec<GoogleAccount>,
    pub(super) codes: Vec<Code>,
    pub(super) grants: Vec<Grant>,
    pub(super) tokens: Vec<AccessToken>,
    /// Seconds that an access token lives; 0 means Google's own 3599.
    pub(super) token_seconds: i64,
    /// Each refresh gives a new refresh token, and the old one ends.
    pub(super) rotates: bool,
    /// The issuer that answers and identity tokens name; none means Google.
    pub(super) issuer: Option<String>,
}

/// An OAuth client that somebody has made in the console.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GoogleOAuthClient {
    pub id: String,
    pub secret: String,
    /// Exact addresses; none takes any loopback address that ends with the service's path.
    pub redirects: Option<Vec<String>>,
}

/// A Google account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GoogleAccount {
    /// Google's `sub`.
    pub id: String,
    pub email: String,
    pub calendars: Vec<StandInCalendar>,
    #[serde(default)]
    pub spreadsheets: Vec<StandInSpreadsheet>,
}

/// A spreadsheet that an account may open.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StandInSpreadsheet {
    pub id: String,
    pub title: String,
    /// Whether the account may change it.
    pub is_writable: bool,
    /// Name and rows of each tab, in order.
    pub sheets: Vec<(String, Vec<Vec<String>>)>,
}

/// A calendar of an account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StandInCalendar {
    pub id: String,
    pub summary: String,
    pub time_zone: String,
    /// `owner`, `writer`, `reader`, `freeBusyReader`.
    pub access_role: String,
    pub primary: bool,
    /// Events as Google shows them; cancelled ones keep their identifier.
    pub events: Vec<Value>,
    /// Free times cannot be read: the reason that Google gives, inside of a 200.
    #[serde(default)]
    pub busy_error: Option<String>,
}

/// A code that the consent page gave out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Code {
    pub(super) code: String,
    pub(super) client: String,
    pub(super) redirect_uri: String,
    pub(super) challenge: Option<String>,
    pub(super) nonce: Option<String>,
    pub(super) account: String,
    pub(super) scopes: Vec<String>,
    pub(super) gives_refresh: bool,
    pub(super) is_used: bool,
    pub(super) at: i64,
}

/// What an account has granted to a client.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Grant {
    pub(super) client: String,
    pub(super) account: String,
    pub(super) scopes: Vec<String>,
    pub(super) refresh_tokens: Vec<String>,
    /// What each refresh token covers: what was granted when it was given out, and nothing later.
    #[serde(default)]
    pub(super) refresh_scopes: Vec<Vec<String>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct AccessToken {
    pub(super) token: String,
    pub(super) client: String,
    pub(super) account: String,
    pub(super) scopes: Vec<String>,
    /// Unix time.
    pub(super) expires_at: i64,
}

pub(super) fn now() -> i64 {
    OffsetDateTime::now_utc().unix_timestamp()
}

impl GoogleAccount {
    /// An account with a main calendar, one for a practitioner, and holidays that it may only read.
    pub fn fresh(email: &str) -> Self {
        let id = format!("1{:020}", Uuid::new_v4().as_u128() % 100_000_000_000_000_000_000);
        Self::of(&id, email)
    }

    pub(in crate::sandbox) fn of(id: &str, email: &str) -> Self {
        let slug = email.replace(['@', '.'], "-");
        let calendar = |id: String, summary: &str, role: &str, primary: bool| StandInCalendar {
            id,
            summary: summary.to_owned(),
            time_zone: "America/New_York".to_owned(),
            access_role: role.to_owned(),
            primary,
            events: Vec::new(),
            busy_error: None,
        };
        let mut account = Self {
            id: id.to_owned(),
            email: email.to_owned(),
            spreadsheets: Vec::new(),
            calendars: vec![
                calendar(email.to_owned(), email, "owner", true),
                calendar(format!("{slug}-nord@group.calendar.google.com"), "Dr. Nord", "owner", false),
                calendar(
                    "en.usa#holiday@group.v.calendar.google.com".to_owned(),
                    "Holidays",
                    "reader",
                    false,
                ),
            ],
        };
        account.add_spreadsheets();
        account
    }

    /// One that the account owns and one that was shared for reading.
    pub(in crate::sandbox) fn add_spreadsheets(&mut self) {
        let slug = self.email.replace(['@', '.'], "-");
        let spreadsheet = |id: String, title: &str, is_writable: bool, sheets: &[&str]| StandInSpreadsheet {
            id,
            title: title.to_owned(),
            is_writable,
            sheets: sheets.iter().map(|name| ((*name).to_owned(), Vec::new())).collect(),
        };
        self.spreadsheets = vec![
            spreadsheet(
                format!("1SandboxSpreadsheet-own-{slug}"),
                "Front desk",
                true,
                &["Leads", "Dr. Nord's"],
            ),
            spreadsheet(format!("1SandboxSpreadsheet-read-{slug}"), "Price list", false, &["Prices"]),
        ];
    }

    pub(super) fn calendar(&mut self, id: &str) -> Option<&mut StandInCalendar> {
        self.calendars.iter_mut().find(|one| one.id == id || (one.primary && id == "primary"))
    }
}

impl GoogleWorld {
    pub(super) fn client(&self, id: &str) -> Option<&GoogleOAuthClient> {
        self.clients.iter().find(|client| client.id == id)
    }

    pub(super) fn account(&self, id: &str) -> Option<&GoogleAccount> {
        self.accounts.iter().find(|account| account.id == id)
    }

    pub(super) fn account_mut(&mut self, id: &str) -> Option<&mut GoogleAccount> {
        self.accounts.iter_mut().find(|account| account.id == id)
    }

    /// The living token of that text.
    pub(super) fn token(&self, token: &str) -> Option<&AccessToken> {
        self.tokens.iter().find(|known| known.token == token && known.expires_at > now())
    }

    /// A token that a demo account has from the start and that never ends.
    pub(in crate::sandbox) fn add_lasting_token(&mut self, token: &str, client: &str, account: &str) {
        self.tokens.push(AccessToken {
            token: token.to_owned(),
            client: client.to_owned(),
            account: account.to_owned(),
            scopes: super::ALL_SCOPES.split(' ').map(str::to_owned).collect(),
            expires_at: i64::MAX,
        });
    }

    /// Gives out an access token.
    pub(super) fn issue(&mut self, client: &str, account: &str, scopes: &[String]) -> AccessToken {
        let seconds = if self.token_seconds == 0 { 3599 } else { self.token_seconds };
        let token = AccessToken {
            token: format!("ya29.{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()),
            client: client.to_owned(),
            account: account.to_owned(),
            scopes: scopes.to_vec(),
            expires_at: now() + seconds,
        };
        self.tokens.retain(|known| known.expires_at > now());
        self.tokens.push(token.clone());
        token
    }

    /// Ends everything that the account has granted to the client.
    pub(super) fn revoke(&mut self, client: &str, account: &str) {
        self.grants.retain(|grant| grant.client != client || grant.account != account);
        self.tokens.retain(|token| token.client != client || token.account != account);
    }
}
