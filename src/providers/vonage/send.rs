//! Sending one message over Vonage.

use async_trait::async_trait;

use crate::domain::phone::PhoneNumber;
use crate::vault::{Credential, SecretFields};

use super::super::report::Explanation;
use super::super::sms::{SendContext, SendError, SendFailure, SentMessage, SmsSender};
use super::VonageProvider;
use super::client::VonageClient;
use super::credentials::{VonageCredentials, digits};
use super::errors::VonageError;
use super::records::SendAnswer;

/// The characters of a plain text message (GSM 03.38 with its extension). All others need `unicode`.
const PLAIN: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà^{}\\[~]|€";

#[async_trait]
impl SmsSender for VonageProvider {
    async fn send_text(
        &self,
        context: &SendContext<'_>,
        fields: &SecretFields,
        to: &PhoneNumber,
        text: &str,
    ) -> Result<SentMessage, SendError> {
        let credentials =
            VonageCredentials::from_fields(fields).map_err(|error| SendError::incomplete(self, &error))?;
        let client = VonageClient {
            egress: context.egress,
            base: &context.bases.vonage,
            credentials: &credentials,
            bulkhead: context.bulkhead,
            deadline: context.deadline,
        };
        let form = [
            ("from", credentials.sender.as_str()),
            ("to", digits(to)),
            ("text", text),
            ("type", if is_plain(text) { "text" } else { "unicode" }),
        ];
        let answer = client.send(&form).await.map_err(|error| error.failure())?;
        read(&answer)
    }
}

fn is_plain(text: &str) -> bool {
    text.chars().all(|c| PLAIN.contains(c))
}

/// What the parts of a long message say together: one that was taken and one that was not leave half
/// a message at the recipient, which nobody may repeat.
fn read(answer: &SendAnswer) -> Result<SentMessage, SendError> {
    let taken = answer.messages.iter().find(|part| part.status == "0");
    let refused = answer.messages.iter().find(|part| part.status != "0");
    match (taken, refused) {
        (Some(part), None) => {
            let sid = part.message_id.clone().unwrap_or_default();
            Ok(SentMessage { sid, status: "accepted".to_owned() })
        }
        (None, Some(part)) => {
            Err(VonageError::from_status(&part.status, part.error_text.as_deref()).failure())
        }
        (Some(_), Some(part)) => {
            let of_part = VonageError::from_status(&part.status, part.error_text.as_deref());
            let explanation = Explanation {
                sentence: format!("Vonage took only a part of the message. {}", of_part.explain().sentence)
                    .into(),
                ..of_part.explain()
            };
            Err(SendError::of(SendFailure::Undetermined, of_part.reference(), &explanation))
        }
        (None, None) => {
            let shape = super::super::answer::Unexpected::OtherShape;
            Err(VonageError::Unexpected(shape).failure())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(json: &str) -> Result<SentMessage, SendError> {
        read(&serde_json::from_str(json).expect(json))
    }

    #[test]
    fn what_is_not_plain_goes_as_unicode() {
        assert!(is_plain("Grüße: 20 € [Ø] @ 9:00"));
        assert!(!is_plain("\u{1f525} Hot Lead!") && !is_plain("Привет"));
    }

    #[test]
    fn the_parts_of_a_message_are_read_together() {
        let sent = answer(
            r#"{"message-count":"2","messages":[{"status":"0","message-id":"A"},{"status":0,"message-id":"B"}]}"#,
        );
        assert_eq!(sent.map(|sent| sent.sid), Ok("A".to_owned()));
        let refused =
            answer(r#"{"messages":[{"status":"4","error-text":"Bad Credentials"}]}"#).expect_err("4");
        assert_eq!((refused.kind, refused.code.as_deref()), (SendFailure::Refused, Some("4")));
        let half =
            answer(r#"{"messages":[{"status":"0","message-id":"A"},{"status":"9"}]}"#).expect_err("half");
        assert_eq!(half.kind, SendFailure::Undetermined);
        assert!(half.sentence.contains("only a part"), "{half}");
        assert_eq!(answer(r#"{"messages":[]}"#).expect_err("none").kind, SendFailure::Undetermined);
    }
}
