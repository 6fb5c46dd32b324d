//! Who is believed: every form of proof over HTTP, each in its own place, and one refusal for all
//! the rest.

use std::collections::BTreeMap;

use serde_json::json;
use uuid::Uuid;
use voxanne::db::{OrgTx, webhook_secrets};
use voxanne::domain::{OrgId, ProviderId};
use voxanne::webhooks::signature::{Algorithm, Encoding, HmacPlan, Scheme};

use super::support::app::{Answer, TestApp};
use super::support::wire::{Wire, insert_secret, now, proof, stored};
use super::tenancy_pool::all_cases;

#[tokio::test(flavor = "multi_thread")]
async fn every_changed_byte_of_signature_timestamp_or_body_is_refused() {
    let app = TestApp::start().await;
    let wire = Wire::new(&app, "Sunrise Dental").await;
    let body = wire.report("call-1");
    let good = wire.sign(body.as_bytes(), now());
    assert_eq!(wire.post(body.clone().into_bytes(), &good).await.status, 200);

    let mut refused = 0;
    for header in 0..good.len() {
        for at in 0..good[header].1.len() {
            let mut changed = good.clone();
            let mut bytes = changed[header].1.clone().into_bytes();
            bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
            changed[header].1 = String::from_utf8(bytes).unwrap();
            let answer = wire.post(body.clone().into_bytes(), &changed).await;
            assert_eq!(answer.status, 401, "{} byte {at}", good[header].0);
            refused += 1;
        }
        let without: Vec<_> = good.iter().filter(|(name, _)| *name != good[header].0).cloned().collect();
        assert_eq!(wire.post(body.clone().into_bytes(), &without).await.status, 401);
        let mut twice = good.clone();
        twice.push(good[header].clone());
        assert_eq!(wire.post(body.clone().into_bytes(), &twice).await.status, 401);
    }
    assert_eq!(refused, 64 + 10);
    // A changed body is not JSON any more, or another message: refused either way.
    // Every fifth byte; `VOXANNE_BARS=full` takes each.
    for at in (0..body.len()).step_by(if all_cases() { 1 } else { 5 }) {
        let mut bytes = body.clone().into_bytes();
        bytes[at] ^= 1;
        let answer = wire.post(bytes, &good).await;
        assert!(matches!(answer.status, 400 | 401), "byte {at}: {}", answer.status);
    }
    assert_eq!(stored(&app, wire.org).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn extreme_timestamps_are_refused_though_they_are_signed() {
    let app = TestApp::start().await;
    let wire = Wire::new(&app, "Sunrise Dental").await;
    let body = wire.report("call-1");
    let millis = format!("{}000", now());
    for (timestamp, status) in [
        ("0", 401),
        ("-1", 401),
        ("1", 401),
        ("1e9", 401),
        ("99999999999", 401),
        ("9223372036854775807", 401),
        ("9223372036854775808", 401),
        ("-9223372036854775808", 401),
        ("99999999999999999999999999", 401),
        ("NaN", 401),
        ("0x65", 401),
        (millis.as_str(), 200),
    ] {
        let headers = proof(&wire.scheme, &wire.secret, body.as_bytes(), &wire.url, timestamp);
        let answer = wire.post(body.clone().into_bytes(), &headers).await;
        assert_eq!(answer.status, status, "{timestamp}: {}", answer.body);
    }
    assert_eq!(stored(&app, wire.org).await, 1);
}

fn schemes() -> Vec<(&'static str, Scheme)> {
    let plan = HmacPlan::default;
    let hmac = Scheme::Hmac;
    vec![
        ("our plan", hmac(HmacPlan::ours())),
        ("the default plan", hmac(plan())),
        ("base64", hmac(HmacPlan { signature_encoding: Encoding::Base64, ..plan() })),
        ("sha1", hmac(HmacPlan { algorithm: Algorithm::Sha1, ..plan() })),
        ("sha512", hmac(HmacPlan { algorithm: Algorithm::Sha512, ..plan() })),
        ("prefix", hmac(HmacPlan { signature_prefix: Some("sha256=".to_owned()), ..plan() })),
        (
            "no timestamp",
            hmac(HmacPlan { include_timestamp: false, payload_format: "{body}".to_owned(), ..plan() }),
        ),
        (
            "method and address",
            hmac(HmacPlan { payload_format: "{method} {url} {timestamp} {body}".to_owned(), ..plan() }),
        ),
        ("a base64 secret", hmac(HmacPlan { secret_is_base64: true, ..plan() })),
        (
            "Standard Webhooks",
            hmac(HmacPlan {
                signature_header: "webhook-signature".to_owned(),
                timestamp_header: "webhook-timestamp".to_owned(),
                message_id_header: Some("webhook-id".to_owned()),
                payload_format: "{svix-id}.{timestamp}.{body}".to_owned(),
                signature_prefix: Some("v1,".to_owned()),
                signature_encoding: Encoding::Base64,
                secret_is_base64: true,
                ..plan()
            }),
        ),
        ("bearer", Scheme::Bearer { header: "authorization".to_owned(), with_prefix: true }),
        ("x-vapi-secret", Scheme::Bearer { header: "x-vapi-secret".to_owned(), with_prefix: false }),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_verifies_in_its_own_scheme_and_in_no_other() {
    let app = TestApp::start().await;
    for (name, scheme) in schemes() {
        let wire = Wire::with_scheme(&app, name, scheme).await;
        for (other, offered) in schemes() {
            let body = wire.report(other);
            let headers = proof(&offered, &wire.secret, body.as_bytes(), &wire.url, &now().to_string());
            let answer = wire.post(body.into_bytes(), &headers).await;
            let expected = if other == name { 200 } else { 401 };
            assert_eq!(answer.status, expected, "a proof by {other} to a secret for {name}");
        }
        let wrong = Wire { secret: "c2VjcmV0".to_owned(), ..wire.clone() };
        assert_eq!(wrong.send(&wire.report("wrong")).await.status, 401, "{name}");
        assert_eq!(stored(&app, wire.org).await, 1, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_secrets_live_during_a_rotation_and_the_old_one_ends() {
    let app = TestApp::start().await;
    let old = Wire::new(&app, "Sunrise Dental").await;
    let new = Wire { secret: "bmV3IHNlY3JldA==".to_owned(), ..old.clone() };
    let keep = insert_secret(&app, old.org, &new.scheme, &new.secret).await;
    let mut tx = OrgTx::service(&app.services.pool, old.org).await.unwrap();
    webhook_secrets::expire_others(&mut tx, "vapi", keep, 10).await.unwrap();
    tx.commit().await.unwrap();
    app.services.evict(old.org);
    assert_eq!(old.send(&old.report("a")).await.status, 200);
    assert_eq!(new.send(&old.report("b")).await.status, 200);

    // By the clock of the process, with the route cached and with the route read again.
    app.clock.advance(time::Duration::minutes(11));
    for call in ["cached", "read again"] {
        let body = old.report(call);
        let at = app.clock.unix();
        let by_old = old.post(body.clone().into_bytes(), &old.sign(body.as_bytes(), at)).await;
        let by_new = new.post(body.clone().into_bytes(), &new.sign(body.as_bytes(), at)).await;
        assert_eq!((by_old.status, by_new.status), (401, 200), "{call}");
        app.services.evict(old.org);
    }

    // By the clock of the database, for a process whose clock stands still.
    let other = app.beside().await;
    assert_eq!(old.to(&other).send(&old.report("c")).await.status, 200);
    sqlx::query("update webhook_secrets set not_after = now() - interval '2 seconds' where id <> $1")
        .bind(keep)
        .execute(&app.db.superuser)
        .await
        .unwrap();
    other.services.evict(old.org);
    assert_eq!(old.to(&other).send(&old.report("d")).await.status, 401);
    assert_eq!(new.to(&other).send(&old.report("d")).await.status, 200);
}

/// Everything of an answer but what differs between any two.
pub fn fingerprint(answer: &Answer) -> (u16, BTreeMap<String, String>, String) {
    let mut headers: BTreeMap<String, String> = answer
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    headers.remove("date").unwrap();
    headers.remove("x-request-id").unwrap();
    (answer.status, headers, answer.body.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_foreign_forged_missing_disconnected_and_suspended_are_one_refusal() {
    let app = TestApp::start().await;
    let names = ["Sunrise Dental", "Harbor Clinic", "Lakeside Vets"];
    let mut wires = Vec::new();
    for name in names {
        wires.push(Wire::new(&app, name).await);
    }
    let mut answers: Vec<(String, Answer)> = Vec::new();
    for (a, from) in wires.iter().enumerate() {
        for (b, to) in wires.iter().enumerate() {
            let answer = from.send(&to.report("pair")).await;
            if a == b {
                assert_eq!(answer.status, 200);
            } else {
                answers.push((format!("{} to {}", names[a], names[b]), answer));
            }
        }
    }
    let wire = &wires[0];
    let unknown = Wire { assistant: Uuid::new_v4(), ..wire.clone() };
    answers.push(("unknown".to_owned(), unknown.send(&unknown.report("x")).await));
    answers.push(("unknown, again".to_owned(), unknown.send(&unknown.report("x")).await));
    let forged = Wire { secret: "Zm9yZ2Vk".to_owned(), ..wire.clone() };
    answers.push(("forged".to_owned(), forged.send(&wire.report("x")).await));
    answers.push(("unsigned".to_owned(), wire.post(wire.report("x").into_bytes(), &[]).await));
    let nobody = json!({ "message": { "type": "hang", "call": { "id": "x" } } }).to_string();
    answers.push(("missing id".to_owned(), wire.send(&nobody).await));
    let strange = json!({ "message": { "type": "hang", "call": { "id": "x", "assistantId": "no uuid" } } });
    answers.push(("an id that is none".to_owned(), wire.send(&strange.to_string()).await));

    let (clinic, owner) = app.connected_clinic("Meadow Clinic").await;
    let (_, assistant) = app.assistants(&clinic)[0];
    let meadow = Wire::tap(&app, clinic.org, assistant, wire.scheme.clone()).await;
    assert_eq!(meadow.send(&meadow.report("before")).await.status, 200);
    let gone = owner.send("DELETE", &format!("/api/integrations/{}", ProviderId::Vapi.as_str()), None).await;
    assert!(gone.status < 300, "{}", gone.body);
    answers.push(("disconnected".to_owned(), meadow.send(&meadow.report("after")).await));

    suspend(&app, wires[1].org).await;
    answers.push(("suspended".to_owned(), wires[1].send(&wires[1].report("after")).await));
    let bare = Wire::new(&app, "Bare Clinic").await;
    sqlx::query("delete from webhook_secrets where org_id = $1")
        .bind(bare.org.0)
        .execute(&app.db.superuser)
        .await
        .unwrap();
    app.services.evict(bare.org);
    answers.push(("no secret".to_owned(), bare.send(&bare.report("x")).await));

    let first = fingerprint(&answers[0].1);
    assert_eq!(first.0, 401);
    for (name, answer) in &answers {
        assert_eq!(fingerprint(answer), first, "{name}");
    }
    assert_eq!(answers.len(), 6 + 6 + 3);
    assert_eq!(stored(&app, wire.org).await, 1);
}

async fn suspend(app: &TestApp, org: OrgId) {
    sqlx::query("update organizations set suspended_at = now() where id = $1")
        .bind(org.0)
        .execute(&app.db.superuser)
        .await
        .unwrap();
    app.services.evict(org);
}
