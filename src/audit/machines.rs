//! What machines do is counted, not listed: refused webhooks, throttled sign-ins, reads by programs.
//!
//! Counts are gathered in memory per organization, cause and minute and written every ten seconds
//! by one statement. When a cause becomes a flood, one row of the trail opens it and one closes it.

use std::collections::HashMap;
use std::sync::Mutex;

use time::OffsetDateTime;

use crate::db::counters::MachineCount;
use crate::domain::OrgId;

/// Hits within a minute from which on a cause counts as a flood.
const FLOOD: i64 = 100;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    WebhookRefused,
    WebhookDuplicate,
    ApiRead,
}

impl Cause {
    pub const fn as_str(self) -> &'static str {
        match self {
            Cause::WebhookRefused => "webhook.refused",
            Cause::WebhookDuplicate => "webhook.duplicate",
            Cause::ApiRead => "api.read",
        }
    }
}

/// The beginning or the end of a flood, to become a row of the trail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FloodNews {
    pub org: OrgId,
    pub cause: Cause,
    /// Hits of the whole flood when it ended; `None` when it begins.
    pub total: Option<i64>,
}

#[derive(Default)]
struct Gathered {
    counts: HashMap<(OrgId, Cause, i64), i64>,
    floods: HashMap<(OrgId, Cause), Flood>,
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
    /// Counts one hit.
    pub fn count(&self, org: OrgId, cause: Cause, now: OffsetDateTime) {
        let minute = now.unix_timestamp().div_euclid(60);
        let Ok(mut gathered) = self.0.lock() else { return };
        *gathered.counts.entry((org, cause, minute)).or_default() += 1;
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
                Some(MachineCount { org, minute, cause: cause.as_str(), count })
            })
            .collect();
        let mut news = Vec::new();
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
        assert_eq!(news, [FloodNews { org, cause: Cause::WebhookRefused, total: None }]);
        counts.count(org, Cause::WebhookRefused, start);
        assert_eq!(counts.drain(start).1, []);
        let later = start + time::Duration::minutes(5);
        assert_eq!(
            counts.drain(later).1,
            [FloodNews { org, cause: Cause::WebhookRefused, total: Some(251) }]
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
}
