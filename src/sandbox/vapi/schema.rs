//! What the Vapi stand-in takes: members that Vapi knows, within its limits. Everything else is
//! refused with Vapi's words, so that a body which passes here has a chance there.
//!
//! Names and limits are those of Vapi's OpenAPI description of 2026-08-18.

use serde_json::Value;

const ASSISTANT: &[&str] = &[
    "analysisPlan",
    "backgroundSound",
    "clientMessages",
    "credentialIds",
    "endCallMessage",
    "endCallPhrases",
    "firstMessage",
    "firstMessageInterruptionsEnabled",
    "firstMessageMode",
    "keypadInputPlan",
    "maxDurationSeconds",
    "metadata",
    "model",
    "modelOutputInMessagesEnabled",
    "name",
    "server",
    "serverMessages",
    "transcriber",
    "voice",
    "voicemailMessage",
];
const MODEL: &[&str] = &[
    "emotionRecognitionEnabled",
    "maxTokens",
    "messages",
    "model",
    "numFastTurns",
    "promptCacheKey",
    "promptCacheRetention",
    "provider",
    "reasoningEffort",
    "temperature",
    "thinking",
    "toolIds",
    "toolRefs",
    "toolStrictCompatibilityMode",
    "tools",
];
const VOICE: &[&str] = &[
    "autoMode",
    "cachingEnabled",
    "chunkPlan",
    "enableSsmlParsing",
    "language",
    "model",
    "optimizeStreamingLatency",
    "pronunciationDictionary",
    "pronunciationDictionaryLocators",
    "provider",
    "similarityBoost",
    "speed",
    "stability",
    "style",
    "useSpeakerBoost",
    "version",
    "voiceId",
];
const TRANSCRIBER: &[&str] = &[
    "confidenceThreshold",
    "endpointing",
    "eotThreshold",
    "eotTimeoutMs",
    "keyterm",
    "keywords",
    "language",
    "languages",
    "mipOptOut",
    "model",
    "numerals",
    "profanityFilter",
    "provider",
    "redaction",
    "smartFormat",
];
const SERVER: &[&str] = &[
    "backoffPlan",
    "credentialId",
    "encryptedPaths",
    "headers",
    "staticIpAddressesEnabled",
    "timeoutSeconds",
    "url",
];
const BACKOFF: &[&str] = &["baseDelaySeconds", "excludedStatusCodes", "maxRetries", "type"];
const TOOL: &[&str] = &[
    "async",
    "function",
    "messages",
    "parameters",
    "rejectionPlan",
    "server",
    "type",
    "variableExtractionPlan",
];
const FUNCTION: &[&str] = &["description", "name", "parameters", "strict"];
const ANALYSIS: &[&str] = &[
    "minMessagesThreshold",
    "structuredDataMultiPlan",
    "structuredDataPlan",
    "successEvaluationPlan",
    "summaryPlan",
];
const SUMMARY_PLAN: &[&str] = &["enabled", "messages", "timeoutSeconds"];
const STRUCTURED_PLAN: &[&str] = &["enabled", "messages", "schema", "timeoutSeconds"];
const SCHEMA_TYPES: [&str; 6] = ["string", "number", "integer", "boolean", "array", "object"];
const MESSAGE: &[&str] = &["content", "role"];
const NUMBER: &[&str] = &[
    "assistantId",
    "credentialId",
    "fallbackDestination",
    "name",
    "number",
    "numberDesiredAreaCode",
    "provider",
    "server",
    "sipUri",
    "smsEnabled",
    "squadId",
    "twilioAccountSid",
    "twilioApiKey",
    "twilioApiSecret",
    "twilioAuthToken",
    "workflowId",
];
const VOICE_KEY: &[&str] = &["provider", "name", "apiKey", "apiUrl"];
const CREDENTIAL: &[&str] = &["provider", "name", "authenticationPlan"];
const HMAC_PLAN: &[&str] = &[
    "type",
    "secretKey",
    "algorithm",
    "signatureHeader",
    "timestampHeader",
    "signaturePrefix",
    "includeTimestamp",
    "payloadFormat",
    "messageIdHeader",
    "signatureEncoding",
    "secretIsBase64",
];
const BEARER_PLAN: &[&str] = &["type", "token", "headerName", "bearerPrefixEnabled"];
const SERVER_MESSAGES: &[&str] = &[
    "assistant.started",
    "assistant.speechStarted",
    "conversation-update",
    "end-of-call-report",
    "function-call",
    "hang",
    "language-changed",
    "language-change-detected",
    "model-output",
    "phone-call-control",
    "speech-update",
    "status-update",
    "transcript",
    "transcript[transcriptType=\"final\"]",
    "tool-calls",
    "transfer-destination-request",
    "handoff-destination-request",
    "transfer-update",
    "user-interrupted",
    "voice-input",
    "chat.created",
    "chat.deleted",
    "session.created",
    "session.updated",
    "session.deleted",
    "call.deleted",
    "call.delete.failed",
    "call.artifact.upload",
];

/// Gathers problems in Vapi's words.
#[derive(Default)]
struct Check(Vec<String>);

impl Check {
    fn known(&mut self, at: &str, value: &Value, allowed: &[&str]) {
        let Some(members) = value.as_object() else {
            self.0.push(format!("{at} must be an object"));
            return;
        };
        let dot = if at.is_empty() { String::new() } else { format!("{at}.") };
        for member in members.keys().filter(|member| !allowed.contains(&member.as_str())) {
            self.0.push(format!("{dot}property {member} should not exist"));
        }
    }

    fn required(&mut self, at: &str, value: &Value, members: &[&str]) {
        for member in members {
            if value.get(member).is_none_or(Value::is_null) {
                self.0.push(format!("{at}.{member} should not be empty"));
            }
        }
    }

    fn range(&mut self, at: &str, value: &Value, least: f64, most: f64) {
        if !value.is_null() && !value.as_f64().is_some_and(|number| (least..=most).contains(&number)) {
            self.0.push(format!("{at} must be a number from {least} to {most}"));
        }
    }

    fn longest(&mut self, at: &str, value: &Value, most: usize) {
        if !value.is_null() && value.as_str().is_none_or(|text| text.chars().count() > most) {
            self.0.push(format!("{at} must be shorter than or equal to {most} characters"));
        }
    }
}

/// What is wrong with the body of an assistant.
pub(super) fn problems(body: &Value) -> Vec<String> {
    let mut check = Check::default();
    check.known("", body, ASSISTANT);
    check.longest("name", &body["name"], 40);
    check.longest("endCallMessage", &body["endCallMessage"], 1000);
    check.longest("voicemailMessage", &body["voicemailMessage"], 1000);
    check.range("maxDurationSeconds", &body["maxDurationSeconds"], 10.0, 43_200.0);
    if let Some(model) = body.get("model") {
        check.known("model", model, MODEL);
        check.required("model", model, &["provider", "model"]);
        check.range("model.temperature", &model["temperature"], 0.0, 2.0);
        check.range("model.maxTokens", &model["maxTokens"], 50.0, 10_000.0);
        for message in list(&model["messages"]) {
            check.known("model.messages", message, MESSAGE);
            check.required("model.messages", message, &["role"]);
        }
        for tool in list(&model["tools"]) {
            tool_problems(&mut check, tool);
        }
    }
    if let Some(voice) = body.get("voice") {
        check.known("voice", voice, VOICE);
        check.required("voice", voice, &["provider", "voiceId"]);
    }
    if let Some(transcriber) = body.get("transcriber") {
        check.known("transcriber", transcriber, TRANSCRIBER);
        check.required("transcriber", transcriber, &["provider"]);
    }
    if let Some(server) = body.get("server") {
        server_problems(&mut check, "server", server);
    }
    if let Some(plan) = body.get("analysisPlan") {
        analysis_problems(&mut check, plan);
    }
    for message in list(&body["serverMessages"]) {
        if !message.as_str().is_some_and(|name| SERVER_MESSAGES.contains(&name)) {
            check.0.push("each value in serverMessages must be one of the known values".to_owned());
        }
    }
    if body.get("metadata").is_some_and(|metadata| !metadata.is_object()) {
        check.0.push("metadata must be an object".to_owned());
    }
    check.0
}

fn analysis_problems(check: &mut Check, plan: &Value) {
    check.known("analysisPlan", plan, ANALYSIS);
    if let Some(summary) = plan.get("summaryPlan") {
        check.known("analysisPlan.summaryPlan", summary, SUMMARY_PLAN);
    }
    let Some(data) = plan.get("structuredDataPlan") else { return };
    check.known("analysisPlan.structuredDataPlan", data, STRUCTURED_PLAN);
    let schema = &data["schema"];
    let members = schema["properties"].as_object().into_iter().flatten().map(|(_, member)| member);
    for part in std::iter::once(schema).chain(members) {
        if !SCHEMA_TYPES.iter().any(|kind| part["type"] == *kind) {
            check.0.push(format!(
                "analysisPlan.structuredDataPlan.schema.type must be one of: {}",
                SCHEMA_TYPES.join(", ")
            ));
        }
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn tool_problems(check: &mut Check, tool: &Value) {
    check.known("model.tools", tool, TOOL);
    if tool["type"] != "function" {
        return;
    }
    let function = &tool["function"];
    check.known("model.tools.function", function, FUNCTION);
    let name = function["name"].as_str().unwrap_or_default();
    let is_name = (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if !is_name {
        check.0.push("model.tools.function.name must match /^[a-zA-Z0-9_-]{1,64}$/".to_owned());
    }
    if let Some(server) = tool.get("server") {
        server_problems(check, "model.tools.server", server);
    }
}

fn server_problems(check: &mut Check, at: &str, server: &Value) {
    check.known(at, server, SERVER);
    check.range(&format!("{at}.timeoutSeconds"), &server["timeoutSeconds"], 1.0, 300.0);
    if !server["url"].is_null() && server["url"].as_str().is_none_or(|url| url::Url::parse(url).is_err()) {
        check.0.push(format!("{at}.url must be a URL address"));
    }
    if let Some(plan) = server.get("backoffPlan") {
        let at = format!("{at}.backoffPlan");
        check.known(&at, plan, BACKOFF);
        check.required(&at, plan, &["type", "maxRetries", "baseDelaySeconds"]);
        check.range(&format!("{at}.maxRetries"), &plan["maxRetries"], 0.0, 10.0);
        check.range(&format!("{at}.baseDelaySeconds"), &plan["baseDelaySeconds"], 0.0, 10.0);
        if !["fixed", "exponential"].iter().any(|known| plan["type"] == *known) {
            check.0.push(format!("{at}.type must be one of: fixed, exponential"));
        }
    }
}

/// What is wrong with the body of a phone number.
pub(super) fn number_problems(body: &Value) -> Vec<String> {
    let mut check = Check::default();
    check.known("", body, NUMBER);
    check.longest("name", &body["name"], 40);
    check.0
}

/// What is wrong with the body of a webhook credential.
pub(super) fn credential_problems(body: &Value) -> Vec<String> {
    let mut check = Check::default();
    if body["provider"] == "11labs" {
        check.known("", body, VOICE_KEY);
        check.longest("name", &body["name"], 40);
        check.required("", body, &["apiKey"]);
        return check.0;
    }
    check.known("", body, CREDENTIAL);
    check.longest("name", &body["name"], 40);
    if body["provider"] != "webhook" {
        check.0.push("provider must be webhook or 11labs in this sandbox".to_owned());
    }
    let plan = &body["authenticationPlan"];
    match plan["type"].as_str() {
        Some("hmac") => {
            check.known("authenticationPlan", plan, HMAC_PLAN);
            check.required("authenticationPlan", plan, &["secretKey", "algorithm"]);
            if !["sha256", "sha512", "sha1"].iter().any(|known| plan["algorithm"] == *known) {
                check.0.push("authenticationPlan.algorithm must be one of: sha256, sha512, sha1".to_owned());
            }
        }
        Some("bearer") => {
            check.known("authenticationPlan", plan, BEARER_PLAN);
            check.required("authenticationPlan", plan, &["token"]);
        }
        _ => check.0.push("authenticationPlan.type must be one of: hmac, bearer".to_owned()),
    }
    check.0
}
