//! The site as a whole: reads `Leptos.toml`, has the parts made and writes what the server looks for.
//!
//! The contract with the server: below the site root lie `pkg/voxanne.HASH.{js,wasm,css}`, the scripts that
//! are written by hand (`pkg/talk.HASH.js`, `pkg/talk-worklet.HASH.js`) and the files of `public/`, each with
//! `.br` and `.gz` siblings where they are smaller. `hash.txt` (lines `js: HASH`, `wasm: HASH`, `css: HASH`,
//! `talk: HASH`, `talk-worklet: HASH`) lies in the site root and beside every executable, because Leptos looks
//! for it there. Without a `wasm` line there is no browser half, and pages must not refer to one.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};

use crate::{assets, css, wasm};

/// The part of `Leptos.toml` that the build needs.
pub struct SiteOptions {
    pub output_name: String,
    /// Relative to the repository, as the server reads it too.
    pub site_root: PathBuf,
    pub site_pkg_dir: String,
    pub hash_file: String,
}

impl SiteOptions {
    /// Reads the file at the top of the repository, which is the working directory of every command.
    pub fn read() -> Result<Self> {
        let text = fs::read_to_string("Leptos.toml")
            .context("Leptos.toml cannot be read: xtask runs at the top of the repository")?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self> {
        let value = |key: &str| {
            text.lines()
                .filter_map(|line| line.split_once('='))
                .find(|(name, _)| name.trim() == key)
                .map(|(_, value)| value.trim().trim_matches('"').to_owned())
        };
        let needed = |key: &str| value(key).with_context(|| format!("Leptos.toml does not set {key}"));
        Ok(Self {
            output_name: needed("output-name")?,
            site_root: needed("site-root")?.into(),
            site_pkg_dir: needed("site-pkg-dir")?,
            hash_file: value("hash-file").unwrap_or_else(|| "hash.txt".to_owned()),
        })
    }

    pub fn pkg(&self) -> PathBuf {
        self.site_root.join(&self.site_pkg_dir)
    }
}

/// Scripts that are written by hand: the name of the file, and where its text is.
const SCRIPTS: [(&str, &str); 2] =
    [("talk", "src/app/scripts/talk.js"), ("talk-worklet", "src/app/scripts/talk_worklet.js")];

/// Where cargo puts its work.
pub fn target_dir() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from)
}

/// Makes the whole site. What did not change is left as it is.
pub fn build(release: bool) -> Result<()> {
    let options = SiteOptions::read()?;
    let pkg = options.pkg();
    fs::create_dir_all(&pkg).with_context(|| format!("cannot make {}", pkg.display()))?;

    let mut hashes = Vec::new();
    let mut kept = BTreeSet::new();
    let mut within = true;
    match wasm::build(&options)? {
        Some(bundle) => {
            for (kind, bytes) in [("js", &bundle.js), ("wasm", &bundle.wasm)] {
                let (hash, name) = assets::write_hashed(&pkg, &options.output_name, kind, bytes)?;
                hashes.push((kind, hash));
                kept.insert(name);
            }
            for (name, text) in &bundle.snippets {
                assets::write(&pkg.join(name), text.as_bytes())?;
            }
            within = wasm::report_size(&pkg, bundle.wasm.len(), &hashes, &options)?;
        }
        None => {
            println!("site: no WASM target here, so the pages come without islands; every form still works")
        }
    }
    let style = css::bundle(Path::new("style/main.css"))?;
    let (hash, name) = assets::write_hashed(&pkg, &options.output_name, "css", style.as_bytes())?;
    println!("site: {name} {}", assets::kilobytes(style.len()));
    hashes.push(("css", hash));
    kept.insert(name);

    for (name, path) in SCRIPTS {
        let text = fs::read(path).with_context(|| format!("cannot read {path}"))?;
        let (hash, file) = assets::write_hashed(&pkg, name, "js", &text)?;
        println!("site: {file} {}", assets::kilobytes(text.len()));
        hashes.push((name, hash));
        kept.insert(file);
    }

    assets::remove_stale(&pkg, &kept)?;
    let copied = assets::copy_public(Path::new("public"), &options.site_root)?;
    write_hash_files(&options, &hashes)?;
    println!("site: {} is up to date ({copied} static files)", options.site_root.display());
    ensure!(within || !release, "the WASM is over its budget");
    Ok(())
}

/// Test executables lie in `deps`, so the file goes there too.
fn write_hash_files(options: &SiteOptions, hashes: &[(&str, String)]) -> Result<()> {
    let text: String = hashes.iter().map(|(kind, hash)| format!("{kind}: {hash}\n")).collect();
    let mut folders = vec![options.site_root.clone()];
    for profile in ["debug", "release"] {
        let folder = target_dir().join(profile);
        folders.extend([folder.join("deps"), folder]);
    }
    for folder in folders {
        assets::write(&folder.join(&options.hash_file), text.as_bytes())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_s_own_options_are_read() {
        let options = SiteOptions::parse(include_str!("../../Leptos.toml")).unwrap();
        assert_eq!(options.output_name, "voxanne");
        assert_eq!(options.pkg(), Path::new("target/site/pkg"));
        assert_eq!(options.hash_file, "hash.txt");
    }

    #[test]
    fn a_missing_option_is_named() {
        let error = SiteOptions::parse("output-name = \"a\"").err().unwrap();
        assert!(error.to_string().contains("site-root"), "{error}");
    }
}
