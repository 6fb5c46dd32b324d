//! The body of an assistant, made from a plan by a pure function.
//!
//! Member names and limits follow `CreateAssistantDTO` of Vapi's OpenAPI description; Vapi refuses
//! members that it does not know, so a test holds the body against a list of them.

use serde_json::{Map, Value, json};

use crate::vault::SecretText;

/// The longest name that Vapi takes, in characters.
const MOST_NAME: usize = 40;
/// The bounds of a call's length at Vapi, in seconds.
const DURATION: std::ops::RangeInclusive<u32> = 10..=43_200;

/// Seconds that Vapi waits for an answer of ours.
pub const SERVER_TIMEOUT_SECONDS: u32 = 20;
/// Retries of a server message. With five of them, three seconds doubled each time (93 s) and six
/// timeouts (120 s) it is over before four minutes, inside of the tolerance of the signature.
const RETRIES: u32 = 5;
const RETRY_BASE_SECONDS: u32 = 3;
/// Answers of ours that the same message would only get again.
const FINAL_STATUSES: [u16; 5] = [400, 401, 403, 404, 413];

/// What an assistant is to be.
#[derive(Clone, Debug)]
pub struct AssistantPlan {
    /// Cut to 40 characters.
    pub name: String,
    pub first_message: String,
    pub system_prompt: String,
    pub model: ModelChoice,
    pub voice: VoiceChoice,
    /// BCP 47: `en`, `en-GB`, `de`.
    pub language: String,
    /// Kept within 10 s and 12 h.
    pub max_duration_seconds: u32,
    pub tools: Vec<ToolPlan>,
    /// What Vapi extracts from each call into `analysis.structuredData`: a JSON schema of type object.
    pub extracted: Value,
    pub server: ServerPlan,
    pub ownership: Ownership,
}

/// Which model thinks: `openai`, `gpt-4o`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelChoice {
    pub provider: String,
    pub model: String,
}

/// Which voice speaks: `11labs`, `sarah`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VoiceChoice {
    pub provider: String,
    pub voice_id: String,
}

/// A function that the assistant may call during a conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolPlan {
    /// `^[a-zA-Z0-9_-]{1,64}$`
    pub name: String,
    pub description: String,
    /// A JSON schema of type object.
    pub parameters: Value,
}

/// Where Vapi sends its messages, and how it proves who it is.
#[derive(Clone, Debug)]
pub struct ServerPlan {
    pub url: String,
    pub auth: ServerAuth,
}

/// How Vapi authenticates its messages to us.
#[derive(Clone, Debug)]
pub enum ServerAuth {
    /// The id of a credential stored at Vapi, which signs.
    Credential(uuid::Uuid),
    /// A bearer secret in a header: works, without protection against replays.
    Bearer(SecretText),
}

/// Marks by which we find our own assistants again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ownership {
    /// Which installation of this service made it.
    pub installation: String,
    pub organization: String,
    /// `inbound` or `outbound`.
    pub role: String,
}

/// The body of `POST /assistant` and `PATCH /assistant/{id}`.
///
/// It holds the bearer secret where the plan has one: it must not be logged.
pub fn body(plan: &AssistantPlan) -> Value {
    let tools: Vec<Value> = plan.tools.iter().map(tool).collect();
    json!({
        "name": plan.name.chars().take(MOST_NAME).collect::<String>(),
        "firstMessage": plan.first_message,
        "firstMessageMode": "assistant-speaks-first",
        "model": {
            "provider": plan.model.provider,
            "model": plan.model.model,
            "messages": [{ "role": "system", "content": plan.system_prompt }],
            "tools": tools,
        },
        "voice": { "provider": plan.voice.provider, "voiceId": plan.voice.voice_id },
        "transcriber": transcriber(&plan.language),
        "server": server(&plan.server),
        "serverMessages": ["status-update", "end-of-call-report", "tool-calls", "hang"],
        "analysisPlan": {
            "summaryPlan": { "enabled": true },
            "structuredDataPlan": { "enabled": true, "schema": plan.extracted },
        },
        "maxDurationSeconds": plan.max_duration_seconds.clamp(*DURATION.start(), *DURATION.end()),
        "metadata": {
            "voxanneInstallation": plan.ownership.installation,
            "voxanneOrganization": plan.ownership.organization,
            "voxanneRole": plan.ownership.role,
        },
    })
}

fn tool(plan: &ToolPlan) -> Value {
    json!({
        "type": "function",
        "async": false,
        "function": {
            "name": plan.name,
            "description": plan.description,
            "parameters": plan.parameters,
        },
    })
}

fn server(plan: &ServerPlan) -> Value {
    let mut server = Map::new();
    server.insert("url".into(), plan.url.clone().into());
    server.insert("timeoutSeconds".into(), SERVER_TIMEOUT_SECONDS.into());
    match &plan.auth {
        ServerAuth::Credential(id) => server.insert("credentialId".into(), id.to_string().into()),
        ServerAuth::Bearer(secret) => {
            server.insert("headers".into(), json!({ "Authorization": format!("Bearer {}", secret.expose()) }))
        }
    };
    server.insert(
        "backoffPlan".into(),
        json!({
            "type": "exponential",
            "maxRetries": RETRIES,
            "baseDelaySeconds": RETRY_BASE_SECONDS,
            "excludedStatusCodes": FINAL_STATUSES,
        }),
    );
    server.into()
}

/// Languages that Deepgram's nova-2 understands by themselves; every other one goes to the model
/// that finds out what it hears.
const NOVA_2_LANGUAGES: &[&str] = &[
    "bg", "ca", "cs", "da", "da-DK", "de", "de-CH", "el", "en", "en-AU", "en-GB", "en-IN", "en-NZ", "en-US",
    "es", "es-419", "et", "fi", "fr", "fr-CA", "hi", "hu", "id", "it", "ja", "ko", "ko-KR", "lt", "lv", "ms",
    "nl", "nl-BE", "no", "pl", "pt", "pt-BR", "pt-PT", "ro", "ru", "sk", "sv", "sv-SE", "th", "th-TH", "tr",
    "uk", "vi", "zh", "zh-CN", "zh-HK", "zh-TW",
];

fn transcriber(language: &str) -> Value {
    let known = |wanted: &str| NOVA_2_LANGUAGES.iter().find(|code| code.eq_ignore_ascii_case(wanted));
    let base = language.split('-').next().unwrap_or_default();
    match known(language).or_else(|| known(base)) {
        Some(code) => json!({ "provider": "deepgram", "model": "nova-2", "language": code }),
        None => json!({ "provider": "deepgram", "model": "nova-3", "language": "multi" }),
    }
}

#[cfg(test)]
#[path = "assistant_tests.rs"]
mod tests;
