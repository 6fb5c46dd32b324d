//! A cold read of a credential: nothing cached, so its row and its wrapped key come from PostgreSQL, and
//! are unwrapped and opened. Beside a bare SELECT of the same row.
//!
//! The database is this run's own, in a temporary folder. Both sides keep the same number of requests
//! under way over the same pool, in turns; of each the best round counts. CPU is that of this process and of
//! the servers behind the pool. The bare SELECT belongs to no organization: what the transaction of an
//! organization costs (its beginning, its end) is told by a third line, and is a part of the first ratio.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sqlx::{ConnectOptions, Connection, Executor, PgConnection};
use uuid::Uuid;
use voxanne::db::embedded::{Embedded, EmbeddedOptions};
use voxanne::db::migrate::migrate;
use voxanne::db::pool::connect_app;
use voxanne::db::sealed_source::PgSource;
use voxanne::db::{PgPool, keys, organizations};
use voxanne::domain::{CredentialId, OrgId, ProviderId};
use voxanne::vault::{Keyring, SealedSource, Vault, VaultOptions};

use super::{Credentials, KEY, encoded, place};

/// As the whole program's, and fit for tasks.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Requests under way, and connections for them.
const AT_ONCE: usize = 8;
const ROUNDS: usize = 5;
const CLINICS: usize = 256;

/// What both sides ask.
const SELECT: &str =
    "select i.id, c.id, c.sealed, i.is_paused, i.verification_status, k.version, k.kek_id, k.wrapped
                        from org_integrations i
                        join org_credentials c on c.org_id = i.org_id and c.id = i.active_credential_id
                        join data_keys k on k.org_id = c.org_id and k.version = c.key_version
                       where i.provider = 'twilio' and i.is_primary and i.org_id = $1";

/// Requests a second, and microseconds of CPU a request.
#[derive(Clone, Copy)]
struct Figures {
    per_second: f64,
    cpu: f64,
}

/// Measures and prints. `seconds` is how long each side of a round takes.
pub async fn measure(seconds: f64) -> Result<(), Failure> {
    let folder = std::env::temp_dir().join(format!("voxanne-cold-{}", Uuid::new_v4().simple()));
    std::fs::create_dir_all(&folder)?;
    let embedded = Embedded::start(&folder, EmbeddedOptions::default()).await?;
    let result = run(&embedded, Duration::from_secs_f64(seconds)).await;
    embedded.stop().await?;
    std::fs::remove_dir_all(&folder)?;
    result
}

async fn run(embedded: &Embedded, time: Duration) -> Result<(), Failure> {
    migrate(&embedded.owner_options()).await?;
    let mut superuser = embedded.superuser_options().database("voxanne").connect().await?;
    let pool = connect_app(embedded.app_options(), u32::try_from(AT_ONCE)?).await?;
    let source = Arc::new(PgSource(pool.clone()));
    let keyring = Keyring::from_hex(KEY)?;
    for check in keyring.check(&[])? {
        let state = check.state.as_str().to_owned();
        let row = keys::KeyCheckRow { kek_id: check.kek_id, state, sealed: check.sealed.to_vec() };
        keys::upsert_check(&pool, &row).await?;
    }
    let vault = Arc::new(Vault::new(keyring, source.clone(), VaultOptions::default()));
    let mut orgs = Vec::new();
    for number in 0..CLINICS {
        orgs.push(clinic(&pool, &mut superuser, &vault, number).await?);
    }
    superuser.execute("analyze").await?;
    // A login that row-level security does not concern: without an organization the other finds nothing.
    let bare = connect_app(embedded.superuser_options().database("voxanne"), u32::try_from(AT_ONCE)?).await?;

    let orgs = Arc::new(orgs);
    let mut best = [None; 3];
    for _ in 0..ROUNDS {
        let (vault, source, bare) = (vault.clone(), source.clone(), bare.clone());
        let figures = [
            round(&mut superuser, &orgs, time, move |org| {
                let vault = vault.clone();
                async move {
                    // What this org has cached counts as missing from now on.
                    vault.evict(org);
                    vault.open::<Credentials>(org).await?;
                    Ok(())
                }
            })
            .await?,
            round(&mut superuser, &orgs, time, move |org| {
                let bare = bare.clone();
                async move {
                    sqlx::query(SELECT).bind(org.0).fetch_one(&bare).await?;
                    Ok(())
                }
            })
            .await?,
            round(&mut superuser, &orgs, time, move |org| {
                let source = source.clone();
                async move {
                    // The row and its key as the vault gets them, and not opened.
                    source.find_active(org, ProviderId::Twilio).await?.ok_or("no row")?;
                    Ok(())
                }
            })
            .await?,
        ];
        for (best, new) in best.iter_mut().zip(figures) {
            *best = Some(better(*best, new));
        }
    }
    superuser.close().await?;
    let [Some(cold), Some(alone), Some(tied)] = best else {
        return Err("nothing was measured".into());
    };
    print("cold read / bare SELECT", cold, alone, true);
    print("cold read / same, sealed", cold, tied, false);
    Ok(())
}

fn better(best: Option<Figures>, new: Figures) -> Figures {
    let best = best.unwrap_or(new);
    Figures { per_second: best.per_second.max(new.per_second), cpu: best.cpu.min(new.cpu) }
}

#[expect(clippy::print_stdout, reason = "the report is what this program is for")]
fn print(name: &str, product: Figures, bare: Figures, is_bar: bool) {
    let (cpu, rate) = (product.cpu / bare.cpu, product.per_second / bare.per_second);
    let verdict = match (is_bar, cpu <= 1.2 && rate >= 0.9) {
        (false, _) => "",
        (true, true) => "  CPU <= 1.2, rate >= 0.9  met",
        (true, false) => "  CPU <= 1.2, rate >= 0.9  missed",
    };
    println!(
        "{name:<26}CPU {:.0} us and {:.0} us: {cpu:.2}; {:.0}/s and {:.0}/s: {rate:.2}{verdict}",
        product.cpu, bare.cpu, product.per_second, bare.per_second
    );
}

/// Keeps requests under way for some time.
async fn round<F, R>(
    superuser: &mut PgConnection,
    orgs: &Arc<Vec<OrgId>>,
    time: Duration,
    ask: F,
) -> Result<Figures, Failure>
where
    F: Fn(OrgId) -> R + Clone + Send + 'static,
    R: Future<Output = Result<(), Failure>> + Send + 'static,
{
    let servers: Vec<i32> = sqlx::query_scalar(
        "select pid from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()",
    )
    .fetch_all(&mut *superuser)
    .await?;
    let next = Arc::new(AtomicUsize::new(0));
    let before = cpu(&servers)?;
    let began = Instant::now();
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..AT_ONCE {
        let (orgs, next, ask) = (orgs.clone(), next.clone(), ask.clone());
        workers.spawn(async move {
            while began.elapsed() < time {
                let at = next.fetch_add(1, Ordering::Relaxed);
                ask(orgs[at % orgs.len()]).await?;
            }
            Ok::<(), Failure>(())
        });
    }
    for worker in workers.join_all().await {
        worker?;
    }
    let (took, count) = (began.elapsed().as_secs_f64(), next.load(Ordering::Relaxed) as f64);
    Ok(Figures { per_second: count / took, cpu: (cpu(&servers)? - before) * 1e6 / count })
}

/// Seconds of CPU that this process and the servers have used so far.
fn cpu(servers: &[i32]) -> Result<f64, Failure> {
    let mut ticks = 0_u64;
    for process in std::iter::once("self".to_owned()).chain(servers.iter().map(i32::to_string)) {
        // A server that has ended meanwhile counts no more.
        let Ok(text) = std::fs::read_to_string(format!("/proc/{process}/stat")) else { continue };
        // After the name, which may hold anything, in parentheses.
        let fields: Vec<&str> = text.rsplit_once(')').ok_or("no stat")?.1.split_whitespace().collect();
        ticks += fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
    }
    // Linux counts a hundred ticks a second for whoever asks.
    Ok(ticks as f64 / 100.0)
}

/// A clinic with a sealed credential, as connecting stores it.
async fn clinic(
    pool: &PgPool,
    superuser: &mut PgConnection,
    vault: &Vault,
    number: usize,
) -> Result<OrgId, Failure> {
    let org = OrgId(Uuid::now_v7());
    let name = format!("clinic-{number}");
    organizations::create(pool, org, &name, &name, "UTC", "US").await?;
    let (integration, credential) = (Uuid::now_v7(), CredentialId(Uuid::now_v7()));
    let sealed = vault.seal(&place(org, credential), encoded().expose()).await?;
    let mut tx = superuser.begin().await?;
    sqlx::query(
        "insert into org_integrations (org_id, id, provider, active_credential_id, verification_status)
         values ($1, $2, 'twilio', $3, 'verified')",
    )
    .bind(org.0)
    .bind(integration)
    .bind(credential.0)
    .execute(&mut *tx)
    .await?;
    sqlx::query(
        "insert into org_credentials (org_id, id, integration_id, provider, sealed, key_version, hint)
         values ($1, $2, $3, 'twilio', $4, $5, '{}')",
    )
    .bind(org.0)
    .bind(credential.0)
    .bind(integration)
    .bind(sealed.as_bytes())
    .bind(sealed.key_version())
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    // As the product reads it, once: so that a mistake in the seed ends the run.
    vault.open::<Credentials>(org).await?;
    Ok(org)
}
