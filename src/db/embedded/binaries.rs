//! Finds the server programs of PostgreSQL on this machine. Downloads nothing.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::EmbeddedError;

/// The oldest major version that the schema works on.
pub(super) const OLDEST_MAJOR: u32 = 15;

/// Folders that packages put the programs in; `*` stands for any one name.
const USUAL_PLACES: [&str; 8] = [
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/local/pgsql/bin",
    "/usr/local/lib/postgresql/*/bin",
    "/usr/local/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
];

/// One installation of the server.
#[derive(Clone, Debug)]
pub(super) struct Binaries {
    /// The folder that holds `initdb` and `postgres`.
    pub folder: PathBuf,
    pub major: u32,
}

impl Binaries {
    /// The installation to use: of exactly `wanted` where a cluster of that version exists already,
    /// else the newest. A folder named by the operator is the only one looked at.
    pub fn find(named: Option<&Path>, wanted: Option<u32>) -> Result<Option<Self>, EmbeddedError> {
        let found = match named {
            Some(folder) => {
                let only = Self::probe(folder).filter(|it| it.major >= OLDEST_MAJOR);
                vec![only.ok_or_else(|| EmbeddedError::BadPrograms { folder: folder.to_owned() })?]
            }
            None => candidates().iter().filter_map(|folder| Self::probe(folder)).collect(),
        };
        let newest = found.iter().filter(|it| it.major >= OLDEST_MAJOR).max_by_key(|it| it.major);
        match wanted {
            Some(major) => Ok(found.iter().find(|it| it.major == major).or(newest).cloned()),
            None => Ok(newest.cloned()),
        }
    }

    /// The installation in `folder`, if both programs are there and one of them runs.
    fn probe(folder: &Path) -> Option<Self> {
        if !folder.join("initdb").is_file() {
            return None;
        }
        let output = Command::new(folder.join("postgres")).arg("--version").output().ok()?;
        let major = parse_major(&String::from_utf8_lossy(&output.stdout))?;
        Some(Self { folder: folder.to_owned(), major })
    }

    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// `PATH` first, then the usual places.
fn candidates() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> =
        env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default();
    folders.extend(USUAL_PLACES.iter().flat_map(|place| expand(place)));
    folders
}

/// The folders that a pattern with at most one `*` stands for.
fn expand(pattern: &str) -> Vec<PathBuf> {
    let Some((before, after)) = pattern.split_once('*') else {
        return vec![PathBuf::from(pattern)];
    };
    let (parent, prefix) = before.rsplit_once('/').unwrap_or(("/", before));
    let Ok(entries) = fs::read_dir(parent) else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with(prefix))
        .map(|name| PathBuf::from(format!("{parent}/{name}{after}")))
        .collect()
}

/// The major version in the answer to `postgres --version`: "postgres (PostgreSQL) 15.20 (Debian ...)".
fn parse_major(answer: &str) -> Option<u32> {
    let number = answer.split_once("(PostgreSQL) ")?.1;
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_every_kind_of_release() {
        assert_eq!(parse_major("postgres (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)\n"), Some(15));
        assert_eq!(parse_major("postgres (PostgreSQL) 18.1"), Some(18));
        assert_eq!(parse_major("postgres (PostgreSQL) 19beta2"), Some(19));
        assert_eq!(parse_major("postgres (PostgreSQL) devel"), None);
        assert_eq!(parse_major("mysqld  Ver 8.0"), None);
    }

    #[test]
    fn a_pattern_expands_to_the_folders_that_exist() {
        let folder = env::temp_dir().join(format!("voxanne-expand-{}", std::process::id()));
        fs::create_dir_all(folder.join("pg@16")).unwrap();
        fs::create_dir_all(folder.join("other")).unwrap();
        let found = expand(&format!("{}/pg@*/bin", folder.display()));
        assert_eq!(found, vec![folder.join("pg@16/bin")]);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_named_folder_without_programs_is_refused() {
        let refusal = Binaries::find(Some(Path::new("/nowhere")), None).unwrap_err();
        assert!(matches!(refusal, EmbeddedError::BadPrograms { .. }));
    }
}
