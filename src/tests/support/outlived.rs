//! A real process that may be killed at any moment while the providers live on, as they do: database and stand-ins
//! are the test's own, and the process comes back under its own address.

use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, ConnectOptions, Executor, PgConnection};
use tokio::task::JoinHandle;
use voxanne::jobs::{sweep_often, work_off_inbox};
use voxanne::sandbox::{DEMO_GOOGLE_CLIENT, Sandbox, SandboxOptions};

use super::app::{Answer, Setting, TestApp, rand_bytes};
use super::cluster::TestDb;
use super::line::Line;
use super::process::{Serving, free_port};
use super::wire::{Wire, now};

/// How long something that must come may take.
const PATIENCE: Duration = Duration::from_secs(90);

/// Whoever had begun something did so ten minutes ago and is gone; what somebody held is free. One by one:
/// together they would hold what a worker wants in another order.
const LOST: [&str; 8] = [
    "update tool_calls set started_at = started_at - interval '10 minutes' where status = 'running'",
    "update messages set created_at = created_at - interval '10 minutes' where status = 'sending'",
    "update appointments set updated_at = updated_at - interval '10 minutes' where status = 'pending' or must_release",
    "update appointments set owed_at = now() - interval '1 second' where owed is not null",
    "update inbound_events set lease_until = null, next_attempt_at = now(), received_at = received_at - interval '10 minutes'
      where status = 'received'",
    "update alerts set lease_until = now() - interval '1 second' where lease_until is not null",
    "update leases set expires_at = now() - interval '1 second'",
    "update delivery_queue set due_at = now(), lease_until = null",
];

/// Somebody waits for a lock.
const WAITS: &str = "select least(count(*), 1) from pg_stat_activity
                      where datname = current_database() and wait_event_type = 'Lock'";

/// The process, and everything that outlives it.
pub struct Outlived {
    /// The same service inside of the test: what is set up is set up here, and it works as another process does.
    pub app: TestApp,
    port: u16,
    environment: Vec<(&'static str, String)>,
    serving: Option<Serving>,
}

impl Outlived {
    /// Nothing is served before it is asked for.
    pub async fn over(db: TestDb) -> Self {
        let port = free_port();
        let public_url = format!("http://127.0.0.1:{port}");
        let sandbox = Sandbox::start(SandboxOptions::default()).await.unwrap();
        let setting = Setting { public_url: Some(public_url.clone()), ..Setting::default() };
        let app = TestApp::start_as(db, &hex::encode(rand_bytes()), sandbox, setting).await;
        // Data of a sandbox is no affair of a process that has none.
        sqlx::query("update installation set is_sandbox = false").execute(&app.db.superuser).await.unwrap();
        let (bases, sandbox) = (app.sandbox.bases(), &app.sandbox);
        let hosts = [&sandbox.vapi_url, &sandbox.twilio_url, &sandbox.shared_url]
            .map(|url| format!("{}:{}", url.host_str().unwrap(), url.port().unwrap()));
        let environment = vec![
            ("DATABASE_URL", app.db.url("voxanne_app")),
            ("ENCRYPTION_KEY", app.key.clone()),
            ("PUBLIC_URL", public_url),
            ("VAPI_BASE_URL", bases.vapi.to_string()),
            ("TWILIO_BASE_URL", bases.twilio.to_string()),
            ("GOOGLE_OAUTH_BASE_URL", bases.google_oauth.to_string()),
            ("GOOGLE_API_BASE_URL", bases.google_api.to_string()),
            ("GOOGLE_CLIENT_ID", DEMO_GOOGLE_CLIENT.0.to_owned()),
            ("GOOGLE_CLIENT_SECRET", DEMO_GOOGLE_CLIENT.1.to_owned()),
            // The one way for an operator to let private addresses through.
            ("N8N_ALLOWED_HOSTS", hosts.join(",")),
        ];
        Self { app, port, environment, serving: None }
    }

    /// Starts the process, at its port.
    pub fn serve(&mut self, arguments: &[&str]) {
        let environment: Vec<(&str, &str)> =
            self.environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.serving = Some(Serving::start_at(self.port, arguments, &environment));
    }

    pub fn serving(&self) -> &Serving {
        self.serving.as_ref().unwrap()
    }

    /// Ends it where it stands.
    pub fn kill(&mut self) {
        self.serving.take().unwrap().kill();
    }

    /// Ends it as it should be.
    pub fn terminate(&mut self) {
        assert_eq!(self.serving.take().unwrap().terminate(), Some(0));
    }

    /// The line of a clinic to the process.
    pub fn wire(&self, line: &Line) -> Wire {
        Wire { url: format!("http://127.0.0.1:{}/api/webhooks/vapi", self.port), ..line.wire.clone() }
    }

    /// Sends a message and waits for no answer: there may be none.
    pub fn ask(wire: &Wire, body: &str) -> JoinHandle<Option<Answer>> {
        let headers = wire.sign(body.as_bytes(), now());
        let mut request = wire.client.post(&wire.url).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.body(body.to_owned());
        tokio::spawn(async move {
            let response = request.send().await.ok()?;
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            Some(Answer { status, headers, body: response.text().await.ok()? })
        })
    }

    /// Asks the database around every policy.
    pub async fn count(&self, query: &'static str) -> i64 {
        sqlx::query_scalar(query).fetch_one(&self.app.db.superuser).await.unwrap()
    }

    /// The same about a call, `$1`.
    pub async fn count_of(&self, call: &str, query: &'static str) -> i64 {
        sqlx::query_scalar(query).bind(call).fetch_one(&self.app.db.superuser).await.unwrap()
    }

    pub async fn until(&self, query: &'static str, expected: i64) {
        let began = Instant::now();
        while self.count(query).await != expected {
            assert!(began.elapsed() < PATIENCE, "{query} is {}", self.count(query).await);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits for something that a stand-in sees.
    pub async fn until_seen(&self, what: &str, holds: impl Fn(&Sandbox) -> bool) {
        let began = Instant::now();
        while !holds(&self.app.sandbox) {
            assert!(began.elapsed() < PATIENCE, "not seen: {what}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Holds something in the database, so that whoever wants it stands still, until the connection is closed.
    pub async fn hold(&self, what: &str) -> PgConnection {
        let mut connection = self.app.db.superuser.connect_options().connect().await.unwrap();
        connection.execute(sqlx::raw_sql(AssertSqlSafe(format!("begin; {what}")))).await.unwrap();
        connection
    }

    pub async fn until_somebody_waits(&self) {
        self.until(WAITS, 1).await;
    }

    pub async fn until_nobody_waits(&self) {
        self.until(WAITS, 0).await;
    }

    /// Lets whoever is dead have lost what it held.
    pub async fn lose(&self) {
        for statement in LOST {
            sqlx::query(statement).execute(&self.app.db.superuser).await.unwrap();
        }
    }

    /// A worker of another process does what the dead have left.
    pub async fn work(&self) {
        sweep_often(self.app.services.clone()).await.unwrap();
        work_off_inbox(self.app.services.clone()).await.unwrap();
    }
}
