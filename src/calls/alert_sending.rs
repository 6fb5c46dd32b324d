//! Sends alerts that are due, each once.
//!
//! The row says `sending` before anybody is asked. A process that dies in between leaves it so; whoever
//! takes it up looks at the messages that carried it: without one nothing was sent and it is sent now,
//! with one of unknown outcome it is parked. An e-mail has a key by which Resend knows a repetition, so
//! it may be sent again within the day that Resend remembers.

use std::time::Duration;

use serde::Deserialize;
use uuid::Uuid;

use super::CallError;
use super::messages::{self, NewText, Purpose};
use crate::db::alerts::{self, AlertRow, LeasedAlert};
use crate::db::{DbError, OrgTx};
use crate::domain::{OrgId, ProviderId, Use};
use crate::integrations::IntegrationError;
use crate::integrations::connect::bulkhead;
use crate::integrations::incidents::{Cause, Trouble, alert_place, close_later, note};
use crate::providers::egress::Deadline;
use crate::providers::mail::{Mail, MailError, MailFailure, Mailer};
use crate::providers::resend::{ResendClient, ResendCredentials};
use crate::providers::twilio::Channel;
use crate::state::Services;
use crate::vault::{Sealed, VaultError};

/// Alerts that are leased at a time.
const BATCH: i32 = 8;
/// How long a worker may hold one: two senders may be asked.
const LEASE_SECONDS: i32 = 60;
/// How long the providers have for one.
const DEADLINE: Duration = Duration::from_secs(20);
/// After this many attempts that surely sent nothing it is given up.
const MOST_ATTEMPTS: i32 = 5;
/// How long Resend knows the key of an e-mail.
const KEY_IS_KNOWN: time::Duration = time::Duration::hours(23);

/// Said about an alert whose process died while it was being sent.
const STOPPED: &str =
    "The service stopped while this alert was being sent, so nobody knows whether it went out.";

#[derive(Deserialize)]
struct Content {
    to: String,
    subject: String,
    text: String,
}

/// How a send ended.
enum End {
    Sent,
    /// Somebody said no; repeating it changes nothing.
    Failed(String),
    /// Nobody knows.
    Parked(String),
    /// It may be sent again: it surely was not, or a repetition is known as one.
    NotYet {
        why: String,
        is_unknown: bool,
    },
}

/// Sends everything that is due now.
///
/// # Errors
/// Where the database does not say what is due; how one alert ends is its own affair.
pub async fn send_due(services: &Services) -> Result<(), DbError> {
    loop {
        let due = alerts::lease(&services.pool, services.clock.now(), BATCH, LEASE_SECONDS).await?;
        let is_last = due.len() < BATCH as usize;
        for leased in due {
            if let Err(error) = send(services, leased).await {
                // The lease runs out, and whoever takes it up looks what became of it.
                tracing::warn!(error = &error as &dyn std::error::Error, org = %leased.org_id, alert = %leased.id, "an alert is left to be taken up again");
            }
        }
        if is_last {
            return Ok(());
        }
    }
}

async fn send(services: &Services, leased: LeasedAlert) -> Result<(), DbError> {
    let LeasedAlert { org_id: org, id, attempts, was_sending } = leased;
    let mut tx = OrgTx::service(&services.pool, org).await?;
    let row = alerts::find_sending(&mut tx, id).await?;
    tx.commit().await?;
    let Some(row) = row else { return Ok(()) };
    let end = match known(&row) {
        Some(end) => end,
        None => match open(services, org, id, row.sealed_content.clone()).await {
            Ok(content) if row.channel == "sms" => send_text(services, org, id, &row, &content).await,
            Ok(_) if was_sending && !is_key_known(services, id) => End::Parked(STOPPED.to_owned()),
            Ok(content) => send_mail(services, org, id, &content).await,
            Err(error) if error.is_transient() => return Ok(()),
            Err(_) => End::Failed("What the alert says can not be read any more.".to_owned()),
        },
    };
    let mut tx = OrgTx::service(&services.pool, org).await?;
    match &end {
        End::Sent => alerts::finish(&mut tx, id, "sent", None).await?,
        End::Failed(why) => alerts::finish(&mut tx, id, "failed", Some(why)).await?,
        End::Parked(why) => alerts::finish(&mut tx, id, "parked", Some(why)).await?,
        End::NotYet { why, is_unknown } if attempts >= MOST_ATTEMPTS => {
            let status = if *is_unknown { "parked" } else { "failed" };
            alerts::finish(&mut tx, id, status, Some(why)).await?;
        }
        End::NotYet { why, .. } => {
            let pause = time::Duration::seconds(i64::from(5 * attempts * attempts));
            alerts::put_off(&mut tx, id, services.clock.now() + pause, why).await?;
        }
    }
    tx.commit().await?;
    if let End::Failed(why) | End::Parked(why) = &end {
        tracing::warn!(%org, alert = %id, why, "an alert did not go out");
    }
    Ok(())
}

/// What the messages of an earlier process say about an alert by text message.
fn known(row: &AlertRow) -> Option<End> {
    if row.is_out {
        return Some(End::Sent);
    }
    row.is_unknown.then(|| End::Parked(STOPPED.to_owned()))
}

async fn open(
    services: &Services,
    org: OrgId,
    id: Uuid,
    sealed: Option<Vec<u8>>,
) -> Result<Content, VaultError> {
    let sealed = Sealed::parse(sealed.ok_or(VaultError::UnreadableFields)?)?;
    let opened = services.vault.open_at(&alert_place(org, id), &sealed).await?;
    serde_json::from_slice(opened.expose()).map_err(|_| VaultError::UnreadableFields)
}

async fn send_text(services: &Services, org: OrgId, id: Uuid, row: &AlertRow, content: &Content) -> End {
    let parsed = NewText::parse(&content.to, &content.text, Channel::Sms, Purpose::Alert, None);
    let mut new = match parsed {
        Ok(new) => new,
        Err(error) => return End::Failed(error.sentence()),
    };
    new.alert_id = Some(id);
    new.call_id.clone_from(&row.call_id);
    match messages::send(services, org, new, Deadline::after(DEADLINE)).await {
        Ok(_) => End::Sent,
        Err(error @ CallError::Undetermined(_)) => End::Parked(error.sentence()),
        Err(error) if is_passing(&error) => End::NotYet { why: error.sentence(), is_unknown: false },
        Err(error) => End::Failed(error.sentence()),
    }
}

fn is_passing(error: &CallError) -> bool {
    match error {
        CallError::Integration(error) => error.is_passing(),
        CallError::NoSender { first, second } => is_passing(first) || is_passing(second),
        CallError::Db(error) => matches!(error, DbError::Unavailable(_)),
        CallError::Invalid { .. }
        | CallError::Undetermined(_)
        | CallError::Conflict { .. }
        | CallError::Limited { .. }
        | CallError::Event(_) => false,
    }
}

async fn send_mail(services: &Services, org: OrgId, id: Uuid, content: &Content) -> End {
    const ID: ProviderId = ProviderId::Resend;
    let opened = match services.vault.open::<ResendCredentials>(org).await {
        Ok(opened) => opened,
        Err(error) if error.is_transient() => {
            return End::NotYet { why: "The database did not answer.".to_owned(), is_unknown: false };
        }
        Err(error) => {
            let error = IntegrationError::from(error);
            if let Some(trouble) = super::incidents::of_error(ID, &error) {
                note(services, org, &trouble).await;
            }
            return End::Failed(error.sentence());
        }
    };
    let client = ResendClient::new(
        &services.egress,
        &services.bases.resend,
        &opened.credentials,
        bulkhead(org, ID),
        Deadline::after(DEADLINE),
    );
    let once = id.to_string();
    let mail = Mail { to: &content.to, subject: &content.subject, text: &content.text, once: &once };
    match client.send(&mail).await {
        Ok(_) => {
            services.uses.integration(org, opened.integration_id, Use::Alert);
            close_later(services, org, ID);
            End::Sent
        }
        Err(error) => {
            let cause = if error.kind == MailFailure::Refused { Cause::Refused } else { Cause::Unreachable };
            note(services, org, &Trouble { provider: ID, cause, sentence: error.sentence.clone() }).await;
            ended(services, id, &error)
        }
    }
}

/// With the same key an e-mail goes out once, so one of unknown outcome is sent again, while Resend
/// knows the key.
fn ended(services: &Services, id: Uuid, error: &MailError) -> End {
    let why = error.sentence.clone();
    match error.kind {
        MailFailure::Refused => End::Failed(why),
        MailFailure::Undetermined if !is_key_known(services, id) => End::Parked(why),
        MailFailure::Undetermined => End::NotYet { why, is_unknown: true },
        MailFailure::NotSent => End::NotYet { why, is_unknown: false },
    }
}

/// Whether Resend still knows the key of an e-mail. It may have seen it when the alert was made at the
/// earliest, which its id tells.
fn is_key_known(services: &Services, id: Uuid) -> bool {
    let made = id.get_timestamp().map(|at| i64::try_from(at.to_unix().0).unwrap_or(i64::MAX));
    services.clock.unix().saturating_sub(made.unwrap_or(0)) < KEY_IS_KNOWN.whole_seconds()
}
