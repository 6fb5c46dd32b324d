//! Judges functions that run with somebody else's rights, and the roles themselves.

use super::facts::{Facts, Function, RoleFacts};
use super::{APP, BACKUP, GATE, GATE_FUNCTIONS};

/// A function that runs with the gate's rights must not look names up where a caller could put them.
const SEARCH_PATH: &str = "search_path=pg_catalog, pg_temp";

pub(super) fn judge(facts: &Facts) -> Vec<String> {
    let mut findings = Vec::new();
    let definers: Vec<&Function> = facts.functions.iter().filter(|function| function.is_definer).collect();
    for name in GATE_FUNCTIONS {
        match definers.iter().filter(|function| function.name == name).count() {
            0 => findings.push(format!("the gate function {name} is on the list but not in the database")),
            1 => {}
            _ => findings.push(format!("the gate function {name} is there more than once")),
        }
    }
    for function in definers {
        findings.extend(judge_definer(function));
    }
    for name in [APP, GATE, BACKUP] {
        match facts.roles.iter().find(|role| role.name == name) {
            Some(role) => findings.extend(judge_role(role)),
            None => findings.push(format!("the role {name} is missing")),
        }
    }
    findings
}

fn judge_definer(function: &Function) -> Vec<String> {
    let name = &function.name;
    let mut findings = Vec::new();
    if function.schema != "public" || !GATE_FUNCTIONS.contains(&name.as_str()) {
        findings.push(format!(
            "function {}.{name} runs with its owner's rights and is not on the list of gate functions",
            function.schema
        ));
    }
    if function.owner != GATE {
        findings.push(format!("the gate function {name} belongs to {} and not to {GATE}", function.owner));
    }
    if !function.settings.iter().any(|setting| setting == SEARCH_PATH) {
        findings.push(format!("the gate function {name} does not fix its search_path"));
    }
    if function.is_public {
        findings.push(format!("everybody may call the gate function {name}"));
    }
    findings
}

fn judge_role(role: &RoleFacts) -> Vec<String> {
    let RoleFacts { name, powers, member_of, .. } = role;
    let mut findings = Vec::new();
    if !powers.is_empty() {
        findings.push(format!("the role {name} is {}", powers.join(", ")));
    }
    if !member_of.is_empty() {
        findings.push(format!("the role {name} may act as {}", member_of.join(", ")));
    }
    if role.may_create {
        findings.push(format!("the role {name} may make objects in schema public"));
    }
    if name == GATE && role.can_login {
        findings.push(format!("somebody could log in as {name}"));
    }
    findings
}
