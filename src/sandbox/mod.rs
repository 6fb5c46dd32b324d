//! Local stand-ins of every provider, with failure modes.
//!
//! Each stand-in listens on loopback (Vapi and Twilio on ports of their own, all others below their
//! word on a port that they share: `stand_ins.rs`) and behaves as the provider does towards one
//! credential: it knows its own accounts and nobody else's, refuses what the provider refuses, and
//! can be told to fail in every way that providers fail. They hold demo data only. Release builds
//! leave this module out.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use tokio::task::AbortHandle;
use url::Url;
use uuid::Uuid;

use crate::domain::ProviderId;
use crate::providers::ProviderBases;
use crate::providers::egress::HostPort;

mod agreement;
mod call;
mod call_report;
mod demo;
mod elevenlabs;
mod faults;
mod gate;
mod google;
mod heard;
mod hubspot;
mod issuer;
mod listener;
mod n8n;
mod page;
mod page_hooks;
mod receiver;
mod resend;
mod retell;
mod signing;
mod sns;
mod sns_signature;
mod stand_ins;
mod state;
mod stripe;
mod twilio;
mod vapi;
mod vonage;
mod whatsapp;

pub use agreement::{SentBody, disagreements};
pub use call::{CallScript, CallStep, CallTranscript, FIRST_FREE, LAST_RESULT, PlaceCallError, ToolUse};
pub use demo::{DEMO_GOOGLE, DEMO_GOOGLE_CLIENT, DEMO_TWILIO, DEMO_VAPI, DemoGoogle, DemoTwilio, DemoVapi};
pub use elevenlabs::{DEMO_ELEVENLABS, DemoElevenLabs};
pub use faults::{Fault, Faults};
pub use gate::SeenRequest;
pub use google::{GoogleAccount, GoogleHandle, GoogleOAuthClient, StandInCalendar, StandInSpreadsheet};
pub use hubspot::{DEMO_HUBSPOT, DemoHubSpot};
pub use issuer::{demo_issuer_key, demo_issuer_p256_key, demo_issuer_rsa_key};
pub use n8n::{DEMO_N8N, DemoN8n};
pub use receiver::{HookBehaviour, ReceivedHook, SignatureVerdict};
pub use resend::{DEMO_RESEND, DemoResend, MailLogEntry};
pub use retell::{DEMO_RETELL, DemoRetell};
pub use sns::{AwsAccount, DEMO_AWS};
pub use state::{AccountStatus, CallTransfer, PhoneLogEntry, TwilioAccount, TwilioNumber, VapiAccount};
pub use stripe::{DEMO_STRIPE, DemoStripe};
pub use vonage::{DEMO_VONAGE, VonageAccount};
pub use whatsapp::{DEMO_WHATSAPP, DemoWhatsApp, SentWhatsApp, WhatsAppAccount, WhatsAppHandle};

pub use twilio::TwilioHandle;
pub use twilio::reports::{FormFields, body_of, signature};

use listener::{Cut, SandboxListener};
use state::Shared;

/// How the stand-ins are started.
#[derive(Clone, Debug, Default)]
pub struct SandboxOptions {
    /// Loopback ports; 0 lets the system choose.
    pub vapi_port: u16,
    pub twilio_port: u16,
    pub page_port: u16,
    /// All other stand-ins.
    pub shared_port: u16,
    /// Where the stand-ins keep what they hold, so that it survives a restart. None keeps nothing.
    pub state_file: Option<PathBuf>,
    /// Whether Twilio's messages are delivered by themselves, with signed reports. Tests say what
    /// becomes of each.
    pub reports: bool,
}

/// Why the stand-ins did not start.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    #[error("port {port} for the {what} stand-in can not be opened")]
    Port { what: &'static str, port: u16, source: std::io::Error },
    #[error("the state file {} can not be read", path.display())]
    StateFile { path: PathBuf, source: std::io::Error },
}

/// The running stand-ins. Clones share them; the last one that goes stops them.
#[derive(Clone)]
pub struct Sandbox {
    pub vapi_url: Url,
    pub twilio_url: Url,
    /// Each other stand-in is below its word here.
    pub shared_url: Url,
    /// The page with switches, phone log and calls.
    pub page_url: Url,
    jwks_requests: Arc<AtomicU64>,
    shared: Arc<Shared>,
    _servers: Arc<Servers>,
}

struct Servers(Vec<AbortHandle>);

impl Drop for Servers {
    fn drop(&mut self) {
        for server in &self.0 {
            server.abort();
        }
    }
}

impl Sandbox {
    /// Opens the ports and serves. The demo accounts are there from the start.
    pub async fn start(options: SandboxOptions) -> Result<Self, SandboxError> {
        let shared = Arc::new(Shared::load(options.state_file, options.reports)?);
        let mut servers = Vec::new();
        let vapi = serve("Vapi", options.vapi_port, vapi::router(Arc::clone(&shared)), &mut servers);
        let vapi_url = vapi.await?;
        let _ = shared.vapi_url.set(vapi_url.clone());
        let twilio = serve("Twilio", options.twilio_port, twilio::router(Arc::clone(&shared)), &mut servers);
        let twilio_url = twilio.await?;
        let jwks_requests = Arc::new(AtomicU64::new(0));
        let others = stand_ins::router(&shared).merge(issuer::router(Arc::clone(&jwks_requests)));
        let shared_url = serve("shared", options.shared_port, others, &mut servers).await?;
        let page = page::router(Arc::clone(&shared));
        let page_url = serve("page", options.page_port, page, &mut servers).await?;
        Ok(Self {
            vapi_url,
            twilio_url,
            shared_url,
            page_url,
            jwks_requests,
            shared,
            _servers: Arc::new(Servers(servers)),
        })
    }

    /// Where the product finds these stand-ins.
    pub fn bases(&self) -> ProviderBases {
        stand_ins::bases(self)
    }

    /// The same with `https`, which nobody speaks there: no connection is a safe one.
    pub fn bases_without_tls(&self) -> ProviderBases {
        // Both are schemes that a URL with a host may have.
        self.bases().with_each(|url| url.set_scheme("https").unwrap_or_default())
    }

    /// The only private addresses that the egress guard has to let through.
    pub fn allowed(&self) -> Vec<HostPort> {
        [&self.vapi_url, &self.twilio_url, &self.shared_url].into_iter().filter_map(HostPort::of).collect()
    }

    /// What a clinic types to connect the first demo account of that provider: field and value.
    pub fn demo_fields(&self, provider: ProviderId) -> Vec<(&'static str, String)> {
        (stand_ins::of(provider).demo_fields)(&self.shared_url)
    }

    /// The same without a running sandbox, for providers whose fields hold no address of it.
    pub fn demo_fields_of(provider: ProviderId) -> Vec<(&'static str, String)> {
        Url::parse("http://127.0.0.1/")
            .map_or_else(|_| Vec::new(), |url| (stand_ins::of(provider).demo_fields)(&url))
    }

    /// The failure switches.
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// Every request that a stand-in has seen, oldest first.
    pub fn requests(&self, provider: ProviderId) -> Vec<SeenRequest> {
        self.shared.seen.list(provider)
    }

    /// Forgets the requests seen so far.
    pub fn forget_requests(&self) {
        self.shared.seen.clear();
    }

    /// How often the demo issuer's keys were fetched.
    pub fn jwks_requests(&self) -> u64 {
        self.jwks_requests.load(Ordering::Relaxed)
    }

    /// Every text message that a stand-in took, oldest first.
    pub fn phone_log(&self) -> Vec<PhoneLogEntry> {
        self.shared.read(state::World::phone_log)
    }

    /// Every e-mail that the Resend stand-in took, oldest first.
    pub fn mail_log(&self) -> Vec<MailLogEntry> {
        self.shared.read(|world| world.mails.clone())
    }

    /// The webhooks of the n8n stand-in.
    pub fn hooks(&self) -> HooksHandle<'_> {
        HooksHandle(self)
    }

    /// The Vapi stand-in.
    pub fn vapi(&self) -> VapiHandle<'_> {
        VapiHandle(&self.shared)
    }

    /// The Twilio stand-in.
    pub fn twilio(&self) -> TwilioHandle<'_> {
        TwilioHandle(&self.shared)
    }

    /// The Google stand-in.
    pub fn google(&self) -> GoogleHandle<'_> {
        GoogleHandle(&self.shared)
    }

    /// The WhatsApp stand-in.
    pub fn whatsapp(&self) -> WhatsAppHandle<'_> {
        WhatsAppHandle(&self.shared)
    }

    /// Plays a call with an assistant: every server message is sent to the assistant's server,
    /// authenticated as the assistant says.
    pub async fn place_call(
        &self,
        assistant: Uuid,
        script: &CallScript,
    ) -> Result<CallTranscript, PlaceCallError> {
        call::place(&self.shared, assistant, script).await
    }
}

/// The webhooks of the n8n stand-in, for tests. A path is what stands behind `/webhook/`.
pub struct HooksHandle<'a>(&'a Sandbox);

impl HooksHandle<'_> {
    /// The address of a webhook.
    pub fn url(&self, path: &str) -> String {
        format!("{}n8n/webhook/{path}", self.0.shared_url)
    }

    /// Every post that came, oldest first.
    pub fn received(&self) -> Vec<ReceivedHook> {
        self.0.shared.receiver.list()
    }

    /// Every post that came, oldest first, once: only so many are kept.
    pub fn take(&self) -> Vec<ReceivedHook> {
        self.0.shared.receiver.take()
    }

    /// Forgets what came.
    pub fn forget(&self) {
        self.0.shared.receiver.clear();
    }

    /// Lets a webhook verify signatures with these secrets; any one will do.
    pub fn set_secrets(&self, path: &str, secrets: &[&str]) {
        self.0.shared.receiver.set_secrets(path, secrets);
    }

    /// How a webhook answers from now on.
    pub fn set_behaviour(&self, path: &str, behaviour: HookBehaviour) {
        self.0.shared.receiver.set_behaviour(path, behaviour);
    }
}

/// The Vapi stand-in, for tests.
pub struct VapiHandle<'a>(&'a Shared);

impl VapiHandle<'_> {
    /// Adds a Vapi organization with fresh keys.
    pub fn add_account(&self, name: &str) -> VapiAccount {
        let account = VapiAccount {
            name: name.to_owned(),
            org_id: Uuid::new_v4(),
            private_key: Uuid::new_v4().to_string(),
            public_key: Uuid::new_v4().to_string(),
        };
        self.0.change(|world| world.vapi.accounts.push(account.clone()));
        account
    }

    /// Adds a phone number to the organization of that private key; gives its id.
    pub fn add_phone_number(&self, private_key: &str, number: &str) -> Option<Uuid> {
        self.0.change(|world| {
            let org_id = world.vapi.account(private_key)?.org_id;
            Some(vapi::add_number(world, org_id, number))
        })
    }

    /// The assistants of the organization of that private key, oldest first, as Vapi shows them.
    pub fn assistants(&self, private_key: &str) -> Vec<serde_json::Value> {
        self.0.read(|world| {
            let Some(account) = world.vapi.account(private_key) else { return Vec::new() };
            world
                .vapi
                .assistants
                .iter()
                .filter(|stored| stored.org_id == account.org_id)
                .map(state::Stored::shown)
                .collect()
        })
    }

    /// The phone numbers of the organization of that private key, oldest first, secrets included, as Vapi
    /// shows them.
    pub fn phone_numbers(&self, private_key: &str) -> Vec<serde_json::Value> {
        self.0.read(|world| {
            let Some(account) = world.vapi.account(private_key) else { return Vec::new() };
            let own = world.vapi.phone_numbers.iter().filter(|stored| stored.org_id == account.org_id);
            own.map(state::Stored::shown).collect()
        })
    }

    /// The calls that the organization of that private key has asked for, oldest first.
    pub fn calls(&self, private_key: &str) -> Vec<serde_json::Value> {
        self.0.read(|world| {
            let Some(account) = world.vapi.account(private_key) else { return Vec::new() };
            let own = world.vapi.calls.iter().filter(|stored| stored.org_id == account.org_id);
            own.map(state::Stored::shown).collect()
        })
    }

    /// The ElevenLabs keys that the organization of that private key was given, oldest first.
    pub fn voice_keys(&self, private_key: &str) -> Vec<String> {
        self.0.read(|world| {
            let Some(account) = world.vapi.account(private_key) else { return Vec::new() };
            let own = world.vapi.credentials.iter().filter(|stored| stored.org_id == account.org_id);
            own.filter_map(|stored| stored.body["apiKey"].as_str().map(str::to_owned)).collect()
        })
    }

    /// Calls that were put through, oldest first.
    pub fn transfers(&self) -> Vec<CallTransfer> {
        self.0.read(|world| world.vapi.transfers.clone())
    }

    /// Deletes an assistant as somebody in Vapi's dashboard would. False if there is none.
    pub fn delete_assistant(&self, id: Uuid) -> bool {
        self.0.change(|world| {
            let before = world.vapi.assistants.len();
            world.vapi.assistants.retain(|stored| stored.id != id);
            world.vapi.assistants.len() < before
        })
    }
}

async fn serve(
    what: &'static str,
    port: u16,
    router: Router,
    servers: &mut Vec<AbortHandle>,
) -> Result<Url, SandboxError> {
    let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let failed = |source| SandboxError::Port { what, port, source };
    let listener = SandboxListener::bind(wanted).await.map_err(failed)?;
    let address = listener.address().map_err(failed)?;
    let url =
        Url::parse(&format!("http://{address}/")).map_err(|error| failed(std::io::Error::other(error)))?;
    let service = router.into_make_service_with_connect_info::<Cut>();
    servers.push(tokio::spawn(async move { axum::serve(listener, service).await }).abort_handle());
    Ok(url)
}

#[cfg(test)]
mod tests;
