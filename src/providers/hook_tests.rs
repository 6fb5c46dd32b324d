//! Posts against real sockets: what is kept of an answer, what is waited for, what is never followed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use tokio::net::TcpListener;

use super::*;
use crate::providers::egress::{EgressOptions, HostPort};

/// A receiver with a path for each behaviour, and how often "/next" was reached.
async fn serve() -> (SocketAddr, Arc<AtomicUsize>) {
    let followed = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&followed);
    let moved = |status: StatusCode| post(move || async move { (status, [("location", "/next")]) });
    let app = Router::new()
        .route(
            "/echo",
            post(|headers: HeaderMap, body: String| async move {
                let seen = |name: &str| {
                    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("").to_owned()
                };
                format!("{} {} {body}", seen("content-type"), seen("x-key"))
            }),
        )
        .route("/301", moved(StatusCode::MOVED_PERMANENTLY))
        .route("/302", moved(StatusCode::FOUND))
        .route("/303", moved(StatusCode::SEE_OTHER))
        .route("/307", moved(StatusCode::TEMPORARY_REDIRECT))
        .route("/308", moved(StatusCode::PERMANENT_REDIRECT))
        .route(
            "/next",
            post(move || {
                counter.fetch_add(1, Ordering::Relaxed);
                async { "" }
            }),
        )
        .route(
            "/endless",
            post(|| async {
                Body::from_stream(futures_util::stream::repeat_with(|| {
                    Ok::<_, std::io::Error>(vec![b'x'; 4096])
                }))
            }),
        )
        .route(
            "/drip",
            post(|| async {
                Body::from_stream(futures_util::stream::unfold((), |()| async {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    Some((Ok::<_, std::io::Error>(vec![b'x']), ()))
                }))
            }),
        )
        .route(
            "/gzip",
            post(|| async {
                // Not unpacked: whoever sends a bomb keeps it.
                ([("content-encoding", "gzip")], vec![0x1f_u8; 2000])
            }),
        )
        .route(
            "/later",
            post(|| async {
                (
                    StatusCode::TOO_MANY_REQUESTS,
                    [("retry-after", "172800"), ("set-cookie", "a=b"), ("x-request-id", "r1")],
                )
            }),
        )
        .route("/exact", post(|| async { vec![b'x'; ANSWER_KEPT] }));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, app).await });
    (address, followed)
}

fn egress(allowed: &[SocketAddr]) -> Egress {
    let allowed = allowed.iter().copied().map(HostPort::from).collect();
    Egress::new(EgressOptions { allowed, ..EgressOptions::default() }).expect("a client")
}

async fn to(egress: &Egress, url: &str, within: Duration) -> Result<Posted, EgressError> {
    let headers = [("x-key".to_owned(), SecretText::new("k1".to_owned()))];
    let post = Post { url: Url::parse(url).expect(url), headers: &headers, body: "{}".to_owned() };
    egress.post(post, Deadline::after(within)).await
}

#[tokio::test]
async fn a_post_is_json_with_the_clinics_headers() {
    let (address, _) = serve().await;
    let posted =
        to(&egress(&[address]), &format!("http://{address}/echo"), HOOK_TIMEOUT).await.expect("a reply");
    assert_eq!(posted.body, "application/json k1 {}".as_bytes());
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let (address, followed) = serve().await;
    for status in [301, 302, 303, 307, 308] {
        let url = format!("http://{address}/{status}");
        let posted = to(&egress(&[address]), &url, HOOK_TIMEOUT).await.expect("a reply");
        assert_eq!(posted.status, status);
        assert!(posted.headers.iter().all(|(name, _)| name != "location"), "it is not even kept");
    }
    assert_eq!(followed.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn of_an_endless_answer_64_kib_are_kept_and_it_is_no_failure() {
    let (address, _) = serve().await;
    let egress = egress(&[address]);
    let posted = to(&egress, &format!("http://{address}/endless"), HOOK_TIMEOUT).await.expect("a reply");
    assert_eq!((posted.status, posted.body.len(), posted.is_cut), (200, ANSWER_KEPT, true));
    let posted = to(&egress, &format!("http://{address}/exact"), HOOK_TIMEOUT).await.expect("a reply");
    assert_eq!((posted.body.len(), posted.is_cut), (ANSWER_KEPT, false));
}

#[tokio::test]
async fn a_dripping_answer_ends_at_the_deadline() {
    let (address, _) = serve().await;
    let began = std::time::Instant::now();
    let url = format!("http://{address}/drip");
    let error = to(&egress(&[address]), &url, Duration::from_millis(400)).await.err();
    assert_eq!(error, Some(EgressError::Timeout));
    assert!(began.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn nothing_is_unpacked_and_no_cookie_is_kept() {
    let (address, _) = serve().await;
    let egress = egress(&[address]);
    let posted = to(&egress, &format!("http://{address}/gzip"), HOOK_TIMEOUT).await.expect("a reply");
    assert_eq!(posted.body.len(), 2000);
    let posted = to(&egress, &format!("http://{address}/later"), HOOK_TIMEOUT).await.expect("a reply");
    assert_eq!(posted.retry_after, Some(LONGEST_RETRY_AFTER), "no longer than a day");
    let names: Vec<&str> = posted.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["content-length", "date", "retry-after", "x-request-id"]);
}

#[test]
fn no_clinic_sets_headers_of_http_or_of_the_signature() {
    for name in
        ["Host", "content-length", "Transfer-Encoding", "webhook-id", "Webhook-Signature", "a b", "", "a\nb"]
    {
        assert!(!may_set_header(name), "{name:?}");
    }
    for name in ["Authorization", "x-api-key", "Cookie", "X-N8N-Token"] {
        assert!(may_set_header(name), "{name}");
    }
}
