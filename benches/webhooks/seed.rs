//! Clinics with an assistant and a webhook secret each, made by the product's own functions.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::task::JoinSet;
use uuid::Uuid;
use voxanne::assemble::{self, Parts};
use voxanne::auth::accounts::{self, NewUser};
use voxanne::auth::password::Passwords;
use voxanne::clock::Clock;
use voxanne::db::webhook_secrets::{self, NewWebhookSecret};
use voxanne::db::{OrgTx, routes};
use voxanne::domain::{OrgId, Role};
use voxanne::integrations::onboard;
use voxanne::providers::ProviderBases;
use voxanne::state::Services;
use voxanne::vault::{Keyring, SecretText};
use voxanne::webhooks::resolver::RouteSecret;
use voxanne::webhooks::signature::{HmacPlan, Scheme};

use super::servers::KEY;

pub const CLINICS: usize = 1000;
/// Clinics that are made at once.
const AT_ONCE: usize = 8;

/// The person who asks for the state of their clinic's integrations.
pub const EMAIL: &str = "owner@bench.example";
pub const PASSWORD: &str = "a sentence that only measures";

/// The product's services over `pool`, as `serve` makes them.
pub async fn services(pool: voxanne::db::PgPool) -> Result<Arc<Services>> {
    let nowhere: url::Url = "http://127.0.0.1:9/".parse()?;
    Ok(assemble::services(Parts {
        pool,
        keyring: Keyring::from_hex(KEY)?,
        clock: Clock::default(),
        bases: ProviderBases::default(),
        allowed: Vec::new(),
        public_url: nowhere,
        is_sandbox: false,
        restore_days: 30,
        google: None,
        cache_ttl: Duration::from_secs(300),
        cache_bytes: 64 * 1024 * 1024,
    })
    .await?)
}

/// Makes the clinics, writes the load generator's file, and returns their assistants.
pub async fn clinics(services: &Arc<Services>, file: &Path) -> Result<Vec<Uuid>> {
    let mut makers = JoinSet::new();
    for maker in 0..AT_ONCE {
        let services = services.clone();
        makers.spawn(async move {
            let mut made = Vec::new();
            for number in (maker..CLINICS).step_by(AT_ONCE) {
                made.push(clinic(&services, number).await?);
            }
            anyhow::Ok(made)
        });
    }
    let mut made = Vec::with_capacity(CLINICS);
    for part in makers.join_all().await {
        made.extend(part?);
    }
    let lines: Vec<String> = made
        .iter()
        .map(|(_, assistant, secret)| format!(r#"{{"assistantId":"{assistant}","secret":"{secret}"}}"#))
        .collect();
    std::fs::write(file, lines.join("\n"))?;
    if let Some((org, ..)) = made.first() {
        owner(services, *org).await?;
    }
    Ok(made.into_iter().map(|(_, assistant, _)| assistant).collect())
}

/// A clinic of its own account at Vapi, but without a Vapi: what connecting would have stored.
async fn clinic(services: &Services, number: usize) -> Result<(OrgId, Uuid, String)> {
    let name = format!("Clinic {number}");
    let org = accounts::create_organization(&services.pool, &name, "UTC", "US").await?;
    onboard::onboard(services, org, &name).await?;
    let (id, assistant) = (Uuid::now_v7(), Uuid::new_v4());
    let secret = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    let sealed = services.vault.seal(&RouteSecret::place(org, id), secret.as_bytes()).await?;
    let (scheme, params) = Scheme::Hmac(HmacPlan::ours()).to_stored();
    let mut tx = OrgTx::service(&services.pool, org).await?;
    webhook_secrets::insert(
        &mut tx,
        &NewWebhookSecret {
            id,
            source: "vapi",
            scheme,
            params: &params,
            sealed: sealed.as_bytes(),
            key_version: sealed.key_version(),
            provider_credential_id: None,
        },
    )
    .await?;
    ensure!(routes::claim_assistant(&mut tx, assistant, "inbound", &name).await?, "an assistant was taken");
    tx.commit().await?;
    Ok((org, assistant, secret))
}

async fn owner(services: &Services, org: OrgId) -> Result<()> {
    let new = NewUser { email: EMAIL, name: "Alex Example", password: SecretText::new(PASSWORD.to_owned()) };
    let user = accounts::create_user(&services.pool, &Passwords::new(1), new).await?;
    Ok(onboard::add_member(services, org, user, Role::Owner).await?)
}
