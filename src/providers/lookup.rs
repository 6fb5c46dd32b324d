//! Looking names up, and refusing every answer that holds an address which is not public.
//!
//! The socket goes to the very addresses that were judged, so a name that changes its answer
//! between the check and the connection gains nothing.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address;

/// Who looks names up.
#[async_trait]
pub trait Lookup: Send + Sync {
    /// All addresses of a name; the port of each is 0.
    async fn lookup(&self, name: &str) -> io::Result<Vec<SocketAddr>>;
}

/// The operating system's resolver.
#[derive(Clone, Copy, Debug)]
pub struct SystemLookup;

#[async_trait]
impl Lookup for SystemLookup {
    async fn lookup(&self, name: &str) -> io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((name, 0)).await?.collect())
    }
}

/// A name answered with an address that is not public.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the name leads to an address that is not public")]
pub(super) struct PrivateAnswer;

/// A name has no address.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the name was not found")]
pub(super) struct NoSuchName;

/// Judges what another look-up answers. One bad address refuses them all: a mixed answer is how
/// an attack looks.
#[derive(Clone)]
pub(super) struct GuardedLookup {
    inner: Arc<dyn Lookup>,
}

impl GuardedLookup {
    pub(super) fn new(inner: Arc<dyn Lookup>) -> Self {
        Self { inner }
    }
}

/// Looks a name up and judges the answers, for who calls nothing yet.
pub(super) async fn judge(inner: &dyn Lookup, name: &str) -> Result<Vec<SocketAddr>, LookupRefusal> {
    let addresses = inner.lookup(name).await.map_err(|_| LookupRefusal::NoName(NoSuchName))?;
    if addresses.is_empty() {
        return Err(LookupRefusal::NoName(NoSuchName));
    }
    if !addresses.iter().all(|address| address::is_public(address.ip())) {
        return Err(LookupRefusal::Private(PrivateAnswer));
    }
    Ok(addresses)
}

/// Why a name may not be called.
pub(super) enum LookupRefusal {
    NoName(NoSuchName),
    Private(PrivateAnswer),
}

impl Resolve for GuardedLookup {
    fn resolve(&self, name: Name) -> Resolving {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move {
            match judge(&*inner, name.as_str()).await {
                Ok(addresses) => {
                    let addresses: Addrs = Box::new(addresses.into_iter());
                    Ok(addresses)
                }
                Err(LookupRefusal::NoName(error)) => Err(error.into()),
                Err(LookupRefusal::Private(error)) => Err(error.into()),
            }
        })
    }
}
