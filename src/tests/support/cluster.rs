//! One PostgreSQL cluster per test process and one database per test.
//!
//! The cluster is made at first use in a folder of its own, without fsync, and holds a migrated
//! template; a test's database is a copy of it (about 50 ms). Rust's test programs have no hook at
//! their end, so a small shell waits for the end of a pipe that only this process holds: however
//! this process ends, the shell then ends the server and removes the folder.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgPool};
use voxanne::db::embedded::{Embedded, EmbeddedOptions};
use voxanne::db::migrate::migrate;
use voxanne::db::pool::connect_app;

const TEMPLATE: &str = "template_voxanne";

/// The cluster of this process. Lives as long as the process.
struct Cluster {
    owner: PgConnectOptions,
    app: PgConnectOptions,
    superuser: PgConnectOptions,
    /// Its standard input is the pipe; it must not be closed before the process ends.
    _janitor: Janitor,
}

static CLUSTER: OnceLock<Cluster> = OnceLock::new();
static NEXT_DATABASE: AtomicU32 = AtomicU32::new(0);

fn cluster() -> &'static Cluster {
    CLUSTER.get_or_init(|| {
        let (ready, told) = std::sync::mpsc::channel();
        // A thread with a runtime of its own: the runtime of one test ends with that test.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let (embedded, cluster) = start().await;
                ready.send(cluster).unwrap();
                let _held = embedded;
                std::future::pending::<()>().await;
            });
        });
        told.recv().expect("the cluster of the tests starts")
    })
}

async fn start() -> (Embedded, Cluster) {
    let folder = scratch_folder("cluster");
    let options = EmbeddedOptions { durable: false, max_connections: 400, ..EmbeddedOptions::default() };
    let janitor = janitor(&folder);
    let embedded = Embedded::start(&folder, options).await.unwrap();
    let owner = embedded.owner_options();
    migrate(&owner).await.unwrap();
    let superuser = embedded.superuser_options();
    let mut connection = superuser.connect().await.unwrap();
    connection.execute("alter database voxanne rename to template_voxanne").await.unwrap();
    connection.close().await.unwrap();
    let cluster = Cluster { owner, app: embedded.app_options(), superuser, _janitor: janitor };
    (embedded, cluster)
}

/// The shell that cleans up. Dropping it lets it begin; nobody waits for it.
pub struct Janitor(#[expect(dead_code, reason = "holds the pipe open")] Child);

/// Ends whatever server runs below `folder` when this process ends, and removes the folder. To be
/// called before the server is started. In a process group of its own, for Ctrl-C would end it first.
pub fn janitor(folder: &Path) -> Janitor {
    use std::os::unix::process::CommandExt;
    Command::new("/bin/sh")
        .args(["-c", JANITOR, "janitor"])
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map(Janitor)
        .unwrap()
}

/// Signals a process only if its command line names the cluster: numbers are used again.
const JANITOR: &str = r#"
read _
home=$(readlink -f "$1/postgres")
cluster="$home/cluster"
pid=$(sed -n 1p "$cluster/postmaster.pid")
socket=$(sed -n 5p "$cluster/postmaster.pid")
runs() { ps -o args= -p "$pid" | grep -qF -- "-D $cluster"; }
runs && kill -QUIT "$pid"
while runs; do sleep 0.05; done
case "$socket" in */voxanne-*) rm -rf "$socket" ;; esac
rm -rf "$home" "$1"
"#;

/// A new folder that nobody else uses.
pub fn scratch_folder(name: &str) -> PathBuf {
    let unique = uuid::Uuid::new_v4().simple();
    let folder = std::env::temp_dir().join(format!("voxanne-test-{name}-{unique}"));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// A database of its own for one test: the whole schema, no rows. Clones share it.
#[derive(Clone)]
pub struct TestDb {
    pub name: String,
    /// As the server connects.
    pub app: voxanne::db::PgPool,
    /// As migrations connect: owns the tables, and forced row-level security holds for it too.
    pub owner: PgPool,
    /// Bypasses everything: for looking at what is really there.
    pub superuser: PgPool,
}

impl TestDb {
    /// Copies the template.
    pub async fn create() -> Self {
        Self::create_like(TEMPLATE).await
    }

    /// Copies any database of the cluster that nobody is connected to.
    pub async fn create_like(template: &str) -> Self {
        let cluster = cluster();
        let name = format!("test_{}", NEXT_DATABASE.fetch_add(1, Ordering::Relaxed));
        let mut connection = cluster.superuser.connect().await.unwrap();
        let create = format!("create database {name} template {template} owner voxanne_owner");
        connection.execute(AssertSqlSafe(create)).await.unwrap();
        connection.close().await.unwrap();
        Self::open(name).await
    }

    /// The same database through pools of its own.
    pub async fn same(&self) -> Self {
        Self::open(self.name.clone()).await
    }

    async fn open(name: String) -> Self {
        let Cluster { owner, app, superuser, .. } = cluster();
        Self::connect(name, owner, app, superuser).await
    }

    /// The database of a cluster of a test's own, which may die.
    pub async fn of(cluster: &Embedded) -> Self {
        let owner = cluster.owner_options();
        migrate(&owner).await.unwrap();
        let name = owner.get_database().unwrap().to_owned();
        Self::connect(name, &owner, &cluster.app_options(), &cluster.superuser_options()).await
    }

    async fn connect(
        name: String,
        owner: &PgConnectOptions,
        app: &PgConnectOptions,
        superuser: &PgConnectOptions,
    ) -> Self {
        let app = connect_app(app.clone().database(&name), 4).await.unwrap();
        let pool = || PgPoolOptions::new().max_connections(2);
        let owner = pool().connect_lazy_with(owner.clone().database(&name));
        let superuser = pool().connect_lazy_with(superuser.clone().database(&name));
        Self { name, app, owner, superuser }
    }

    /// A digest of each table's rows, but for what every request touches: equal digests, nothing changed.
    pub async fn digest(&self) -> std::collections::BTreeMap<String, String> {
        let tables: Vec<String> = sqlx::query_scalar(
            "select c.relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
              where n.nspname = 'public' and c.relkind = 'r' and c.relname not in ('sessions', 'rate_counters')",
        )
        .fetch_all(&self.superuser)
        .await
        .unwrap();
        let mut digests = std::collections::BTreeMap::new();
        for table in tables {
            let sql =
                format!("select coalesce(md5(string_agg(t::text, '|' order by t::text)), '') from {table} t");
            let digest = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&self.superuser).await.unwrap();
            digests.insert(table, digest);
        }
        digests
    }

    /// The address of this database for a process of its own, as some role of the cluster.
    pub fn url(&self, role: &str) -> String {
        let known = self.owner.connect_options();
        let socket = known.get_socket().unwrap().to_string_lossy();
        let socket: String = url::form_urlencoded::byte_serialize(socket.as_bytes()).collect();
        format!(
            "postgres://{role}@localhost:{}/{}?host={socket}&sslmode=disable",
            known.get_port(),
            self.name
        )
    }

    /// How the server connects to this database; for a pool of a test's own.
    pub fn app_options(&self) -> PgConnectOptions {
        (*self.owner.connect_options()).clone().username("voxanne_app")
    }
}
