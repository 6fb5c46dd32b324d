//! Puts the parts together: from settings, a pool and a keyring to the services and the app.
//!
//! `serve` and the whole-server tests go through here, so that what is tested is what runs.

use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use url::Url;
use uuid::Uuid;

use crate::app::{Assets, TalkAssets};
use crate::audit;
use crate::auth::password::Passwords;
use crate::clock::Clock;
use crate::db::keys::{self, KeyCheckRow};
use crate::db::sealed_source::PgSource;
use crate::db::{DbError, PgPool, installation, jobs};
use crate::integrations::ensure::ENSURE_ASSISTANTS;
use crate::live::Live;
use crate::providers::ProviderBases;
use crate::providers::egress::{Egress, EgressOptions, EgressSetupError, HostPort};
use crate::providers::google::OAuthClient;
use crate::state::{App, Flights, Services, Uses};
use crate::vault::{KeyCheck, Keyring, KeyringError, Vault, VaultOptions};
use crate::webhooks::inbox::Inbox;
use crate::webhooks::resolver::Resolver;

/// Why the parts do not fit together. Each is one sentence with the way out.
#[derive(Debug, thiserror::Error)]
pub enum AssembleError {
    #[error("the key does not fit the database")]
    Keyring(#[from] KeyringError),
    #[error("the database holds {}, so it cannot be started {}", kind(*.is_sandbox), start(!*.is_sandbox))]
    OtherKind { is_sandbox: bool },
    #[error("the HTTP client could not be made")]
    Egress(#[from] EgressSetupError),
    #[error("the platform's audit trail could not be started")]
    Audit(#[from] audit::AuditError),
    #[error(transparent)]
    Db(#[from] DbError),
}

const fn kind(is_sandbox: bool) -> &'static str {
    if is_sandbox { "data of the sandbox" } else { "real data" }
}

const fn start(is_sandbox: bool) -> &'static str {
    if is_sandbox { "with --sandbox" } else { "without --sandbox" }
}

/// What the services are made of.
pub struct Parts {
    pub pool: PgPool,
    pub keyring: Keyring,
    pub clock: Clock,
    pub bases: ProviderBases,
    /// Private addresses that may be reached: those of the stand-ins, else none.
    pub allowed: Vec<HostPort>,
    pub public_url: Url,
    pub is_sandbox: bool,
    pub restore_days: i32,
    /// The platform's OAuth client at Google, where there is one.
    pub google: Option<OAuthClient>,
    pub cache_ttl: Duration,
    pub cache_bytes: u64,
}

/// Checks the keys against the database and makes the services. Writes nothing before the keys fit.
pub async fn services(parts: Parts) -> Result<Arc<Services>, AssembleError> {
    let Parts {
        pool,
        keyring,
        clock,
        bases,
        allowed,
        public_url,
        is_sandbox,
        restore_days,
        google,
        cache_ttl,
        cache_bytes,
    } = parts;
    for check in check(&pool, &keyring, is_sandbox).await? {
        let row = KeyCheckRow {
            kek_id: check.kek_id,
            state: check.state.as_str().to_owned(),
            sealed: check.sealed.to_vec(),
        };
        keys::upsert_check(&pool, &row).await?;
    }
    let known = installation::find_or_insert(&pool, Uuid::now_v7(), is_sandbox, public_url.as_str()).await?;
    if known.is_sandbox != is_sandbox {
        return Err(AssembleError::OtherKind { is_sandbox: known.is_sandbox });
    }
    if known.public_url != public_url.as_str() {
        // The assistants at Vapi still post to the old address: jobs bring them the new one.
        jobs::request_everywhere(&pool, ENSURE_ASSISTANTS).await?;
        installation::update_public_url(&pool, public_url.as_str()).await?;
    }
    let options = VaultOptions { ttl: cache_ttl, cache_bytes, ..VaultOptions::default() };
    let egress = Egress::new(EgressOptions { allowed, ..EgressOptions::default() })?;
    let services = Arc::new_cyclic(|myself| Services {
        vault: Vault::new(keyring, Arc::new(PgSource(pool.clone())), options),
        egress,
        bases,
        clock,
        resolver: Resolver::new(pool.clone(), cache_ttl, cache_bytes),
        inbox: Inbox::start(pool.clone()),
        counts: Default::default(),
        uses: Uses::default(),
        issuers: Default::default(),
        installation: known.id,
        public_url,
        restore_days,
        google,
        flights: Flights::default(),
        alerts_due: Default::default(),
        myself: Weak::clone(myself),
        pool,
    });
    audit::start_platform(&services.pool, &services.vault).await?;
    Ok(services)
}

/// Compares the keyring and the kind of start with what the database says, and writes nothing: a
/// process asks this before it opens its port. Gives the key checks to be written.
pub async fn check(
    pool: &PgPool,
    keyring: &Keyring,
    is_sandbox: bool,
) -> Result<Vec<KeyCheck>, AssembleError> {
    let stored: Vec<KeyCheck> = keys::list_checks(pool)
        .await?
        .into_iter()
        .filter_map(|row| {
            Some(KeyCheck { kek_id: row.kek_id, state: row.state.parse().ok()?, sealed: row.sealed.into() })
        })
        .collect();
    let to_write = keyring.check(&stored)?;
    match installation::find(pool).await? {
        Some(known) if known.is_sandbox != is_sandbox => {
            Err(AssembleError::OtherKind { is_sandbox: known.is_sandbox })
        }
        _ => Ok(to_write),
    }
}

/// What HTTP needs beside the services.
pub struct AppParts {
    pub trusted_proxies: Vec<ipnet::IpNet>,
    pub session_idle_hours: u32,
    pub session_absolute_days: u32,
    pub setup_code: Option<String>,
    pub is_sandbox: bool,
    pub site_dir: std::path::PathBuf,
    /// How long the body of a request may take.
    pub body_time: Duration,
    /// Ends what would never end by itself.
    pub stop: CancellationToken,
}

/// Makes the state of the router.
pub fn app(services: Arc<Services>, parts: AppParts) -> Arc<App> {
    Arc::new(App {
        live: Live::new(services.pool.clone(), parts.stop),
        services,
        passwords: Passwords::new(2),
        assets: assets(&parts.site_dir),
        trusted_proxies: parts.trusted_proxies,
        session_idle_seconds: i64::from(parts.session_idle_hours) * 3600,
        session_absolute_seconds: i64::from(parts.session_absolute_days) * 86_400,
        setup_code: parts.setup_code,
        is_sandbox: parts.is_sandbox,
        site_dir: parts.site_dir,
        body_time: parts.body_time,
    })
}

/// The names of the built files, from `hash.txt`. Without a browser half, pages refer to none.
fn assets(site_dir: &Path) -> Assets {
    let hashes = std::fs::read_to_string(site_dir.join("hash.txt")).unwrap_or_default();
    let find = |kind: &str| {
        hashes
            .lines()
            .find_map(|line| line.strip_prefix(kind)?.strip_prefix(':'))
            .map(|hash| hash.trim().to_owned())
    };
    let name = |kind: &str| find(kind).map(|hash| format!("/pkg/voxanne.{hash}.{kind}"));
    let script = |name: &str| find(name).map(|hash| format!("/pkg/{name}.{hash}.js"));
    let talk = script("talk").zip(script("talk-worklet"));
    let talk = talk.map(|(script_href, worklet_href)| TalkAssets { script_href, worklet_href });
    let (js_href, wasm_href) = match (name("js"), name("wasm")) {
        (Some(js), Some(wasm)) => (Some(js), Some(wasm)),
        _ => (None, None),
    };
    let css_href = name("css").unwrap_or_else(|| "/pkg/voxanne.css".to_owned());
    Assets { css_href, js_href, wasm_href, talk }
}
