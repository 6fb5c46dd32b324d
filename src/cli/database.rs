//! The database of a command: the one that the settings name, or the embedded cluster.

use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;

use super::{CliError, say};
use crate::config::Config;
use crate::db::embedded::{Embedded, EmbeddedOptions};
use crate::db::{PgPool, migrate as schema, pool};
use crate::doctor;

/// An open database, with the cluster that has to be let go of at the end.
pub struct Database {
    pub pool: PgPool,
    /// For the listener: never through a pooler.
    pub listen: PgConnectOptions,
    embedded: Option<Embedded>,
}

impl Database {
    /// Connects. The embedded cluster is started and migrated; a database of the operator's own is
    /// taken as it is.
    pub async fn open(config: &Config) -> Result<Self, CliError> {
        let (app, listen, embedded) = match &config.database_url {
            Some(url) => {
                let app = read_url(url, "DATABASE_URL")?;
                let listen = match &config.database_listen_url {
                    Some(url) => read_url(url, "DATABASE_LISTEN_URL")?,
                    None => app.clone(),
                };
                (app, listen, None)
            }
            None => {
                let embedded = Embedded::start(&config.data_dir, EmbeddedOptions::default())
                    .await
                    .map_err(|error| CliError::because("the embedded database did not start", error))?;
                if let Err(error) = schema::migrate(&embedded.owner_options()).await {
                    let _ = embedded.stop().await;
                    return Err(CliError::because(
                        "the embedded database could not be brought up to date",
                        error,
                    ));
                }
                (embedded.app_options(), embedded.app_options(), Some(embedded))
            }
        };
        // Who names a way around the pooler says that there is one.
        let connected = match config.database_listen_url {
            Some(_) => pool::connect_through_pooler(app, config.database_connections).await,
            None => pool::connect_app(app, config.database_connections).await,
        };
        match connected {
            Ok(pool) => Ok(Self { pool, listen, embedded }),
            Err(error) => {
                if let Some(embedded) = embedded {
                    let _ = embedded.stop().await;
                }
                Err(CliError::because("the database could not be reached: check DATABASE_URL", error))
            }
        }
    }

    /// Whether the cluster is ours.
    pub const fn is_embedded(&self) -> bool {
        self.embedded.is_some()
    }

    /// Lets go of the database; the last holder of the embedded cluster stops it.
    pub async fn close(self) {
        self.pool.close().await;
        if let Some(embedded) = self.embedded
            && let Err(error) = embedded.stop().await
        {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the embedded database did not stop in order"
            );
        }
    }
}

fn read_url(url: &str, name: &str) -> Result<PgConnectOptions, CliError> {
    // The error would repeat the URL, password and all.
    PgConnectOptions::from_str(url)
        .map_err(|_| CliError::new(format!("{name} is no address of a PostgreSQL database")))
}

/// `voxanne migrate`
pub async fn migrate(config: Config) -> Result<(), CliError> {
    let Some(url) = &config.database_owner_url else {
        if config.database_url.is_some() {
            return Err(CliError::new("set DATABASE_OWNER_URL: migrations run as the owner of the schema"));
        }
        Database::open(&config).await?.close().await;
        say("The embedded database is up to date.");
        return Ok(());
    };
    let owner = read_url(url, "DATABASE_OWNER_URL")?;
    schema::migrate(&owner)
        .await
        .map_err(|error| CliError::because("the schema is not up to date", error))?;
    say("The schema is up to date.");
    Ok(())
}

/// `voxanne doctor`
pub async fn doctor(config: Config) -> Result<(), CliError> {
    let database = Database::open(&config).await?;
    let examined = doctor::examine(&database.pool).await;
    database.close().await;
    let findings =
        examined.map_err(|error| CliError::because("the database could not be examined", error))?;
    for warning in &findings.warnings {
        say(&format!("warning  {warning}"));
    }
    for fault in &findings.faults {
        say(&format!("fault    {fault}"));
    }
    if findings.faults.is_empty() {
        say("This installation is safe to start.");
        Ok(())
    } else {
        Err(CliError::new(format!("{} faults were found", findings.faults.len())))
    }
}
