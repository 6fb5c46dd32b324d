//! `voxanne deliveries`: the history of events out.

use std::path::Path;

use uuid::Uuid;

use super::accounts::with_services;
use super::{CliError, say};
use crate::config::Config;
use crate::db;
use crate::domain::OrgId;
use crate::integrations::endpoints::prune::{self, Pruned};
use crate::state::Services;

/// Clinics that are named at a time.
const CLINICS: i32 = 200;

/// `voxanne deliveries prune`
pub async fn prune(config: Config, days: i32, archive: &Path, org: Option<OrgId>) -> Result<(), CliError> {
    let mut file = open(archive).map_err(|error| {
        CliError::because(format!("the archive {} can not be opened", archive.display()), error)
    })?;
    with_services(&config, async |services| {
        let mut total = Pruned::default();
        let mut after = OrgId(Uuid::nil());
        loop {
            let clinics = match org {
                Some(org) => vec![org],
                None => clinics(&services, after).await?,
            };
            let Some(last) = clinics.last().copied() else { break };
            for clinic in clinics {
                let told = |done: Pruned| say(&line(clinic, done));
                let done = prune::prune(&services, clinic, days, &mut file, told).await.map_err(|error| {
                    CliError::because("not everything was archived and deleted; run this again", error)
                })?;
                total.deliveries += done.deliveries;
                total.attempts += done.attempts;
            }
            if org.is_some() {
                break;
            }
            after = last;
        }
        say(&format!(
            "{} deliveries with {} attempts are in {} and deleted; endpoints and counts stayed.",
            total.deliveries,
            total.attempts,
            archive.display()
        ));
        Ok(())
    })
    .await
}

async fn clinics(services: &Services, after: OrgId) -> Result<Vec<OrgId>, CliError> {
    let heads = db::audit::list_heads(&services.pool, after, CLINICS).await;
    let heads = heads.map_err(|error| CliError::because("the clinics could not be listed", error))?;
    Ok(heads.into_iter().map(|head| head.org_id).collect())
}

fn line(clinic: OrgId, done: Pruned) -> String {
    format!("clinic {clinic}: {} deliveries, {} attempts", done.deliveries, done.attempts)
}

/// A file that only its owner can read; what is there stays.
fn open(path: &Path) -> std::io::Result<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}
