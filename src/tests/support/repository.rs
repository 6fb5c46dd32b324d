//! The files of this repository, for tests that judge code and documents as text.

use std::path::{Path, PathBuf};

/// Folders that hold nothing of ours.
const FOREIGN: &[&str] = &[
    ".git",
    ".toolchain",
    "coverage",
    "data",
    "node_modules",
    "playwright-report",
    "target",
    "test-results",
];

/// A text file, and where it lies below the repository's folder.
pub struct TextFile {
    pub path: String,
    pub text: String,
}

impl TextFile {
    /// Whether the whole file is for tests only.
    pub fn is_test(&self) -> bool {
        self.path.contains("/tests/") || self.path.ends_with("tests.rs") || self.path.contains("_tests/")
    }

    /// What is compiled into the product: without comments and without items for tests.
    pub fn product_code(&self) -> String {
        if self.is_test() {
            return String::new();
        }
        let mut kept = String::new();
        let mut lines = self.text.lines();
        while let Some(line) = lines.next() {
            let bare = line.trim_start();
            if bare.starts_with("#[cfg(test)]") || bare.starts_with("#[cfg(all(test") {
                skip_item(&mut lines, line.len() - bare.len());
            } else if !bare.starts_with("//") {
                kept.push_str(line);
                kept.push('\n');
            }
        }
        kept
    }
}

/// Leaves out the item that follows an attribute: up to a line that ends it at the same indent.
fn skip_item<'a>(lines: &mut impl Iterator<Item = &'a str>, indent: usize) {
    for line in lines {
        let depth = line.len() - line.trim_start().len();
        let is_attribute = line.trim_start().starts_with("#[");
        if depth == indent && !is_attribute && (line.ends_with(';') || line.ends_with('}')) {
            return;
        }
    }
}

/// The folder of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the repository.
pub fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All files below `folder` with one of these endings, in the order of their paths.
pub fn files(folder: &str, endings: &[&str]) -> Vec<TextFile> {
    let mut found = Vec::new();
    collect(&root().join(folder), endings, &mut found);
    found.sort();
    let file = |path: PathBuf| {
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        TextFile { path: path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned(), text }
    };
    found.into_iter().map(file).collect()
}

/// The Rust files of the product and of its tests.
pub fn sources() -> Vec<TextFile> {
    files("src", &[".rs"])
}

/// All Rust files.
pub fn rust_files() -> Vec<TextFile> {
    ["src", "xtask", "benches"].into_iter().flat_map(|folder| files(folder, &[".rs"])).collect()
}

fn collect(folder: &Path, endings: &[&str], found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap().path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() {
            if !FOREIGN.contains(&name) {
                collect(&path, endings, found);
            }
        } else if endings.iter().any(|ending| name.ends_with(ending)) {
            found.push(path);
        }
    }
}

/// Whether `code` has `word` as a whole word.
pub fn has_word(code: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word)
        .any(|(at, _)| !code[..at].ends_with(is_part) && !code[at + word.len()..].starts_with(is_part))
}
