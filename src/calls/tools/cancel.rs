//! `cancel_appointment`: cancelled here at once; the worker takes the event out of the calendar, however
//! long that is away.

use super::{Context, Ended, own};
use crate::calls::appointments;
use crate::calls::clinic::timestamp;

pub(super) async fn run(context: &Context<'_>) -> Ended {
    let row = match own::find(context, &["start", "date", "dateTime"]).await {
        Ok(row) => row,
        Err(ended) => return ended,
    };
    match appointments::cancel_in_call(context.services, context.org, row.id, context.call_id).await {
        Ok(_) => {
            let at = context.facts.spoken(timestamp(row.starts_at));
            Ended::done(format!("The appointment on {at} is cancelled."))
        }
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, org = %context.org, "an appointment could not be cancelled during a call");
            Ended::failed("I can not cancel that at the moment. I can take a message for the team.")
        }
    }
}
