//! ElevenLabs against its stand-in: whole, limited, used up, of the older form.

use super::*;
use crate::sandbox::DEMO_ELEVENLABS;

fn with_key(key: &str) -> SecretFields {
    fields(&[("apiKey", key)])
}

async fn test(bench: &Bench, at: usize) -> TestReport {
    bench.test(ProviderId::ElevenLabs, &with_key(DEMO_ELEVENLABS[at].key)).await
}

fn note(report: &TestReport, capability: &str) -> String {
    let line = report.capabilities.iter().find(|line| line.capability == capability).expect(capability);
    line.note.clone().unwrap_or_default()
}

#[tokio::test]
async fn a_whole_key_tells_its_characters_and_is_pinned_to_its_user() {
    let bench = Bench::start().await;
    let report = test(&bench, 0).await;
    assert_eq!((report.outcome, report.identity.as_deref()), (Outcome::Accepted, Some("demo-sunrise")));
    let quota = "78,500 of 100,000 characters left until 1 January 2030 (plan: creator).";
    assert_eq!((note(&report, "account").as_str(), report.notes[0].as_str()), (quota, quota));
    assert_eq!((answer(&report, "voices"), note(&report, "voices").as_str()), (Answer::Yes, "3 voices"));
    assert_eq!(answer(&report, "speak"), Answer::NotTestable);
    assert!(bench.sandbox.requests(ProviderId::ElevenLabs).iter().all(|seen| seen.method == "GET"));
}

#[tokio::test]
async fn a_key_that_only_speaks_is_accepted_with_its_limits() {
    let bench = Bench::start().await;
    let report = test(&bench, 2).await;
    assert_eq!((report.outcome, &report.identity), (Outcome::Accepted, &None));
    assert_eq!((answer(&report, "account"), answer(&report, "voices")), (Answer::No, Answer::No));
    assert!(note(&report, "account").contains("User: read"), "{report:?}");
    assert!(note(&report, "voices").contains("Voices: read"), "{report:?}");
}

#[tokio::test]
async fn a_used_up_plan_and_an_overdue_payment_are_accepted_and_said() {
    let bench = Bench::start().await;
    let empty = test(&bench, 3).await;
    assert_eq!((empty.outcome, answer(&empty, "speak")), (Outcome::Accepted, Answer::No));
    assert!(note(&empty, "account").starts_with("0 of 10,000 characters left"), "{empty:?}");
    let older = test(&bench, 4).await;
    assert_eq!(older.outcome, Outcome::Accepted);
    assert!(older.notes.iter().any(|note| note.contains("overdue")), "{older:?}");
}

#[tokio::test]
async fn a_wrong_key_is_refused_by_name_and_a_suspended_account_has_its_own_sentence() {
    let bench = Bench::start().await;
    let wrong = bench.test(ProviderId::ElevenLabs, &with_key(&format!("sk_{}", "0".repeat(48)))).await;
    assert_eq!((wrong.outcome, wrong.field.as_deref()), (Outcome::Refused, Some("apiKey")));
    assert_eq!(wrong.reference.as_deref(), Some("invalid_api_key"));
    bench.sandbox.faults().set(ProviderId::ElevenLabs, Fault::Suspended);
    let suspended = test(&bench, 0).await;
    assert!(suspended.headline.contains("suspended"), "{suspended:?}");
    bench.sandbox.faults().set(ProviderId::ElevenLabs, Fault::Throttled);
    let throttled = test(&bench, 0).await;
    assert_eq!((throttled.outcome, throttled.retry_after_seconds), (Outcome::Undetermined, Some(7)));
}

#[test]
fn keys_of_others_and_broken_pastes_are_refused_before_anybody_is_asked() {
    let provider = catalogue::find(ProviderId::ElevenLabs);
    for (value, words) in [
        ("sk_live_000000000000000000000000000000000000", "looks like a Stripe API key"),
        ("re_c1tpEyD8_NKFusih9vKVQknRAQfmFcWCv", "looks like a Resend API key"),
        ("sk_aaaa 0000", "no spaces"),
        ("", "Enter the API key."),
    ] {
        let problems = provider.check(&with_key(value)).expect_err(value);
        assert!(problems[0].message.contains(words), "{value}: {problems:?}");
    }
    for demo in DEMO_ELEVENLABS {
        assert_eq!(provider.check(&with_key(demo.key)), Ok(()), "{}", demo.name);
    }
}

#[tokio::test]
async fn a_busy_system_is_told_from_a_plan_that_allows_no_more_at_once() {
    let bench = Bench::start().await;
    let busy = bench.test(ProviderId::ElevenLabs, &fields(&[("apiKey", DEMO_ELEVENLABS[5].key)])).await;
    assert_eq!((busy.outcome, busy.reference.as_deref()), (Outcome::Undetermined, Some("system_busy")));
    assert!(busy.headline.contains("is busy"), "{busy:?}");
    bench.sandbox.faults().set(ProviderId::ElevenLabs, Fault::Throttled);
    let slow = bench.test(ProviderId::ElevenLabs, &fields(&[("apiKey", DEMO_ELEVENLABS[0].key)])).await;
    assert_eq!(slow.reference.as_deref(), Some("too_many_concurrent_requests"));
    assert_ne!(busy.headline, slow.headline);
}
