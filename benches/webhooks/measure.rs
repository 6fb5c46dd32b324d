//! The run itself: which load goes where, in which order, and what is counted besides.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use reqwest::header::{COOKIE, ORIGIN, SET_COOKIE};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _, PgConnection};
use voxanne::db::embedded::Embedded;
use voxanne::db::migrate::migrate;
use voxanne::db::pool::connect_app;
use voxanne::webhooks::resolver::Resolver;

use super::report::{self, Absolute, Flood, Row};
use super::seed::{self, EMAIL, PASSWORD};
use super::servers::{self, Figures, Load, Server};
use super::{peers, say};

const ROUNDS: usize = 3;
const SECONDS: u64 = 4;
/// Requests a second of the open loop: well below what the slowest server can take.
const RATE: u32 = 1000;
/// Genuine and forged requests a second, side by side.
const GOOD_RATE: u32 = 500;
const FLOOD_RATE: u32 = 10_000;
const PEERS: &str = "bench_peers";

/// Measures all of it and prints it.
pub async fn run(embedded: &Embedded, folder: &Path) -> Result<()> {
    let superuser = embedded.superuser_options();
    migrate(&embedded.owner_options()).await?;
    let mut connection = superuser.clone().connect().await?;
    let fsync: String = sqlx::query_scalar("show fsync").fetch_one(&mut connection).await?;
    let commit: String = sqlx::query_scalar("show synchronous_commit").fetch_one(&mut connection).await?;
    say(&format!("PostgreSQL of this run: fsync = {fsync}, synchronous_commit = {commit}"));
    ensure!(fsync == "on" && commit == "on", "figures without durability would say nothing");
    connection.execute(AssertSqlSafe(format!("create database {PEERS}"))).await?;
    let mut peer_rows = superuser.clone().database(PEERS).connect().await?;
    peers::make_table(&mut peer_rows).await?;
    let mut product_rows = superuser.clone().database("voxanne").connect().await?;

    let tenants = folder.join("tenants");
    let services = seed::services(connect_app(embedded.app_options(), 8).await?).await?;
    say(&format!("Making {} clinics.", seed::CLINICS));
    let assistants = seed::clinics(&services, &tenants).await?;
    // Whole bodies are kept, transcripts too, so that no server writes fewer bytes than another.
    product_rows.execute("update organizations set keep_transcripts = true").await?;
    product_rows.execute("vacuum analyze").await?;

    let lookups = lookups(&services.pool, &assistants).await?;
    services.pool.close().await;

    let product = servers::product(&address(&embedded.app_options())?, folder).await?;
    let peer = servers::peer(&address(&superuser.clone().database(PEERS))?, folder).await?;
    let postgres = u32::try_from(embedded.server_pid().context("PostgreSQL is not running")?)?;
    peers::fill_tenants(&mut peer_rows, &tenants).await?;
    let socket = superuser.get_socket().context("the cluster has no socket")?.to_string_lossy().into_owned();
    let express = servers::express(&socket, superuser.get_username(), PEERS, folder).await?;
    if express.is_none() {
        say("No Node on this machine: the bars against Express are not measured.");
    }
    let mut ways = vec![
        Way::new("product", &product, "/api/webhooks/vapi", postgres, "inbound_events", product_rows),
        Way::new("one INSERT each", &peer, "/bare", postgres, "events", peer_rows),
        Way::new("limit", &peer, "/batched", postgres, "events", superuser_again(&superuser).await?),
        Way::new("shared commits", &peer, "/shared", postgres, "events", superuser_again(&superuser).await?),
    ];
    if let Some(express) = &express {
        let rows = superuser_again(&superuser).await?;
        ways.push(Way::new("Express", express, "/express", postgres, "events", rows));
    }
    // The first request of a clinic loads its route and reserves its seals: that is no steady state.
    for way in &mut ways {
        way.load(&tenants, None).await?;
    }

    let mut closed = vec![Vec::new(); ways.len()];
    let mut open = closed.clone();
    for round in 1..=ROUNDS {
        say(&format!("Round {round} of {ROUNDS}."));
        for (way, found) in ways.iter_mut().zip(&mut closed) {
            found.push(way.load(&tenants, None).await?);
        }
        for (way, found) in ways.iter_mut().zip(&mut open) {
            found.push(way.load(&tenants, Some(RATE)).await?);
        }
    }
    let rows = |figures: &[Vec<Figures>]| -> Vec<Row> {
        ways.iter().zip(figures).map(|(way, found)| Row::median_of(way.name, found)).collect()
    };
    let (closed, open) = (rows(&closed), rows(&open));
    let flood = flood(&mut ways, &tenants).await?;
    let absolute = Absolute {
        lookup_hit_ms: lookups.0,
        lookup_miss_ms: lookups.1,
        status_ms: status(&product.url).await?,
    };
    report::print(&closed, &open, &flood, &absolute);
    Ok(())
}

async fn superuser_again(options: &PgConnectOptions) -> Result<PgConnection> {
    Ok(options.clone().database(PEERS).connect().await?)
}

/// A server's way of taking webhooks, with the table that it writes to.
struct Way {
    name: &'static str,
    load: Load,
    table: &'static str,
    rows: PgConnection,
}

impl Way {
    fn new(
        name: &'static str,
        server: &Server,
        path: &str,
        postgres: u32,
        table: &'static str,
        rows: PgConnection,
    ) -> Self {
        let load = Load {
            url: format!("{}{path}", server.url),
            tenants: PathBuf::new(),
            connections: 100,
            seconds: SECONDS,
            rate: None,
            forged: false,
            pids: [server.pid, postgres],
        };
        Self { name, load, table, rows }
    }

    /// Empties the table, makes the load, and counts: a 200 without its row would be a lie.
    async fn load(&mut self, tenants: &Path, rate: Option<u32>) -> Result<Figures> {
        self.rows.execute(AssertSqlSafe(format!("truncate {}", self.table))).await?;
        // What the last load left to do should not be done during this one.
        self.rows.execute("checkpoint").await?;
        let figures = Load { tenants: tenants.to_owned(), rate, ..self.load.clone() }.run().await?;
        let rows: i64 = sqlx::query_scalar(AssertSqlSafe(format!("select count(*) from {}", self.table)))
            .fetch_one(&mut self.rows)
            .await?;
        let rows = u64::try_from(rows)?;
        ensure!(
            rows >= figures.accepted_in_all,
            "{}: {} rows, but {} times 200",
            self.name,
            rows,
            figures.accepted_in_all
        );
        ensure!(
            figures.ok == figures.answers && figures.failed == 0,
            "{}: {} of {} answers were no 200, {} requests had no answer",
            self.name,
            figures.answers - figures.ok,
            figures.answers,
            figures.failed
        );
        Ok(figures)
    }
}

/// Only forged signatures for known clinics: the product must refuse them without the database. Then
/// as many beside genuine reports, which must not notice.
async fn flood(ways: &mut [Way], tenants: &Path) -> Result<Flood> {
    let at_express = ways.iter().find(|way| way.name == "Express").map(|way| way.load.clone());
    let at_express = at_express.map(|load| Load { tenants: tenants.to_owned(), forged: true, ..load });
    let [product, ..] = ways else { anyhow::bail!("there is no product") };
    let load = Load { tenants: tenants.to_owned(), forged: true, ..product.load.clone() };
    // Routes live five minutes in the cache: those that have run out since are loaded here.
    Load { rate: Some(GOOD_RATE * 4), ..load.clone() }.run().await?;
    // PostgreSQL's own counters lag by up to a second.
    let lag = Duration::from_millis(1500);
    tokio::time::sleep(lag).await;
    let before = statements(&mut product.rows).await?;
    tokio::time::sleep(lag + Duration::from_secs(SECONDS + 1)).await;
    let quiet = statements(&mut product.rows).await?;
    // One clinic: a flood at many opens a row in the trail of each.
    let one = tenants.with_extension("one");
    let text = std::fs::read_to_string(tenants)?;
    std::fs::write(&one, text.lines().next().unwrap_or_default())?;
    let at_one = Load { tenants: one, ..load.clone() };
    let mut figures = vec![at_one.run().await?];
    tokio::time::sleep(lag).await;
    let after = statements(&mut product.rows).await?;
    let mut express = Vec::new();
    for round in 1..=ROUNDS {
        if let Some(load) = &at_express {
            express.push(load.run().await?);
        }
        if round > 1 {
            figures.push(at_one.run().await?);
        }
    }
    let accepted: u64 = figures.iter().map(|found| found.ok).sum();
    ensure!(accepted == 0, "{accepted} forged requests were accepted");

    let good = Load { rate: Some(GOOD_RATE), forged: false, ..load.clone() };
    let bad = Load { rate: Some(FLOOD_RATE), seconds: SECONDS + 2, ..load };
    // One per cent of a round are twenty reports: what the machine does besides would decide in one round.
    let (mut alone, mut beside, mut floods) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        alone.push(good.run().await?);
        let (genuine, flood) = tokio::join!(good.run(), bad.run());
        beside.push(genuine?);
        floods.push(flood?);
    }
    let (alone, beside) = (report::median(&alone), report::median(&beside));
    ensure!(beside.ok == beside.answers, "genuine reports were refused during the flood");
    Ok(Flood {
        answers: figures.first().map_or(0, |found| found.answers),
        figures: report::median(&figures),
        express: (!express.is_empty()).then(|| report::median(&express)),
        transactions_quiet: quiet - before,
        transactions: after - quiet,
        good_p99: [alone.p99, beside.p99],
        flood_per_second: report::median(&floods).per_second,
    })
}

async fn statements(connection: &mut PgConnection) -> Result<i64> {
    Ok(sqlx::query_scalar(
        "select xact_commit + xact_rollback from pg_stat_database where datname = 'voxanne'",
    )
    .fetch_one(connection)
    .await?)
}

/// Milliseconds that 99 % of the lookups of an assistant take: from the cache, and from the database.
async fn lookups(pool: &voxanne::db::PgPool, assistants: &[uuid::Uuid]) -> Result<(f64, f64)> {
    let resolver = Resolver::new(pool.clone(), Duration::from_secs(300), 64 * 1024 * 1024);
    let mut times = [Vec::new(), Vec::new()];
    for times in &mut times {
        for assistant in assistants {
            let started = Instant::now();
            let route = resolver.resolve(Some(*assistant), None).await?;
            times.push(started.elapsed());
            ensure!(route.is_some(), "an assistant was not found");
        }
    }
    let [misses, hits] = times;
    Ok((p99_ms(hits), p99_ms(misses)))
}

/// Milliseconds that 99 % of the requests for the state of all integrations take, eight at a time.
async fn status(url: &str) -> Result<f64> {
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build()?;
    let form = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("email", EMAIL), ("password", PASSWORD)])
        .finish();
    let answer = client
        .post(format!("{url}/login"))
        .header(ORIGIN, url)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form)
        .send()
        .await?;
    let cookie = answer.headers().get(SET_COOKIE).context("nobody was signed in")?.to_str()?;
    let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
    let mut askers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (client, cookie, url) =
            (client.clone(), cookie.clone(), format!("{url}/api/integrations/status"));
        askers.spawn(async move {
            let mut times = Vec::new();
            for _ in 0..100 {
                let started = Instant::now();
                let answer = client.get(&url).header(COOKIE, &cookie).send().await?;
                ensure!(answer.status().is_success(), "the state was refused: {}", answer.status());
                answer.bytes().await?;
                times.push(started.elapsed());
            }
            Ok(times)
        });
    }
    let mut times = Vec::new();
    for part in askers.join_all().await {
        times.extend(part?);
    }
    Ok(p99_ms(times))
}

fn p99_ms(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    let at = (times.len() * 99).div_ceil(100).saturating_sub(1);
    times.get(at).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
}

/// How a process of its own reaches a database of this run: over the socket, by the user it runs as.
fn address(options: &PgConnectOptions) -> Result<String> {
    let socket = options.get_socket().context("the cluster has no socket")?;
    let mut address = url::Url::parse("postgres://localhost:5432/")?;
    let database = options.get_database().context("no database")?;
    address.set_path(database);
    ensure!(address.set_username(options.get_username()).is_ok(), "the address takes no user");
    address
        .query_pairs_mut()
        .append_pair("host", &socket.to_string_lossy())
        .append_pair("sslmode", "disable");
    Ok(address.into())
}
