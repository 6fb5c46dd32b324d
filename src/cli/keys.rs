//! Keys of a command: from the settings, or the file that the embedded default makes once.

use std::path::{Path, PathBuf};

use super::accounts::with_services;
use super::database::Database;
use super::{CliError, say, trail};
use crate::audit::{self, AuditError, Ended, Entry, Origin};
use crate::config::Config;
use crate::db::{OrgTx, PgPool, keys};
use crate::domain::OrgId;
use crate::integrations::rotation::{self, Retired};
use crate::state::Services;
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

async fn make(path: &Path, pool: &PgPool) -> Result<(), CliError> {
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
    match write_secret(path, line.expose()) {
        // Another start of the same folder has made one meanwhile, which is as good.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && path.exists() => return Ok(()),
        written => written.map_err(|error| {
            CliError::because(format!("the key file {} could not be written", path.display()), error)
        })?,
    }
    tracing::info!(path = %path.display(), "a key file was made; keep a copy of it apart from the data");
    Ok(())
}

/// Writes a file that only its owner can read, and nobody can change. Under another name first, so that
/// whatever happens there is a whole key under this one, or none; and never over one that is there.
fn write_secret(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o400).open(&part)?;
    let written = (|| {
        file.write_all(text.as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        // A link and not a new name: it fails where somebody else was quicker, instead of taking theirs away.
        std::fs::hard_link(&part, path)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::File::open(folder)?.sync_all()
    })();
    std::fs::remove_file(&part)?;
    written
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
        let details = format!("{total} data keys rewrapped");
        trail::note(&services, trail::OPERATOR, "keys.rotated", &format!("key {id}"), &details).await?;
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
        note_resealed(&services, org, total).await.map_err(unrecorded)?;
        say(&format!("The clinic has a new data key, and {total} values are sealed with it."));
        Ok(())
    })
    .await
}

/// In the clinic's own trail: its values were touched.
async fn note_resealed(services: &Services, org: OrgId, total: i64) -> Result<(), AuditError> {
    let entry = Entry {
        actor: trail::OPERATOR.to_owned(),
        action: "keys.resealed",
        target: "data key".to_owned(),
        ended: Ended::Success,
        details: format!("{total} values sealed anew"),
    };
    let mut tx = OrgTx::service(&services.pool, org).await?;
    audit::append(&mut tx, &services.vault, &services.clock, &Origin::default(), entry).await?;
    Ok(tx.commit().await?)
}

fn unrecorded(error: AuditError) -> CliError {
    CliError::because("the values are sealed anew, but this could not be recorded", error)
}

/// `voxanne keys retire`
pub async fn retire(config: Config, id: i64) -> Result<(), CliError> {
    with_services(&config, async |services| {
        let retired = rotation::retire(&services, id).await;
        match retired.map_err(|error| CliError::because("the key was not retired", error))? {
            Retired::Done => {
                trail::note(&services, trail::OPERATOR, "key.retired", &format!("key {id}"), "").await?;
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_file_is_whole_or_not_there_and_never_written_over() {
        let folder = std::env::temp_dir().join(format!("voxanne-key-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir(&folder).unwrap();
        let path = folder.join("data.key");
        write_secret(&path, "1 aa current").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "1 aa current\n");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o400);
        let again = write_secret(&path, "1 bb current").unwrap_err();
        assert_eq!(again.kind(), std::io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "1 aa current\n");
        // What a process that was killed while it wrote leaves behind stands under another name.
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "nothing is left over");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
