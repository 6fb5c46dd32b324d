//! The load generator for the webhook path: posts signed call reports, each unique, to a server on this
//! machine and tells how many a second it takes, how long each takes and what it costs in CPU time.
//!
//! Two modes. The closed loop (no `--rate`) keeps every connection busy and finds the capacity; its
//! latencies say little, because a slow server is asked less often. The open loop (`--rate`) sends at set
//! times whether the server keeps up or not, and counts a late request from the time it was due.
//!
//! It refuses any address that is not this machine's own: it is a measuring instrument, not a weapon.

mod client;
mod cpu;
mod report;
mod tenants;

use std::{
    cell::{Cell, RefCell},
    path::PathBuf,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use tokio::{runtime, task::LocalSet, time};

use crate::args::Args;
use client::{Connection, Target};
use cpu::CpuMeter;
use report::Tally;
use tenants::Tenants;

const USAGE: &str = "\
usage: cargo run --release -p xtask -- load OPTION...

  --url URL          http://127.0.0.1:PORT/api/webhooks/vapi; only this machine's own addresses
  --tenants FILE     one JSON object a line: {\"assistantId\": \"...\", \"secret\": \"...\"}
  --connections N    kept open at once (default 100)
  --seconds N        how long to measure (default 10), after a second of warming up
  --rate N           open loop: requests a second, due at set times (default: closed loop)
  --bad-every N      every Nth request carries a forged signature
  --pid PID          count this process's CPU time with that of its children; repeatable
  --json             the figures once more, as one line of JSON";

/// How the load is to be made.
struct Plan {
    target: Target,
    tenants: Tenants,
    connections: u32,
    length: Duration,
    /// Requests a second; `None` is the closed loop.
    rate: Option<f64>,
    /// Every Nth request is forged; `None` is never.
    bad_every: Option<u64>,
}

/// Connections are opened and caches filled before anything is counted.
const WARM_UP: Duration = Duration::from_secs(1);

/// Reads the options, makes the load, prints the figures.
pub fn run(mut args: Args) -> Result<()> {
    if args.flag("--help") {
        println!("{USAGE}");
        return Ok(());
    }
    let url: String = args.option("--url")?.context("--url is missing")?;
    let tenants: PathBuf = args.option("--tenants")?.context("--tenants is missing")?;
    let plan = Plan {
        target: Target::parse(&url)?,
        tenants: Tenants::read(&tenants)?,
        connections: args.option("--connections")?.unwrap_or(100),
        length: Duration::from_secs(args.option("--seconds")?.unwrap_or(10)),
        rate: args.option("--rate")?,
        bad_every: args.option("--bad-every")?,
    };
    let pids: Vec<u32> = args.options("--pid")?;
    let json = args.flag("--json");
    args.finish()?;
    ensure!((1..=20_000).contains(&plan.connections), "--connections must be 1 to 20000");
    ensure!((1..=3600).contains(&plan.length.as_secs()), "--seconds must be 1 to 3600");
    ensure!(plan.rate.is_none_or(|rate| rate > 0.0), "--rate must be above 0");
    ensure!(plan.bad_every != Some(0), "--bad-every must be above 0");

    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let (tally, elapsed, cpu) = LocalSet::new().block_on(&runtime, drive(plan, &pids))?;
    report::print(&tally, elapsed, &cpu);
    if json {
        println!("{}", report::json(&tally, elapsed, &cpu));
    }
    Ok(())
}

/// What the connections share. All run on one thread, so plain cells do.
struct Shared {
    plan: Plan,
    start: Instant,
    /// When counting begins.
    counted_from: Instant,
    end: Instant,
    next: Cell<u64>,
    tally: RefCell<Tally>,
}

async fn drive(plan: Plan, pids: &[u32]) -> Result<(Tally, Duration, Vec<cpu::Spent>)> {
    let start = Instant::now();
    let counted_from = start + WARM_UP;
    let end = counted_from + plan.length;
    let connections = plan.connections;
    let shared =
        Rc::new(Shared { plan, start, counted_from, end, next: Cell::new(0), tally: RefCell::default() });
    let workers: Vec<_> =
        (0..connections).map(|_| tokio::task::spawn_local(work(Rc::clone(&shared)))).collect();
    time::sleep_until(counted_from.into()).await;
    let meter = CpuMeter::start(pids)?;
    time::sleep_until(end.into()).await;
    let elapsed = counted_from.elapsed();
    let spent = meter.stop()?;
    for worker in workers {
        worker.await?;
    }
    Ok((shared.tally.take(), elapsed, spent))
}

/// One connection's life.
async fn work(shared: Rc<Shared>) {
    let mut connection: Option<Connection> = None;
    let mut request = Vec::with_capacity(4096);
    while let Some((number, due)) = next_turn(&shared) {
        // A connection that was idle when the request fell due sends a timer's slack late; that is our
        // fault and not the server's. One that was busy is late because of the server.
        let from = match due {
            Some(due) if due > Instant::now() => {
                time::sleep_until(due.into()).await;
                Instant::now()
            }
            Some(due) => due,
            None => Instant::now(),
        };
        let forged = shared.plan.bad_every.is_some_and(|every| number % every == every - 1);
        shared.plan.tenants.write_request(&shared.plan.target, number, forged, &mut request);
        let outcome = post(&shared.plan.target, &mut connection, &request).await;
        let now = Instant::now();
        if outcome == Some(200) {
            shared.tally.borrow_mut().accepted_in_all += 1;
        }
        if now >= shared.counted_from && now <= shared.end {
            shared.tally.borrow_mut().count(outcome, now - from);
        }
        if outcome.is_none() {
            // A server that refuses connections would otherwise be asked in a tight loop.
            time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// The number of the next request and, in the open loop, when it is due; `None` at the end.
fn next_turn(shared: &Shared) -> Option<(u64, Option<Instant>)> {
    let number = shared.next.get();
    let due = shared.plan.rate.map(|rate| shared.start + Duration::from_secs_f64(number as f64 / rate));
    if due.unwrap_or_else(Instant::now) >= shared.end || Instant::now() >= shared.end {
        return None;
    }
    shared.next.set(number + 1);
    Some((number, due))
}

/// The status of the answer; `None` where there was none, and then the connection is gone too.
async fn post(target: &Target, connection: &mut Option<Connection>, request: &[u8]) -> Option<u16> {
    let open = match connection.take() {
        Some(open) => open,
        None => Connection::open(target).await.ok()?,
    };
    let (status, open) = open.send(request).await.ok()?;
    *connection = open;
    Some(status)
}
