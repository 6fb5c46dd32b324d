//! Sending one e-mail, and saying honestly what is known about it afterwards.

use async_trait::async_trait;
use serde_json::json;

use super::super::api_error::{ApiError, ErrorKind};
use super::super::egress::EgressError;
use super::super::mail::{Mail, MailError, MailFailure, Mailer, SentMail};
use super::client::ResendClient;

/// Refusals after which the same request may be right a moment later.
const PASSING: [&str; 2] = ["concurrent_idempotent_requests", "resource_locked"];

#[async_trait]
impl Mailer for ResendClient<'_> {
    async fn send(&self, mail: &Mail<'_>) -> Result<SentMail, MailError> {
        let body = json!({
            "from": self.credentials.from,
            "to": [mail.to],
            "subject": mail.subject,
            "text": mail.text,
        });
        match self.take(&body, mail.once).await {
            Ok(id) => Ok(SentMail { id }),
            Err(error) => Err(failed(&error)),
        }
    }
}

fn failed(error: &ApiError) -> MailError {
    let explanation = error.explain();
    MailError {
        kind: kind(error),
        code: error.reference(),
        fix: explanation.hint(),
        sentence: explanation.sentence.into_owned(),
        retry_after: error.retry_after(),
    }
}

fn kind(error: &ApiError) -> MailFailure {
    match &error.kind {
        // The first request with this key may be on its way still.
        ErrorKind::Refused { .. } if error.code().is_some_and(|code| PASSING.contains(&code)) => {
            MailFailure::Undetermined
        }
        ErrorKind::Refused { .. } => MailFailure::Refused,
        ErrorKind::Throttled { .. } => MailFailure::NotSent,
        ErrorKind::Unavailable { .. } | ErrorKind::Page { .. } | ErrorKind::Unexpected(_) => {
            MailFailure::Undetermined
        }
        ErrorKind::Transport(EgressError::Blocked(_) | EgressError::Invalid) => MailFailure::Refused,
        ErrorKind::Transport(error) if error.may_have_arrived() => MailFailure::Undetermined,
        ErrorKind::Transport(_) => MailFailure::NotSent,
    }
}
