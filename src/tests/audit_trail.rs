//! The audit trail: what stands in it, and that nobody changes it unnoticed.

use serde_json::json;
use voxanne::audit::{self, ChainState};
use voxanne::db::OrgTx;
use voxanne::domain::{OrgId, Role};
use voxanne::integrations::onboard;
use voxanne::jobs;

use super::support::app::{Answer, Clinic, TestApp};

#[derive(Debug, sqlx::FromRow)]
struct Row {
    actor: String,
    outcome: String,
    address: Option<String>,
    request_id: Option<String>,
    details: String,
}

async fn rows(app: &TestApp, table: &str, action: &str) -> Vec<Row> {
    let sql = format!(
        "select actor, outcome, address, request_id, details from {table} where action = $1 order by seq"
    );
    sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(action).fetch_all(&app.db.superuser).await.unwrap()
}

async fn state(app: &TestApp, org: OrgId) -> ChainState {
    let mut tx = OrgTx::service(&app.services.pool, org).await.unwrap();
    let state = audit::verify(&mut tx, &app.services.vault).await.unwrap();
    tx.rollback().await;
    state
}

async fn spoil(app: &TestApp, sql: &'static str, org: OrgId) {
    sqlx::query(sql).bind(org.0).execute(&app.db.superuser).await.unwrap();
}

/// A clinic with some rows in its trail: four sign-ins.
async fn with_rows(app: &TestApp, name: &str) -> Clinic {
    let clinic = app.clinic(name).await;
    for role in [Role::Owner, Role::Admin, Role::Member, Role::Owner] {
        app.sign_in(&clinic.email(role)).await;
    }
    assert_eq!(state(app, clinic.org).await, ChainState::Intact { rows: 4 });
    clinic
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_do_stands_in_the_trail_with_who_where_and_which_request() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Alpha Dental").await;
    let other = app.clinic("Beta Clinic").await;
    let grace = app.person("grace@group.example").await;
    for org in [clinic.org, other.org] {
        onboard::add_member(&app.services, org, grace, Role::Owner).await.unwrap();
    }
    let browser = app.browser();
    let fields = [("email", "Grace@Group.example"), ("password", super::support::app::PASSWORD)];
    let opened = browser.post("/login", &fields).await;
    let connected = browser.send("POST", "/api/integrations/twilio", Some(clinic.twilio_body())).await;
    let verified = browser.send("POST", "/api/integrations/twilio/verify", None).await;
    let removed = browser.send("DELETE", "/api/integrations/twilio", None).await;
    let switched = browser.post("/switch", &[("org", &other.org.to_string())]).await;
    let closed = browser.post("/logout", &[]).await;
    let expected: [(&str, &Answer, OrgId); 6] = [
        ("session.opened", &opened, clinic.org),
        ("integration.connected", &connected, clinic.org),
        ("integration.verified", &verified, clinic.org),
        ("integration.disconnected", &removed, clinic.org),
        ("session.switched", &switched, other.org),
        ("session.closed", &closed, other.org),
    ];
    for (action, answer, org) in expected {
        assert!(answer.status < 400, "{action}: {}", answer.body);
        let found = rows(&app, "audit_log", action).await;
        assert_eq!(found.len(), 1, "{action}: {found:?}");
        assert_eq!((found[0].actor.as_str(), found[0].outcome.as_str()), ("grace@group.example", "success"));
        assert_eq!(found[0].address.as_deref(), Some("127.0.0.1"), "{action}");
        assert_eq!(found[0].request_id.as_deref(), Some(answer.header("x-request-id")), "{action}");
        let in_chain: i64 =
            sqlx::query_scalar("select count(*) from audit_log where action = $1 and org_id = $2")
                .bind(action)
                .bind(org.0)
                .fetch_one(&app.db.superuser)
                .await
                .unwrap();
        assert_eq!(in_chain, 1, "{action} stands in the right clinic's chain");
    }
    assert!(matches!(state(&app, clinic.org).await, ChainState::Intact { rows } if rows >= 4));
    assert!(matches!(state(&app, other.org).await, ChainState::Intact { rows: 2 }));
    let all: String = sqlx::query_scalar("select string_agg(a::text, ' ') from audit_log a")
        .fetch_one(&app.db.superuser)
        .await
        .unwrap();
    assert!(!all.contains(&clinic.twilio.auth_token) && !all.contains(super::support::app::PASSWORD));

    let owner = app.sign_in(&clinic.email(Role::Owner)).await;
    let page = owner.get("/dashboard/audit").await;
    assert!(page.body.contains("grace@group.example") && page.body.contains("integration.connected"));
    assert!(!page.body.contains("session.switched"), "the other clinic's rows are not shown");
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_sign_ins_stand_in_the_platforms_chain() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let browser = app.browser();
    let mut ids = Vec::new();
    for email in [clinic.email(Role::Owner), "nobody@nowhere.example".to_owned()] {
        let answer = browser.post("/login", &[("email", &email), ("password", "a wrong sentence")]).await;
        assert_eq!(answer.status, 401);
        ids.push((email, answer.header("x-request-id").to_owned()));
    }
    let found = rows(&app, "platform_audit_log", "session.refused").await;
    for (row, (email, id)) in found.iter().zip(&ids) {
        assert_eq!((row.actor.as_str(), row.outcome.as_str()), (email.as_str(), "denied"));
        assert_eq!(
            (row.address.as_deref(), row.request_id.as_deref()),
            (Some("127.0.0.1"), Some(id.as_str()))
        );
    }
    assert_eq!(found.len(), 2);
    assert_eq!(
        state(&app, clinic.org).await,
        ChainState::Intact { rows: 0 },
        "no clinic's chain knows of them"
    );
    let (pool, vault) = (&app.services.pool, &app.services.vault);
    assert_eq!(audit::verify_platform(pool, vault).await.unwrap(), ChainState::Intact { rows: 2 });
    sqlx::query("update platform_audit_log set actor = 'x' where seq = 2")
        .execute(&app.db.superuser)
        .await
        .unwrap();
    assert_eq!(audit::verify_platform(pool, vault).await.unwrap(), ChainState::Broken { seq: 2 });
    sqlx::query("delete from platform_audit_log where seq = 2").execute(&app.db.superuser).await.unwrap();
    assert_eq!(
        audit::verify_platform(pool, vault).await.unwrap(),
        ChainState::Truncated { rows: 1, head: 2 }
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_owns_the_database_cannot_change_the_trail_unnoticed() {
    let app = TestApp::start().await;
    for (at, column) in
        ["actor", "action", "target", "details", "address", "user_agent", "request_id"].iter().enumerate()
    {
        let clinic = with_rows(&app, &format!("Clinic {at}")).await;
        let sql = format!(
            "update audit_log set {column} = coalesce({column}, '') || 'x' where org_id = $1 and seq = 2"
        );
        sqlx::query(sqlx::AssertSqlSafe(sql)).bind(clinic.org.0).execute(&app.db.superuser).await.unwrap();
        assert_eq!(state(&app, clinic.org).await, ChainState::Broken { seq: 2 }, "{column}");
    }
    let deleted = with_rows(&app, "Deleted").await;
    spoil(&app, "delete from audit_log where org_id = $1 and seq = 3", deleted.org).await;
    assert_eq!(state(&app, deleted.org).await, ChainState::Broken { seq: 4 });

    let first = with_rows(&app, "First").await;
    spoil(&app, "delete from audit_log where org_id = $1 and seq = 1", first.org).await;
    assert_eq!(state(&app, first.org).await, ChainState::Broken { seq: 2 });

    let cut = with_rows(&app, "Cut").await;
    spoil(&app, "delete from audit_log where org_id = $1 and seq >= 3", cut.org).await;
    assert_eq!(state(&app, cut.org).await, ChainState::Truncated { rows: 2, head: 4 });

    let swapped = with_rows(&app, "Swapped").await;
    spoil(&app, "update audit_log set seq = case seq when 2 then 103 else 102 end where org_id = $1 and seq in (2, 3)", swapped.org).await;
    spoil(&app, "update audit_log set seq = seq - 100 where org_id = $1 and seq > 100", swapped.org).await;
    assert_eq!(state(&app, swapped.org).await, ChainState::Broken { seq: 2 });

    let later = with_rows(&app, "Later").await;
    spoil(
        &app,
        "update audit_log set at = at + interval '1 microsecond' where org_id = $1 and seq = 4",
        later.org,
    )
    .await;
    assert_eq!(state(&app, later.org).await, ChainState::Broken { seq: 4 });

    let all = with_rows(&app, "All").await;
    sqlx::query("truncate audit_log").execute(&app.db.superuser).await.unwrap();
    assert_eq!(state(&app, all.org).await, ChainState::Truncated { rows: 0, head: 4 });
}

#[tokio::test(flavor = "multi_thread")]
async fn the_servers_own_login_can_add_to_the_trail_and_nothing_else() {
    let app = TestApp::start().await;
    let clinic = with_rows(&app, "Sunrise Dental").await;
    for role in ["owner", "admin", "member", "service", "platform"] {
        for sql in [
            "update audit_log set actor = 'x'",
            "delete from audit_log",
            "truncate audit_log",
            "delete from audit_heads",
            "update platform_audit_log set actor = 'x'",
            "delete from platform_audit_log",
            "delete from platform_audit_head",
            "alter table audit_log disable row level security",
        ] {
            let mut tx = app.db.app.begin().await.unwrap();
            sqlx::query("select set_config('app.org_id', $1, true), set_config('app.role', $2, true), set_config('app.user_id', '', true)")
                .bind(clinic.org.to_string())
                .bind(role)
                .execute(&mut *tx)
                .await
                .unwrap();
            let refusal = sqlx::query(sql).execute(&mut *tx).await.unwrap_err();
            assert_eq!(
                refusal.as_database_error().unwrap().code().as_deref(),
                Some("42501"),
                "{role}: {sql}"
            );
            tx.rollback().await.unwrap();
        }
    }
    assert_eq!(state(&app, clinic.org).await, ChainState::Intact { rows: 4 });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_refused_webhooks_is_counted_with_one_row_at_each_end() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let assistant = app.assistants(&clinic)[0].1;
    let forged = json!({ "message": { "type": "status-update", "status": "ringing", "call": { "id": "c", "assistantId": assistant } } });
    let program = app.browser();
    let before = rows(&app, "audit_log", "flood.began").await.len();
    for _ in 0..150 {
        assert_eq!(program.send("POST", "/api/webhooks/vapi", Some(forged.clone())).await.status, 401);
    }
    jobs::flush(app.services.clone()).await.unwrap();
    assert_eq!(rows(&app, "audit_log", "flood.began").await.len(), before + 1);
    for _ in 0..20 {
        program.send("POST", "/api/webhooks/vapi", Some(forged.clone())).await;
    }
    jobs::flush(app.services.clone()).await.unwrap();
    assert_eq!(rows(&app, "audit_log", "flood.began").await.len(), before + 1, "it is still the same flood");
    assert!(rows(&app, "audit_log", "flood.ended").await.is_empty());

    app.clock.advance(time::Duration::minutes(5));
    jobs::flush(app.services.clone()).await.unwrap();
    let ended = rows(&app, "audit_log", "flood.ended").await;
    assert_eq!(ended.len(), 1);
    assert_eq!((ended[0].details.as_str(), ended[0].actor.as_str()), ("170 in all", "service"));
    let counted: i64 = sqlx::query_scalar(
        "select coalesce(sum(count), 0)::bigint from machine_counts where org_id = $1 and cause = 'webhook.refused'",
    )
    .bind(clinic.org.0)
    .fetch_one(&app.db.superuser)
    .await
    .unwrap();
    assert_eq!(counted, 170);
    assert!(matches!(state(&app, clinic.org).await, ChainState::Intact { .. }));
    assert!(owner.get("/dashboard/audit").await.body.contains("flood.ended"));

    let unknown = json!({ "message": { "type": "status-update", "call": { "id": "c", "assistantId": uuid::Uuid::new_v4() } } });
    program.send("POST", "/api/webhooks/vapi", Some(unknown)).await;
    jobs::flush(app.services.clone()).await.unwrap();
    let total: i64 = sqlx::query_scalar("select sum(count)::bigint from machine_counts")
        .fetch_one(&app.db.superuser)
        .await
        .unwrap();
    assert_eq!(total, 170, "an unknown assistant is nobody's flood");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_of_the_trail_waits_for_nobody_who_writes_and_nobody_waits_for_it() {
    let app = TestApp::start().await;
    let clinic = with_rows(&app, "Alpha Dental").await;
    let vault = &app.services.vault;
    // Somebody has the head and has not come to an end.
    let writing = "select 1 from audit_heads where org_id = $1 for update";
    let mut writer = app.db.superuser.begin().await.unwrap();
    sqlx::query(writing).bind(clinic.org.0).execute(&mut *writer).await.unwrap();
    let asked = std::time::Instant::now();
    assert_eq!(state(&app, clinic.org).await, ChainState::Intact { rows: 4 });
    assert!(asked.elapsed() < std::time::Duration::from_secs(4), "{:?}", asked.elapsed());
    writer.rollback().await.unwrap();
    // And while a check has not come to its end, people sign in.
    let mut checking = OrgTx::service(&app.services.pool, clinic.org).await.unwrap();
    assert_eq!(audit::verify(&mut checking, vault).await.unwrap(), ChainState::Intact { rows: 4 });
    app.sign_in(&clinic.email(Role::Owner)).await;
    // The same check, asked again in the same transaction, knows of what came meanwhile.
    assert_eq!(audit::verify(&mut checking, vault).await.unwrap(), ChainState::Intact { rows: 5 });
    checking.rollback().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_message_stands_in_the_trail_with_who_sent_it_and_what_came_of_it() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Alpha Dental").await;
    let org = clinic.org.to_string();
    let sent = owner.send("POST", "/api/sms/test", Some(json!({ "to": "+15550100123" }))).await;
    assert_eq!(sent.status, 200, "{}", sent.body);
    let form = [("org", org.as_str()), ("to", "+15550100124")];
    assert_eq!(owner.post("/dashboard/sms/test", &form).await.status, 303);
    assert_eq!(owner.send("DELETE", "/api/integrations/twilio", None).await.status, 204);
    let refused = owner.send("POST", "/api/sms/test", Some(json!({ "to": "+15550100123" }))).await;
    assert_eq!(refused.status, 409, "{}", refused.body);
    let found = rows(&app, "audit_log", "message.tested").await;
    let outcomes: Vec<&str> = found.iter().map(|row| row.outcome.as_str()).collect();
    assert_eq!(outcomes, ["success", "success", "failure"]);
    let sid = sent.json()["sid"].as_str().unwrap().to_owned();
    assert!(found[0].details.contains(&sid), "{found:?}");
    assert_eq!(found[0].request_id.as_deref(), Some(sent.header("x-request-id")), "as in the log");
    for row in &found {
        assert_eq!(row.actor, clinic.email(Role::Owner));
        assert!(!row.details.contains("5550100"), "a whole number: {row:?}");
    }
}
