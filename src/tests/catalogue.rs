//! Every provider of the catalogue that is connected with a form, from the outside: through REST and
//! through a browser without scripts, with each failure once. New providers are found by themselves.

use serde_json::{Map, Value, json};
use voxanne::domain::pattern::Pattern;
use voxanne::domain::{OrgId, ProviderId, Role};
use voxanne::providers::catalogue;
use voxanne::sandbox::Fault;

use super::support::app::{Browser, TestApp};
use super::support::state::{by_fields, card, connect, state};

/// Every failure but the slow ones, and how a test ends with it. `Hang` is in `connect`; `Slow` is
/// an answer like any other.
const FAILURES: [(Fault, &str, u16); 13] = [
    (Fault::Unauthorized, "refused", 422),
    (Fault::Forbidden, "refused", 422),
    (Fault::Suspended, "refused", 422),
    (Fault::Throttled, "undetermined", 503),
    (Fault::ServerError, "undetermined", 503),
    (Fault::Reset, "undetermined", 503),
    (Fault::LostAnswer, "undetermined", 503),
    (Fault::Html, "undetermined", 503),
    (Fault::InvalidJson, "undetermined", 503),
    (Fault::ErrorInside, "undetermined", 503),
    (Fault::HtmlForbidden, "undetermined", 503),
    (Fault::Expired, "refused", 422),
    (Fault::Revoked, "refused", 422),
];

/// The providers with a form, and what connects their first demo account.
pub fn with_forms(app: &TestApp) -> Vec<(ProviderId, Vec<(&'static str, String)>)> {
    let all = by_fields().into_iter().map(|provider| (provider, app.sandbox.demo_fields(provider)));
    all.filter(|(_, fields)| !fields.is_empty()).collect()
}

pub fn body(fields: &[(&'static str, String)]) -> Value {
    Value::Object(fields.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect::<Map<_, _>>())
}

/// The keys and the values of the secret fields.
pub fn secrets(provider: ProviderId, fields: &[(&'static str, String)]) -> Vec<(&'static str, String)> {
    let spec = catalogue::find(provider).spec();
    let is_secret = |key: &str| spec.field(key).is_some_and(|field| field.secret);
    fields.iter().filter(|(key, _)| is_secret(key)).cloned().collect()
}

pub async fn submit(
    owner: &Browser,
    org: OrgId,
    provider: &str,
    fields: &[(&'static str, String)],
) -> String {
    let org = org.to_string();
    let mut form = vec![("org", org.as_str()), ("intent", "test_and_save")];
    form.extend(fields.iter().map(|(key, value)| (*key, value.as_str())));
    let answer = owner.post(&format!("/dashboard/integrations/{provider}/connect"), &form).await;
    assert_eq!(answer.status, 303, "{provider}: {}", answer.body);
    owner.get(answer.location()).await.body
}

/// A provider that failed several times is not asked for a while; a good test closes that again.
pub async fn heal(app: &TestApp, owner: &Browser, provider: ProviderId) {
    app.sandbox.faults().set(provider, Fault::None);
    let path = format!("/api/integrations/{}/verify", provider.as_str());
    let found = owner.send("POST", &path, None).await;
    assert_eq!(found.json()["verified"], true, "{provider:?}: {}", found.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_provider_is_connected_verified_disconnected_and_restored_through_rest() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let owner = app.sign_in(&clinic.email(Role::Owner)).await;
    for (provider, fields) in with_forms(&app) {
        let word = provider.as_str();
        let path = format!("/api/integrations/{word}");
        assert_eq!(state(&owner, word).await, "not_configured");
        let answer = connect(&owner, word, body(&fields)).await;
        assert_eq!(
            (answer.status, &answer.json()["success"]),
            (200, &json!(true)),
            "{word}: {}",
            answer.body
        );
        let shown = card(&owner, word).await;
        assert_eq!((&shown["status"], &shown["verified"]), (&json!("connected"), &json!(true)), "{shown}");
        for (key, secret) in secrets(provider, &fields) {
            assert!(!shown.to_string().contains(&secret), "{word}: {key} is shown");
            assert!(!app.dump(clinic.org).await.contains(&secret), "{word}: {key} lies open");
            assert!(shown["hint"][key].as_str().is_some_and(|hint| hint.contains("***")), "{shown}");
        }
        let verified = owner.send("POST", &format!("{path}/verify"), None).await;
        assert_eq!((verified.status, &verified.json()["verified"]), (200, &json!(true)), "{}", verified.body);
        let active = app.active(clinic.org, word).await;
        assert_eq!(owner.send("DELETE", &path, None).await.status, 204);
        assert_eq!(
            (state(&owner, word).await.as_str(), app.active(clinic.org, word).await),
            ("not_configured", None)
        );
        let restored = owner.send("POST", &format!("{path}/restore"), None).await;
        assert_eq!((restored.status, &restored.json()["success"]), (200, &json!(true)), "{}", restored.body);
        assert_eq!(app.active(clinic.org, word).await, active, "{word}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_provider_is_connected_verified_disconnected_and_restored_by_a_program_with_a_key() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let owner = app.sign_in(&clinic.email(Role::Owner)).await;
    let scopes = json!(["integrations:write"]);
    let made = json!({ "name": "Practice software", "role": "admin", "scopes": scopes });
    let made = owner.send("POST", "/api/api-keys", Some(made)).await.json();
    let bearer = format!("Bearer {}", made["key"].as_str().unwrap());
    let program = app.browser();
    for (provider, fields) in with_forms(&app) {
        let word = provider.as_str();
        let ask = async |method: &str, what: &str, body: Option<Value>| {
            let path = format!("/api/integrations/{word}{what}");
            program.send_with(method, &path, body, &[("authorization", &bearer)]).await
        };
        let saved = ask("POST", "", Some(body(&fields))).await;
        assert_eq!((saved.status, &saved.json()["success"]), (200, &json!(true)), "{word}: {}", saved.body);
        let active = app.active(clinic.org, word).await;
        assert_eq!(ask("POST", "/verify", None).await.json()["verified"], true, "{word}");
        assert_eq!(ask("DELETE", "", None).await.status, 204, "{word}");
        assert_eq!(app.active(clinic.org, word).await, None, "{word}");
        assert_eq!(ask("POST", "/restore", None).await.json()["success"], true, "{word}");
        assert_eq!(app.active(clinic.org, word).await, active, "{word}");
    }
    let trail = app.trail(clinic.org).await;
    assert!(trail.iter().any(|row| row.0 == "integration.connected"), "{trail:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_provider_is_connected_verified_disconnected_and_restored_by_a_browser_without_scripts() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Harbor Clinic").await;
    let owner = app.sign_in(&clinic.email(Role::Owner)).await;
    let org = clinic.org.to_string();
    for (provider, fields) in with_forms(&app) {
        let (word, name) = (provider.as_str(), catalogue::find(provider).spec().name);
        let panel = owner.get(&format!("/dashboard/integrations?panel={word}")).await;
        assert_eq!(panel.status, 200, "{word}");
        for (key, _) in &fields {
            assert!(panel.body.contains(&format!("name=\"{key}\"")), "{word}: no field {key}");
        }
        let page = submit(&owner, clinic.org, word, &fields).await;
        assert!(page.contains(&format!("{name} is connected")), "{word}: {page}");
        for (key, secret) in secrets(provider, &fields) {
            assert!(!page.contains(&secret), "{word}: {key} is shown");
        }
        let at = |what: &str| format!("/dashboard/integrations/{word}/{what}");
        for (what, said) in [
            ("verify", format!("{name} works")),
            ("disconnect", format!("{name} is disconnected")),
            ("restore", format!("{name} is connected again")),
        ] {
            let answer = owner.post(&at(what), &[("org", &org)]).await;
            assert_eq!(answer.status, 303, "{word} {what}: {}", answer.body);
            let page = owner.get(answer.location()).await.body;
            assert!(page.contains(&said), "{word} {what}: {said}");
        }
        assert_eq!(state(&owner, word).await, "connected");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_failure_of_any_provider_changes_a_good_credential() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let owner = app.sign_in(&clinic.email(Role::Owner)).await;
    for (provider, fields) in with_forms(&app) {
        let word = provider.as_str();
        assert_eq!(connect(&owner, word, body(&fields)).await.status, 200, "{word}");
        let good = app.active(clinic.org, word).await;
        for (fault, outcome, status) in FAILURES {
            app.sandbox.faults().set(provider, fault);
            let answer = connect(&owner, word, body(&fields)).await;
            assert_eq!(answer.status, status, "{word} {fault:?}: {}", answer.body);
            let told = answer.json();
            assert_eq!(told["outcome"], outcome, "{word} {fault:?}: {told}");
            assert!(told["fix"].as_str().is_some_and(|fix| !fix.is_empty()), "{word} {fault:?}: {told}");
            assert_eq!(app.active(clinic.org, word).await, good, "{word} {fault:?}");
            assert_eq!(state(&owner, word).await, "connected", "{word} {fault:?}");
            heal(&app, &owner, provider).await;
        }
        // A form meets the same end.
        app.sandbox.faults().set(provider, Fault::Html);
        let page = submit(&owner, clinic.org, word, &fields).await;
        assert!(page.contains("Save anyway"), "{word}");
        for (key, secret) in secrets(provider, &fields) {
            assert!(!page.contains(&secret), "{word}: {key} is shown");
        }
        assert_eq!(app.active(clinic.org, word).await, good, "{word}");
        heal(&app, &owner, provider).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_page_in_between_switches_no_stored_credential_off() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let owner = app.sign_in(&clinic.email(Role::Owner)).await;
    for (provider, fields) in with_forms(&app) {
        let word = provider.as_str();
        assert_eq!(connect(&owner, word, body(&fields)).await.status, 200, "{word}");
        let proof = card(&owner, word).await["lastVerifiedAt"].clone();
        app.sandbox.faults().set(provider, Fault::HtmlForbidden);
        let found = owner.send("POST", &format!("/api/integrations/{word}/verify"), None).await.json();
        assert_eq!(found["outcome"], "undetermined", "{word}: {found}");
        assert!(found["message"].as_str().unwrap().starts_with("A web page came back"), "{word}: {found}");
        let shown = card(&owner, word).await;
        assert_eq!((&shown["status"], &shown["lastVerifiedAt"]), (&json!("cannot_check"), &proof), "{word}");
        heal(&app, &owner, provider).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_provider_could_take_is_refused_in_every_secret_field_and_nobody_is_asked() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let owner = app.sign_in(&clinic.email(Role::Owner)).await;
    let long = "k".repeat(10 * 1024);
    for (provider, fields) in with_forms(&app) {
        let word = provider.as_str();
        for (key, _) in secrets(provider, &fields) {
            refuse_each(&owner, provider, &fields, key, &long).await;
        }
        assert!(app.sandbox.requests(provider).is_empty(), "{word} was asked");
        // A paste with what nobody meant to type is the value.
        let pasted: Vec<_> = fields.iter().map(|(key, value)| (*key, format!("  \"{value}\"\r\n"))).collect();
        let answer = connect(&owner, word, body(&pasted)).await;
        assert_eq!(answer.status, 200, "{word}: {}", answer.body);
        // With something good in use it is the same, and that stays.
        let good = app.active(clinic.org, word).await;
        for (key, _) in secrets(provider, &fields) {
            refuse_each(&owner, provider, &fields, key, &long).await;
            assert_eq!(app.active(clinic.org, word).await, good, "{word} {key}");
        }
        assert_eq!(state(&owner, word).await, "connected", "{word}");
    }
}

/// A mask, 10 kB and another provider's key in one field, each refused at that field and not repeated.
async fn refuse_each(
    owner: &Browser,
    provider: ProviderId,
    fields: &[(&'static str, String)],
    key: &str,
    long: &str,
) {
    let word = provider.as_str();
    for value in ["0123456789***234567", long, "pk_live_0000000000000000"] {
        let mut body = body(fields);
        body[key] = json!(value);
        let answer = connect(owner, word, body).await;
        assert_eq!(answer.status, 422, "{word} {key}: {}", answer.body);
        assert_eq!(answer.json()["errors"][0]["field"], key, "{word}: {}", answer.body);
        assert!(value.contains("***") || !answer.body.contains(value), "{word} {key}: repeated");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_in_a_field_that_is_shown_is_refused_and_stands_nowhere() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let owner = app.sign_in(&clinic.email(Role::Owner)).await;
    let mut seen = 0;
    for (provider, fields) in with_forms(&app) {
        let (word, spec) = (provider.as_str(), catalogue::find(provider).spec());
        let open = spec.fields.iter().filter(|field| !field.secret);
        for field in open.filter(|field| matches!(field.pattern, Pattern::Text { .. })) {
            seen += 1;
            let own = secrets(provider, &fields).into_iter().map(|(_, value)| value);
            // Short enough for every field; and the provider's own secrets where they have a form.
            let others = ["re_0123456", "ya29.01234", "GOCSPX-012"].map(str::to_owned);
            for value in others.into_iter().chain(own.filter(|_| provider == ProviderId::Twilio)) {
                let mut with: Vec<_> = fields.iter().filter(|(key, _)| *key != field.key).cloned().collect();
                with.push((field.key, value.clone()));
                let answer = connect(&owner, word, body(&with)).await;
                assert_eq!(answer.status, 422, "{word} {}: {}", field.key, answer.body);
                let told = answer.json()["errors"].as_array().unwrap().clone();
                let said =
                    told.iter().find(|one| one["field"] == field.key).unwrap_or_else(|| panic!("{told:?}"));
                let said = said["message"].as_str().unwrap();
                assert!(said.contains("This looks like") || said.contains("shown as it is"), "{said}");
                assert!(!answer.body.contains(&value), "{word} {}", field.key);
                let page = submit(&owner, clinic.org, word, &with).await;
                assert!(!page.contains(&value), "{word} {}: {value} is shown", field.key);
                assert!(!app.dump(clinic.org).await.contains(&value), "{word} {}: lies open", field.key);
            }
        }
        assert!(app.sandbox.requests(provider).is_empty(), "{word} was asked");
    }
    assert!(seen >= 5, "{seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_not_safe_changes_no_good_credential() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let owner = app.sign_in(&clinic.email(Role::Owner)).await;
    // Its address is a part of what is stored, so n8n is where it was.
    let all: Vec<_> = with_forms(&app).into_iter().filter(|(id, _)| *id != ProviderId::N8n).collect();
    for (provider, fields) in &all {
        assert_eq!(connect(&owner, provider.as_str(), body(fields)).await.status, 200, "{provider:?}");
    }
    let unsafe_there = app.beside_with(app.sandbox.bases_without_tls()).await;
    let beside = unsafe_there.sign_in(&clinic.email(Role::Owner)).await;
    app.sandbox.forget_requests();
    for (provider, fields) in &all {
        let (word, name) = (provider.as_str(), catalogue::find(*provider).spec().name);
        let good = app.active(clinic.org, word).await;
        let told = connect(&beside, word, body(fields)).await;
        assert_eq!(told.status, 503, "{word}: {}", told.body);
        let sentence = format!("{name} could not be reached safely: its certificate was not accepted.");
        assert_eq!(told.json()["detail"], sentence, "{word}");
        assert_eq!(state(&owner, word).await, "connected", "{word}");
        let found = beside.send("POST", &format!("/api/integrations/{word}/verify"), None).await.json();
        assert_eq!(found["message"], sentence, "{word}");
        assert_eq!(
            (state(&owner, word).await.as_str(), app.active(clinic.org, word).await),
            ("cannot_check", good)
        );
        assert!(app.sandbox.requests(*provider).is_empty(), "{word}: nothing was sent");
    }
}
