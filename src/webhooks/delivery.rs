//! One try to deliver an event: open what is sealed, sign, send, and write down what came of it.
//!
//! The row is there before the call and the result after it, so whatever dies in between, the event is
//! sent again under the same id: at least once. What follows from a try is decided in `retry`. Who
//! takes what off the queue is `jobs::deliveries`.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use serde_json::{Map, Value, json};
use url::Url;
use uuid::Uuid;

use super::breaker::SWITCH_OFF_AFTER;
use super::outbound::{OutboundError, Payload};
use super::retry::{self, Next, Outcome};
use super::signing;
use super::switch_off::switch_off;
use super::target::Target;
use crate::audit::AuditError;
use crate::db::delivery_queue::{self as queue, Job, Last, NewAttempt};
use crate::db::{DbError, OrgTx, endpoints};
use crate::domain::OrgId;
use crate::providers::egress::{Deadline, EgressError};
use crate::providers::hook::{HOOK_TIMEOUT, Post};
use crate::state::Services;
use crate::vault::{Place, Sealed, SecretText, VaultError};

/// The time that a try may take.
pub const TRY: Duration = HOOK_TIMEOUT;
/// What a value that is not shown is replaced with.
const HIDDEN: &str = "***";

/// Brings events to a destination that is no URL. It is handed in by whoever may know of tokens.
#[async_trait]
pub trait RowWriter: Send + Sync {
    /// Writes one event as a row.
    async fn write_row(&self, services: &Services, org: OrgId, row: &Row<'_>, deadline: Deadline) -> Answer;
}

/// An event on its way into a table.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// The same in every try: what was written once need not be written again.
    pub event: Uuid,
    pub kind: &'a str,
    /// The whole message, JSON.
    pub body: &'a str,
}

/// How a try ended. Its `Debug` leaves the answer out.
#[derive(Clone)]
pub struct Answer {
    pub outcome: Outcome,
    pub status: Option<u16>,
    pub retry_after: Option<Duration>,
    /// It may have arrived, and the destination can not tell a repetition: a person decides.
    pub is_unknown: bool,
    /// What went wrong, for people.
    pub error: Option<String>,
    pub request_headers: Value,
    pub response_headers: Value,
    /// The beginning of what came back.
    pub body: Vec<u8>,
    pub millis: i32,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer")
            .field("outcome", &self.outcome)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

impl Answer {
    /// Nothing was sent, and this is why.
    pub fn not_sent(error: impl Into<String>) -> Self {
        Self::failed(Outcome::NotSent, error)
    }

    /// No answer came, and this is why.
    pub fn failed(outcome: Outcome, error: impl Into<String>) -> Self {
        Self {
            outcome,
            status: None,
            retry_after: None,
            is_unknown: false,
            error: Some(error.into()),
            request_headers: json!({}),
            response_headers: json!({}),
            body: Vec::new(),
            millis: 0,
        }
    }
}

/// Why a try was not made or not written down. The delivery stays in the queue.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    #[error(transparent)]
    Db(#[from] DbError),
    #[error("something sealed could not be opened or sealed")]
    Vault(#[from] VaultError),
    #[error("the audit trail could not be written")]
    Audit(#[from] AuditError),
    #[error(transparent)]
    Outbound(#[from] OutboundError),
}

/// What is done when a try has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// As the schedule says.
    Schedule,
    /// Somebody waits for the answer: the next try is theirs, or there is none.
    Waiting { is_last: bool },
}

/// Where a signing secret is sealed.
pub fn secret_place(org: OrgId, secret: Uuid) -> Place<'static> {
    Place { org: Some(org), table: "endpoint_secrets", column: "sealed", provider: "", row: secret }
}

/// Where what came back is sealed.
pub fn answer_place(org: OrgId, attempt: Uuid) -> Place<'static> {
    Place { org: Some(org), table: "delivery_attempts", column: "sealed_answer", provider: "", row: attempt }
}

/// Makes one try. No transaction is open meanwhile.
///
/// # Errors
/// [`DeliveryError::Vault`] where the store did not answer; what can never be opened is an [`Answer`].
pub async fn send(
    services: &Services,
    rows: &dyn RowWriter,
    org: OrgId,
    job: &Job,
    within: Duration,
) -> Result<Answer, DeliveryError> {
    let deadline = Deadline::after(within);
    let began = Instant::now();
    let sent = match open(services, org, job).await {
        Ok(Some((payload, target, secrets))) => match job.destination.as_str() {
            "url" => post(services, job, &payload.body, target, &secrets, deadline).await,
            _ => {
                let row = Row { event: job.event_id, kind: &job.kind, body: &payload.body };
                rows.write_row(services, org, &row, deadline).await
            }
        },
        Ok(None) => Answer::not_sent("What was to be sent is older than the clinic keeps it."),
        Err(error) if error.is_unreadable() => {
            tracing::warn!(error = &error as &dyn std::error::Error, %org, delivery = %job.delivery_id, "a delivery can not be opened");
            Answer::not_sent("What is stored can not be read with the keys that this service has.")
        }
        Err(error) => return Err(error.into()),
    };
    let millis = i32::try_from(began.elapsed().as_millis()).unwrap_or(i32::MAX);
    Ok(Answer { millis, ..sent })
}

type Opened = (Payload, Target, Vec<SecretText>);

async fn open(services: &Services, org: OrgId, job: &Job) -> Result<Option<Opened>, VaultError> {
    let vault = &services.vault;
    let Some(sealed) = &job.sealed_payload else { return Ok(None) };
    let payload = Payload::open(vault, org, job.event_id, sealed.clone()).await?;
    let target = Target::open(vault, org, job.endpoint_id, &job.target).await?;
    let mut secrets = Vec::with_capacity(job.secrets.len());
    for (id, sealed) in job.secret_ids.iter().zip(&job.secrets) {
        let opened = vault.open_at(&secret_place(org, *id), &Sealed::parse(sealed.clone())?).await?;
        let text =
            String::from_utf8(opened.expose().to_vec()).map_err(|_| VaultError::Malformed("secret"))?;
        secrets.push(SecretText::new(text));
    }
    Ok(Some((payload, target, secrets)))
}

async fn post(
    services: &Services,
    job: &Job,
    body: &str,
    Target { address, mut headers }: Target,
    secrets: &[SecretText],
    deadline: Deadline,
) -> Answer {
    let Ok(url) = Url::parse(address.expose()) else {
        return Answer::failed(Outcome::Blocked, "The address of this endpoint is not one.");
    };
    let mut shown = Map::new();
    for (name, _) in &headers {
        shown.insert(name.clone(), json!(HIDDEN));
    }
    let id = job.event_id.to_string();
    let timestamp = services.clock.unix();
    let Some(signature) = signing::signatures(secrets, &id, timestamp, body) else {
        return Answer::not_sent("This endpoint has no signing secret. Rotate it to get one.");
    };
    for (name, value) in
        [("webhook-id", id), ("webhook-timestamp", timestamp.to_string()), ("webhook-signature", signature)]
    {
        let is_signature = name == "webhook-signature";
        shown.insert(name.to_owned(), json!(if is_signature { HIDDEN } else { &value }));
        headers.push((name.to_owned(), SecretText::new(value)));
    }
    let posted = services.egress.post(Post { url, headers: &headers, body: body.to_owned() }, deadline).await;
    let mut answer = match posted {
        Ok(posted) => Answer {
            outcome: Outcome::of_status(posted.status),
            status: Some(posted.status),
            retry_after: posted.retry_after,
            is_unknown: false,
            error: status_sentence(posted.status),
            response_headers: posted.headers.into_iter().map(|(name, value)| (name, json!(value))).collect(),
            body: posted.body.to_vec(),
            request_headers: json!({}),
            millis: 0,
        },
        Err(error) => Answer::failed(outcome_of(&error), error_sentence(&error)),
    };
    answer.request_headers = Value::Object(shown);
    answer
}

fn outcome_of(error: &EgressError) -> Outcome {
    match error {
        EgressError::Timeout | EgressError::Expired => Outcome::Timeout,
        EgressError::Dns => Outcome::Name,
        EgressError::Tls => Outcome::Tls,
        EgressError::Blocked(_) => Outcome::Blocked,
        EgressError::Invalid => Outcome::NotSent,
        EgressError::Connect
        | EgressError::Reset
        | EgressError::TooLarge
        | EgressError::BreakerOpen { .. } => Outcome::Connection,
    }
}

fn error_sentence(error: &EgressError) -> String {
    match error {
        EgressError::Blocked(why) => format!("The address of the endpoint may not be called: {why}."),
        EgressError::Invalid => "A header of the endpoint holds characters that can not be sent.".to_owned(),
        other => other.sentence("The endpoint"),
    }
}

fn status_sentence(status: u16) -> Option<String> {
    let what = match Outcome::of_status(status) {
        Outcome::Succeeded => return None,
        Outcome::Redirected => "it points to another address, which is not followed. Enter the final address",
        Outcome::Gone => "it wants nothing any more",
        Outcome::Throttled => "it is too busy right now",
        Outcome::Refused if matches!(status, 401 | 403) => {
            "it does not accept the headers that are sent along"
        }
        Outcome::Refused if status == 404 => "nothing is there. At n8n the workflow must be active",
        Outcome::Refused => "it does not accept the message",
        _ => "it has an error of its own",
    };
    Some(format!("The endpoint answered {status}: {what}."))
}

/// Writes a try down with everything that follows from it, in one transaction. Tells what follows.
///
/// # Errors
/// Nothing was written then, and the lease ends by itself.
pub async fn record(
    services: &Services,
    org: OrgId,
    job: &Job,
    answer: &Answer,
    plan: Plan,
) -> Result<Next, DeliveryError> {
    let id = Uuid::now_v7();
    let sealed = match answer.body.is_empty() {
        true => None,
        false => Some(services.vault.seal(&answer_place(org, id), &answer.body).await?),
    };
    let status = answer.status.map(i32::from);
    let new = NewAttempt {
        id,
        delivery: job.delivery_id,
        endpoint: job.endpoint_id,
        number: job.attempts + 1,
        outcome: answer.outcome.as_str(),
        succeeded: answer.outcome == Outcome::Succeeded,
        status_code: status,
        millis: answer.millis,
        error: answer.error.as_deref(),
        request_headers: &answer.request_headers,
        response_headers: &answer.response_headers,
        sealed_answer: sealed.as_ref().map(Sealed::as_bytes),
        key_version: sealed.as_ref().map(Sealed::key_version),
        answer_bytes: i32::try_from(answer.body.len()).unwrap_or(i32::MAX),
        claimed_at: job.claimed_at,
    };
    let mut tx = OrgTx::service(&services.pool, org).await?;
    let standing = queue::record(&mut tx, &new).await?.unwrap_or_default();
    let failing_for = Duration::from_secs_f64(standing.failing_seconds.max(0.0));
    // Looked up only where it could matter.
    let failing_days = match failing_for >= SWITCH_OFF_AFTER {
        true => endpoints::count_failing_days(&mut tx, job.endpoint_id).await?,
        false => 0,
    };
    let ruling = retry::rule(&retry::Ended {
        outcome: answer.outcome,
        retry_after: answer.retry_after,
        tries: u32::try_from(job.tries + 1).unwrap_or(u32::MAX),
        failures_in_row: standing.failures_in_row,
        failing_for,
        failing_days,
        delivery: job.delivery_id,
    });
    let next = match (plan, ruling.next) {
        (Plan::Waiting { is_last: true }, Next::Retry(_)) => Next::Dead,
        (_, Next::Retry(_)) if answer.is_unknown => Next::Dead,
        // Sealed away for good: no later try can be any better.
        (Plan::Schedule, Next::Retry(_))
            if answer.outcome == Outcome::NotSent && job.sealed_payload.is_none() =>
        {
            Next::Dead
        }
        (_, next) => next,
    };
    let last = Last { delivery: job.delivery_id, claim: job.claim, status, error: answer.error.as_deref() };
    match (plan, next) {
        (_, Next::Done) => queue::succeed(&mut tx, &last).await?,
        (Plan::Waiting { .. }, Next::Retry(_)) => queue::hold(&mut tx, &last).await?,
        (Plan::Schedule, Next::Retry(wait)) => queue::retry(&mut tx, &last, wait.as_secs_f64()).await?,
        (_, Next::Dead) => queue::end(&mut tx, &last, "dead").await?,
        (_, Next::Parked) => queue::end(&mut tx, &last, "parked").await?,
    }
    if let Some((time, rest)) = ruling.rest {
        endpoints::block(&mut tx, job.endpoint_id, time.as_secs_f64(), rest.as_str()).await?;
    }
    let is_off = match ruling.switch_off {
        Some(reason) => switch_off(services, &mut tx, job.endpoint_id, reason).await?,
        None => false,
    };
    tx.commit().await?;
    if is_off {
        services.alerts_due.notify_one();
    }
    metrics::counter!("voxanne_deliveries_total", "outcome" => answer.outcome.as_str()).increment(1);
    Ok(next)
}

/// What is said of a call by hand whose process ended before its answer was written down.
const CUT_OFF: &str = "The process that made this call ended in the middle of it, so nobody knows whether it arrived. \
     Look there before you send it again.";

/// Whether a delivery is a call by hand that its process left behind: whoever waited for it has gone, and
/// what is sent hours later is not what was asked for. A person may replay it; then it follows the schedule.
pub fn is_cut_off(job: &Job) -> bool {
    job.cause == "call" && job.rounds == 1
}

/// Ends such a call without a try.
///
/// # Errors
/// Nothing was written then, and the lease ends by itself.
pub async fn record_cut_off(services: &Services, org: OrgId, job: &Job) -> Result<(), DeliveryError> {
    let mut tx = OrgTx::service(&services.pool, org).await?;
    queue::abandon(&mut tx, job.delivery_id, job.claim, CUT_OFF).await?;
    tx.commit().await?;
    metrics::counter!("voxanne_deliveries_total", "outcome" => "cut_off").increment(1);
    Ok(())
}
