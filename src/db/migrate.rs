//! Brings the schema up to date. The files of `migrations/` are compiled into the program.
//!
//! Runs as the owner of the schema and never as the role that serves requests. Several processes may
//! start it at once: an advisory lock lets one do the work and the others wait. Who may do what with
//! which table is told in `migrations/README.md`.

use sqlx::migrate::{MigrateError as SqlxMigrateError, Migrator};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection};

static MIGRATOR: Migrator = sqlx::migrate!("./migrations");

/// `server_version_num` of the oldest server that the schema works on.
const OLDEST_SERVER: u32 = 150_000;

/// Why the schema could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The owner could not connect.
    #[error("the owner of the schema could not connect: check DATABASE_OWNER_URL")]
    Connect(#[source] sqlx::Error),
    /// The server is too old for the schema.
    #[error("this server is PostgreSQL {found}, and the schema needs 15 or newer: upgrade the server")]
    OldServer { found: String },
    /// The database was migrated by a newer program.
    #[error("the database holds migration {0}, which this program does not know: run the newer program")]
    Newer(i64),
    /// A file of a migration that has been applied was edited since.
    #[error("migration {0} was changed after it had been applied: restore its file and add a new one")]
    Changed(i64),
    /// A migration failed and was rolled back.
    #[error("the schema could not be brought up to date; nothing of the failed step was kept")]
    Failed(#[source] SqlxMigrateError),
}

impl From<SqlxMigrateError> for MigrateError {
    fn from(error: SqlxMigrateError) -> Self {
        match error {
            SqlxMigrateError::VersionMissing(version) => Self::Newer(version),
            SqlxMigrateError::VersionMismatch(version) => Self::Changed(version),
            other => Self::Failed(other),
        }
    }
}

/// Applies what is missing, connected as `owner`. Does nothing where nothing is missing.
pub async fn migrate(owner: &PgConnectOptions) -> Result<(), MigrateError> {
    let mut connection = owner.connect().await.map_err(MigrateError::Connect)?;
    let version: String = sqlx::query_scalar("select current_setting('server_version_num')")
        .fetch_one(&mut connection)
        .await
        .map_err(MigrateError::Connect)?;
    check_version(version.parse().unwrap_or_default())?;
    MIGRATOR.run(&mut connection).await?;
    connection.close().await.map_err(MigrateError::Connect)
}

/// The newest migration that this program knows.
pub fn newest_version() -> i64 {
    MIGRATOR.iter().map(|migration| migration.version).max().unwrap_or_default()
}

fn check_version(number: u32) -> Result<(), MigrateError> {
    if number < OLDEST_SERVER {
        return Err(MigrateError::OldServer { found: format!("{}.{}", number / 10_000, number % 10_000) });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_below_fifteen_is_refused_with_its_version() {
        let refusal = check_version(140_012).unwrap_err();
        assert!(refusal.to_string().contains("PostgreSQL 14.12"), "{refusal}");
        assert!(check_version(150_000).is_ok());
        assert!(check_version(180_001).is_ok());
    }

    #[test]
    fn a_newer_database_and_an_edited_file_are_told_apart() {
        assert!(matches!(MigrateError::from(SqlxMigrateError::VersionMissing(9)), MigrateError::Newer(9)));
        assert!(matches!(MigrateError::from(SqlxMigrateError::VersionMismatch(3)), MigrateError::Changed(3)));
    }
}
