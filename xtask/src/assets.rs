//! Files of the site: content-hashed names, compressed siblings, and writing only what changed.
//!
//! A file that already has the wanted bytes is not touched, so a second build costs next to nothing and
//! a running server never sees a half-written file.

use std::{
    collections::BTreeSet,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest as _, Sha256};

/// Kinds of files that shrink; images and fonts are compressed already.
const COMPRESSIBLE: [&str; 9] = ["css", "html", "js", "json", "svg", "txt", "wasm", "webmanifest", "xml"];

/// Writes `NAME.HASH.KIND` with its compressed siblings; gives the hash and the file's name.
pub fn write_hashed(folder: &Path, name: &str, kind: &str, bytes: &[u8]) -> Result<(String, String)> {
    let mut hash = digest(bytes);
    hash.truncate(16);
    let file = format!("{name}.{hash}.{kind}");
    write(&folder.join(&file), bytes)?;
    Ok((hash, file))
}

/// Writes a file and its compressed siblings, unless they are there already.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let siblings = compressible(path);
    if fs::read(path).is_ok_and(|present| present == bytes)
        && (!siblings || sibling(path, "gz").exists() || bytes.len() < SMALLEST)
    {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    // The siblings come first: whoever sees the file can rely on them.
    if siblings && bytes.len() >= SMALLEST {
        replace(&sibling(path, "br"), &brotli(bytes)?)?;
        replace(&sibling(path, "gz"), &gzip(bytes)?)?;
    }
    replace(path, bytes)
}

/// Below this many bytes a compressed answer saves nothing that a packet would notice.
const SMALLEST: usize = 512;

/// Removes hashed files of former builds, with their siblings. Folders (snippets) stay.
pub fn remove_stale(folder: &Path, kept: &BTreeSet<String>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let stem = name.trim_end_matches(".br").trim_end_matches(".gz");
        if entry.file_type()?.is_file() && !kept.contains(stem) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Copies the static files to the site root; gives their number.
pub fn copy_public(from: &Path, to: &Path) -> Result<usize> {
    let files = files_below(from)?;
    for file in &files {
        let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        write(&to.join(file.strip_prefix(from)?), &bytes)?;
    }
    Ok(files.len())
}

/// Every file below a folder, sorted; a missing folder has none.
pub fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// SHA-256 in lowercase hexadecimal.
pub fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// `1536` as `1.5 kB`.
pub fn kilobytes(bytes: usize) -> String {
    format!("{}.{} kB", bytes / 1000, bytes % 1000 / 100)
}

fn compressible(path: &Path) -> bool {
    path.extension().and_then(|kind| kind.to_str()).is_some_and(|kind| COMPRESSIBLE.contains(&kind))
}

/// The path with one more ending: `a.css` and `br` give `a.css.br`.
pub fn sibling(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

/// Renames into place, so that a reader sees the old bytes or the new ones.
fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let partial = sibling(path, "partial");
    fs::write(&partial, bytes)
        .and_then(|()| fs::rename(&partial, path))
        .with_context(|| format!("cannot write {}", path.display()))
}

fn brotli(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut compressed = Vec::new();
    brotli::CompressorWriter::new(&mut compressed, 1 << 16, 11, 22).write_all(bytes)?;
    Ok(compressed)
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    /// A folder of its own for each test, below cargo's, emptied first.
    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("xtask-assets-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn the_compressed_siblings_hold_the_same_bytes() {
        let folder = folder("siblings");
        let text = "body { color: teal } ".repeat(100);
        let (hash, name) = write_hashed(&folder, "voxanne", "css", text.as_bytes()).unwrap();
        assert_eq!(name, format!("voxanne.{hash}.css"));
        let path = folder.join(name);
        let mut unpacked = String::new();
        let packed = fs::File::open(sibling(&path, "gz")).unwrap();
        flate2::read::GzDecoder::new(packed).read_to_string(&mut unpacked).unwrap();
        assert_eq!(unpacked, text);
        unpacked.clear();
        let packed = fs::File::open(sibling(&path, "br")).unwrap();
        brotli::Decompressor::new(packed, 4096).read_to_string(&mut unpacked).unwrap();
        assert_eq!(unpacked, text);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn other_bytes_get_another_name_and_the_former_file_goes() {
        let folder = folder("stale");
        let (_, first) = write_hashed(&folder, "voxanne", "js", &[b'a'; 600]).unwrap();
        let (_, second) = write_hashed(&folder, "voxanne", "js", &[b'b'; 600]).unwrap();
        assert_ne!(first, second);
        remove_stale(&folder, &BTreeSet::from([second.clone()])).unwrap();
        let left = files_below(&folder).unwrap();
        assert_eq!(left.len(), 3, "{left:?}");
        assert!(left.iter().all(|path| path.to_string_lossy().contains(&second)), "{left:?}");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn an_unchanged_file_is_not_written_again() {
        let folder = folder("unchanged");
        let path = folder.join("a.txt");
        write(&path, b"same").unwrap();
        let before = fs::metadata(&path).unwrap().modified().unwrap();
        write(&path, b"same").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), before);
        fs::remove_dir_all(folder).unwrap();
    }
}
