//! An e-mail to each owner of a clinic about an incident, written down in the transaction that opens it.
//!
//! Where the clinic has connected nothing that sends e-mails, nobody is written to: the overview shows the
//! incident either way. What is written down here is sent by `calls::alert_sending`.

use serde_json::json;
use uuid::Uuid;

use super::outbound::OutboundError;
use crate::db::OrgTx;
use crate::db::alerts::{self, NewAlert};
use crate::domain::mask::mask_mail;
use crate::domain::{OrgId, ProviderId};
use crate::state::Services;
use crate::vault::Place;

/// What owners are told.
#[derive(Clone, Copy, Debug)]
pub struct Notice<'a> {
    pub incident: Uuid,
    pub subject: &'a str,
    /// What happened and what to do.
    pub sentence: &'a str,
}

/// The place that an alert's recipient and words are bound to.
pub const fn alert_place(org: OrgId, alert: Uuid) -> Place<'static> {
    Place { org: Some(org), table: "alerts", column: "sealed_content", provider: "", row: alert }
}

/// Writes down an e-mail to each owner, where the clinic has connected what sends them.
///
/// # Errors
/// The transaction must not be committed then.
pub async fn tell(services: &Services, tx: &mut OrgTx, notice: &Notice<'_>) -> Result<(), OutboundError> {
    let page = format!("{}/dashboard", services.public_url.as_str().trim_end_matches('/'));
    for mail in alerts::list_owners_to_mail(tx, ProviderId::Resend.as_str()).await? {
        let id = Uuid::now_v7();
        let content = json!({
            "to": mail,
            "subject": notice.subject,
            "text": format!("{}\n\nThe overview shows it for as long as it lasts: {page}", notice.sentence),
        });
        let sealed = services.vault.seal(&alert_place(tx.org(), id), content.to_string().as_bytes()).await?;
        let alert = NewAlert {
            id,
            kind: "incident",
            subject: notice.incident,
            channel: "email",
            recipient_mask: &mask_mail(&mail),
            sealed_content: sealed.as_bytes(),
            key_version: sealed.key_version(),
            due_at: services.clock.now(),
        };
        alerts::insert(tx, &alert).await?;
    }
    Ok(())
}
