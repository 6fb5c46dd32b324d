//! Calling one endpoint by hand: a program or a person wants its answer now.
//!
//! The event and its delivery are written before the first try, as any other. The tries are made here, three
//! at most, and all of them together take 15 seconds at most: one that hangs leaves no time for another.
//! Should this process die meanwhile, a worker finds the delivery when the lease is over and writes down that
//! nobody knows what became of it. It sends nothing: whoever waited for the answer has gone.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use uuid::Uuid;

use super::problem;
use super::rows::SheetRows;
use crate::audit::Ended;
use crate::db::delivery_queue as queue;
use crate::db::outbound::Subscriber;
use crate::db::{DbError, OrgTx, endpoints};
use crate::domain::event_kinds::CALLED;
use crate::integrations::{Caller, IntegrationError};
use crate::state::Services;
use crate::webhooks::delivery::{self, Answer, Plan, TRY};
use crate::webhooks::outbound::{self, Payload, Told};
use crate::webhooks::retry::{Next, Outcome};

/// Tries of one call at most.
const TRIES: u32 = 3;
/// What is waited between them.
const PAUSES: [Duration; 2] = [Duration::from_millis(300), Duration::from_millis(1200)];
/// For how long no worker takes the delivery. All tries together take 15 seconds.
const HELD_SECONDS: f64 = 45.0;
/// The time that all tries of a call may take together.
const TOTAL: Duration = TRY;
/// A payload in bytes, as text.
const MOST_PAYLOAD: usize = 64 * 1024;
const MOST_METADATA: usize = 16 * 1024;

/// What is sent to one endpoint.
#[derive(Clone, Debug)]
pub struct CallInput {
    /// The whole body, as it is.
    pub payload: Value,
    /// Who or what wants it; the caller where nothing is said.
    pub triggered_by: Option<String>,
    /// An object, kept with the event and not sent.
    pub metadata: Option<Value>,
}

/// How a call ended.
#[derive(Clone, Debug)]
pub struct Called {
    pub event: Uuid,
    pub delivery: Uuid,
    pub succeeded: bool,
    pub attempts: u32,
    /// From the first try to the last answer.
    pub millis: u64,
    /// The last answer.
    pub answer: Answer,
}

/// Sends to one endpoint at once: three tries at most, 15 seconds in all. Each is recorded.
///
/// # Errors
/// [`IntegrationError::EndpointNotConfigured`] where there is none of that name, or it is switched off.
pub async fn call(
    services: &Services,
    caller: &Caller,
    name: &str,
    input: CallInput,
) -> Result<Called, IntegrationError> {
    call_within(services, caller, name, input, TOTAL).await
}

/// The same with another total, which tests can make short.
///
/// # Errors
/// As [`call`].
pub async fn call_within(
    services: &Services,
    caller: &Caller,
    name: &str,
    input: CallInput,
    total: Duration,
) -> Result<Called, IntegrationError> {
    caller.require_configure(services, "endpoint.called", name).await?;
    let triggered_by = triggered_by(caller, input.triggered_by)?;
    let metadata = input.metadata.unwrap_or_else(|| json!({}));
    let body = input.payload.to_string();
    if body.len() > MOST_PAYLOAD {
        return Err(problem("payload", "A payload has 64 KiB at most."));
    }
    if !metadata.is_object() || metadata.to_string().len() > MOST_METADATA {
        return Err(problem("metadata", "This is an object of 16 KiB at most."));
    }
    let payload = Payload { body, metadata };
    let told = Told {
        kind: CALLED,
        cause: "call",
        triggered_by: &triggered_by,
        call_id: None,
        held_seconds: HELD_SECONDS,
    };
    let mut tx = caller.begin(services).await?;
    let found = endpoints::find_by_name(&mut tx, name).await?.filter(|row| row.is_active);
    let Some(found) = found else { return Err(IntegrationError::EndpointNotConfigured) };
    let to = [Subscriber { id: found.id, workflow_name: found.workflow_name }];
    let (event, ids) = outbound::write(&mut tx, &services.vault, &told, &payload, &to).await?;
    caller.record(&mut tx, services, "endpoint.called", name, Ended::Success, &triggered_by).await?;
    tx.commit().await?;
    let delivery = *ids.first().ok_or(DbError::NotFound)?;
    // In a task of its own: a caller who goes away cuts no try in half.
    let services = services.shared().ok_or(IntegrationError::Busy)?;
    let org = caller.org();
    let task = tokio::spawn(async move {
        let began = Instant::now();
        let (answer, attempts) = tries(&services, org, delivery, (began, total)).await?;
        let millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let succeeded = answer.outcome == Outcome::Succeeded;
        Ok(Called { event, delivery, succeeded, attempts, millis, answer })
    });
    task.await.unwrap_or(Err(IntegrationError::Busy))
}

async fn tries(
    services: &Services,
    org: crate::domain::OrgId,
    delivery: Uuid,
    (began, total): (Instant, Duration),
) -> Result<(Answer, u32), IntegrationError> {
    let mut number = 0;
    loop {
        let mut tx = OrgTx::service(&services.pool, org).await?;
        // The first lease is the one under which the delivery was written.
        let job =
            queue::find_job(&mut tx, delivery, 1).await?.ok_or(IntegrationError::EndpointNotConfigured)?;
        tx.commit().await?;
        let left = total.saturating_sub(began.elapsed());
        let answer = delivery::send(services, &SheetRows, org, &job, left).await?;
        number += 1;
        let pause = PAUSES.get(number as usize - 1).copied();
        let is_last = number >= TRIES
            || pause.is_none_or(|pause| began.elapsed() + pause >= total)
            || !is_worth_another(answer.outcome);
        let next = delivery::record(services, org, &job, &answer, Plan::Waiting { is_last }).await?;
        match (next, pause) {
            (Next::Retry(_), Some(pause)) if !is_last => tokio::time::sleep(pause).await,
            _ => return Ok((answer, number)),
        }
    }
}

/// What the same request could not change within seconds is not tried again.
const fn is_worth_another(outcome: Outcome) -> bool {
    matches!(
        outcome,
        Outcome::Throttled | Outcome::ServerError | Outcome::Timeout | Outcome::Connection | Outcome::Name
    )
}

fn triggered_by(caller: &Caller, given: Option<String>) -> Result<String, IntegrationError> {
    let Some(given) = given else { return Ok(caller.actor()) };
    let given = given.trim().to_owned();
    if given.is_empty() || given.chars().count() > 120 || given.chars().any(char::is_control) {
        return Err(problem("triggeredBy", "Use 1 to 120 characters."));
    }
    Ok(given)
}
