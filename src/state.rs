//! What every request and every worker shares.
//!
//! [`Services`] is all that the use cases need; [`App`] adds what only HTTP needs. Both are made
//! once at start and never change.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use url::Url;
use uuid::Uuid;

use crate::app::Assets;
use crate::audit::machines::MachineCounts;
use crate::auth::issuer_cache::IssuerCache;
use crate::auth::password::Passwords;
use crate::clock::Clock;
use crate::db::PgPool;
use crate::domain::{IntegrationId, OrgId, Use};
use crate::live::Live;
use crate::providers::ProviderBases;
use crate::providers::egress::Egress;
use crate::providers::google::{GoogleError, OAuthClient};
use crate::vault::{Vault, VaultError};
use crate::webhooks::inbox::Inbox;
use crate::webhooks::resolver::Resolver;
use crate::webhooks::{resend, twilio, whatsapp};

/// The parts that use cases, webhooks and workers are made of.
pub struct Services {
    pub pool: PgPool,
    pub vault: Vault,
    pub egress: Egress,
    pub bases: ProviderBases,
    pub clock: Clock,
    pub resolver: Resolver,
    pub inbox: Inbox,
    pub counts: MachineCounts,
    pub uses: Uses,
    pub issuers: IssuerCache,
    /// Which installation this is; stands in the metadata of what we make at providers.
    pub installation: Uuid,
    /// Address under which providers reach us.
    pub public_url: Url,
    /// Days that an old credential can be restored.
    pub restore_days: i32,
    /// The platform's OAuth client at Google; without it each clinic brings its own.
    pub google: Option<OAuthClient>,
    pub flights: Flights,
    /// Told when an alert was written down that may be due.
    pub alerts_due: Notify,
    /// For work that goes on when nobody waits for it any more.
    pub myself: Weak<Services>,
}

impl Services {
    /// The services for a task of their own; none while the process ends.
    pub fn shared(&self) -> Option<Arc<Services>> {
        self.myself.upgrade()
    }

    /// The address to which Google sends people back.
    pub fn google_redirect_url(&self) -> String {
        format!("{}/api/auth/google/callback", self.public_url.as_str().trim_end_matches('/'))
    }

    /// Forgets all that this process has cached about an organization; others are told by the
    /// database.
    pub fn evict(&self, org: OrgId) {
        self.vault.evict(org);
        self.resolver.evict(org);
    }

    pub fn evict_all(&self) {
        self.vault.evict_all();
        self.resolver.evict_all();
    }

    /// The address that Meta posts a clinic's WhatsApp messages to.
    pub async fn whatsapp_webhook_url(&self, org: OrgId) -> Result<String, VaultError> {
        let route = whatsapp::ADDRESS.route_of(&self.vault, org).await?;
        let base = self.public_url.as_str().trim_end_matches('/');
        Ok(format!("{base}/api/webhooks/whatsapp/{route}"))
    }

    /// The address below which Twilio posts a clinic's messages (`/inbound`) and what became of its own
    /// (`/status`).
    pub async fn twilio_webhook_url(&self, org: OrgId) -> Result<String, VaultError> {
        let route = twilio::ADDRESS.route_of(&self.vault, org).await?;
        let base = self.public_url.as_str().trim_end_matches('/');
        Ok(format!("{base}/api/webhooks/twilio/{route}"))
    }

    /// The address that Resend posts news of a clinic's e-mails to.
    pub async fn resend_webhook_url(&self, org: OrgId) -> Result<String, VaultError> {
        let route = resend::ADDRESS.route_of(&self.vault, org).await?;
        let base = self.public_url.as_str().trim_end_matches('/');
        Ok(format!("{base}/api/webhooks/resend/{route}"))
    }

    /// The address that Vapi posts its messages to.
    pub fn vapi_webhook_url(&self) -> String {
        format!("{}/api/webhooks/vapi", self.public_url.as_str().trim_end_matches('/'))
    }
}

/// Uses gathered in memory, written every ten seconds by one statement each.
#[derive(Default)]
pub struct Uses(Mutex<Used>);

/// What was gathered.
#[derive(Clone, Debug, Default)]
pub struct Used {
    /// The last use of each.
    pub integrations: HashMap<(OrgId, IntegrationId), Use>,
    pub assistants: HashSet<Uuid>,
    /// Clinics of calls that named no assistant.
    pub called: HashSet<OrgId>,
}

impl Uses {
    /// Notes that an integration served a real use.
    pub fn integration(&self, org: OrgId, id: IntegrationId, what: Use) {
        if let Ok(mut gathered) = self.0.lock() {
            gathered.integrations.insert((org, id), what);
        }
    }

    /// Notes that an assistant sent a verified message, which is a use of its clinic's Vapi as well.
    pub fn assistant(&self, id: Uuid) {
        if let Ok(mut gathered) = self.0.lock() {
            gathered.assistants.insert(id);
        }
    }

    /// The same for a message that names a telephone number only.
    pub fn clinic_called(&self, org: OrgId) {
        if let Ok(mut gathered) = self.0.lock() {
            gathered.called.insert(org);
        }
    }

    /// Takes what was gathered.
    pub fn drain(&self) -> Used {
        self.0.lock().map(|mut gathered| std::mem::take(&mut *gathered)).unwrap_or_default()
    }

    /// Puts back what could not be written, for the next time. What came meanwhile is newer.
    pub fn put_back(&self, used: Used) {
        if let Ok(mut gathered) = self.0.lock() {
            for (key, what) in used.integrations {
                gathered.integrations.entry(key).or_insert(what);
            }
            gathered.assistants.extend(used.assistants);
            gathered.called.extend(used.called);
        }
    }
}

/// One line per organization for those who need a token refreshed.
#[derive(Default)]
pub struct Flights(Mutex<HashMap<OrgId, Weak<Flight>>>);

/// The line, and how the last refresh failed for those who stand in it.
pub type Flight = tokio::sync::Mutex<Option<FailedRefresh>>;

/// A refresh that failed, for those who stood in line behind it.
pub struct FailedRefresh {
    pub at: Instant,
    /// Of the pair that was to be refreshed.
    pub revision: i64,
    pub error: GoogleError,
}

impl Flights {
    /// The line of an organization. It is forgotten when nobody stands in it.
    pub fn of(&self, org: OrgId) -> Arc<Flight> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = lines.get(&org).and_then(Weak::upgrade) {
            return line;
        }
        lines.retain(|_, line| line.strong_count() > 0);
        let line = Arc::new(Flight::default());
        lines.insert(org, Arc::downgrade(&line));
        line
    }
}

/// What HTTP needs beside the services.
pub struct App {
    pub services: Arc<Services>,
    pub passwords: Passwords,
    /// Who watches a page of this process.
    pub live: Arc<Live>,
    pub assets: Assets,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<ipnet::IpNet>,
    pub session_idle_seconds: i64,
    pub session_absolute_seconds: i64,
    /// Opens the first-run page while there is no clinic; printed at start.
    pub setup_code: Option<String>,
    pub is_sandbox: bool,
    /// Folder with the built browser files.
    pub site_dir: std::path::PathBuf,
    /// How long the body of a request may take.
    pub body_time: Duration,
}

impl App {
    /// Whether people and providers reach us over TLS.
    pub fn is_https(&self) -> bool {
        self.services.public_url.scheme() == "https"
    }
}

/// The state of the router.
pub type AppState = Arc<App>;
