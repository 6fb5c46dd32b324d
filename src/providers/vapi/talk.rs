//! Calls that a browser takes part in by a WebSocket of Vapi's own
//! (<https://docs.vapi.ai/calls/websocket-transport>).
//!
//! The request is signed with the clinic's private key, here. The browser gets the address of the one call
//! and nothing else, so the address is looked at before it goes there.

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;
use url::Url;
use uuid::Uuid;

use super::super::below;
use super::super::report::Explanation;
use super::client::VapiClient;
use super::errors::VapiError;

/// Samples a second, in both directions; 16-bit signed little-endian, one channel.
pub const SAMPLE_RATE: u32 = 16_000;
/// Every host that Vapi may name, as a content security policy says it.
const HOSTS: &str = "wss://*.vapi.ai";

/// A call that waits for its browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartedTalk {
    pub id: Uuid,
    /// Whoever has it takes part in the call.
    pub url: Url,
}

/// What is read of the answer.
#[derive(Deserialize)]
struct Started {
    id: Uuid,
    transport: Transport,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Transport {
    websocket_call_url: String,
}

impl VapiClient<'_> {
    /// Starts a call with an assistant that waits for somebody to open its address.
    pub async fn start_talk(&self, assistant: Uuid) -> Result<StartedTalk, VapiError> {
        let body = json!({
            "assistantId": assistant,
            "transport": {
                "provider": "vapi.websocket",
                "audioFormat": { "format": "pcm_s16le", "container": "raw", "sampleRate": SAMPLE_RATE },
            },
        });
        let url = below(self.base, &["call"]);
        let started: Started = self.write(Method::POST, url, "/call", &body).await?;
        let url = Url::parse(&started.transport.websocket_call_url).ok();
        let url = url.filter(|url| is_of_vapi(url, self.base)).ok_or(VapiError::ForeignAddress)?;
        Ok(StartedTalk { id: started.id, url })
    }
}

/// Whether a browser may be sent there: to a host below `vapi.ai` over TLS, or, where this service finds
/// Vapi at a stand-in, to that one.
fn is_of_vapi(url: &Url, base: &Url) -> bool {
    let has_no_user = url.username().is_empty() && url.password().is_none();
    let is_host = url.host_str().is_some_and(|host| host.ends_with(".vapi.ai"));
    let is_secure = url.scheme() == "wss" && is_host && url.port().is_none();
    let is_stand_in = stand_in(base).is_some_and(|known| url.as_str().starts_with(&format!("{known}/")));
    has_no_user && (is_secure || is_stand_in)
}

/// The origin of the sockets of a stand-in. Vapi itself is never asked without TLS, so only a stand-in is
/// found at such an address.
fn stand_in(base: &Url) -> Option<String> {
    let rest = base.origin().ascii_serialization();
    rest.strip_prefix("http://").map(|rest| format!("ws://{rest}"))
}

/// The sources that a content security policy has to name for such calls.
pub fn sources(base: &Url) -> String {
    stand_in(base).map_or_else(|| HOSTS.to_owned(), |known| format!("{HOSTS} {known}"))
}

impl VapiError {
    /// What it means for a call from the browser with the agent of a role.
    pub fn explain_talk(&self, role: &str) -> Explanation {
        let VapiError::Invalid { messages } = self else { return self.explain() };
        let said = messages.join(" ").to_ascii_lowercase();
        if said.contains("get assistant") || said.contains("assistantid") {
            return Explanation {
                sentence: format!("Vapi does not know the {role} agent any more.").into(),
                fix: format!("Save the {role} agent, so that it is made again, and try once more.").into(),
                url: "https://dashboard.vapi.ai/assistants".into(),
            };
        }
        if said.contains("transport") {
            return Explanation::of(
                "Vapi does not offer calls from the browser for this account.",
                "Let the agent call your phone instead.",
                "https://docs.vapi.ai/calls/websocket-transport",
            );
        }
        self.explain_call()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_sent_to_vapi_over_tls_and_nowhere_else() {
        let base = Url::parse("https://api.vapi.ai/").unwrap();
        let is_ours = |text: &str| is_of_vapi(&Url::parse(text).unwrap(), &base);
        assert!(is_ours("wss://api.vapi.ai/7420f27a/transport"));
        assert!(is_ours(
            "wss://phone-call-websocket.aws-us-west-2-backend-production1.vapi.ai/7420f27a/transport"
        ));
        for wrong in [
            "ws://api.vapi.ai/x/transport",
            "https://api.vapi.ai/x/transport",
            "wss://vapi.ai.example/x",
            "wss://evilvapi.ai/x",
            "wss://user@api.vapi.ai/x",
            "wss://api.vapi.ai:8443/x",
            "wss://127.0.0.1/x",
            "ws://127.0.0.1:4010/x",
        ] {
            assert!(!is_ours(wrong), "{wrong}");
        }
        assert_eq!(sources(&base), "wss://*.vapi.ai");
    }

    #[test]
    fn a_stand_in_is_known_by_its_exact_address() {
        let base = Url::parse("http://127.0.0.1:4010/").unwrap();
        let is_ours = |text: &str| is_of_vapi(&Url::parse(text).unwrap(), &base);
        assert!(is_ours("ws://127.0.0.1:4010/x/transport") && is_ours("wss://api.vapi.ai/x/transport"));
        for wrong in [
            "ws://127.0.0.1:40100/x",
            "ws://127.0.0.1:4011/x",
            "ws://localhost:4010/x",
            "http://127.0.0.1:4010/x",
        ] {
            assert!(!is_ours(wrong), "{wrong}");
        }
        assert_eq!(sources(&base), "wss://*.vapi.ai ws://127.0.0.1:4010");
    }

    #[test]
    fn a_refusal_names_the_agent_and_another_way() {
        let refused = |text: &str| VapiError::Invalid { messages: vec![text.to_owned()] };
        let gone = refused("Couldn't Get Assistant.").explain_talk("inbound");
        assert!(gone.sentence.contains("inbound agent") && gone.fix.contains("Save the inbound agent"));
        let not_offered = refused("property transport should not exist").explain_talk("inbound");
        assert!(not_offered.fix.contains("phone"), "{not_offered:?}");
        assert_eq!(VapiError::KeyRejected.explain_talk("inbound"), VapiError::KeyRejected.explain());
    }
}
