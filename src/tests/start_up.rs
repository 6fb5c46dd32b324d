//! Starts of the real binary: those that must not happen, and those that must go well.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use voxanne::db::keys::{self, KeyCheckRow};
use voxanne::vault::Keyring;

use super::support::cluster::{TestDb, scratch_folder};
use super::support::process::{DataFolder, Ended, Serving, free_port, run, run_watched};

const ONE: &str = "1111111111111111111111111111111111111111111111111111111111111111";
const TWO: &str = "2222222222222222222222222222222222222222222222222222222222222222";
const THREE: &str = "3333333333333333333333333333333333333333333333333333333333333333";

fn key_file(folder: &Path, text: &str, mode: u32) -> PathBuf {
    let path = folder.join(format!("{}.key", uuid::Uuid::new_v4().simple()));
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    path
}

/// How long a refusal may take over a database that runs already (bar C6), from the start of the
/// process to its end.
const REFUSAL: Duration = Duration::from_secs(2);

/// A refusal for the key, within its time. The machine may be busy with other tests, which is not the
/// product's doing, so the best of three counts.
fn refused_key(environment: &[(&str, &str)]) -> Ended {
    let mut ended = refused_start(&[], environment);
    for _ in 0..2 {
        if ended.took > REFUSAL {
            let again = refused_start(&[], environment);
            assert_eq!(again.err.lines().last(), ended.err.lines().last());
            ended = again;
        }
    }
    assert!(ended.took <= REFUSAL, "{ended:?}");
    ended
}

/// Runs `serve` on a port that nobody may ever have reached. With an embedded cluster the time is that
/// of its start and end, so only a hang fails.
fn refused_start(arguments: &[&str], environment: &[(&str, &str)]) -> Ended {
    let port = free_port();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let text = port.to_string();
    let mut all = vec!["serve", "--port", &text];
    all.extend(arguments);
    let ended = run_watched(&all, environment, "", || {
        assert!(TcpStream::connect(address).is_err(), "the port was opened");
    });
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.took < Duration::from_secs(10), "{ended:?}");
    assert!(ended.err.lines().last().is_some_and(|line| line.starts_with("voxanne: ")), "{ended:?}");
    ended
}

/// The rows that a keyring leaves in the database.
async fn write_checks(db: &TestDb, text: &str) {
    let stored = keys::list_checks(&db.app).await.unwrap();
    assert!(stored.is_empty());
    for check in Keyring::parse(text).unwrap().check(&[]).unwrap() {
        let (kek_id, state) = (check.kek_id, check.state.as_str().to_owned());
        keys::upsert_check(&db.app, &KeyCheckRow { kek_id, state, sealed: check.sealed.to_vec() })
            .await
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_does_not_fit_stops_the_start_before_anything_is_opened_or_written() {
    let db = TestDb::create().await;
    write_checks(&db, &format!("1 {ONE} current\n2 {TWO} staged\n")).await;
    sqlx::query("update key_checks set state = 'retired' where kek_id = 2")
        .execute(&db.superuser)
        .await
        .unwrap();
    let (url, folder, before) = (db.url("voxanne_app"), scratch_folder("keys"), db.digest().await);
    let database = ("DATABASE_URL", url.as_str());
    let file = |text: String, mode| key_file(&folder, &text, mode).to_str().unwrap().to_owned();
    let cases = [
        ("no key", "", String::new(), "there is no encryption key"),
        ("short", "ENCRYPTION_KEY", ONE[..40].to_owned(), "40"),
        ("wrong", "ENCRYPTION_KEY_FILE", file(format!("1 {THREE} current"), 0o400), "key 1"),
        ("swapped", "ENCRYPTION_KEY_FILE", file(format!("1 {TWO} current\n2 {ONE} retired"), 0o400), "key 1"),
        ("retired", "ENCRYPTION_KEY_FILE", file(format!("1 {ONE} retired\n2 {TWO} current"), 0o400), "key 2"),
        (
            "not staged",
            "ENCRYPTION_KEY_FILE",
            file(format!("1 {ONE} retired\n3 {THREE} current"), 0o400),
            "key 3",
        ),
        ("world-readable", "ENCRYPTION_KEY_FILE", file(format!("1 {ONE} current"), 0o444), "444"),
    ];
    for (name, setting, value, says) in &cases {
        let mut environment = vec![database];
        if !setting.is_empty() {
            environment.push((setting, value.as_str()));
        }
        let ended = refused_key(&environment);
        let said = ended.err.to_lowercase();
        assert!(said.contains(says), "{name}: {}", ended.err);
        for key in [ONE, TWO, THREE] {
            assert!(!said.contains(&key[..16]), "{name} tells the key: {}", ended.err);
        }
        assert_eq!(db.digest().await, before, "{name}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_or_a_schema_that_isolation_would_not_survive_stops_the_start() {
    let db = TestDb::create().await;
    let key = ("ENCRYPTION_KEY", ONE);
    let superuser = db.url("voxanne_superuser");
    let ended = refused_start(&[], &[("DATABASE_URL", &superuser), key]);
    assert!(ended.err.contains("superuser"), "{}", ended.err);
    let doctor = run(&["doctor"], &[("DATABASE_URL", &superuser), key], "");
    assert_eq!(doctor.code, Some(1));
    assert!(doctor.out.contains("is a superuser"), "{doctor:?}");
    let owner = db.url("voxanne_owner");
    assert!(refused_start(&[], &[("DATABASE_URL", &owner), key]).err.contains("owns tables"));

    let app = db.url("voxanne_app");
    let doctor =
        run(&["doctor"], &[("DATABASE_URL", &app), ("TWILIO_AUTH_TOKEN", "a master token"), key], "");
    assert_eq!(doctor.code, Some(0), "{doctor:?}");
    assert!(doctor.out.contains("warning  TWILIO_AUTH_TOKEN"), "{doctor:?}");
    assert!(!doctor.out.contains("a master token") && !doctor.err.contains("a master token"));

    sqlx::query("create table bare (org_id uuid, secret text)").execute(&db.owner).await.unwrap();
    sqlx::query("grant select on bare to voxanne_app").execute(&db.owner).await.unwrap();
    let ended = refused_start(&[], &[("DATABASE_URL", &app), key]);
    assert!(ended.err.contains("bare"), "{}", ended.err);
    let checks = keys::list_checks(&db.app).await.unwrap();
    assert!(checks.is_empty(), "none of them wrote anything");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_is_one_sentence_and_a_good_start_ends_in_order() {
    let db = TestDb::create().await;
    let url = db.url("voxanne_app");
    let environment = [("DATABASE_URL", url.as_str()), ("ENCRYPTION_KEY", ONE)];
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let ended = run(&["serve", "--port", &port], &environment, "");
    assert_eq!(ended.code, Some(1));
    let last = ended.err.lines().last().unwrap();
    assert!(last.contains(&format!("port {port} is taken")) && last.contains("--port"), "{last}");

    let serving = Serving::start(&[], &environment);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let body = client.get(format!("{}/readyz", serving.url())).send().await.unwrap();
    assert_eq!(body.status(), 200);
    let began: Vec<String> = sqlx::query_scalar("select action from platform_audit_log order by seq")
        .fetch_all(&db.superuser)
        .await
        .unwrap();
    assert_eq!(began, ["key.introduced", "service.started"]);
    assert_eq!(serving.terminate(), Some(0));
    let ended = refused_key(&[("DATABASE_URL", &url), ("ENCRYPTION_KEY", TWO)]);
    assert!(ended.err.contains("does not fit the database"), "{}", ended.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_on_one_data_folder_share_its_cluster_through_every_kind_of_end() {
    let data = DataFolder::new("start-up");
    let arguments = ["--sandbox", "--data-dir", data.text()];
    let first = Serving::start(&arguments, &[]);
    let (pid, _) = data.cluster().unwrap();
    let second = Serving::start(&arguments, &[]);
    assert_ne!(first.url(), second.url());
    assert_eq!(data.cluster().map(|cluster| cluster.0), Some(pid), "the second joins the first's cluster");
    assert_eq!(first.terminate(), Some(0));
    assert_eq!(data.cluster().map(|cluster| cluster.0), Some(pid), "somebody still uses it");

    second.kill();
    assert_eq!(data.cluster().map(|cluster| cluster.0), Some(pid), "nobody was there to stop it");
    let key = data.path.with_file_name("data.key");
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o400);
    let real = refused_start(&["--data-dir", data.text()], &[]);
    assert!(real.err.contains("data of the sandbox"), "{}", real.err);
    assert!(data.cluster().is_none(), "a refused start leaves nothing running");

    let third = Serving::start(&arguments, &[]);
    assert_eq!(third.ready["accounts"].as_array().unwrap().len(), 7, "the demo accounts are still known");
    assert_eq!(third.terminate(), Some(0));
    assert!(data.cluster().is_none(), "the last one stops the cluster");

    let aside = key.with_extension("aside");
    std::fs::rename(&key, &aside).unwrap();
    let lost = refused_start(&arguments, &[]);
    assert!(lost.err.contains("is gone"), "{}", lost.err);
    assert!(!key.exists(), "no new key is made over data that an old one sealed");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_way_of_not_getting_a_port_has_its_own_sentence() {
    let db = TestDb::create().await;
    let url = db.url("voxanne_app");
    let environment = [("DATABASE_URL", url.as_str()), ("ENCRYPTION_KEY", ONE)];
    // An address for documentation: no machine has it.
    let elsewhere = run(&["serve", "--port", "0", "--bind", "192.0.2.1"], &environment, "");
    let last = elsewhere.err.lines().last().unwrap();
    assert!(elsewhere.code == Some(1) && last.contains("192.0.2.1 is no address"), "{last}");
    assert!(!last.contains("taken"), "{last}");

    let data = DataFolder::new("ports");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    // The stand-ins are on the ports after the service's own.
    let port = (taken.local_addr().unwrap().port() - 1).to_string();
    let ended = run(&["serve", "--sandbox", "--data-dir", data.text(), "--port", &port], &[], "");
    let last = ended.err.lines().last().unwrap();
    assert!(ended.code == Some(1) && last.contains("four ports after"), "{last}");
    assert!(last.contains("--port"), "{last}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sandbox_takes_neither_a_database_of_ones_own_nor_an_address_that_others_reach() {
    let db = TestDb::create().await;
    let url = db.url("voxanne_app");
    let own = refused_start(&["--sandbox"], &[("DATABASE_URL", &url), ("ENCRYPTION_KEY", ONE)]);
    assert!(own.err.contains("leave out DATABASE_URL"), "{}", own.err);
    let open = refused_start(&["--sandbox", "--bind", "0.0.0.0"], &[]);
    assert!(open.err.contains("listens on this machine only"), "{}", open.err);
    assert!(keys::list_checks(&db.app).await.unwrap().is_empty());
}
