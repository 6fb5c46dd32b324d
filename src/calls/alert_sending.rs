//! Sends alerts that are due, each once.
//!
//! The row says `sending` before anybody is asked. A process that dies in between leaves it so; whoever
//! takes it up looks at the messages that carried it: without one nothing was sent and it is sent now,
//! with one of unknown outcome it is parked. An e-mail has a key by which Resend knows a repetition, so
//! it may be sent again within the day that Resend remembers. Who sends how many at a time is in `jobs::alerts`.

use std::time::Duration;

use serde::Deserialize;
use uuid::Uuid;

use super::message_rows::TAKEN_OVER;
use super::messages::{self, NewText, Purpose};
use super::{CallError, mail};
use crate::db::alerts::{self, AlertRow, LeasedAlert};
use crate::db::messages::Once;
use crate::db::{DbError, OrgTx};
use crate::domain::{OrgId, Use};
use crate::providers::egress::Deadline;
use crate::providers::mail::{Mail, MailError, MailFailure};
use crate::providers::twilio::Channel;
use crate::state::Services;
use crate::vault::{Sealed, VaultError};
use crate::webhooks::owners::alert_place;

/// How long a worker may hold one: two senders may be asked.
const LEASE_SECONDS: i32 = 60;
/// How long the providers have for one.
const DEADLINE: Duration = Duration::from_secs(20);
/// Of one clinic's at the same time, wherever they are sent.
const PER_CLINIC: i32 = 2;
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
    /// Another worker has it now.
    TakenOver,
    /// It may be sent again: it surely was not, or a repetition is known as one.
    NotYet {
        why: String,
        is_unknown: bool,
    },
}

/// Takes alerts that are due now, at most so many, of each clinic only a few.
///
/// # Errors
/// Where the database does not say what is due.
pub async fn lease(services: &Services, most: i32) -> Result<Vec<LeasedAlert>, DbError> {
    alerts::lease(&services.pool, services.clock.now(), most, LEASE_SECONDS, PER_CLINIC).await
}

/// Sends one that was taken; how it ends is its own affair.
pub async fn send_leased(services: &Services, leased: LeasedAlert) {
    if let Err(error) = send(services, leased).await {
        // The lease runs out, and whoever takes it up looks what became of it.
        tracing::warn!(error = &error as &dyn std::error::Error, org = %leased.org_id, alert = %leased.id, "an alert is left to be taken up again");
    }
}

async fn send(services: &Services, leased: LeasedAlert) -> Result<(), DbError> {
    let LeasedAlert { org_id: org, id, attempts, was_sending } = leased;
    let mut tx = OrgTx::service(&services.pool, org).await?;
    // Whoever has waited here for longer than its lease finds that another one has it.
    let row = alerts::find_sending(&mut tx, id, attempts, LEASE_SECONDS).await?;
    tx.commit().await?;
    let Some(row) = row else { return Ok(()) };
    let end = match known(&row) {
        Some(end) => end,
        None => match open(services, org, id, row.sealed_content.clone()).await {
            Ok(content) if row.channel == "sms" => {
                send_text(services, org, (id, attempts), &row, &content).await
            }
            Ok(_) if was_sending && !is_key_known(services, id) => End::Parked(STOPPED.to_owned()),
            Ok(content) => send_mail(services, org, id, &content).await,
            Err(error) if error.is_transient() => return Ok(()),
            Err(_) => End::Failed("What the alert says can not be read any more.".to_owned()),
        },
    };
    let mut tx = OrgTx::service(&services.pool, org).await?;
    match &end {
        End::Sent => alerts::finish(&mut tx, id, attempts, "sent", None).await?,
        End::Failed(why) => alerts::finish(&mut tx, id, attempts, "failed", Some(why)).await?,
        End::Parked(why) => alerts::finish(&mut tx, id, attempts, "parked", Some(why)).await?,
        End::NotYet { why, is_unknown } if attempts >= MOST_ATTEMPTS => {
            let status = if *is_unknown { "parked" } else { "failed" };
            alerts::finish(&mut tx, id, attempts, status, Some(why)).await?;
        }
        End::NotYet { why, .. } => {
            let pause = time::Duration::seconds(i64::from(5 * attempts * attempts));
            alerts::put_off(&mut tx, id, attempts, services.clock.now() + pause, why).await?;
        }
        End::TakenOver => {}
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

async fn send_text(
    services: &Services,
    org: OrgId,
    (id, claim): (Uuid, i32),
    row: &AlertRow,
    content: &Content,
) -> End {
    let parsed = NewText::parse(&content.to, &content.text, Channel::Sms, Purpose::Alert, None);
    let mut new = match parsed {
        Ok(new) => new,
        Err(error) => return End::Failed(error.sentence()),
    };
    new.once = Some(Once::Alert { id, claim });
    new.call_id.clone_from(&row.call_id);
    match messages::send(services, org, new, Deadline::after(DEADLINE)).await {
        Ok(_) => End::Sent,
        Err(CallError::Conflict { code: TAKEN_OVER, .. }) => End::TakenOver,
        Err(error @ CallError::Undetermined(_)) => End::Parked(error.sentence()),
        Err(error) if error.is_passing() => End::NotYet { why: error.sentence(), is_unknown: false },
        Err(error) => End::Failed(error.sentence()),
    }
}

async fn send_mail(services: &Services, org: OrgId, id: Uuid, content: &Content) -> End {
    let opened = match mail::open(services, org).await {
        Ok(opened) => opened,
        Err(error) if error.is_passing() => {
            return End::NotYet { why: "The database did not answer.".to_owned(), is_unknown: false };
        }
        Err(error) => return End::Failed(error.sentence()),
    };
    let once = id.to_string();
    let new = Mail { to: &content.to, subject: &content.subject, text: &content.text, once: &once };
    match mail::post(services, org, &opened, &new, (Use::Alert, Deadline::after(DEADLINE))).await {
        Ok(_) => End::Sent,
        Err(error) => ended(services, id, &error),
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
