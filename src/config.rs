//! Settings: each a flag and an environment variable of the same name, but for the key.
//!
//! None of them holds a clinic's credential: those come through the dashboard and are sealed.
//! `docs/configuration.md` and `.env.example` list them all; a test keeps the three in step.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::Args;
use url::Url;

use crate::providers::ProviderBases;
use crate::providers::egress::HostPort;

/// The variable of the key-encryption key, the one setting that is no flag.
pub const ENCRYPTION_KEY: &str = "ENCRYPTION_KEY";

/// Everything that `serve` and its relatives can be told.
#[derive(Args, Clone, Debug)]
pub struct Config {
    /// PostgreSQL to use, as the role `voxanne_app`. Without it an embedded cluster is started.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<String>,
    /// PostgreSQL as the owning role; used by migrations only.
    #[arg(long, env = "DATABASE_OWNER_URL", hide_env_values = true)]
    pub database_owner_url: Option<String>,
    /// Direct connection for LISTEN, where `DATABASE_URL` goes through a pooler.
    #[arg(long, env = "DATABASE_LISTEN_URL", hide_env_values = true)]
    pub database_listen_url: Option<String>,
    /// Connections to PostgreSQL at most.
    #[arg(long, env = "DATABASE_CONNECTIONS", default_value_t = 16)]
    pub database_connections: u32,
    /// Key-encryption key: 64 hexadecimal characters. Rather use a file. From the environment only: what
    /// stands in a command line, everybody on the machine can read.
    #[arg(skip = std::env::var(ENCRYPTION_KEY).ok())]
    pub encryption_key: Option<String>,
    /// File with key-encryption keys, one line each: id, key, state. Readable by its owner only.
    #[arg(long, env = "ENCRYPTION_KEY_FILE")]
    pub encryption_key_file: Option<PathBuf>,
    /// Address under which browsers and providers reach this service.
    #[arg(long, env = "PUBLIC_URL")]
    pub public_url: Option<Url>,
    /// Port to listen on; 0 takes any free one.
    #[arg(long, env = "PORT", default_value_t = 3000)]
    pub port: u16,
    /// Address to listen on.
    #[arg(long, env = "BIND", default_value = "127.0.0.1")]
    pub bind: IpAddr,
    /// Address and port of the metrics listener; none without it.
    #[arg(long, env = "METRICS_BIND")]
    pub metrics_bind: Option<SocketAddr>,
    /// Proxies whose X-Forwarded-For is believed, as networks: 10.0.0.0/8.
    #[arg(long, env = "TRUSTED_PROXIES", value_delimiter = ',')]
    pub trusted_proxies: Vec<ipnet::IpNet>,
    /// Folder of the embedded cluster and of what the sandbox remembers.
    #[arg(long, env = "DATA_DIR", default_value = "data")]
    pub data_dir: PathBuf,
    /// Folder with the built browser files.
    #[arg(long, env = "SITE_DIR", default_value = "target/site")]
    pub site_dir: PathBuf,
    /// Connections of clients at once; further ones wait.
    #[arg(long, env = "MAX_CONNECTIONS", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub max_connections: u32,
    /// Seconds that cached credentials and routes may live.
    #[arg(long, env = "CACHE_TTL", default_value_t = 300)]
    pub cache_ttl: u64,
    /// Bytes that each cache may hold.
    #[arg(long, env = "CACHE_BYTES", default_value_t = 64 * 1024 * 1024)]
    pub cache_bytes: u64,
    /// Days that superseded and disconnected credentials can be restored.
    #[arg(long, env = "RESTORE_DAYS", default_value_t = 30)]
    pub restore_days: i32,
    /// Hours without a request after which a browser session ends.
    #[arg(long, env = "SESSION_IDLE_HOURS", default_value_t = 12)]
    pub session_idle_hours: u32,
    /// Days after which a browser session ends in any case.
    #[arg(long, env = "SESSION_ABSOLUTE_DAYS", default_value_t = 7)]
    pub session_absolute_days: u32,
    /// OAuth client of this installation at Google: its id. Without it each clinic brings its own.
    #[arg(long, env = "GOOGLE_CLIENT_ID")]
    pub google_client_id: Option<String>,
    /// The secret that belongs to it.
    #[arg(long, env = "GOOGLE_CLIENT_SECRET", hide_env_values = true)]
    pub google_client_secret: Option<String>,
    /// Base addresses of the providers' APIs.
    #[command(flatten)]
    pub bases: ProviderBases,
    /// Private hosts and ports at which a clinic's n8n may be, each as host:port. Every clinic may then
    /// name them; without it only public addresses are called.
    #[arg(long, env = "N8N_ALLOWED_HOSTS", value_delimiter = ',')]
    pub n8n_allowed_hosts: Vec<HostPort>,
    /// Log lines: `text` for people, `json` for machines.
    #[arg(long, env = "LOG_FORMAT", default_value = "text")]
    pub log_format: String,
    /// Start the providers' stand-ins and use them. Only with the embedded cluster.
    #[cfg(feature = "sandbox")]
    #[arg(long, env = "SANDBOX")]
    pub sandbox: bool,
    /// Do not run the background worker in this process.
    #[arg(long, env = "NO_WORKER")]
    pub no_worker: bool,
    /// Write a JSON file with the addresses when ready; for tests and supervisors.
    #[arg(long, env = "READY_FILE")]
    pub ready_file: Option<PathBuf>,
}

impl Config {
    /// True where the stand-ins are to be used.
    pub const fn uses_sandbox(&self) -> bool {
        #[cfg(feature = "sandbox")]
        {
            self.sandbox
        }
        #[cfg(not(feature = "sandbox"))]
        {
            false
        }
    }
}
