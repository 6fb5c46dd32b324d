//! The embedded cluster: started, shared, adopted, revived, refused.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use sqlx::{ConnectOptions, Connection};
use tokio::time::{sleep, timeout};
use voxanne::db::embedded::{Embedded, EmbeddedError, EmbeddedOptions};
use voxanne::db::migrate::{migrate, newest_version};

use crate::support::cluster::{TestDb, janitor, scratch_folder};

fn quick() -> EmbeddedOptions {
    EmbeddedOptions { durable: false, max_connections: 20, ..EmbeddedOptions::default() }
}

fn runs(pid: i32) -> bool {
    test_kill_process(Pid::from_raw(pid).unwrap()).is_ok()
}

async fn answers(embedded: &Embedded) -> bool {
    match embedded.owner_options().connect().await {
        Ok(connection) => connection.close().await.is_ok(),
        Err(_) => false,
    }
}

/// Waits for a condition that other processes bring about.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !holds().await {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(20), wait).await.unwrap_or_else(|_| panic!("in time: {what}"));
}

#[tokio::test]
async fn the_last_of_several_holders_stops_the_server_and_the_data_stays() {
    let data = scratch_folder("holders");
    let _janitor = janitor(&data);
    let first = Embedded::start(&data, quick()).await.unwrap();
    let pid = first.server_pid().unwrap();
    migrate(&first.owner_options()).await.unwrap();

    let second = Embedded::start(&data, quick()).await.unwrap();
    assert_eq!(second.server_pid(), Some(pid));
    first.stop().await.unwrap();
    assert!(answers(&second).await);
    let socket = second.owner_options().get_socket().unwrap().clone();
    second.stop().await.unwrap();
    until("the server is gone", async || !runs(pid)).await;
    assert!(!socket.exists(), "the socket's folder goes with the server");

    let third = Embedded::start(&data, quick()).await.unwrap();
    let mut connection = third.owner_options().connect().await.unwrap();
    let version: i64 = sqlx::query_scalar("select max(version) from _sqlx_migrations")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(version, newest_version());
    connection.close().await.unwrap();
    third.stop().await.unwrap();
}

#[tokio::test]
async fn a_server_left_behind_is_adopted_and_stopped_in_the_end() {
    let data = scratch_folder("orphan");
    let _janitor = janitor(&data);
    let killed = Embedded::start(&data, quick()).await.unwrap();
    let pid = killed.server_pid().unwrap();
    // What a killed process leaves: the server, and no lock.
    drop(killed);
    assert!(runs(pid));
    let adopted = Embedded::start(&data, quick()).await.unwrap();
    assert_eq!(adopted.server_pid(), Some(pid));
    assert!(answers(&adopted).await);
    adopted.stop().await.unwrap();
    until("the orphan is gone", async || !runs(pid)).await;
}

#[tokio::test]
async fn a_server_that_dies_is_started_again_at_the_same_address() {
    let data = scratch_folder("revive");
    let _janitor = janitor(&data);
    let embedded = Embedded::start(&data, quick()).await.unwrap();
    let pid = embedded.server_pid().unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    until("another server runs", async || embedded.server_pid().is_some_and(|now| now != pid)).await;
    until("it answers", async || answers(&embedded).await).await;
    embedded.stop().await.unwrap();
}

#[tokio::test]
async fn several_starts_at_once_make_one_cluster() {
    let data = scratch_folder("race");
    let _janitor = janitor(&data);
    let (one, two, three) = tokio::join!(
        Embedded::start(&data, quick()),
        Embedded::start(&data, quick()),
        Embedded::start(&data, quick())
    );
    let (one, two, three) = (one.unwrap(), two.unwrap(), three.unwrap());
    let pid = one.server_pid().unwrap();
    assert_eq!((two.server_pid(), three.server_pid()), (Some(pid), Some(pid)));
    let (a, b, c) = tokio::join!(one.stop(), two.stop(), three.stop());
    a.and(b).and(c).unwrap();
    until("the server is gone", async || !runs(pid)).await;
}

#[tokio::test]
async fn a_pid_file_that_names_some_other_process_does_not_stop_a_start() {
    let data = scratch_folder("stale");
    let _janitor = janitor(&data);
    Embedded::start(&data, quick()).await.unwrap().stop().await.unwrap();
    let own = std::process::id();
    let stale = format!("{own}\n/elsewhere\n1700000000\n5432\n/tmp\n\n  5432001   7\nready\n");
    fs::write(data.join("postgres/cluster/postmaster.pid"), stale).unwrap();
    let embedded = Embedded::start(&data, quick()).await.unwrap();
    assert!(answers(&embedded).await);
    embedded.stop().await.unwrap();
}

#[tokio::test]
async fn a_cluster_of_another_major_version_is_one_sentence() {
    let data = scratch_folder("major");
    let _janitor = janitor(&data);
    let cluster = data.join("postgres/cluster");
    fs::create_dir_all(&cluster).unwrap();
    fs::write(cluster.join("PG_VERSION"), "9.6\n").unwrap();
    let refusal = Embedded::start(&data, quick()).await.unwrap_err();
    assert!(matches!(refusal, EmbeddedError::OtherMajor { .. }), "{refusal}");
    let sentence = refusal.to_string();
    assert!(sentence.contains("was made by PostgreSQL 9.6 and this machine has"), "{sentence}");
}

#[tokio::test]
async fn a_data_folder_that_the_servers_user_can_not_enter_works_all_the_same() {
    use std::os::unix::fs::PermissionsExt;
    let closed = scratch_folder("closed");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    let data = closed.join("data");
    let _janitor = janitor(&data);
    for _ in 0..2 {
        let embedded = Embedded::start(&data, quick()).await.unwrap();
        assert!(answers(&embedded).await);
        embedded.stop().await.unwrap();
    }
    let is_root = rustix::process::geteuid().is_root();
    assert_eq!(data.join("postgres").is_symlink(), is_root, "only root needs another place");
    let _closed = janitor(&closed);
}

#[tokio::test]
async fn only_this_user_may_come_near_the_socket() {
    use std::os::unix::fs::PermissionsExt;
    let data = scratch_folder("socket");
    let _janitor = janitor(&data);
    let embedded = Embedded::start(&data, quick()).await.unwrap();
    let socket = embedded.owner_options().get_socket().unwrap().clone();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&socket), 0o700);
    assert_eq!(mode(&data.join("postgres/cluster")), 0o700);
    let rules = fs::read_to_string(data.join("postgres/pg_hba.conf")).unwrap();
    assert!(!rules.contains("trust") && rules.contains("local all all peer map=voxanne"), "{rules}");
    // A role outside of the map is refused although the user is the right one.
    assert!(embedded.owner_options().username("postgres").connect().await.is_err());
    embedded.stop().await.unwrap();
}

#[tokio::test]
async fn each_test_has_a_migrated_database_of_its_own() {
    let (one, two) = (TestDb::create().await, TestDb::create().await);
    assert_ne!(one.name, two.name);
    let who: (String, bool) = sqlx::query_as(
        "select current_user::text, (select rolsuper or rolbypassrls from pg_roles where rolname = current_user)",
    )
    .fetch_one(&one.app)
    .await
    .unwrap();
    assert_eq!(who, ("voxanne_app".to_owned(), false));
    sqlx::query("select create_organization($1, 'One', 'one', 'UTC', 'US')")
        .bind(uuid::Uuid::now_v7())
        .execute(&one.app)
        .await
        .unwrap();
    let count = |pool| sqlx::query_scalar::<_, i64>("select count_organizations()").fetch_one(pool);
    assert_eq!(count(&one.app).await.unwrap(), 1);
    assert_eq!(count(&two.app).await.unwrap(), 0);
}
