//! Issuers of tokens from the command line: added, listed, disabled.

use std::io::Read;

use clap::Subcommand;
use url::Url;

use super::accounts::with_services;
use super::{CliError, say};
use crate::config::Config;
use crate::db::issuers;
use crate::domain::{OrgId, Role};
use crate::integrations::bearer::{self, IssuerToAdd, KeyToAdd};
use crate::vault::SecretText;

/// The least of a shared secret, in bytes: as long as what HS256 makes (RFC 7518, 3.2).
const LEAST_SECRET: usize = 32;

#[derive(Debug, Subcommand)]
pub(super) enum IssuerCommand {
    /// Believe the tokens of an issuer. Without --jwks-url its secret is read from standard input.
    Add {
        /// What its tokens carry as `iss`, to the letter.
        #[arg(long)]
        issuer: String,
        /// What its tokens must carry as `aud`.
        #[arg(long)]
        audience: String,
        /// The only clinic that it may speak for.
        #[arg(long, conflicts_with = "any_clinic")]
        org: Option<OrgId>,
        /// Let it speak for every clinic.
        #[arg(long)]
        any_clinic: bool,
        /// The most that its tokens may be: admin or member.
        #[arg(long, default_value = "member")]
        max_role: String,
        /// Where it publishes its keys (JWKS).
        #[arg(long)]
        jwks_url: Option<Url>,
        #[command(flatten)]
        config: Box<Config>,
    },
    /// List the issuers.
    List(Box<Config>),
    /// Believe an issuer no longer, at once.
    Disable {
        #[arg(long)]
        issuer: String,
        #[command(flatten)]
        config: Box<Config>,
    },
}

/// Runs `voxanne issuer ...`.
pub(super) async fn run(command: IssuerCommand) -> Result<(), CliError> {
    match command {
        IssuerCommand::Add { issuer, audience, org, any_clinic, max_role, jwks_url, config } => {
            if org.is_none() && !any_clinic {
                return Err(CliError::new("say which clinic the issuer speaks for: --org, or --any-clinic"));
            }
            let max_role = match max_role.parse() {
                Ok(role @ (Role::Admin | Role::Member)) => role,
                _ => return Err(CliError::new("--max-role is admin or member")),
            };
            let key = match jwks_url {
                Some(url) => KeyToAdd::Published(published(url, &config)?),
                None => KeyToAdd::Secret(read_secret()?),
            };
            let new =
                IssuerToAdd { issuer: &issuer, audience: &audience, only_organization: org, max_role, key };
            if issuer.trim().is_empty() || audience.trim().is_empty() {
                return Err(CliError::new("issuer and audience cannot be empty"));
            }
            with_services(&config, async |services| {
                let id = bearer::add(&services, &new)
                    .await
                    .map_err(|error| CliError::because("the issuer could not be added", error))?;
                say(&format!("{id}  {issuer}"));
                Ok(())
            })
            .await
        }
        IssuerCommand::List(config) => {
            with_services(&config, async |services| {
                let rows = issuers::list(&services.pool)
                    .await
                    .map_err(|error| CliError::because("the issuers could not be listed", error))?;
                for row in rows {
                    let clinic =
                        row.only_organization.map_or_else(|| "any clinic".to_owned(), |org| org.to_string());
                    let key = row.jwks_url.as_deref().unwrap_or("shared secret");
                    let state = if row.disabled_at.is_some() { "disabled" } else { "live" };
                    say(&format!(
                        "{}  {}  {clinic}  {}  {key}  {state}",
                        row.issuer, row.audience, row.max_role
                    ));
                }
                Ok(())
            })
            .await
        }
        IssuerCommand::Disable { issuer, config } => {
            with_services(&config, async |services| {
                issuers::disable(&services.pool, &issuer)
                    .await
                    .map_err(|error| CliError::because("no live issuer has that name", error))?;
                say(&format!("{issuer} is disabled"));
                Ok(())
            })
            .await
        }
    }
}

/// Keys that come over plain http could be anybody's. The sandbox has no https.
fn published(url: Url, config: &Config) -> Result<Url, CliError> {
    if url.scheme() == "https" || (config.uses_sandbox() && url.scheme() == "http") {
        Ok(url)
    } else {
        Err(CliError::new("--jwks-url must begin with https://"))
    }
}

fn read_secret() -> Result<SecretText, CliError> {
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .map_err(|error| CliError::because("no secret was given on standard input", error))?;
    let secret = SecretText::new(text.trim_end_matches(['\r', '\n']).to_owned());
    if secret.expose().len() < LEAST_SECRET {
        return Err(CliError::new("the shared secret must have 32 bytes or more"));
    }
    Ok(secret)
}
