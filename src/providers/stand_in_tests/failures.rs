//! The matrix of providers and failures: how a test ends with each, and in words of its own.

use super::*;

#[tokio::test]
async fn every_failure_has_its_outcome_at_every_provider() {
    let bench = Bench::start().await;
    let short = Duration::from_millis(400);
    let long = Duration::from_secs(9);
    let table = [
        (Fault::None, Outcome::Accepted, long),
        (Fault::Unauthorized, Outcome::Refused, long),
        (Fault::Forbidden, Outcome::Refused, long),
        (Fault::Suspended, Outcome::Refused, long),
        (Fault::Throttled, Outcome::Undetermined, long),
        (Fault::ServerError, Outcome::Undetermined, long),
        (Fault::Hang, Outcome::Undetermined, short),
        (Fault::Reset, Outcome::Undetermined, long),
        (Fault::LostAnswer, Outcome::Undetermined, long),
        // A test makes nothing.
        (Fault::HeldAnswer, Outcome::Accepted, long),
        (Fault::Html, Outcome::Undetermined, long),
        (Fault::InvalidJson, Outcome::Undetermined, long),
        (Fault::ErrorInside, Outcome::Undetermined, long),
        (Fault::Slow, Outcome::Undetermined, short),
        (Fault::HtmlForbidden, Outcome::Undetermined, long),
        (Fault::Expired, Outcome::Refused, long),
        (Fault::Revoked, Outcome::Refused, long),
    ];
    assert_eq!(table.len(), Fault::ALL.len());
    for provider in ProviderId::ALL {
        let fields = bench.demo_fields(provider);
        let mut headlines = Vec::new();
        for (fault, outcome, time) in table {
            bench.sandbox.faults().set(provider, fault);
            let report = bench.test_within(provider, &fields, time).await;
            assert_eq!(report.outcome, outcome, "{provider:?} {fault:?}: {report:?}");
            let spec = catalogue::find(provider).spec();
            assert!(report.headline.contains(spec.name), "{}", report.headline);
            assert_eq!(report.capabilities.len(), spec.capabilities.len(), "{fault:?}");
            let has_no = report.capabilities.iter().any(|line| line.answer == Answer::No);
            assert_eq!(has_no, outcome == Outcome::Refused, "{provider:?} {fault:?}");
            assert_eq!(report.fix.is_some(), outcome != Outcome::Accepted, "{provider:?} {fault:?}");
            headlines.push((fault, report.headline));
        }
        bench.sandbox.faults().set(provider, Fault::None);
        let shared: Vec<[Fault; 2]> = headlines
            .iter()
            .enumerate()
            .flat_map(|(at, (one, said))| {
                let rest = headlines.iter().skip(at + 1).filter(move |(_, other)| other == said);
                rest.map(|(other, _)| [*one, *other])
            })
            .collect();
        let sorted = |mut pairs: Vec<[Fault; 2]>| {
            pairs.sort_by_key(|pair| format!("{pair:?}"));
            pairs
        };
        assert_eq!(sorted(shared), sorted(may_share(provider)), "{provider:?}: {headlines:#?}");
    }
}

/// The failures that one sentence is said about, two by two. Everything else
/// has a sentence of its own.
fn may_share(provider: ProviderId) -> Vec<[Fault; 2]> {
    use Fault::{
        Expired, Hang, HeldAnswer, Html, HtmlForbidden, LostAnswer, None, Reset, Revoked, Slow, Unauthorized,
    };
    let of_the_key = match provider {
        // These say of each in words of its own what has happened to it.
        ProviderId::WhatsApp => vec![],
        // These know a key that has expired, and no more a revoked one than one that never was.
        ProviderId::Stripe | ProviderId::HubSpot | ProviderId::Sns => vec![[Unauthorized, Revoked]],
        // "Unauthorized" is a request without any key here; keys do not expire, and a revoked one is unknown.
        ProviderId::Resend => vec![[Expired, Revoked]],
        // One answer for every key that is not good, whatever the reason.
        _ => vec![[Unauthorized, Expired], [Unauthorized, Revoked], [Expired, Revoked]],
    };
    let mut all = vec![
        // A test makes nothing, so nothing is held back.
        [None, HeldAnswer],
        // Too late is too late.
        [Hang, Slow],
        // From here a request that was lost and one whose answer was lost look the same.
        [Reset, LostAnswer],
        // Neither is the provider's answer.
        [Html, HtmlForbidden],
    ];
    all.extend(of_the_key);
    all
}

#[tokio::test]
async fn a_throttled_test_says_how_long_to_wait_at_every_provider() {
    let bench = Bench::start().await;
    for provider in ProviderId::ALL {
        let fields = bench.demo_fields(provider);
        bench.sandbox.faults().set(provider, Fault::Throttled);
        let report = bench.test(provider, &fields).await;
        assert_eq!(report.retry_after_seconds, Some(7), "{provider:?}: {report:?}");
        assert!(report.reference.is_some(), "{provider:?}: {report:?}");
    }
}

#[tokio::test]
async fn a_connection_that_is_not_safe_has_a_sentence_of_its_own_at_every_provider() {
    let mut bench = Bench::start().await;
    bench.bases = bench.sandbox.bases_without_tls();
    for provider in ProviderId::ALL {
        let mut fields = bench.demo_fields(provider);
        if let Some(base) = fields.find("baseUrl").map(|base| base.expose().replacen("http:", "https:", 1)) {
            fields.insert("baseUrl", SecretText::new(base));
        }
        let report = bench.test(provider, &fields).await;
        let name = catalogue::find(provider).spec().name;
        assert_eq!(report.outcome, Outcome::Undetermined, "{provider:?}: {report:?}");
        assert_eq!(report.headline, EgressError::Tls.sentence(name), "{provider:?}");
        assert!(bench.sandbox.requests(provider).is_empty(), "{provider:?}: nothing was sent");
    }
}
