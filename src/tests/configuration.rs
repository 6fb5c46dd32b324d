//! `src/config.rs`, `docs/configuration.md` and `.env.example` tell the same settings.

use std::collections::BTreeMap;

use clap::Args;
use voxanne::config::{Config, ENCRYPTION_KEY};

use crate::support::repository::read;

/// Name of the variable to flag and default; `none` where there is no default.
type Settings = BTreeMap<String, (String, String)>;

fn declared() -> Settings {
    let command = Config::augment_args(clap::Command::new("voxanne"));
    let mut settings = Settings::new();
    // Never a flag: a command line can be read by everybody.
    settings.insert(ENCRYPTION_KEY.to_owned(), ("none".to_owned(), "none".to_owned()));
    for argument in command.get_arguments() {
        let long = argument.get_long().unwrap_or_else(|| panic!("{} has no flag", argument.get_id()));
        let variable = argument.get_env().unwrap_or_else(|| panic!("--{long} has no variable"));
        let defaults: Vec<&str> =
            argument.get_default_values().iter().filter_map(|value| value.to_str()).collect();
        let default = match (argument.get_action().takes_values(), defaults.as_slice()) {
            (false, _) => "off".to_owned(),
            (true, []) => "none".to_owned(),
            (true, values) => values.join(","),
        };
        settings.insert(variable.to_str().unwrap().to_owned(), (format!("--{long}"), default));
    }
    settings
}

#[test]
fn the_guide_tells_every_setting_with_its_flag_and_default() {
    let guide = read("docs/configuration.md");
    let mut told = Settings::new();
    for line in guide.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> =
            line.trim_matches('|').split(" | ").map(|cell| cell.trim().trim_matches('`')).collect();
        let [variable, flag, default, example, meaning] = cells.as_slice() else {
            panic!("a row needs variable, flag, default, example and meaning: {line}")
        };
        assert!(!example.is_empty() && meaning.len() > 20, "{variable} needs an example and its meaning");
        told.insert((*variable).to_owned(), ((*flag).to_owned(), (*default).to_owned()));
    }
    assert_eq!(told, declared());
}

#[test]
fn the_example_file_has_every_setting_switched_off_with_its_default() {
    let example = read(".env.example");
    let mut told = BTreeMap::new();
    for line in example.lines().filter(|line| !line.trim().is_empty() && !line.starts_with("# ")) {
        let setting = line.strip_prefix('#').unwrap_or_else(|| panic!("a setting is switched on: {line}"));
        let Some((variable, value)) = setting.split_once('=') else { continue };
        told.insert(variable.to_owned(), value.to_owned());
    }
    let declared = declared();
    assert_eq!(told.keys().collect::<Vec<_>>(), declared.keys().collect::<Vec<_>>());
    for (variable, (_, default)) in declared {
        match default.as_str() {
            "none" => assert!(!told[&variable].is_empty(), "{variable} needs an example"),
            "off" => assert_eq!(told[&variable], "true", "{variable}"),
            value => assert_eq!(told[&variable], value, "{variable}"),
        }
    }
}

#[test]
fn no_setting_is_a_clinics_credential() {
    for word in ["VAPI_KEY", "VAPI_API_KEY", "TWILIO_AUTH", "TWILIO_ACCOUNT", "AUTH_TOKEN", "API_KEY"] {
        let named: Vec<String> = declared().into_keys().filter(|variable| variable.contains(word)).collect();
        assert!(named.is_empty(), "{named:?}");
    }
}
