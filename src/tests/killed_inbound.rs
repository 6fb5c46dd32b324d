//! Nothing accepted is lost (bar W7, webhooks in): while the process is killed and PostgreSQL restarted without
//! warning, again and again, every message that was answered with 200 is a row, and has its effect once.
//!
//! Reduced here; `VOXANNE_BARS=full` accepts 10,000 while the database dies five times.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::JoinSet;

use super::support::mortal::Mortal;
use super::tenancy_pool::all_cases;

/// Vapi's own connections.
const SENDERS: usize = 8;

#[tokio::test(flavor = "multi_thread")]
async fn every_answered_message_is_there_and_worked_off_once_although_everything_dies() {
    let (wanted, kills, falls) = if all_cases() { (10_000, 20, 5) } else { (300, 3, 1) };
    let mut mortal = Mortal::start("killed-inbound").await;
    let taken = Arc::new(AtomicUsize::new(0));
    let next = Arc::new(AtomicUsize::new(0));
    let mut senders = JoinSet::new();
    for _ in 0..SENDERS {
        let (vapi, taken, next) = (mortal.vapi.clone(), taken.clone(), next.clone());
        senders.spawn(async move {
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                if at >= wanted {
                    return;
                }
                let more = json!({
                    "endedReason": "customer-ended-call", "cost": 0.07,
                    "customer": { "number": format!("+1555{at:07}") },
                    "analysis": { "summary": "Wants a cleaning.", "structuredData": { "interestLevel": "high" } },
                });
                let body = vapi.message("end-of-call-report", &format!("call-{at}"), &more);
                vapi.send_until_taken(&body).await;
                taken.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    // Whatever dies, dies while messages come in.
    let deaths = kills + falls;
    for death in 0..deaths {
        let share = wanted * (death + 1) / (deaths + 1);
        let began = Instant::now();
        while taken.load(Ordering::Relaxed) < share {
            assert!(began.elapsed() < Duration::from_secs(300), "nothing is taken any more");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        // Spread over the whole: the database falls between two kills of the process.
        if (death + 1) % (deaths / falls) == 0 && (death + 1) / (deaths / falls) <= falls {
            mortal.restart_database().await;
        } else {
            mortal.restart();
        }
    }
    senders.join_all().await;
    assert_eq!(taken.load(Ordering::Relaxed), wanted);

    let open = "select count(*) from inbound_events where status = 'received'";
    let dead =
        ["update inbound_events set lease_until = now() - interval '1 second', next_attempt_at = now()
                  where status = 'received' and lease_until is not null"];
    mortal.until_none(open, &dead).await;
    let wanted = i64::try_from(wanted).unwrap();
    for (query, expected) in [
        ("select count(*) from inbound_events where kind = 'end-of-call-report'", wanted),
        ("select count(distinct call_id) from inbound_events where kind = 'end-of-call-report'", wanted),
        ("select count(*) from inbound_events where status = 'parked'", 0),
        ("select count(*) from calls where reported_at is not null", wanted),
        ("select count(*) from leads", wanted),
        ("select count(*) from outbound_events where kind = 'call.ended'", wanted),
        ("select count(*) from outbound_events where kind = 'lead.scored'", wanted),
    ] {
        assert_eq!(mortal.count(query).await, expected, "{query}");
    }
    mortal.end().await;
}
