//! Placing calls and bringing numbers to Vapi, and what Vapi's refusals of them mean.

use reqwest::Method;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::domain::phone::PhoneNumber;

use super::super::below;
use super::super::report::Explanation;
use super::super::twilio::{TwilioAuth, TwilioCredentials};
use super::client::VapiClient;
use super::errors::VapiError;
use super::records::{Made, PhoneNumberRecord};

/// A call to be placed.
pub struct NewCall<'a> {
    pub assistant: Uuid,
    pub phone_number: Uuid,
    pub customer: &'a PhoneNumber,
    /// At most 40 characters; empty for none.
    pub name: &'a str,
    /// Our own id of the call. Vapi gives it back with every message about it.
    pub reference: Uuid,
    /// What the assistant's texts refer to as `{{name}}`.
    pub variables: &'a Map<String, Value>,
}

impl VapiClient<'_> {
    /// Places a call and gives Vapi's id of it.
    pub async fn place_call(&self, call: &NewCall<'_>) -> Result<Uuid, VapiError> {
        let mut customer =
            json!({ "number": call.customer.as_str(), "externalId": call.reference.to_string() });
        if !call.name.is_empty() {
            customer["name"] = call.name.into();
        }
        let mut body = json!({
            "assistantId": call.assistant,
            "phoneNumberId": call.phone_number,
            "customer": customer,
        });
        if !call.variables.is_empty() {
            body["assistantOverrides"] = json!({ "variableValues": call.variables });
        }
        let url = below(self.base, &["call"]);
        Ok(self.write::<Made>(Method::POST, url, "/call", &body).await?.id)
    }

    /// Lets Vapi answer a number of the clinic's Twilio account. The number's webhook for text messages
    /// stays as it is at Twilio.
    pub async fn import_twilio_number(
        &self,
        number: &PhoneNumber,
        name: &str,
        assistant: Option<Uuid>,
        twilio: &TwilioCredentials,
    ) -> Result<PhoneNumberRecord, VapiError> {
        let mut body = json!({
            "provider": "twilio",
            "number": number.as_str(),
            "name": name,
            "twilioAccountSid": twilio.account_sid,
            "smsEnabled": false,
            "assistantId": assistant,
        });
        let secret = match &twilio.auth {
            TwilioAuth::AuthToken(token) => {
                body["twilioAuthToken"] = token.expose().into();
                token
            }
            TwilioAuth::ApiKey { sid, secret } => {
                body["twilioApiKey"] = sid.as_str().into();
                body["twilioApiSecret"] = secret.expose().into();
                secret
            }
        };
        let url = below(self.base, &["phone-number"]);
        // A refusal may quote what was sent.
        self.write(Method::POST, url, "/phone-number", &body)
            .await
            .map_err(|error| error.without(secret.expose()))
    }
}

impl VapiError {
    /// The same without a secret that was part of the request.
    fn without(self, secret: &str) -> Self {
        match self {
            VapiError::Invalid { messages } => VapiError::Invalid {
                messages: messages.into_iter().map(|text| text.replace(secret, "***")).collect(),
            },
            VapiError::Conflict { message } => {
                VapiError::Conflict { message: message.replace(secret, "***") }
            }
            other => other,
        }
    }

    /// What it means for a call that was to be placed.
    pub fn explain_call(&self) -> Explanation {
        let VapiError::Invalid { messages } = self else { return self.explain() };
        let said = messages.iter().map(|text| text.to_ascii_lowercase()).collect::<Vec<_>>().join(" ");
        let has = |word: &str| said.contains(word);
        if has("get assistant") || has("assistantid") {
            return Explanation::of(
                "Vapi does not know the outbound agent any more.",
                "Save the outbound agent under Agents, so that it is made again, and call once more.",
                "https://dashboard.vapi.ai/assistants",
            );
        }
        if has("get phone number") || has("phonenumberid") {
            return Explanation::of(
                "Vapi does not know the phone number that the call should come from.",
                "Refresh the list of phone numbers and choose another one.",
                "https://dashboard.vapi.ai/phone-numbers",
            );
        }
        if has("customer.number") || has("e.164") || has("e164") {
            return Explanation::of(
                "Vapi says that the number to be called is not a valid phone number.",
                "Check the number: it starts with + and the country code.",
                "https://docs.vapi.ai/calls/outbound-calling",
            );
        }
        if has("daily outbound") || has("international") || has("free vapi") || has("free number") {
            return Explanation::of(
                "Vapi does not allow this call from one of its free numbers.",
                "Import a number of your own Twilio account and call from it.",
                "https://docs.vapi.ai/free-telephony",
            );
        }
        Explanation {
            sentence: format!(
                "Vapi refused the call: {}.",
                messages.first().map_or("no reason given", |text| text.trim_end_matches('.'))
            )
            .into(),
            fix: "Change what Vapi names and call once more.".into(),
            url: "https://docs.vapi.ai/api-reference/calls/create".into(),
        }
    }

    /// What it means for a number that was to be brought to Vapi.
    pub fn explain_number(&self) -> Explanation {
        let VapiError::Invalid { messages } = self else { return self.explain() };
        Explanation {
            sentence: format!(
                "Vapi refused the number: {}.",
                messages.first().map_or("no reason given", |text| text.trim_end_matches('.'))
            )
            .into(),
            fix: "Check that the number belongs to the Twilio account that is connected, and can take calls."
                .into(),
            url: "https://dashboard.vapi.ai/phone-numbers".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> VapiError {
        VapiError::Invalid { messages: vec![text.to_owned()] }
    }

    #[test]
    fn each_refusal_of_a_call_has_its_own_words() {
        for (text, words) in [
            ("Couldn't Get Assistant. `assistantId` 1 Does Not Exist.", "outbound agent"),
            ("Couldn't Get Phone Number. Need Either `phoneNumberId` Or `phoneNumber`.", "should come from"),
            ("customer.number must be a valid phone number in the E.164 format", "not a valid phone number"),
            ("Numbers Bought On Vapi Have A Daily Outbound Call Limit.", "free numbers"),
            ("Something else.", "Vapi refused the call: Something else."),
        ] {
            let explanation = refused(text).explain_call();
            assert!(explanation.sentence.contains(words), "{explanation:?}");
            assert!(explanation.hint().is_some());
        }
        assert!(VapiError::KeyRejected.explain_call().sentence.contains("rejected the key"));
        assert!(refused("Number exists").explain_number().sentence.contains("Number exists"));
    }

    #[test]
    fn no_refusal_repeats_a_secret() {
        let error = refused("twilioAuthToken secret-token is not valid").without("secret-token");
        assert!(!format!("{error:?}{}", error.explain_number().sentence).contains("secret-token"));
    }
}
