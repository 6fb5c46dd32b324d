//! The catalogue is safe (bar T1), and whatever makes it unsafe is found.

use sqlx::{AssertSqlSafe, Connection, Executor};
use voxanne::db::catalogue::{catalogue_findings, schema_findings};

use crate::support::cluster::TestDb;

#[tokio::test]
async fn a_fresh_schema_has_no_findings() {
    let db = TestDb::create().await;
    assert_eq!(catalogue_findings(&db.app).await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_login_that_is_not_the_servers_role_is_found() {
    let db = TestDb::create().await;
    for pool in [&db.owner, &db.superuser] {
        let findings = catalogue_findings(pool).await.unwrap();
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert!(findings[0].contains("and not as voxanne_app"), "{findings:?}");
    }
}

/// What somebody might do by mistake, and a piece of the sentence that must say so. `psql` stands
/// for a hand at the console, a new migration for the rest.
const MISTAKES: [(&str, &str); 27] = [
    ("create table memos (id uuid primary key, text text)", "table memos is not on the list"),
    (
        "create table memos (org_id uuid not null, id uuid, primary key (org_id, id))",
        "table memos has row-level security",
    ),
    (
        "create table memos (org_id uuid not null, id uuid primary key); call protect_tenant_table('memos', '{}', '{}', '{}')",
        "memos_pkey",
    ),
    (
        "create table memos (org_id uuid not null, id uuid); call protect_tenant_table('memos', '{}', '{}', '{}')",
        "has no primary key",
    ),
    ("create unique index leak on messages (provider_message_id)", "unique index leak"),
    ("create unique index leak on messages (lower(provider), org_id)", "unique index leak"),
    ("alter table jobs disable trigger keep_org_id", "lacks the trigger"),
    (
        "alter table messages add constraint leak foreign key (org_id, id) references jobs (org_id, id) not valid; \
      alter table jobs add constraint jobs_id unique (org_id, id, kind); \
      alter table messages add column job uuid; create unique index jobs_just_id on jobs (id); \
      alter table messages add constraint bare foreign key (job) references jobs (id)",
        "without its organization (bare)",
    ),
    ("create view everything as select * from jobs", "view everything does not say security_invoker"),
    ("create materialized view everything as select * from jobs", "everything is neither a table nor a view"),
    ("grant truncate on jobs to voxanne_app", "voxanne_app has TRUNCATE on jobs"),
    ("grant references (id), trigger on jobs to voxanne_app", "voxanne_app has TRIGGER on jobs"),
    ("grant select on jobs to public", "everybody has SELECT on jobs"),
    ("revoke select on sessions from voxanne_backup", "voxanne_backup may not read sessions"),
    ("grant update on users to voxanne_backup", "voxanne_backup has UPDATE on users"),
    ("grant delete on audit_log to voxanne_app", "table audit_log lacks the policy tenant_delete"),
    ("create policy more on jobs for select to voxanne_app using (true)", "policy more of jobs"),
    (
        "create policy gate_select on oauth_tokens for select to voxanne_gate using (true)",
        "policy gate_select of oauth_tokens",
    ),
    ("alter table organizations no force row level security", "organizations does not force"),
    ("alter policy own_select on organizations using (true)", "policy own_select of organizations"),
    ("drop table rate_counters", "global table rate_counters is on the list"),
    (
        "create function peek() returns bigint language sql security definer as 'select count(*) from jobs'",
        "public.peek runs with its owner's rights",
    ),
    (
        "create schema side; create function side.peek() returns bigint language sql security definer as 'select 1::bigint'",
        "side.peek runs with",
    ),
    (
        "alter function count_organizations() owner to voxanne_owner",
        "count_organizations belongs to voxanne_owner",
    ),
    ("alter function count_organizations() reset search_path", "count_organizations does not fix"),
    (
        "grant execute on function count_organizations() to public",
        "everybody may call the gate function count_organizations",
    ),
    ("drop function release_routes()", "gate function release_routes is on the list"),
];

#[tokio::test]
async fn every_mistake_turns_the_catalogue_red() {
    let db = TestDb::create().await;
    let mut connection = db.superuser.acquire().await.unwrap();
    for (mistake, sentence) in MISTAKES {
        let mut tx = connection.begin().await.unwrap();
        tx.execute(sqlx::raw_sql(AssertSqlSafe(mistake)))
            .await
            .unwrap_or_else(|error| panic!("{mistake}: {error}"));
        let findings = schema_findings(&mut tx).await.unwrap();
        assert!(findings.iter().any(|finding| finding.contains(sentence)), "{mistake}: {findings:?}");
        tx.rollback().await.unwrap();
    }
}

/// Roles are the cluster's, so each change is rolled back and seen by this transaction alone.
#[tokio::test]
async fn a_role_with_too_much_power_is_found() {
    let db = TestDb::create().await;
    let mut connection = db.superuser.acquire().await.unwrap();
    for (mistake, sentence) in [
        ("alter role voxanne_app bypassrls", "voxanne_app is BYPASSRLS"),
        ("alter role voxanne_app superuser", "voxanne_app is SUPERUSER"),
        ("alter role voxanne_app createrole", "voxanne_app is CREATEROLE"),
        (
            "grant voxanne_owner to voxanne_app",
            "voxanne_app may act as pg_database_owner, voxanne_gate, voxanne_owner",
        ),
        ("grant voxanne_gate to voxanne_app", "voxanne_app may act as voxanne_gate"),
        ("grant pg_read_all_data to voxanne_app", "voxanne_app may act as pg_read_all_data"),
        ("alter role voxanne_gate login", "somebody could log in as voxanne_gate"),
        ("alter role voxanne_gate bypassrls", "voxanne_gate is BYPASSRLS"),
        ("grant create on schema public to voxanne_app", "voxanne_app may make objects"),
        ("alter table jobs owner to voxanne_app", "jobs belongs to a role of the server"),
    ] {
        let mut tx = connection.begin().await.unwrap();
        tx.execute(sqlx::raw_sql(AssertSqlSafe(mistake))).await.unwrap();
        let findings = schema_findings(&mut tx).await.unwrap();
        assert!(findings.iter().any(|finding| finding.contains(sentence)), "{mistake}: {findings:?}");
        tx.rollback().await.unwrap();
    }
}
