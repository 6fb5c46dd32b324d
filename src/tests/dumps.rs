//! A dump as the role that is meant for it, and the worker as a process of its own.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sqlx::Executor;

use super::support::app::TestApp;
use super::support::cluster::{TestDb, scratch_folder};
use super::support::process::{free_port, voxanne};

/// A program of PostgreSQL, of the newest version that is installed; none where there is none.
fn program(name: &str) -> Option<std::path::PathBuf> {
    let own = std::env::var_os("VOXANNE_PG_BIN").map(std::path::PathBuf::from);
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<_> = installed.map(|entry| entry.path().join("bin")).collect();
    folders.sort();
    let all = own.into_iter().chain(folders.into_iter().rev()).chain(["/usr/bin".into()]);
    all.map(|folder| folder.join(name)).find(|path| path.exists())
}

fn run(program: &std::path::Path, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{program:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_as_the_backup_role_has_every_row_and_can_be_restored() {
    let (Some(dump), Some(psql)) = (program("pg_dump"), program("psql")) else {
        panic!("pg_dump and psql belong to PostgreSQL's programs, which the tests need anyway");
    };
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    app.connected_clinic("Harbor Clinic").await;
    assert_eq!(owner.send("GET", "/api/integrations/status", None).await.status, 200);
    voxanne::jobs::flush(app.services.clone()).await.unwrap();
    let folder = scratch_folder("dump");
    let file = folder.join("dump.sql");
    let file = file.to_str().unwrap();
    let superuser: String =
        sqlx::query_scalar("select current_user::text").fetch_one(&app.db.superuser).await.unwrap();
    let url = app.db.url(&superuser);
    run(&dump, &["--enable-row-security", "--role=voxanne_backup", "--file", file, &url]);

    // Into a database of its own, and compared table by table, what every request touches included.
    let target = TestDb::create().await;
    target.superuser.execute("drop schema public cascade").await.unwrap();
    target.superuser.execute("create schema public").await.unwrap();
    let text = std::fs::read_to_string(file).unwrap().replace("CREATE SCHEMA public;", "");
    std::fs::write(file, text).unwrap();
    run(&psql, &["--quiet", "--set=ON_ERROR_STOP=1", "--dbname", &target.url(&superuser), "--file", file]);
    assert_eq!(target.digest().await, app.db.digest().await);
    for table in ["sessions", "rate_counters"] {
        let sql = format!("select count(*) from {table}");
        let count = |pool: sqlx::PgPool| {
            let sql = sqlx::AssertSqlSafe(sql.clone());
            async move { sqlx::query_scalar::<_, i64>(sql).fetch_one(&pool).await.unwrap() }
        };
        let (there, here) = (count(target.superuser.clone()).await, count(app.db.superuser.clone()).await);
        assert_eq!(there, here, "{table}");
        assert!(there > 0, "{table} has rows to compare");
    }
    assert_eq!(app.count("select count(*) from memberships where org_id = $1", clinic.org).await, 3);
    std::fs::remove_dir_all(folder).unwrap();
}

/// Kills the process when the test is over, however it ends.
struct Killed(std::process::Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worker_serves_its_metrics() {
    let db = TestDb::create().await;
    let port = free_port();
    let (bind, url) = (format!("127.0.0.1:{port}"), db.url("voxanne_app"));
    let key = "1".repeat(64);
    let environment = [
        ("DATABASE_URL", url.as_str()),
        ("ENCRYPTION_KEY", key.as_str()),
        ("METRICS_BIND", bind.as_str()),
        ("PUBLIC_URL", "https://voxanne.example"),
    ];
    let command = voxanne(&["worker"], &environment).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let mut worker = Killed(command.unwrap());
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let started = Instant::now();
    let text = loop {
        assert!(worker.0.try_wait().unwrap().is_none(), "the worker has ended");
        assert!(started.elapsed() < Duration::from_secs(60), "the metrics do not answer");
        // Once a first round is through, there is something to tell.
        if let Ok(answer) = http.get(format!("http://{bind}/metrics")).send().await
            && answer.status().is_success()
            && let Ok(text) = answer.text().await
            && text.contains(r#"voxanne_work_total{task="sweep",outcome="done"}"#)
        {
            break text;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(!text.contains(r#"outcome="failed""#), "{text}");
}
