//! What was seen at the last look, and what is different at this one. What there is to see is told by
//! `db::live`, who hears of it by the module above.

use std::collections::HashMap;

use uuid::Uuid;

use super::Topics;
use crate::db::live::MarkRow;
use crate::domain::OrgId;

/// What is marked in a clinic: topic, id and whether it stays, with the mark.
type Marks = HashMap<(String, Uuid, bool), String>;

/// The marks of the last look.
#[derive(Default)]
pub(super) struct Seen(HashMap<OrgId, Marks>);

impl Seen {
    /// Forgets the clinics that nobody watches any more.
    pub(super) fn forget_but(&mut self, orgs: &[OrgId]) {
        self.0.retain(|org, _| orgs.contains(org));
    }

    /// What is different from the last look at these clinics. A clinic that is watched for the first time
    /// has only the news of the window: what stays was on the page already.
    pub(super) fn compare(&mut self, orgs: &[OrgId], marks: Vec<MarkRow>) -> Vec<(OrgId, Topics)> {
        let mut now: HashMap<OrgId, Marks> = orgs.iter().map(|org| (*org, Marks::new())).collect();
        for mark in marks {
            now.entry(mark.org_id).or_default().insert((mark.topic, mark.id, mark.stays), mark.mark);
        }
        let mut news = Vec::new();
        for (org, marks) in now {
            let before = self.0.get(&org);
            let is_new = |(key, mark): &(&(String, Uuid, bool), &String)| match before {
                None => !key.2,
                Some(before) => before.get(*key) != Some(*mark),
            };
            // What stayed and is gone has come to its end; the others have only become old.
            let gone =
                before.into_iter().flat_map(HashMap::keys).filter(|key| key.2 && !marks.contains_key(*key));
            let changed = marks.iter().filter(is_new).map(|(key, _)| key);
            let topics: Topics = changed.chain(gone).map(|(topic, ..)| topic.clone()).collect();
            if !topics.is_empty() {
                news.push((org, topics));
            }
            self.0.insert(org, marks);
        }
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
