//! A clinic's credential that nobody can open: senders get the refusal that everybody gets, operators a count.

use serde_json::json;
use voxanne::domain::OrgId;
use voxanne::jobs;
use voxanne::sandbox::{body_of, signature};

use super::support::app::{Answer, TestApp};
use super::{resend_webhooks, twilio_webhooks, whatsapp};

const COUNTED: &str = "select coalesce(sum(count), 0)::bigint from machine_counts where org_id = $1 and cause = 'webhook.unreadable'";
const EVENTS: &str = "select count(*) from inbound_events where org_id = $1";
/// One bit of the tag, and no blob at all.
const DAMAGES: [&str; 2] = [
    "update org_credentials set sealed = set_byte(sealed, length(sealed) - 1, get_byte(sealed, length(sealed) - 1) # 1) where org_id = $1",
    "update org_credentials set sealed = '\\x00'::bytea where org_id = $1",
];

/// What a sender sees of an answer.
fn seen(answer: &Answer) -> (u16, String) {
    (answer.status, answer.body.clone())
}

/// Damages the clinic's credential; `post` posts what its own account has signed, or what nobody has.
async fn check(app: &TestApp, org: OrgId, mut post: impl AsyncFnMut(bool) -> Answer) {
    let refusal = seen(&post(false).await);
    assert_eq!(refusal.0, 401, "{}", refusal.1);
    assert_eq!(post(true).await.status, 200);
    let stored = app.count(EVENTS, org).await;
    for (at, damage) in DAMAGES.into_iter().enumerate() {
        assert_eq!(app.meddle(damage, org).await, 1, "{damage}");
        app.services.evict(org);
        for is_signed in [true, false] {
            assert_eq!(seen(&post(is_signed).await), refusal, "{damage}");
        }
        jobs::flush(app.services.clone()).await.unwrap();
        assert_eq!(app.count(COUNTED, org).await, 2 * (at as i64 + 1), "{damage}");
    }
    assert_eq!(app.count(EVENTS, org).await, stored);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_auth_token_of_twilio_that_nobody_can_read_is_the_same_refusal() {
    let app = TestApp::start().await;
    let line = twilio_webhooks::Line::connect(&app, "Sunrise Dental").await;
    let url = format!("{}/inbound", line.url);
    let form = twilio_webhooks::hello();
    let good = signature(&line.clinic.twilio.auth_token, &url, &form);
    check(&app, line.clinic.org, async |is_signed| {
        let signature = if is_signed { good.as_str() } else { "bm9ib2R5" };
        twilio_webhooks::post(&app, &url, &body_of(&form), Some(signature)).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_secret_of_whatsapp_that_nobody_can_read_is_the_same_refusal() {
    let app = TestApp::start().await;
    let line = whatsapp::Line::connect(&app, "Sunrise Dental").await;
    let sandbox = app.sandbox.whatsapp();
    let change = json!({ "field": "messages", "value": { "messaging_product": "whatsapp",
        "metadata": { "phone_number_id": line.account.phone_number_id },
        "messages": [{ "id": "wamid.1", "from": "15550100199", "timestamp": "1700000000", "type": "text", "text": { "body": "Hello" } }] } });
    let body = sandbox.webhook(&line.account, &[change]);
    let good = sandbox.signature(&line.account.app_secret, &body);
    check(&app, line.clinic.org, async |is_signed| {
        let signature = if is_signed { good.as_str() } else { "sha256=00" };
        whatsapp::post(&app, &line.path, &body, Some(signature)).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signing_secret_of_resend_that_nobody_can_read_is_the_same_refusal() {
    let app = TestApp::start().await;
    let line = resend_webhooks::Line::connect(&app, "Sunrise Dental", 0).await;
    let body = resend_webhooks::body("email.delivered");
    check(&app, line.clinic.org, async |is_signed| {
        if is_signed {
            line.deliver(&app, "msg_1", &body).await
        } else {
            let now = app.services.clock.now().unix_timestamp();
            resend_webhooks::post(&app, &line.path, "msg_1", now, "v1,bm9ib2R5", &body).await
        }
    })
    .await;
}
