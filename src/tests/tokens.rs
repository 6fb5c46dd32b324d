//! Tokens of configured issuers, and keys with scopes: what each opens, and how each is refused.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use voxanne::auth::tokens::LEEWAY;
use voxanne::domain::access_scope::NOUNS;
use voxanne::domain::{OrgId, Role};
use voxanne::integrations::bearer::{IssuerToAdd, KeyToAdd, add};
use voxanne::sandbox::{demo_issuer_key, demo_issuer_p256_key, demo_issuer_rsa_key};
use voxanne::vault::SecretText;

use super::rest::{fill, operations};
use super::support::app::{Answer, TestApp};

const SECRET: &str = "a shared secret of thirty-two bytes";
const STATUS: &str = "/api/integrations/status";

async fn issuer(app: &TestApp, name: &str, org: Option<OrgId>, max_role: Role) {
    let key = KeyToAdd::Secret(SecretText::new(SECRET.to_owned()));
    let new = IssuerToAdd { issuer: name, audience: "voxanne", only_organization: org, max_role, key };
    add(&app.services, &new).await.unwrap();
}

fn claims(app: &TestApp, issuer: &str, org: OrgId) -> Value {
    json!({
        "iss": issuer, "aud": "voxanne", "sub": "practice software", "org_id": org.to_string(), "role": "admin",
        "exp": app.clock.unix() + 300,
    })
}

fn sign(claims: &Value) -> String {
    encode(&Header::new(Algorithm::HS256), claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

async fn ask(app: &TestApp, method: &str, path: &str, body: Option<Value>, token: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    app.browser().send_with(method, path, body, &[("authorization", &bearer)]).await
}

fn code(answer: &Answer) -> (u16, String) {
    (answer.status, answer.json()["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_works_in_its_clinic_as_its_role_and_stands_in_the_trail() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let other = app.clinic("Harbor Clinic").await;
    issuer(&app, "https://any.example", None, Role::Admin).await;
    issuer(&app, "https://weak.example", None, Role::Member).await;

    let admin = sign(&claims(&app, "https://any.example", clinic.org));
    let connected = ask(&app, "POST", "/api/integrations/twilio", Some(clinic.twilio_body()), &admin).await;
    assert_eq!(connected.status, 200, "{}", connected.body);
    let elsewhere = sign(&claims(&app, "https://any.example", other.org));
    let status = ask(&app, "GET", STATUS, None, &elsewhere).await;
    assert_eq!(status.status, 200);
    assert!(!status.body.contains(&clinic.twilio.sid), "another clinic's account is shown");
    let trail = ask(&app, "GET", "/api/audit", None, &admin).await;
    assert!(trail.body.contains("token of practice software"), "{}", trail.body);

    // An issuer gives no more than it may, whatever its tokens say.
    let weak = sign(&claims(&app, "https://weak.example", clinic.org));
    assert_eq!(ask(&app, "GET", STATUS, None, &weak).await.status, 200);
    let refused = ask(&app, "DELETE", "/api/integrations/twilio", None, &weak).await;
    assert_eq!(code(&refused), (403, "forbidden".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_wrong_token_has_its_own_code_and_sentence() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let other = app.clinic("Harbor Clinic").await;
    let name = "https://own.example";
    issuer(&app, name, Some(clinic.org), Role::Admin).await;
    let good = claims(&app, name, clinic.org);
    let with = |member: &str, value: Value| {
        let mut changed = good.clone();
        changed[member] = value;
        sign(&changed)
    };
    let without = |member: &str| {
        let mut changed = good.clone();
        changed.as_object_mut().unwrap().remove(member);
        sign(&changed)
    };
    let unsigned = {
        use base64::Engine as _;
        let part = |v: &Value| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(v.to_string());
        format!("{}.{}.", part(&json!({ "alg": "none" })), part(&good))
    };
    let forged =
        encode(&Header::new(Algorithm::HS256), &good, &EncodingKey::from_secret(b"somebody else's")).unwrap();
    let nobody = "01890000-0000-7000-8000-00000000dead";
    let table = [
        (unsigned, 401, "token_unsigned"),
        (forged, 401, "token_signature"),
        (with("iss", json!("https://evil.example")), 401, "token_issuer_unknown"),
        (with("aud", json!("another")), 401, "token_audience"),
        (without("exp"), 401, "token_without_expiry"),
        (with("exp", json!(app.clock.unix() - 60)), 401, "token_expired"),
        (with("nbf", json!(app.clock.unix() + 600)), 401, "token_too_early"),
        (without("org_id"), 401, "token_without_clinic"),
        (with("org_id", json!(other.org.to_string())), 403, "token_clinic_foreign"),
        (with("org_id", json!(nobody)), 403, "token_clinic_foreign"),
        ("neither.key.nor-token".to_owned(), 401, "token_malformed"),
    ];
    let mut sentences = Vec::new();
    for (token, status, expected) in &table {
        let answer = ask(&app, "GET", STATUS, None, token).await;
        assert_eq!(code(&answer), (*status, (*expected).to_owned()), "{}", answer.body);
        sentences.push(answer.json()["detail"].as_str().unwrap().to_owned());
    }
    sentences.sort();
    sentences.dedup();
    // The two foreign clinics, real and made up, can not be told apart.
    assert_eq!(sentences.len(), table.len() - 1, "{sentences:#?}");
    assert_eq!(ask(&app, "GET", STATUS, None, &sign(&good)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_issuer_is_refused_at_once_and_a_published_key_is_fetched_once() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let name = "https://published.example";
    let url = app.sandbox.shared_url.join("jwks").unwrap();
    let new = IssuerToAdd {
        issuer: name,
        audience: "voxanne",
        only_organization: Some(clinic.org),
        max_role: Role::Admin,
        key: KeyToAdd::Published(url),
    };
    add(&app.services, &new).await.unwrap();
    let (key_id, pkcs8) = demo_issuer_key();
    let mut header = Header::new(Algorithm::EdDSA);
    header.kid = Some(key_id.to_owned());
    let token = encode(&header, &claims(&app, name, clinic.org), &EncodingKey::from_ed_der(&pkcs8)).unwrap();
    for _ in 0..5 {
        let answer = ask(&app, "GET", STATUS, None, &token).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    header.kid = Some("made up".to_owned());
    let unknown =
        encode(&header, &claims(&app, name, clinic.org), &EncodingKey::from_ed_der(&pkcs8)).unwrap();
    for _ in 0..5 {
        assert_eq!(code(&ask(&app, "GET", STATUS, None, &unknown).await), (401, "token_signature".into()));
    }
    assert_eq!(app.sandbox.jwks_requests(), 1, "the issuer's keys were fetched more than once");

    voxanne::db::issuers::disable(&app.services.pool, name).await.unwrap();
    assert_eq!(code(&ask(&app, "GET", STATUS, None, &token).await), (401, "invalid_api_key".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_with_scopes_opens_only_what_they_name_on_every_route() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let owner = app.sign_in(&clinic.email(Role::Owner)).await;
    let make = async |scopes: Value| {
        let body = json!({ "name": "Screen", "role": "admin", "scopes": scopes });
        owner.send("POST", "/api/api-keys", Some(body)).await
    };
    for wrong in [json!([]), json!(["patients:read"]), json!(["integrations"]), json!(["read", "all"])] {
        assert_eq!(code(&make(wrong).await), (422, "invalid_fields".into()));
    }
    let reader = make(json!(["integrations:read"])).await.json()["key"].as_str().unwrap().to_owned();
    assert_eq!(ask(&app, "GET", STATUS, None, &reader).await.status, 200);
    for (path, method) in operations(&owner).await {
        let path = fill(&path, |name| match name {
            "provider" | "target" => "twilio".to_owned(),
            "role" => "inbound".to_owned(),
            _ => "01890000-0000-7000-8000-000000000001".to_owned(),
        });
        // For staff, who come with a session of their own: a key is answered like anybody else.
        if path.starts_with("/api/platform/") {
            continue;
        }
        let noun = path.split('/').find(|part| NOUNS.contains(part));
        assert!(noun.is_some(), "{path} has a noun that no scope names");
        if noun == Some("integrations") && method == "GET" {
            continue;
        }
        let body = (method != "GET").then(|| json!({}));
        let answer = ask(&app, &method, &path, body, &reader).await;
        assert_eq!(code(&answer), (403, "missing_scope".into()), "{method} {path}: {}", answer.body);
    }
    // Pages and their forms are no part of any scope.
    let bearer = format!("Bearer {reader}");
    let page = app.browser().raw("GET", "/dashboard", &[("authorization", &bearer)], None).await;
    assert_eq!(page.status, 403, "{}", page.body);

    // A limited key makes no key that reaches further.
    let maker =
        make(json!(["api-keys:write", "events:read"])).await.json()["key"].as_str().unwrap().to_owned();
    let attempt = async |body: Value| ask(&app, "POST", "/api/api-keys", Some(body), &maker).await;
    let whole = attempt(json!({ "name": "More", "role": "admin" })).await;
    assert_eq!(code(&whole), (422, "invalid_fields".into()));
    let further = attempt(json!({ "name": "More", "role": "admin", "scopes": ["sms:write"] })).await;
    assert_eq!(code(&further), (422, "invalid_fields".into()));
    let within = attempt(json!({ "name": "Less", "role": "member", "scopes": ["events:read"] })).await;
    assert_eq!(within.status, 201, "{}", within.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_ends_when_it_was_told_to() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let owner = app.sign_in(&clinic.email(Role::Owner)).await;
    let body = json!({ "name": "Week", "role": "member", "expiresInDays": 7 });
    let made = owner.send("POST", "/api/api-keys", Some(body)).await.json();
    let key = made["key"].as_str().unwrap();
    assert_eq!(ask(&app, "GET", STATUS, None, key).await.status, 200);
    // The database's clock decides, so the row is moved and not the clock.
    sqlx::query("update api_keys set expires_at = now() - interval '1 second' where name = 'Week'")
        .execute(&app.db.superuser)
        .await
        .unwrap();
    assert_eq!(code(&ask(&app, "GET", STATUS, None, key).await), (401, "invalid_api_key".into()));
    for days in [0, 4000] {
        let body = json!({ "name": "Odd", "role": "member", "expiresInDays": days });
        assert_eq!(owner.send("POST", "/api/api-keys", Some(body)).await.status, 422);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_let_in_for_a_while_makes_no_key_that_outlives_it() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let owner = app.sign_in(&clinic.email(Role::Owner)).await;
    issuer(&app, "https://own.example", Some(clinic.org), Role::Admin).await;
    let token = sign(&claims(&app, "https://own.example", clinic.org));
    let lasting = json!({ "name": "Lasting", "role": "admin" });
    let refused = ask(&app, "POST", "/api/api-keys", Some(lasting.clone()), &token).await;
    assert_eq!(code(&refused), (403, "forbidden".into()), "{}", refused.body);
    assert!(refused.json()["detail"].as_str().unwrap().contains("token of an issuer"), "{}", refused.body);
    assert_eq!(app.recorded(clinic.org, "api_key.created", "denied").await, 1);

    let make = async |by: Option<&str>, body: Value| {
        let made = match by {
            Some(key) => ask(&app, "POST", "/api/api-keys", Some(body), key).await,
            None => owner.send("POST", "/api/api-keys", Some(body)).await,
        };
        assert_eq!(made.status, 201, "{}", made.body);
        let told = made.json();
        (told["key"].as_str().unwrap().to_owned(), told["expiresAt"].as_str().map(str::to_owned))
    };
    let (short, ends) = make(None, json!({ "name": "Short", "role": "admin", "expiresInDays": 2 })).await;
    assert!(ends.is_some());
    for body in [lasting.clone(), json!({ "name": "Longer", "role": "admin", "expiresInDays": 30 })] {
        assert_eq!(make(Some(&short), body).await.1, ends, "a key's key ends with it");
    }
    let (_, sooner) =
        make(Some(&short), json!({ "name": "Sooner", "role": "member", "expiresInDays": 1 })).await;
    assert!(sooner.is_some() && sooner != ends);
    let (long, open) = make(None, lasting.clone()).await;
    assert_eq!(open, None);
    assert_eq!(make(Some(&long), lasting).await.1, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn published_keys_of_every_family_sign_in_their_own_way_and_in_no_other() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let name = "https://published.example";
    let new = IssuerToAdd {
        issuer: name,
        audience: "voxanne",
        only_organization: Some(clinic.org),
        max_role: Role::Admin,
        key: KeyToAdd::Published(app.sandbox.shared_url.join("jwks").unwrap()),
    };
    add(&app.services, &new).await.unwrap();
    let signed = |algorithm: Algorithm, key_id: &str, key: &EncodingKey| {
        let mut header = Header::new(algorithm);
        header.kid = Some(key_id.to_owned());
        encode(&header, &claims(&app, name, clinic.org), key).unwrap()
    };
    let (p256, p256_key) = demo_issuer_p256_key();
    let (rsa, rsa_key) = demo_issuer_rsa_key();
    let (ed, _) = demo_issuer_key();
    let ec = EncodingKey::from_ec_der(&p256_key);
    let rs = EncodingKey::from_rsa_der(&rsa_key);
    for token in [signed(Algorithm::ES256, p256, &ec), signed(Algorithm::RS256, rsa, &rs)] {
        let answer = ask(&app, "GET", STATUS, None, &token).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    // Another algorithm of the same key, another key's id, and the public half as a shared secret.
    let public = EncodingKey::from_secret(b"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU");
    for token in [
        signed(Algorithm::RS512, rsa, &rs),
        signed(Algorithm::PS256, rsa, &rs),
        signed(Algorithm::RS256, p256, &rs),
        signed(Algorithm::ES256, ed, &ec),
        signed(Algorithm::HS256, p256, &public),
        signed(Algorithm::HS256, rsa, &public),
    ] {
        assert_eq!(code(&ask(&app, "GET", STATUS, None, &token).await), (401, "token_signature".into()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_stream_ends_with_its_token() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    issuer(&app, "https://any.example", None, Role::Admin).await;
    let mut ends = claims(&app, "https://any.example", clinic.org);
    // Some seconds of grace are given after the end: the token is taken for one more second or two.
    ends["exp"] = json!(app.clock.unix() - LEEWAY + 2);
    let asked = std::time::Instant::now();
    let answer = ask(&app, "GET", "/api/live", None, &sign(&ends)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.body.contains("event: hello"), "{}", answer.body);
    assert!(asked.elapsed() < std::time::Duration::from_secs(20), "{:?}", asked.elapsed());
}
