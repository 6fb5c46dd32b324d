//! The embedded default: a private PostgreSQL cluster, for a machine without `DATABASE_URL`.
//!
//! It finds server programs on the machine (it downloads none), keeps a cluster below
//! `<data>/postgres`, and makes the roles and the empty database. The schema is made by
//! `db::migrate`, the same as on any other server: nothing else knows which of the two it is.
//!
//! **Who may connect.** There is no TCP port. The socket lies in a folder of mode 0700, and the
//! server asks the kernel who is at the other end (`peer`): only the user that runs this program is
//! let in, and only as one of three roles. A password would have to lie in a file beside the
//! cluster, readable by exactly that user, so it would add nothing. PostgreSQL refuses to run as
//! root; under root it runs as the system's user `postgres` (or as the owner of a cluster that is
//! there already), and that user owns the cluster and the socket's folder. It gets none of our
//! environment, for that may hold keys.
//!
//! **Several processes** (`serve`, `worker`, a second `serve`) share the cluster. Each holds a
//! shared lock on a file, and who leaves last stops the server. The kernel gives the locks of a
//! killed process back; its server then runs on, and the next start adopts it. Each process also
//! watches the server and starts it again if it dies; connections are the pool's to renew.

mod binaries;
mod error;
mod layout;
mod lock;
mod server;
mod user;
mod watch;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{ConnectOptions, Connection, Executor, PgConnection};

pub use error::EmbeddedError;
use layout::Layout;
use lock::Lock;
use server::Server;
use watch::Watch;

const SUPERUSER: &str = "voxanne_superuser";
const OWNER: &str = "voxanne_owner";
const APP: &str = "voxanne_app";
const DATABASE: &str = "voxanne";

/// How the cluster is run.
#[derive(Clone, Debug)]
pub struct EmbeddedOptions {
    /// The folder of the server programs; `None` looks for `VOXANNE_PG_BIN`, then where packages
    /// put them.
    pub pg_bin: Option<PathBuf>,
    /// Whether a commit outlives a power cut. Only tests may do without.
    pub durable: bool,
    /// How many connections the server takes, of all processes together.
    pub max_connections: u16,
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        Self { pg_bin: None, durable: true, max_connections: 100 }
    }
}

/// A running cluster, held by this process. Dropped without [`Embedded::stop`] it leaves the server
/// running, to be adopted by the next start.
#[derive(Debug)]
pub struct Embedded {
    server: Arc<Server>,
    holder: Lock,
    watch: Watch,
    socket: PathBuf,
}

impl Embedded {
    /// Starts the cluster below `data_dir`, or joins it where it runs already. Makes what is missing:
    /// folders, cluster, roles and the empty database.
    pub async fn start(data_dir: &Path, options: EmbeddedOptions) -> Result<Self, EmbeddedError> {
        let layout = Layout::prepare(data_dir)?;
        let starting = Lock::starting(&layout.home).await?;
        let server = Arc::new(Server::new(layout, options)?);
        let holder = Lock::holding(&server.layout.home)?;
        server.ensure_cluster().await?;
        let running = server.ensure_running(None).await?;
        let socket = running.socket.clone();
        let watch = Watch::begin(Arc::clone(&server), running);
        let embedded = Self { server, holder, watch, socket };
        let set_up = embedded.set_up().await;
        drop(starting);
        match set_up {
            Ok(()) => Ok(embedded),
            Err(error) => {
                embedded.stop().await?;
                Err(error.into())
            }
        }
    }

    /// How the owner of the schema connects: for migrations only.
    pub fn owner_options(&self) -> PgConnectOptions {
        self.options(OWNER, DATABASE)
    }

    /// How the server connects: no owner, bypasses nothing. The role is made by the first migration.
    pub fn app_options(&self) -> PgConnectOptions {
        self.options(APP, DATABASE)
    }

    /// How the superuser of the cluster connects, to its maintenance database: for tests and dumps.
    pub fn superuser_options(&self) -> PgConnectOptions {
        self.options(SUPERUSER, "postgres")
    }

    /// The process that is the server now; `None` while there is none. It changes if the server dies
    /// and is started again.
    pub fn server_pid(&self) -> Option<i32> {
        self.server.current_pid()
    }

    /// Leaves the cluster, and stops the server if nobody else is left.
    pub async fn stop(self) -> Result<(), EmbeddedError> {
        let _starting = Lock::starting(&self.server.layout.home).await?;
        let running = self.watch.end().await;
        match running {
            Some(running) if self.holder.was_last() => self.server.stop(running).await,
            _ => Ok(()),
        }
    }

    fn options(&self, role: &str, database: &str) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .socket(&self.socket)
            .port(5432)
            .username(role)
            .database(database)
            .ssl_mode(PgSslMode::Disable)
    }

    /// The owner and its database. Each step looks first, so that an interrupted one is completed.
    async fn set_up(&self) -> Result<(), sqlx::Error> {
        let mut postgres = self.superuser_options().connect().await?;
        if !exists(&mut postgres, "select exists (select from pg_roles where rolname = $1)", OWNER).await? {
            postgres.execute("create role voxanne_owner login createrole").await?;
        }
        if !exists(&mut postgres, "select exists (select from pg_database where datname = $1)", DATABASE)
            .await?
        {
            postgres.execute("create database voxanne owner voxanne_owner template template0").await?;
            postgres.execute("revoke all on database voxanne from public").await?;
        }
        postgres.close().await?;
        let mut database = self.options(SUPERUSER, DATABASE).connect().await?;
        database.execute("alter schema public owner to voxanne_owner").await?;
        database.close().await
    }
}

async fn exists(connection: &mut PgConnection, query: &'static str, name: &str) -> sqlx::Result<bool> {
    sqlx::query_scalar(query).bind(name).fetch_one(connection).await
}
