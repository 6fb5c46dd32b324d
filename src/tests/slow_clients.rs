//! Clients that take their time: cut off, while everybody else is answered as always.
//!
//! Reduced here; `VOXANNE_BARS=full` makes it 200 clients of each kind.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use voxanne::http::listen::Limits;

use super::support::app::{Setting, TestApp};
use super::support::cluster::TestDb;
use super::support::process::Serving;
use super::support::wire::{Wire, stored};
use super::tenancy_pool::all_cases;

/// The ways of being slow, each with what is sent at once. Then follows a byte at a time.
const KINDS: [(&str, &str); 5] = [
    ("says nothing", ""),
    ("sends headers without an end", "POST /api/webhooks/vapi HTTP/1.1\r\nhost: x\r\nx-slow: "),
    (
        "sends a webhook's body slowly",
        "POST /api/webhooks/vapi HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n{",
    ),
    (
        "sends a body of unknown length slowly",
        "POST /webhooks/vapi HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n10000\r\n{",
    ),
    (
        "sends a form slowly",
        "POST /login HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 5000\r\n\r\ne",
    ),
];

fn host(url: &str) -> &str {
    url.strip_prefix("http://").unwrap()
}

/// Sends the beginning, then a byte now and then, until the server has enough. Gives what it answered.
async fn be_slow(host: String, begin: &'static str, pause: Duration) -> String {
    let mut stream = TcpStream::connect(host).await.unwrap();
    stream.write_all(begin.as_bytes()).await.unwrap();
    let (mut from, mut to) = stream.split();
    let mut answer = Vec::new();
    let drip = async {
        loop {
            tokio::time::sleep(pause).await;
            if !begin.is_empty() && to.write_all(b"x").await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        // A reset is an end as well.
        _ = from.read_to_end(&mut answer) => {}
        () = drip => {}
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// Starts clients of every kind.
fn crowd(host: &str, of_each: usize, pause: Duration) -> JoinSet<(&'static str, String)> {
    let mut slow = JoinSet::new();
    for _ in 0..of_each {
        for (kind, begin) in KINDS {
            let host = host.to_owned();
            slow.spawn(async move { (kind, be_slow(host, begin, pause).await) });
        }
    }
    slow
}

/// Whoever got as far as a body hears why; the others are cut.
fn judge(kind: &str, answer: &str) {
    if kind.contains("body") || kind.contains("form") {
        assert!(answer.starts_with("HTTP/1.1 408 "), "{kind}: {answer}");
        assert!(answer.contains("too_slow"), "{kind}: {answer}");
    } else {
        assert_eq!(answer, "", "{kind}");
    }
}

/// One request on a connection that stays open.
async fn ask(stream: &mut TcpStream) -> String {
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut answer = vec![0; 4096];
    let read = stream.read(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer[..read]).into_owned()
}

fn quick() -> Setting {
    Setting {
        limits: Limits {
            head: Duration::from_millis(600),
            look: Duration::from_millis(50),
            ..Limits::default()
        },
        body_time: Duration::from_millis(600),
        ..Setting::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_clients_are_cut_off_beside_good_ones() {
    let app = TestApp::start_set(quick()).await;
    let wire = Wire::new(&app, "Sunrise Dental").await;
    let mut patient = TcpStream::connect(host(&app.url)).await.unwrap();
    assert!(ask(&mut patient).await.starts_with("HTTP/1.1 200"));
    let of_each = if all_cases() { 200 } else { 20 };
    let mut slow = crowd(host(&app.url), of_each, Duration::from_millis(20));
    let mut good = 0;
    loop {
        let report = wire.report(&format!("call-{good}"));
        tokio::select! {
            ended = slow.join_next() => {
                let Some(ended) = ended else { break };
                let (kind, answer) = ended.unwrap();
                judge(kind, &answer);
            }
            answer = wire.send(&report) => {
                assert_eq!(answer.status, 200, "{}", answer.body);
                good += 1;
            }
        }
    }
    assert!(good > 0, "nobody else was answered meanwhile");
    assert_eq!(wire.send(&wire.report("the last one")).await.status, 200);
    assert!(stored(&app, wire.org).await > good, "what was answered is stored");
    let kept = ask(&mut patient).await;
    assert!(kept.starts_with("HTTP/1.1 200"), "who only waits is not slow: {kept}");
}

/// The answer is there before the body has ended, and the rest of the body is still on its way.
#[tokio::test(flavor = "multi_thread")]
async fn who_goes_on_sending_behind_an_answer_can_still_read_it() {
    let app = TestApp::start_set(quick()).await;
    for (kind, begin) in KINDS.into_iter().filter(|(kind, _)| kind.contains("body")) {
        let mut stream = TcpStream::connect(host(&app.url)).await.unwrap();
        stream.write_all(begin.as_bytes()).await.unwrap();
        while stream.peek(&mut [0; 8]).await.unwrap() < 8 {}
        for _ in 0..20 {
            stream.write_all(&[b'x'; 1000]).await.unwrap();
            tokio::task::yield_now().await;
        }
        let mut answer = Vec::new();
        stream.shutdown().await.unwrap();
        stream.read_to_end(&mut answer).await.unwrap();
        judge(kind, &String::from_utf8_lossy(&answer));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_only_waits_has_to_go_in_the_end() {
    let limits = Limits { idle: Duration::from_millis(300), ..quick().limits };
    let app = TestApp::start_set(Setting { limits, ..quick() }).await;
    let mut patient = TcpStream::connect(host(&app.url)).await.unwrap();
    assert!(ask(&mut patient).await.starts_with("HTTP/1.1 200"));
    assert_eq!(patient.read(&mut [0; 16]).await.unwrap_or_default(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_every_place_is_taken_the_next_one_waits_for_a_slow_one_to_go() {
    let limits = Limits { connections: 4, ..quick().limits };
    let app = TestApp::start_set(Setting { limits, ..quick() }).await;
    let mut silent = Vec::new();
    for _ in 0..4 {
        silent.push(TcpStream::connect(host(&app.url)).await.unwrap());
    }
    let asked = Instant::now();
    let mut next = TcpStream::connect(host(&app.url)).await.unwrap();
    assert!(ask(&mut next).await.starts_with("HTTP/1.1 200"));
    assert!(asked.elapsed() > Duration::from_millis(300), "there was a fifth place: {:?}", asked.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_of_slow_clients_costs_little_memory() {
    let db = TestDb::create().await;
    let url = db.url("voxanne_app");
    let key = "2".repeat(64);
    let serving = Serving::start(&[], &[("DATABASE_URL", &url), ("ENCRYPTION_KEY", &key)]);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let ready = || async {
        let sent = Instant::now();
        let answer = client.get(format!("{}/readyz", serving.url())).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        sent.elapsed()
    };
    ready().await;
    let before = serving.memory("VmRSS");
    let of_each = if all_cases() { 200 } else { 20 };
    let mut slow = crowd(host(serving.url()), of_each, Duration::from_millis(250));
    let mut slowest = Duration::ZERO;
    let began = Instant::now();
    loop {
        tokio::select! {
            ended = slow.join_next() => {
                let Some(ended) = ended else { break };
                let (kind, answer) = ended.unwrap();
                judge(kind, &answer);
            }
            took = ready() => slowest = slowest.max(took),
        }
    }
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    let more = serving.memory("VmHWM").saturating_sub(before);
    assert!(more < 64 * 1024, "{more} kB more than before");
    assert_eq!(serving.terminate(), Some(0));
}
