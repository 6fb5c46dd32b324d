//! Pausing, purging, and one account in two clinics.

use serde_json::json;
use voxanne::domain::{ProviderId, Role};

use super::support::app::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_provider_is_refused_at_use_and_keeps_its_credential() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let member = app.sign_in(&clinic.email(Role::Member)).await;
    let by_member = member.send("POST", "/api/integrations/twilio/pause", None).await;
    assert_eq!(by_member.status, 403, "{}", by_member.body);

    assert_eq!(owner.send("POST", "/api/integrations/twilio/pause", None).await.status, 204);
    let status = owner.send("GET", "/api/integrations/status", None).await.json();
    let twilio =
        status["integrations"].as_array().unwrap().iter().find(|it| it["provider"] == "twilio").unwrap();
    assert_eq!((&twilio["status"], &twilio["connected"]), (&json!("paused"), &json!(true)));
    app.sandbox.forget_requests();
    let body = json!({ "to": "+15550100199" });
    let sent = owner.send("POST", "/api/sms/test", Some(body.clone())).await;
    assert_eq!((sent.status, sent.json()["code"].as_str()), (409, Some("paused")), "{}", sent.body);
    assert!(sent.json()["detail"].as_str().unwrap().contains("paused"), "{}", sent.body);
    assert_eq!(app.sandbox.requests(ProviderId::Twilio).len(), 0);

    assert_eq!(owner.send("POST", "/api/integrations/twilio/resume", None).await.status, 204);
    let sent = owner.send("POST", "/api/sms/test", Some(body)).await;
    assert_eq!(sent.status, 200, "{}", sent.body);
    for provider in ["vapi", "twilio"] {
        let other = app.clinic(&format!("Nothing {provider}")).await;
        let empty = app.sign_in(&other.email(Role::Owner)).await;
        let path = format!("/api/integrations/{provider}/pause");
        assert_eq!(empty.send("POST", &path, None).await.json()["code"], "not_connected");
    }
    let trail = owner.send("GET", "/api/audit", None).await.body;
    assert!(trail.contains("integration.paused") && trail.contains("integration.resumed"), "{trail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_owner_purges_and_nothing_sealed_is_left() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let admin = app.sign_in(&clinic.email(Role::Admin)).await;
    for provider in ["vapi", "twilio"] {
        let path = format!("/api/integrations/{provider}/purge");
        let refused = admin.send("POST", &path, None).await;
        assert_eq!((refused.status, refused.json()["code"].as_str()), (403, Some("forbidden")));
        assert!(refused.json()["detail"].as_str().unwrap().contains("owner"));
        let purged = owner.send("POST", &path, None).await;
        assert_eq!(purged.status, 200, "{}", purged.body);
        assert!(purged.json()["versions"].as_u64().unwrap() >= 1);
        let again = owner.send("POST", &path, None).await;
        assert_eq!(again.json()["code"], "not_connected");
    }
    for (table, column) in
        [("org_credentials", "org_id"), ("org_integrations", "org_id"), ("webhook_secrets", "org_id")]
    {
        let count: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
            "select count(*) from {table} where {column} = $1"
        )))
        .bind(clinic.org.0)
        .fetch_one(&app.db.superuser)
        .await
        .unwrap();
        assert_eq!(count, 0, "{table}");
    }
    // The card is as new, and can be connected again.
    let saved = owner.send("POST", "/api/integrations/twilio", Some(clinic.twilio_body())).await;
    assert_eq!(saved.status, 200, "{}", saved.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_account_in_two_clinics_is_told_to_both_without_a_name() {
    let app = TestApp::start().await;
    let one = app.clinic("Sunrise Dental").await;
    let two = app.clinic("Harbor Clinic").await;
    let first = app.sign_in(&one.email(Role::Owner)).await;
    let second = app.sign_in(&two.email(Role::Owner)).await;
    let shared = async |browser: &super::support::app::Browser| {
        let status = browser.send("GET", "/api/integrations/status", None).await;
        let all = status.json()["integrations"].as_array().unwrap().clone();
        all.iter().find(|it| it["provider"] == "twilio").unwrap()["accountShared"].as_bool().unwrap()
    };
    assert_eq!(first.send("POST", "/api/integrations/twilio", Some(one.twilio_body())).await.status, 200);
    assert!(!shared(&first).await);
    assert_eq!(second.send("POST", "/api/integrations/twilio", Some(one.twilio_body())).await.status, 200);
    assert!(shared(&first).await && shared(&second).await);
    let page = second.get("/dashboard/integrations").await;
    assert!(page.body.contains("Another clinic here uses the same account"), "the card says nothing");
    let other = [one.org.to_string(), one.slug.clone(), one.email(Role::Owner)];
    assert!(!other.iter().any(|name| page.body.contains(name)), "the card names the other clinic");
    assert_eq!(second.send("DELETE", "/api/integrations/twilio", None).await.status, 204);
    assert!(!shared(&first).await, "a disconnected account is not shared any more");

    // The hash is keyed and bound to the provider: what is stored says nothing about the account.
    let stored: Vec<u8> = sqlx::query_scalar(
        "select account_fingerprint from org_integrations where org_id = $1 and provider = 'twilio'",
    )
    .bind(one.org.0)
    .fetch_one(&app.db.superuser)
    .await
    .unwrap();
    let own = app.services.vault.fingerprint("twilio", one.twilio.sid.as_bytes()).await.unwrap();
    let other = app.services.vault.fingerprint("vapi", one.twilio.sid.as_bytes()).await.unwrap();
    assert!(stored == own && stored != other);
}
