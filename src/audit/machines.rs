//! What machines do is counted, not listed: refused webhooks, throttled sign-ins, reads by programs.
//!
//! Counts are gathered in memory per organization, cause and minute and written every ten seconds
//! by one statement. What could not be written is put back and waits for the next time. When a cause
//! becomes a flood, one row of the trail opens it and one closes it. What is nobody's, since no
//! clinic is known yet, belongs to the platform.

use std::collections::HashMap;
use std::sync::Mutex;

use time::OffsetDateTime;

use crate::db::counters::MachineCount;
use crate::domain::OrgId;

/// Hits within a minute from which on a cause counts as a flood.
const FLOOD: i64 = 100;
/// Counts that wait while the database is away; what comes on top is lost, and that is logged.
const MOST_WAITING: usize = 100_000;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    WebhookRefused,
    WebhookDuplicate,
    /// Nobody could tell whether it was authentic: the clinic's secret does not open.
    WebhookUnreadable,
    ApiRead,
    SignInThrottled,
}

impl Cause {
    pub const fn as_str(self) -> &'static str {
        match self {
            Cause::WebhookRefused => "webhook.refused",
            Cause::WebhookDuplicate => "webhook.duplicate",
            Cause::WebhookUnreadable => "webhook.unreadable",
            Cause::ApiRead => "api.read",
            Cause::SignInThrottled => "session.throttled",
        }
    }
}

/// The beginning or the end of a flood, to become a row of the trail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FloodNews {
    /// None: it came from outside of any clinic.
    pub org: Option<OrgId>,
    pub cause: Cause,
    /// Hits of the whole flood when it ended; `None` when it begins.
    pub total: Option<i64>,
}

#[derive(Default)]
struct Gathered {
    counts: HashMap<(Option<OrgId>, &'static str, i64), i64>,
    floods: HashMap<(Option<OrgId>, Cause), Flood>,
    /// News that could not be recorded yet.
    news: Vec<FloodNews>,
}

struct Flood {
    minute: i64,
    in_minute: i64,
    /// Set while the flood is open: its hits so far.
    total: Option<i64>,
}

/// Counts in memory.
#[derive(Default)]
pub struct MachineCounts(Mutex<Gathered>);

impl MachineCounts {
    /// Counts one hit of an organization, or of nobody that is known.
    pub fn count(&self, org: impl Into<Option<OrgId>>, cause: Cause, now: OffsetDateTime) {
        let org = org.into();
        let minute = now.unix_timestamp().div_euclid(60);
        let Ok(mut gathered) = self.0.lock() else { return };
        gathered.add((org, cause.as_str(), minute), 1);
        let flood =
            gathered.floods.entry((org, cause)).or_insert(Flood { minute, in_minute: 0, total: None });
        if flood.minute != minute {
            flood.minute = minute;
            flood.in_minute = 0;
        }
        flood.in_minute += 1;
        if let Some(total) = flood.total.as_mut() {
            *total += 1;
        }
    }

    /// Takes what was gathered, and what there is to tell about floods.
    pub fn drain(&self, now: OffsetDateTime) -> (Vec<MachineCount>, Vec<FloodNews>) {
        let this_minute = now.unix_timestamp().div_euclid(60);
        let Ok(mut gathered) = self.0.lock() else { return Default::default() };
        let counts = std::mem::take(&mut gathered.counts)
            .into_iter()
            .filter_map(|((org, cause, minute), count)| {
                let minute = OffsetDateTime::from_unix_timestamp(minute * 60).ok()?;
                Some(MachineCount { org, minute, cause, count })
            })
            .collect();
        let mut news = std::mem::take(&mut gathered.news);
        gathered.floods.retain(|(org, cause), flood| {
            let is_recent = this_minute - flood.minute <= 1;
            match flood.total {
                None if flood.in_minute >= FLOOD => {
                    flood.total = Some(flood.in_minute);
                    news.push(FloodNews { org: *org, cause: *cause, total: None });
                    true
                }
                Some(total) if !is_recent || (flood.minute < this_minute && flood.in_minute < FLOOD) => {
                    news.push(FloodNews { org: *org, cause: *cause, total: Some(total) });
                    false
                }
                Some(_) => true,
                None => is_recent,
            }
        });
        (counts, news)
    }

    /// Puts back what could not be written, for the next time.
    pub fn put_back(&self, counts: Vec<MachineCount>) {
        let Ok(mut gathered) = self.0.lock() else { return };
        for count in counts {
            let minute = count.minute.unix_timestamp().div_euclid(60);
            gathered.add((count.org, count.cause, minute), count.count);
        }
    }

    /// Puts back news of a flood that could not be recorded.
    pub fn put_back_news(&self, news: FloodNews) {
        if let Ok(mut gathered) = self.0.lock() {
            gathered.news.push(news);
        }
    }
}

impl Gathered {
    fn add(&mut self, key: (Option<OrgId>, &'static str, i64), count: i64) {
        let is_full = self.counts.len() >= MOST_WAITING;
        match self.counts.get_mut(&key) {
            Some(known) => *known += count,
            None if is_full => tracing::warn!(cause = key.1, count, "too many counts wait: these are lost"),
            None => {
                self.counts.insert(key, count);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_has_one_beginning_and_one_end() {
        let counts = MachineCounts::default();
        let org = OrgId(uuid::Uuid::from_u128(7));
        let start = OffsetDateTime::from_unix_timestamp(1_700_000_000 / 60 * 60).unwrap();
        for _ in 0..250 {
            counts.count(org, Cause::WebhookRefused, start);
        }
        let (rows, news) = counts.drain(start);
        assert_eq!((rows.len(), rows[0].count), (1, 250));
        assert_eq!(news, [FloodNews { org: Some(org), cause: Cause::WebhookRefused, total: None }]);
        counts.count(org, Cause::WebhookRefused, start);
        assert_eq!(counts.drain(start).1, []);
        let later = start + time::Duration::minutes(5);
        assert_eq!(
            counts.drain(later).1,
            [FloodNews { org: Some(org), cause: Cause::WebhookRefused, total: Some(251) }]
        );
        assert_eq!(counts.drain(later), (Vec::new(), Vec::new()));
    }

    #[test]
    fn a_few_hits_are_counted_and_are_no_flood() {
        let counts = MachineCounts::default();
        let org = OrgId(uuid::Uuid::from_u128(7));
        let now = OffsetDateTime::from_unix_timestamp(1_700_000_000).unwrap();
        counts.count(org, Cause::ApiRead, now);
        counts.count(org, Cause::ApiRead, now);
        let (rows, news) = counts.drain(now);
        assert_eq!((rows[0].count, rows[0].cause, news.len()), (2, "api.read", 0));
    }
    #[test]
    fn what_is_put_back_comes_again_with_what_came_meanwhile() {
        let counts = MachineCounts::default();
        let org = OrgId(uuid::Uuid::from_u128(7));
        let now = OffsetDateTime::from_unix_timestamp(1_700_000_000).unwrap();
        counts.count(org, Cause::ApiRead, now);
        counts.count(None, Cause::SignInThrottled, now);
        let (rows, _) = counts.drain(now);
        assert_eq!(rows.len(), 2);
        counts.put_back(rows);
        counts.count(org, Cause::ApiRead, now);
        let news = FloodNews { org: None, cause: Cause::SignInThrottled, total: Some(3) };
        counts.put_back_news(news);
        let (mut rows, told) = counts.drain(now);
        rows.sort_by_key(|row| row.org);
        let seen: Vec<_> = rows.iter().map(|row| (row.org, row.cause, row.count)).collect();
        assert_eq!(seen, [(None, "session.throttled", 1), (Some(org), "api.read", 2)]);
        assert_eq!(told, [news]);
    }
}
