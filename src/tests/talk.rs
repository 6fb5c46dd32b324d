//! Talking to an agent from the browser: with the clinic's own account, by an address of Vapi's and no other,
//! for owners and admins; and the call is one of that clinic, nobody's lead.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use voxanne::domain::{ProviderId, Role};
use voxanne::jobs::work_off_inbox;
use voxanne::sandbox::Fault;

use super::calls::{PATIENT, clinic, hot_report, take};
use super::support::app::{Answer, Browser, Clinic, Setting, TestApp};
use super::support::cluster::scratch_folder;

const LEADS: &str = "select count(*) from leads where org_id = $1";
const ALERTS: &str = "select count(*) from alerts where org_id = $1";
const REPORTED: &str = "select count(*) from calls where org_id = $1 and reported_at is not null";

/// A call, from the side of the browser.
struct Call(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Call {
    async fn join(answer: &Answer) -> Self {
        assert_eq!(answer.status, 201, "{}", answer.body);
        let url = answer.json()["url"].as_str().unwrap().to_owned();
        Self(connect_async(url).await.unwrap().0)
    }

    /// The next words that are told: who said them, and what.
    async fn words(&mut self) -> (String, String) {
        loop {
            if let Message::Text(text) = self.0.next().await.unwrap().unwrap() {
                let told: Value = serde_json::from_str(&text).unwrap();
                assert_eq!(told["type"], "transcript", "{told}");
                let part = |name: &str| told[name].as_str().unwrap().to_owned();
                return (part("role"), part("transcript"));
            }
        }
    }

    /// The loudest sample of the next frame of sound.
    async fn sound(&mut self) -> u16 {
        loop {
            if let Message::Binary(frame) = self.0.next().await.unwrap().unwrap() {
                assert!(frame.len() <= 640 && frame.len() % 2 == 0, "{}", frame.len());
                let samples = frame.chunks(2).map(|two| i16::from_le_bytes([two[0], two[1]]));
                return samples.map(i16::unsigned_abs).max().unwrap_or_default();
            }
        }
    }

    /// A second and a half of a voice, in frames of 20 milliseconds.
    async fn speak(&mut self) {
        let frame: Vec<u8> = (0..320_i16).flat_map(|at| (at % 32 * 200 - 3_200).to_le_bytes()).collect();
        for _ in 0..75 {
            self.0.send(Message::Binary(frame.clone().into())).await.unwrap();
        }
    }

    async fn hang_up(mut self) {
        self.0.send(Message::Text(json!({ "type": "hangup" }).to_string().into())).await.unwrap();
        self.ended().await;
    }

    /// Waits until the other side has closed.
    async fn ended(mut self) {
        while let Some(Ok(message)) = self.0.next().await {
            if message.is_close() {
                break;
            }
        }
    }
}

async fn talk(browser: &Browser, role: &str) -> Answer {
    browser.send("POST", &format!("/api/agents/{role}/talk"), None).await
}

async fn calls(browser: &Browser) -> Vec<Value> {
    browser.send("GET", "/api/calls", None).await.json()["calls"].as_array().unwrap().clone()
}

/// Works off what comes until so many calls of a clinic are reported.
async fn reported(app: &TestApp, clinic: &Clinic, count: i64) {
    let look = async {
        while app.count(REPORTED, clinic.org).await < count {
            work_off_inbox(app.services.clone()).await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), look).await.expect("the report comes");
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_talks_to_an_agent_and_the_call_is_one_of_that_clinic_and_nobodys_lead() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let (_, stranger) = app.connected_clinic("Harbor Clinic").await;
    let told = owner.send("PUT", "/api/alerts", Some(json!({ "numbers": ["+15550100777"] }))).await;
    assert_eq!(told.status, 200, "{}", told.body);
    app.sandbox.forget_requests();
    let answer = talk(&owner, "inbound").await;
    let started = answer.json();
    let id = started["call_id"].as_str().unwrap().to_owned();
    assert_eq!(started["sample_rate"], 16_000);
    assert_eq!(started["url"], format!("ws://{}/{id}/transport", app.sandbox.vapi_url.authority()));
    assert!(answer.header("cache-control").contains("no-store"));
    assert!(!answer.body.contains(&clinic.vapi.private_key), "the key stays here");
    let asked = app.sandbox.requests(ProviderId::Vapi);
    assert_eq!(asked.len(), 1);
    assert_eq!(
        (asked[0].path.as_str(), asked[0].account.as_deref()),
        ("/call", Some(clinic.vapi.name.as_str()))
    );
    let at_vapi = app.sandbox.vapi().calls(&clinic.vapi.private_key);
    assert_eq!(at_vapi[0]["assistantId"], app.assistants(&clinic)[0].1.to_string(), "the inbound agent");
    assert!(!app.dump(clinic.org).await.contains(started["url"].as_str().unwrap()), "kept nowhere");

    let mut call = Call::join(&answer).await;
    let (role, greeting) = call.words().await;
    assert_eq!(role, "assistant");
    let agent = owner.send("GET", "/api/agents/inbound", None).await.json();
    assert_eq!(agent["firstMessage"], greeting.as_str());
    let mut loudest = 0;
    for _ in 0..10 {
        loudest = loudest.max(call.sound().await);
    }
    assert!(loudest > 1_000, "the agent is heard: {loudest}");
    work_off_inbox(app.services.clone()).await.unwrap();
    assert_eq!(calls(&owner).await[0]["status"], "in_progress");
    let again = connect_async(started["url"].as_str().unwrap()).await;
    assert!(again.is_err(), "two are not taken into one call");
    // The greeting plays on for a moment, and nobody is answered meanwhile.
    while call.0.next().await.unwrap().unwrap().len() == 640 {}
    call.speak().await;
    assert_eq!(call.words().await.0, "user");
    assert_eq!(call.words().await.0, "assistant");
    assert!(call.sound().await < 10_000);
    call.hang_up().await;

    reported(&app, &clinic, 1).await;
    let listed = calls(&owner).await;
    assert_eq!(listed.len(), 1);
    let one = &listed[0];
    assert_eq!((&one["callId"], &one["direction"]), (&json!(id), &json!("talk")));
    assert_eq!((&one["status"], &one["assistant"]), (&json!("ended"), &json!("inbound")));
    assert_eq!((&one["caller"], &one["endedReason"]), (&Value::Null, &json!("customer-ended-call")));
    assert_eq!((&one["leadScore"], &one["isHot"]), (&Value::Null, &json!(false)));
    assert_eq!((app.count(LEADS, clinic.org).await, app.count(ALERTS, clinic.org).await), (0, 0));
    let page = owner.get("/dashboard/calls").await.body;
    assert!(page.contains("Talk in the browser") && page.contains("Your team"), "{page}");
    let page = owner.get(&format!("/dashboard/calls/{id}?open=details")).await;
    assert!(page.body.contains("Somebody tried the agent out"), "{}", page.body);
    assert_eq!(app.recorded(clinic.org, "talk.started", "success").await, 1);
    assert!(calls(&stranger).await.is_empty());
    assert_eq!(stranger.send("GET", &format!("/api/calls/{id}"), None).await.status, 404);
    assert!(app.sandbox.disagreements().is_empty(), "{:?}", app.sandbox.disagreements());
}

#[tokio::test(flavor = "multi_thread")]
async fn owners_and_admins_talk_to_the_agents_of_their_own_clinic() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let (other, stranger) = app.connected_clinic("Harbor Clinic").await;
    let member = app.sign_in(&clinic.email(Role::Member)).await;
    let refused = talk(&member, "inbound").await;
    assert_eq!((refused.status, &refused.json()["code"]), (403, &json!("forbidden")));
    assert_eq!(app.recorded(clinic.org, "talk.started", "denied").await, 1);
    assert_eq!(talk(&app.browser(), "inbound").await.status, 401);
    assert_eq!(talk(&owner, "reception").await.status, 404);
    let elsewhere = [("x-organization", &*other.org.to_string())];
    let answer = owner.send_with("POST", "/api/agents/inbound/talk", None, &elsewhere).await;
    assert_eq!((answer.status, &answer.json()["code"]), (409, &json!("clinic_changed")));
    assert!(app.sandbox.vapi().calls(&clinic.vapi.private_key).is_empty(), "nobody was asked");

    let admin = app.sign_in(&clinic.email(Role::Admin)).await;
    assert_eq!(talk(&admin, "outbound").await.status, 201);
    assert_eq!(talk(&stranger, "outbound").await.status, 201);
    for clinic in [&clinic, &other] {
        let placed = app.sandbox.vapi().calls(&clinic.vapi.private_key);
        assert_eq!(placed.len(), 1);
        assert_eq!(placed[0]["assistantId"], app.assistants(clinic)[1].1.to_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_reason_why_there_is_no_call_has_its_sentence() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let owner = app.sign_in(&clinic.email(Role::Owner)).await;
    let told = async |status: u16, code: &str, words: &str| {
        let answer = talk(&owner, "inbound").await;
        let body = answer.json();
        let detail = body["detail"].as_str().unwrap();
        assert_eq!((answer.status, body["code"].as_str()), (status, Some(code)), "{detail}");
        assert!(detail.contains(words), "{words}: {detail}");
        assert!(!detail.contains("may have been placed"), "nothing is in doubt: {detail}");
    };
    told(409, "not_connected", "Vapi is not connected for this clinic").await;
    assert_eq!(owner.send("POST", "/api/integrations/vapi", Some(clinic.vapi_body())).await.status, 200);
    for (fault, code, words) in [
        (Fault::Unauthorized, "provider_refused", "rejected the key"),
        (Fault::Forbidden, "provider_refused", "does not allow it"),
        (Fault::Throttled, "provider_unavailable", "slow down"),
        (Fault::ServerError, "provider_unavailable", "a problem of its own"),
        (Fault::Html, "provider_unavailable", "Vapi"),
        (Fault::Hang, "provider_unavailable", "Vapi did not answer in time"),
    ] {
        app.sandbox.faults().set(ProviderId::Vapi, fault);
        told(502, code, words).await;
    }
    app.sandbox.faults().set(ProviderId::Vapi, Fault::None);
    assert_eq!(app.recorded(clinic.org, "talk.started", "failure").await, 6);
    assert_eq!(owner.send("POST", "/api/integrations/vapi/pause", None).await.status, 204);
    told(409, "paused", "Vapi is paused for this clinic").await;
    assert_eq!(owner.send("POST", "/api/integrations/vapi/resume", None).await.status, 204);
    // Deleted at Vapi behind our back.
    app.sandbox.vapi().delete_assistant(app.assistants(&clinic)[0].1);
    told(502, "provider_refused", "Save the inbound agent").await;
    assert_eq!(talk(&owner, "outbound").await.status, 201, "the other one is there");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_not_of_vapi_reaches_no_browser() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    for foreign in [
        "wss://evil.example/x/transport",
        "wss://vapi.ai.evil.example/x",
        "ws://api.vapi.ai/evil",
        "https://api.vapi.ai/evil",
        "ws://127.0.0.1:1/evil",
        "evil",
    ] {
        app.sandbox.vapi().name_address(Some(foreign));
        let answer = talk(&owner, "inbound").await;
        assert_eq!(answer.status, 502, "{foreign}: {}", answer.body);
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("not one of Vapi's own, so it is not opened"), "{detail}");
        assert!(!answer.body.contains("evil"), "{}", answer.body);
    }
    assert_eq!(app.recorded(clinic.org, "talk.started", "failure").await, 6);
    let real = "wss://phone-call-websocket.aws-us-west-2-backend-production1.vapi.ai/x/transport";
    app.sandbox.vapi().name_address(Some(real));
    assert_eq!(talk(&owner, "inbound").await.json()["url"], real);
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_ends_a_call_and_so_does_a_tab_that_is_closed() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    app.sandbox.vapi().end_after_silence(Duration::from_millis(100));
    let mut silent = Call::join(&talk(&owner, "inbound").await).await;
    silent.0.send(Message::Binary(vec![0; 640].into())).await.unwrap();
    silent.ended().await;
    reported(&app, &clinic, 1).await;
    assert_eq!(calls(&owner).await[0]["endedReason"], "silence-timed-out");
    app.sandbox.vapi().end_after_silence(Duration::from_secs(30));
    let mut closed = Call::join(&talk(&owner, "inbound").await).await;
    closed.sound().await;
    drop(closed);
    reported(&app, &clinic, 2).await;
    assert!(calls(&owner).await.iter().any(|call| call["endedReason"] == "customer-ended-call"));
    // One that nobody joins leaves nothing.
    assert_eq!(talk(&owner, "inbound").await.status, 201);
    assert_eq!(app.count("select count(*) from calls where org_id = $1", clinic.org).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_comes_by_another_program_of_the_clinic_is_a_lead_like_any_other() {
    let app = TestApp::start().await;
    let (clinic, owner, wire) = clinic(&app, "Sunrise Dental").await;
    for (call, number, leads) in [("talk", None, 0), ("kiosk", Some(PATIENT), 1)] {
        let mut report: Value = serde_json::from_str(&hot_report(&wire, call, number)).unwrap();
        report["message"]["call"]["type"] = "vapi.websocketCall".into();
        take(&wire, &report.to_string()).await;
        work_off_inbox(app.services.clone()).await.unwrap();
        assert_eq!(app.count(LEADS, clinic.org).await, leads, "{call}");
    }
    let listed = calls(&owner).await;
    let direction = |id: &str| listed.iter().find(|call| call["callId"] == id).unwrap()["direction"].clone();
    assert_eq!((direction("talk"), direction("kiosk")), (json!("talk"), json!("web")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clinic_starts_so_many_talks_in_a_minute_and_no_more() {
    let app = TestApp::start().await;
    let (_, owner) = app.connected_clinic("Sunrise Dental").await;
    for _ in 0..voxanne::calls::outbound::PER_MINUTE {
        assert_eq!(talk(&owner, "inbound").await.status, 201);
    }
    let answer = talk(&owner, "inbound").await;
    assert_eq!(
        (answer.status, &answer.json()["code"]),
        (429, &json!("too_many_requests")),
        "{}",
        answer.body
    );
    assert!(!answer.header("retry-after").is_empty());
}

/// What a policy allows, by the name of its directive.
fn allowed(answer: &Answer, directive: &str) -> String {
    let policy = answer.header("content-security-policy");
    let found = policy.split("; ").find_map(|part| part.strip_prefix(directive)?.strip_prefix(' '));
    found.unwrap_or_else(|| panic!("no {directive}: {policy}")).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_microphone_and_the_calls_of_vapi_are_open_to_that_page_alone_and_to_who_may_talk() {
    let folder = scratch_folder("talk-site");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("hash.txt"), "css: 1\ntalk: abc\ntalk-worklet: def\n").unwrap();
    let app = TestApp::start_set(Setting { site_dir: Some(folder.clone()), ..Setting::default() }).await;
    let clinic = app.clinic("Sunrise Dental").await;
    let owner = app.sign_in(&clinic.email(Role::Owner)).await;
    let member = app.sign_in(&clinic.email(Role::Member)).await;
    let is_shut = async |browser: &Browser, path: &str| {
        let page = browser.get(path).await;
        assert_eq!(allowed(&page, "connect-src"), "'self'", "{path}");
        assert!(page.header("permissions-policy").contains("microphone=(),"), "{path}");
        assert!(!page.body.contains("/pkg/talk."), "{path}");
        page
    };
    let page = is_shut(&owner, "/dashboard/agents").await;
    assert!(page.body.contains("it is not connected") && !page.body.contains("data-talk"), "{}", page.body);

    assert_eq!(owner.send("POST", "/api/integrations/vapi", Some(clinic.vapi_body())).await.status, 200);
    let page = owner.get("/dashboard/agents").await;
    let stand_in = app.sandbox.vapi_url.authority();
    assert_eq!(allowed(&page, "connect-src"), format!("'self' wss://*.vapi.ai ws://{stand_in}"));
    assert!(allowed(&page, "script-src").starts_with("'self' 'nonce-"), "the worklet is a script of our own");
    assert_eq!(
        page.header("permissions-policy"),
        "camera=(), geolocation=(), microphone=(self), payment=(), usb=()"
    );
    assert!(page.body.contains("src=\"/pkg/talk.abc.js\"") && page.body.contains("/pkg/talk-worklet.def.js"));
    for role in ["inbound", "outbound"] {
        assert!(page.body.contains(&format!("data-talk=\"{role}\"")), "{role}");
    }
    assert!(page.body.contains("none run here") && page.body.contains("call your phone"), "without scripts");
    assert!(!page.body.contains(&clinic.vapi.private_key));
    let page = is_shut(&member, "/dashboard/agents").await;
    assert!(!page.body.contains("Talk to the agent"), "{}", page.body);
    for path in ["/dashboard", "/dashboard/calls", "/dashboard/phone", "/dashboard/integrations", "/nothing"]
    {
        is_shut(&owner, path).await;
    }
    is_shut(&app.browser(), "/login").await;
    std::fs::remove_dir_all(folder).unwrap();
}
