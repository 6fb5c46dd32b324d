//! Keys of a command: from the settings, or the file that the embedded default makes once.

use std::path::PathBuf;

use super::accounts::with_services;
use super::database::Database;
use super::{CliError, say};
use crate::config::Config;
use crate::db::{PgPool, keys};
use crate::domain::OrgId;
use crate::integrations::rotation::{self, Retired};
use crate::vault::{KeyState, Keyring};

/// Reads the keyring that the settings name. On the embedded default a key file is made, outside of
/// the data folder, as long as no key was ever used.
pub async fn load(config: &Config, pool: &PgPool, is_embedded: bool) -> Result<Keyring, CliError> {
    let unusable = |error| CliError::because("the encryption key cannot be used", error);
    match (&config.encryption_key_file, &config.encryption_key) {
        (Some(_), Some(_)) => Err(CliError::new("set ENCRYPTION_KEY_FILE or ENCRYPTION_KEY, not both")),
        (Some(path), None) => Keyring::from_file(path).map_err(unusable),
        (None, Some(text)) => Keyring::from_hex(text).map_err(unusable),
        (None, None) if is_embedded => {
            let path = default_path(config);
            if !path.exists() {
                make(&path, pool).await?;
            }
            Keyring::from_file(&path).map_err(unusable)
        }
        (None, None) => Err(CliError::new(
            "there is no encryption key: set ENCRYPTION_KEY_FILE to a file that only this service can read",
        )),
    }
}

/// Beside the data folder, not inside: a copy of the folder must not hold its own key.
fn default_path(config: &Config) -> PathBuf {
    let mut name = config.data_dir.file_name().unwrap_or_default().to_os_string();
    name.push(".key");
    config.data_dir.with_file_name(name)
}

async fn make(path: &std::path::Path, pool: &PgPool) -> Result<(), CliError> {
    let known = keys::list_checks(pool)
        .await
        .map_err(|error| CliError::because("the keys could not be listed", error))?;
    if let Some(check) = known.first() {
        let (id, path) = (check.kek_id, path.display());
        return Err(CliError::new(format!(
            "the database needs key {id}, and {path} is gone: bring it back from where you keep it"
        )));
    }
    let line = Keyring::generate_line(KeyState::Current)
        .map_err(|error| CliError::because("no key could be made", error))?;
    let written = write_secret(path, line.expose());
    written.map_err(|error| {
        CliError::because(format!("the key file {} could not be written", path.display()), error)
    })?;
    tracing::info!(path = %path.display(), "a key file was made; keep a copy of it apart from the data");
    Ok(())
}

/// Writes a file that only its owner can read, and nobody can change.
fn write_secret(path: &std::path::Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o400).open(path)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

/// `voxanne keys status`
pub async fn show(config: Config) -> Result<(), CliError> {
    let database = Database::open(&config).await?;
    let listed = async {
        let keyring = load(&config, &database.pool, database.is_embedded()).await?;
        let checks = keys::list_checks(&database.pool)
            .await
            .map_err(|error| CliError::because("the keys could not be listed", error))?;
        Ok::<_, CliError>((keyring, checks))
    };
    let listed = listed.await;
    database.close().await;
    let (keyring, checks) = listed?;
    for id in keyring.ids() {
        let state = keyring.find(id).map_or("unknown", |kek| kek.state().as_str());
        say(&format!("key {id}  here: {state}"));
    }
    for check in checks {
        say(&format!("key {}  in the database: {}", check.kek_id, check.state));
    }
    Ok(())
}

/// `voxanne keys rotate`
pub async fn rotate(config: Config) -> Result<(), CliError> {
    with_services(&config, async |services| {
        let failed = |error| CliError::because("not every key was rewrapped; run this again", error);
        let total = rotation::rewrap_all(&services, |done| say(&format!("{done} data keys rewrapped")))
            .await
            .map_err(failed)?;
        let id = services.vault.keyring().current().id();
        say(&format!("All data keys are wrapped by key {id}; {total} were not before."));
        Ok(())
    })
    .await
}

/// `voxanne keys reseal`
pub async fn reseal(config: Config, org: OrgId) -> Result<(), CliError> {
    with_services(&config, async |services| {
        let failed = |error| CliError::because("not everything was sealed anew; run this again", error);
        let total = rotation::reseal(&services, org, |done| say(&format!("{done} values sealed anew")))
            .await
            .map_err(failed)?;
        say(&format!("The clinic has a new data key, and {total} values are sealed with it."));
        Ok(())
    })
    .await
}

/// `voxanne keys retire`
pub async fn retire(config: Config, id: i64) -> Result<(), CliError> {
    with_services(&config, async |services| {
        let retired = rotation::retire(&services, id).await;
        match retired.map_err(|error| CliError::because("the key was not retired", error))? {
            Retired::Done => {
                say(&format!("Key {id} protects nothing. Take it out of the key file; keep it as long as your oldest backup."));
                Ok(())
            }
            Retired::StillNeeded { keys } => {
                Err(CliError::new(format!("key {id} still protects {keys} data keys: run `voxanne keys rotate` first")))
            }
        }
    })
    .await
}
