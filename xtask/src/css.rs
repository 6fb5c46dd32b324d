//! The style sheet: follows the `@import`s of one entry file, lowers what older browsers lack, minifies.

use std::path::Path;

use anyhow::{Result, anyhow};
use lightningcss::{
    bundler::{Bundler, FileProvider},
    stylesheet::{MinifyOptions, ParserOptions, PrinterOptions},
    targets::{Browsers, Targets},
};

/// The oldest browsers whose users get the full look: those of spring 2023, the first with OKLCH
/// colours, container queries and cascade layers. Nesting is lowered for them.
const BROWSERS: Browsers = Browsers {
    android: Some(version(111, 0)),
    chrome: Some(version(111, 0)),
    edge: Some(version(111, 0)),
    firefox: Some(version(113, 0)),
    ie: None,
    ios_saf: Some(version(16, 4)),
    opera: Some(version(97, 0)),
    safari: Some(version(16, 4)),
    samsung: Some(version(22, 0)),
};

/// Gives the bundled and minified text of the style sheet at `entry`.
pub fn bundle(entry: &Path) -> Result<String> {
    let files = FileProvider::new();
    let targets = Targets::from(BROWSERS);
    let mut sheet = Bundler::new(&files, None, ParserOptions::default())
        .bundle(entry)
        .map_err(|error| anyhow!("{}: {error}", entry.display()))?;
    sheet
        .minify(MinifyOptions { targets, ..MinifyOptions::default() })
        .map_err(|error| anyhow!("{}: {error}", entry.display()))?;
    let printed = sheet
        .to_css(PrinterOptions { minify: true, targets, ..PrinterOptions::default() })
        .map_err(|error| anyhow!("{}: {error}", entry.display()))?;
    Ok(printed.code)
}

/// Lightning CSS packs a version into one number.
const fn version(major: u32, minor: u32) -> u32 {
    major << 16 | minor << 8
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn imports_are_followed_and_layers_kept() {
        let folder = std::env::temp_dir().join(format!("xtask-css-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("card.css"), ".card { color: oklch(60% 0.1 190); & b { margin: 0px } }")
            .unwrap();
        let entry = folder.join("main.css");
        fs::write(&entry, "@layer base, parts;\n@import \"card.css\" layer(parts);\n").unwrap();
        let text = bundle(&entry).unwrap();
        assert!(text.contains("@layer base") && text.contains("@layer parts{"), "{text}");
        assert!(text.contains(".card b{margin:0}"), "{text}");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_missing_style_sheet_is_named() {
        let error = bundle(Path::new("no/such.css")).unwrap_err();
        assert!(error.to_string().contains("no/such.css"), "{error}");
    }
}
