//! Who watches, and what they are told: one look a second for all of them together.
//!
//! A watcher is told which kinds of things have changed in its clinic, never what: it then reads the page
//! that it may read. One task asks the database for the marks of the watched clinics, and only while
//! somebody watches. The window overlaps, since ids are not in the order of commits; a mark that was seen
//! before is no news. Every few seconds the database is asked whether all of them may still watch. A
//! watcher that does not read is dropped: it comes back and reads everything anew.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::db::live::{self, MarkRow};
use crate::db::{DbError, PgPool};
use crate::domain::OrgId;

pub use crate::db::live::Proof;

/// Between two looks.
const TICK: Duration = Duration::from_secs(1);
/// How far back a look goes for what is new.
const WINDOW: Duration = Duration::from_secs(10);
/// After how many looks everybody's right is asked for again.
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

/// The kinds of things that changed: `events`, `status`.
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
}

#[derive(Default)]
struct Inner {
    watchers: HashMap<u64, Watcher>,
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
        Arc::new(Self { pool, stop, inner: Mutex::default() })
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
        if inner.watchers.values().filter(|watcher| watcher.org == org).count() >= MOST_PER_CLINIC {
            return Err(LiveError::TooManyOfClinic);
        }
        let longest = if proof.is_some() { LONGEST } else { LONGEST_BY_TOKEN };
        inner.last += 1;
        let id = inner.last;
        inner.watchers.insert(id, Watcher { org, proof, until: Instant::now() + longest, tell });
        metrics::gauge!("voxanne_live_watchers").set(inner.watchers.len() as f64);
        if !inner.is_looking {
            inner.is_looking = true;
            tokio::spawn(look(self.clone()));
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
        // Decided under the same lock under which a new watcher looks whether it has to start this.
        inner.is_looking = !orgs.is_empty() && !self.stop.is_cancelled();
        inner.is_looking.then_some(orgs)
    }

    /// Tells the watchers of a clinic. Who has not read what it was told before is dropped.
    fn tell(&self, org: OrgId, topics: &Topics) {
        self.lock()
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

/// Looks once a second until nobody watches.
async fn look(live: Arc<Live>) {
    let mut seen = Seen::default();
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut count, mut confirmed) = (0_u32, Instant::now());
    loop {
        tokio::select! {
            () = live.stop.cancelled() => {}
            _ = ticks.tick() => {}
        }
        let Some(orgs) = live.watched() else { return };
        count = count.wrapping_add(1);
        if count.is_multiple_of(CHECK_EVERY) {
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
        match live::list_marks(&live.pool, &orgs, WINDOW).await {
            Ok(marks) => {
                for (org, topics) in seen.compare(&orgs, marks) {
                    live.tell(org, &topics);
                }
            }
            Err(error) => complain(&error),
        }
    }
}

fn complain(error: &DbError) {
    tracing::warn!(
        error = error as &dyn std::error::Error,
        "people who watch could not be served and are served later"
    );
}

/// What is marked in a clinic: topic and id, with the mark and whether it stays.
type Marks = HashMap<(String, Uuid), (String, bool)>;

/// The marks of the last look.
#[derive(Default)]
struct Seen(HashMap<OrgId, Marks>);

impl Seen {
    /// What is different from the last look, by clinic. A clinic that is watched for the first time has
    /// only the news of the window: what stays was on the page already.
    fn compare(&mut self, orgs: &[OrgId], marks: Vec<MarkRow>) -> Vec<(OrgId, Topics)> {
        let mut now: HashMap<OrgId, Marks> = HashMap::new();
        for org in orgs {
            now.entry(*org).or_default();
        }
        for mark in marks {
            now.entry(mark.org_id).or_default().insert((mark.topic, mark.id), (mark.mark, mark.stays));
        }
        let mut news = Vec::new();
        for (org, marks) in &now {
            let before = self.0.get(org);
            let mut topics = Topics::new();
            for ((topic, id), (mark, stays)) in marks {
                let is_new = match before {
                    None => !stays,
                    Some(before) => before.get(&(topic.clone(), *id)).is_none_or(|(known, _)| known != mark),
                };
                if is_new {
                    topics.insert(topic.clone());
                }
            }
            // What stayed and is gone has come to its end; the others have only become old.
            let gone =
                before.into_iter().flatten().filter(|(key, (_, stays))| *stays && !marks.contains_key(key));
            topics.extend(gone.map(|((topic, _), _)| topic.clone()));
            if !topics.is_empty() {
                news.push((*org, topics));
            }
        }
        self.0 = now;
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(org: u128, topic: &str, id: u128, mark: &str, stays: bool) -> MarkRow {
        MarkRow {
            org_id: OrgId(Uuid::from_u128(org)),
            topic: topic.to_owned(),
            id: Uuid::from_u128(id),
            mark: mark.to_owned(),
            stays,
        }
    }

    fn topics(news: &[(OrgId, Topics)]) -> Vec<(u128, Vec<&str>)> {
        news.iter()
            .map(|(org, topics)| (org.0.as_u128(), topics.iter().map(String::as_str).collect()))
            .collect()
    }

    #[test]
    fn only_what_is_different_from_the_last_look_is_news() {
        let orgs = [OrgId(Uuid::from_u128(1))];
        let mut seen = Seen::default();
        let card = || mark(1, "status", 9, "verified", true);
        assert!(seen.compare(&orgs, vec![card()]).is_empty(), "it was on the page already");
        let news = seen.compare(&orgs, vec![card(), mark(1, "events", 5, "received", true)]);
        assert_eq!(topics(&news), [(1, vec!["events"])]);
        assert!(seen.compare(&orgs, vec![card(), mark(1, "events", 5, "received", true)]).is_empty());
        let news = seen.compare(&orgs, vec![card(), mark(1, "events", 5, "processed", false)]);
        assert_eq!(topics(&news), [(1, vec!["events"])]);
        assert!(seen.compare(&orgs, vec![card()]).is_empty(), "it has only become old");
        let news = seen.compare(&orgs, vec![mark(1, "status", 9, "failed", true)]);
        assert_eq!(topics(&news), [(1, vec!["status"])]);
    }

    #[test]
    fn what_waited_and_is_gone_has_come_to_its_end() {
        let orgs = [OrgId(Uuid::from_u128(1))];
        let mut seen = Seen::default();
        seen.compare(&orgs, vec![mark(1, "events", 5, "received", true)]);
        assert_eq!(topics(&seen.compare(&orgs, Vec::new())), [(1, vec!["events"])]);
        assert!(seen.compare(&orgs, Vec::new()).is_empty());
    }
}
