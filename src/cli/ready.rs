//! The file that says that the server is ready: for tests and supervisors.

use std::path::Path;

use serde_json::Value;

/// Writes the file under another name and renames it, so that nobody reads half of it. Only its
/// owner can read it: under the sandbox it holds the demo passwords.
pub fn write(path: &Path, content: &Value) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".part");
    let part = path.with_file_name(name);
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
    file.write_all(content.to_string().as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&part, path)
}
