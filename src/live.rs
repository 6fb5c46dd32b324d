//! Who watches, and what they are told: one look for all of them together, at once after something was
//! committed by this process, and once a second for what others have done.
//!
//! A watcher is told which kinds of things have changed in its clinic, never what: it then reads the page
//! that it may read. One task asks the database for the marks of the watched clinics, and only while
//! somebody watches. What comes close together is looked at together. The window overlaps, since ids are
//! not in the order of commits; a mark that was seen before is no news. Whoever begins to watch has read
//! the page a moment before, and is told of what changed in that moment. Every few seconds the database is
//! asked whether all of them may still watch. A watcher that does not read is dropped: it comes back and
//! reads everything anew.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::db::live;
use crate::db::{DbError, PgPool};
use crate::domain::OrgId;

mod seen;

use seen::Seen;

pub use crate::db::live::Proof;

/// Between two looks at everything.
const TICK: Duration = Duration::from_secs(1);
/// Between a look and the next one at what this process has committed.
const GAP: Duration = Duration::from_millis(150);
/// How far back a look goes for what is new, and for how long a telling is told again to who comes.
const WINDOW: Duration = Duration::from_secs(10);
/// After how many looks at everything everybody's right is asked for again.
const CHECK_EVERY: u32 = 3;
/// Nobody's right was confirmed for this long: all have to come again.
const UNCONFIRMED: Duration = Duration::from_secs(30);
/// Watchers of one clinic in one process: a few open pages for each of its people.
pub const MOST_PER_CLINIC: usize = 50;
/// Watchers in one process.
pub const MOST: usize = 2_000;
/// Tellings that may wait for a slow reader.
const WAITING: usize = 8;
/// After this a watcher has to come again, which asks for everything that a request asks for.
const LONGEST: Duration = Duration::from_secs(30 * 60);
/// The same for a program with a token, whose end nobody else could notice.
const LONGEST_BY_TOKEN: Duration = Duration::from_secs(5 * 60);

/// The kinds of things that changed: `agents`, `appointments`, `calls`, `deliveries`, `events`, `messages`,
/// `status`.
pub type Topics = BTreeSet<String>;

/// Why nobody more is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LiveError {
    #[error("too many people of the clinic watch")]
    TooManyOfClinic,
    #[error("too many people watch")]
    TooMany,
    #[error("the process is stopping")]
    Stopping,
}

/// All who watch in this process.
pub struct Live {
    pool: PgPool,
    stop: CancellationToken,
    inner: Mutex<Inner>,
    /// Told when a clinic is watched that was not.
    begun: Notify,
}

#[derive(Default)]
struct Inner {
    watchers: HashMap<u64, Watcher>,
    /// What was told lately, by clinic.
    told: HashMap<OrgId, Vec<(Instant, Topics)>>,
    last: u64,
    is_looking: bool,
}

struct Watcher {
    org: OrgId,
    /// None: a token, which ends by itself.
    proof: Option<Proof>,
    until: Instant,
    tell: mpsc::Sender<Topics>,
}

/// The side of one who watches. Dropped, nobody watches any more.
pub struct Watch {
    live: Arc<Live>,
    id: u64,
    told: mpsc::Receiver<Topics>,
}

impl Watch {
    /// What changed; none at the end of the watch.
    pub async fn next(&mut self) -> Option<Topics> {
        tokio::select! {
            biased;
            () = self.live.stop.cancelled() => None,
            told = self.told.recv() => told,
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.live.lock().watchers.remove(&self.id);
    }
}

impl Live {
    /// `stop` ends every watch at once.
    pub fn new(pool: PgPool, stop: CancellationToken) -> Arc<Self> {
        Arc::new(Self { pool, stop, inner: Mutex::default(), begun: Notify::new() })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many watch.
    pub fn count(&self) -> usize {
        self.lock().watchers.len()
    }

    /// Lets somebody watch a clinic whom the database has just admitted to it.
    ///
    /// # Errors
    /// Where there are too many already, or the process is stopping.
    pub fn watch(self: &Arc<Self>, org: OrgId, proof: Option<Proof>) -> Result<Watch, LiveError> {
        if self.stop.is_cancelled() {
            return Err(LiveError::Stopping);
        }
        let (tell, told) = mpsc::channel(WAITING);
        let mut inner = self.lock();
        if inner.watchers.len() >= MOST {
            return Err(LiveError::TooMany);
        }
        let others = inner.watchers.values().filter(|watcher| watcher.org == org).count();
        if others >= MOST_PER_CLINIC {
            return Err(LiveError::TooManyOfClinic);
        }
        let longest = if proof.is_some() { LONGEST } else { LONGEST_BY_TOKEN };
        let lately = inner.lately(org);
        if !lately.is_empty() {
            let _ = tell.try_send(lately);
        }
        inner.last += 1;
        let id = inner.last;
        inner.watchers.insert(id, Watcher { org, proof, until: Instant::now() + longest, tell });
        metrics::gauge!("voxanne_live_watchers").set(inner.watchers.len() as f64);
        if !inner.is_looking {
            inner.is_looking = true;
            tokio::spawn(look(self.clone()));
        } else if others == 0 {
            self.begun.notify_one();
        }
        drop(inner);
        Ok(Watch { live: self.clone(), id, told })
    }

    /// The clinics that are watched; none where the looking ends.
    fn watched(&self) -> Option<Vec<OrgId>> {
        let mut inner = self.lock();
        let now = Instant::now();
        inner.watchers.retain(|_, watcher| watcher.until > now && !watcher.tell.is_closed());
        metrics::gauge!("voxanne_live_watchers").set(inner.watchers.len() as f64);
        let mut orgs: Vec<OrgId> = inner.watchers.values().map(|watcher| watcher.org).collect();
        orgs.sort_unstable();
        orgs.dedup();
        inner.told.retain(|org, told| {
            told.retain(|(at, _)| now.duration_since(*at) < WINDOW);
            !told.is_empty() && orgs.binary_search(org).is_ok()
        });
        // Decided under the same lock under which a new watcher looks whether it has to start this.
        inner.is_looking = !orgs.is_empty() && !self.stop.is_cancelled();
        inner.is_looking.then_some(orgs)
    }

    /// Tells the watchers of a clinic. Who has not read what it was told before is dropped.
    fn tell(&self, org: OrgId, topics: &Topics) {
        let mut inner = self.lock();
        inner.told.entry(org).or_default().push((Instant::now(), topics.clone()));
        inner
            .watchers
            .retain(|_, watcher| watcher.org != org || watcher.tell.try_send(topics.clone()).is_ok());
    }

    /// Drops who may watch no longer.
    async fn check(&self) -> Result<(), DbError> {
        let asked: Vec<(u64, Proof, OrgId)> = {
            let inner = self.lock();
            inner
                .watchers
                .iter()
                .filter_map(|(id, watcher)| Some((*id, watcher.proof?, watcher.org)))
                .collect()
        };
        if asked.is_empty() {
            return Ok(());
        }
        let list: Vec<(Proof, OrgId)> = asked.iter().map(|(_, proof, org)| (*proof, *org)).collect();
        let ended = live::list_ended(&self.pool, &list).await?;
        let mut inner = self.lock();
        for place in ended {
            if let Some((id, ..)) = asked.get(place) {
                inner.watchers.remove(id);
            }
        }
        Ok(())
    }
}

impl Inner {
    /// What the others were told in the time in which a page is opened.
    fn lately(&self, org: OrgId) -> Topics {
        let told = self.told.get(&org).into_iter().flatten();
        told.filter(|(at, _)| at.elapsed() < WINDOW).flat_map(|(_, topics)| topics.clone()).collect()
    }
}

/// At what a look is.
enum Cause {
    /// A second has passed, or somebody new watches.
    Everything,
    /// This process has committed something of these clinics.
    Committed(BTreeSet<OrgId>),
}

/// Looks until nobody watches.
async fn look(live: Arc<Live>) {
    let mut commits = live.pool.commits().listen();
    let mut seen = Seen::default();
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut count, mut confirmed, mut rested) = (0_u32, Instant::now(), Instant::now());
    loop {
        let cause = tokio::select! {
            biased;
            () = live.stop.cancelled() => Cause::Everything,
            _ = ticks.tick() => {
                count = count.wrapping_add(1);
                Cause::Everything
            }
            () = live.begun.notified() => Cause::Everything,
            cause = committed(&mut commits, rested) => cause,
        };
        let Some(mut orgs) = live.watched() else { return };
        seen.forget_but(&orgs);
        if count >= CHECK_EVERY {
            count = 0;
            match live.check().await {
                Ok(()) => confirmed = Instant::now(),
                Err(error) => complain(&error),
            }
            if confirmed.elapsed() > UNCONFIRMED {
                // Somebody may have been removed meanwhile: without an answer nobody watches.
                live.lock().watchers.clear();
                continue;
            }
        }
        if let Cause::Committed(of) = cause {
            orgs.retain(|org| of.contains(org));
        }
        if !orgs.is_empty() {
            match live::list_marks(&live.pool, &orgs, WINDOW).await {
                Ok(marks) => {
                    for (org, topics) in seen.compare(&orgs, marks) {
                        live.tell(org, &topics);
                    }
                }
                Err(error) => complain(&error),
            }
        }
        rested = Instant::now() + GAP;
    }
}

/// Waits until this process has committed something, and then until `rested`: what was committed
/// meanwhile is looked at together.
async fn committed(commits: &mut Receiver<OrgId>, rested: Instant) -> Cause {
    let mut orgs = BTreeSet::new();
    match commits.recv().await {
        Ok(org) => _ = orgs.insert(org),
        Err(RecvError::Lagged(_)) => return missed(commits, rested).await,
        // The pool is gone, and with it whatever could be committed.
        Err(RecvError::Closed) => std::future::pending().await,
    }
    tokio::time::sleep_until(rested).await;
    loop {
        match commits.try_recv() {
            Ok(org) => _ = orgs.insert(org),
            Err(TryRecvError::Empty | TryRecvError::Closed) => return Cause::Committed(orgs),
            Err(TryRecvError::Lagged(_)) => return missed(commits, rested).await,
        }
    }
}

/// More was committed than could wait: nobody knows whose.
async fn missed(commits: &mut Receiver<OrgId>, rested: Instant) -> Cause {
    tokio::time::sleep_until(rested).await;
    *commits = commits.resubscribe();
    Cause::Everything
}

fn complain(error: &DbError) {
    tracing::warn!(
        error = error as &dyn std::error::Error,
        "people who watch could not be served and are served later"
    );
}
