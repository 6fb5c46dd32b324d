//! Assistants, credentials and phone numbers at the Vapi stand-in.

use uuid::Uuid;

use super::Bench;
use crate::providers::vapi::assistant::{
    AssistantPlan, ModelChoice, Ownership, ServerAuth, ServerPlan, ToolPlan, VoiceChoice, body,
};
use crate::providers::vapi::{Deletion, HmacPlan, VapiError};
use crate::sandbox::DEMO_VAPI;
use crate::vault::SecretText;

fn plan(organization: &str, role: &str, credential: Uuid) -> AssistantPlan {
    AssistantPlan {
        name: format!("{role} receptionist"),
        first_message: "Hello.".into(),
        system_prompt: "You are a receptionist.".into(),
        model: ModelChoice { provider: "openai".into(), model: "gpt-4o".into() },
        voice: VoiceChoice { provider: "11labs".into(), voice_id: "sarah".into() },
        language: "en".into(),
        max_duration_seconds: 600,
        tools: vec![ToolPlan {
            name: "send_sms".into(),
            description: "Sends a text message.".into(),
            parameters: serde_json::json!({ "type": "object", "properties": {} }),
        }],
        extracted: serde_json::json!({ "type": "object", "properties": { "patientName": { "type": "string" } } }),
        server: ServerPlan {
            url: "https://clinic.example.com/api/webhooks/vapi".into(),
            auth: ServerAuth::Credential(credential),
        },
        ownership: Ownership {
            installation: "test".into(),
            organization: organization.into(),
            role: role.into(),
        },
    }
}

fn hmac_plan() -> HmacPlan {
    HmacPlan {
        name: "Voxanne".into(),
        secret: SecretText::new("whsec".into()),
        signature_header: "x-vapi-signature",
        timestamp_header: "x-vapi-timestamp",
    }
}

#[tokio::test]
async fn an_assistant_is_made_found_changed_and_deleted() {
    let bench = Bench::start().await;
    let key = SecretText::new(DEMO_VAPI[0].private_key.into());
    let vapi = bench.vapi(&key);
    let credential = vapi.create_credential(&hmac_plan()).await.expect("a credential");
    let made = vapi.create_assistant(&body(&plan("a", "inbound", credential))).await.expect("made");
    vapi.create_assistant(&body(&plan("b", "inbound", credential))).await.expect("made");

    let found = vapi.find_assistants("test", "a").await.expect("found");
    assert_eq!(found.iter().map(|assistant| assistant.id).collect::<Vec<_>>(), [made.id]);
    assert!(vapi.find_assistants("another", "a").await.expect("found").is_empty());
    let owner = Ownership { installation: "test".into(), organization: "a".into(), role: "outbound".into() };
    assert_eq!(vapi.find_assistant_of(&owner).await, Ok(None));

    let mut changed = plan("a", "inbound", credential);
    changed.name = "New name".into();
    let patched = vapi.patch_assistant(made.id, &body(&changed)).await.expect("patched");
    assert_eq!(patched.name.as_deref(), Some("New name"));

    let other_key = SecretText::new(DEMO_VAPI[1].private_key.into());
    let other = bench.vapi(&other_key);
    assert_eq!(other.find_assistant(made.id).await, Ok(None));
    assert_eq!(other.patch_assistant(made.id, &body(&changed)).await.err(), Some(VapiError::NotFound));
    assert_eq!(other.delete_assistant(made.id).await, Ok(Deletion::AlreadyGone));

    assert_eq!(vapi.delete_assistant(made.id).await, Ok(Deletion::Deleted));
    assert_eq!(vapi.delete_assistant(made.id).await, Ok(Deletion::AlreadyGone));
    assert_eq!(vapi.delete_credential(credential).await, Ok(Deletion::Deleted));
}

#[tokio::test]
async fn lists_of_several_pages_are_read_to_the_end() {
    let bench = Bench::start().await;
    let key = SecretText::new(DEMO_VAPI[0].private_key.into());
    let vapi = bench.vapi(&key);
    let credential = vapi.create_credential(&hmac_plan()).await.expect("a credential");
    for at in 0..230 {
        vapi.create_assistant(&body(&plan(&format!("{}", at % 2), "inbound", credential)))
            .await
            .expect("made");
    }
    assert_eq!(vapi.list_assistants().await.expect("listed").len(), 230);
    assert_eq!(vapi.find_assistants("test", "1").await.expect("found").len(), 115);
}

#[tokio::test]
async fn a_vapi_without_the_credential_path_is_unsupported_not_broken() {
    let bench = Bench::start().await;
    bench.sandbox.faults().refuse_credentials(true);
    let key = SecretText::new(DEMO_VAPI[0].private_key.into());
    assert_eq!(bench.vapi(&key).create_credential(&hmac_plan()).await, Err(VapiError::Unsupported));
    let wrong = SecretText::new("no key".into());
    assert_eq!(bench.vapi(&wrong).create_credential(&hmac_plan()).await, Err(VapiError::KeyRejected));
}

#[tokio::test]
async fn phone_numbers_are_listed_and_assigned() {
    let bench = Bench::start().await;
    let key = SecretText::new(DEMO_VAPI[0].private_key.into());
    let vapi = bench.vapi(&key);
    let credential = vapi.create_credential(&hmac_plan()).await.expect("a credential");
    let assistant = vapi.create_assistant(&body(&plan("a", "inbound", credential))).await.expect("made");
    let numbers = vapi.list_phone_numbers().await.expect("listed");
    assert_eq!(numbers[0].number.as_deref(), Some(DEMO_VAPI[0].phone_number));
    let assigned = vapi.assign_phone_number(numbers[0].id, Some(assistant.id)).await.expect("assigned");
    assert_eq!(assigned.assistant_id, Some(assistant.id));
    let freed = vapi.assign_phone_number(numbers[0].id, None).await.expect("freed");
    assert_eq!(freed.assistant_id, None);
}
