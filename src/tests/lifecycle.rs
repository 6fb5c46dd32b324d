//! Pausing, purging, and one account in two clinics.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use voxanne::domain::{ProviderId, Role};
use voxanne::providers::google::calendar::CalendarChoice;
use voxanne::providers::n8n::N8nCredentials;
use voxanne::providers::resend::ResendCredentials;
use voxanne::providers::whatsapp::WhatsAppCredentials;
use voxanne::vault::VaultError;

use super::catalogue;
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

#[tokio::test(flavor = "multi_thread")]
async fn what_a_disconnect_leaves_is_removed_by_the_owner_in_the_browser() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let admin = app.sign_in(&clinic.email(Role::Admin)).await;
    let org = clinic.org.to_string();
    let link = "Remove for good what is stored for Twilio";
    assert!(!owner.get("/dashboard/integrations").await.body.contains(link), "it is connected");
    owner.post("/dashboard/integrations/twilio/disconnect", &[("org", &org)]).await;
    assert!(owner.get("/dashboard/integrations").await.body.contains(link));
    assert!(!admin.get("/dashboard/integrations").await.body.contains(link), "an owner's affair");
    let panel = owner.get("/dashboard/integrations?panel=twilio&confirm=disconnect").await.body;
    assert!(panel.contains("Remove what is stored for Twilio?") && panel.contains("Delete Twilio for good"));
    assert!(!panel.contains("Disconnect Twilio?") && !panel.contains("Pause Twilio"), "{panel}");
    let purged = owner.post("/dashboard/integrations/twilio/purge", &[("org", &org), ("sure", "yes")]).await;
    assert!(owner.get(purged.location()).await.body.contains("Everything stored for Twilio is deleted"));
    let left = "select count(*) from org_credentials where org_id = $1 and provider = 'twilio'";
    assert_eq!(app.count(left, clinic.org).await, 0);
    assert!(!owner.get("/dashboard/integrations").await.body.contains(link), "nothing is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_other_provider_that_is_paused_is_refused_at_use_as_well() {
    let app = TestApp::start().await;
    let (clinic, owner, _) = app.google_clinic("Sunrise Dental").await;
    let fields = |provider| catalogue::body(&app.sandbox.demo_fields(provider));
    let keyed = [ProviderId::ElevenLabs, ProviderId::Resend, ProviderId::N8n, ProviderId::WhatsApp];
    assert_eq!(owner.send("POST", "/api/integrations/vapi", Some(clinic.vapi_body())).await.status, 200);
    for provider in keyed {
        let path = format!("/api/integrations/{}", provider.as_str());
        let answer = owner.send("POST", &path, Some(fields(provider))).await;
        assert_eq!(answer.status, 200, "{provider:?}: {}", answer.body);
    }
    for word in ["vapi", "google_calendar", "elevenlabs", "resend", "n8n", "whatsapp"] {
        let paused = owner.send("POST", &format!("/api/integrations/{word}/pause"), None).await;
        assert_eq!(paused.status, 204, "{word}: {}", paused.body);
    }
    app.sandbox.forget_requests();
    for (method, path) in [("POST", "/api/phone-numbers/refresh"), ("GET", "/api/voices")] {
        let answer = owner.send(method, path, (method == "POST").then(|| json!({}))).await;
        assert_eq!(
            (answer.status, answer.json()["code"].as_str()),
            (409, Some("paused")),
            "{path}: {}",
            answer.body
        );
    }
    let vault = &app.services.vault;
    let is_paused = |error: Option<VaultError>| matches!(error, Some(VaultError::Paused { .. }));
    assert!(is_paused(vault.open::<CalendarChoice>(clinic.org).await.err()), "Google Calendar");
    assert!(is_paused(vault.open::<ResendCredentials>(clinic.org).await.err()), "Resend");
    assert!(is_paused(vault.open::<N8nCredentials>(clinic.org).await.err()), "n8n");
    assert!(is_paused(vault.open::<WhatsAppCredentials>(clinic.org).await.err()), "WhatsApp");
    for provider in ProviderId::ALL {
        assert!(app.sandbox.requests(provider).is_empty(), "{provider:?} was asked");
    }
}

/// Counts the statements that name the table of integrations.
struct Statements(Arc<AtomicUsize>);

impl<S: tracing::Subscriber> Layer<S> for Statements {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        struct Words<'a>(&'a AtomicUsize);
        impl Visit for Words<'_> {
            fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
                // A short statement is in its summary, a long one whole beside it.
                if field.name() != "summary" && format!("{value:?}").contains("from org_integrations") {
                    self.0.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        if event.metadata().target() == "sqlx::query" {
            event.record(&mut Words(&self.0));
        }
    }
}

#[tokio::test]
async fn the_status_of_everything_is_one_statement() {
    let app = TestApp::start().await;
    let (_, owner) = app.connected_clinic("Sunrise Dental").await;
    let count = Arc::new(AtomicUsize::new(0));
    let watched = tracing_subscriber::registry().with(Statements(count.clone()));
    // Server and test share this thread, so what is set for it sees both.
    let guard = tracing::subscriber::set_default(watched);
    let status = owner.send("GET", "/api/integrations/status", None).await;
    drop(guard);
    assert_eq!(status.json()["integrations"].as_array().unwrap().len(), ProviderId::ALL.len());
    assert_eq!(count.load(Ordering::Relaxed), 1);
}
