//! Calls to Twilio, each with the credential that it is given and no other.
//!
//! Nothing is retried here.

use reqwest::Method;
use serde::de::DeserializeOwned;
use url::Url;

use crate::domain::phone::PhoneNumber;

use super::super::egress::{ANSWER_LIMIT, Auth, Body, BulkheadKey, Call, Deadline, Egress};
use super::super::{answer, below};
use super::credentials::TwilioCredentials;
use super::errors::TwilioError;
use super::records::{Account, Balance, NumberList, OwnedNumber, Service};

const VERSION: &str = "2010-04-01";

/// Twilio, as seen with one credential, for one piece of work.
#[derive(Clone, Copy)]
pub struct TwilioClient<'a> {
    pub egress: &'a Egress,
    pub base: &'a Url,
    pub credentials: &'a TwilioCredentials,
    pub bulkhead: BulkheadKey,
    pub deadline: Deadline,
}

impl TwilioClient<'_> {
    /// The account itself. A standard API key may not ask for it.
    pub async fn account(&self) -> Result<Account, TwilioError> {
        let file = format!("{}.json", self.credentials.account_sid);
        let url = below(self.base, &[VERSION, "Accounts", &file]);
        self.get(url, "/2010-04-01/Accounts/{sid}.json").await
    }

    /// What is left on the account. An API key may not ask for it.
    pub async fn balance(&self) -> Result<Balance, TwilioError> {
        self.get(self.resource("Balance.json"), "/2010-04-01/Accounts/{sid}/Balance.json").await
    }

    /// Any number of the account: the cheapest question that an API key may ask.
    pub async fn any_number(&self) -> Result<Option<OwnedNumber>, TwilioError> {
        self.first_number(None).await
    }

    /// The account's number that is exactly this one.
    pub async fn own_number(&self, number: &PhoneNumber) -> Result<Option<OwnedNumber>, TwilioError> {
        let found = self.first_number(Some(number)).await?;
        // Twilio's filter also matches parts of a number.
        Ok(found.filter(|owned| owned.phone_number == number.as_str()))
    }

    /// A Messaging Service of the account.
    pub async fn messaging_service(&self, sid: &str) -> Result<Service, TwilioError> {
        let url = below(&messaging_base(self.base), &["v1", "Services", sid]);
        self.get(url, "/v1/Services/{sid}").await
    }

    async fn first_number(&self, number: Option<&PhoneNumber>) -> Result<Option<OwnedNumber>, TwilioError> {
        let mut url = self.resource("IncomingPhoneNumbers.json");
        if let Some(number) = number {
            url.query_pairs_mut().append_pair("PhoneNumber", number.as_str());
        }
        url.query_pairs_mut().append_pair("PageSize", "1");
        let list: NumberList = self.get(url, "/2010-04-01/Accounts/{sid}/IncomingPhoneNumbers.json").await?;
        Ok(list.incoming_phone_numbers.into_iter().next())
    }

    /// Posts a form to a resource of the account.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        resource: &str,
        template: &'static str,
        form: &[(&str, &str)],
    ) -> Result<T, TwilioError> {
        self.call(Method::POST, self.resource(resource), template, Body::Form(form)).await
    }

    fn resource(&self, name: &str) -> Url {
        below(self.base, &[VERSION, "Accounts", &self.credentials.account_sid, name])
    }

    async fn get<T: DeserializeOwned>(&self, url: Url, template: &'static str) -> Result<T, TwilioError> {
        self.call(Method::GET, url, template, Body::Empty).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        url: Url,
        template: &'static str,
        body: Body<'_>,
    ) -> Result<T, TwilioError> {
        let (user, password) = self.credentials.basic();
        let call = Call {
            method,
            url,
            template,
            auth: Auth::Basic { user, password: password.expose() },
            body,
            bulkhead: self.bulkhead,
            answer_limit: ANSWER_LIMIT,
        };
        let reply = self.egress.send(call, self.deadline).await.map_err(TwilioError::Transport)?;
        if !(200..300).contains(&reply.status) {
            return Err(TwilioError::from_reply(&reply));
        }
        answer::read(&reply).map_err(TwilioError::Unexpected)
    }
}

/// Messaging Services have a host of their own at Twilio: `messaging` in the place of `api`. A
/// stand-in serves both.
fn messaging_base(base: &Url) -> Url {
    let mut messaging = base.clone();
    if let Some(rest) = base.host_str().and_then(|host| host.strip_prefix("api."))
        && rest.ends_with("twilio.com")
    {
        // A host that can not be set leaves the base as it was, and Twilio answers 404.
        let _ = messaging.set_host(Some(&format!("messaging.{rest}")));
    }
    messaging
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messaging_services_are_asked_for_at_their_own_host() {
        let of = |text: &str| messaging_base(&Url::parse(text).expect(text)).to_string();
        assert_eq!(of("https://api.twilio.com"), "https://messaging.twilio.com/");
        assert_eq!(of("https://api.dublin.ie1.twilio.com"), "https://messaging.dublin.ie1.twilio.com/");
        assert_eq!(of("http://127.0.0.1:4020"), "http://127.0.0.1:4020/");
    }
}
