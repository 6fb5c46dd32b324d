//! The first start of the sandbox, killed at one point after another: the next one finishes what it finds,
//! and everybody can sign in.

use std::process::Stdio;
use std::time::{Duration, Instant};

use sqlx::{ConnectOptions, Connection, PgConnection};
use voxanne::db::embedded::{Embedded, EmbeddedOptions};

use super::support::app::Browser;
use super::support::process::{DataFolder, Serving, voxanne};

/// Clinics, people and memberships together; none while the schema is not there.
async fn made(connection: &mut PgConnection) -> i64 {
    let count = "select (select count(*) from organizations) + (select count(*) from users) + (select count(*) from memberships)";
    sqlx::query_scalar(count).fetch_one(connection).await.unwrap_or_default()
}

async fn everybody_signs_in(serving: &Serving) {
    let accounts = serving.ready["accounts"].as_array().unwrap();
    assert_eq!(accounts.len(), 7);
    for account in accounts {
        let field = |name: &str| account[name].as_str().unwrap();
        let browser = Browser::to(serving.url());
        let fields = [("email", field("email")), ("password", field("password"))];
        assert_eq!(browser.post("/login", &fields).await.status, 303, "{}", field("email"));
        assert_eq!(browser.get("/dashboard").await.status, 200, "{}", field("email"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_start_that_is_killed_is_finished_by_the_next_and_everybody_can_sign_in() {
    let data = DataFolder::new("demo");
    let cluster = Embedded::start(&data.path, EmbeddedOptions::default()).await.unwrap();
    let mut database = cluster.superuser_options().database("voxanne").connect().await.unwrap();
    let all = ["serve", "--port", "0", "--sandbox", "--no-worker", "--data-dir", data.text()];
    // Two clinics, seven people and eight memberships are 17 rows.
    for wanted in [1, 2, 5, 9, 14] {
        let mut child = voxanne(&all, &[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let began = Instant::now();
        while made(&mut database).await < wanted {
            assert!(began.elapsed() < Duration::from_secs(60), "nothing is made");
            assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let serving = Serving::start(&all[3..], &[]);
    everybody_signs_in(&serving).await;
    assert_eq!(made(&mut database).await, 17);
    assert_eq!(serving.terminate(), Some(0));

    // Without the file nobody knows the passwords any more: there are new ones.
    std::fs::remove_file(data.path.join("demo-accounts.json")).unwrap();
    let serving = Serving::start(&all[3..], &[]);
    everybody_signs_in(&serving).await;
    assert_eq!(serving.terminate(), Some(0));
    let again = Serving::start(&all[3..], &[]);
    everybody_signs_in(&again).await;
    assert_eq!(again.terminate(), Some(0));
    database.close().await.unwrap();
    cluster.stop().await.unwrap();
}
