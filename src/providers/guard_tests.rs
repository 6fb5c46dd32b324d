//! The guard at the moment of saving and at the moment of sending (bars S1 and S2): with listeners on
//! loopback that must never see a connection, and a resolver that lies.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::net::TcpListener;
use url::Url;

use super::address::UrlRefusal;
use super::address::tests::{PASSED, REFUSED};
use super::egress::{Deadline, Egress, EgressError, EgressOptions};
use super::hook::Post;
use super::lookup::Lookup;

/// Listeners on the port of https, where this machine lets us, and how many connections they saw.
async fn canaries() -> Arc<AtomicUsize> {
    let seen = Arc::new(AtomicUsize::new(0));
    for address in ["127.0.0.1:443", "127.0.0.2:443", "[::1]:443"] {
        let Ok(listener) = TcpListener::bind(address).await else { continue };
        let seen = Arc::clone(&seen);
        tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                seen.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    seen
}

/// Answers differently each time, and counts.
struct Lying {
    answers: Vec<Vec<IpAddr>>,
    asked: Arc<AtomicUsize>,
}

#[async_trait]
impl Lookup for Lying {
    async fn lookup(&self, _: &str) -> io::Result<Vec<SocketAddr>> {
        let at = self.asked.fetch_add(1, Ordering::Relaxed);
        Ok(self.answers[at % self.answers.len()].iter().map(|ip| SocketAddr::new(*ip, 0)).collect())
    }
}

fn egress(answers: &[&str]) -> (Egress, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let parse = |list: &&str| list.split(' ').map(|ip| ip.parse().expect(ip)).collect();
    let lookup = Lying { answers: answers.iter().map(parse).collect(), asked: Arc::clone(&asked) };
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
    let seen = canaries().await;
    // Every name leads here: whatever passed would be heard.
    let (egress, _) = egress(&["127.0.0.1"]);
    let mut tried = 0;
    for text in REFUSED {
        let Ok(url) = Url::parse(text) else { continue };
        for error in [egress.check(&url).err(), egress.vet(&url).await.err(), post(&egress, &url).await] {
            assert!(matches!(error, Some(EgressError::Blocked(_))), "{text}: {error:?}");
        }
        tried += 1;
    }
    assert!(tried >= 150, "only {tried} of the table are addresses at all");
    assert_eq!(seen.load(Ordering::Relaxed), 0, "a canary saw a connection");
}

#[tokio::test]
async fn good_addresses_may_be_saved_where_their_names_lead_to_the_internet() {
    let (good, _) = egress(&["2606:4700:4700::1111 8.8.8.8"]);
    let (bad, _) = egress(&["10.0.0.1"]);
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
    let seen = canaries().await;
    // Public when it is saved, private when it is sent to; mixed; a chain that ends at home.
    let lists =
        ["127.0.0.1", "169.254.169.254 8.8.8.8", "::1", "::ffff:127.0.0.1 2606:4700::1111", "10.0.0.1"];
    let (egress, asked) = egress(&lists);
    for at in 0..1000 {
        let dot = if at % 3 == 0 { "." } else { "" };
        let url = Url::parse(&format!("https://rebound-{at}.example.com{dot}/hook")).expect("an address");
        let error = post(&egress, &url).await;
        assert_eq!(error, Some(EgressError::Blocked(UrlRefusal::Host)), "{url}");
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1000, "a name is asked for once, and what was judged is used");
    assert_eq!(seen.load(Ordering::Relaxed), 0, "a canary saw a connection");
}

/// An answer is judged where it is used: between look-up and connection nobody asks again. The public
/// address is one that nobody has.
#[tokio::test]
async fn the_socket_goes_to_the_address_that_was_judged() {
    let seen = canaries().await;
    let (egress, asked) = egress(&["2c0f:ffff:ffff:ffff::1", "127.0.0.1"]);
    let url = Url::parse("https://flips.example.com/").expect("an address");
    let error = post(&egress, &url).await.expect("nobody is there");
    assert!(matches!(error, EgressError::Connect | EgressError::Timeout), "{error:?}");
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    assert_eq!(post(&egress, &url).await, Some(EgressError::Blocked(UrlRefusal::Host)));
    assert_eq!(seen.load(Ordering::Relaxed), 0);
}
