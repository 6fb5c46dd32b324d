//! The documents tell what is there: every route, code of an error, migration and module; the tests
//! that they name exist, and their links lead somewhere. Settings are in `configuration`.

use std::collections::BTreeSet;

use crate::support::repository::{TextFile, files, read, root, rust_files, sources};
use crate::tidy::MAY_USE;

#[test]
fn the_guide_to_the_interface_tells_every_route() {
    let guide = read("docs/api.md");
    let document = serde_json::to_value(voxanne::http::api::router().1).unwrap();
    let mut missing = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item
            .as_object()
            .unwrap()
            .keys()
            .filter(|key| ["get", "put", "post", "delete", "patch"].contains(&key.as_str()))
        {
            let route = format!("`{} {path}`", method.to_uppercase());
            if !guide.contains(&route) {
                missing.push(route);
            }
        }
    }
    assert!(missing.is_empty(), "docs/api.md leaves out {}", missing.join(", "));
}

#[test]
fn every_migration_is_told() {
    let readme = read("migrations/README.md");
    let told = |file: &TextFile| readme.contains(file.path.rsplit('/').next().unwrap());
    let missing: Vec<String> =
        files("migrations", &[".sql"]).into_iter().filter(|f| !told(f)).map(|f| f.path).collect();
    assert!(missing.is_empty(), "migrations/README.md leaves out {}", missing.join(", "));
}

#[test]
fn the_code_map_names_every_module() {
    let map = read("ARCHITECTURE.md");
    let missing: Vec<&str> = MAY_USE
        .iter()
        .map(|(module, _)| *module)
        .filter(|module| !map.contains(&format!("| `{module}` |")))
        .collect();
    assert!(missing.is_empty(), "the code map leaves out {}", missing.join(", "));
}

#[test]
fn every_test_that_the_architecture_names_is_there() {
    let text = read("ARCHITECTURE.md");
    let code: String = rust_files().into_iter().map(|file| file.text).collect();
    let mut named = 0;
    for line in text.lines().filter(|line| line.trim_start().starts_with("Held by")) {
        for name in line.split('`').skip(1).step_by(2) {
            named += 1;
            assert!(
                code.contains(&format!("fn {name}(")),
                "ARCHITECTURE.md names a test {name} that is not there"
            );
        }
    }
    assert!(named > 20, "only {named} tests are named");
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut broken = Vec::new();
    for file in files(".", &[".md"]) {
        let folder = root().join(&file.path).parent().unwrap().to_owned();
        for (at, _) in file.text.match_indices("](") {
            let target = file.text[at + 2..].split([')', ' ', '#']).next().unwrap_or_default();
            if target.is_empty() || target.contains(':') {
                continue;
            }
            broken.extend((!folder.join(target).exists()).then(|| format!("{}: {target}", file.path)));
        }
    }
    assert!(broken.is_empty(), "links lead nowhere: {}", broken.join(", "));
}

#[test]
fn the_guide_to_the_interface_tells_every_code_of_an_error() {
    let guide = read("docs/api.md") + &read("docs/webhooks.md");
    let mut missing = BTreeSet::new();
    for file in sources().iter().filter(|file| file.path.starts_with("src/http/")) {
        let code = file.product_code();
        // A code is the first text behind a status.
        for (at, status) in code.match_indices("StatusCode::") {
            let rest = &code[at + status.len()..];
            let Some((_, behind)) = rest.split_once(',') else { continue };
            let Some(text) = behind.trim_start().strip_prefix('"') else { continue };
            let word = text.split('"').next().unwrap_or_default();
            if !word.contains(' ') && !guide.contains(&format!("`{word}`")) {
                missing.insert(word.to_owned());
            }
        }
    }
    assert!(missing.is_empty(), "docs/api.md leaves out {missing:?}");
}
