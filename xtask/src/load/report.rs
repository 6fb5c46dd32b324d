//! What was measured, and how it is told.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use super::cpu::Spent;

/// Answers by status, and how long each took.
#[derive(Default)]
pub struct Tally {
    by_status: BTreeMap<u16, u64>,
    /// No answer: refused, closed or not HTTP.
    failed: u64,
    /// 200s of the whole run, warming up included: so many rows there must be at least.
    pub accepted_in_all: u64,
    /// Microseconds, one entry an answer: a minute at 40,000 a second is 10 MB.
    latencies: Vec<u32>,
}

impl Tally {
    pub fn count(&mut self, status: Option<u16>, latency: Duration) {
        match status {
            Some(status) => {
                *self.by_status.entry(status).or_default() += 1;
                self.latencies.push(u32::try_from(latency.as_micros()).unwrap_or(u32::MAX));
            }
            None => self.failed += 1,
        }
    }

    fn answers(&self) -> u64 {
        self.by_status.values().sum()
    }

    /// The latencies, in milliseconds, that these shares of the answers did not exceed.
    fn quantiles<const N: usize>(&self, shares: [f64; N]) -> [f64; N] {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        shares.map(|share| {
            let rank = (share * sorted.len() as f64).ceil() as usize;
            sorted.get(rank.saturating_sub(1)).map_or(0.0, |micros| f64::from(*micros) / 1000.0)
        })
    }
}

const SHARES: [f64; 4] = [0.5, 0.9, 0.99, 0.999];
const NAMES: [&str; 4] = ["p50", "p90", "p99", "p99.9"];

/// For people.
pub fn print(tally: &Tally, elapsed: Duration, cpu: &[Spent]) {
    println!("{:.0} requests/s over {:.1} s", per_second(tally, elapsed), elapsed.as_secs_f64());
    let times = tally.quantiles(SHARES);
    let told: Vec<String> = NAMES.iter().zip(times).map(|(name, ms)| format!("{name} {ms:.2} ms")).collect();
    println!("latency: {}", told.join(", "));
    for (status, count) in &tally.by_status {
        println!("status {status}: {count}");
    }
    if tally.failed > 0 {
        println!("without an answer: {}", tally.failed);
    }
    println!("accepted in all, with the warm-up: {}", tally.accepted_in_all);
    for spent in cpu {
        let whose = if spent.pid == std::process::id() { "this generator" } else { spent.name.as_str() };
        println!("CPU of {whose} ({}): {:.1} us a request", spent.pid, each(tally, spent));
    }
}

/// For programs: one line.
pub fn json(tally: &Tally, elapsed: Duration, cpu: &[Spent]) -> String {
    let mut line = format!("{{\"requests_per_second\":{:.1}", per_second(tally, elapsed));
    for (name, ms) in NAMES.iter().zip(tally.quantiles(SHARES)) {
        let _ = write!(line, ",\"{name}_ms\":{ms:.3}");
    }
    let statuses: Vec<String> =
        tally.by_status.iter().map(|(status, count)| format!("\"{status}\":{count}")).collect();
    let _ = write!(line, ",\"status\":{{{}}},\"failed\":{}", statuses.join(","), tally.failed);
    let _ = write!(line, ",\"accepted_in_all\":{}", tally.accepted_in_all);
    let costs: Vec<String> =
        cpu.iter().map(|spent| format!("\"{}\":{:.2}", spent.pid, each(tally, spent))).collect();
    let _ = write!(line, ",\"cpu_us_per_request\":{{{}}}}}", costs.join(","));
    line
}

fn per_second(tally: &Tally, elapsed: Duration) -> f64 {
    tally.answers() as f64 / elapsed.as_secs_f64()
}

fn each(tally: &Tally, spent: &Spent) -> f64 {
    spent.microseconds as f64 / tally.answers().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally() -> Tally {
        let mut tally = Tally::default();
        for ms in 1..=1000 {
            tally.count(Some(200), Duration::from_millis(ms));
        }
        tally.count(None, Duration::ZERO);
        tally
    }

    #[test]
    fn quantiles_are_those_of_the_answers() {
        assert_eq!(tally().quantiles(SHARES), [500.0, 900.0, 990.0, 999.0]);
        assert_eq!(Tally::default().quantiles([0.5]), [0.0]);
    }

    #[test]
    fn a_request_without_an_answer_is_told_but_not_counted_as_one() {
        let spent = Spent { pid: 7, name: "server".into(), microseconds: 2_000_000 };
        assert_eq!(
            json(&tally(), Duration::from_secs(10), &[spent]),
            "{\"requests_per_second\":100.0,\"p50_ms\":500.000,\"p90_ms\":900.000,\"p99_ms\":990.000,\
             \"p99.9_ms\":999.000,\"status\":{\"200\":1000},\"failed\":1,\"accepted_in_all\":0,\"cpu_us_per_request\":{\"7\":2000.00}}"
        );
    }
}
