//! Judges tables, their keys and the rights on them.

use super::facts::{Facts, Relation};
use super::{APP, BACKUP, GLOBAL_TABLES, HASH_KEYED_INDEXES};

pub(super) fn judge(facts: &Facts) -> Vec<String> {
    let mut findings: Vec<String> = GLOBAL_TABLES
        .iter()
        .filter(|name| !facts.relations.iter().any(|relation| relation.name == **name))
        .map(|name| format!("the global table {name} is on the list but not in the database"))
        .collect();
    for relation in &facts.relations {
        let is_global = GLOBAL_TABLES.contains(&relation.name.as_str());
        match relation.kind.as_str() {
            "v" if relation.is_invoker => {}
            "v" => findings.push(format!("view {} does not say security_invoker", relation.name)),
            "r" | "p" if is_global => {}
            "r" | "p" => findings.extend(judge_tenant(relation, facts)),
            _ => findings.push(format!(
                "{} is neither a table nor a view: row-level security does not reach it",
                relation.name
            )),
        }
        findings.extend(judge_rights(relation));
    }
    findings
}

/// A table that is on no list must belong to organizations, row by row.
fn judge_tenant(table: &Relation, facts: &Facts) -> Vec<String> {
    let name = &table.name;
    let mut findings = Vec::new();
    let mut need = |holds: bool, what: &str| {
        if !holds {
            findings.push(format!("table {name} {what}"));
        }
    };
    need(table.has_org_id, "is not on the list of global tables and has no org_id uuid not null");
    need(table.has_primary_key, "has no primary key");
    need(table.is_secured, "has row-level security switched off");
    need(table.is_forced, "does not force row-level security on its owner");
    need(table.keeps_org_id, "lacks the trigger keep_org_id");
    for index in facts.unique_indexes.iter().filter(|index| index.table == *name) {
        let excepted = HASH_KEYED_INDEXES.contains(&index.name.as_str());
        need(
            index.first_column == "org_id" || excepted,
            &format!("has the unique index {}, which does not begin with org_id", index.name),
        );
    }
    for key in facts.foreign_keys.iter().filter(|key| key.table == *name) {
        let to_tenant = !GLOBAL_TABLES.contains(&key.target.as_str());
        need(
            key.pairs_org_id || !to_tenant,
            &format!("refers to {} without its organization ({})", key.target, key.name),
        );
    }
    findings
}

/// Rights that nobody needs who serves requests.
fn judge_rights(relation: &Relation) -> Vec<String> {
    let name = &relation.name;
    let mut findings = Vec::new();
    let mut refuse = |who: &str, rights: &[String]| {
        if !rights.is_empty() {
            findings.push(format!("{who} has {} on {name}", rights.join(", ")));
        }
    };
    refuse(APP, &relation.excess_of_app);
    refuse("everybody", &relation.rights_of_public);
    refuse(BACKUP, &relation.excess_of_backup);
    if matches!(relation.kind.as_str(), "r" | "p") && !relation.is_dumped {
        findings.push(format!("{BACKUP} may not read {name}, so no dump can be made as it"));
    }
    if relation.is_owned_by_server {
        findings.push(format!("{name} belongs to a role of the server instead of to the schema's owner"));
    }
    findings
}
