//! The body holds only members that Vapi knows, within Vapi's limits. The members of the plans of the analysis are
//! those of Vapi's own client libraries.

use std::collections::BTreeSet;

use super::*;

/// Member names by schema, copied from Vapi's OpenAPI description of 2026-08-18.
const KNOWN: &[(&str, &[&str])] = &[
    (
        "CreateAssistantDTO",
        &[
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
        ],
    ),
    (
        "OpenAIModel",
        &[
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
            "toolIds",
            "toolRefs",
            "toolStrictCompatibilityMode",
            "tools",
        ],
    ),
    ("OpenAIMessage", &["content", "role"]),
    (
        "CreateFunctionToolDTO",
        &[
            "async",
            "function",
            "messages",
            "parameters",
            "rejectionPlan",
            "server",
            "type",
            "variableExtractionPlan",
        ],
    ),
    ("OpenAIFunction", &["description", "name", "parameters", "strict"]),
    (
        "VapiVoice",
        &[
            "cachingEnabled",
            "chunkPlan",
            "language",
            "pronunciationDictionary",
            "provider",
            "speed",
            "version",
            "voiceId",
        ],
    ),
    (
        "DeepgramTranscriber",
        &[
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
        ],
    ),
    (
        "Server",
        &[
            "backoffPlan",
            "credentialId",
            "encryptedPaths",
            "headers",
            "staticIpAddressesEnabled",
            "timeoutSeconds",
            "url",
        ],
    ),
    ("BackoffPlan", &["baseDelaySeconds", "excludedStatusCodes", "maxRetries", "type"]),
    (
        "AnalysisPlan",
        &[
            "minMessagesThreshold",
            "structuredDataMultiPlan",
            "structuredDataPlan",
            "successEvaluationPlan",
            "summaryPlan",
        ],
    ),
    ("SummaryPlan", &["enabled", "messages", "timeoutSeconds"]),
    ("StructuredDataPlan", &["enabled", "messages", "schema", "timeoutSeconds"]),
];

/// The names of server messages, from the same description.
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
    "tool-calls",
    "transfer-destination-request",
    "handoff-destination-request",
    "transfer-update",
    "user-interrupted",
    "voice-input",
];

fn plan(auth: ServerAuth) -> AssistantPlan {
    AssistantPlan {
        name: "The receptionist of a clinic with a very long name indeed".into(),
        first_message: "Thank you for calling.".into(),
        system_prompt: "You are the receptionist.".into(),
        model: ModelChoice { provider: "openai".into(), model: "gpt-4o".into() },
        voice: VoiceChoice { provider: "vapi".into(), voice_id: "Clara".into() },
        language: "en-GB".into(),
        max_duration_seconds: 5,
        tools: vec![ToolPlan {
            name: "send_sms".into(),
            description: "Sends a text message to the caller.".into(),
            parameters: json!({ "type": "object", "properties": { "message": { "type": "string" } } }),
        }],
        extracted: json!({ "type": "object", "properties": { "patientName": { "type": "string" } } }),
        server: ServerPlan { url: "https://clinic.example.com/api/webhooks/vapi".into(), auth },
        ownership: Ownership { installation: "i".into(), organization: "o".into(), role: "inbound".into() },
    }
}

#[track_caller]
fn assert_known(schema: &str, value: &Value) {
    let (_, known) = KNOWN.iter().find(|(name, _)| *name == schema).expect(schema);
    let known: BTreeSet<&str> = known.iter().copied().collect();
    for member in value.as_object().expect("an object").keys() {
        assert!(known.contains(member.as_str()), "{schema} has no member {member}");
    }
}

#[test]
fn the_body_holds_only_members_that_vapi_knows() {
    let auths = [ServerAuth::Credential(uuid::Uuid::nil()), ServerAuth::Bearer(SecretText::new("s".into()))];
    for auth in auths {
        let body = body(&plan(auth));
        assert_known("CreateAssistantDTO", &body);
        assert_known("OpenAIModel", &body["model"]);
        assert_known("OpenAIMessage", &body["model"]["messages"][0]);
        assert_known("CreateFunctionToolDTO", &body["model"]["tools"][0]);
        assert_known("OpenAIFunction", &body["model"]["tools"][0]["function"]);
        assert_known("VapiVoice", &body["voice"]);
        assert_known("DeepgramTranscriber", &body["transcriber"]);
        assert_known("Server", &body["server"]);
        assert_known("BackoffPlan", &body["server"]["backoffPlan"]);
        assert_known("AnalysisPlan", &body["analysisPlan"]);
        assert_known("SummaryPlan", &body["analysisPlan"]["summaryPlan"]);
        assert_known("StructuredDataPlan", &body["analysisPlan"]["structuredDataPlan"]);
        for message in body["serverMessages"].as_array().expect("a list") {
            assert!(SERVER_MESSAGES.contains(&message.as_str().expect("a name")), "{message}");
        }
    }
}

#[test]
fn limits_of_vapi_are_kept() {
    let body = body(&plan(ServerAuth::Credential(uuid::Uuid::nil())));
    assert_eq!(body["name"].as_str().expect("a name").chars().count(), 40);
    assert_eq!(body["maxDurationSeconds"], 10);
}

#[test]
fn all_retries_together_take_less_than_four_minutes() {
    let waits = RETRY_BASE_SECONDS * (2_u32.pow(RETRIES) - 1);
    let attempts = SERVER_TIMEOUT_SECONDS * (RETRIES + 1);
    assert!(waits + attempts < 240, "{waits} + {attempts}");
    let body = body(&plan(ServerAuth::Credential(uuid::Uuid::nil())));
    for bounded in ["maxRetries", "baseDelaySeconds"] {
        let value = body["server"]["backoffPlan"][bounded].as_u64().expect(bounded);
        assert!(value <= 10, "{bounded} is beyond the bounds of Vapi's BackoffPlan");
    }
}

#[test]
fn one_way_of_authentication_at_a_time() {
    let signed = body(&plan(ServerAuth::Credential(uuid::Uuid::nil())));
    assert_eq!(signed["server"]["credentialId"], "00000000-0000-0000-0000-000000000000");
    assert_eq!(signed["server"]["headers"], Value::Null);
    let bearer = body(&plan(ServerAuth::Bearer(SecretText::new("s3cret".into()))));
    assert_eq!(bearer["server"]["headers"]["Authorization"], "Bearer s3cret");
    assert_eq!(bearer["server"]["credentialId"], Value::Null);
}

#[test]
fn a_language_falls_back_to_its_base_and_then_to_all() {
    assert_eq!(transcriber("en-gb")["language"], "en-GB");
    assert_eq!(transcriber("de-AT")["language"], "de");
    assert_eq!(transcriber("cy")["language"], "multi");
}

#[test]
fn a_plan_can_be_printed_without_its_secret() {
    let printed = format!("{:?}", plan(ServerAuth::Bearer(SecretText::new("canary".into()))));
    assert!(!printed.contains("canary"));
}
