//! Whose work this process has just committed: a hint for those in it who show what changes.
//!
//! Told by the doors through which tenant tables are written, so that nobody has to remember it. It says
//! whose, never what; it may be lost; and what other processes did is not in it. Whoever hears of it asks
//! the database. News for caches of every process are in `changes`.

use tokio::sync::broadcast::{self, Receiver, Sender};

use crate::domain::OrgId;

/// Hints that may wait for one who listens. Who missed some looks at everything.
const WAITING: usize = 1024;

/// The hints of one pool; clones are the same.
#[derive(Clone, Debug)]
pub struct Commits(Sender<OrgId>);

impl Default for Commits {
    fn default() -> Self {
        Self(broadcast::channel(WAITING).0)
    }
}

impl Commits {
    /// Everything that is committed from now on.
    pub fn listen(&self) -> Receiver<OrgId> {
        self.0.subscribe()
    }

    /// Whether anybody listens.
    pub(super) fn is_heard(&self) -> bool {
        self.0.receiver_count() > 0
    }

    /// Tells that something of these clinics was committed. Without a listener nothing happens.
    pub(super) fn tell(&self, orgs: impl IntoIterator<Item = OrgId>) {
        if !self.is_heard() {
            return;
        }
        let mut last = None;
        for org in orgs {
            if last.replace(org) != Some(org) {
                // Who listened may have gone in between.
                let _ = self.0.send(org);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn who_listens_hears_of_each_clinic_and_without_a_listener_nothing_is_kept() {
        let commits = Commits::default();
        let [one, two] = [1, 2].map(|number| OrgId(Uuid::from_u128(number)));
        commits.tell([one]);
        let mut listener = commits.clone().listen();
        assert!(commits.is_heard());
        commits.tell([one, one, two]);
        assert_eq!([listener.try_recv(), listener.try_recv()], [Ok(one), Ok(two)]);
        assert!(listener.try_recv().is_err());
        drop(listener);
        assert!(!commits.is_heard());
    }
}
