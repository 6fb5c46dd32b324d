//! Verifying what is stored, bringing an earlier version back, and blobs that were moved.

use serde_json::{Value, json};
use uuid::Uuid;
use voxanne::domain::{ProviderId, Role};
use voxanne::sandbox::Fault;

use super::support::app::{Answer, Browser, TestApp};
use super::support::state::{USUAL, card, connect, state};

async fn verify(browser: &Browser, provider: &str) -> Answer {
    browser.send("POST", &format!("/api/integrations/{provider}/verify"), None).await
}

async fn restore(browser: &Browser, provider: &str) -> Answer {
    browser.send("POST", &format!("/api/integrations/{provider}/restore"), None).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_may_verify_and_what_is_found_stands_on_the_card_and_in_the_trail() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let member = app.sign_in(&clinic.email(Role::Member)).await;
    let found = verify(&member, "twilio").await;
    assert_eq!((found.status, &found.json()["verified"]), (200, &json!(true)), "{}", found.body);

    app.sandbox.faults().set(ProviderId::Twilio, Fault::Unauthorized);
    let found = verify(&member, "twilio").await;
    assert_eq!((found.status, found.json()["outcome"].as_str()), (200, Some("refused")), "{}", found.body);
    let shown = card(&owner, "twilio").await;
    assert_eq!((&shown["status"], &shown["verified"]), (&json!("error"), &json!(false)));
    assert!(shown["error"].as_str().unwrap().contains("Twilio rejected"), "{shown}");
    assert!(shown["fix"].as_str().is_some_and(|fix| !fix.is_empty()), "{shown}");

    app.sandbox.faults().set(ProviderId::Twilio, Fault::None);
    let org = clinic.org.to_string();
    let form = member.post("/dashboard/integrations/twilio/verify", &[("org", &org)]).await;
    assert_eq!((form.status, form.location()), (303, "/dashboard/integrations?said=1#twilio"));
    assert_eq!(state(&owner, "twilio").await, "connected");
    assert_eq!(app.recorded(clinic.org, "integration.verified", "success").await, 2);
    assert_eq!(app.recorded(clinic.org, "integration.verified", "failure").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_during_verification_is_not_an_error_and_keeps_the_time_of_the_last_proof() {
    let app = TestApp::start().await;
    let (_, owner) = app.connected_clinic("Sunrise Dental").await;
    for provider in USUAL {
        let proof = card(&owner, provider.as_str()).await["last_verified_at"].clone();
        let proof = if proof.is_null() {
            card(&owner, provider.as_str()).await["lastVerifiedAt"].clone()
        } else {
            proof
        };
        assert!(proof.is_string());
        app.sandbox.faults().set(provider, Fault::Html);
        let found = verify(&owner, provider.as_str()).await.json();
        app.sandbox.faults().set(provider, Fault::None);
        assert_eq!(found["outcome"], "undetermined", "{found}");
        let shown = card(&owner, provider.as_str()).await;
        assert_eq!((&shown["status"], &shown["lastVerifiedAt"]), (&json!("cannot_check"), &proof));
        assert_eq!(verify(&owner, provider.as_str()).await.json()["verified"], true);
        assert_eq!(state(&owner, provider.as_str()).await, "connected");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_connected_cannot_be_verified_or_restored() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let owner = app.sign_in(&clinic.email(Role::Owner)).await;
    for provider in ["vapi", "twilio"] {
        let answer = verify(&owner, provider).await;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (409, Some("not_connected")));
        let answer = restore(&owner, provider).await;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (409, Some("nothing_to_restore")));
    }
    for provider in ProviderId::ALL {
        assert!(app.sandbox.requests(provider).is_empty(), "nobody was asked");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_version_is_tested_first_and_a_refused_one_stays_where_it_is() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let first = app.active(clinic.org, "twilio").await;
    let old_token = clinic.twilio.auth_token.clone();
    let new_token = "f".repeat(32);
    app.sandbox.twilio().change(&clinic.twilio.sid, |account| account.auth_token = new_token.clone());
    assert_eq!(connect(&owner, "twilio", json!({ "authToken": new_token })).await.status, 200);
    let second = app.active(clinic.org, "twilio").await;

    let answer = restore(&owner, "twilio").await;
    assert_eq!(
        (answer.status, &answer.json()["success"], answer.json()["outcome"].as_str()),
        (200, &json!(false), Some("refused")),
        "{}",
        answer.body
    );
    assert_eq!(app.active(clinic.org, "twilio").await, second);
    assert_eq!(state(&owner, "twilio").await, "connected", "the good one is untouched");

    app.sandbox.twilio().change(&clinic.twilio.sid, |account| account.auth_token = old_token);
    let answer = restore(&owner, "twilio").await;
    assert_eq!((answer.status, &answer.json()["success"]), (200, &json!(true)), "{}", answer.body);
    assert_eq!(app.active(clinic.org, "twilio").await, first);
    let trail = app.trail(clinic.org).await;
    let restored: Vec<&str> =
        trail.iter().filter(|row| row.0 == "integration.restored").map(|row| row.2.as_str()).collect();
    assert_eq!(restored, ["failure", "success"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_older_than_the_promised_days_is_not_restored_even_by_its_id() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let first = app.active(clinic.org, "twilio").await.unwrap().to_string();
    assert_eq!(connect(&owner, "twilio", json!({ "displayName": "Second" })).await.status, 200);
    let second = app.active(clinic.org, "twilio").await;
    let age = "update org_credentials set superseded_at = now() - interval '31 days'
                where org_id = $1 and provider = 'twilio' and superseded_at is not null";
    assert_eq!(app.meddle(age, clinic.org).await, 1);
    assert_eq!(restore(&owner, "twilio").await.status, 409);
    let org = clinic.org.to_string();
    let form = [("org", org.as_str()), ("credential", first.as_str())];
    let answer = owner.post("/dashboard/integrations/twilio/restore", &form).await;
    assert_eq!(answer.status, 303);
    assert!(owner.get("/dashboard/integrations?said=1").await.body.contains("no earlier credential"));
    assert_eq!(app.active(clinic.org, "twilio").await, second);
}

#[tokio::test(flavor = "multi_thread")]
async fn single_credentials_are_listed_verified_and_removed_by_their_id() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let old = app.active(clinic.org, "twilio").await.unwrap();
    assert_eq!(connect(&owner, "twilio", json!({ "displayName": "Front desk" })).await.status, 200);
    let new = app.active(clinic.org, "twilio").await.unwrap();
    let listed = owner.send("GET", "/api/organization/credentials", None).await.json();
    let find = |id: Uuid| -> Value {
        let all = listed["credentials"].as_array().unwrap();
        all.iter().find(|one| one["id"] == id.to_string()).unwrap().clone()
    };
    let (old_line, new_line) = (find(old), find(new));
    assert_eq!((&old_line["is_active"], &old_line["can_restore"]), (&json!(false), &json!(true)));
    assert_eq!(
        (&new_line["is_active"], &new_line["display_name"], &new_line["verification_status"]),
        (&json!(true), &json!("Front desk"), &json!("verified"))
    );
    let path = |id: Uuid, rest: &str| format!("/api/organization/credentials/{id}{rest}");
    assert_eq!(owner.send("POST", &path(new, "/verify"), None).await.json()["verified"], true);
    for (method, rest) in [("POST", "/verify"), ("DELETE", "")] {
        let answer = owner.send(method, &path(old, rest), None).await;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (409, Some("not_active")));
    }
    assert_eq!(owner.send("DELETE", &path(new, ""), None).await.status, 204);
    assert_eq!(state(&owner, "twilio").await, "not_configured");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_moved_within_or_between_clinics_is_one_unreadable_card_and_no_plaintext() {
    let app = TestApp::start().await;
    let (sunrise, owner) = app.connected_clinic("Sunrise Dental").await;
    let (harbor, other) = app.connected_clinic("Harbor Clinic").await;
    let within = "update org_credentials c set sealed = v.sealed from org_credentials v
                   where c.org_id = $1 and v.org_id = $1 and c.provider = 'twilio' and v.provider = 'vapi'";
    assert_eq!(app.meddle(within, sunrise.org).await, 1);
    let between = "update org_credentials c set sealed = v.sealed from org_credentials v
                    where c.org_id = $1 and v.org_id <> $1 and c.provider = 'vapi' and v.provider = 'vapi'";
    assert_eq!(app.meddle(between, harbor.org).await, 1);
    app.services.evict_all();
    app.sandbox.forget_requests();

    for (browser, clinic, provider, sound) in
        [(&owner, &sunrise, "twilio", "vapi"), (&other, &harbor, "vapi", "twilio")]
    {
        assert_eq!(state(browser, provider).await, "unreadable");
        assert_eq!(state(browser, sound).await, "connected", "the other card is untouched");
        let mut seen = String::new();
        for page in ["/dashboard", "/dashboard/integrations", "/dashboard/settings"] {
            let answer = browser.get(page).await;
            assert_eq!(answer.status, 200, "{page}");
            seen += &answer.body;
        }
        assert!(seen.contains("Unreadable"));
        let answer = verify(browser, provider).await;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (409, Some("unreadable")));
        assert!(answer.body.contains("cannot be read with the keys"), "{}", answer.body);
        seen += &answer.body;
        let row = app.trail(clinic.org).await.pop().unwrap();
        assert_eq!(
            (row.0.as_str(), row.1.as_str(), row.2.as_str(), row.3.as_str()),
            ("integration.verified", provider, "failure", "unreadable")
        );
        for secret in [&sunrise.vapi.private_key, &harbor.vapi.private_key, &sunrise.twilio.auth_token] {
            assert!(!seen.contains(secret.as_str()));
        }
    }
    let sms = owner.send("POST", "/api/sms/test", Some(json!({ "to": "+15550100123" }))).await;
    assert_eq!((sms.status, sms.json()["code"].as_str()), (409, Some("unreadable")), "{}", sms.body);
    for provider in ProviderId::ALL {
        assert!(app.sandbox.requests(provider).is_empty(), "nothing left the house: {provider:?}");
    }
    // Entering it again heals the card.
    assert_eq!(connect(&owner, "twilio", sunrise.twilio_body()).await.status, 200);
    assert_eq!(state(&owner, "twilio").await, "connected");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_blob_of_any_length_is_an_unreadable_card_and_never_a_broken_page() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    for damage in [
        "update org_credentials set sealed = ''::bytea where org_id = $1",
        "update org_credentials set sealed = '\\x00'::bytea where org_id = $1",
        "update org_credentials set sealed = '\\xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff'::bytea where org_id = $1",
        "update org_credentials set sealed = convert_to(repeat('x', 100000), 'UTF8') where org_id = $1",
    ] {
        assert_eq!(app.meddle(damage, clinic.org).await, 2);
        app.services.evict_all();
        for provider in ["vapi", "twilio"] {
            assert_eq!(state(&owner, provider).await, "unreadable", "{damage}");
            assert_eq!(verify(&owner, provider).await.status, 409, "{damage}");
        }
        assert_eq!(owner.get("/dashboard/integrations").await.status, 200);
    }
}
