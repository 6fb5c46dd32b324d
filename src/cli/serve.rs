//! `voxanne serve` and `voxanne worker`: from settings to a running process, and its orderly end.
//!
//! The order is the promise: keys and doctor first, then the port. A process that may not serve has
//! opened nothing and written nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::database::Database;
use super::{CliError, keys, ready, say, trail};
use crate::assemble::{self, AppParts, Parts};
use crate::clock::Clock;
use crate::config::Config;
use crate::db::organizations;
use crate::http::listen::Limits;
use crate::http::received::BODY_TIME;
use crate::providers::ProviderBases;
use crate::providers::egress::HostPort;
use crate::providers::google::OAuthClient;
use crate::state::Services;
use crate::vault::SecretText;
use crate::{doctor, http, jobs, telemetry};

/// Requests under way get this long when the process is asked to stop.
const DRAIN: Duration = Duration::from_secs(8);

/// Where the providers are, and which private addresses may be reached.
struct Providers {
    bases: ProviderBases,
    allowed: Vec<HostPort>,
    #[cfg(feature = "sandbox")]
    sandbox: Option<crate::sandbox::Sandbox>,
}

/// Serves until a signal comes. Without `with_web` only the worker runs.
pub async fn serve(config: Config, with_web: bool) -> Result<(), CliError> {
    telemetry::start_logs(&config.log_format)
        .map_err(|error| CliError::because("the log could not be set up", error))?;
    if config.uses_sandbox() && config.database_url.is_some() {
        return Err(CliError::new("the sandbox has its own database: leave out DATABASE_URL, or --sandbox"));
    }
    if config.uses_sandbox() && !config.bind.is_loopback() {
        return Err(CliError::new("the sandbox listens on this machine only: leave out BIND, or --sandbox"));
    }
    let database = Database::open(&config).await?;
    let result = run(&config, &database, with_web).await;
    database.close().await;
    result
}

async fn run(config: &Config, database: &Database, with_web: bool) -> Result<(), CliError> {
    let findings = doctor::examine(&database.pool)
        .await
        .map_err(|error| CliError::because("the database could not be examined", error))?;
    for warning in &findings.warnings {
        tracing::warn!("{warning}");
    }
    if !findings.faults.is_empty() {
        return Err(CliError::new(format!(
            "this installation is not safe to start: {}",
            findings.faults.join(" ")
        )));
    }
    let keyring = keys::load(config, &database.pool, database.is_embedded()).await?;
    // With port 0 the address is known only once the port is open; so the checks come first, alone.
    let unfit = |error| CliError::because("the service cannot start", error);
    let written = assemble::check(&database.pool, &keyring, config.uses_sandbox()).await.map_err(unfit)?;
    let providers = find_providers(config).await?;
    raise_file_limit(config.max_connections);
    let listener = if with_web { Some(bind(config)?) } else { None };
    let port = listener
        .as_ref()
        .and_then(|listener| listener.local_addr().ok())
        .map_or(config.port, |address| address.port());
    let parts = Parts {
        pool: database.pool.clone(),
        keyring,
        clock: Clock::default(),
        bases: providers.bases.clone(),
        allowed: providers.allowed.clone(),
        public_url: public_url(config, port)?,
        is_sandbox: config.uses_sandbox(),
        restore_days: config.restore_days,
        google: google_client(config)?,
        cache_ttl: Duration::from_secs(config.cache_ttl),
        cache_bytes: config.cache_bytes,
    };
    let services = assemble::services(parts).await.map_err(unfit)?;
    trail::note_keys(&services, &written).await?;
    let (what, version) = (if with_web { "serve" } else { "worker" }, env!("CARGO_PKG_VERSION"));
    trail::note(&services, "service", "service.started", what, &format!("version {version}")).await?;
    // Before the tasks: what they count from the first moment on is to be seen.
    if let Some(metrics) = config.metrics_bind {
        serve_metrics(metrics).await?;
    }

    let stop = CancellationToken::new();
    let mut tasks = jobs::start_housekeeping(&services, database.listen.clone(), &stop);
    if !config.no_worker || !with_web {
        let mut worker = jobs::start_worker(&services, &stop);
        tasks.spawn(async move { while worker.join_next().await.is_some() {} });
    }
    let served = match listener {
        Some(listener) => serve_web(config, &services, &providers, listener, &stop).await,
        None => {
            say("The worker runs.");
            wait_for_signal().await;
            Ok(())
        }
    };
    stop.cancel();
    end_tasks(tasks).await;
    if let Err(error) = jobs::flush(services).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "the last counts were not written");
    }
    served
}

/// File descriptors that are needed beside those of clients: the database, providers, files.
const OTHER_FILES: u64 = 256;

/// Lets the process have as many files open as it may. What it starts out with is often 1,024, for the sake
/// of programs that are older than this way of waiting for connections.
fn raise_file_limit(connections: u32) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let now = if setrlimit(Resource::Nofile, wanted).is_ok() { limit.maximum } else { limit.current };
    if let Some(files) = now.filter(|files| *files < u64::from(connections) + OTHER_FILES) {
        tracing::warn!(files, connections, "MAX_CONNECTIONS is more than the limit of open files allows");
    }
}

/// Opens the port, once keys and database were found to fit. Connections wait until the server runs.
fn bind(config: &Config) -> Result<TcpListener, CliError> {
    let address = SocketAddr::new(config.bind, config.port);
    http::listen::bind(address).map_err(|error| CliError::because(unopened(config, &error), error))
}

/// Why the port was not opened, and the way out.
fn unopened(config: &Config, error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    let (port, bind) = (config.port, config.bind);
    match error.kind() {
        ErrorKind::AddrInUse => {
            format!("port {port} is taken: stop what uses it, or choose another with --port")
        }
        ErrorKind::PermissionDenied => {
            format!("port {port} may not be opened by this user: choose one from 1024 on with --port")
        }
        ErrorKind::AddrNotAvailable => {
            format!("{bind} is no address of this machine: choose another with --bind")
        }
        _ => format!("port {port} could not be opened at {bind}"),
    }
}

/// The address under which browsers and providers reach this process.
pub fn public_url(config: &Config, port: u16) -> Result<Url, CliError> {
    match &config.public_url {
        Some(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(url.clone()),
        Some(_) => Err(CliError::new("PUBLIC_URL must begin with https:// and a host")),
        None => Url::parse(&format!("http://127.0.0.1:{port}"))
            .map_err(|error| CliError::because("there is no PUBLIC_URL", error)),
    }
}

/// The platform's OAuth client at Google: that of the settings, or the sandbox's own.
pub fn google_client(config: &Config) -> Result<Option<OAuthClient>, CliError> {
    #[cfg(feature = "sandbox")]
    if config.sandbox {
        let (id, secret) = crate::sandbox::DEMO_GOOGLE_CLIENT;
        return Ok(Some(OAuthClient { id: id.to_owned(), secret: SecretText::new(secret.to_owned()) }));
    }
    match (&config.google_client_id, &config.google_client_secret) {
        (None, None) => Ok(None),
        (Some(id), Some(secret)) => {
            Ok(Some(OAuthClient { id: id.clone(), secret: SecretText::new(secret.clone()) }))
        }
        _ => {
            Err(CliError::new("GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET belong together: set both, or none"))
        }
    }
}

#[cfg(feature = "sandbox")]
async fn find_providers(config: &Config) -> Result<Providers, CliError> {
    use crate::sandbox::{Sandbox, SandboxOptions};
    if !config.sandbox {
        return Ok(Providers {
            bases: config.bases.clone(),
            allowed: config.n8n_allowed_hosts.clone(),
            sandbox: None,
        });
    }
    // Fixed ports next to the service's own, so that addresses stay the same over restarts.
    let next = |n: u16| if config.port == 0 { 0 } else { config.port.saturating_add(n) };
    let options = SandboxOptions {
        vapi_port: next(1),
        twilio_port: next(2),
        page_port: next(3),
        shared_port: next(4),
        state_file: Some(config.data_dir.join("sandbox.json")),
        reports: true,
    };
    let sandbox = Sandbox::start(options)
        .await
        .map_err(|error| CliError::because(sandbox_sentence(config.port, &error), error))?;
    let mut allowed = sandbox.allowed();
    allowed.extend(config.n8n_allowed_hosts.iter().cloned());
    Ok(Providers { bases: sandbox.bases(), allowed, sandbox: Some(sandbox) })
}

#[cfg(feature = "sandbox")]
fn sandbox_sentence(port: u16, error: &crate::sandbox::SandboxError) -> String {
    match error {
        crate::sandbox::SandboxError::Port { .. } => format!(
            "the sandbox needs the four ports after {port}: stop what uses them, or choose another with --port"
        ),
        _ => "the sandbox did not start".to_owned(),
    }
}

#[cfg(not(feature = "sandbox"))]
async fn find_providers(config: &Config) -> Result<Providers, CliError> {
    Ok(Providers { bases: config.bases.clone(), allowed: config.n8n_allowed_hosts.clone() })
}

async fn serve_web(
    config: &Config,
    services: &Arc<Services>,
    providers: &Providers,
    listener: TcpListener,
    stop: &CancellationToken,
) -> Result<(), CliError> {
    let address =
        listener.local_addr().map_err(|error| CliError::because("the port has no address", error))?;
    let mut about = json!({ "url": format!("http://{address}") });
    let mut setup_code = None;
    prepare_people(config, services, providers, &mut about).await?;
    let clinics = organizations::count(&services.pool)
        .await
        .map_err(|error| CliError::because("the clinics could not be counted", error))?;
    if clinics == 0 {
        let code = one_time_code()?;
        say(&format!("There is no clinic yet. Open http://{address}/setup with the code {code}"));
        setup_code = Some(code);
    }
    let app = assemble::app(
        services.clone(),
        AppParts {
            trusted_proxies: config.trusted_proxies.clone(),
            session_idle_hours: config.session_idle_hours,
            session_absolute_days: config.session_absolute_days,
            setup_code,
            is_sandbox: config.uses_sandbox(),
            site_dir: config.site_dir.clone(),
            body_time: BODY_TIME,
            stop: stop.clone(),
        },
    );
    if app.assets.wasm_href.is_none() {
        say("There is no browser half here: pages come without islands, and every form works.");
    }
    let front = http::front::Front::new(app);
    say(&format!("Voxanne Integrations is at http://{address}"));
    if let Some(path) = &config.ready_file {
        ready::write(path, &about)
            .map_err(|error| CliError::because("the ready file could not be written", error))?;
    }
    let limits = Limits { connections: config.max_connections, ..Limits::default() };
    let served = http::listen::serve(listener, front, limits, stop);
    let drained = async {
        wait_for_signal().await;
        say("Stopping.");
        stop.cancel();
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        () = served => {}
        () = drained => {}
    }
    Ok(())
}

/// What connects the first demo account of each provider: field and value by the provider's word.
#[cfg(feature = "sandbox")]
fn demo_fields(sandbox: &crate::sandbox::Sandbox) -> serde_json::Value {
    use crate::domain::ProviderId;
    let of = |provider: ProviderId| {
        let spec = crate::providers::catalogue::find(provider).spec();
        let fields = sandbox.demo_fields(provider).into_iter().filter_map(|(key, value)| {
            let label = spec.field(key)?.label;
            Some(json!({ "key": key, "label": label, "value": value }))
        });
        (provider.as_str().to_owned(), json!({ "name": spec.name, "fields": fields.collect::<Vec<_>>() }))
    };
    serde_json::Value::Object(ProviderId::ALL.into_iter().map(of).collect())
}

/// Demo clinics under the sandbox; nobody otherwise.
async fn prepare_people(
    config: &Config,
    services: &Arc<Services>,
    providers: &Providers,
    about: &mut serde_json::Value,
) -> Result<(), CliError> {
    #[cfg(feature = "sandbox")]
    if let Some(sandbox) = &providers.sandbox {
        let demo = super::demo::prepare(&config.data_dir, services).await?;
        about["sandbox"] = json!({
            "page": sandbox.page_url.as_str(), "vapi": sandbox.vapi_url.as_str(), "twilio": sandbox.twilio_url.as_str(),
            "n8n": format!("{}n8n/", sandbox.shared_url),
            "fields": demo_fields(sandbox),
        });
        about["accounts"] = json!(demo);
        super::demo::introduce(&demo, &sandbox.page_url);
    }
    let _ = (config, services, providers, about);
    Ok(())
}

/// How often times that were measured are put into their buckets, whether or not somebody asks.
const METRICS_UPKEEP: std::time::Duration = std::time::Duration::from_secs(5);

async fn serve_metrics(address: SocketAddr) -> Result<(), CliError> {
    let handle = telemetry::start_metrics()
        .map_err(|error| CliError::because("metrics could not be set up", error))?;
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| CliError::because("METRICS_BIND is taken", error))?;
    let upkeep = handle.clone();
    tokio::spawn(async move {
        let mut every = tokio::time::interval(METRICS_UPKEEP);
        loop {
            every.tick().await;
            upkeep.run_upkeep();
        }
    });
    let router =
        axum::Router::new().route("/metrics", axum::routing::get(move || async move { handle.render() }));
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "the metrics listener ended");
        }
    });
    Ok(())
}

fn one_time_code() -> Result<String, CliError> {
    let mut bytes = [0_u8; 8];
    getrandom::fill(&mut bytes).map_err(|error| CliError::because("no code could be made", error))?;
    Ok(hex::encode(bytes))
}

async fn wait_for_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::error!("signals cannot be caught; only a kill ends this process");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

async fn end_tasks(mut tasks: JoinSet<()>) {
    let all = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(Duration::from_secs(5), all).await.is_err() {
        tasks.shutdown().await;
    }
}
