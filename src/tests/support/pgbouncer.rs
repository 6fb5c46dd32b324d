//! PgBouncer in transaction mode, in front of the cluster of the tests.
//!
//! The program of the system is used. Where there is none, [`PgBouncer::start`] gives none and says
//! so: `tools/setup` installs it for root.

use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{ConnectOptions, Connection, Executor};

use super::cluster::{TestDb, scratch_folder};

/// How long it may take until it answers. Generous: only a hang takes this long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running PgBouncer for one database. Dropped, it ends.
pub struct PgBouncer {
    child: Child,
    folder: PathBuf,
    database: String,
}

impl PgBouncer {
    /// Starts it with so many connections to the server. None where the program is missing.
    pub async fn start(db: &TestDb, connections: u32) -> Option<Self> {
        let Some(program) = find() else {
            #[expect(clippy::print_stderr, reason = "who runs the tests has to see what did not run")]
            {
                eprintln!("not run: pgbouncer missing (tools/setup e2e installs it for root)");
            }
            return None;
        };
        let app = db.app_options();
        let socket = app.get_socket().unwrap().clone();
        let folder = scratch_folder("pgbouncer");
        let users = folder.join("users.txt");
        std::fs::write(&users, "\"voxanne_app\" \"\"\n").unwrap();
        let settings = format!(
            "[databases]\n{name} = host={host} port={port} dbname={name} user=voxanne_app\n\
             [pgbouncer]\npool_mode = transaction\nlisten_addr =\nlisten_port = 6432\nunix_socket_dir = {folder}\n\
             unix_socket_mode = 0777\nauth_type = trust\nauth_file = {users}\ndefault_pool_size = {connections}\n\
             max_client_conn = 200\nserver_login_retry = 1\nserver_check_delay = 0\nlogfile = {folder}/log\n",
            name = db.name,
            host = socket.display(),
            port = app.get_port(),
            folder = folder.display(),
            users = users.display(),
        );
        let file = folder.join("pgbouncer.ini");
        std::fs::write(&file, settings).unwrap();
        let mut command = Command::new(program);
        if rustix::process::geteuid().is_root() {
            let owner = std::fs::metadata(&socket).unwrap();
            for path in [&folder, &users, &file] {
                chown(path, Some(owner.uid()), Some(owner.gid())).unwrap();
            }
            let name = name_of(owner.uid());
            let_in(db, &name).await;
            command.args(["-u", &name]);
        }
        let child = command
            .arg("-q")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut pooler = Self { child, folder, database: db.name.clone() };
        pooler.wait_until_it_answers().await;
        Some(pooler)
    }

    /// How the server connects through it.
    pub fn options(&self) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .socket(&self.folder)
            .port(6432)
            .username("voxanne_app")
            .database(&self.database)
            .ssl_mode(PgSslMode::Disable)
    }

    /// The same as an address, for a process of its own.
    pub fn url(&self) -> String {
        let socket: String =
            url::form_urlencoded::byte_serialize(self.folder.as_os_str().as_encoded_bytes()).collect();
        format!("postgres://voxanne_app@localhost:6432/{}?host={socket}&sslmode=disable", self.database)
    }

    async fn wait_until_it_answers(&mut self) {
        let started = Instant::now();
        // As the product does it: PgBouncer takes no client that asks for this setting.
        let options = self.options().extra_float_digits(None);
        loop {
            let answer = async {
                let mut connection = options.connect().await?;
                connection.execute("select 1").await?;
                connection.close().await
            };
            let Err(error) = answer.await else { return };
            let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            let is_gone = self.child.try_wait().unwrap().is_some();
            assert!(!is_gone && started.elapsed() < PATIENCE, "PgBouncer does not answer: {error}\n{log}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::INT);
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    folders.map(|folder| folder.join("pgbouncer")).find(|program| program.is_file())
}

fn name_of(uid: u32) -> String {
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let line = users.lines().find(|line| line.split(':').nth(2) == Some(&uid.to_string()));
    line.unwrap().split(':').next().unwrap().to_owned()
}

/// PgBouncer does not run as root, and the cluster lets in nobody else: so it learns another name.
async fn let_in(db: &TestDb, name: &str) {
    let file: String =
        sqlx::query_scalar("select current_setting('ident_file')").fetch_one(&db.superuser).await.unwrap();
    let known = std::fs::read_to_string(&file).unwrap();
    let line = format!("voxanne \"{name}\" voxanne_app\n");
    if !known.contains(&line) {
        append(Path::new(&file), &line);
    }
    let reload = "select pg_reload_conf()";
    assert!(sqlx::query_scalar::<_, bool>(reload).fetch_one(&db.superuser).await.unwrap());
}

fn append(file: &Path, line: &str) {
    use std::io::Write;
    std::fs::OpenOptions::new().append(true).open(file).unwrap().write_all(line.as_bytes()).unwrap();
}
