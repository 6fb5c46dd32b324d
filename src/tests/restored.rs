//! Bringing an earlier version back beside one that works, and what a card knows of its account: which it
//! is, since when it is proven, and whether another clinic has it too.

use serde_json::{Value, json};
use voxanne::domain::{ProviderId, Role};
use voxanne::sandbox::{DEMO_RESEND, DEMO_RETELL, Fault, TwilioAccount};

use super::support::app::{Answer, Browser, Clinic, TestApp};
use super::support::state::{card, connect, state};

async fn restore(browser: &Browser, provider: &str) -> Answer {
    browser.send("POST", &format!("/api/integrations/{provider}/restore"), None).await
}

/// A clinic with a second version of its Twilio credential beside the first.
async fn with_two_versions() -> (TestApp, Clinic, Browser) {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    assert_eq!(connect(&owner, "twilio", json!({ "displayName": "Second" })).await.status, 200);
    (app, clinic, owner)
}

fn body(account: &TwilioAccount) -> Value {
    json!({ "accountSid": account.sid, "authToken": account.auth_token, "phoneNumber": account.numbers[0].number })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_brings_nothing_back_over_a_credential_that_is_in_use() {
    let (app, clinic, owner) = with_two_versions().await;
    let good = app.active(clinic.org, "twilio").await;
    for fault in [Fault::ServerError, Fault::HtmlForbidden] {
        app.sandbox.faults().set(ProviderId::Twilio, fault);
        let answer = restore(&owner, "twilio").await;
        let told = answer.json();
        assert_eq!((&told["success"], &told["outcome"]), (&json!(false), &json!("undetermined")), "{told}");
        assert!(told["message"].as_str().unwrap().contains("the credential in use stays"), "{told}");
        assert_eq!(app.active(clinic.org, "twilio").await, good, "{fault:?}");
        assert_eq!(state(&owner, "twilio").await, "connected", "{fault:?}: the card is untouched");
        let org = clinic.org.to_string();
        let form = owner.post("/dashboard/integrations/twilio/restore", &[("org", &org)]).await;
        let page = owner.get(form.location()).await.body;
        assert!(page.contains("the credential in use stays"), "{page}");
        assert_eq!(app.active(clinic.org, "twilio").await, good, "{fault:?}");
    }
    app.sandbox.faults().set(ProviderId::Twilio, Fault::None);
    assert_eq!(restore(&owner, "twilio").await.json()["success"], true);
    assert_ne!(app.active(clinic.org, "twilio").await, good);
    assert_eq!(app.recorded(clinic.org, "integration.restored", "failure").await, 4);
    assert_eq!(app.recorded(clinic.org, "integration.restored", "success").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_nothing_in_use_an_untested_version_comes_back_and_is_not_called_proven() {
    let (app, clinic, owner) = with_two_versions().await;
    let proof = card(&owner, "twilio").await["lastVerifiedAt"].clone();
    assert!(proof.is_string());
    assert_eq!(owner.send("DELETE", "/api/integrations/twilio", None).await.status, 204);
    app.clock.advance(time::Duration::hours(1));
    app.sandbox.faults().set(ProviderId::Twilio, Fault::ServerError);
    let answer = restore(&owner, "twilio").await;
    assert_eq!((answer.status, &answer.json()["success"]), (200, &json!(true)), "{}", answer.body);
    let shown = card(&owner, "twilio").await;
    assert_eq!((&shown["status"], &shown["lastVerifiedAt"]), (&json!("cannot_check"), &proof), "{shown}");
    // The same for what is saved although nobody could test it.
    let refused = connect(&owner, "twilio", clinic.twilio_body()).await;
    let anyway = json!({ "draft": refused.json()["draft"], "saveAnyway": true });
    assert_eq!(connect(&owner, "twilio", anyway).await.status, 200);
    let shown = card(&owner, "twilio").await;
    assert_eq!((&shown["status"], &shown["lastVerifiedAt"]), (&json!("cannot_check"), &proof), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_of_another_account_is_not_brought_back_over_the_one_in_use() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let second = app.sandbox.twilio().add_account("Sunrise, second account", "+15557654321");
    let asked = connect(&owner, "twilio", body(&second)).await;
    let switch = json!({ "draft": asked.json()["draft"], "switchAccount": true });
    assert_eq!(connect(&owner, "twilio", switch).await.status, 200);
    let good = app.active(clinic.org, "twilio").await;

    let answer = restore(&owner, "twilio").await;
    assert_eq!(
        (answer.status, answer.json()["code"].as_str()),
        (409, Some("other_account")),
        "{}",
        answer.body
    );
    assert!(answer.json()["detail"].as_str().unwrap().contains("Disconnect Twilio first"), "{}", answer.body);
    assert_eq!(app.active(clinic.org, "twilio").await, good);
    assert_eq!(card(&owner, "twilio").await["identity"], "Sunrise, second account");

    // Disconnected, the card is nobody's, and the version that was used last comes back first.
    assert_eq!(owner.send("DELETE", "/api/integrations/twilio", None).await.status, 204);
    assert_eq!(restore(&owner, "twilio").await.json()["success"], true);
    assert_eq!(app.active(clinic.org, "twilio").await, good);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_the_account_before_stays_on_a_card() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let other = app.clinic("Harbor Clinic").await;
    let there = app.sign_in(&other.email(Role::Owner)).await;
    assert_eq!(connect(&there, "twilio", clinic.twilio_body()).await.status, 200);
    assert_eq!(card(&owner, "twilio").await["accountShared"], true);

    // Disconnected and connected anew while nobody can tell which account it is.
    assert_eq!(owner.send("DELETE", "/api/integrations/twilio", None).await.status, 204);
    let known = "select count(*) from org_integrations where org_id = $1 and provider = 'twilio'
                  and (identity is not null or identity_name is not null or account_fingerprint is not null)";
    assert_eq!(app.count(known, clinic.org).await, 0);
    let second = app.sandbox.twilio().add_account("Sunrise, second account", "+15557654321");
    app.sandbox.faults().set(ProviderId::Twilio, Fault::ServerError);
    let asked = connect(&owner, "twilio", body(&second)).await;
    let anyway = json!({ "draft": asked.json()["draft"], "saveAnyway": true });
    assert_eq!(connect(&owner, "twilio", anyway).await.status, 200);
    let shown = card(&owner, "twilio").await;
    assert_eq!((&shown["identity"], &shown["accountShared"]), (&Value::Null, &json!(false)), "{shown}");

    // The first test that can tell says so.
    app.sandbox.faults().set(ProviderId::Twilio, Fault::None);
    let verified = owner.send("POST", "/api/integrations/twilio/verify", None).await;
    assert_eq!(verified.json()["verified"], true, "{}", verified.body);
    assert_eq!(card(&owner, "twilio").await["identity"], "Sunrise, second account");
    assert_eq!(connect(&there, "twilio", clinic.twilio_body()).await.status, 200);
    let body = json!({ "switchAccount": true, "draft": connect(&there, "twilio", body(&second)).await.json()["draft"] });
    assert_eq!(connect(&there, "twilio", body).await.status, 200);
    assert_eq!(card(&owner, "twilio").await["accountShared"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_another_account_that_was_saved_untested_is_called_by_its_own_name_once_it_is_tested() {
    let app = TestApp::start().await;
    let (_, owner) = app.connected_clinic("Sunrise Dental").await;
    let other = app.clinic("Harbor Clinic").await;
    let there = app.sign_in(&other.email(Role::Owner)).await;
    let second = app.sandbox.twilio().add_account("Group account", "+15557654321");
    assert_eq!(connect(&there, "twilio", body(&second)).await.status, 200);
    app.sandbox.faults().set(ProviderId::Twilio, Fault::ServerError);
    let asked = connect(&owner, "twilio", body(&second)).await;
    let anyway = json!({ "draft": asked.json()["draft"], "saveAnyway": true });
    assert_eq!(connect(&owner, "twilio", anyway).await.status, 200);
    assert_eq!(card(&owner, "twilio").await["accountShared"], false, "nobody could tell");
    app.sandbox.faults().set(ProviderId::Twilio, Fault::None);
    assert_eq!(owner.send("POST", "/api/integrations/twilio/verify", None).await.json()["verified"], true);
    let shown = card(&owner, "twilio").await;
    assert_eq!(
        (&shown["identity"], &shown["accountShared"]),
        (&json!("Group account"), &json!(true)),
        "{shown}"
    );
    // The card is pinned to it from now on: the same key is no other account.
    assert_eq!(connect(&owner, "twilio", body(&second)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_account_in_two_clinics_is_told_where_no_test_shows_which_it_is() {
    let app = TestApp::start().await;
    let one = app.clinic("Sunrise Dental").await;
    let two = app.clinic("Harbor Clinic").await;
    let first = app.sign_in(&one.email(Role::Owner)).await;
    let second = app.sign_in(&two.email(Role::Owner)).await;
    // An empty account of Vapi tells who it is with its first assistant only.
    let empty = app.sandbox.vapi().add_account("Group");
    let bodies = [
        ("vapi", json!({ "apiKey": empty.private_key })),
        ("resend", json!({ "apiKey": DEMO_RESEND[0].key, "from": DEMO_RESEND[0].from })),
        ("retell", json!({ "apiKey": DEMO_RETELL[0].key })),
    ];
    for (provider, body) in bodies {
        let answer = connect(&first, provider, body.clone()).await;
        assert_eq!(answer.status, 200, "{provider}: {}", answer.body);
        assert_eq!(card(&first, provider).await["accountShared"], false, "{provider}");
        let answer = connect(&second, provider, body).await;
        assert_eq!(answer.status, 200, "{provider}: {}", answer.body);
        for browser in [&first, &second] {
            assert_eq!(card(browser, provider).await["accountShared"], true, "{provider}");
        }
        let path = format!("/api/integrations/{provider}");
        assert_eq!(second.send("DELETE", &path, None).await.status, 204);
        assert_eq!(card(&first, provider).await["accountShared"], false, "{provider}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_an_earlier_vapi_account_brings_no_webhook_secret_of_another_with_it() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let live = "select count(*) from webhook_secrets where org_id = $1 and not_after is null";
    assert_eq!(app.count(live, clinic.org).await, 1);
    // A key of the same organization keeps the secret; the assistants go on signing with it.
    assert_eq!(connect(&owner, "vapi", clinic.vapi_body()).await.status, 200);
    assert_eq!(restore(&owner, "vapi").await.json()["success"], true);
    assert_eq!(app.count(live, clinic.org).await, 1);
    let moved = app.sandbox.vapi().add_account("Sunrise, moved");
    // An empty account is one that no test can tell from the pinned one.
    assert_eq!(connect(&owner, "vapi", json!({ "apiKey": moved.private_key })).await.status, 200);
    let answer = restore(&owner, "vapi").await;
    assert_eq!(
        (answer.status, answer.json()["code"].as_str()),
        (409, Some("other_account")),
        "{}",
        answer.body
    );
}
