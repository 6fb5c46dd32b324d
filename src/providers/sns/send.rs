//! Sending one message over SNS, as a transactional one: it is delivered rather than cheap.

use async_trait::async_trait;

use crate::domain::phone::PhoneNumber;
use crate::vault::{Credential, SecretFields};

use super::super::sms::{SendContext, SendError, SentMessage, SmsSender};
use super::SnsProvider;
use super::client::SnsClient;
use super::credentials::SnsCredentials;

#[async_trait]
impl SmsSender for SnsProvider {
    async fn send_text(
        &self,
        context: &SendContext<'_>,
        fields: &SecretFields,
        to: &PhoneNumber,
        text: &str,
    ) -> Result<SentMessage, SendError> {
        let credentials =
            SnsCredentials::from_fields(fields).map_err(|error| SendError::incomplete(self, &error))?;
        let client = SnsClient {
            egress: context.egress,
            base: &context.bases.aws,
            credentials: &credentials,
            bulkhead: context.bulkhead,
            deadline: context.deadline,
        };
        let mut form =
            vec![("PhoneNumber".to_owned(), to.to_string()), ("Message".to_owned(), text.to_owned())];
        let mut attributes = vec![("AWS.SNS.SMS.SMSType", "Transactional")];
        attributes.extend(credentials.sender_id.as_deref().map(|id| ("AWS.SNS.SMS.SenderID", id)));
        let number = credentials.origination_number.as_ref().map(PhoneNumber::as_str);
        attributes.extend(number.map(|number| ("AWS.MM.SMS.OriginationNumber", number)));
        for (at, (name, value)) in attributes.into_iter().enumerate() {
            let entry = format!("MessageAttributes.entry.{}", at + 1);
            form.push((format!("{entry}.Name"), name.to_owned()));
            form.push((format!("{entry}.Value.DataType"), "String".to_owned()));
            form.push((format!("{entry}.Value.StringValue"), value.to_owned()));
        }
        let form: Vec<(&str, &str)> =
            form.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        let sid = client.publish(&form).await.map_err(|error| error.failure())?;
        Ok(SentMessage { sid, status: "accepted".to_owned() })
    }
}
