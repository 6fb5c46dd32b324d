//! What every request and every worker shares.
//!
//! [`Services`] is all that the use cases need; [`App`] adds what only HTTP needs. Both are made
//! once at start and never change.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use url::Url;
use uuid::Uuid;

use crate::app::Assets;
use crate::audit::machines::MachineCounts;
use crate::auth::issuer_cache::IssuerCache;
use crate::auth::password::Passwords;
use crate::clock::Clock;
use crate::db::PgPool;
use crate::domain::{IntegrationId, OrgId};
use crate::providers::ProviderBases;
use crate::providers::egress::Egress;
use crate::vault::{Vault, VaultError};
use crate::webhooks::inbox::Inbox;
use crate::webhooks::resolver::Resolver;
use crate::webhooks::whatsapp;

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
    pub tokens: IssuerCache,
    /// Which installation this is; stands in the metadata of what we make at providers.
    pub installation: Uuid,
    /// Address under which providers reach us.
    pub public_url: Url,
    /// Days that an old credential can be restored.
    pub restore_days: i32,
}

impl Services {
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
        let route = whatsapp::route_of(&self.vault, org).await?;
        let base = self.public_url.as_str().trim_end_matches('/');
        Ok(format!("{base}/api/webhooks/whatsapp/{route}"))
    }

    /// The address that Vapi posts its messages to.
    pub fn vapi_webhook_url(&self) -> String {
        format!("{}/api/webhooks/vapi", self.public_url.as_str().trim_end_matches('/'))
    }
}

/// Uses gathered in memory, written every ten seconds by one statement each.
#[derive(Default)]
pub struct Uses(Mutex<Gathered>);

#[derive(Default)]
struct Gathered {
    integrations: HashSet<(OrgId, IntegrationId)>,
    assistants: HashSet<Uuid>,
}

impl Uses {
    /// Notes that an integration served a real use.
    pub fn integration(&self, org: OrgId, id: IntegrationId) {
        if let Ok(mut gathered) = self.0.lock() {
            gathered.integrations.insert((org, id));
        }
    }

    /// Notes that an assistant sent a verified message.
    pub fn assistant(&self, id: Uuid) {
        if let Ok(mut gathered) = self.0.lock() {
            gathered.assistants.insert(id);
        }
    }

    /// Takes what was gathered.
    pub fn drain(&self) -> (Vec<(OrgId, IntegrationId)>, Vec<Uuid>) {
        let Ok(mut gathered) = self.0.lock() else { return Default::default() };
        let taken = std::mem::take(&mut *gathered);
        (taken.integrations.into_iter().collect(), taken.assistants.into_iter().collect())
    }

    /// Puts back what could not be written, for the next time.
    pub fn put_back(&self, integrations: Vec<(OrgId, IntegrationId)>, assistants: Vec<Uuid>) {
        if let Ok(mut gathered) = self.0.lock() {
            gathered.integrations.extend(integrations);
            gathered.assistants.extend(assistants);
        }
    }
}

/// What HTTP needs beside the services.
pub struct App {
    pub services: Arc<Services>,
    pub passwords: Passwords,
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
}

/// The state of the router.
pub type AppState = Arc<App>;
