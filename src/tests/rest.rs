//! The REST interface itself: problem documents, API keys, and a description that is true.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use voxanne::domain::{ProviderId, Role};
use voxanne::sandbox::Fault;

use super::support::app::{Answer, Browser, TestApp};
use super::support::repository::{files, read};

/// Routes below `/api` that are no part of the described interface, and why: two have senders that
/// prove themselves by signature, two are a consent's, two are the description, one a stream without end.
const UNDESCRIBED: [&str; 10] = [
    "/api/docs",
    "/api/auth/google/callback",
    "/api/auth/google/start",
    "/api/live",
    "/api/openapi.json",
    "/api/webhooks/resend/{route}",
    "/api/webhooks/twilio/{route}/inbound",
    "/api/webhooks/twilio/{route}/status",
    "/api/webhooks/vapi",
    "/api/webhooks/whatsapp/{route}",
];

/// Every described operation: path with braces, method in capitals.
pub async fn operations(browser: &Browser) -> Vec<(String, String)> {
    let document = browser.send("GET", "/api/openapi.json", None).await.json();
    let paths = document["paths"].as_object().unwrap();
    let methods = |(path, item): (&String, &Value)| {
        let verbs = ["get", "post", "put", "patch", "delete"].into_iter();
        let known: Vec<_> = verbs.filter(|verb| item.get(*verb).is_some()).map(str::to_uppercase).collect();
        known.into_iter().map(|method| (path.clone(), method)).collect::<Vec<_>>()
    };
    paths.iter().flat_map(methods).collect()
}

/// A path with each parameter in braces replaced.
pub fn fill(path: &str, mut value: impl FnMut(&str) -> String) -> String {
    let part = |part: &str| match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
        Some(name) => value(name),
        None => part.to_owned(),
    };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

fn assert_problem(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{}", answer.body);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert!(answer.header("x-request-id").len() == 32, "{:?}", answer.headers);
    let body = answer.json();
    assert_eq!(
        (&body["type"], &body["status"], &body["code"]),
        (&json!("about:blank"), &json!(status), &json!(code)),
        "{body}"
    );
    let detail = body["detail"].as_str().unwrap();
    assert!(detail.ends_with('.') && !body["title"].as_str().unwrap().is_empty(), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_error_is_a_problem_document_with_a_stable_code_and_a_request_id() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let owner = app.sign_in(&clinic.email(Role::Owner)).await;
    let member = app.sign_in(&clinic.email(Role::Member)).await;
    let nobody = app.browser();
    assert_problem(&nobody.send("GET", "/api/integrations/status", None).await, 401, "unauthenticated");
    assert_problem(&owner.send("GET", "/api/nothing", None).await, 404, "not_found");
    assert_problem(&owner.send("POST", "/api/integrations/acme/verify", None).await, 404, "not_found");
    assert_problem(&owner.send("POST", "/api/integrations/vapi/verify", None).await, 409, "not_connected");
    assert_problem(
        &member.send("POST", "/api/integrations/vapi", Some(clinic.vapi_body())).await,
        403,
        "forbidden",
    );
    assert_problem(
        &owner.send("POST", "/api/integrations/vapi", Some(json!({}))).await,
        422,
        "invalid_fields",
    );
    for wrong in [json!([]), json!("text"), json!(7)] {
        assert_problem(&owner.send("POST", "/api/integrations/vapi", Some(wrong)).await, 422, "invalid_body");
    }
    let header = [("x-organization", "01890000-0000-7000-8000-000000000000")];
    let answer = owner.send_with("GET", "/api/integrations/status", None, &header).await;
    assert_problem(&answer, 409, "clinic_changed");
    let one = nobody.send("GET", "/api/audit", None).await;
    let two = nobody.send_with("GET", "/api/audit", None, &[("x-request-id", "mine")]).await;
    assert_ne!(one.header("x-request-id"), two.header("x-request-id"));
    assert_ne!(two.header("x-request-id"), "mine", "what a client sends is not believed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_unknown_no_json_or_too_large_says_which() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let owner = app.sign_in(&clinic.email(Role::Owner)).await;
    let unknown = json!({ "apiKey": clinic.vapi.private_key, "apikey": "secret-looking-value" });
    let answer = owner.send("POST", "/api/integrations/vapi", Some(unknown)).await;
    assert_problem(&answer, 422, "invalid_fields");
    assert_eq!(answer.json()["errors"][0]["field"], "apikey");
    assert!(!answer.body.contains("secret-looking-value"));
    let number = owner.send("POST", "/api/integrations/vapi", Some(json!({ "apiKey": 7 }))).await;
    assert_problem(&number, 422, "invalid_fields");
    for (method, path, body) in [
        ("POST", "/api/sms/test", json!({ "to": "+15550100123", "text": "Buy now" })),
        ("POST", "/api/sms/test", json!({})),
        ("POST", "/api/api-keys", json!({ "name": "Desk", "role": "admin", "rights": [] })),
        ("PUT", "/api/agents/inbound", json!({ "tools": ["everything"] })),
        ("PUT", "/api/agents/inbound", json!({ "maxDurationSeconds": "long" })),
    ] {
        assert_problem(&owner.send(method, path, Some(body)).await, 422, "invalid_body");
    }

    // Bodies that the client of these tests would not send.
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let raw = |kind: &'static str, body: Vec<u8>| {
        let request = http
            .post(format!("{}/api/integrations/vapi", app.url))
            .header("accept", "application/json")
            .header("origin", &app.url)
            .header("cookie", owner.cookie().unwrap())
            .header("content-type", kind)
            .body(body);
        async move {
            let response = request.send().await.unwrap();
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            Answer { status, headers, body: response.text().await.unwrap() }
        }
    };
    let good = clinic.vapi_body().to_string().into_bytes();
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
        assert_problem(&raw(kind, good.clone()).await, 415, "unsupported_media_type");
    }
    for body in [&b"{"[..], b"", b"{\"apiKey\": \"\xff\"}", b"nonsense"] {
        assert_problem(&raw("application/json", body.to_vec()).await, 400, "unparsable");
    }
    let large = json!({ "apiKey": "k".repeat(70 * 1024) }).to_string().into_bytes();
    assert_problem(&raw("application/json", large).await, 413, "too_large");
    assert!(app.active(clinic.org, "vapi").await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_is_shown_once_works_as_its_role_and_ends_when_it_is_revoked() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let owner = app.sign_in(&clinic.email(Role::Owner)).await;
    let make = |name: &'static str, role: &'static str| {
        let owner = &owner;
        async move {
            let body = json!({ "name": name, "role": role });
            let answer = owner.send("POST", "/api/api-keys", Some(body)).await;
            assert_eq!(answer.status, 201, "{}", answer.body);
            let made = answer.json();
            (made["id"].as_str().unwrap().to_owned(), made["key"].as_str().unwrap().to_owned())
        }
    };
    let (admin_id, admin) = make("Desk", "admin").await;
    let (_, member) = make("Screen", "member").await;
    assert!(admin.starts_with("vxn_") && admin.len() >= 40, "{}", admin.len());
    let listed = owner.send("GET", "/api/api-keys", None).await;
    assert!(!listed.body.contains(&admin) && !app.dump(clinic.org).await.contains(&admin[8..]));
    assert_eq!(listed.json()["apiKeys"].as_array().unwrap().len(), 2);

    let program = app.browser();
    let call = |method: &'static str, path: String, body: Option<Value>, authorization: String| {
        let program = &program;
        async move { program.send_with(method, &path, body, &[("authorization", &authorization)]).await }
    };
    let status = "/api/integrations/status";
    let as_admin = || format!("Bearer {admin}");
    let as_member = || format!("Bearer {member}");
    assert_eq!(call("GET", status.into(), None, as_member()).await.status, 200);
    let connect = || "/api/integrations/twilio".to_owned();
    let refused = call("POST", connect(), Some(clinic.twilio_body()), as_member()).await;
    assert_problem(&refused, 403, "forbidden");
    for (method, path, body) in [
        ("DELETE", "/api/integrations/twilio", None),
        ("POST", "/api/integrations/twilio/restore", None),
        ("PUT", "/api/agents/inbound", Some(json!({ "name": "Mine" }))),
        ("DELETE", "/api/agents/inbound", None),
        ("POST", "/api/sms/test", Some(json!({ "to": "+15550100123" }))),
        ("POST", "/api/api-keys", Some(json!({ "name": "More", "role": "admin" }))),
        ("DELETE", &*format!("/api/api-keys/{admin_id}"), None),
    ] {
        assert_problem(&call(method, path.to_owned(), body, as_member()).await, 403, "forbidden");
    }
    let saved = call("POST", connect(), Some(clinic.twilio_body()), as_admin()).await;
    assert_eq!(saved.status, 200, "{}", saved.body);

    for wrong in [
        format!("Basic {admin}"),
        format!("Token {admin}"),
        admin.clone(),
        "Bearer".to_owned(),
        format!("Bearer {}x", admin),
        format!("Bearer vxn_{}", "0".repeat(60)),
    ] {
        assert_problem(&call("GET", status.into(), None, wrong).await, 401, "invalid_api_key");
    }
    // A wrong key is not made good by a session that comes with it.
    let both = owner.send_with("GET", status, None, &[("authorization", "Bearer vxn_wrong")]).await;
    assert_problem(&both, 401, "invalid_api_key");

    assert_eq!(owner.send("DELETE", &format!("/api/api-keys/{admin_id}"), None).await.status, 204);
    assert_problem(&call("GET", status.into(), None, as_admin()).await, 401, "invalid_api_key");
    assert_eq!(call("GET", status.into(), None, as_member()).await.status, 200);
    let lines = owner.send("GET", "/api/api-keys", None).await.json()["apiKeys"].as_array().unwrap().clone();
    let line = lines.iter().find(|line| line["id"] == admin_id.as_str()).unwrap();
    assert!(line["revokedAt"].is_string() && line["lastUsedAt"].is_string(), "{line}");
    for (body, field) in [
        (json!({ "name": "", "role": "admin" }), "name"),
        (json!({ "name": "a\u{0}b", "role": "admin" }), "name"),
        (json!({ "name": "x".repeat(81), "role": "admin" }), "name"),
        (json!({ "name": "Desk", "role": "owner" }), "role"),
        (json!({ "name": "Desk", "role": "platform" }), "role"),
    ] {
        let answer = owner.send("POST", "/api/api-keys", Some(body)).await;
        assert_problem(&answer, 422, "invalid_fields");
        assert_eq!(answer.json()["errors"][0]["field"], field);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_names_exactly_the_routes_that_there_are() {
    let app = TestApp::start().await;
    let nobody = app.browser();
    let described = operations(&nobody).await;
    assert!(described.len() >= 18, "{described:?}");
    for (path, method) in &described {
        let filled = fill(path, |_| "01890000-0000-7000-8000-000000000000".to_owned());
        let answer = nobody.send(method, &filled, None).await;
        // The platform's addresses exist for its staff alone.
        let (status, code) =
            if path.starts_with("/api/platform/") { (404, "not_found") } else { (401, "unauthenticated") };
        assert_problem(&answer, status, code);
    }
    // The other way round: what the source declares below /api is described, or is for browsers and webhooks.
    let mut sources = vec![read("src/http/router.rs")];
    sources.extend(files("src/http/api", &[".rs"]).into_iter().map(|file| file.text));
    let declared: BTreeSet<&str> = sources
        .iter()
        .flat_map(|source| source.split('"'))
        .filter(|text| text.starts_with("/api/") && !text.contains(char::is_whitespace))
        // The same routes as those of organizations, by another name.
        .filter(|text| !text.starts_with("/api/platform/tenants"))
        .collect();
    let known: BTreeSet<&str> = described.iter().map(|(path, _)| path.as_str()).chain(UNDESCRIBED).collect();
    assert_eq!(declared, known);
    // A described path takes its described methods and no other.
    let clinic = app.clinic("Sunrise Dental").await;
    let owner = app.sign_in(&clinic.email(Role::Owner)).await;
    for path in described.iter().map(|(path, _)| path).collect::<BTreeSet<_>>() {
        let filled = fill(path, |_| "01890000-0000-7000-8000-000000000000".to_owned());
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            if described.iter().any(|(known, verb)| known == path && verb == method) {
                continue;
            }
            let status = owner.send(method, &filled, None).await.status;
            let is_unknown = status == 404 && path.starts_with("/api/platform/");
            assert!(status == 405 || is_unknown, "{method} {path}: {status}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_reads_events_and_the_trail_of_its_own_clinic() {
    let app = TestApp::start().await;
    let (_, owner) = app.connected_clinic("Sunrise Dental").await;
    let trail = owner.send("GET", "/api/audit", None).await.json();
    let actions: Vec<&str> =
        trail["rows"].as_array().unwrap().iter().map(|row| row["action"].as_str().unwrap()).collect();
    assert_eq!(actions[..2], ["integration.connected", "integration.connected"]);
    let newest = &trail["rows"][0];
    assert!(newest["requestId"].as_str().is_some_and(|id| id.len() == 32), "{newest}");
    assert_eq!((&newest["outcome"], &newest["target"]), (&json!("success"), &json!("twilio")));
    assert_eq!(owner.send("GET", "/api/events", None).await.json(), json!({ "events": [] }));
}

/// Holds a value against a schema of the document: every member is known, and those that must be there are.
fn agrees(document: &Value, schema: &Value, value: &Value) {
    let (mut known, mut required) = (Vec::new(), Vec::new());
    let mut parts = vec![schema.clone()];
    while let Some(part) = parts.pop() {
        if let Some(name) = part["$ref"].as_str() {
            let at = name.strip_prefix('#').unwrap();
            parts.push(document.pointer(at).unwrap_or_else(|| panic!("no {name}")).clone());
        }
        parts.extend(part["allOf"].as_array().into_iter().flatten().cloned());
        known.extend(part["properties"].as_object().into_iter().flat_map(|all| all.keys().cloned()));
        required.extend(part["required"].as_array().into_iter().flatten().cloned());
    }
    for member in value.as_object().unwrap().keys() {
        assert!(known.contains(member), "no {member} in {known:?}");
    }
    for member in required {
        assert!(value.get(member.as_str().unwrap()).is_some(), "{member} is missing in {value}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn why_nothing_was_connected_is_one_problem_document_as_it_is_described() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let document = owner.send("GET", "/api/openapi.json", None).await.json();
    let second = app.sandbox.twilio().add_account("Second", "+15557654321");
    let other = json!({
        "accountSid": second.sid, "authToken": second.auth_token, "phoneNumber": second.numbers[0].number,
    });
    let own = clinic.twilio_body();
    let table = [
        (Fault::Unauthorized, own.clone(), 422, "provider_refused", json!("refused"), true),
        (Fault::Throttled, own.clone(), 503, "provider_unavailable", json!("undetermined"), true),
        (Fault::None, other, 409, "other_account", json!("accepted"), true),
        (Fault::None, json!({ "phoneNumber": "nonsense" }), 422, "invalid_fields", Value::Null, false),
        (Fault::None, json!({ "phone": "nonsense" }), 422, "invalid_fields", Value::Null, false),
    ];
    for path in ["/api/integrations/{provider}", "/api/organization/credentials/{target}"] {
        for (fault, body, status, code, outcome, has_draft) in table.clone() {
            app.sandbox.faults().set(ProviderId::Twilio, fault);
            let answer = owner.send("POST", &fill(path, |_| "twilio".to_owned()), Some(body)).await;
            assert_problem(&answer, status, code);
            let told = answer.json();
            let described = &document["paths"][path]["post"]["responses"][status.to_string()]["content"];
            let kinds: Vec<&String> = described.as_object().unwrap().keys().collect();
            assert_eq!(kinds, ["application/problem+json"], "{path} {status}");
            agrees(&document, &described["application/problem+json"]["schema"], &told);
            assert_eq!(told.get("outcome").unwrap_or(&Value::Null), &outcome, "{told}");
            assert_eq!(told["draft"].is_string(), has_draft, "{told}");
            assert!(told.get("success").is_none_or(|success| success == false), "{told}");
            let wait = (fault == Fault::Throttled).then_some("7");
            assert_eq!(answer.headers.get("retry-after").map(|value| value.to_str().unwrap()), wait);
            assert_eq!(told["retryAfterSeconds"].as_u64(), wait.map(|wait| wait.parse().unwrap()));
            assert_eq!(
                told["fix"].as_str().is_some_and(|fix| fix.contains("Try again in 7 s.")),
                wait.is_some()
            );
        }
    }
    // A check of what is stored says it as well, to programs and to people.
    app.sandbox.faults().set(ProviderId::Twilio, Fault::Throttled);
    let checked = owner.send("POST", "/api/integrations/twilio/verify", None).await;
    assert_eq!((checked.status, checked.json()["retryAfterSeconds"].as_u64()), (200, Some(7)));
    let org = clinic.org.to_string();
    let form = owner.post("/dashboard/integrations/twilio/verify", &[("org", &org)]).await;
    assert!(owner.get(form.location()).await.body.contains("Try again in 7 s."));
    // Every problem of every route is described as what it is sent as.
    for (path, item) in document["paths"].as_object().unwrap() {
        for operation in item.as_object().unwrap().values() {
            for (status, response) in operation["responses"].as_object().into_iter().flatten() {
                let is_error = status.starts_with(['4', '5']);
                let content = response["content"].as_object();
                let is_problem = content.is_some_and(|all| all.contains_key("application/problem+json"));
                assert!(content.is_none() || is_error == is_problem, "{path} {status}: {response}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_the_interface_tells_every_operation_of_the_description() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let page = browser.get("/api/docs").await;
    assert_eq!(page.status, 200);
    let document = scraper::Html::parse_document(&page.body);
    let select = |text: &str| scraper::Selector::parse(text).unwrap();
    let mut told: Vec<String> = document
        .select(&select("[data-operation]"))
        .map(|operation| operation.attr("data-operation").unwrap().to_owned())
        .collect();
    let mut described: Vec<String> =
        operations(&browser).await.into_iter().map(|(path, method)| format!("{method} {path}")).collect();
    told.sort();
    described.sort();
    assert_eq!(told, described);
    assert!(page.body.contains("SmsTestIn") && page.body.contains("SmsTestOut"), "bodies have their names");
    // No script but our own, and that only with the nonce of the answer.
    for script in document.select(&select("script")) {
        assert!(script.attr("nonce").is_some() && script.attr("src").is_none());
    }
}
