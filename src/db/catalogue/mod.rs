//! Looks at the database's own catalogue and says where it would let one clinic see another.
//!
//! Asked at every start and by the tests: a table that was added without protection, a policy that
//! was loosened by hand, a right that was granted too much are found here, whoever made them. The
//! lists below are the only exceptions, held to the letter: what is on a list but not in the
//! database is a finding too. It reads the catalogue only, never a row.

mod facts;
mod functions;
pub mod login;
mod policies;
mod tables;

use sqlx::{PgConnection, PgPool};

use facts::Facts;

/// The role that the server logs in as.
const APP: &str = "voxanne_app";
/// The role that owns the gate functions.
const GATE: &str = "voxanne_gate";
/// The role that dumps are made as.
const BACKUP: &str = "voxanne_backup";

/// Tables that belong to no single organization. All others must be tenant tables.
pub const GLOBAL_TABLES: [&str; 16] = [
    "organizations",
    "users",
    "platform_admins",
    "sessions",
    "rate_counters",
    "jwt_issuers",
    "key_checks",
    "installation",
    "platform_keys",
    "credential_changes",
    "assistant_org_mapping",
    "phone_number_org_mapping",
    "platform_audit_head",
    "platform_audit_log",
    "platform_counts",
    "_sqlx_migrations",
];

/// Unique indexes of tenant tables that may not lead with `org_id`: their key is a SHA-256 of a
/// random secret, so a collision tells nobody anything.
const HASH_KEYED_INDEXES: [&str; 1] = ["api_keys_hash_key"];

/// The `security definer` functions: the only ways to see across organizations.
pub const GATE_FUNCTIONS: [&str; 43] = [
    "accept_inbound",
    "add_machine_counts",
    "begin_api_key",
    "begin_platform",
    "begin_request",
    "begin_token",
    "claim_assistant",
    "claim_phone_number",
    "count_organizations",
    "create_organization",
    "find_claim",
    "is_account_shared",
    "lease_alerts",
    "lease_deliveries",
    "lease_inbound",
    "lease_jobs",
    "organizations_of",
    "own_routes",
    "release_assistant",
    "release_claim",
    "release_routes",
    "resolve_vapi",
    "count_keys_by_kek",
    "list_keys_to_rewrap",
    "request_job_everywhere",
    "store_rewrapped",
    "touch_assistants",
    "touch_integrations",
    "list_audit_heads",
    "list_ended_watchers",
    "list_live_marks",
    "list_clinics_for_staff",
    "list_ended_secrets",
    "list_open_appointments",
    "list_overdue_calls",
    "list_overdue_credentials",
    "list_overdue_patients",
    "list_overdue_deliveries",
    "list_overdue_payloads",
    "list_stuck_messages",
    "list_old_counts",
    "list_unensured",
    "list_untended_endpoints",
];

/// What the gate role may do with rows of all organizations, through the functions above.
const GATE_POLICIES: [(&str, &str); 40] = [
    ("agent_configs", "gate_select"),
    ("alerts", "gate_select"),
    ("alerts", "gate_update"),
    ("api_keys", "gate_select"),
    ("api_keys", "gate_update"),
    ("appointments", "gate_select"),
    ("audit_heads", "gate_select"),
    ("calls", "gate_select"),
    ("data_keys", "gate_select"),
    ("data_keys", "gate_update"),
    ("delivery_attempts", "gate_select"),
    ("delivery_queue", "gate_select"),
    ("delivery_queue", "gate_update"),
    ("endpoint_drafts", "gate_select"),
    ("endpoints", "gate_select"),
    ("inbound_events", "gate_insert"),
    ("inbound_events", "gate_select"),
    ("inbound_events", "gate_update"),
    ("inbound_messages", "gate_select"),
    ("incidents", "gate_select"),
    ("jobs", "gate_insert"),
    ("jobs", "gate_select"),
    ("jobs", "gate_update"),
    ("leads", "gate_select"),
    ("machine_counts", "gate_insert"),
    ("machine_counts", "gate_select"),
    ("machine_counts", "gate_update"),
    ("memberships", "gate_select"),
    ("messages", "gate_select"),
    ("notes", "gate_select"),
    ("org_credentials", "gate_select"),
    ("org_integrations", "gate_select"),
    ("org_integrations", "gate_update"),
    ("organizations", "gate_insert"),
    ("organizations", "gate_select"),
    ("outbound_events", "gate_select"),
    ("support_grants", "gate_select"),
    ("outbound_calls", "gate_select"),
    ("tool_calls", "gate_select"),
    ("webhook_secrets", "gate_select"),
];

/// Everything that is wrong with the schema and with the role that `pool` logs in as, one sentence
/// each; empty when all is well. To be asked with the pool that serves requests: one transaction, in
/// which nothing is prepared under a name.
pub async fn catalogue_findings(pool: &PgPool) -> Result<Vec<String>, sqlx::Error> {
    let mut tx = pool.begin().await?;
    let mut findings = login_findings(&mut tx).await?;
    findings.extend(schema_findings(&mut tx).await?);
    tx.rollback().await?;
    Ok(findings)
}

/// Everything that is wrong with the schema, whoever asks.
pub async fn schema_findings(connection: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    let facts = Facts::read(connection).await?;
    let mut findings = tables::judge(&facts);
    findings.extend(policies::judge(&facts));
    findings.extend(functions::judge(&facts));
    Ok(findings)
}

/// What is wrong with the login itself: policies speak about `voxanne_app` and nobody else.
async fn login_findings(connection: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    let (session, current): (String, String) =
        sqlx::query_as("select session_user::text, current_user::text")
            .persistent(false)
            .fetch_one(connection)
            .await?;
    let mut findings = Vec::new();
    if session != APP || current != APP {
        findings.push(format!("the server is logged in as {session} (acting as {current}) and not as {APP}"));
    }
    Ok(findings)
}
