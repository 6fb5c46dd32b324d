//! Stripe, HubSpot and Retell AI against their stand-ins: whole, limited and refused keys.

use super::*;
use crate::sandbox::{DEMO_HUBSPOT, DEMO_RETELL, DEMO_STRIPE};

async fn stripe(bench: &Bench, key: &str) -> TestReport {
    bench.test(ProviderId::Stripe, &fields(&[("apiKey", key)])).await
}

async fn hubspot(bench: &Bench, token: &str) -> TestReport {
    bench.test(ProviderId::HubSpot, &fields(&[("accessToken", token)])).await
}

#[tokio::test]
async fn a_stripe_key_is_pinned_to_its_account_and_shows_the_balance() {
    let bench = Bench::start().await;
    let whole = stripe(&bench, DEMO_STRIPE[0].key).await;
    assert_eq!((whole.outcome, whole.identity.as_deref()), (Outcome::Accepted, Some("acct_demosunrise")));
    assert_eq!(whole.identity_name.as_deref(), Some("Sunrise Dental"));
    assert_eq!(whole.notes, ["Test key: no real payments.", "USD 1,234.50 available."]);
    let waiting = stripe(&bench, DEMO_STRIPE[4].key).await;
    assert_eq!((waiting.outcome, answer(&waiting, "payments")), (Outcome::Accepted, Answer::No));
    let seen = bench.sandbox.requests(ProviderId::Stripe);
    assert!(seen.iter().all(|one| one.answer.is_some()), "the answers were looked at, too");
}

#[tokio::test]
async fn a_restricted_stripe_key_is_accepted_for_what_it_may_do() {
    let bench = Bench::start().await;
    let limited = stripe(&bench, DEMO_STRIPE[2].key).await;
    assert_eq!(limited.outcome, Outcome::Accepted, "{limited:?}");
    assert_eq!((answer(&limited, "account"), answer(&limited, "balance")), (Answer::Yes, Answer::No));
    let bare = stripe(&bench, DEMO_STRIPE[3].key).await;
    assert_eq!((bare.outcome, &bare.identity), (Outcome::Accepted, &None));
    assert_eq!((answer(&bare, "account"), answer(&bare, "payments")), (Answer::No, Answer::NotTestable));
    let wrong = stripe(&bench, "rk_test_000000000000").await;
    assert_eq!((wrong.outcome, wrong.reference.as_deref()), (Outcome::Refused, Some("401")));
    let provider = catalogue::find(ProviderId::Stripe);
    let publishable =
        provider.check(&fields(&[("apiKey", "pk_test_0000000000000000")])).expect_err("publishable");
    assert!(publishable[0].message.contains("a Stripe publishable key"), "{publishable:?}");
}

#[tokio::test]
async fn a_hubspot_token_is_pinned_to_its_portal_and_says_which_scope_it_lacks() {
    let bench = Bench::start().await;
    let whole = hubspot(&bench, DEMO_HUBSPOT[0].token).await;
    assert_eq!((whole.outcome, whole.identity.as_deref()), (Outcome::Accepted, Some("10000001")));
    assert_eq!(whole.notes, ["249,184 of 250,000 calls left today."]);
    let limited = hubspot(&bench, DEMO_HUBSPOT[2].token).await;
    assert_eq!((limited.outcome, answer(&limited, "contacts")), (Outcome::Accepted, Answer::No));
    assert!(limited.notes[0].contains("crm.objects.contacts.read"), "{limited:?}");
    let trial = hubspot(&bench, DEMO_HUBSPOT[3].token).await;
    assert!(trial.notes[0].contains("DEVELOPER_TEST"), "{trial:?}");
    let wrong = hubspot(&bench, "pat-na1-00000000-0000-0000-0000-000000000000").await;
    assert_eq!(
        (wrong.outcome, wrong.reference.as_deref()),
        (Outcome::Refused, Some("INVALID_AUTHENTICATION"))
    );
}

#[tokio::test]
async fn a_retell_key_shows_its_agents_and_an_ended_trial_is_refused_by_name() {
    let bench = Bench::start().await;
    let own = fields(&[("apiKey", DEMO_RETELL[0].key)]);
    let whole = bench.test(ProviderId::Retell, &own).await;
    assert_eq!((whole.outcome, answer(&whole, "agents")), (Outcome::Accepted, Answer::Yes));
    assert_eq!(whole.notes, ["0 of 20 calls at once are running."]);
    let agents = whole.capabilities.iter().find(|line| line.capability == "agents").expect("a line");
    assert_eq!(agents.note.as_deref(), Some("2 agents"), "the one that chats is no voice agent");
    let wrong = fields(&[("apiKey", "key_0123456789abcdef0123456789")]);
    let wrong = bench.test(ProviderId::Retell, &wrong).await;
    assert_eq!((wrong.outcome, wrong.field.as_deref()), (Outcome::Refused, Some("apiKey")));
    assert_eq!(wrong.reference.as_deref(), Some("401"));
    bench.sandbox.faults().set(ProviderId::Retell, Fault::Suspended);
    let ended = bench.test(ProviderId::Retell, &own).await;
    assert_eq!((ended.outcome, ended.reference.as_deref()), (Outcome::Refused, Some("402")));
    assert!(ended.headline.contains("trial is over"), "{ended:?}");
}
