//! n8n against its stand-in, and addresses that are not called at all.

use super::*;
use crate::sandbox::DEMO_N8N;

fn with(address: &str, key: Option<&str>) -> SecretFields {
    let mut all = fields(&[("baseUrl", address)]);
    if let Some(key) = key {
        all.insert("apiKey", SecretText::new(key.to_owned()));
    }
    all
}

fn address(bench: &Bench) -> String {
    let fields = bench.sandbox.demo_fields(ProviderId::N8n);
    fields.into_iter().find(|(key, _)| *key == "baseUrl").expect("an address").1
}

fn note(report: &TestReport) -> String {
    let line = report.capabilities.iter().find(|line| line.capability == "workflows").expect("a line");
    line.note.clone().unwrap_or_default()
}

#[tokio::test]
async fn workflows_are_named_where_the_key_allows_it() {
    let bench = Bench::start().await;
    let address = address(&bench);
    let whole =
        bench.test(ProviderId::N8n, &with(&format!("{address}/workflow/12"), Some(DEMO_N8N[0].key))).await;
    assert_eq!(
        (whole.outcome, note(&whole).as_str()),
        (Outcome::Accepted, "2 workflows: Bookings, Reviews (off).")
    );
    assert_eq!(whole.identity.as_deref(), Some(address.as_str()));
    let limited = bench.test(ProviderId::N8n, &with(&address, Some(DEMO_N8N[2].key))).await;
    assert_eq!((limited.outcome, answer(&limited, "workflows")), (Outcome::Accepted, Answer::No));
    assert!(note(&limited).contains("workflow:list"), "{limited:?}");
    let wrong =
        bench.test(ProviderId::N8n, &with(&address, Some("n8n_api_00000000000000000000000000000000"))).await;
    assert_eq!((wrong.outcome, wrong.field.as_deref()), (Outcome::Refused, Some("apiKey")));
}

#[tokio::test]
async fn without_a_key_the_instance_is_only_reached() {
    let bench = Bench::start().await;
    let address = address(&bench);
    let open = bench.test(ProviderId::N8n, &with(&address, None)).await;
    assert_eq!((open.outcome, answer(&open, "workflows")), (Outcome::Accepted, Answer::NotSetUp));
    let elsewhere = bench.test(ProviderId::N8n, &with(&format!("{address}/nothing-here"), None)).await;
    assert_eq!((elsewhere.outcome, elsewhere.field.as_deref()), (Outcome::Refused, Some("baseUrl")));
    assert!(elsewhere.headline.contains("no n8n"), "{elsewhere:?}");
}

#[tokio::test]
async fn the_key_goes_to_the_api_only() {
    let bench = Bench::start().await;
    bench.test(ProviderId::N8n, &with(&address(&bench), Some(DEMO_N8N[2].key))).await;
    let seen = bench.sandbox.requests(ProviderId::N8n);
    let signed: Vec<(&str, bool)> =
        seen.iter().map(|one| (one.path.as_str(), !one.credential_fingerprint.is_empty())).collect();
    assert_eq!(signed, [("/api/v1/workflows?limit=20&excludePinnedData=true", true), ("/healthz", false)]);
}

#[tokio::test]
async fn addresses_inside_are_refused_and_never_called() {
    let bench = Bench::start().await;
    // Another port of the same machine: a listener that would notice.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let local = format!("http://{}", listener.local_addr().expect("an address"));
    let metadata = "https://169.254.169.254";
    for (address, words) in [
        (local.as_str(), "only called over https"),
        (metadata, "not on the public internet"),
        ("https://10.0.0.7", "not on the public internet"),
        ("https://[::1]", "not on the public internet"),
        ("https://[::ffff:127.0.0.1]", "not on the public internet"),
        ("https://2130706433", "not on the public internet"),
        ("https://n8n.internal", "not on the public internet"),
        ("https://localhost", "not on the public internet"),
        ("https://n8n.io:8443", "port of https"),
        ("http://n8n.io", "only called over https"),
    ] {
        let fields = with(address, Some(DEMO_N8N[0].key));
        assert_eq!(catalogue::find(ProviderId::N8n).check(&fields), Ok(()), "{address}");
        let report = bench.test(ProviderId::N8n, &fields).await;
        assert_eq!(
            (report.outcome, report.field.as_deref()),
            (Outcome::Refused, Some("baseUrl")),
            "{address}"
        );
        assert!(report.headline.contains(words), "{address}: {}", report.headline);
    }
    assert!(bench.sandbox.requests(ProviderId::N8n).is_empty());
    let knock = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
    assert!(knock.is_err(), "somebody knocked");
}

#[tokio::test]
async fn a_name_that_leads_inside_is_refused_at_the_connection() {
    use std::net::SocketAddr;
    use std::sync::Arc;

    struct Inside;
    #[async_trait::async_trait]
    impl lookup::Lookup for Inside {
        async fn lookup(&self, _: &str) -> std::io::Result<Vec<SocketAddr>> {
            Ok(vec![SocketAddr::from(([10, 0, 0, 7], 0))])
        }
    }
    let mut bench = Bench::start().await;
    let options = EgressOptions { lookup: Arc::new(Inside), ..EgressOptions::default() };
    bench.egress = Egress::new(options).expect("a client");
    let report = bench.test(ProviderId::N8n, &with("https://n8n.clinic.com", None)).await;
    assert_eq!((report.outcome, report.field.as_deref()), (Outcome::Refused, Some("baseUrl")), "{report:?}");
    assert!(report.headline.contains("not on the public internet"), "{report:?}");
}

#[test]
fn addresses_that_are_none_are_refused_before_anybody_is_asked() {
    let provider = catalogue::find(ProviderId::N8n);
    for (address, words) in [
        ("clinic.app.n8n.cloud", "Enter the whole Instance address"),
        ("https://user:word@n8n.io", "without a user name"),
        ("https://n8n.io/?token=1", "question mark"),
        ("n8n_api_aaaa0000", "looks like an n8n API key"),
        ("", "Enter the Instance address."),
    ] {
        let problems = provider.check(&with(address, None)).expect_err(address);
        assert!(problems[0].message.contains(words), "{address}: {problems:?}");
    }
}
