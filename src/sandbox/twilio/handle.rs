//! The Twilio stand-in in the hands of a test: accounts, and what Twilio would say by itself.

use super::super::state::{Shared, TwilioAccount};
use super::reports;

/// The Twilio stand-in, for tests.
pub struct TwilioHandle<'a>(pub(in crate::sandbox) &'a Shared);

impl TwilioHandle<'_> {
    /// Adds an active, paid account with fresh credentials and one number.
    pub fn add_account(&self, name: &str, number: &str) -> TwilioAccount {
        let account = TwilioAccount::fresh(name, number);
        self.add(account.clone());
        account
    }

    /// Adds an account of any kind: see [`TwilioAccount::fresh`] for one to start from.
    pub fn add(&self, account: TwilioAccount) {
        self.0.change(|world| world.twilio.accounts.push(account));
    }

    /// SID and secret of an account's first API key; empty where there is none.
    pub fn key_of(&self, sid: &str) -> (String, String) {
        self.0.read(|world| {
            let account = world.twilio.accounts.iter().find(|account| account.sid == sid);
            let key = account.and_then(|account| account.keys.first());
            key.map(|key| (key.sid.clone(), key.secret.clone())).unwrap_or_default()
        })
    }

    /// Tells what became of a message to the address that was given with it; the status of the answer.
    pub async fn report(&self, sid: &str, status: &str, code: Option<u32>) -> Option<u16> {
        reports::report(self.0, sid, status, code).await
    }

    /// Sends a patient's text to the address that an account's owner has entered at Twilio.
    pub async fn text(&self, account_sid: &str, url: &str, from: &str, text: &str) -> Option<u16> {
        reports::text_clinic(self.0, account_sid, url, from, text).await
    }

    /// Changes an account; nothing happens where there is none of that SID.
    pub fn change(&self, sid: &str, change: impl FnOnce(&mut TwilioAccount)) {
        self.0.change(|world| world.twilio.accounts.iter_mut().find(|a| a.sid == sid).map(change));
    }
}
