//! Calls to SNS and STS, each with the credential that it is given and no other. Nothing is retried
//! here.

use std::time::SystemTime;

use reqwest::Method;
use url::{Url, form_urlencoded};

use super::super::answer::Unexpected;
use super::super::egress::{
    ANSWER_LIMIT, Auth, Body, BulkheadKey, Call, Deadline, Egress, EgressError, Reply,
};
use super::credentials::SnsCredentials;
use super::errors::SnsError;
use super::{sign, xml};

/// AWS, as seen with one credential, for one piece of work.
#[derive(Clone, Copy)]
pub struct SnsClient<'a> {
    pub egress: &'a Egress,
    pub base: &'a Url,
    pub credentials: &'a SnsCredentials,
    pub bulkhead: BulkheadKey,
    pub deadline: Deadline,
}

/// Who an access key belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerIdentity {
    /// Twelve digits.
    pub account: String,
    pub arn: Option<String>,
}

/// A service of AWS, with the version of its interface.
#[derive(Clone, Copy)]
enum Service {
    Sns,
    Sts,
}

impl Service {
    const fn word(self) -> &'static str {
        match self {
            Service::Sns => "sns",
            Service::Sts => "sts",
        }
    }

    const fn version(self) -> &'static str {
        match self {
            Service::Sns => "2010-03-31",
            Service::Sts => "2011-06-15",
        }
    }
}

impl SnsClient<'_> {
    /// Who the key belongs to: the one question that needs no permission.
    pub async fn identity(&self) -> Result<CallerIdentity, SnsError> {
        let answer = self.call(Service::Sts, "GetCallerIdentity", "sts:GetCallerIdentity", &[]).await?;
        let account = xml::text_of(&answer, "Account");
        let account = account.ok_or(SnsError::Unexpected(Unexpected::OtherShape))?;
        Ok(CallerIdentity { account, arn: xml::text_of(&answer, "Arn") })
    }

    /// Whether the account is in the sandbox, which sends to verified numbers only.
    pub async fn is_in_sandbox(&self) -> Result<bool, SnsError> {
        let action = "GetSMSSandboxAccountStatus";
        let answer = self.call(Service::Sns, action, "sns:GetSMSSandboxAccountStatus", &[]).await?;
        match xml::text_of(&answer, "IsInSandbox").as_deref() {
            Some("true") => Ok(true),
            Some("false") => Ok(false),
            _ => Err(SnsError::Unexpected(Unexpected::OtherShape)),
        }
    }

    /// What text messages may cost in a month, in US dollars, as AWS writes it; none where the
    /// account has AWS's default.
    pub async fn spend_limit(&self) -> Result<Option<String>, SnsError> {
        let answer = self.call(Service::Sns, "GetSMSAttributes", "sns:GetSMSAttributes", &[]).await?;
        Ok(xml::entry(&answer, "MonthlySpendLimit"))
    }

    /// Sends a text message; gives AWS's id of it.
    pub(super) async fn publish(&self, form: &[(&str, &str)]) -> Result<String, SnsError> {
        let answer = self.call(Service::Sns, "Publish", "sns:Publish", form).await?;
        xml::text_of(&answer, "MessageId").ok_or(SnsError::Unexpected(Unexpected::OtherShape))
    }

    async fn call(
        &self,
        service: Service,
        action: &str,
        template: &'static str,
        form: &[(&str, &str)],
    ) -> Result<String, SnsError> {
        let url = address(self.base, service.word(), self.credentials.region);
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("Action", action)
            .append_pair("Version", service.version())
            .extend_pairs(form)
            .finish();
        let now = SystemTime::now();
        let headers = sign::headers(self.credentials, service.word(), &url, &body, now)
            .map_err(|sign::Unsignable| SnsError::Transport(EgressError::Invalid))?;
        let call = Call {
            method: Method::POST,
            url,
            template,
            auth: Auth::Signed(&headers),
            body: Body::SignedForm(&body),
            bulkhead: self.bulkhead,
            answer_limit: ANSWER_LIMIT,
        };
        let reply = self.egress.send(call, self.deadline).await.map_err(SnsError::Transport)?;
        if !(200..300).contains(&reply.status) {
            return Err(SnsError::from_reply(&reply));
        }
        read(&reply, action).map_err(SnsError::Unexpected)
    }
}

/// A successful answer, which names the action that it answers.
fn read(reply: &Reply, action: &str) -> Result<String, Unexpected> {
    let text = std::str::from_utf8(&reply.body).map_err(|_| Unexpected::NotJson)?;
    if xml::has(text, &format!("{action}Response")) {
        return Ok(text.to_owned());
    }
    let lower = text.to_ascii_lowercase();
    Err(if xml::has(text, "ErrorResponse") {
        Unexpected::ErrorInside
    } else if lower.contains("<!doctype html") || lower.contains("<html") {
        Unexpected::Html
    } else if text.trim_start().starts_with('<') {
        Unexpected::OtherShape
    } else {
        Unexpected::NotJson
    })
}

/// Service and region have a host of their own below AWS's domain. Anything else than AWS (a
/// stand-in) serves both at one address and tells them apart by the action.
fn address(base: &Url, service: &str, region: &str) -> Url {
    let mut url = base.clone();
    if let Some(domain) = base.host_str()
        && domain == "amazonaws.com"
    {
        // A host that can not be set leaves the base as it was, and nobody is there.
        let _ = url.set_host(Some(&format!("{service}.{region}.{domain}")));
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_service_has_a_host_of_its_own_in_the_region() {
        let of =
            |base: &str, service| address(&Url::parse(base).expect(base), service, "eu-west-1").to_string();
        assert_eq!(of("https://amazonaws.com", "sns"), "https://sns.eu-west-1.amazonaws.com/");
        assert_eq!(of("https://amazonaws.com", "sts"), "https://sts.eu-west-1.amazonaws.com/");
        assert_eq!(of("http://127.0.0.1:4012/sns", "sts"), "http://127.0.0.1:4012/sns");
    }

    #[test]
    fn an_answer_names_its_action() {
        let of = |body: &'static str| {
            let reply = Reply { status: 200, retry_after: None, is_html: false, body: body.into() };
            read(&reply, "Publish").err()
        };
        assert_eq!(of("<PublishResponse xmlns=\"x\"><MessageId>1</MessageId></PublishResponse>"), None);
        assert_eq!(of("<ErrorResponse><Error/></ErrorResponse>"), Some(Unexpected::ErrorInside));
        assert_eq!(of("<!doctype html><title>Welcome</title>"), Some(Unexpected::Html));
        assert_eq!(of("<OtherResponse></OtherResponse>"), Some(Unexpected::OtherShape));
        assert_eq!(of("{\"id\":"), Some(Unexpected::NotJson));
    }
}
