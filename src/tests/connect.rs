//! Connecting Vapi and Twilio: what is saved and sealed, what is refused, what nobody could tell.

use serde_json::{Value, json};
use voxanne::domain::{ProviderId, Role};
use voxanne::sandbox::{AccountStatus, Fault};

use super::catalogue::{body, with_forms};
use super::support::app::{Browser, Clinic, OWN_ACCOUNTS, TestApp};
use super::support::state::{card, connect, state};

/// Every way in which a provider leaves a test undecided at once; `Hang` has a test of its own.
const UNDECIDED: [Fault; 6] =
    [Fault::Throttled, Fault::ServerError, Fault::Reset, Fault::Html, Fault::InvalidJson, Fault::ErrorInside];

fn body_of(clinic: &Clinic, provider: ProviderId) -> Value {
    match provider {
        ProviderId::Vapi => clinic.vapi_body(),
        _ => clinic.twilio_body(),
    }
}

fn secret_of(clinic: &Clinic, provider: ProviderId) -> &str {
    match provider {
        ProviderId::Vapi => &clinic.vapi.private_key,
        _ => &clinic.twilio.auth_token,
    }
}

async fn owner_of(app: &TestApp, clinic: &Clinic) -> Browser {
    app.sign_in(&clinic.email(Role::Owner)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saved_credential_is_sealed_and_shows_only_its_mask() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let stored = app.dump(clinic.org).await;
    let pages = owner.get("/dashboard/integrations").await.body
        + &owner.get("/dashboard/integrations?panel=vapi").await.body
        + &owner.get("/dashboard/integrations?panel=twilio").await.body
        + &owner.get("/dashboard/settings").await.body
        + &owner.get("/dashboard/audit").await.body
        + &owner.send("GET", "/api/integrations/status", None).await.body
        + &owner.send("GET", "/api/organization/credentials", None).await.body
        + &owner.send("GET", "/api/audit", None).await.body;
    for provider in OWN_ACCOUNTS {
        let secret = secret_of(&clinic, provider);
        let tail = &secret[secret.len() - 6..];
        for form in [secret.to_owned(), hex::encode(secret), secret.replace('-', "")] {
            assert!(!stored.contains(&form), "{provider:?} lies open in the database");
            assert!(!pages.contains(&form), "{provider:?} is shown");
        }
        let field = if provider == ProviderId::Vapi { "apiKey" } else { "authToken" };
        let hint = card(&owner, provider.as_str()).await["hint"][field].as_str().unwrap().to_owned();
        assert_eq!(hint, format!("***{tail}"));
        assert!(pages.contains(&hint), "the settings show the mask");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_without_scripts_connects_both_providers() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let owner = owner_of(&app, &clinic).await;
    let org = clinic.org.to_string();
    let number = clinic.twilio.numbers[0].number.as_str();

    let vapi =
        [("org", org.as_str()), ("apiKey", clinic.vapi.private_key.as_str()), ("intent", "test_and_save")];
    let answer = owner.post("/dashboard/integrations/vapi/connect", &vapi).await;
    assert_eq!((answer.status, answer.location()), (303, "/dashboard/integrations?panel=vapi&said=1"));
    let page = owner.get(answer.location()).await;
    for (_, id) in app.assistants(&clinic) {
        assert!(page.body.contains(&id.to_string()), "the success names both assistants");
    }

    let twilio = [
        ("org", org.as_str()),
        ("accountSid", clinic.twilio.sid.as_str()),
        ("authToken", clinic.twilio.auth_token.as_str()),
        ("phoneNumber", number),
        ("intent", "test_and_save"),
    ];
    let answer = owner.post("/dashboard/integrations/twilio/connect", &twilio).await;
    assert_eq!((answer.status, answer.location()), (303, "/dashboard/integrations?said=1#twilio"));
    assert!(owner.get("/dashboard/integrations?said=1").await.body.contains("Twilio is connected"));
    for provider in ["vapi", "twilio"] {
        assert_eq!(state(&owner, provider).await, "connected");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_vapi_cannot_take_is_refused_and_the_good_key_stays() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let before = app.active(clinic.org, "vapi").await;
    let wrong = uuid::Uuid::new_v4().to_string();
    let mask = card(&owner, "vapi").await["hint"]["apiKey"].as_str().unwrap().to_owned();
    let long = "k".repeat(10 * 1024);
    for (key, words) in [
        (wrong.as_str(), "wrong, or it is the public key"),
        (clinic.vapi.public_key.as_str(), "wrong, or it is the public key"),
        (clinic.twilio.sid.as_str(), "looks like a Twilio Account SID"),
        ("sk_0123456789abcdef0123456789abcdef", "looks like an ElevenLabs API key"),
        (mask.as_str(), "hidden form of a saved value"),
        (long.as_str(), "too long"),
    ] {
        let answer = connect(&owner, "vapi", json!({ "apiKey": key })).await;
        assert_eq!(answer.status, 422, "{}", answer.body);
        assert!(answer.body.contains(words), "{words}: {}", answer.body);
        assert!(!answer.body.contains(key) || key == mask, "the key is not repeated: {}", answer.body);
        assert_eq!(app.active(clinic.org, "vapi").await, before);
        assert_eq!(state(&owner, "vapi").await, "connected");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_twilio_cannot_take_is_refused_and_the_good_credential_stays() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let other = app.clinic("Harbor Clinic").await;
    let before = app.active(clinic.org, "twilio").await;
    let key_sid = clinic.twilio.keys[0].sid.clone();
    for (change, field, words) in [
        (json!({ "authToken": "0".repeat(32) }), "authToken", "rejected the sign-in"),
        (json!({ "authToken": other.twilio.auth_token }), "authToken", "rejected the sign-in"),
        (json!({ "authToken": key_sid }), "authToken", "looks like a Twilio API key SID"),
        (json!({ "authToken": "***345678" }), "authToken", "hidden form of a saved value"),
        (json!({ "authToken": "a".repeat(10 * 1024) }), "authToken", "too long"),
        (json!({ "accountSid": key_sid }), "accountSid", "looks like a Twilio API key SID"),
        (
            json!({ "phoneNumber": other.twilio.numbers[0].number }),
            "phoneNumber",
            "does not belong to this account",
        ),
        (json!({ "phoneNumber": "555 0100" }), "phoneNumber", "country code"),
        (json!({ "phoneNumber": null }), "phoneNumber", "Enter the number that sends"),
        (
            json!({ "phoneNumber": null, "messagingServiceSid": other.twilio.messaging_services[0] }),
            "messagingServiceSid",
            "no such Messaging Service",
        ),
    ] {
        let answer = connect(&owner, "twilio", change.clone()).await;
        assert_eq!(answer.status, 422, "{change}: {}", answer.body);
        assert!(answer.body.contains(words), "{field}, {words}: {}", answer.body);
        assert_eq!(app.active(clinic.org, "twilio").await, before, "{change}");
        assert_eq!(state(&owner, "twilio").await, "connected");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_pasted_with_white_space_and_quotes_is_cleaned() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let owner = owner_of(&app, &clinic).await;
    let key = format!("\u{feff} \"{}\"\r\n", clinic.vapi.private_key);
    assert_eq!(connect(&owner, "vapi", json!({ "apiKey": key })).await.status, 200);
    let body = json!({
        "accountSid": format!("\t{}\n", clinic.twilio.sid),
        "authToken": format!("{}\u{200b} ", clinic.twilio.auth_token),
        "phoneNumber": clinic.twilio.numbers[0].number.replacen("+1555", "+1 (555) ", 1),
        "displayName": "  Front desk  ",
    });
    let answer = connect(&owner, "twilio", body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(card(&owner, "twilio").await["hint"]["displayName"], "Front desk");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_never_a_refusal_and_changes_no_good_credential() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    for provider in OWN_ACCOUNTS {
        let before = app.active(clinic.org, provider.as_str()).await;
        for fault in UNDECIDED {
            app.sandbox.faults().set(provider, fault);
            let answer = connect(&owner, provider.as_str(), body_of(&clinic, provider)).await;
            app.sandbox.faults().set(provider, Fault::None);
            assert_eq!(answer.status, 503, "{provider:?} {fault:?}: {}", answer.body);
            let told = answer.json();
            assert_eq!((&told["outcome"], &told["success"]), (&json!("undetermined"), &json!(false)));
            assert!(told["draft"].is_string(), "{told}");
            assert!(!told["detail"].as_str().unwrap().is_empty());
            assert_eq!(app.active(clinic.org, provider.as_str()).await, before, "{fault:?}");
            assert_eq!(state(&owner, provider.as_str()).await, "connected", "{fault:?}");
            // Closes the breaker again, which counts failures in a row.
            let check = format!("/api/integrations/{}/verify", provider.as_str());
            assert_eq!(owner.send("POST", &check, None).await.json()["verified"], true, "{fault:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_never_answers_leaves_the_test_undecided_in_time() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let owner = owner_of(&app, &clinic).await;
    let all = with_forms(&app);
    for (provider, _) in &all {
        app.sandbox.faults().set(*provider, Fault::Hang);
    }
    let started = std::time::Instant::now();
    let asked = all.iter().map(|(provider, fields)| connect(&owner, provider.as_str(), body(fields)));
    let answers = futures_util::future::join_all(asked).await;
    assert!(started.elapsed().as_secs() < 25, "{:?}", started.elapsed());
    for ((provider, _), answer) in all.iter().zip(answers) {
        assert_eq!(answer.status, 503, "{provider:?}: {}", answer.body);
        let told = answer.json();
        assert!(told["draft"].is_string(), "{provider:?}: {told}");
        assert!(told["detail"].as_str().unwrap().contains("did not answer in time"), "{provider:?}: {told}");
        assert_eq!(state(&owner, provider.as_str()).await, "not_configured");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restricted_api_key_is_accepted_with_its_limit_named() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let owner = owner_of(&app, &clinic).await;
    let key = &clinic.twilio.keys[0];
    let body = json!({
        "accountSid": clinic.twilio.sid, "apiKeySid": key.sid, "apiKeySecret": key.secret,
        "phoneNumber": clinic.twilio.numbers[0].number,
    });
    let answer = connect(&owner, "twilio", body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let shown = card(&owner, "twilio").await;
    assert_eq!((&shown["status"], &shown["verified"]), (&json!("connected_limited"), &json!(true)));
    let lines = shown["capabilities"].as_array().unwrap();
    let limit = lines.iter().find(|line| line["capability"] == "delivery_reports").unwrap();
    assert_eq!(
        (&limit["answer"], &limit["note"]),
        (&json!("no"), &json!("Limited: delivery reports need the Auth Token."))
    );
    assert!(owner.get("/dashboard/integrations").await.body.contains("Connected (limited)"));
}

#[tokio::test(flavor = "multi_thread")]
async fn suspended_and_closed_accounts_are_refused_and_a_trial_is_accepted_with_a_note() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let owner = owner_of(&app, &clinic).await;
    for (status, words) in [(AccountStatus::Suspended, "suspended"), (AccountStatus::Closed, "closed")] {
        app.sandbox.twilio().change(&clinic.twilio.sid, |account| account.status = status);
        let answer = connect(&owner, "twilio", clinic.twilio_body()).await;
        assert_eq!(answer.status, 422, "{}", answer.body);
        assert!(answer.json()["detail"].as_str().unwrap().contains(words), "{}", answer.body);
    }
    app.sandbox.twilio().change(&clinic.twilio.sid, |account| {
        account.status = AccountStatus::Active;
        account.is_trial = true;
    });
    let answer = connect(&owner, "twilio", clinic.twilio_body()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.body.contains("Trial account: it sends to verified numbers only."), "{}", answer.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_is_edited_without_typing_its_secret_again_and_null_clears_a_field() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let hint = card(&owner, "twilio").await["hint"]["authToken"].clone();
    let answer = connect(&owner, "twilio", json!({ "displayName": "Front desk" })).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let shown = card(&owner, "twilio").await["hint"].clone();
    assert_eq!((&shown["displayName"], &shown["authToken"]), (&json!("Front desk"), &hint));

    // An empty secret in a form means "unchanged", an empty plain field "cleared".
    let org = clinic.org.to_string();
    let form = [
        ("org", org.as_str()),
        ("accountSid", clinic.twilio.sid.as_str()),
        ("authToken", ""),
        ("phoneNumber", clinic.twilio.numbers[0].number.as_str()),
        ("displayName", ""),
        ("intent", "test_and_save"),
    ];
    assert_eq!(owner.post("/dashboard/integrations/twilio/connect", &form).await.status, 303);
    let shown = card(&owner, "twilio").await["hint"].clone();
    assert_eq!((&shown["displayName"], &shown["authToken"]), (&Value::Null, &hint));

    let change = json!({ "phoneNumber": null, "messagingServiceSid": clinic.twilio.messaging_services[0] });
    assert_eq!(connect(&owner, "twilio", change).await.status, 200);
    let shown = card(&owner, "twilio").await["hint"].clone();
    assert_eq!((&shown["phoneNumber"], &shown["authToken"]), (&Value::Null, &hint));
    let refused = connect(&owner, "twilio", json!({ "authToken": null })).await;
    assert_eq!(refused.status, 422, "{}", refused.body);
    assert_eq!(card(&owner, "twilio").await["hint"]["authToken"], hint);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_admins_who_save_at_once_leave_one_active_version_and_two_lines_in_the_trail() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let admin = app.sign_in(&clinic.email(Role::Admin)).await;
    for round in 0..20 {
        let lines = app.recorded(clinic.org, "integration.replaced", "success").await;
        let (one, two) = tokio::join!(
            connect(&owner, "twilio", json!({ "displayName": format!("Owner {round}") })),
            connect(&admin, "twilio", json!({ "displayName": format!("Admin {round}") }))
        );
        assert_eq!((one.status, two.status), (200, 200), "{} {}", one.body, two.body);
        let live = "select count(*) from org_credentials where org_id = $1 and provider = 'twilio'
                    and superseded_at is null and disconnected_at is null and draft_expires_at is null";
        assert_eq!(app.count(live, clinic.org).await, 1, "round {round}");
        assert_eq!(app.recorded(clinic.org, "integration.replaced", "success").await, lines + 2);
    }
    assert_eq!(state(&owner, "twilio").await, "connected");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_connect_by_two_admins_at_once_makes_one_card() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let (owner, admin) =
        tokio::join!(owner_of(&app, &clinic), async { app.sign_in(&clinic.email(Role::Admin)).await });
    for provider in OWN_ACCOUNTS {
        let (one, two) = tokio::join!(
            connect(&owner, provider.as_str(), body_of(&clinic, provider)),
            connect(&admin, provider.as_str(), body_of(&clinic, provider))
        );
        assert_eq!((one.status, two.status), (200, 200), "{} {}", one.body, two.body);
        assert_eq!(state(&owner, provider.as_str()).await, "connected");
    }
    assert_eq!(app.count("select count(*) from org_integrations where org_id = $1", clinic.org).await, 2);
    assert_eq!(app.assistants(&clinic).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_sees_state_and_no_form_and_is_refused_with_a_line_in_the_trail() {
    let app = TestApp::start().await;
    let (clinic, _) = app.connected_clinic("Sunrise Dental").await;
    let member = app.sign_in(&clinic.email(Role::Member)).await;
    assert_eq!(state(&member, "twilio").await, "connected");
    assert_eq!(member.get("/dashboard/integrations?panel=twilio").await.status, 403);
    let before = app.active(clinic.org, "twilio").await;
    let answer = connect(&member, "twilio", json!({ "displayName": "Mine" })).await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (403, Some("forbidden")));
    let org = clinic.org.to_string();
    let form = [("org", org.as_str()), ("displayName", "Mine"), ("intent", "test_and_save")];
    assert_eq!(member.post("/dashboard/integrations/twilio/connect", &form).await.status, 403);
    assert_eq!(app.active(clinic.org, "twilio").await, before);
    assert_eq!(app.recorded(clinic.org, "integration.connected", "denied").await, 2);
}
