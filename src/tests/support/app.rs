//! The whole server on a loopback port, over a database of its own, with stand-ins of its own.
//!
//! Made by the same assembly as `voxanne serve`. Two clinics with their own accounts at Vapi and
//! Twilio are one call away; a [`Browser`] keeps its cookie and says where its requests come from.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE, COOKIE, HeaderMap, LOCATION, ORIGIN, SET_COOKIE};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use voxanne::assemble::{self, AppParts, Parts};
use voxanne::auth::accounts::{self, NewUser};
use voxanne::auth::password::Passwords;
use voxanne::clock::Clock;
use voxanne::domain::{OrgId, ProviderId, Role, UserId};
use voxanne::http::listen::{Limits, serve};
use voxanne::http::received::BODY_TIME;
use voxanne::integrations::onboard;
use voxanne::live::Live;
use voxanne::providers::ProviderBases;
use voxanne::providers::google::OAuthClient;
use voxanne::sandbox::{DEMO_GOOGLE_CLIENT, Sandbox, SandboxOptions, TwilioAccount, VapiAccount};
use voxanne::state::Services;
use voxanne::vault::{Keyring, SecretText};

use super::cluster::TestDb;

/// A password that the rules take.
pub const PASSWORD: &str = "a sentence that tests like";

/// The providers that a [`Clinic`] has accounts of its own at, and [`TestApp::connected_clinic`]
/// connects. What holds for every provider of the catalogue is in `catalogue`.
pub const OWN_ACCOUNTS: [ProviderId; 2] = [ProviderId::Vapi, ProviderId::Twilio];

/// A running server with its database and its stand-ins.
pub struct TestApp {
    pub url: String,
    pub db: TestDb,
    pub sandbox: Sandbox,
    pub services: Arc<Services>,
    pub clock: Clock,
    pub key: String,
    pub live: Arc<Live>,
    /// Asks the process to stop.
    pub stop: CancellationToken,
}

/// What a server of a test may be told beside the usual.
pub struct Setting {
    /// Proxies that are believed: with loopback among them, `X-Forwarded-For` says the address.
    pub trusted_proxies: Vec<ipnet::IpNet>,
    pub public_url: Option<String>,
    pub site_dir: Option<std::path::PathBuf>,
    /// The platform's OAuth client at Google; the sandbox's own unless said otherwise.
    pub google: Option<OAuthClient>,
    /// Where the providers are, if not at the sandbox.
    pub bases: Option<ProviderBases>,
    pub limits: Limits,
    pub body_time: Duration,
}

impl Default for Setting {
    fn default() -> Self {
        let (id, secret) = DEMO_GOOGLE_CLIENT;
        let google = OAuthClient { id: id.to_owned(), secret: SecretText::new(secret.to_owned()) };
        Self {
            trusted_proxies: Vec::new(),
            public_url: None,
            site_dir: None,
            google: Some(google),
            bases: None,
            limits: Limits::default(),
            body_time: BODY_TIME,
        }
    }
}

/// A clinic with its people's addresses and its own accounts at the providers.
pub struct Clinic {
    pub org: OrgId,
    pub slug: String,
    pub vapi: VapiAccount,
    pub twilio: TwilioAccount,
}

impl Clinic {
    /// `owner@slug.example`, made by [`TestApp::clinic`].
    pub fn email(&self, role: Role) -> String {
        format!("{}@{}.example", role.as_str(), self.slug)
    }

    /// The fields that connect this clinic's Twilio account, as JSON.
    pub fn twilio_body(&self) -> Value {
        serde_json::json!({
            "accountSid": self.twilio.sid, "authToken": self.twilio.auth_token, "phoneNumber": self.twilio.numbers[0].number,
        })
    }

    /// The field that connects this clinic's Vapi account, as JSON.
    pub fn vapi_body(&self) -> Value {
        serde_json::json!({ "apiKey": self.vapi.private_key })
    }
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    pub fn location(&self) -> &str {
        self.header(LOCATION.as_str())
    }
}

impl TestApp {
    pub async fn start() -> Self {
        Self::start_with(TestDb::create().await, &hex::encode(rand_bytes())).await
    }

    /// Another server over a database that exists, as a second process would be.
    pub async fn start_with(db: TestDb, key: &str) -> Self {
        let sandbox = Sandbox::start(SandboxOptions::default()).await.unwrap();
        Self::start_beside(db, key, sandbox).await
    }

    pub async fn start_beside(db: TestDb, key: &str, sandbox: Sandbox) -> Self {
        Self::start_as(db, key, sandbox, Setting::default()).await
    }

    /// A server with settings of its own, over a new database.
    pub async fn start_set(setting: Setting) -> Self {
        let sandbox = Sandbox::start(SandboxOptions::default()).await.unwrap();
        Self::start_as(TestDb::create().await, &hex::encode(rand_bytes()), sandbox, setting).await
    }

    /// A server with settings of its own.
    pub async fn start_as(db: TestDb, key: &str, sandbox: Sandbox, setting: Setting) -> Self {
        let listener = voxanne::http::listen::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let clock = Clock::default();
        let services = assemble::services(Parts {
            pool: db.app.clone(),
            keyring: Keyring::from_hex(key).unwrap(),
            clock: clock.clone(),
            bases: setting.bases.unwrap_or_else(|| sandbox.bases()),
            allowed: sandbox.allowed(),
            public_url: setting
                .public_url
                .clone()
                .unwrap_or_else(|| format!("http://{address}"))
                .parse()
                .unwrap(),
            is_sandbox: true,
            restore_days: 30,
            google: setting.google,
            cache_ttl: Duration::from_secs(300),
            cache_bytes: 8 * 1024 * 1024,
        })
        .await
        .unwrap();
        let stop = CancellationToken::new();
        let app = assemble::app(
            services.clone(),
            AppParts {
                trusted_proxies: setting.trusted_proxies,
                session_idle_hours: 12,
                session_absolute_days: 7,
                setup_code: Some("the-code".to_owned()),
                is_sandbox: true,
                site_dir: setting.site_dir.unwrap_or_else(|| "target/site".into()),
                body_time: setting.body_time,
                stop: stop.clone(),
            },
        );
        let front = voxanne::http::front::Front::new(app.clone());
        let limits = setting.limits;
        // What `stop` says is heard by what would never end by itself; the port stays open, to be asked.
        tokio::spawn(async move { serve(listener, front, limits, &CancellationToken::new()).await });
        let live = app.live.clone();
        Self {
            url: format!("http://{address}"),
            db,
            sandbox,
            services,
            clock,
            key: key.to_owned(),
            live,
            stop,
        }
    }

    /// Another server over the same database, with a pool and a clock of its own and the same
    /// stand-ins: a second process, or the same one after a restart.
    pub async fn beside(&self) -> Self {
        Self::start_beside(self.db.same().await, &self.key, self.sandbox.clone()).await
    }

    /// The same for a process that finds the providers elsewhere.
    pub async fn beside_with(&self, bases: ProviderBases) -> Self {
        let setting = Setting { bases: Some(bases), ..Setting::default() };
        Self::start_as(self.db.same().await, &self.key, self.sandbox.clone(), setting).await
    }

    /// Makes a clinic with an owner, an admin and a member, and accounts at both providers.
    pub async fn clinic(&self, name: &str) -> Clinic {
        let org = accounts::create_organization(&self.services.pool, name, "UTC", "US").await.unwrap();
        onboard::onboard(&self.services, org, name).await.unwrap();
        let slug = accounts::slug(name);
        let number = format!(
            "+1555{:07}",
            self.sandbox.phone_log().len() + (org.0.as_u128() % 8_999_999) as usize + 1_000_000
        );
        let clinic = Clinic {
            org,
            slug,
            vapi: self.sandbox.vapi().add_account(name),
            twilio: self.sandbox.twilio().add_account(name, &number),
        };
        for role in Role::ALL {
            let user = self.person(&clinic.email(role)).await;
            onboard::add_member(&self.services, org, user, role).await.unwrap();
        }
        clinic
    }

    /// Makes a person who belongs to no clinic yet. Their password is [`PASSWORD`].
    pub async fn person(&self, email: &str) -> UserId {
        let password = SecretText::new(PASSWORD.to_owned());
        let new = NewUser { email, name: "Alex Example", password };
        accounts::create_user(&self.services.pool, &Passwords::new(2), new).await.unwrap()
    }

    /// A browser in which nobody is signed in.
    pub fn browser(&self) -> Browser {
        Browser::to(&self.url)
    }

    /// A browser in which a person of the clinic is signed in.
    pub async fn sign_in(&self, email: &str) -> Browser {
        let browser = self.browser();
        let answer = browser.post("/login", &[("email", email), ("password", PASSWORD)]).await;
        assert_eq!((answer.status, answer.location()), (303, "/dashboard"), "{}", answer.body);
        browser
    }

    /// A clinic with both providers connected, and its owner's browser.
    pub async fn connected_clinic(&self, name: &str) -> (Clinic, Browser) {
        let clinic = self.clinic(name).await;
        let owner = self.sign_in(&clinic.email(Role::Owner)).await;
        for (provider, body) in [("vapi", clinic.vapi_body()), ("twilio", clinic.twilio_body())] {
            let answer = owner.send("POST", &format!("/api/integrations/{provider}"), Some(body)).await;
            assert_eq!(answer.status, 200, "{}", answer.body);
        }
        (clinic, owner)
    }

    /// The ids of a clinic's assistants at the stand-in: inbound, outbound.
    pub fn assistants(&self, clinic: &Clinic) -> Vec<(String, Uuid)> {
        let mut found: Vec<(String, Uuid)> = self
            .sandbox
            .vapi()
            .assistants(&clinic.vapi.private_key)
            .iter()
            .map(|body| {
                let role = body["metadata"]["voxanneRole"].as_str().unwrap().to_owned();
                (role, body["id"].as_str().unwrap().parse().unwrap())
            })
            .collect();
        found.sort();
        found
    }
}

/// A browser, or a program where it sends no cookie.
pub struct Browser {
    client: reqwest::Client,
    url: String,
    cookie: std::sync::Mutex<Option<String>>,
}

impl Browser {
    /// A browser for the server at that address.
    pub fn to(url: &str) -> Self {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(Duration::from_secs(60))
            .build()
            .unwrap();
        Self { client, url: url.to_owned(), cookie: std::sync::Mutex::new(None) }
    }

    /// Opens a page.
    pub async fn get(&self, path: &str) -> Answer {
        self.run(self.client.get(format!("{}{path}", self.url)).header(ACCEPT, "text/html")).await
    }

    /// Submits a form, as a browser without scripts does.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = self
            .client
            .post(format!("{}{path}", self.url))
            .header(ACCEPT, "text/html")
            .header(ORIGIN, &self.url)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body);
        self.run(request).await
    }

    /// Calls the REST interface with the browser's session.
    pub async fn send(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.send_with(method, path, body, &[]).await
    }

    /// The same with further headers.
    pub async fn send_with(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = self
            .client
            .request(method.parse().unwrap(), format!("{}{path}", self.url))
            .header(ACCEPT, "application/json")
            .header(ORIGIN, &self.url);
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.run(request).await
    }

    /// Any request at all, with nothing but the browser's cookie and the given headers.
    pub async fn raw(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Answer {
        let mut request = self.client.request(method.parse().unwrap(), format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body.to_owned());
        }
        self.run(request).await
    }

    /// The session cookie, as another tab of the same browser has it.
    pub fn cookie(&self) -> Option<String> {
        self.cookie.lock().unwrap().clone()
    }

    pub fn set_cookie(&self, cookie: Option<String>) {
        *self.cookie.lock().unwrap() = cookie;
    }

    async fn run(&self, mut request: reqwest::RequestBuilder) -> Answer {
        if let Some(cookie) = self.cookie() {
            request = request.header(COOKIE, cookie);
        }
        let response = request.send().await.unwrap();
        if let Some(set) = response.headers().get(SET_COOKIE) {
            let pair = set.to_str().unwrap().split(';').next().unwrap_or_default().to_owned();
            self.set_cookie(Some(pair).filter(|pair| !pair.ends_with('=')));
        }
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer { status, headers, body: response.text().await.unwrap() }
    }
}

pub fn rand_bytes() -> [u8; 32] {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).unwrap();
    bytes
}
