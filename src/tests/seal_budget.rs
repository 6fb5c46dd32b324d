//! The count of seals over real tables (bar C4): processes share it, none seals what was not reserved
//! before, and one that is killed wastes a part of its block and repeats nothing.

use std::collections::{HashMap, HashSet};

use super::support::app::TestApp;
use super::support::process::Serving;
use super::support::wire::Wire;
use super::tenancy_pool::all_cases;

/// Version and nonce of every sealed payload of a clinic.
async fn sealed(app: &TestApp, wire: &Wire) -> Vec<(i32, Vec<u8>)> {
    let blobs: Vec<Vec<u8>> =
        sqlx::query_scalar("select sealed_payload from inbound_events where org_id = $1")
            .bind(wire.org.0)
            .fetch_all(&app.db.superuser)
            .await
            .unwrap();
    blobs
        .into_iter()
        .map(|blob| (i32::from_be_bytes(blob[2..6].try_into().unwrap()), blob[6..18].to_vec()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_share_the_budget_of_a_key_and_a_killed_one_only_overcounts() {
    let app = TestApp::start().await;
    let wire = Wire::new(&app, "Sunrise Dental").await;
    let url = app.db.url("voxanne_app");
    let environment = [
        ("DATABASE_URL", url.as_str()),
        ("ENCRYPTION_KEY", app.key.as_str()),
        ("PUBLIC_URL", app.url.as_str()),
    ];
    // The database is marked as the sandbox's, which a process of its own may not be: so it is made real.
    sqlx::query("update installation set is_sandbox = false").execute(&app.db.superuser).await.unwrap();
    let rounds = if all_cases() { 20 } else { 3 };
    let mut sent = 0_usize;
    for round in 0..rounds {
        let processes = [0, 1].map(|_| Serving::start(&["--no-worker"], &environment));
        for call in 0..20 {
            for (at, process) in processes.iter().enumerate() {
                let line = Wire { url: format!("{}/api/webhooks/vapi", process.url()), ..wire.clone() };
                // What is signed is the address that everybody knows.
                let body = line.report(&format!("{round}-{call}-{at}"));
                assert_eq!(line.send(&body).await.status, 200);
                sent += 1;
            }
        }
        for process in processes {
            process.kill();
        }
    }
    let all = sealed(&app, &wire).await;
    assert_eq!(all.len(), sent);
    let nonces: HashSet<&(i32, Vec<u8>)> = all.iter().collect();
    assert_eq!(nonces.len(), sent, "a nonce was used twice");
    let mut made: HashMap<i32, i64> = HashMap::new();
    for (version, _) in &all {
        *made.entry(*version).or_default() += 1;
    }
    let reserved: Vec<(i32, i64)> =
        sqlx::query_as("select version, seals_reserved from data_keys where org_id = $1")
            .bind(wire.org.0)
            .fetch_all(&app.db.superuser)
            .await
            .unwrap();
    for (version, reserved) in reserved {
        let made = made.get(&version).copied().unwrap_or_default();
        assert!(reserved >= made, "version {version}: {made} seals and {reserved} reserved");
        assert!(reserved >= 1024 * 2 * rounds as i64, "each process reserved a block: {reserved}");
    }
}
