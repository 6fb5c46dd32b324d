//! The subcommands of the binary, one file each. They print for people, on standard output.

mod accounts;
mod database;
mod deliveries;
mod issuers;
mod keys;
mod ready;
mod serve;
mod trail;

#[cfg(feature = "sandbox")]
mod demo;

use clap::{Parser, Subcommand};

use crate::config::Config;
use crate::domain::OrgId;

/// Bring-your-own-credentials integrations for AI voice receptionists in clinics.
#[derive(Debug, Parser)]
#[command(name = "voxanne", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the web and run the worker.
    Serve(Box<Config>),
    /// Run the background worker alone.
    Worker(Box<Config>),
    /// Bring the schema up to date, as the owning role.
    Migrate(Box<Config>),
    /// Check whether this installation is safe to start.
    Doctor(Box<Config>),
    /// Look after the key-encryption keys.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Look after audit trails.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Look after the history of events out.
    #[command(subcommand)]
    Deliveries(DeliveriesCommand),
    /// Look after clinics.
    #[command(subcommand)]
    Org(OrgCommand),
    /// Look after people.
    #[command(subcommand)]
    User(UserCommand),
    /// Look after the issuers whose tokens are believed.
    #[command(subcommand)]
    Issuer(issuers::IssuerCommand),
    /// Look after the people who run this installation.
    #[command(subcommand)]
    PlatformAdmin(PlatformAdminCommand),
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Show the keys that are here, and those that the database knows.
    Status(Box<Config>),
    /// Wrap every data key anew under the current key.
    Rotate(Box<Config>),
    /// Give a clinic a new data key, and seal all of its values anew.
    Reseal {
        /// The clinic's id.
        #[arg(long)]
        org: crate::domain::OrgId,
        #[command(flatten)]
        config: Box<Config>,
    },
    /// Retire a key that protects nothing any more.
    Retire {
        /// The key's id, as `keys status` shows it.
        #[arg(long)]
        id: i64,
        #[command(flatten)]
        config: Box<Config>,
    },
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Check the audit trail of a clinic, or the platform's own.
    Verify {
        /// The clinic's id; without it the platform's trail is checked.
        #[arg(long)]
        org: Option<OrgId>,
        #[command(flatten)]
        config: Box<Config>,
    },
}

#[derive(Debug, Subcommand)]
enum DeliveriesCommand {
    /// Write old deliveries with their attempts into an archive, then delete them. Endpoints and counts stay.
    Prune {
        /// Days that a delivery is kept, from 1 on.
        #[arg(long, value_parser = clap::value_parser!(i32).range(1..=36500))]
        older_than_days: i32,
        /// The file that they are added to, a JSON object a line. It holds patients' data.
        #[arg(long)]
        archive: std::path::PathBuf,
        /// One clinic's id; without it all of them.
        #[arg(long)]
        org: Option<OrgId>,
        #[command(flatten)]
        config: Box<Config>,
    },
}

#[derive(Debug, Subcommand)]
enum OrgCommand {
    /// Make a clinic.
    Create {
        #[arg(long)]
        name: String,
        #[arg(long, default_value = "UTC")]
        time_zone: String,
        #[arg(long, default_value = "US")]
        country: String,
        #[command(flatten)]
        config: Box<Config>,
    },
    /// End the claim that a clinic has on an assistant or a telephone number of Vapi's, so that the clinic
    /// which has it there now gets it. Recorded in the trail of the clinic that had it.
    Release {
        /// The id of the assistant or of the number, as Vapi shows it.
        #[arg(long)]
        vapi_id: uuid::Uuid,
        #[command(flatten)]
        config: Box<Config>,
    },
}

#[derive(Debug, Subcommand)]
enum UserCommand {
    /// Make a person and add them to a clinic; somebody who has an account already is added to one more
    /// clinic. The password is read from standard input.
    Create {
        #[arg(long)]
        email: String,
        #[arg(long)]
        name: String,
        /// The clinic's id.
        #[arg(long)]
        org: OrgId,
        /// owner, admin or member.
        #[arg(long)]
        role: String,
        #[command(flatten)]
        config: Box<Config>,
    },
}

#[derive(Debug, Subcommand)]
enum PlatformAdminCommand {
    /// Make a person a platform admin, creating them if needed. The password is read from standard input.
    Create {
        #[arg(long)]
        email: String,
        #[arg(long)]
        name: String,
        #[command(flatten)]
        config: Box<Config>,
    },
}

/// Why a subcommand ended badly: a sentence, and the way out where there is one.
#[derive(Debug, thiserror::Error)]
#[error("{sentence}")]
pub struct CliError {
    sentence: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl CliError {
    fn new(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), source: None }
    }

    fn because(
        sentence: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { sentence: sentence.into(), source: Some(source.into()) }
    }

    /// The sentence and all its causes, each once.
    pub fn chain(&self) -> String {
        let mut text = self.sentence.clone();
        let mut next = self.source.as_deref().map(|error| error as &dyn std::error::Error);
        while let Some(error) = next {
            text.push_str(": ");
            text.push_str(&error.to_string());
            next = error.source();
        }
        text
    }
}

impl Cli {
    /// Runs the subcommand to its end.
    pub async fn run(self) -> Result<(), CliError> {
        match self.command {
            Command::Serve(config) => serve::serve(*config, true).await,
            Command::Worker(config) => serve::serve(*config, false).await,
            Command::Migrate(config) => database::migrate(*config).await,
            Command::Doctor(config) => database::doctor(*config).await,
            Command::Keys(KeysCommand::Status(config)) => keys::show(*config).await,
            Command::Keys(KeysCommand::Rotate(config)) => keys::rotate(*config).await,
            Command::Keys(KeysCommand::Reseal { org, config }) => keys::reseal(*config, org).await,
            Command::Keys(KeysCommand::Retire { id, config }) => keys::retire(*config, id).await,
            Command::Audit(AuditCommand::Verify { org, config }) => {
                accounts::verify_audit(*config, org).await
            }
            Command::Deliveries(DeliveriesCommand::Prune { older_than_days, archive, org, config }) => {
                deliveries::prune(*config, older_than_days, &archive, org).await
            }
            Command::Org(OrgCommand::Create { name, time_zone, country, config }) => {
                accounts::create_organization(*config, &name, &time_zone, &country).await
            }
            Command::Org(OrgCommand::Release { vapi_id, config }) => {
                accounts::release_claim(*config, vapi_id).await
            }
            Command::User(UserCommand::Create { email, name, org, role, config }) => {
                accounts::create_user(*config, &email, &name, org, &role).await
            }
            Command::Issuer(command) => issuers::run(command).await,
            Command::PlatformAdmin(PlatformAdminCommand::Create { email, name, config }) => {
                accounts::create_platform_admin(*config, &email, &name).await
            }
        }
    }
}

/// Prints a line for the person at the terminal.
#[expect(clippy::print_stdout, reason = "what subcommands say is their output")]
fn say(line: &str) {
    println!("{line}");
}
