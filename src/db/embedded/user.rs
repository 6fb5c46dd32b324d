//! Which user of the system the server runs as, and what that user may reach.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use rustix::process::geteuid;

use super::EmbeddedError;

/// The user that packages of PostgreSQL create.
const PACKAGE_USER: &str = "postgres";

/// A user of the system that the server runs as in our place, because we are root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ServerUser {
    pub uid: u32,
    pub gid: u32,
}

impl ServerUser {
    /// Nobody for an ordinary user: the server then runs as that user itself. Root hands over to the
    /// owner of an existing cluster, else to the package's user.
    pub fn choose(cluster: &Path) -> Result<Option<Self>, EmbeddedError> {
        if !geteuid().is_root() {
            return Ok(None);
        }
        if let Ok(facts) = fs::metadata(cluster)
            && facts.uid() != 0
        {
            return Ok(Some(Self { uid: facts.uid(), gid: facts.gid() }));
        }
        Self::of_package().map(Some).ok_or(EmbeddedError::NoServerUser)
    }

    fn of_package() -> Option<Self> {
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let (uid, gid) = find_name(&passwd, PACKAGE_USER).or_else(|| {
            Some((ask(&["-u", PACKAGE_USER])?.parse().ok()?, ask(&["-g", PACKAGE_USER])?.parse().ok()?))
        })?;
        Some(Self { uid, gid })
    }

    /// Whether this user may pass through every folder above and including `folder`.
    pub fn reaches(self, folder: &Path) -> bool {
        folder.ancestors().all(|step| {
            fs::metadata(step).is_ok_and(|facts| {
                let shift = match () {
                    () if facts.uid() == self.uid => 6,
                    () if facts.gid() == self.gid => 3,
                    () => 0,
                };
                facts.mode() >> shift & 1 == 1
            })
        })
    }
}

/// The name of the user that this process runs as: who may connect.
pub(super) fn own_name() -> Result<String, EmbeddedError> {
    let uid = geteuid().as_raw();
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    find_uid(&passwd, uid).or_else(|| ask(&["-un"])).ok_or(EmbeddedError::NamelessUser { uid })
}

/// Asks `id`, which also knows users that a directory service holds.
fn ask(arguments: &[&str]) -> Option<String> {
    let output = Command::new("id").args(arguments).output().ok()?;
    let answer = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !answer.is_empty()).then_some(answer)
}

fn find_name(passwd: &str, name: &str) -> Option<(u32, u32)> {
    let fields: Vec<&str> =
        passwd.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fields[0] == name)?;
    Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?))
}

fn find_uid(passwd: &str, uid: u32) -> Option<String> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\n\
                          postgres:x:101:104:PostgreSQL administrator,,,:/var/lib/postgresql:/bin/bash\n\
                          broken line\n";

    #[test]
    fn users_are_found_by_name_and_by_number() {
        assert_eq!(find_name(PASSWD, "postgres"), Some((101, 104)));
        assert_eq!(find_name(PASSWD, "postgre"), None);
        assert_eq!(find_uid(PASSWD, 0).as_deref(), Some("root"));
        assert_eq!(find_uid(PASSWD, 7), None);
    }

    #[test]
    fn a_folder_closed_to_others_is_out_of_reach() {
        let folder = std::env::temp_dir().join(format!("voxanne-reach-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let stranger = ServerUser { uid: 54_321, gid: 54_321 };
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o711)).unwrap();
        assert!(stranger.reaches(&folder));
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
        assert!(!stranger.reaches(&folder));
        fs::remove_dir_all(folder).unwrap();
    }
}
