//! The real process, killed between Vapi's "created" and our commit, again and again: at the end the
//! clinic has exactly two assistants, and calls are answered.
//!
//! The stand-ins live in the killed process too; what they made is in their file before they answer,
//! as it is at the real provider.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::{ConnectOptions, Connection, Executor};
use voxanne::db::embedded::{Embedded, EmbeddedOptions};
use voxanne::sandbox::DEMO_VAPI;

use super::support::app::Browser;
use super::support::process::{DataFolder, Serving};

/// What the Vapi stand-in has: assistants, and credentials that sign webhooks.
fn made(data: &DataFolder) -> (Vec<Value>, usize) {
    let text = std::fs::read_to_string(data.path.join("sandbox.json")).unwrap_or_default();
    let world: Value = serde_json::from_str(&text).unwrap_or_default();
    let list = |name: &str| world["vapi"][name].as_array().cloned().unwrap_or_default();
    (list("assistants"), list("credentials").len())
}

/// Lets the leases of the dead run out, by the clock of the database.
async fn let_leases_end(cluster: &Embedded) {
    let mut connection = cluster.superuser_options().database("voxanne").connect().await.unwrap();
    connection
        .execute(
            "update leases set expires_at = now() - interval '1 second';
             update jobs set lease_until = now() - interval '1 second' where lease_until is not null;
             update jobs set run_at = now()",
        )
        .await
        .unwrap();
    connection.close().await.unwrap();
}

async fn sign_in(serving: &Serving) -> Browser {
    let account = &serving.ready["accounts"][0];
    let browser = Browser::to(serving.url());
    let fields =
        [("email", account["email"].as_str().unwrap()), ("password", account["password"].as_str().unwrap())];
    assert_eq!(browser.post("/login", &fields).await.status, 303);
    browser
}

fn stand_in(serving: &Serving) -> Browser {
    Browser::to(serving.ready["sandbox"]["page"].as_str().unwrap().trim_end_matches('/'))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_killed_after_every_creation_leaves_two_assistants_in_the_end() {
    let data = DataFolder::new("killed");
    let cluster = Embedded::start(&data.path, EmbeddedOptions::default()).await.unwrap();
    let mut kills = Vec::new();
    loop {
        // Without a worker, nothing happens but what is asked for.
        let serving = Serving::start(&["--sandbox", "--no-worker", "--data-dir", data.text()], &[]);
        let browser = sign_in(&serving).await;
        let mut switches = vec![("vapi", "held_answer"), ("twilio", "none")];
        // A credential's secret dies with the process, so the next one makes another; it must not come
        // to that each time. Where Vapi refuses them, a header signs instead.
        if !kills.is_empty() {
            switches.push(("refuse_credentials", "on"));
        }
        assert_eq!(stand_in(&serving).post("/faults", &switches).await.status, 303);
        let (assistants, credentials) = made(&data);
        let save = browser.send(
            "POST",
            "/api/integrations/vapi",
            Some(json!({ "apiKey": DEMO_VAPI[0].private_key })),
        );
        let something_new = async {
            let began = Instant::now();
            while made(&data).0.len() + made(&data).1 <= assistants.len() + credentials {
                assert!(began.elapsed() < Duration::from_secs(60), "nothing is made and no answer comes");
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::select! {
            answer = save => {
                // Nothing is left to make.
                assert_eq!(answer.status, 200, "{}", answer.body);
                assert_eq!(serving.terminate(), Some(0));
                break;
            }
            () = something_new => {
                let (more, _) = made(&data);
                kills.push(if more.len() > assistants.len() { "assistant" } else { "credential" });
                serving.kill();
            }
        }
        assert!(kills.len() < 8, "{kills:?}");
        let_leases_end(&cluster).await;
    }
    assert_eq!(kills, ["credential", "assistant", "assistant"], "each creation was cut off once");

    let serving = Serving::start(&["--sandbox", "--data-dir", data.text()], &[]);
    let browser = sign_in(&serving).await;
    let saved = json!({ "apiKey": DEMO_VAPI[0].private_key });
    assert_eq!(browser.send("POST", "/api/integrations/vapi", Some(saved)).await.status, 200);
    let (assistants, _) = made(&data);
    let mut roles: Vec<&str> =
        assistants.iter().map(|one| one["body"]["metadata"]["voxanneRole"].as_str().unwrap()).collect();
    roles.sort_unstable();
    assert_eq!(roles, ["inbound", "outbound"]);
    for assistant in &assistants {
        let call = [
            ("assistant", assistant["id"].as_str().unwrap()),
            ("customer", "+15550100199"),
            ("tool", ""),
            ("arguments", ""),
        ];
        let called = stand_in(&serving).post("/calls", &call).await;
        assert_eq!(called.status, 200, "{}", called.body);
        assert!(!called.body.contains("<td>401"), "{}", called.body);
    }
    for role in ["inbound", "outbound"] {
        let agent = browser.send("GET", &format!("/api/agents/{role}"), None).await.json();
        assert_eq!(agent["state"], "ready", "{agent}");
    }
    assert_eq!(serving.terminate(), Some(0));
    cluster.stop().await.unwrap();
}
