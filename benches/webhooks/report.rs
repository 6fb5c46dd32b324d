//! The figures as tables, and each bar as met or missed with both of its figures.

use super::say;
use super::servers::Figures;

/// Medians of the rounds of one server.
pub struct Row {
    name: &'static str,
    figures: Figures,
}

impl Row {
    pub fn median_of(name: &'static str, rounds: &[Figures]) -> Self {
        Self { name, figures: median(rounds) }
    }

    fn print(&self) {
        let Figures { per_second, p50, p99, p999, cpu: [app, database], .. } = self.figures;
        say(&format!(
            "{:<16} {per_second:>9.0} {p50:>8.2} {p99:>8.2} {p999:>8.2} {app:>9.1} {database:>9.1} {:>9.1}",
            self.name,
            app + database
        ));
    }
}

/// The median of each figure, and the sum of what was counted.
pub fn median(rounds: &[Figures]) -> Figures {
    let median = |of: fn(&Figures) -> f64| {
        let mut values: Vec<f64> = rounds.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or_default()
    };
    Figures {
        per_second: median(|f| f.per_second),
        p50: median(|f| f.p50),
        p99: median(|f| f.p99),
        p999: median(|f| f.p999),
        cpu: [median(|f| f.cpu[0]), median(|f| f.cpu[1])],
        ok: rounds.iter().map(|f| f.ok).sum(),
        answers: rounds.iter().map(|f| f.answers).sum(),
        failed: 0,
        accepted_in_all: rounds.iter().map(|f| f.accepted_in_all).sum(),
    }
}

/// What forged requests cost.
pub struct Flood {
    pub figures: Figures,
    /// The same at the Express peer.
    pub express: Option<Figures>,
    /// Forged requests of the one load that the transactions are counted beside.
    pub answers: u64,
    /// Transactions of the product's database in as long a time without any request.
    pub transactions_quiet: i64,
    pub transactions: i64,
    /// 99 % of genuine reports, in ms: alone, and beside a flood.
    pub good_p99: [f64; 2],
    /// Forged requests a second in that flood.
    pub flood_per_second: f64,
}

/// The 99th percentiles that have a limit in milliseconds.
pub struct Absolute {
    pub lookup_hit_ms: f64,
    pub lookup_miss_ms: f64,
    pub status_ms: f64,
}

/// Prints everything. The order of the rows is product, one INSERT each, the limit that verifies,
/// shared commits that believe everybody, and Express where it ran.
pub fn print(closed: &[Row], open: &[Row], flood: &Flood, absolute: &Absolute) {
    table("100 connections, each always busy", closed);
    table("1000 requests a second on 100 connections", open);
    say(&format!(
        "\nForged signatures, 100 connections: {:.0} refused a second, p99 {:.2} ms, {:.1} us of CPU each",
        flood.figures.per_second,
        flood.figures.p99,
        flood.figures.cpu_sum()
    ));

    let [product, bare, batched, shared, rest @ ..] = closed else { return };
    say("\nBars (the CPU form holds on a busy machine too)");
    let rate = |row: &Row| row.figures.per_second;
    let cpu = |row: &Row| row.figures.cpu_sum();
    at_least("requests a second, as a multiple of one INSERT each", rate(product) / rate(bare), 2.5);
    at_least("the same in CPU: theirs for each of ours", cpu(bare) / cpu(product), 2.5);
    at_least("requests a second, as a multiple of the limit", rate(product) / rate(batched), 0.8);
    at_least("the same in CPU: theirs for each of ours", cpu(batched) / cpu(product), 0.8);
    say(&format!(
        "       beside shared commits that verify nothing: {:.3} in rate, {:.3} in CPU (no bar)",
        rate(product) / rate(shared),
        cpu(shared) / cpu(product)
    ));
    if let [express, ..] = rest {
        at_least("requests a second, as a multiple of Express", rate(product) / rate(express), 5.0);
        at_most("p99, as a share of that of Express", product.figures.p99 / express.figures.p99, 0.5);
        at_most("CPU a webhook, as a share of that of Express", cpu(product) / cpu(express), 0.2);
    }
    if let Some(express) = &flood.express {
        let theirs = express.per_second;
        at_least(
            "forged requests refused a second, as a multiple of Express",
            flood.figures.per_second / theirs,
            8.0,
        );
        at_least(
            "the same in CPU: theirs for each of ours",
            express.cpu_sum() / flood.figures.cpu_sum(),
            8.0,
        );
    }
    let [alone, beside] = flood.good_p99;
    say(&format!(
        "Genuine reports at 500 a second: p99 {alone:.2} ms alone, {beside:.2} ms beside {:.0} forged a second",
        flood.flood_per_second
    ));
    at_most("p99 of genuine reports beside a flood, as a multiple of alone", beside / alone, 2.0);
    // Transactions are counted, as every statement outside of one is its own.
    let extra = (flood.transactions - flood.transactions_quiet).max(0) as f64;
    let share = 1000.0 * extra / flood.answers.max(1) as f64;
    at_most("transactions for 1000 forged requests, less those of a quiet time", share, 0.05);

    say("\nLimits that the product was asked for (99th percentiles, in ms)");
    at_most("route of an assistant, cached", absolute.lookup_hit_ms, 1.0);
    at_most("route of an assistant, from the database", absolute.lookup_miss_ms, 10.0);
    at_most("a webhook at 1000 a second", open.first().map_or(f64::NAN, |row| row.figures.p99), 50.0);
    at_most("a webhook at 100 busy connections", product.figures.p99, 100.0);
    at_most("GET /api/integrations/status, 8 at a time", absolute.status_ms, 100.0);
    let stored: u64 = closed.iter().chain(open).map(|row| row.figures.accepted_in_all).sum();
    say(&format!("Every one of {stored} accepted requests was found as a row."));
}

fn table(title: &str, rows: &[Row]) {
    say(&format!("\n{title}"));
    say(
        "                 per second   p50 ms   p99 ms p99.9 ms   CPU app   CPU PG   together (us a request)",
    );
    for row in rows {
        row.print();
    }
}

fn at_least(what: &str, found: f64, bar: f64) {
    verdict(what, found, ">=", bar, found >= bar);
}

fn at_most(what: &str, found: f64, bar: f64) {
    verdict(what, found, "<=", bar, found <= bar);
}

fn verdict(what: &str, found: f64, sign: &str, bar: f64, is_met: bool) {
    let word = if is_met { "met   " } else { "MISSED" };
    say(&format!("{word} {what}: {found:.3} (bar {sign} {bar})"));
}
