//! E-mails with the clinic's own sender: alerts, and what stands in for a text message that did not go out.
//!
//! The row comes first, then the call to the provider, then the result on the row, as in `messages`,
//! whose table it shares.

use serde_json::json;

use super::CallError;
use super::incidents::{self, Cause, Trouble};
use super::message_rows::record;
use super::messages::Purpose;
use crate::db::messages::{self, NewMessage, SendResult};
use crate::db::{OrgTx, fresh_id};
use crate::domain::{MessageId, OrgId, ProviderId, Use};
use crate::integrations::IntegrationError;
use crate::integrations::connect::bulkhead;
use crate::providers::Deadline;
use crate::providers::mail::{Mail, MailError, MailFailure, Mailer, SentMail};
use crate::providers::resend::{ResendClient, ResendCredentials};
use crate::state::Services;
use crate::vault::{Opened, Place};

/// An e-mail to be sent.
#[derive(Clone, Debug)]
pub struct NewMail {
    pub to: String,
    pub subject: String,
    pub text: String,
    pub purpose: Purpose,
    /// The call that it belongs to, by Vapi's id.
    pub call_id: Option<String>,
}

/// An address as lists show it: `d***@clinic.example`.
fn mask_address(address: &str) -> String {
    match address.split_once('@') {
        Some((local, domain)) => {
            format!("{}***@{domain}", local.chars().next().map(String::from).unwrap_or_default())
        }
        None => "***".to_owned(),
    }
}

const ID: ProviderId = ProviderId::Resend;

/// Opens the clinic's own Resend account; that it stands in the way is noted.
///
/// # Errors
/// Where there is none, where it can not be used, and where the database does not answer.
pub(super) async fn open(
    services: &Services,
    org: OrgId,
) -> Result<Opened<ResendCredentials>, IntegrationError> {
    let opened = services.vault.open::<ResendCredentials>(org).await.map_err(IntegrationError::from);
    if let Err(error) = &opened
        && let Some(trouble) = incidents::of_error(ID, error)
    {
        incidents::note(services, org, &trouble).await;
    }
    opened
}

/// Hands one e-mail over to the clinic's own Resend account, and notes whether that stands in the way or works
/// again. The one way in which an e-mail leaves.
///
/// # Errors
/// What is known of an e-mail that has no id.
pub(super) async fn post(
    services: &Services,
    org: OrgId,
    opened: &Opened<ResendCredentials>,
    mail: &Mail<'_>,
    (what, deadline): (Use, Deadline),
) -> Result<SentMail, MailError> {
    let base = &services.bases.resend;
    let client = ResendClient::new(&services.egress, base, &opened.credentials, bulkhead(org, ID), deadline);
    let answer = client.send(mail).await;
    match &answer {
        Ok(_) => {
            services.uses.integration(org, opened.integration_id, what);
            incidents::close_later(services, org, ID);
        }
        Err(error) => {
            let cause = if error.kind == MailFailure::Refused { Cause::Refused } else { Cause::Unreachable };
            let trouble = Trouble { provider: ID, cause, sentence: error.sentence.clone() };
            incidents::note(services, org, &trouble).await;
        }
    }
    answer
}

/// Sends an e-mail with the clinic's own Resend account. Without one no request leaves this process.
///
/// # Errors
/// `Integration` where it surely did not go out, `Undetermined` where nobody knows.
pub async fn send(
    services: &Services,
    org: OrgId,
    new: &NewMail,
    deadline: Deadline,
) -> Result<MessageId, CallError> {
    let opened = open(services, org).await?;
    let id: MessageId = fresh_id();
    let place = Place {
        org: Some(org),
        table: "messages",
        column: "sealed_content",
        provider: ID.as_str(),
        row: id.0,
    };
    let content = json!({ "to": new.to, "subject": new.subject, "text": new.text }).to_string();
    let sealed = services.vault.seal(&place, content.as_bytes()).await?;
    let recipient_hash =
        services.vault.fingerprint("mail address", new.to.to_ascii_lowercase().as_bytes()).await?;
    let mut tx = OrgTx::service(&services.pool, org).await?;
    let row = NewMessage {
        id,
        provider: ID.as_str(),
        channel: "email",
        purpose: new.purpose.as_str(),
        recipient_mask: &mask_address(&new.to),
        recipient_hash: &recipient_hash,
        sealed_content: sealed.as_bytes(),
        key_version: sealed.key_version(),
        requested_by: None,
        chosen: "only",
        chosen_note: None,
        call_id: new.call_id.as_deref(),
        once: None,
    };
    messages::insert(&mut tx, &row).await?;
    tx.commit().await?;

    let once = id.to_string();
    let mail = Mail { to: &new.to, subject: &new.subject, text: &new.text, once: &once };
    let answer = post(services, org, &opened, &mail, (Use::Email, deadline)).await;
    let result = match &answer {
        Ok(sent) => SendResult {
            status: "queued",
            provider_message_id: Some(&sent.id),
            error_code: None,
            error: None,
        },
        Err(error) => SendResult {
            status: if error.kind == MailFailure::Undetermined { "parked" } else { "failed" },
            provider_message_id: None,
            error_code: error.code.as_deref(),
            error: Some(&error.sentence),
        },
    };
    // It is out, or it is not: that the result could not be recorded changes nothing of it.
    if let Err(error) = record(services, org, id, &result, None, true).await {
        tracing::error!(error = &error as &dyn std::error::Error, %org, message = %id, "the result of an e-mail was not recorded");
    }
    match answer {
        Ok(_) => Ok(id),
        Err(error) => {
            let is_passing = error.kind != MailFailure::Refused;
            let code = if is_passing { "provider_unavailable" } else { "provider_refused" };
            let failed =
                IntegrationError::Provider { code: Some(code), sentence: error.sentence, is_passing };
            Err(match error.kind {
                MailFailure::Undetermined => CallError::Undetermined(failed),
                _ => CallError::Integration(failed),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::mask_address;

    #[test]
    fn an_address_shows_its_first_letter_and_its_domain() {
        assert_eq!(mask_address("desk@clinic.example"), "d***@clinic.example");
        assert_eq!(mask_address("desk"), "***");
    }
}
