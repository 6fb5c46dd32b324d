//! The stand-ins by themselves, over real HTTP and with a plain client.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::http::HeaderMap;
use axum::routing::post;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use sha2::Sha256;

use super::*;

type Received = Arc<Mutex<Vec<(HeaderMap, String)>>>;

async fn start(state_file: Option<PathBuf>) -> Sandbox {
    Sandbox::start(SandboxOptions { state_file, ..SandboxOptions::default() }).await.expect("started")
}

fn client() -> Client {
    Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().expect("a client")
}

async fn create(sandbox: &Sandbox, path: &str, body: &Value) -> (StatusCode, Value) {
    let url = sandbox.vapi_url.join(path).expect("a URL");
    let request = client().post(url).bearer_auth(DEMO_VAPI[0].private_key).json(body);
    let response = request.send().await.expect("an answer");
    (response.status(), response.json().await.expect("JSON"))
}

/// A server of a product: it keeps what it gets and answers a tool call.
async fn receiver() -> (String, Received) {
    let received = Received::default();
    let keep = Arc::clone(&received);
    let app = Router::new().route(
        "/hook",
        post(move |headers: HeaderMap, body: String| async move {
            keep.lock().expect("a lock").push((headers, body));
            "{\"results\":[]}"
        }),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, received)
}

#[test]
fn every_fault_is_found_again_after_it_was_set() {
    let faults = Faults::default();
    for fault in Fault::ALL {
        faults.set(ProviderId::Vapi, fault);
        assert_eq!(faults.of(ProviderId::Vapi), fault);
        assert_eq!(Fault::parse(fault.as_str()), Some(fault));
        assert_eq!(faults.of(ProviderId::Twilio), Fault::None, "one provider's fault is not the other's");
    }
}

#[tokio::test]
async fn unknown_members_and_values_beyond_the_limits_are_400_with_a_list() {
    let sandbox = start(None).await;
    let bodies = [
        json!({ "fillerInjectionEnabled": true }),
        json!({ "systemPrompt": "x" }),
        json!({ "server": { "url": "https://example.com", "secret": "s" } }),
        json!({ "name": "x".repeat(41) }),
        json!({ "maxDurationSeconds": 9 }),
        json!({ "model": { "messages": [] } }),
        json!({ "serverMessages": ["no-such-message"] }),
        json!({ "server": { "credentialId": "c0ffee00-0000-4000-8000-000000000001" } }),
        json!({ "server": { "backoffPlan": { "type": "fixed", "maxRetries": 11, "baseDelaySeconds": 1 } } }),
        json!({ "model": { "provider": "openai", "model": "gpt-4o",
                           "tools": [{ "type": "function", "function": { "name": "has space" } }] } }),
    ];
    for body in bodies {
        let (status, answer) = create(&sandbox, "assistant", &body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
        assert!(answer["message"].as_array().is_some_and(|list| !list.is_empty()), "{answer}");
    }
    assert!(sandbox.vapi().assistants(DEMO_VAPI[0].private_key).is_empty());
}

#[tokio::test]
async fn a_patch_replaces_nested_objects_and_a_delete_answers_the_object() {
    let sandbox = start(None).await;
    let server = json!({ "url": "https://example.com", "timeoutSeconds": 20 });
    let (status, made) = create(&sandbox, "assistant", &json!({ "name": "A", "server": server })).await;
    assert_eq!(status, StatusCode::CREATED);
    let url =
        sandbox.vapi_url.join(&format!("assistant/{}", made["id"].as_str().expect("an id"))).expect("URL");
    let key = DEMO_VAPI[0].private_key;
    let body = json!({ "server": { "url": "https://example.org" } });
    let patched = client().patch(url.clone()).bearer_auth(key).json(&body).send().await.expect("an answer");
    let patched: Value = patched.json().await.expect("JSON");
    assert_eq!(
        (&patched["name"], &patched["server"]),
        (&json!("A"), &json!({ "url": "https://example.org" }))
    );
    let deleted = client().delete(url.clone()).bearer_auth(key).send().await.expect("an answer");
    assert_eq!(deleted.json::<Value>().await.expect("JSON")["id"], made["id"]);
    let gone = client().get(url).bearer_auth(key).send().await.expect("an answer");
    assert_eq!(gone.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn secrets_of_a_credential_are_not_answered() {
    let sandbox = start(None).await;
    let body = json!({ "provider": "webhook", "name": "n", "authenticationPlan":
        { "type": "hmac", "secretKey": "canary", "algorithm": "sha256" } });
    let (status, answer) = create(&sandbox, "credential", &body).await;
    assert_eq!(status, StatusCode::CREATED);
    assert!(!answer.to_string().contains("canary"));
}

#[tokio::test]
async fn assistants_survive_a_restart_and_faults_do_not() {
    let file = std::env::temp_dir().join(format!("voxanne-sandbox-{}.json", Uuid::new_v4()));
    let sandbox = start(Some(file.clone())).await;
    create(&sandbox, "assistant", &json!({ "name": "A" })).await;
    sandbox.faults().set(ProviderId::Vapi, Fault::Html);
    drop(sandbox);
    let again = start(Some(file.clone())).await;
    assert_eq!(again.vapi().assistants(DEMO_VAPI[0].private_key).len(), 1);
    assert_eq!(again.faults().of(ProviderId::Vapi), Fault::None);
    std::fs::remove_file(file).expect("removed");
}

#[tokio::test]
async fn a_call_is_signed_by_the_credential_of_the_assistant() {
    let sandbox = start(None).await;
    let (url, received) = receiver().await;
    let plan = json!({ "type": "hmac", "secretKey": "s3cret", "algorithm": "sha256",
        "signatureHeader": "x-vapi-signature", "timestampHeader": "x-vapi-timestamp" });
    let credential = json!({ "provider": "webhook", "name": "n", "authenticationPlan": plan });
    let (_, credential) = create(&sandbox, "credential", &credential).await;
    let body = json!({ "name": "A", "server": { "url": url, "credentialId": credential["id"] } });
    let (_, assistant) = create(&sandbox, "assistant", &body).await;
    let id: Uuid = assistant["id"].as_str().expect("an id").parse().expect("a UUID");
    let tool = ToolUse { name: "send_sms".into(), arguments: json!({ "message": "Hi" }) };
    let script = CallScript { tools: vec![tool], ..CallScript::default() };

    let transcript = sandbox.place_call(id, &script).await.expect("a call");
    assert!(transcript.steps.iter().all(|step| step.status == Some(200)), "{transcript:?}");
    assert_eq!(transcript.of("tool-calls").len(), 1);

    let received = received.lock().expect("a lock");
    assert_eq!(received.len(), 4);
    for (headers, body) in received.iter() {
        let text = |name: &str| headers[name].to_str().expect("text").to_owned();
        let mut mac = Hmac::<Sha256>::new_from_slice(b"s3cret").expect("a key");
        mac.update(format!("{}.{body}", text("x-vapi-timestamp")).as_bytes());
        assert_eq!(text("x-vapi-signature"), hex::encode(mac.finalize().into_bytes()));
        let message: Value = serde_json::from_str(body).expect("JSON");
        assert_eq!(message["message"]["call"]["assistantId"], id.to_string());
    }
    let calls: Value = serde_json::from_str(&received[1].1).expect("JSON");
    assert_eq!(calls["message"]["toolCallList"][0]["function"]["arguments"]["message"], "Hi");
}

#[tokio::test]
async fn plain_headers_of_an_assistant_are_sent_as_they_are() {
    let sandbox = start(None).await;
    let (url, received) = receiver().await;
    let body = json!({ "server": { "url": url, "headers": { "Authorization": "Bearer s3cret" } } });
    let (_, assistant) = create(&sandbox, "assistant", &body).await;
    let id: Uuid = assistant["id"].as_str().expect("an id").parse().expect("a UUID");
    sandbox.place_call(id, &CallScript::default()).await.expect("a call");
    let all: Vec<HeaderMap> =
        received.lock().expect("a lock").iter().map(|(headers, _)| headers.clone()).collect();
    assert!(all.iter().all(|headers| headers["authorization"] == "Bearer s3cret"));
    let nobody = sandbox.place_call(Uuid::nil(), &CallScript::default()).await;
    assert!(matches!(nobody, Err(PlaceCallError::NoAssistant(_))));
}

#[tokio::test]
async fn requests_are_kept_with_who_made_them_and_without_the_credential() {
    let sandbox = start(None).await;
    let url = sandbox.vapi_url.join("assistant").expect("a URL");
    client().get(url.clone()).bearer_auth(DEMO_VAPI[1].private_key).send().await.expect("an answer");
    client().get(url).bearer_auth("unknown-key").send().await.expect("an answer");
    let seen = sandbox.requests(ProviderId::Vapi);
    let who: Vec<_> = seen.iter().map(|request| (request.account.as_deref(), request.status)).collect();
    assert_eq!(who, [(Some("Harbor Clinic"), 200), (None, 401)]);
    assert!(!serde_json::to_string(&seen).expect("JSON").contains(DEMO_VAPI[1].private_key));
    sandbox.forget_requests();
    assert!(sandbox.requests(ProviderId::Vapi).is_empty());
}

#[tokio::test]
async fn an_api_key_may_not_read_the_account_but_sends() {
    let sandbox = start(None).await;
    let account = sandbox.twilio().add_account("Third Clinic", "+15550100400");
    let key = &account.keys[0];
    let at = |path: &str| {
        let path = format!("2010-04-01/Accounts/{}{path}", account.sid);
        sandbox.twilio_url.join(&path).expect("a URL")
    };
    let read =
        client().get(at(".json")).basic_auth(&key.sid, Some(&key.secret)).send().await.expect("an answer");
    assert_eq!(read.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(read.json::<Value>().await.expect("JSON")["code"], 20003);
    let form = HashMap::from([("To", "+15550100199"), ("From", "+15550100400"), ("Body", "Hi")]);
    let request = client().post(at("/Messages.json")).basic_auth(&key.sid, Some(&key.secret)).form(&form);
    let sent = request.send().await.expect("an answer");
    assert_eq!(sent.status(), StatusCode::CREATED);
    assert_eq!(sent.json::<Value>().await.expect("JSON")["status"], "queued");
    assert_eq!(sandbox.phone_log()[0].body, "Hi");
}

#[tokio::test]
async fn test_credentials_take_magic_numbers_only_and_send_nothing() {
    let sandbox = start(None).await;
    let account =
        TwilioAccount { has_test_credentials_only: true, ..TwilioAccount::fresh("Test", "+15550100500") };
    sandbox.twilio().add(account.clone());
    let url = format!("2010-04-01/Accounts/{}/Messages.json", account.sid);
    let url = sandbox.twilio_url.join(&url).expect("a URL");
    for (from, code) in [
        ("+15005550001", Some(21212)),
        ("+15005550007", Some(21606)),
        ("+15005550008", Some(21611)),
        ("+15550100500", Some(21606)),
        ("+15005550006", None),
    ] {
        let form = HashMap::from([("To", "+15550100199"), ("From", from), ("Body", "Hi")]);
        let request =
            client().post(url.clone()).basic_auth(&account.sid, Some(&account.auth_token)).form(&form);
        let answer: Value = request.send().await.expect("an answer").json().await.expect("JSON");
        assert_eq!(answer["code"].as_u64(), code, "{from}: {answer}");
    }
    assert!(sandbox.phone_log().is_empty());
}

#[tokio::test]
async fn the_page_shows_demo_accounts_takes_switches_and_no_foreign_forms() {
    let sandbox = start(None).await;
    let page =
        client().get(sandbox.page_url.clone()).send().await.expect("a page").text().await.expect("text");
    assert!(page.contains(DEMO_VAPI[0].private_key) && page.contains(DEMO_TWILIO[1].auth_token));
    let form = HashMap::from([("vapi", "html"), ("twilio", "none"), ("refuse_credentials", "on")]);
    let url = sandbox.page_url.join("faults").expect("a URL");
    let foreign = client().post(url.clone()).header("origin", "https://example.com").form(&form);
    assert_eq!(foreign.send().await.expect("an answer").status(), StatusCode::FORBIDDEN);
    assert_eq!(sandbox.faults().of(ProviderId::Vapi), Fault::None);
    client().post(url).form(&form).send().await.expect("an answer");
    assert_eq!(sandbox.faults().of(ProviderId::Vapi), Fault::Html);
    assert!(sandbox.faults().refuses_credentials());
}
