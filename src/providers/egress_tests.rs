//! The client against real sockets: what it refuses to open, to read, to follow, to wait for.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::any;
use tokio::net::TcpListener;

use super::*;
use crate::providers::address::UrlRefusal;

/// A server of one path for each behaviour, and how often "/next" was reached.
async fn serve() -> (SocketAddr, Arc<AtomicUsize>) {
    let followed = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&followed);
    let app = Router::new()
        .route("/agent", any(|headers: HeaderMap| async move { headers["user-agent"].as_bytes().to_vec() }))
        .route("/moved", any(|| async { (StatusCode::PERMANENT_REDIRECT, [("location", "/next")]) }))
        .route(
            "/next",
            any(move || {
                counter.fetch_add(1, Ordering::Relaxed);
                async { "" }
            }),
        )
        .route("/large", any(|| async { vec![b'x'; ANSWER_LIMIT + 1] }))
        .route("/fits", any(|| async { vec![b'x'; ANSWER_LIMIT] }))
        .route("/hang", any(|| async { std::future::pending::<()>().await }))
        .route("/throttled", any(|| async { (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "7")]) }))
        .route("/broken", any(|| async { StatusCode::BAD_GATEWAY }));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, app).await });
    (address, followed)
}

fn egress(allowed: &[SocketAddr]) -> Egress {
    let allowed = allowed.iter().copied().map(HostPort::from).collect();
    Egress::new(EgressOptions { allowed, ..EgressOptions::default() }).expect("a client")
}

fn get(url: &str) -> Call<'static> {
    Call {
        method: Method::GET,
        url: Url::parse(url).expect(url),
        template: "/test",
        auth: Auth::None,
        body: Body::Empty,
        bulkhead: BulkheadKey(7),
        answer_limit: ANSWER_LIMIT,
    }
}

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(5))
}

#[tokio::test]
async fn it_names_itself() {
    let (address, _) = serve().await;
    let reply =
        egress(&[address]).send(get(&format!("http://{address}/agent")), soon()).await.expect("a reply");
    assert_eq!(reply.body, USER_AGENT.as_bytes());
}

#[tokio::test]
async fn redirects_are_answers_and_are_not_followed() {
    let (address, followed) = serve().await;
    let reply =
        egress(&[address]).send(get(&format!("http://{address}/moved")), soon()).await.expect("a reply");
    assert_eq!((reply.status, followed.load(Ordering::Relaxed)), (308, 0));
}

#[tokio::test]
async fn answers_have_a_size_limit() {
    let (address, _) = serve().await;
    let egress = egress(&[address]);
    let fits = egress.send(get(&format!("http://{address}/fits")), soon()).await.expect("a reply");
    assert_eq!(fits.body.len(), ANSWER_LIMIT);
    let large = egress.send(get(&format!("http://{address}/large")), soon()).await;
    assert_eq!(large.err(), Some(EgressError::TooLarge));
}

#[tokio::test]
async fn the_callers_deadline_is_kept() {
    let (address, _) = serve().await;
    let egress = egress(&[address]);
    let deadline = Deadline::after(Duration::from_millis(50));
    let started = Instant::now();
    let result = egress.send(get(&format!("http://{address}/hang")), deadline).await;
    assert_eq!(result.err(), Some(EgressError::Timeout));
    assert!(started.elapsed() < Duration::from_secs(2));
    let late = egress.send(get(&format!("http://{address}/agent")), deadline).await;
    assert_eq!(late.err(), Some(EgressError::Expired));
}

#[tokio::test]
async fn only_the_exact_allowed_host_and_port_is_private_and_called() {
    let (allowed, _) = serve().await;
    let (other, _) = serve().await;
    let egress = egress(&[allowed]);
    assert!(egress.send(get(&format!("http://{allowed}/fits")), soon()).await.is_ok());
    let refusals = [
        (format!("http://{other}/fits"), UrlRefusal::Scheme),
        (format!("https://{other}/fits"), UrlRefusal::Port),
        (format!("http://localhost:{}/fits", allowed.port()), UrlRefusal::Scheme),
        ("https://127.0.0.1/fits".to_owned(), UrlRefusal::Host),
    ];
    for (url, refusal) in refusals {
        let result = egress.send(get(&url), soon()).await;
        assert_eq!(result.err(), Some(EgressError::Blocked(refusal)), "{url}");
    }
}

/// Answers every name with the given addresses.
struct Fixed(Vec<SocketAddr>);

#[async_trait]
impl Lookup for Fixed {
    async fn lookup(&self, _name: &str) -> std::io::Result<Vec<SocketAddr>> {
        Ok(self.0.clone())
    }
}

#[tokio::test]
async fn a_public_name_with_one_private_answer_is_not_called() {
    for answers in ["127.0.0.1", "8.8.8.8 127.0.0.1", "8.8.8.8 ::1", "::ffff:10.0.0.1"] {
        let addresses =
            answers.split(' ').map(|ip| SocketAddr::new(ip.parse().expect(ip), 0)).collect::<Vec<_>>();
        let options = EgressOptions { lookup: Arc::new(Fixed(addresses)), ..EgressOptions::default() };
        let egress = Egress::new(options).expect("a client");
        let result = egress.send(get("https://rebound.example.com/"), soon()).await;
        assert_eq!(result.err(), Some(EgressError::Blocked(UrlRefusal::Host)), "{answers}");
    }
}

#[tokio::test]
async fn a_name_without_an_address_is_a_dns_error() {
    let options = EgressOptions { lookup: Arc::new(Fixed(Vec::new())), ..EgressOptions::default() };
    let result = Egress::new(options).expect("a client").send(get("https://gone.example.com/"), soon()).await;
    assert_eq!(result.err(), Some(EgressError::Dns));
}

#[tokio::test]
async fn a_closed_port_is_no_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let result = egress(&[address]).send(get(&format!("http://{address}/")), soon()).await;
    assert_eq!(result.err(), Some(EgressError::Connect));
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_a_tls_error() {
    let (address, _) = serve().await;
    let result = egress(&[address]).send(get(&format!("https://{address}/")), soon()).await;
    assert_eq!(result.err(), Some(EgressError::Tls));
}

#[tokio::test]
async fn five_broken_answers_open_the_breaker_of_this_bulkhead_only() {
    let (address, _) = serve().await;
    let egress = egress(&[address]);
    let broken = format!("http://{address}/broken");
    for _ in 0..5 {
        assert_eq!(egress.send(get(&broken), soon()).await.expect("a reply").status, 502);
    }
    assert!(matches!(egress.send(get(&broken), soon()).await, Err(EgressError::BreakerOpen { .. })));
    let other = Call { bulkhead: BulkheadKey(8), ..get(&broken) };
    assert_eq!(egress.send(other, soon()).await.expect("a reply").status, 502);
}

#[tokio::test]
async fn retry_after_is_read() {
    let (address, _) = serve().await;
    let reply =
        egress(&[address]).send(get(&format!("http://{address}/throttled")), soon()).await.expect("a reply");
    assert_eq!((reply.status, reply.retry_after), (429, Some(Duration::from_secs(7))));
}

#[test]
fn retry_after_takes_seconds_and_dates_and_no_more_than_an_hour() {
    let read = |text| parse_retry_after(&HeaderValue::from_static(text), LONGEST_RETRY_AFTER);
    assert_eq!(read("120"), Some(Duration::from_secs(120)));
    assert_eq!(read("999999"), Some(Duration::from_secs(3600)));
    assert_eq!(read("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
    assert_eq!(read("soon"), None);
    assert_eq!(read("-1"), None);
}

#[test]
fn credentials_are_not_printed() {
    let auth = Auth::Basic { user: "AC1", password: "canary" };
    assert_eq!(format!("{auth:?} {:?}", Auth::Bearer("canary")), "Basic(redacted) Bearer(redacted)");
}

#[tokio::test]
async fn a_credential_with_a_line_break_is_refused_before_anything_is_sent() {
    let (address, _) = serve().await;
    let call = Call { auth: Auth::Bearer("a\r\nb"), ..get(&format!("http://{address}/agent")) };
    assert_eq!(egress(&[address]).send(call, soon()).await.err(), Some(EgressError::Invalid));
}
