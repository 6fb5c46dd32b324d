//! Commands for a running call, at the address that its own messages name (`call.monitor.controlUrl`).
//! The address is the credential: it goes into no log.

use reqwest::Method;
use serde_json::json;
use url::Url;

use super::super::egress::{ANSWER_LIMIT, Auth, Body, BulkheadKey, Call, Deadline, Egress};

/// Why a command was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// It was surely not done.
    #[error("the call took no command")]
    Refused,
    /// It may have been done.
    #[error("nobody knows whether the call took the command")]
    Unknown,
}

/// Whether an address is one of Vapi's own: below `vapi.ai`, or where this service finds Vapi.
fn is_of_vapi(url: &Url, base: &Url) -> bool {
    let is_known = |host: &str| host == "vapi.ai" || host.ends_with(".vapi.ai");
    let is_secure = url.scheme() == "https" && url.host_str().is_some_and(is_known);
    let has_no_user = url.username().is_empty() && url.password().is_none();
    has_no_user && (is_secure || url.origin() == base.origin())
}

/// Puts a running call through to a number in E.164 form.
pub async fn transfer(
    egress: &Egress,
    base: &Url,
    control_url: &str,
    number: &str,
    bulkhead: BulkheadKey,
    deadline: Deadline,
) -> Result<(), ControlError> {
    let url = Url::parse(control_url).ok().filter(|url| is_of_vapi(url, base));
    let url = url.ok_or(ControlError::Refused)?;
    let body = json!({
        "type": "transfer",
        "destination": { "type": "number", "number": number },
        "content": "I am putting you through.",
    });
    let call = Call {
        method: Method::POST,
        url,
        template: "/{call}/control",
        auth: Auth::None,
        body: Body::Json(&body),
        bulkhead,
        answer_limit: ANSWER_LIMIT,
    };
    match egress.send(call, deadline).await {
        Ok(reply) if (200..300).contains(&reply.status) => Ok(()),
        Ok(reply) if reply.status < 500 => Err(ControlError::Refused),
        Ok(_) => Err(ControlError::Unknown),
        Err(error) if error.may_have_arrived() => Err(ControlError::Unknown),
        Err(_) => Err(ControlError::Refused),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_vapi_are_called() {
        let base = Url::parse("https://api.vapi.ai/").unwrap();
        let is_ours = |text: &str| is_of_vapi(&Url::parse(text).unwrap(), &base);
        assert!(is_ours("https://aws-us-west-2-production1.vapi.ai/7420f27a/control"));
        assert!(is_ours("https://api.vapi.ai/x/control"));
        for wrong in [
            "http://aws.vapi.ai/x/control",
            "https://vapi.ai.example/x",
            "https://evilvapi.ai/x",
            "https://user@api.vapi.ai/x",
            "https://127.0.0.1/x",
        ] {
            assert!(!is_ours(wrong), "{wrong}");
        }
    }
}
