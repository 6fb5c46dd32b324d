//! What happened at Google, in a sentence that names who said it, and what to do now.

use super::super::report::{Explanation, TestReport};
use super::errors::GoogleError;
use super::{CREDENTIALS_URL, PERMISSIONS_URL};

const STATUS_URL: &str = "https://www.google.com/appsstatus/dashboard/";

/// What sentences have to know of the API that they are about.
#[derive(Debug)]
pub struct Api {
    /// The card's name.
    pub name: &'static str,
    /// What it is about: "calendar".
    pub thing: &'static str,
    /// Where the API is switched on.
    pub library_url: &'static str,
    /// Where things are shared.
    pub sharing_url: &'static str,
}

/// Google Calendar, in sentences.
pub const CALENDAR: Api = Api {
    name: "Google Calendar",
    thing: "calendar",
    library_url: "https://console.cloud.google.com/apis/library/calendar-json.googleapis.com",
    sharing_url: "https://calendar.google.com/calendar/r/settings",
};

/// Google Sheets, in sentences.
pub const SHEETS: Api = Api {
    name: "Google Sheets",
    thing: "spreadsheet",
    library_url: "https://console.cloud.google.com/apis/library/sheets.googleapis.com",
    sharing_url: "https://docs.google.com/spreadsheets/",
};

impl GoogleError {
    /// What happened, who said it, and what to do.
    pub fn explain(&self, api: &Api) -> Explanation {
        let Api { name, thing, .. } = api;
        let (sentence, fix, url) = match self {
            GoogleError::GrantGone => (
                format!("{name} is signed out: Google does not take this clinic's permission any more."),
                "Connect with Google again. The permission ends when somebody takes it back, changes the password, or when it is not used for six months.".to_owned(),
                PERMISSIONS_URL,
            ),
            GoogleError::ClientRejected => (
                format!("Google does not know the OAuth client of {name}, or its secret is wrong."),
                "Compare client ID and client secret with the Google Cloud console, under Credentials.".to_owned(),
                CREDENTIALS_URL,
            ),
            GoogleError::RedirectMismatch => (
                format!("The OAuth client of {name} does not have this service's redirect address."),
                "Add the redirect address that the form shows to the OAuth client, under Authorized redirect URIs.".to_owned(),
                CREDENTIALS_URL,
            ),
            GoogleError::TokenRejected => (
                format!("{name} rejected the access token."),
                "Connect with Google again.".to_owned(),
                PERMISSIONS_URL,
            ),
            GoogleError::ScopeMissing => (
                format!("{name} says that the consent does not cover this."),
                "Connect with Google again and leave all boxes ticked.".to_owned(),
                PERMISSIONS_URL,
            ),
            GoogleError::ApiDisabled => (
                format!("The API of {name} is switched off in the project of the OAuth client."),
                format!("Enable the API of {name} in that project, and connect again."),
                api.library_url,
            ),
            GoogleError::Forbidden { reason } => (
                format!("{name} does not allow this account to do that ({reason})."),
                format!("Share the {thing} with the account, with the right to make changes."),
                api.sharing_url,
            ),
            GoogleError::NotFound => (
                format!("{name} has no such {thing}, or it is not shared with this account."),
                format!("Choose another {thing}, or share it with the account."),
                api.sharing_url,
            ),
            GoogleError::Duplicate => (
                format!("{name} has something under this identifier already."),
                "Nothing: it was made by an earlier try.".to_owned(),
                api.sharing_url,
            ),
            GoogleError::Gone => (
                format!("{name} says that this was deleted already."),
                "Nothing: it is gone.".to_owned(),
                api.sharing_url,
            ),
            GoogleError::Invalid { message } => (
                format!("{name} refused the request: {}.", message.trim().trim_end_matches('.')),
                "Change what Google names and try again.".to_owned(),
                api.sharing_url,
            ),
            GoogleError::Throttled { .. } => (
                format!("{name} asks to slow down: too many requests."),
                "Wait a minute and try again. The connection is not affected.".to_owned(),
                STATUS_URL,
            ),
            GoogleError::QuotaExceeded { is_daily: false } => (
                format!("{name} takes no more changes for now: a usage limit of the {thing} is reached."),
                "Wait: Google lifts the limit within hours.".to_owned(),
                "https://support.google.com/a/answer/2905486",
            ),
            GoogleError::QuotaExceeded { is_daily: true } => (
                format!("The daily quota of {name}'s OAuth client is used up."),
                "Wait until tomorrow, or ask for a higher quota in the Google Cloud console.".to_owned(),
                CREDENTIALS_URL,
            ),
            GoogleError::Unavailable { .. } => (
                format!("{name} has a problem of its own right now."),
                "Look at Google's status page and try again later.".to_owned(),
                STATUS_URL,
            ),
            GoogleError::Unexpected(what) => (what.sentence(name), "Try again later.".to_owned(), STATUS_URL),
            GoogleError::Transport(error) => (
                error.sentence(name),
                "Try again later. If it stays, ask who runs this service to check its network.".to_owned(),
                STATUS_URL,
            ),
        };
        Explanation { sentence: sentence.into(), fix: fix.into(), url: url.into() }
    }

    /// The report of a test that ended with this error.
    pub fn report(&self, api: &Api) -> TestReport {
        let explanation = self.explain(api);
        let report = if self.is_undetermined() {
            TestReport {
                fix: explanation.hint(),
                ..TestReport::undetermined(explanation.sentence.into_owned(), self.retry_after())
            }
        } else {
            TestReport::refused(&explanation, None)
        };
        TestReport { reference: self.reference(), ..report }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::answer::Unexpected;
    use super::super::super::egress::EgressError;
    use super::*;

    #[test]
    fn every_error_says_who_what_to_do_and_where() {
        let all = [
            GoogleError::GrantGone,
            GoogleError::ClientRejected,
            GoogleError::RedirectMismatch,
            GoogleError::TokenRejected,
            GoogleError::ScopeMissing,
            GoogleError::ApiDisabled,
            GoogleError::Forbidden { reason: String::new() },
            GoogleError::NotFound,
            GoogleError::Duplicate,
            GoogleError::Gone,
            GoogleError::Invalid { message: String::new() },
            GoogleError::Throttled { retry_after: None },
            GoogleError::QuotaExceeded { is_daily: false },
            GoogleError::QuotaExceeded { is_daily: true },
            GoogleError::Unavailable { status: 500 },
            GoogleError::Unexpected(Unexpected::Html),
            GoogleError::Transport(EgressError::Timeout),
        ];
        let mut sentences = Vec::new();
        for (error, api) in all.iter().flat_map(|error| [(error, &CALENDAR), (error, &SHEETS)]) {
            let explanation = error.explain(api);
            assert!(explanation.sentence.contains(api.name), "{explanation:?}");
            assert!(explanation.hint().expect("a hint").url.starts_with("https://"), "{explanation:?}");
            sentences.push(explanation.sentence);
        }
        let all = sentences.len();
        sentences.sort();
        sentences.dedup();
        assert_eq!(sentences.len(), all, "each has a sentence of its own");
    }
}
