//! The finer points of who is believed, over HTTP: several signatures in one header, secrets that are empty
//! or unreadable, and the edges of the window.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use voxanne::jobs;
use voxanne::webhooks::signature::{Encoding, HmacPlan, Scheme};

use super::support::app::TestApp;
use super::support::wire::{Headers, Wire, insert_secret, now, proof, stored};
use super::webhook_auth::fingerprint;

fn standard_webhooks() -> Scheme {
    Scheme::Hmac(HmacPlan {
        signature_header: "webhook-signature".to_owned(),
        timestamp_header: "webhook-timestamp".to_owned(),
        message_id_header: Some("webhook-id".to_owned()),
        payload_format: "{svix-id}.{timestamp}.{body}".to_owned(),
        signature_prefix: Some("v1,".to_owned()),
        signature_encoding: Encoding::Base64,
        secret_is_base64: true,
        ..HmacPlan::default()
    })
}

fn with(headers: &Headers, name: &str, value: &str) -> Headers {
    headers
        .iter()
        .map(|(known, old)| (known.clone(), if known == name { value.to_owned() } else { old.clone() }))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_good_signature_among_several_is_enough_and_each_part_is_bound() {
    let app = TestApp::start().await;
    let wire = Wire::with_scheme(&app, "Sunrise Dental", standard_webhooks()).await;
    let body = wire.report("call-1");
    let good = wire.sign(body.as_bytes(), now());
    let signature = good.iter().find(|(name, _)| name == "webhook-signature").unwrap().1.clone();
    let of_another = STANDARD.encode([7; 32]);
    let many = format!("v1,{of_another} ").repeat(8);
    for (given, status) in [
        (format!("v1,{of_another} {signature}"), 200),
        (format!("{signature} v1,{of_another}"), 200),
        (format!("v1a,AAAA v1,not-base64 {signature}"), 200),
        // Beyond eight nobody looks.
        (format!("{many}{signature}"), 401),
        (format!("v1,{of_another}"), 401),
        (signature.replace("v1,", "v2,"), 401),
        (signature.replace("v1,", ""), 401),
        (signature.to_lowercase(), 401),
        (String::new(), 401),
        ("v1,".to_owned(), 401),
    ] {
        let headers = with(&good, "webhook-signature", &given);
        let answer = wire.post(body.clone().into_bytes(), &headers).await;
        assert_eq!(answer.status, status, "{given}");
    }
    for (name, value) in [("webhook-id", "msg_2"), ("webhook-id", ""), ("webhook-timestamp", "1")] {
        let answer = wire.post(body.clone().into_bytes(), &with(&good, name, value)).await;
        assert_eq!(answer.status, 401, "{name}: {value}");
    }
    for at in 0..good.len() {
        let mut without = good.clone();
        let left_out = without.remove(at).0;
        assert_eq!(wire.post(body.clone().into_bytes(), &without).await.status, 401, "without {left_out}");
    }
    assert_eq!(stored(&app, wire.org).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_secret_proves_nothing_in_any_scheme() {
    let app = TestApp::start().await;
    let plain = HmacPlan::default();
    for (name, scheme) in [
        ("hmac", Scheme::Hmac(HmacPlan::ours())),
        ("hmac of a base64 secret", Scheme::Hmac(HmacPlan { secret_is_base64: true, ..plain })),
        ("standard webhooks", standard_webhooks()),
        ("bearer", Scheme::Bearer { header: "authorization".to_owned(), with_prefix: true }),
        ("bare", Scheme::Bearer { header: "x-vapi-secret".to_owned(), with_prefix: false }),
    ] {
        let wire = Wire::with_scheme(&app, name, scheme.clone()).await;
        insert_secret(&app, wire.org, &scheme, "").await;
        let body = wire.report("call-1");
        let headers = proof(&scheme, "", body.as_bytes(), &wire.url, &now().to_string());
        assert_eq!(wire.post(body.clone().into_bytes(), &headers).await.status, 401, "{name}");
        assert_eq!(wire.send(&body).await.status, 200, "{name}: the other secret is as good as ever");
        assert_eq!(stored(&app, wire.org).await, 1, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_window_ends_after_three_hundred_seconds_to_the_second() {
    let app = TestApp::start().await;
    let wire = Wire::new(&app, "Sunrise Dental").await;
    // At another time than the machine's: it is the clock of the service that counts.
    app.clock.advance(time::Duration::hours(5));
    for (off, status) in [(299, 200), (300, 200), (301, 401), (-299, 200), (-300, 200), (-301, 401)] {
        // A second may pass between signing and judging: then it is asked again.
        loop {
            let before = app.clock.unix();
            let body = wire.report(&format!("call {off}"));
            let headers = wire.sign(body.as_bytes(), before + off);
            let answer = wire.post(body.into_bytes(), &headers).await;
            if app.clock.unix() == before {
                assert_eq!(answer.status, status, "{off} s");
                break;
            }
        }
    }
    assert_eq!(stored(&app, wire.org).await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_nobody_can_read_is_the_same_refusal_and_is_counted_for_operators() {
    let app = TestApp::start().await;
    let wire = Wire::new(&app, "Sunrise Dental").await;
    let body = wire.report("call-1");
    let good = wire.sign(body.as_bytes(), now());
    let unsigned = wire.post(body.clone().into_bytes(), &[]).await;
    let refusal = fingerprint(&unsigned);
    assert_eq!(refusal.0, 401);
    let counted = "select coalesce(sum(count), 0)::bigint from machine_counts where org_id = $1 and cause = 'webhook.unreadable'";
    let damages = [
        "update webhook_secrets set sealed = set_byte(sealed, length(sealed) - 1, get_byte(sealed, length(sealed) - 1) # 1) where org_id = $1",
        "update webhook_secrets set sealed = '\\x00'::bytea where org_id = $1",
        "update webhook_secrets set params = '{\"algorithm\": 7}' where org_id = $1",
        "update webhook_secrets set scheme = 'bearer', params = '[]' where org_id = $1",
    ];
    for (at, damage) in damages.into_iter().enumerate() {
        assert_eq!(app.meddle(damage, wire.org).await, 1, "{damage}");
        app.services.evict(wire.org);
        for headers in [&good, &Headers::new()] {
            let answer = wire.post(body.clone().into_bytes(), headers).await;
            assert_eq!(fingerprint(&answer), refusal, "{damage}");
        }
        jobs::flush(app.services.clone()).await.unwrap();
        assert_eq!(app.count(counted, wire.org).await, 2 * (at as i64 + 1), "{damage}");
    }
    assert_eq!(stored(&app, wire.org).await, 0);
    // Another secret beside the damaged one is as good as ever.
    let new = Wire { secret: "bmV3IHNlY3JldA==".to_owned(), ..wire.clone() };
    insert_secret(&app, wire.org, &new.scheme, &new.secret).await;
    assert_eq!(new.send(&body).await.status, 200);
}
