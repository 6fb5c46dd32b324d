//! The guard at the moment of saving and at the moment of sending (bars S1 and S2): with listeners on
//! loopback that must never see a connection, and a resolver that lies.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::net::{TcpListener, TcpStream};
use url::Url;

use super::address::UrlRefusal;
use super::address::tests::{PASSED, REFUSED};
use super::egress::{Deadline, Egress, EgressError, EgressOptions};
use super::hook::Post;
use super::lookup::Lookup;

/// Listeners on loopback, all on one port that anybody may use, and how many connections they saw. Names
/// lead to this port (an answer may name one, and the client would use it), so whatever passed the guard
/// would be heard whoever runs this.
struct Canaries {
    port: u16,
    seen: Arc<AtomicUsize>,
}

const LISTENING: [&str; 3] = ["127.0.0.1", "127.0.0.2", "::1"];

impl Canaries {
    async fn start() -> Self {
        // A port that is free on one address may be taken on another.
        for _ in 0..50 {
            let Some((port, listeners)) = Self::bind().await else { continue };
            let canaries = Self { port, seen: Arc::default() };
            for listener in listeners {
                let seen = Arc::clone(&canaries.seen);
                tokio::spawn(async move {
                    while listener.accept().await.is_ok() {
                        seen.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            canaries.are_heard().await;
            return canaries;
        }
        panic!("no canary can listen on {LISTENING:?}: this machine can not tell whether the guard holds");
    }

    async fn bind() -> Option<(u16, Vec<TcpListener>)> {
        let first = TcpListener::bind((LISTENING[0], 0)).await.ok()?;
        let port = first.local_addr().ok()?.port();
        let mut listeners = vec![first];
        for host in &LISTENING[1..] {
            listeners.push(TcpListener::bind((*host, port)).await.ok()?);
        }
        Some((port, listeners))
    }

    /// Each of them hears a connection: silence means something.
    async fn are_heard(&self) {
        for host in LISTENING {
            let before = self.seen.load(Ordering::Relaxed);
            TcpStream::connect((host, self.port)).await.expect(host);
            let heard = async {
                while self.seen.load(Ordering::Relaxed) == before {
                    tokio::task::yield_now().await;
                }
            };
            tokio::time::timeout(Duration::from_secs(5), heard).await.expect(host);
        }
        self.seen.store(0, Ordering::Relaxed);
    }

    fn assert_silent(&self) {
        assert_eq!(self.seen.load(Ordering::Relaxed), 0, "a canary saw a connection");
    }
}

/// Answers differently each time, and counts.
struct Lying {
    /// The canaries' port, or 0.
    port: u16,
    answers: Vec<Vec<IpAddr>>,
    asked: Arc<AtomicUsize>,
}

#[async_trait]
impl Lookup for Lying {
    async fn lookup(&self, _: &str) -> io::Result<Vec<SocketAddr>> {
        let at = self.asked.fetch_add(1, Ordering::Relaxed);
        Ok(self.answers[at % self.answers.len()].iter().map(|ip| SocketAddr::new(*ip, self.port)).collect())
    }
}

fn egress(answers: &[&str], port: u16) -> (Egress, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let parse = |list: &&str| list.split(' ').map(|ip| ip.parse().expect(ip)).collect();
    let lookup = Lying { port, answers: answers.iter().map(parse).collect(), asked: Arc::clone(&asked) };
    let options = EgressOptions {
        lookup: Arc::new(lookup),
        connect_timeout: Duration::from_millis(20),
        ..EgressOptions::default()
    };
    (Egress::new(options).expect("a client"), asked)
}

async fn post(egress: &Egress, url: &Url) -> Option<EgressError> {
    let post = Post { url: url.clone(), headers: &[], body: "{}".to_owned() };
    egress.post(post, Deadline::after(Duration::from_secs(5))).await.err()
}

#[tokio::test]
async fn no_bad_address_is_saved_and_none_gets_a_socket() {
    let canaries = Canaries::start().await;
    // Every name leads here: whatever passed would be heard.
    let (egress, _) = egress(&["127.0.0.1"], canaries.port);
    let mut tried = 0;
    for text in REFUSED {
        let Ok(url) = Url::parse(text) else { continue };
        // An address without a name is met at its own port: there it would be heard too.
        let mut heard = url.clone();
        let _ = heard.set_port(Some(canaries.port));
        for url in [url, heard] {
            for error in [egress.check(&url).err(), egress.vet(&url).await.err(), post(&egress, &url).await] {
                assert!(matches!(error, Some(EgressError::Blocked(_))), "{url}: {error:?}");
            }
        }
        tried += 1;
    }
    assert!(tried >= 150, "only {tried} of the table are addresses at all");
    canaries.assert_silent();
}

#[tokio::test]
async fn good_addresses_may_be_saved_where_their_names_lead_to_the_internet() {
    let (good, _) = egress(&["2606:4700:4700::1111 8.8.8.8"], 0);
    let (bad, _) = egress(&["10.0.0.1"], 0);
    let mut names = 0;
    for text in PASSED {
        let url = Url::parse(text).expect(text);
        assert_eq!(good.vet(&url).await, Ok(()), "{text}");
        if url.domain().is_some() {
            names += 1;
            assert_eq!(bad.vet(&url).await, Err(EgressError::Blocked(UrlRefusal::Host)), "{text}");
        }
    }
    assert!(PASSED.len() >= 20 && names >= 10);
}

#[tokio::test]
async fn a_name_that_changes_its_answer_gains_nothing() {
    let canaries = Canaries::start().await;
    // Public when it is saved, private when it is sent to; mixed; a chain that ends at home.
    let lists =
        ["127.0.0.1", "169.254.169.254 8.8.8.8", "::1", "::ffff:127.0.0.1 2606:4700::1111", "10.0.0.1"];
    let (egress, asked) = egress(&lists, canaries.port);
    for at in 0..1000 {
        let dot = if at % 3 == 0 { "." } else { "" };
        let url = Url::parse(&format!("https://rebound-{at}.example.com{dot}/hook")).expect("an address");
        let error = post(&egress, &url).await;
        assert_eq!(error, Some(EgressError::Blocked(UrlRefusal::Host)), "{url}");
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1000, "a name is asked for once, and what was judged is used");
    canaries.assert_silent();
}

/// An answer is judged where it is used: between look-up and connection nobody asks again. The public
/// address is one that nobody has.
#[tokio::test]
async fn the_socket_goes_to_the_address_that_was_judged() {
    let canaries = Canaries::start().await;
    let (egress, asked) = egress(&["2c0f:ffff:ffff:ffff::1", "127.0.0.1"], canaries.port);
    let url = Url::parse("https://flips.example.com/").expect("an address");
    let error = post(&egress, &url).await.expect("nobody is there");
    assert!(matches!(error, EgressError::Connect | EgressError::Timeout), "{error:?}");
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    assert_eq!(post(&egress, &url).await, Some(EgressError::Blocked(UrlRefusal::Host)));
    canaries.assert_silent();
}
