//! `send_sms`: a text message with the clinic's own sender, or, where it surely did not go out and the
//! clinic has chosen so, an e-mail to the team.

use super::{Context, EFFECT, Ended};
use crate::calls::CallError;
use crate::calls::mail::{self, NewMail};
use crate::calls::messages::{self, NewText, Purpose};
use crate::calls::patients::Patient;
use crate::providers::egress::Deadline;
use crate::providers::twilio::Channel;

/// Said when a text message certainly did not go out.
const NO_SMS: &str = "I can not send text messages at the moment. The team will get back to you.";

pub(super) async fn run(context: &Context<'_>) -> Ended {
    let (services, org, call) = (context.services, context.org, context.call);
    let to = call.text(&["to", "phoneNumber", "phone", "number"]).or(context.about.caller.as_deref());
    let text = call.text(&["message", "text", "body"]).unwrap_or_default();
    let parsed = NewText::parse(to.unwrap_or_default(), text, Channel::Sms, Purpose::Tool, None);
    let sent = match parsed {
        Ok(new) => {
            let new = new.in_call(context.call_id);
            messages::send(services, org, new, Deadline::after(EFFECT)).await.map(|_| ())
        }
        Err(error) => Err(error),
    };
    match sent {
        Ok(()) => Ended::done("The text message is on its way."),
        Err(CallError::Limited { .. }) => {
            Ended::failed("I can not send more text messages now. I can take a message for the team.")
        }
        Err(CallError::Invalid { field: "to", .. }) => {
            Ended::failed("I need a phone number with its country code to send a text message.")
        }
        Err(CallError::Invalid { .. }) => Ended::failed("I need to know what the text message should say."),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, %org, "a text message of a call was not sent");
            match error {
                CallError::Undetermined(_) => Ended::parked(),
                _ => {
                    let to = to.unwrap_or_default();
                    let about = format!("A text message could not be sent during a call: {text}");
                    let patient = Patient::of(context.call.text(&["name"]), Some(to), Some(&about));
                    Ended::failed(mail_instead(context, to, text).await).or_note(patient, None)
                }
            }
        }
    }
}

async fn mail_instead(context: &Context<'_>, to: &str, text: &str) -> String {
    let address = &context.facts.fallbacks.sms_mail;
    if address.is_empty() {
        return NO_SMS.to_owned();
    }
    let new = NewMail {
        to: address.clone(),
        subject: format!("{}: a text message could not be sent", context.facts.name),
        text: format!("During a call, this text message to {to} could not be sent:\n\n{text}\n"),
        purpose: Purpose::Tool,
        call_id: Some(context.call_id.to_owned()),
    };
    match mail::send(context.services, context.org, &new, Deadline::after(EFFECT)).await {
        Ok(_) => "I can not send text messages at the moment. I have passed this on to the team.".to_owned(),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, org = %context.org, "the e-mail instead of a text message was not sent");
            NO_SMS.to_owned()
        }
    }
}
