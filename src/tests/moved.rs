//! A sealed value opens in its own place (bar C2), seen from outside: whoever can write to the database puts
//! a value there that differs in one thing, and the clinic sees an unreadable card and nothing of the value.

use serde_json::json;
use uuid::Uuid;
use voxanne::domain::{OrgId, ProviderId};
use voxanne::integrations::rotation::reseal;
use voxanne::vault::{Place, SecretFields, SecretText};

use super::support::app::{Browser, Clinic, TestApp};
use super::support::state::state;

fn fields(clinic: &Clinic) -> SecretFields {
    let mut fields = SecretFields::new();
    for (key, value) in [
        ("accountSid", clinic.twilio.sid.clone()),
        ("authToken", clinic.twilio.auth_token.clone()),
        ("phoneNumber", clinic.twilio.numbers[0].number.clone()),
    ] {
        fields.insert(key, SecretText::new(value));
    }
    fields
}

/// Writes a value into the row of the active Twilio credential, as somebody with all rights would.
async fn write(app: &TestApp, org: OrgId, credential: Uuid, sealed: &[u8], version: i32) {
    let put = "update org_credentials set sealed = $3, key_version = $4 where org_id = $1 and id = $2";
    let done = sqlx::query(put)
        .bind(org.0)
        .bind(credential)
        .bind(sealed)
        .bind(version)
        .execute(&app.db.superuser)
        .await
        .unwrap();
    assert_eq!(done.rows_affected(), 1);
    app.services.evict_all();
}

/// What the clinic gets when it uses the credential, and how its card stands.
async fn used(app: &TestApp, owner: &Browser) -> (u16, String) {
    app.sandbox.forget_requests();
    let sent = owner.send("POST", "/api/sms/test", Some(json!({ "to": "+15550100123" }))).await;
    let page = owner.get("/dashboard/integrations").await;
    assert_eq!(page.status, 200);
    if sent.status != 200 {
        assert!(app.sandbox.requests(ProviderId::Twilio).is_empty(), "something left the house");
    }
    (sent.status, state(owner, "twilio").await)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_was_sealed_for_another_place_is_never_used() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let (other, _) = app.connected_clinic("Harbor Clinic").await;
    let credential = app.active(clinic.org, "twilio").await.unwrap();
    let home = Place {
        org: Some(clinic.org),
        table: "org_credentials",
        column: "sealed",
        provider: "twilio",
        row: credential,
    };
    let text = fields(&clinic).encode();
    let unreadable = (409, "unreadable".to_owned());
    let works = (200, "connected".to_owned());
    let vault = &app.services.vault;
    for (moved, place, expected) in [
        ("its own place", home, &works),
        ("table", Place { table: "messages", ..home }, &unreadable),
        ("column", Place { column: "sealed_content", ..home }, &unreadable),
        ("provider", Place { provider: "vonage", ..home }, &unreadable),
        ("row", Place { row: Uuid::now_v7(), ..home }, &unreadable),
        ("clinic", Place { org: Some(other.org), ..home }, &unreadable),
        ("platform", Place { org: None, ..home }, &unreadable),
        ("its own place again", home, &works),
    ] {
        let sealed = vault.seal(&place, text.expose()).await.unwrap();
        write(&app, clinic.org, credential, sealed.as_bytes(), sealed.key_version()).await;
        assert_eq!(used(&app, &owner).await, *expected, "{moved}");
    }

    // The version of the key is bound as well: in the column and in the value itself.
    reseal(&app.services, clinic.org, |_| {}).await.unwrap();
    let sealed = vault.seal(&home, text.expose()).await.unwrap();
    assert_eq!(sealed.key_version(), 2);
    let mut claims_one = sealed.as_bytes().to_vec();
    claims_one[2..6].copy_from_slice(&1_i32.to_be_bytes());
    for (moved, bytes, version, expected) in [
        ("the column's version", sealed.as_bytes(), 1, &unreadable),
        ("both versions", claims_one.as_slice(), 1, &unreadable),
        ("the value's version", claims_one.as_slice(), 2, &unreadable),
        ("nothing", sealed.as_bytes(), 2, &works),
    ] {
        write(&app, clinic.org, credential, bytes, version).await;
        assert_eq!(used(&app, &owner).await, *expected, "{moved}");
    }
}
