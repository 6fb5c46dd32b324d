//! Samples of events: made-up data that says it is a test, on the way of a real event, to one endpoint or
//! to all that listen. What becomes of it is told by `trace`.

use uuid::Uuid;

use super::problem;
use crate::audit::Ended;
use crate::db::outbound::{self as rows, Subscriber};
use crate::db::{DbError, endpoints};
use crate::integrations::{Caller, IntegrationError};
use crate::state::Services;
use crate::webhooks::event_data::EventData;
use crate::webhooks::outbound::{self, Payload, Told};

/// Who is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To<'a> {
    /// One endpoint, whatever it listens to.
    One(&'a str),
    /// Every endpoint that is switched on and listens to the kind.
    AllThatListen,
}

/// What was put into the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sampled {
    /// The id that every receiver sees, the same in every try.
    pub event: Uuid,
    pub deliveries: Vec<Uuid>,
}

/// Puts a sample of a kind of event into the queue, so that it takes the way of a real one.
///
/// # Errors
/// [`IntegrationError::EndpointNotConfigured`] where the one is not there or switched off;
/// [`IntegrationError::Invalid`] for a kind that there is not, or that nobody listens to.
pub async fn send(
    services: &Services,
    caller: &Caller,
    to: To<'_>,
    kind: &str,
) -> Result<Sampled, IntegrationError> {
    let target = match to {
        To::One(name) => name,
        To::AllThatListen => "all that listen",
    };
    caller.require_configure(services, "endpoint.tested", target).await?;
    let sample = EventData::sample(kind).ok_or_else(|| problem("kind", "There is no such event."))?;
    let kind = sample.kind();
    let payload = Payload::sample(kind, &sample.value(), services.clock.now());
    let by = caller.actor();
    let told = Told { kind, cause: "test", triggered_by: &by, call_id: None, held_seconds: 0.0 };
    let mut tx = caller.begin(services).await?;
    let to = match to {
        To::One(name) => {
            let found = endpoints::find_by_name(&mut tx, name).await?.filter(|row| row.is_active);
            let found = found.ok_or(IntegrationError::EndpointNotConfigured)?;
            vec![Subscriber { id: found.id, workflow_name: found.workflow_name }]
        }
        To::AllThatListen => rows::list_subscribers(&mut tx, kind, None).await?,
    };
    if to.is_empty() {
        return Err(problem("workflowName", "No endpoint that is switched on listens to this event."));
    }
    let (event, deliveries) = outbound::write(&mut tx, &services.vault, &told, &payload, &to).await?;
    caller.record(&mut tx, services, "endpoint.tested", target, Ended::Success, kind).await?;
    tx.commit().await?;
    Ok(Sampled { event, deliveries })
}

/// The same for one endpoint; its delivery's id.
///
/// # Errors
/// As [`send`].
pub async fn send_to_one(
    services: &Services,
    caller: &Caller,
    name: &str,
    kind: &str,
) -> Result<Uuid, IntegrationError> {
    let sampled = send(services, caller, To::One(name), kind).await?;
    Ok(*sampled.deliveries.first().ok_or(DbError::NotFound)?)
}
