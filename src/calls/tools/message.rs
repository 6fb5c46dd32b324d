//! `take_message`: a note for the team.

use super::{Context, Ended};
use crate::calls::notes::{self, NoteKind};
use crate::calls::patients::Patient;

pub(super) async fn run(context: &Context<'_>) -> Ended {
    let call = context.call;
    let text = call.text(&["message", "text", "note", "notes", "body"]);
    if text.is_none() {
        return Ended::failed("I need to know what the message says.");
    }
    let wants_call = call.is_yes(&["callBack", "callback", "wantsCallback"]);
    let kind = if wants_call { NoteKind::CallBack } else { NoteKind::Message };
    let patient = Patient::of(call.text(&["name", "callerName", "patientName"]), context.phone(), text);
    match notes::take(context.services, context.org, context.call_id, kind, &patient).await {
        // A call leaves one call-back; what is said after it is a message of its own.
        Ok(None) => {
            match notes::take(context.services, context.org, context.call_id, NoteKind::Message, &patient)
                .await
            {
                Ok(_) => Ended::done("The team has your message."),
                Err(error) => failed(context, &error),
            }
        }
        Ok(Some(_)) if wants_call => Ended::done("The team has your message and will call you back."),
        Ok(Some(_)) => Ended::done("The team has your message."),
        Err(error) => failed(context, &error),
    }
}

fn failed(context: &Context<'_>, error: &crate::calls::CallError) -> Ended {
    tracing::error!(error = error as &dyn std::error::Error, org = %context.org, "a message for the team was not kept");
    Ended::failed("I can not leave a message at the moment. Please call again later.")
}
