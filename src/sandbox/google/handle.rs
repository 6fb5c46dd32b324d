//! The Google stand-in, for tests: accounts, what they granted, and what ends.

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::state::Shared;
use super::world::{GoogleAccount, GoogleOAuthClient};

/// The Google stand-in.
pub struct GoogleHandle<'a>(pub(in crate::sandbox) &'a Shared);

impl GoogleHandle<'_> {
    /// Adds an account with three calendars.
    pub fn add_account(&self, email: &str) -> GoogleAccount {
        let account = GoogleAccount::fresh(email);
        self.0.change(|world| world.google.accounts.push(account.clone()));
        account
    }

    /// Adds an OAuth client.
    pub fn add_client(&self, client: GoogleOAuthClient) {
        self.0.change(|world| world.google.clients.push(client));
    }

    /// Changes an account; nothing happens where there is none of that id.
    pub fn change(&self, id: &str, change: impl FnOnce(&mut GoogleAccount)) {
        self.0.change(|world| world.google.account_mut(id).map(change));
    }

    /// An account as it is now.
    pub fn account(&self, id: &str) -> Option<GoogleAccount> {
        self.0.read(|world| world.google.account(id).cloned())
    }

    /// Puts an event into the main calendar, as a person would.
    pub fn add_event(&self, id: &str, start: Timestamp, end: Timestamp) {
        self.change(id, |account| {
            if let Some(calendar) = account.calendar("primary") {
                calendar.events.push(json!({
                    "id": Uuid::new_v4().simple().to_string(),
                    "status": "confirmed",
                    "summary": "Busy",
                    "start": { "dateTime": start.to_string() },
                    "end": { "dateTime": end.to_string() },
                }));
            }
        });
    }

    /// The events of a calendar, cancelled ones too.
    pub fn events(&self, id: &str, calendar: &str) -> Vec<Value> {
        self.0.change(|world| {
            let account = world.google.account_mut(id);
            account
                .and_then(|account| account.calendar(calendar))
                .map(|it| it.events.clone())
                .unwrap_or_default()
        })
    }

    /// The rows of a sheet.
    pub fn rows(&self, id: &str, spreadsheet: &str, sheet: &str) -> Vec<Vec<String>> {
        let account = self.account(id);
        let all = account.map(|account| account.spreadsheets).unwrap_or_default();
        let found = all.into_iter().find(|one| one.id == spreadsheet);
        let sheets = found.map(|one| one.sheets).unwrap_or_default();
        sheets.into_iter().find(|(name, _)| name == sheet).map(|(_, rows)| rows).unwrap_or_default()
    }

    /// How many access tokens are alive.
    pub fn living_tokens(&self) -> usize {
        self.0.read(|world| {
            world.google.tokens.iter().filter(|it| world.google.token(&it.token).is_some()).count()
        })
    }

    /// Refresh tokens that still work for an account.
    pub fn refresh_tokens(&self, id: &str) -> Vec<String> {
        self.0.read(|world| {
            let own = world.google.grants.iter().filter(|grant| grant.account == id);
            own.flat_map(|grant| grant.refresh_tokens.clone()).collect()
        })
    }

    /// Ends every access token before its time; refresh tokens live on.
    pub fn end_access_tokens(&self) {
        self.0.change(|world| world.google.tokens.clear());
    }

    /// Takes back everything that an account has granted, as its owner would on Google's page.
    pub fn revoke(&self, id: &str) {
        self.0.change(|world| {
            let clients: Vec<String> = world.google.clients.iter().map(|client| client.id.clone()).collect();
            for client in clients {
                world.google.revoke(&client, id);
            }
        });
    }

    /// Seconds that access tokens live from now on; 0 means Google's own 3599.
    pub fn set_token_seconds(&self, seconds: i64) {
        self.0.change(|world| world.google.token_seconds = seconds);
    }

    /// Lets each refresh end the refresh token that it used.
    pub fn rotate(&self, rotates: bool) {
        self.0.change(|world| world.google.rotates = rotates);
    }

    /// Lets answers name another issuer than Google.
    pub fn set_issuer(&self, issuer: Option<&str>) {
        self.0.change(|world| world.google.issuer = issuer.map(str::to_owned));
    }
}
