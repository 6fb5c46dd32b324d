//! The browser half: compiles the crate for WASM, makes the JavaScript that loads it, and shrinks it.
//!
//! Server and browser half must come from one compiler release: the names of the islands contain a hash
//! that is not stable between releases. `tools/setup` sees to that; this module uses whatever `cargo` runs it.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};
use wasm_bindgen_cli_support::Bindgen;

use crate::{
    assets::{self, kilobytes},
    site::{SiteOptions, target_dir},
};

const TARGET: &str = "wasm32-unknown-unknown";
const PROFILE: &str = "wasm-release";
/// Bytes that a first visit may cost: as they are, and as brotli sends them. Half as much again as the
/// islands take, who leave drawing and JSON to the server and the browser; a view that strays into an
/// island shows here.
const BUDGET_RAW: usize = 250_000;
const BUDGET_BROTLI: usize = 90_000;
/// Older releases do not know the instructions that the compiler emits.
const OLDEST_WASM_OPT: u32 = 120;
const WASM_OPT_FLAGS: [&str; 9] = [
    "-Oz",
    "--strip-debug",
    "--strip-producers",
    "--enable-bulk-memory",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
    "--enable-mutable-globals",
    "--enable-reference-types",
    "--enable-multivalue",
];

/// What the browser loads.
pub struct Bundle {
    pub js: Vec<u8>,
    pub wasm: Vec<u8>,
    /// JavaScript modules that crates bring along, by their path below the package folder.
    pub snippets: BTreeMap<String, String>,
}

/// Gives `None` where this machine cannot compile for WASM.
pub fn build(options: &SiteOptions) -> Result<Option<Bundle>> {
    if !target_is_installed() {
        return Ok(None);
    }
    let compiled = compile(options)?;
    let optimizer = find_wasm_opt();
    let work = target_dir().join("xtask");
    let stamp_file = work.join("wasm.stamp");
    let stamp = format!("{} {optimizer:?} {WASM_OPT_FLAGS:?}", assets::digest(&fs::read(&compiled)?));
    if fs::read_to_string(&stamp_file).is_ok_and(|written| written == stamp)
        && let Ok(bundle) = read_bundle(&work, &options.output_name)
    {
        return Ok(Some(bundle));
    }
    let _ = fs::remove_dir_all(&work);
    fs::create_dir_all(&work)?;
    make_loader(&compiled, &work, options)?;
    match optimizer {
        Some(program) => optimize(&program, &work, &options.output_name)?,
        None => {
            println!("wasm: no wasm-opt here (`tools/setup e2e` brings one): the WASM could be half as large")
        }
    }
    let bundle = read_bundle(&work, &options.output_name)?;
    fs::write(stamp_file, stamp)?;
    Ok(Some(bundle))
}

/// Prints the size beside its budget; says whether it is within.
pub fn report_size(pkg: &Path, raw: usize, hashes: &[(&str, String)], options: &SiteOptions) -> Result<bool> {
    let hash =
        hashes.iter().find(|(kind, _)| *kind == "wasm").map(|(_, hash)| hash.as_str()).unwrap_or_default();
    let name = format!("{}.{hash}.wasm", options.output_name);
    let brotli =
        fs::metadata(assets::sibling(&pkg.join(&name), "br")).map_or(raw, |file| file.len() as usize);
    let within = raw <= BUDGET_RAW && brotli <= BUDGET_BROTLI;
    println!(
        "site: {name} {} raw (budget {}), {} brotli (budget {}): {}",
        kilobytes(raw),
        kilobytes(BUDGET_RAW),
        kilobytes(brotli),
        kilobytes(BUDGET_BROTLI),
        if within { "within" } else { "OVER BUDGET" },
    );
    Ok(within)
}

/// `tools/setup` records its finding in `VOXANNE_WASM`; without it, the compiler is asked.
fn target_is_installed() -> bool {
    match env::var("VOXANNE_WASM").as_deref() {
        Ok("yes") => true,
        Ok(_) => false,
        Err(_) => Command::new("rustc")
            .args(["--print", "target-libdir", "--target", TARGET])
            .output()
            .is_ok_and(|answer| Path::new(String::from_utf8_lossy(&answer.stdout).trim()).is_dir()),
    }
}

fn compile(options: &SiteOptions) -> Result<PathBuf> {
    println!("wasm: compiling the browser half");
    let status = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["rustc", "--package", "voxanne", "--lib", "--target", TARGET, "--profile", PROFILE])
        // Told here and not in the manifest: there, every build of the server would link such a library too.
        .args(["--crate-type", "cdylib", "--no-default-features", "--features", "hydrate"])
        .status()
        .context("cargo cannot be started")?;
    ensure!(status.success(), "the browser half does not compile");
    Ok(target_dir().join(TARGET).join(PROFILE).join(format!("{}.wasm", options.output_name)))
}

fn make_loader(compiled: &Path, work: &Path, options: &SiteOptions) -> Result<()> {
    println!("wasm: making the JavaScript that loads it");
    // The file names carry hashes that this step cannot know, so the page passes the WASM's address.
    Bindgen::new()
        .input_path(compiled)
        .web(true)?
        .typescript(false)
        .omit_default_module_path(true)
        .remove_name_section(true)
        .remove_producers_section(true)
        .out_name(&options.output_name)
        .generate(work)
        .context("wasm-bindgen failed")?;
    let js = fs::read_to_string(work.join(format!("{}.js", options.output_name)))?;
    ensure!(!js.contains("_bg.wasm"), "the loader names its WASM file, which has another name once hashed");
    Ok(())
}

fn optimize(program: &Path, work: &Path, name: &str) -> Result<()> {
    println!("wasm: optimising with {}", program.display());
    let file = work.join(format!("{name}_bg.wasm"));
    let smaller = work.join("optimised.wasm");
    let status = Command::new(program).args(WASM_OPT_FLAGS).arg(&file).arg("-o").arg(&smaller).status()?;
    if !status.success() {
        bail!("wasm-opt failed");
    }
    Ok(fs::rename(smaller, file)?)
}

/// The one that npm installed beside the browser tests, or a new enough one on the path.
fn find_wasm_opt() -> Option<PathBuf> {
    ["end2end/node_modules/.bin/wasm-opt", "wasm-opt"].into_iter().map(PathBuf::from).find(|program| {
        let Ok(answer) = Command::new(program).arg("--version").output() else { return false };
        version_of(&String::from_utf8_lossy(&answer.stdout)) >= OLDEST_WASM_OPT
    })
}

/// The release in `wasm-opt version 132 (version_132)`; 0 where there is none.
fn version_of(text: &str) -> u32 {
    text.split(|c: char| !c.is_ascii_digit()).find_map(|digits| digits.parse().ok()).unwrap_or(0)
}

fn read_bundle(work: &Path, name: &str) -> Result<Bundle> {
    let mut snippets = BTreeMap::new();
    for file in assets::files_below(&work.join("snippets"))? {
        let text = fs::read_to_string(&file)?;
        snippets.insert(file.strip_prefix(work)?.to_string_lossy().into_owned(), text);
    }
    Ok(Bundle {
        js: fs::read(work.join(format!("{name}.js")))?,
        wasm: fs::read(work.join(format!("{name}_bg.wasm")))?,
        snippets,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_optimiser_that_is_too_old_or_silent_is_told_apart() {
        assert_eq!(version_of("wasm-opt version 132 (version_132)"), 132);
        assert_eq!(version_of("wasm-opt version 108"), 108);
        assert_eq!(version_of(""), 0);
    }
}
