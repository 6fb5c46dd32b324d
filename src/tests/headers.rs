//! The headers of every answer, and errors that say nothing about how we are made.

use std::collections::HashSet;

use voxanne::domain::Role;

use super::support::app::{Answer, Setting, TestApp};
use super::support::cluster::scratch_folder;

const PAGES: &[&str] = &[
    "/dashboard",
    "/dashboard/integrations",
    "/dashboard/integrations?panel=vapi",
    "/dashboard/integrations?panel=twilio",
    "/dashboard/agents",
    "/dashboard/webhooks?panel=new",
    "/dashboard/webhooks/analytics",
    "/dashboard/events",
    "/dashboard/events/test",
    "/dashboard/audit",
    "/dashboard/settings",
];
const API: &[&str] = &[
    "/api/integrations/status",
    "/api/organization/credentials",
    "/api/agents/inbound",
    "/api/events",
    "/api/analytics/webhooks",
    "/api/audit",
    "/api/api-keys",
];

fn nonce(answer: &Answer) -> String {
    let policy = answer.header("content-security-policy");
    let start = policy.find("'nonce-").unwrap_or_else(|| panic!("no nonce: {policy}")) + 7;
    policy[start..].split('\'').next().unwrap().to_owned()
}

/// What every answer has, whatever it is.
fn check(what: &str, answer: &Answer, seen: &mut HashSet<String>) {
    let policy = answer.header("content-security-policy");
    for word in ["'unsafe-inline'", "'unsafe-eval'", "'unsafe-hashes'", "*", "http:", "https:"] {
        assert!(!policy.split([' ', ';']).any(|part| part == word), "{what}: {policy}");
    }
    for part in [
        "default-src 'none'",
        "object-src 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "form-action 'self'",
    ] {
        assert!(policy.contains(part), "{what}: {policy}");
    }
    let nonce = nonce(answer);
    assert!(nonce.len() >= 22, "{what}: {nonce}");
    assert!(seen.insert(nonce), "{what}: a nonce was used twice");
    assert_eq!(answer.header("x-content-type-options"), "nosniff", "{what}");
    assert_eq!(answer.header("x-frame-options"), "DENY", "{what}");
    assert_eq!(answer.header("referrer-policy"), "same-origin", "{what}");
    assert_eq!(answer.header("x-request-id").len(), 32, "{what}");
    assert!(!answer.headers.contains_key("server") && !answer.headers.contains_key("x-powered-by"), "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_the_headers_and_a_nonce_of_its_own() {
    let app = TestApp::start().await;
    let (_, owner) = app.connected_clinic("Sunrise Dental").await;
    let nobody = app.browser();
    let mut seen = HashSet::new();
    for path in PAGES {
        let page = owner.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        check(path, &page, &mut seen);
        assert!(page.header("cache-control").contains("no-store"), "{path}");
        let own = nonce(&page);
        for script in page.body.split("<script").skip(1) {
            let tag = script.split('>').next().unwrap();
            assert!(tag.contains(&format!("nonce=\"{own}\"")), "{path}: a script without the nonce: {tag}");
        }
        assert!(!page.body.contains(" style=\"") && !page.body.contains("<style"), "{path}: inline style");
        assert!(!page.body.contains(" onclick=") && !page.body.contains("javascript:"), "{path}");
    }
    for path in API {
        let answer = owner.send("GET", path, None).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        check(path, &answer, &mut seen);
        assert!(answer.header("cache-control").contains("no-store"), "{path}");
    }
    for path in [
        "/login",
        "/setup",
        "/nothing",
        "/api/nothing",
        "/pkg/nothing.js",
        "/healthz",
        "/readyz",
        "/api/openapi.json",
        "/dashboard",
    ] {
        check(path, &nobody.get(path).await, &mut seen);
        check(path, &nobody.send("GET", path, None).await, &mut seen);
        check(path, &owner.send("DELETE", path, None).await, &mut seen);
    }
    for (method, status) in [("POST", 400), ("GET", 405)] {
        let body = (method == "POST").then(|| serde_json::json!({}));
        let webhook = nobody.send(method, "/api/webhooks/vapi", body).await;
        assert_eq!(webhook.status, status, "{method}: {}", webhook.body);
        // No page, so nothing that a page would need: everything is forbidden.
        assert_eq!(webhook.header("content-security-policy"), "default-src 'none'; frame-ancestors 'none'");
        assert_eq!(webhook.header("x-content-type-options"), "nosniff");
        assert!(webhook.header("cache-control").contains("no-store"));
        assert_eq!(webhook.header("x-request-id").len(), 32);
        assert!(webhook.header("content-type").starts_with("application/problem+json"), "{method}");
        assert_eq!(webhook.header("allow"), if method == "GET" { "POST" } else { "" });
    }
    let forged =
        nobody.raw("GET", "/login", &[("x-request-id", "forged"), ("accept", "text/html")], None).await;
    check("a made-up request id", &forged, &mut seen);
    assert!(forged.header("strict-transport-security").is_empty(), "plain http has no such promise");
}

#[tokio::test(flavor = "multi_thread")]
async fn over_https_browsers_are_told_to_stay_there() {
    let public_url = Some("https://clinics.example".to_owned());
    let app = TestApp::start_set(Setting { public_url, ..Setting::default() }).await;
    for path in ["/login", "/nothing", "/healthz"] {
        let answer = app.browser().get(path).await;
        let promise = answer.header("strict-transport-security").to_owned();
        let seconds: u64 =
            promise.split("max-age=").nth(1).unwrap().split(';').next().unwrap().parse().unwrap();
        assert!(seconds >= 31_536_000, "{path}: {promise}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn built_files_are_kept_for_ever_and_nothing_beside_them_is_served() {
    let folder = scratch_folder("site");
    std::fs::create_dir_all(folder.join("site/pkg")).unwrap();
    std::fs::write(folder.join("secret.txt"), "beside the site").unwrap();
    std::fs::write(folder.join("site/hash.txt"), "css: abc123\n").unwrap();
    std::fs::write(folder.join("site/pkg/voxanne.abc123.css"), "body{}").unwrap();
    let app = TestApp::start_set(Setting { site_dir: Some(folder.join("site")), ..Setting::default() }).await;
    let browser = app.browser();
    let page = browser.get("/setup").await;
    assert!(page.body.contains("/pkg/voxanne.abc123.css"));
    let file = browser.get("/pkg/voxanne.abc123.css").await;
    assert_eq!((file.status, file.body.as_str()), (200, "body{}"));
    assert_eq!(file.header("cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(file.header("x-content-type-options"), "nosniff");
    for path in ["/pkg/voxanne.other.css", "/pkg/", "/pkg"] {
        let missing = browser.get(path).await;
        assert_eq!(missing.status, 404, "{path}");
        assert!(missing.header("cache-control").contains("no-store"), "{path}: a miss is not kept");
    }
    for path in ["/%2e%2e/secret.txt", "/pkg/%2e%2e/%2e%2e/secret.txt", "/..%2fsecret.txt", "//secret.txt"] {
        let answer = browser.get(path).await;
        assert!(answer.status >= 400 && !answer.body.contains("beside"), "{path}: {}", answer.status);
    }
    std::fs::remove_dir_all(folder).unwrap();
}

/// What no error may contain: words of the database, of the language and of this machine.
const TELLING: &[&str] = &[
    "panicked",
    "SQLSTATE",
    "sqlx",
    "postgres",
    "Postgres",
    "relation",
    "org_integrations",
    "audit_log",
    "sessions",
    "axum",
    "tower",
    "serde",
    "leptos",
    "reqwest",
    "hyper",
    "tokio",
    "src/",
    ".rs",
    ".cargo",
    "/tmp",
    "/home",
    "/work",
    "expected value",
    "at line",
    "column",
    "missing field",
    "invalid type",
    "PoolClosed",
    "pool",
    "Backend",
    "42P01",
];

fn says_nothing(what: &str, answer: &Answer, is_page: bool) {
    let text: String = if is_page {
        // The words that a person sees; the frame around them names our own files.
        assert!(!answer.body.contains("panicked"), "{what}");
        let main = answer.body.split("<main").nth(1).unwrap_or(&answer.body);
        main.split("</main>").next().unwrap().to_owned()
    } else {
        answer.body.clone()
    };
    for word in TELLING {
        assert!(!text.contains(word), "{what} says {word}: {text}");
    }
    assert_eq!(answer.header("x-request-id").len(), 32, "{what}");
    let kind = if is_page { "text/html" } else { "application/problem+json" };
    assert!(answer.header("content-type").starts_with(kind), "{what}: {:?} {}", answer.headers, answer.body);
    if !is_page {
        let problem = answer.json();
        assert_eq!(problem["status"], answer.status, "{what}");
        assert!(problem["code"].as_str().is_some_and(|code| !code.is_empty()), "{what}");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.ends_with('.')), "{what}: {problem}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_of_malformed_requests_say_nothing_about_how_we_are_made() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let owner = app.sign_in(&clinic.email(Role::Owner)).await;
    let large = "x".repeat(200 * 1024);
    let cases: &[(&str, &str, &str, Option<&str>)] = &[
        ("GET", "/nothing", "", None),
        ("GET", "/api/nothing", "", None),
        ("GET", "/pkg/nothing", "", None),
        ("GET", "/dashboard/nothing", "", None),
        ("PATCH", "/dashboard", "application/json", Some("{}")),
        ("DELETE", "/api/events", "", None),
        ("PUT", "/healthz", "application/json", Some("{}")),
        ("GET", "/api/agents/nobody", "", None),
        ("GET", "/api/agents/%FF", "", None),
        ("GET", "/api/agents/%00", "", None),
        ("POST", "/login", "application/x-www-form-urlencoded", Some("email=a%00b&password=x")),
        ("POST", "/api/api-keys", "application/json", Some("{\"name\":\"a\\u0000b\",\"role\":\"member\"}")),
        ("DELETE", "/api/api-keys/nonsense", "", None),
        ("DELETE", "/api/organization/credentials/nonsense", "", None),
        ("POST", "/api/integrations/nobody", "application/json", Some("{}")),
        ("POST", "/api/integrations/twilio", "application/json", Some("{")),
        ("POST", "/api/integrations/twilio", "application/json", Some("[1,2]")),
        ("POST", "/api/integrations/twilio", "application/json", Some("{\"accountSid\":{}}")),
        ("POST", "/api/integrations/twilio", "application/json", Some("{\"accountSid\":\"\\u0000\"}")),
        ("POST", "/api/integrations/twilio", "application/x-www-form-urlencoded", Some("a=b")),
        ("POST", "/api/integrations/twilio", "application/json", Some(&large)),
        ("POST", "/api/api-keys", "application/json", Some("{\"name\":7}")),
        ("POST", "/api/api-keys", "application/json", Some("{}")),
        ("POST", "/api/sms/test", "application/json", Some("{\"to\":\"\\ud800\"}")),
        ("POST", "/dashboard/settings/profile", "application/x-www-form-urlencoded", Some("org=nonsense")),
        ("POST", "/dashboard/settings/profile", "application/x-www-form-urlencoded", Some(&large)),
        ("POST", "/dashboard/settings/profile", "multipart/form-data; boundary=x", Some("--x--")),
        (
            "POST",
            "/dashboard/integrations/nobody/connect",
            "application/x-www-form-urlencoded",
            Some("org=x"),
        ),
        ("POST", "/login", "application/json", Some("{}")),
        ("POST", "/switch", "application/x-www-form-urlencoded", Some("org=%00")),
        ("GET", "/login?next=%FF%00", "", None),
        ("GET", "/dashboard/events?before=nonsense&%FF=%FF", "", None),
    ];
    for (method, path, kind, body) in cases {
        for accept in ["text/html", "application/json"] {
            let mut headers = vec![("accept", accept), ("origin", app.url.as_str())];
            if !kind.is_empty() {
                headers.push(("content-type", kind));
            }
            let answer = owner.raw(method, path, &headers, *body).await;
            let what = format!("{method} {path} {kind} as {accept}: {}", answer.status);
            assert!(answer.status < 500, "{what}: {}", answer.body);
            if answer.status >= 400 {
                // The sign-in page answers with itself, whoever asks.
                says_nothing(
                    &what,
                    &answer,
                    accept == "text/html" || answer.body.contains("action=\"/login\""),
                );
            }
        }
    }
    for (kind, body) in
        [("application/json", "{"), ("text/plain", "x"), ("application/json", "{\"message\":7}")]
    {
        for path in ["/api/webhooks/vapi", "/webhooks/vapi"] {
            let answer = app.browser().raw("POST", path, &[("content-type", kind)], Some(body)).await;
            assert!((400..500).contains(&answer.status), "{path} {body}: {}", answer.status);
            says_nothing(path, &answer, false);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_away_everybody_is_asked_to_come_back_and_told_no_more() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let owner = app.sign_in(&clinic.email(Role::Owner)).await;
    let org = clinic.org.to_string();
    app.services.pool.close().await;
    let mut answers = Vec::new();
    for path in PAGES {
        answers.push(((*path).to_owned(), owner.get(path).await, true));
    }
    for path in API {
        answers.push(((*path).to_owned(), owner.send("GET", path, None).await, false));
    }
    answers.push(("readyz".to_owned(), owner.send("GET", "/readyz", None).await, false));
    answers.push((
        "login".to_owned(),
        owner.post("/login", &[("email", "a@b.example"), ("password", "x")]).await,
        true,
    ));
    answers.push(("logout".to_owned(), owner.post("/logout", &[]).await, true));
    answers.push(("switch".to_owned(), owner.post("/switch", &[("org", &org)]).await, true));
    answers.push((
        "form".to_owned(),
        owner.post("/dashboard/settings/profile", &[("org", &org)]).await,
        true,
    ));
    answers.push((
        "save".to_owned(),
        owner.send("POST", "/api/integrations/twilio", Some(clinic.twilio_body())).await,
        false,
    ));
    let hook = serde_json::json!({ "message": { "type": "status-update", "call": { "id": "c", "assistantId": org } } });
    answers.push((
        "webhook".to_owned(),
        app.browser().send("POST", "/api/webhooks/vapi", Some(hook)).await,
        false,
    ));
    for (what, answer, is_page) in &answers {
        assert_eq!(answer.status, 503, "{what}: {}", answer.body);
        assert!(answer.header("retry-after").parse::<u32>().is_ok(), "{what}: {:?}", answer.headers);
        says_nothing(what, answer, *is_page);
    }
    assert_eq!(owner.get("/healthz").await.status, 200, "the process itself is well");
}
