//! The real worker, killed in the middle of its work on reports and alerts, again and again: at the end
//! each call is there once, with its lead, and each alert went out once, or is parked where the worker
//! died while it was being sent.

use std::collections::BTreeSet;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::{ConnectOptions, Connection, Executor, PgConnection, Row};
use voxanne::db::embedded::{Embedded, EmbeddedOptions};
use voxanne::sandbox::DEMO_VAPI;

use super::support::app::Browser;
use super::support::process::{DataFolder, Serving, voxanne};

const CALLS: i64 = 12;
const PATIENCE: Duration = Duration::from_secs(90);

/// A worker of its own, which may be killed.
struct Worker(Child);

impl Worker {
    fn start(data: &DataFolder) -> Self {
        // With ports of its own: another test's worker has stand-ins as well.
        let mut command = voxanne(&["worker", "--sandbox", "--port", "0", "--data-dir", data.text()], &[]);
        Self(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn count(connection: &mut PgConnection, query: &'static str) -> i64 {
    connection.fetch_one(query).await.unwrap().get(0)
}

/// How far the work is: events ended, and alerts that are no longer waiting.
async fn progress(connection: &mut PgConnection) -> i64 {
    let events =
        "select count(*) from inbound_events where status = 'processed' and kind = 'end-of-call-report'";
    let alerts = "select count(*) from alerts where status <> 'waiting'";
    count(connection, events).await + count(connection, alerts).await
}

const OPEN: &str = "select (select count(*) from inbound_events where status = 'received')
                         + (select count(*) from alerts where status in ('waiting', 'sending'))";

/// Lets the leases of the dead run out, by the clock of the database.
async fn let_leases_end(connection: &mut PgConnection) {
    connection
        .execute(
            "update inbound_events set lease_until = now() - interval '1 second' where lease_until is not null;
             update alerts set lease_until = now() - interval '1 second' where lease_until is not null;
             update leases set expires_at = now() - interval '1 second'",
        )
        .await
        .unwrap();
}

/// The texts that the stand-in of Twilio has sent.
fn sent(data: &DataFolder) -> Vec<String> {
    let text = std::fs::read_to_string(data.path.join("sandbox.json")).unwrap_or_default();
    let world: Value = serde_json::from_str(&text).unwrap_or_default();
    let messages = world["twilio"]["messages"].as_array().cloned().unwrap_or_default();
    messages.iter().map(|message| message["body"].as_str().unwrap_or_default().to_owned()).collect()
}

/// Signs the demo's owner in and connects Vapi and Twilio. Gives the inbound assistant too.
async fn connect_demo(serving: &Serving) -> (Browser, String) {
    let account = &serving.ready["accounts"][0];
    let browser = Browser::to(serving.url());
    let fields =
        [("email", account["email"].as_str().unwrap()), ("password", account["password"].as_str().unwrap())];
    assert_eq!(browser.post("/login", &fields).await.status, 303);
    let vapi = json!({ "apiKey": DEMO_VAPI[0].private_key });
    assert_eq!(browser.send("POST", "/api/integrations/vapi", Some(vapi)).await.status, 200);
    let mut twilio = json!({});
    for field in serving.ready["sandbox"]["fields"]["twilio"]["fields"].as_array().unwrap() {
        twilio[field["key"].as_str().unwrap()] = field["value"].clone();
    }
    let connected = browser.send("POST", "/api/integrations/twilio", Some(twilio)).await;
    assert_eq!(connected.status, 200, "{}", connected.body);
    let agent = browser.send("GET", "/api/agents/inbound", None).await.json();
    (browser, agent["assistantId"].as_str().unwrap().to_owned())
}

/// A clinic with both accounts and somebody to tell, and its calls, which nobody has worked off yet.
async fn place_calls(data: &DataFolder) {
    let serving = Serving::start(&["--sandbox", "--no-worker", "--data-dir", data.text()], &[]);
    let (browser, assistant) = connect_demo(&serving).await;
    let whom = json!({ "numbers": ["+15550100777"], "text": "{lead_number}" });
    assert_eq!(browser.send("PUT", "/api/alerts", Some(whom)).await.status, 200);
    let page = Browser::to(serving.ready["sandbox"]["page"].as_str().unwrap().trim_end_matches('/'));
    for at in 0..CALLS {
        let customer = format!("+155501002{at:02}");
        let call =
            [("assistant", assistant.as_str()), ("customer", &customer), ("tool", ""), ("arguments", "")];
        assert_eq!(page.post("/calls", &call).await.status, 200);
    }
    assert_eq!(serving.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_survive_a_process_that_is_killed_again_and_again() {
    let data = DataFolder::new("killed-reports");
    let cluster = Embedded::start(&data.path, EmbeddedOptions::default()).await.unwrap();
    place_calls(&data).await;
    let mut connection = cluster.superuser_options().database("voxanne").connect().await.unwrap();
    let mut kills = 0;
    // Killed as soon as it has got a little further, wherever it is then.
    while kills < 8 && (kills == 0 || count(&mut connection, OPEN).await > 0) {
        let before = progress(&mut connection).await;
        let mut worker = Worker::start(&data);
        let began = Instant::now();
        while progress(&mut connection).await < before + 1 + kills % 3
            && count(&mut connection, OPEN).await > 0
        {
            assert!(began.elapsed() < PATIENCE, "the worker does nothing");
        }
        worker.kill();
        kills += 1;
        let_leases_end(&mut connection).await;
    }
    assert!(kills >= 3, "{kills}");
    let worker = Worker::start(&data);
    let began = Instant::now();
    while count(&mut connection, OPEN).await > 0 {
        assert!(began.elapsed() < PATIENCE, "something is never worked off");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drop(worker);

    for (query, expected) in [
        ("select count(*) from calls where outcome is not null and reported_at is not null", CALLS),
        ("select count(*) from calls", CALLS),
        ("select count(*) from leads where hot_at is not null", CALLS),
        ("select count(*) from leads", CALLS),
        ("select count(*) from alerts", CALLS),
        ("select count(*) from outbound_events where kind = 'call.ended'", CALLS),
        ("select count(*) from outbound_events where kind = 'lead.hot'", CALLS),
        ("select count(*) from alerts where status not in ('sent', 'parked')", 0),
        ("select count(*) from inbound_events where status = 'parked'", 0),
    ] {
        assert_eq!(count(&mut connection, query).await, expected, "{query} after {kills} kills");
    }
    let texts = sent(&data);
    let different: BTreeSet<&String> = texts.iter().collect();
    assert_eq!(different.len(), texts.len(), "nobody was told twice: {texts:?}");
    let done = count(&mut connection, "select count(*) from alerts where status = 'sent'").await;
    let told = i64::try_from(texts.len()).unwrap();
    assert!((done..=CALLS).contains(&told), "{done} alerts are said to be sent, {told} were");
    connection.close().await.unwrap();
    cluster.stop().await.unwrap();
}
