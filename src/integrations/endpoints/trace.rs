//! The way of one event out, stage by stage: stored, queued, taken by a worker, sent, answered or not.
//!
//! Read from what is recorded anyway; nothing is written for it. What was sent and answered is with each
//! delivery, in `deliveries`.

use std::time::Duration;

use time::OffsetDateTime;
use uuid::Uuid;

use crate::db::event_trace::{self as rows, ToldRow, TracedDelivery, TracedTry};
use crate::db::{DbError, OrgTx};

/// What happened at a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Written down together with its cause.
    Stored,
    Queued,
    /// A worker has taken it.
    Claimed,
    Sent {
        number: u32,
    },
    Answered {
        status: Option<u16>,
        millis: u32,
    },
    /// No answer, or one that says no: the outcome's word, the status where there was one, and why.
    Failed {
        outcome: String,
        status: Option<u16>,
        millis: u32,
        why: Option<String>,
    },
    /// The next try is put off until then.
    Waiting,
    /// Every try has failed.
    Dead,
    /// Its endpoint was switched off, or is gone.
    Parked {
        why: Option<String>,
    },
}

impl Step {
    /// The word in the interface.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Step::Stored => "stored",
            Step::Queued => "queued",
            Step::Claimed => "claimed",
            Step::Sent { .. } => "sent",
            Step::Answered { .. } => "answered",
            Step::Failed { .. } => "failed",
            Step::Waiting => "waiting",
            Step::Dead => "dead",
            Step::Parked { .. } => "parked",
        }
    }
}

/// A stage, and when it was reached; of what waits, when it goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    pub step: Step,
    pub at: OffsetDateTime,
}

/// The way to one endpoint.
#[derive(Clone, Debug)]
pub struct Way {
    pub delivery: TracedDelivery,
    pub stages: Vec<Stage>,
}

/// An event with all its ways.
#[derive(Clone, Debug)]
pub struct Trace {
    pub event: ToldRow,
    pub ways: Vec<Way>,
}

impl Trace {
    /// Whether somebody sent it to try things out.
    pub fn is_test(&self) -> bool {
        self.ways.iter().any(|way| way.delivery.cause == "test")
    }
}

/// Reads the way of an event; none where there is no such event.
pub async fn find(tx: &mut OrgTx, event: Uuid) -> Result<Option<Trace>, DbError> {
    let Some(event) = rows::find(tx, event).await? else { return Ok(None) };
    let deliveries = rows::list_deliveries(tx, event.id).await?;
    let tries = rows::list_tries(tx, event.id).await?;
    let ways = deliveries
        .into_iter()
        .map(|delivery| {
            let own = tries.iter().filter(|one| one.delivery_id == delivery.id);
            let stages = stages(event.created_at, &delivery, own);
            Way { delivery, stages }
        })
        .collect();
    Ok(Some(Trace { event, ways }))
}

fn stages<'a>(
    stored_at: OffsetDateTime,
    delivery: &TracedDelivery,
    tries: impl Iterator<Item = &'a TracedTry>,
) -> Vec<Stage> {
    let mut stages = vec![
        Stage { step: Step::Stored, at: stored_at },
        Stage { step: Step::Queued, at: delivery.created_at },
    ];
    let mut last = delivery.created_at;
    for one in tries {
        let number = u32::try_from(one.number).unwrap_or_default();
        let millis = u32::try_from(one.millis).unwrap_or_default();
        let status = one.status_code.and_then(|code| u16::try_from(code).ok());
        // What is recorded is the end of a try and how long it took.
        let sent_at = (one.attempted_at - Duration::from_millis(u64::from(millis))).max(last);
        let claimed_at = one.claimed_at.unwrap_or(sent_at).clamp(last, sent_at);
        stages.push(Stage { step: Step::Claimed, at: claimed_at });
        stages.push(Stage { step: Step::Sent { number }, at: sent_at });
        let step = if one.outcome == "succeeded" {
            Step::Answered { status, millis }
        } else {
            Step::Failed { outcome: one.outcome.clone(), status, millis, why: one.error.clone() }
        };
        stages.push(Stage { step, at: one.attempted_at });
        last = one.attempted_at;
    }
    let end = delivery.finished_at.unwrap_or(last).max(last);
    match delivery.status.as_str() {
        "pending" if delivery.is_held => stages.push(Stage { step: Step::Claimed, at: last }),
        "pending" => stages.push(Stage { step: Step::Waiting, at: delivery.due_at.unwrap_or(last) }),
        "dead" => stages.push(Stage { step: Step::Dead, at: end }),
        "parked" => {
            stages.push(Stage { step: Step::Parked { why: delivery.last_error.clone() }, at: end });
        }
        _ => {}
    }
    stages
}

#[cfg(test)]
mod tests {
    use super::*;

    const EPOCH: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    fn at(millis: i64) -> OffsetDateTime {
        EPOCH + time::Duration::milliseconds(millis)
    }

    fn delivery(status: &str, is_held: bool) -> TracedDelivery {
        TracedDelivery {
            id: Uuid::nil(),
            workflow_name: "crm".to_owned(),
            cause: "test".to_owned(),
            status: status.to_owned(),
            last_error: None,
            created_at: at(1),
            finished_at: None,
            due_at: Some(at(9_000)),
            is_held,
        }
    }

    fn one(outcome: &str, status_code: Option<i32>, ended: i64) -> TracedTry {
        TracedTry {
            delivery_id: Uuid::nil(),
            number: 1,
            outcome: outcome.to_owned(),
            status_code,
            millis: 40,
            error: Some("it said no".to_owned()),
            claimed_at: Some(at(ended - 50)),
            attempted_at: at(ended),
        }
    }

    fn words(delivery: &TracedDelivery, tries: &[TracedTry]) -> Vec<(&'static str, OffsetDateTime)> {
        stages(EPOCH, delivery, tries.iter()).iter().map(|stage| (stage.step.as_str(), stage.at)).collect()
    }

    #[test]
    fn a_way_is_told_in_order_and_ends_with_what_is_next() {
        let tries = [one("succeeded", Some(200), 200)];
        let told = words(&delivery("succeeded", false), &tries);
        assert_eq!(
            told,
            [
                ("stored", at(0)),
                ("queued", at(1)),
                ("claimed", at(150)),
                ("sent", at(160)),
                ("answered", at(200))
            ]
        );
        let tries = [one("server_error", Some(500), 200)];
        let told = words(&delivery("pending", false), &tries);
        assert_eq!(told[4..], [("failed", at(200)), ("waiting", at(9_000))]);
        assert_eq!(words(&delivery("pending", true), &[])[2..], [("claimed", at(1))]);
        assert_eq!(words(&delivery("dead", false), &tries)[5..], [("dead", at(200))]);
        assert_eq!(words(&delivery("parked", false), &[])[2..], [("parked", at(1))]);
    }
}
