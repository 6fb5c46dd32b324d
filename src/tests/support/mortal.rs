//! A clinic at the real binary that may be killed at any moment, with its PostgreSQL and its stand-ins, and
//! Vapi, who sends to it until it says 200.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::{ConnectOptions, Connection, PgConnection};
use voxanne::db::embedded::{Embedded, EmbeddedOptions};
use voxanne::sandbox::DEMO_VAPI;

use super::app::Browser;
use super::process::{DataFolder, Serving};

/// How long something that must come back may take.
const PATIENCE: Duration = Duration::from_secs(90);

/// Everything of it that lives and dies.
pub struct Mortal {
    pub data: DataFolder,
    pub cluster: Embedded,
    serving: Option<Serving>,
    pub vapi: Vapi,
}

/// Whoever sends Vapi's messages. It signs with the header that it was told.
#[derive(Clone)]
pub struct Vapi {
    client: reqwest::Client,
    /// Where the server listens now.
    url: Arc<Mutex<String>>,
    bearer: String,
    pub assistant: String,
}

impl Vapi {
    /// A message of a call.
    pub fn message(&self, kind: &str, call: &str, more: &Value) -> String {
        let mut message = json!({
            "type": kind, "timestamp": 1_737_157_773_126_i64, "call": { "id": call, "assistantId": self.assistant },
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            message[name.as_str()] = value.clone();
        }
        json!({ "message": message }).to_string()
    }

    /// Sends once; none where nobody answered.
    pub async fn send(&self, body: &str) -> Option<(u16, Value)> {
        let url = format!("{}/api/webhooks/vapi", self.url.lock().unwrap());
        let request = self.client.post(url).header("content-type", "application/json");
        let response =
            request.header("authorization", &self.bearer).body(body.to_owned()).send().await.ok()?;
        let status = response.status().as_u16();
        Some((status, response.json().await.unwrap_or_default()))
    }

    /// Sends again and again until it is taken, as Vapi does; gives what was answered.
    pub async fn send_until_taken(&self, body: &str) -> Value {
        let began = Instant::now();
        loop {
            match self.send(body).await {
                Some((200, answer)) => return answer,
                // Not there, or without its database.
                None | Some((500..=599, _)) => {}
                Some((status, answer)) => panic!("{status}: {answer}"),
            }
            assert!(began.elapsed() < PATIENCE, "nothing is taken any more");
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }
}

impl Mortal {
    /// A clinic with Vapi and Twilio connected.
    pub async fn start(name: &str) -> Self {
        let data = DataFolder::new(name);
        let cluster = Embedded::start(&data.path, EmbeddedOptions::default()).await.unwrap();
        let serving = Serving::start(&["--sandbox", "--data-dir", data.text()], &[]);
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap();
        let url = Arc::new(Mutex::new(serving.url().to_owned()));
        let vapi = Vapi { client, url, bearer: String::new(), assistant: String::new() };
        let mut mortal = Self { data, cluster, serving: Some(serving), vapi };
        // A secret of a credential lies nowhere; one in a header is what the stand-in keeps of the assistant.
        let page =
            Browser::to(mortal.serving().ready["sandbox"]["page"].as_str().unwrap().trim_end_matches('/'));
        let switches = [("vapi", "none"), ("refuse_credentials", "on")];
        assert_eq!(page.post("/faults", &switches).await.status, 303);
        let browser = mortal.sign_in().await;
        let body = json!({ "apiKey": DEMO_VAPI[0].private_key });
        let connected = browser.send("POST", "/api/integrations/vapi", Some(body)).await;
        assert_eq!(connected.status, 200, "{}", connected.body);
        let mut twilio = json!({});
        for field in mortal.serving().ready["sandbox"]["fields"]["twilio"]["fields"].as_array().unwrap() {
            twilio[field["key"].as_str().unwrap()] = field["value"].clone();
        }
        let connected = browser.send("POST", "/api/integrations/twilio", Some(twilio)).await;
        assert_eq!(connected.status, 200, "{}", connected.body);
        let agent = browser.send("GET", "/api/agents/inbound", None).await.json();
        mortal.vapi.assistant = agent["assistantId"].as_str().unwrap().to_owned();
        mortal.vapi.bearer = header_of(&mortal.world()["vapi"]["assistants"], &mortal.vapi.assistant);
        mortal
    }

    pub fn serving(&self) -> &Serving {
        self.serving.as_ref().unwrap()
    }

    /// The clinic's id.
    pub fn org(&self) -> String {
        self.serving().ready["accounts"][0]["org"].as_str().unwrap().to_owned()
    }

    pub async fn sign_in(&self) -> Browser {
        let account = &self.serving().ready["accounts"][0];
        let browser = Browser::to(self.serving().url());
        let word = |key: &str| account[key].as_str().unwrap();
        let fields = [("email", word("email")), ("password", word("password"))];
        assert_eq!(browser.post("/login", &fields).await.status, 303);
        browser
    }

    /// What the stand-ins know: written before they answer, so it outlives them.
    pub fn world(&self) -> Value {
        let text = std::fs::read_to_string(self.data.path.join("sandbox.json")).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Kills the process where it stands, and starts another.
    pub fn restart(&mut self) {
        self.serving.take().unwrap().kill();
        let serving = Serving::start(&["--sandbox", "--data-dir", self.data.text()], &[]);
        serving.url().clone_into(&mut self.vapi.url.lock().unwrap());
        self.serving = Some(serving);
    }

    /// PostgreSQL ends at once, without checkpoint or goodbye, and comes back.
    pub async fn restart_database(&self) {
        let pid = self.data.kill_cluster();
        let began = Instant::now();
        while self.data.cluster().is_none_or(|(now, _)| now == pid) || self.connect().await.is_err() {
            assert!(began.elapsed() < PATIENCE, "the database does not come back");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn connect(&self) -> Result<PgConnection, sqlx::Error> {
        self.cluster.superuser_options().database("voxanne").connect().await
    }

    /// Asks the database around every policy.
    pub async fn count(&self, query: &'static str) -> i64 {
        let mut connection = self.connect().await.unwrap();
        let count = sqlx::query_scalar(query).fetch_one(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        count
    }

    /// Changes something around every policy, statement by statement: together they would hold what a worker
    /// wants in another order.
    pub async fn meddle(&self, statements: &[&'static str]) {
        let mut connection = self.connect().await.unwrap();
        for statement in statements {
            sqlx::query(*statement).execute(&mut connection).await.unwrap();
        }
        connection.close().await.unwrap();
    }

    /// Waits until a number is zero, for as long as it gets smaller; `meanwhile` is done again and again.
    pub async fn until_none(&self, query: &'static str, meanwhile: &[&'static str]) {
        let (mut moved, mut least) = (Instant::now(), i64::MAX);
        loop {
            let left = self.count(query).await;
            if left == 0 {
                return;
            }
            if left < least {
                (moved, least) = (Instant::now(), left);
            }
            assert!(moved.elapsed() < PATIENCE, "{query} is {left}: {}", self.serving().log());
            self.meddle(meanwhile).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Ends the process as it should.
    pub async fn end(mut self) {
        assert_eq!(self.serving.take().unwrap().terminate(), Some(0));
        self.cluster.stop().await.unwrap();
    }
}

/// The header with which an assistant's messages are proved.
fn header_of(assistants: &Value, id: &str) -> String {
    let known = assistants.as_array().unwrap().iter().find(|one| one["id"] == id).unwrap();
    let text = known.to_string();
    let at = text.find("\"Bearer ").unwrap_or_else(|| panic!("no header: {text}"));
    text[at + 1..].split('"').next().unwrap().to_owned()
}
