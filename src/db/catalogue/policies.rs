//! Judges row-level security policies: each must be exactly one of a few known ones.
//!
//! Texts are compared as PostgreSQL prints them, so that a policy that merely looks similar
//! (`missing_ok`, a call per row, an `or true`) is a finding.

use super::facts::{Facts, Policy};
use super::{APP, BACKUP, GATE, GATE_POLICIES, GLOBAL_TABLES};

/// The words that `app.role` may be.
const ROLES: [&str; 5] = ["owner", "admin", "member", "service", "platform"];

pub(super) fn judge(facts: &Facts) -> Vec<String> {
    let mut findings: Vec<String> = facts.policies.iter().filter_map(judge_one).collect();
    for (table, name) in GATE_POLICIES {
        if !facts.policies.iter().any(|policy| policy.table == table && policy.name == name) {
            findings.push(format!("the policy {name} of {table} is on the list but not in the database"));
        }
    }
    for relation in facts.relations.iter().filter(|relation| matches!(relation.kind.as_str(), "r" | "p")) {
        let is_organizations = relation.name == "organizations";
        if GLOBAL_TABLES.contains(&relation.name.as_str()) && !is_organizations {
            continue;
        }
        if is_organizations && !(relation.is_secured && relation.is_forced) {
            findings.push("table organizations does not force row-level security".to_owned());
        }
        // Without it a dump would leave the table's rows out.
        let mut needed = vec!["backup_select".to_owned()];
        if !is_organizations {
            needed.push("tenant_floor".to_owned());
        }
        let prefix = if is_organizations { "own" } else { "tenant" };
        needed.extend(
            relation.commands_of_app.iter().map(|command| format!("{prefix}_{}", command.to_lowercase())),
        );
        for name in needed {
            if !facts.policies.iter().any(|policy| policy.table == relation.name && policy.name == name) {
                findings.push(format!("table {} lacks the policy {name}", relation.name));
            }
        }
    }
    findings
}

/// What is wrong with one policy, if anything.
fn judge_one(policy: &Policy) -> Option<String> {
    let Policy { table, name, .. } = policy;
    let column = if table == "organizations" { "id" } else { "org_id" };
    let own = own_text(column);
    let fits = match name.as_str() {
        "tenant_floor" => {
            !policy.is_permissive
                && policy.command == "*"
                && is_for(policy, APP)
                && printed(&policy.using) == own
                && printed(&policy.with_check) == own
        }
        "tenant_select" | "own_select" => {
            is_permissive(policy, "r", APP) && printed(&policy.using) == own && policy.with_check.is_empty()
        }
        "tenant_insert" => {
            is_permissive(policy, "a", APP)
                && policy.using.is_empty()
                && is_own_by_role(&policy.with_check, &own)
        }
        "tenant_update" | "own_update" => {
            is_permissive(policy, "w", APP)
                && is_own_by_role(&policy.using, &own)
                && policy.with_check == policy.using
        }
        "tenant_delete" => {
            is_permissive(policy, "d", APP)
                && is_own_by_role(&policy.using, &own)
                && policy.with_check.is_empty()
        }
        "backup_select" => is_permissive(policy, "r", BACKUP) && policy.using == "true",
        "gate_select" => is_gate(policy, "r"),
        "gate_insert" => is_gate(policy, "a"),
        "gate_update" => is_gate(policy, "w"),
        _ => false,
    };
    let prefix_fits = !name.starts_with("own_") || table == "organizations";
    (!fits || !prefix_fits).then(|| format!("policy {name} of {table} is not what it must be"))
}

fn is_for(policy: &Policy, role: &str) -> bool {
    matches!(policy.roles.as_slice(), [only] if only == role)
}

fn is_permissive(policy: &Policy, command: &str, role: &str) -> bool {
    policy.is_permissive && policy.command == command && is_for(policy, role)
}

/// The gate's policies are open; what it may see is limited by its grants and its functions.
fn is_gate(policy: &Policy, command: &str) -> bool {
    let conditions = match command {
        "r" => ("true", ""),
        "a" => ("", "true"),
        _ => ("true", "true"),
    };
    is_permissive(policy, command, GATE)
        && (policy.using.as_str(), policy.with_check.as_str()) == conditions
        && GATE_POLICIES.contains(&(policy.table.as_str(), policy.name.as_str()))
}

/// How PostgreSQL prints "this row is the transaction's organization's", in the strict form.
fn own_text(column: &str) -> String {
    format!("({column} = ( SELECT (current_setting('app.org_id'::text))::uuid))")
}

/// The text without the column name that some versions print for the inner select.
fn printed(text: &str) -> String {
    text.replace(" AS current_setting", "")
}

/// Whether a text is: own, and the role is one of a list of known roles.
fn is_own_by_role(text: &str, own: &str) -> bool {
    let text = printed(text);
    let list = text
        .strip_prefix(&format!("({own} AND (( SELECT current_setting('app.role'::text)) = ANY ('{{"))
        .and_then(|rest| rest.strip_suffix("}'::text[])))"));
    list.is_some_and(|list| list.split(',').all(|role| ROLES.contains(&role)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(name: &str, command: &str, using: &str, with_check: &str) -> Policy {
        Policy {
            table: "jobs".into(),
            name: name.into(),
            command: command.into(),
            is_permissive: name != "tenant_floor",
            roles: vec![APP.into()],
            using: using.into(),
            with_check: with_check.into(),
        }
    }

    fn by_role(roles: &str) -> String {
        format!(
            "({} AND (( SELECT current_setting('app.role'::text) AS current_setting) = ANY ('{{{roles}}}'::text[])))",
            own_text("org_id")
        )
    }

    #[test]
    fn the_policies_as_they_must_be_are_no_finding() {
        let own = own_text("org_id");
        assert_eq!(judge_one(&policy("tenant_floor", "*", &own, &own)), None);
        assert_eq!(judge_one(&policy("tenant_select", "r", &own, "")), None);
        assert_eq!(judge_one(&policy("tenant_insert", "a", "", &by_role("owner,service"))), None);
        assert_eq!(judge_one(&policy("tenant_update", "w", &by_role("owner"), &by_role("owner"))), None);
    }

    #[test]
    fn a_similar_policy_is_a_finding() {
        let own = own_text("org_id");
        let lenient = own.replace("'app.org_id'::text", "'app.org_id'::text, true");
        for using in ["true".to_owned(), format!("({own} OR true)"), lenient, String::new()] {
            assert!(judge_one(&policy("tenant_select", "r", &using, "")).is_some(), "{using}");
        }
        assert!(
            judge_one(&policy("tenant_update", "w", &by_role("owner"), &by_role("owner,member"))).is_some()
        );
        assert!(judge_one(&policy("tenant_delete", "d", &by_role("nobody"), "")).is_some());
        assert!(judge_one(&policy("tenant_extra", "r", &own, "")).is_some());
        assert!(judge_one(&policy("own_select", "r", &own, "")).is_some());
    }
}
