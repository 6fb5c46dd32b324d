//! No route leaks across clinics: with one clinic's session and another's ids, every route answers
//! what it answers for ids that nobody has, and nothing of the other clinic changes.

use serde_json::{Value, json};
use uuid::Uuid;
use voxanne::domain::{ProviderId, Role};
use voxanne::sandbox::Fault;

use super::rest::{fill, operations};
use super::support::app::{Answer, Browser, Clinic, TestApp};
use super::support::state::connect;

/// Every kind of id that the other clinic has.
struct Foreign {
    org: Uuid,
    ids: Vec<(&'static str, Uuid)>,
}

struct House {
    app: TestApp,
    own: Clinic,
    owner: Browser,
    foreign: Foreign,
    other: Clinic,
}

async fn house() -> House {
    let app = TestApp::start().await;
    let (own, owner) = app.connected_clinic("Sunrise Dental").await;
    let (other, stranger) = app.connected_clinic("Harbor Clinic").await;
    let key = stranger.send("POST", "/api/api-keys", Some(json!({ "name": "Desk", "role": "admin" }))).await;
    app.sandbox.faults().set(ProviderId::Twilio, Fault::ServerError);
    let draft = connect(&stranger, "twilio", other.twilio_body()).await.json()["draft"].clone();
    app.sandbox.faults().set(ProviderId::Twilio, Fault::None);
    let old = app.active(other.org, "twilio").await.unwrap();
    assert_eq!(connect(&stranger, "twilio", json!({ "displayName": "New" })).await.status, 200);
    let hook = json!({ "workflowName": "harbor-flow", "url": app.sandbox.hooks().url("harbor/flow") });
    let endpoint = stranger.send("POST", "/api/endpoints", Some(hook)).await.json();
    let sample = json!({ "kind": "lead.hot" });
    let delivery = stranger.send("POST", "/api/endpoints/harbor-flow/test", Some(sample)).await.json();
    let told = format!("/api/deliveries/{}", delivery["deliveryId"].as_str().unwrap());
    let told = stranger.send("GET", &told, None).await.json();
    let id = |value: &Value| value.as_str().unwrap().parse().unwrap();
    let ids = vec![
        ("active credential", app.active(other.org, "vapi").await.unwrap()),
        ("superseded credential", old),
        ("draft", id(&draft)),
        ("api key", id(&key.json()["id"])),
        ("endpoint", id(&endpoint["id"])),
        ("delivery", id(&delivery["deliveryId"])),
        ("event out", id(&told["eventId"])),
        ("assistant", app.assistants(&other)[0].1),
        ("organization", other.org.0),
    ];
    let foreign = Foreign { org: other.org.0, ids };
    House { app, own, owner, foreign, other }
}

/// An answer without what differs between any two: ids of requests, nonces, the id that was asked
/// for, times.
fn scrub(answer: &Answer, asked: Uuid) -> (u16, String, String) {
    let mut body = answer.body.replace(&asked.to_string(), "ID");
    while let Some(at) = body.find("nonce=\"") {
        let from = at + "nonce=\"".len();
        let to = from + body[from..].find('"').unwrap();
        body.replace_range(at..=to, "NONCE");
    }
    // The id that a page makes for the call that may be placed from it.
    let request = "name=\"request\" value=\"";
    while let Some(from) = body.find(request) {
        let end = from + request.len();
        let to = end + body[end..].find('"').unwrap();
        body.replace_range(from..=to, "REQUEST");
    }
    while let Some(from) = body.find("<time") {
        let to = from + body[from..].find("</time>").unwrap();
        body.replace_range(from..to, "WHEN");
    }
    let mut kept = String::with_capacity(body.len());
    for token in body.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        let word = token.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        if word.len() == 32 && word.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            kept.push_str("HEX");
        } else {
            kept.extend(word.chars().map(|c| if c.is_ascii_digit() { '#' } else { c }));
        }
        kept.push_str(&token[word.len()..]);
    }
    let location = answer.location().replace(&asked.to_string(), "ID");
    (answer.status, location, kept)
}

/// Equal, or the place where they differ.
#[track_caller]
fn assert_same(one: &(u16, String, String), two: &(u16, String, String), what: &str) {
    assert_eq!((one.0, &one.1), (two.0, &two.1), "{what}");
    let Some(at) = one.2.bytes().zip(two.2.bytes()).position(|(one, two)| one != two) else {
        assert_eq!(one.2.len(), two.2.len(), "{what}");
        return;
    };
    let around = |text: &str| {
        String::from_utf8_lossy(&text.as_bytes()[at.saturating_sub(60)..text.len().min(at + 60)]).into_owned()
    };
    panic!("{what}: \n{}\n{}", around(&one.2), around(&two.2));
}

fn with_body(method: &str) -> bool {
    method == "POST" || method == "PUT"
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_of_another_clinic_is_an_id_that_nobody_has_on_every_route_of_the_interface() {
    let House { app, own, owner, foreign, other } = house().await;
    let before = app.dump(other.org).await;
    let mut compared = 0;
    for (path, method) in operations(&owner).await {
        let word = |name: &str| match name {
            "provider" | "target" => "twilio".to_owned(),
            "role" => "inbound".to_owned(),
            _ => Uuid::nil().to_string(),
        };
        // In the path.
        if path.contains('{') {
            for (kind, id) in &foreign.ids {
                let unknown = Uuid::now_v7();
                let body = with_body(&method).then(|| json!({}));
                let one = owner.send(&method, &fill(&path, |_| id.to_string()), body.clone()).await;
                let two = owner.send(&method, &fill(&path, |_| unknown.to_string()), body).await;
                assert_eq!(scrub(&one, *id), scrub(&two, unknown), "{method} {path} with the {kind}");
                assert!((400..500).contains(&one.status), "{method} {path} with the {kind}: {}", one.body);
                compared += 1;
            }
        }
        // In the header that names the clinic, and in the query, which nobody reads.
        let unknown = Uuid::now_v7();
        let plain = fill(&path, word);
        let header = |id: Uuid| id.to_string();
        let (mine, theirs) = (header(foreign.org), header(unknown));
        let body = with_body(&method).then(|| json!({}));
        let one = owner.send_with(&method, &plain, body.clone(), &[("x-organization", &mine)]).await;
        let two = owner.send_with(&method, &plain, body, &[("x-organization", &theirs)]).await;
        assert_eq!(scrub(&one, foreign.org), scrub(&two, unknown), "{method} {path} in the header");
        // The platform's addresses exist for its staff alone.
        let is_platform = path.starts_with("/api/platform/");
        assert_eq!(one.status, if is_platform { 404 } else { 409 }, "{method} {path}");
        if method == "GET" {
            for key in ["org", "orgId", "organization", "id"] {
                let one = owner.send("GET", &format!("{plain}?{key}={}", foreign.org), None).await;
                let two = owner.send("GET", &format!("{plain}?{key}={unknown}"), None).await;
                assert_eq!(scrub(&one, foreign.org), scrub(&two, unknown), "{path}?{key}");
                assert!(!one.body.contains("Harbor"), "{path}?{key}: {}", one.body);
            }
        }
        // In the body.
        if with_body(&method) {
            for (kind, id) in &foreign.ids {
                for key in ["draft", "credential", "id", "org", "orgId", "organization"] {
                    // These read no body.
                    let bare = [
                        "verify",
                        "restore",
                        "pause",
                        "resume",
                        "purge",
                        "primary",
                        "rotate-secret",
                        "check",
                        "talk",
                        "cancel",
                        "done",
                    ];
                    if path.rsplit('/').next().is_some_and(|last| bare.contains(&last)) {
                        continue;
                    }
                    let unknown = Uuid::now_v7();
                    let send =
                        |id: Uuid| owner.send(&method, &plain, Some(json!({ key: id, "saveAnyway": true })));
                    let (one, two) = (send(*id).await, send(unknown).await);
                    assert_eq!(scrub(&one, *id), scrub(&two, unknown), "{method} {path}, {kind} as {key}");
                    assert!(
                        (400..500).contains(&one.status),
                        "{method} {path}, {kind} as {key}: {}",
                        one.body
                    );
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 100, "{compared}");
    assert_eq!(app.dump(other.org).await, before, "something of the other clinic changed");
    assert!(app.active(own.org, "twilio").await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_of_another_clinic_is_an_id_that_nobody_has_in_every_form() {
    let House { app, own, owner, foreign, other } = house().await;
    let before = app.dump(other.org).await;
    let forms = forms();
    assert!(forms.len() >= 8, "{forms:?}");
    for path in &forms {
        let plain =
            fill(path, |name| if name == "role" { "inbound".to_owned() } else { "twilio".to_owned() });
        // As the clinic that the form says it is for.
        let unknown = Uuid::now_v7();
        let send =
            async |id: Uuid| owner.post(&plain, &[("org", &id.to_string()), ("to", "+15550100123")]).await;
        let (one, two) = (send(foreign.org).await, send(unknown).await);
        assert_eq!(scrub(&one, foreign.org), scrub(&two, unknown), "{path}");
        let is_unknown = path == "/switch" || path.starts_with("/platform/");
        assert_eq!(one.status, if is_unknown { 404 } else { 409 }, "{path}: {}", one.body);
        assert!(!one.body.contains("Harbor"), "{path}");
        if is_unknown {
            continue;
        }
        // As every other field, and in the path. Agents are left out: their forms know no ids.
        for (kind, id) in &foreign.ids {
            for key in ["draft", "credential", "id"] {
                if path.contains("agents") || path.ends_with("/verify") || path.ends_with("/disconnect") {
                    continue;
                }
                if path.ends_with("/restore") && key != "credential" {
                    continue; // It would bring back the own one.
                }
                let unknown = Uuid::now_v7();
                let send = async |id: Uuid| {
                    let fields = [
                        ("org", own.org.to_string()),
                        (key, id.to_string()),
                        ("intent", "save_anyway".to_owned()),
                    ];
                    let fields: Vec<(&str, &str)> =
                        fields.iter().map(|(key, value)| (*key, value.as_str())).collect();
                    let answer = owner.post(&plain, &fields).await;
                    if answer.status != 303 {
                        return answer;
                    }
                    owner.get(answer.location()).await
                };
                let (one, two) = (send(*id).await, send(unknown).await);
                let what = format!("{path}, {kind} as {key}");
                assert_same(&scrub(&one, *id), &scrub(&two, unknown), &what);
                assert!(!one.body.contains("Harbor"), "{path}, {kind} as {key}");
            }
            if path.contains('{') {
                let unknown = Uuid::now_v7();
                let send = async |id: Uuid| {
                    let path = fill(path, |_| id.to_string());
                    owner.post(&path, &[("org", &own.org.to_string())]).await
                };
                let (one, two) = (send(*id).await, send(unknown).await);
                assert_eq!(
                    (scrub(&one, *id), one.status),
                    (scrub(&two, unknown), 404),
                    "{path} with the {kind}"
                );
            }
        }
    }
    assert_eq!(app.dump(other.org).await, before, "something of the other clinic changed");
}

/// Every form of the dashboard, from the one screen where all routes stand.
fn forms() -> Vec<String> {
    let source = include_str!("../http/router.rs");
    let routes = source.split(".route(").skip(1);
    let paths = routes
        .filter(|route| route.split(".route(").next().is_some_and(|route| route.contains("post(forms::")));
    let paths = paths.filter_map(|route| route.split('"').nth(1)).map(str::to_owned);
    // These belong to nobody's clinic.
    paths.filter(|path| !["/login", "/logout", "/setup"].contains(&path.as_str())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_and_no_answer_of_one_clinic_names_anything_of_another() {
    let House { app, owner, foreign, other, .. } = house().await;
    let mut seen = String::new();
    for page in [
        "/dashboard",
        "/dashboard/integrations",
        "/dashboard/integrations?panel=vapi",
        "/dashboard/integrations?panel=twilio",
        "/dashboard/integrations?panel=sms",
        "/dashboard/agents",
        "/dashboard/appointments",
        "/dashboard/appointments/export",
        "/dashboard/calls",
        "/dashboard/webhooks",
        "/dashboard/webhooks?panel=new",
        "/dashboard/webhooks/analytics?range=90d",
        "/dashboard/webhooks/attempts",
        "/dashboard/webhooks/deliveries",
        "/dashboard/events",
        "/dashboard/events/test",
        "/dashboard/audit",
        "/dashboard/settings",
    ] {
        let answer = owner.get(page).await;
        assert_eq!(answer.status, 200, "{page}");
        seen += &answer.body;
    }
    for (path, method) in operations(&owner).await {
        if method == "GET" {
            seen += &owner.send("GET", &fill(&path, |_| "inbound".to_owned()), None).await.body;
        }
    }
    for (kind, id) in &foreign.ids {
        assert!(!seen.contains(&id.to_string()), "the {kind} of another clinic is shown");
    }
    let tail = |secret: &str| secret[secret.len() - 6..].to_owned();
    for text in [
        "Harbor Clinic".to_owned(),
        other.email(Role::Owner),
        other.twilio.sid.clone(),
        other.twilio.numbers[0].number.clone(),
        tail(&other.vapi.private_key),
        tail(&other.twilio.auth_token),
    ] {
        assert!(!seen.contains(&text), "{text}");
    }
    drop(app);
}
