//! Rules of the repository that the compiler does not know: who may use whom, and what stands in no
//! file. What the documents must tell is in `documents`.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::repository::{files, has_word, root, rust_files, sources};

const RULES: &str =
    "ARCHITECTURE.md tells why; move the code to where it belongs, or change the rule with its reason";

/// Every module of `src/lib.rs`, and the modules of this crate that it may use.
pub const MAY_USE: &[(&str, &[&str])] = &[
    ("app", &["domain"]),
    (
        "assemble",
        &[
            "app",
            "audit",
            "auth",
            "clock",
            "db",
            "integrations",
            "live",
            "providers",
            "state",
            "vault",
            "webhooks",
        ],
    ),
    ("audit", &["clock", "db", "domain", "vault"]),
    ("auth", &["db", "domain", "vault"]),
    ("calls", &["audit", "db", "domain", "integrations", "providers", "state", "vault", "webhooks"]),
    (
        "cli",
        &[
            "assemble",
            "audit",
            "auth",
            "clock",
            "config",
            "db",
            "doctor",
            "domain",
            "http",
            "integrations",
            "jobs",
            "providers",
            "sandbox",
            "state",
            "telemetry",
            "vault",
        ],
    ),
    ("clock", &[]),
    ("config", &["providers"]),
    ("db", &["domain", "vault"]),
    ("doctor", &["db"]),
    ("domain", &[]),
    (
        "http",
        &[
            "app",
            "audit",
            "auth",
            "calls",
            "db",
            "domain",
            "integrations",
            "live",
            "providers",
            "state",
            "vault",
            "webhooks",
        ],
    ),
    ("integrations", &["audit", "auth", "db", "domain", "providers", "state", "vault", "webhooks"]),
    ("jobs", &["audit", "calls", "db", "domain", "integrations", "state", "webhooks"]),
    ("live", &["db", "domain"]),
    ("providers", &["domain", "vault"]),
    ("sandbox", &["domain", "providers"]),
    ("state", &["app", "audit", "auth", "clock", "db", "domain", "live", "providers", "vault", "webhooks"]),
    ("telemetry", &[]),
    ("vault", &["domain"]),
    ("webhooks", &["audit", "db", "domain", "providers", "state", "vault"]),
];

/// Where words may not stand.
const ABSENT: &[(&str, &[&str])] = &[
    ("src/domain", &["async", "await", "sqlx", "axum", "leptos", "tokio", "reqwest", "std::fs", "std::net"]),
    ("src/vault", &["sqlx", "reqwest", "axum", "leptos"]),
    ("src/providers", &["OrgId", "UserId", "sqlx", "axum", "leptos", "aes_gcm"]),
    ("src/db", &["axum", "leptos", "reqwest", "aes_gcm", "Vault", "Keyring", "SecretText", "SecretFields"]),
    ("src/integrations", &["axum", "leptos", "reqwest", "HeaderMap", "StatusCode"]),
    ("src/calls", &["axum", "leptos", "reqwest", "HeaderMap", "StatusCode"]),
    ("src/webhooks", &["leptos", "reqwest", "StatusCode", "Router"]),
    ("src/app", &["sqlx", "axum", "tokio", "reqwest", "aes_gcm"]),
    ("src/auth", &["axum", "leptos", "reqwest"]),
    ("src/audit", &["axum", "leptos", "reqwest"]),
];

/// The module right under `src` that a file belongs to.
fn top_module(path: &str) -> &str {
    let below = path.strip_prefix("src/").unwrap_or(path);
    below.split(['/', '.']).next().unwrap_or(below)
}

/// The paths behind `crate::` in a text: `db::OrgTx`, `app`. Groups are taken apart.
fn crate_paths(code: &str) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    for (at, begin) in code.match_indices("crate::") {
        let rest = &code[at + begin.len()..];
        if let Some(group) = rest.strip_prefix('{') {
            paths.extend(group_members(group).into_iter().map(|member| member.trim().to_owned()));
        } else {
            let end =
                rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).unwrap_or(rest.len());
            let path = &rest[..end];
            match rest[end..].strip_prefix('{').filter(|_| path.ends_with("::")) {
                Some(group) => {
                    paths.extend(group_members(group).into_iter().map(|m| format!("{path}{}", m.trim())))
                }
                None => {
                    paths.insert(path.to_owned());
                }
            }
        }
    }
    paths.remove("");
    paths
}

/// The members of a `{...}` group, the part after its opening brace given; inner groups stay whole.
fn group_members(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut members) = (0, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                members.push(&text[start..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                members.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    members
}

fn assert_none(found: &[String], what: &str) {
    assert!(found.is_empty(), "{what}. {RULES}:\n  {}", found.join("\n  "));
}

#[test]
fn modules_use_only_what_they_may() {
    let rules: BTreeMap<&str, &[&str]> = MAY_USE.iter().copied().collect();
    let mut found = Vec::new();
    for file in sources() {
        let top = top_module(&file.path);
        let Some(may) = rules.get(top) else { continue };
        for path in crate_paths(&file.product_code()) {
            let used = path.split("::").next().unwrap_or_default();
            if used != top && rules.contains_key(used) && !may.contains(&used) {
                found.push(format!("{} uses {used}", file.path));
            }
        }
    }
    assert_none(&found, "modules use others that they may not");
}

#[test]
fn every_module_of_the_library_has_its_rule() {
    let folder = root().join("src");
    let mut there = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        there.insert(name.trim_end_matches(".rs").to_owned());
    }
    for frame in ["lib", "main", "tests"] {
        there.remove(frame);
    }
    let ruled: BTreeSet<String> = MAY_USE.iter().map(|(module, _)| (*module).to_owned()).collect();
    assert_eq!(there, ruled);
}

/// sqlx's own pool prepares statements under names, which a pooler would mix up. The catalogue takes any
/// login's pool, for one transaction without names.
#[test]
fn the_pool_of_requests_is_the_one_that_knows_of_poolers() {
    let may = ["src/db/pool.rs", "src/db/catalogue/mod.rs"];
    let is_ours = |path: &str| !path.starts_with("src/tests/") && !may.contains(&path);
    let names_it = |code: &str| {
        code.contains("sqlx::PgPool") && has_word(&code.replace("sqlx::PgPool", "SQLX_POOL"), "SQLX_POOL")
            || code.contains("sqlx::Pool<")
            || code.lines().any(|line| line.starts_with("use sqlx::") && has_word(line, "PgPool"))
    };
    let found: Vec<String> = sources()
        .into_iter()
        .filter(|file| is_ours(&file.path) && names_it(&file.product_code()))
        .map(|file| file.path.clone())
        .collect();
    assert_none(&found, "sqlx's own pool is named; take crate::db::PgPool");
    assert!(names_it("use sqlx::{Executor, PgPool};") && names_it("fn f(pool: &sqlx::PgPool)"));
    assert!(!names_it("fn f(pool: &PgPool) -> Result<(), sqlx::Error>"));
}

#[test]
fn what_a_module_must_not_know_stands_nowhere_in_it() {
    let mut found = Vec::new();
    for file in sources() {
        let code = file.product_code();
        for (place, words) in ABSENT {
            let is_there = file.path.starts_with(&format!("{place}/")) || file.path == format!("{place}.rs");
            for word in words.iter().filter(|word| is_there && has_word(&code, word)) {
                found.push(format!("{} says {word}", file.path));
            }
        }
    }
    assert_none(&found, "a module knows what it must not");
}

#[test]
fn sql_stands_in_db_alone() {
    let marks = ["sqlx::query", "sqlx::raw_sql", "query_as", "query_scalar", "AssertSqlSafe", "QueryBuilder"];
    let mut found = Vec::new();
    for file in sources().iter().filter(|file| !file.path.starts_with("src/db/")) {
        let code = file.product_code();
        found.extend(
            marks.iter().filter(|mark| code.contains(**mark)).map(|mark| format!("{}: {mark}", file.path)),
        );
    }
    assert_none(&found, "SQL stands outside of src/db");
}

#[test]
fn ciphers_stand_in_the_vault_and_http_requests_in_the_providers() {
    let homes: [(&str, &[&str]); 2] =
        [("aes_gcm", &["src/vault/"]), ("reqwest", &["src/providers/", "src/sandbox/"])];
    let mut found = Vec::new();
    for file in sources() {
        let code = file.product_code();
        for (word, places) in homes {
            if has_word(&code, word) && !places.iter().any(|place| file.path.starts_with(place)) {
                found.push(format!("{} uses {word}", file.path));
            }
        }
        // Provider clients build requests with reqwest's types; only the egress client sends them.
        if code.contains("reqwest::Client") && !matches!(top_module(&file.path), "sandbox") {
            let is_egress = file.path.starts_with("src/providers/egress");
            found.extend((!is_egress).then(|| format!("{} makes a client of its own", file.path)));
        }
    }
    assert_none(&found, "a library is used outside of its one home");
}

#[test]
fn of_the_vault_providers_know_secret_types_only() {
    let known = ["Credential", "SecretFields", "SecretText", "VaultError"];
    let mut found = Vec::new();
    for file in sources().iter().filter(|file| file.path.starts_with("src/providers/")) {
        for path in crate_paths(&file.product_code()) {
            let Some(name) = path.strip_prefix("vault::") else { continue };
            let name = name.split("::").next().unwrap_or_default();
            found.extend((!known.contains(&name)).then(|| format!("{} uses vault::{name}", file.path)));
        }
    }
    assert_none(&found, "providers look into the vault");
}

#[test]
fn islands_know_what_travels_to_browsers_and_nothing_else() {
    let may = ["domain", "app::icons", "app::islands", "app::relative", "app::wire"];
    let mut found = Vec::new();
    for file in sources().iter().filter(|file| file.path.starts_with("src/app/islands/")) {
        for path in crate_paths(&file.product_code()) {
            if !may.iter().any(|known| path == *known || path.starts_with(&format!("{known}::"))) {
                found.push(format!("{} uses {path}", file.path));
            }
        }
    }
    assert_none(&found, "an island knows too much");
}

#[test]
fn every_file_says_what_it_is() {
    let silent = rust_files().into_iter().filter(|file| !file.text.starts_with("//! ")).map(|file| file.path);
    assert_none(&silent.collect::<Vec<_>>(), "files do not begin with //!");
}

#[test]
fn no_file_is_longer_than_four_hundred_lines() {
    let long = rust_files().into_iter().map(|file| (file.text.lines().count(), file.path));
    let long: Vec<String> =
        long.filter(|(lines, _)| *lines > 400).map(|(lines, path)| format!("{path}: {lines}")).collect();
    assert_none(&long, "files are longer than 400 lines");
}

#[test]
fn raw_markup_has_one_home() {
    // Text inside of the last two elements is not escaped like other text.
    const TEXT: &str = "src/app/components/textarea.rs";
    // What the server has drawn and escaped, put in place by a browser.
    const FRAGMENTS: &str = "src/app/islands/fragment.rs";
    let marks = [
        (concat!("inner", "_html"), &[TEXT, FRAGMENTS][..]),
        (concat!("outer", "_html"), &[FRAGMENTS]),
        (concat!("adjacent", "_html"), &[FRAGMENTS]),
        (concat!("inner", "HTML"), &[]),
        (concat!("<text", "area"), &[TEXT]),
        (concat!("<ti", "tle"), &[TEXT]),
    ];
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for file in files(".", &[".rs", ".js"])
        .iter()
        .filter(|file| file.path.starts_with("src/app/") || file.path.starts_with("src/http/"))
    {
        let code = file.product_code();
        for (mark, homes) in marks.iter().filter(|(mark, _)| code.contains(*mark)) {
            if homes.contains(&file.path.as_str()) {
                seen.insert(file.path.clone());
            } else {
                found.push(format!("{}: {mark}", file.path));
            }
        }
    }
    assert_none(&found, "markup is written past the escaping");
    assert_eq!(
        seen,
        BTreeSet::from([TEXT.to_owned(), FRAGMENTS.to_owned()]),
        "the homes are where they were"
    );
}

#[test]
fn the_product_does_not_unwrap_or_silence_lints() {
    let mut found = Vec::new();
    for file in rust_files().iter().filter(|file| !file.path.starts_with("benches/")) {
        let code = file.product_code();
        let lines: Vec<&str> = code.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let is_argued =
                lines[at.saturating_sub(3)..at].iter().any(|before| before.contains("clippy::expect_used"));
            if line.contains(".unwrap()")
                || line.contains("#[allow(")
                || (line.contains(".expect(\"") && !is_argued)
            {
                found.push(format!("{}: {}", file.path, line.trim()));
            }
        }
    }
    assert_none(&found, "the product unwraps, or silences a lint without #[expect]");
}

#[test]
fn nothing_speaks_of_one_machine() {
    // Put together here, so that this file does not find itself.
    let marks =
        [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/home", "/"), concat!("../sh", "ared")];
    let endings = [
        ".rs", ".md", ".toml", ".sql", ".css", ".js", ".mjs", ".ts", ".json", ".yml", ".example", "Makefile",
        "setup", "test", "check", "deny", "coverage", "run",
    ];
    let mut found = Vec::new();
    for file in files(".", &endings) {
        for (at, line) in file.text.lines().enumerate() {
            found.extend(
                marks
                    .iter()
                    .filter(|mark| line.contains(**mark))
                    .map(|mark| format!("{}:{}: {mark}", file.path, at + 1)),
            );
        }
    }
    assert_none(&found, "files name a place of one machine");
}
