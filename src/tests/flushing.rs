//! What is gathered in memory survives a database that is away.

use sqlx::{ConnectOptions, Executor};
use voxanne::audit::machines::Cause;
use voxanne::jobs;

use super::support::app::TestApp;

async fn counted(app: &TestApp, cause: &str) -> i64 {
    sqlx::query_scalar("select coalesce(sum(count), 0)::bigint from machine_counts where cause = $1")
        .bind(cause)
        .fetch_one(&app.db.superuser)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_of_a_time_without_a_database_are_written_when_it_is_back() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    jobs::flush(app.services.clone()).await.unwrap();
    let before = counted(&app, "api.read").await;
    for _ in 0..3 {
        assert_eq!(owner.send("GET", "/api/integrations/status", None).await.status, 200);
    }
    let sent = owner.send("POST", "/api/sms/test", Some(serde_json::json!({ "to": "+15550100123" }))).await;
    assert_eq!(sent.status, 200);
    app.meddle("update org_integrations set last_success_at = null where org_id = $1", clinic.org).await;
    // A flood begins, too: its row in the trail must not be lost either.
    for _ in 0..120 {
        app.services.counts.count(clinic.org, Cause::WebhookDuplicate, app.clock.now());
    }

    // The database is away: nobody gets in, and who was in is thrown out.
    let name = app.db.name.clone();
    let elsewhere = (*app.db.superuser.connect_options()).clone().database("postgres");
    let mut door = elsewhere.connect().await.unwrap();
    let allow = |yes: bool| sqlx::AssertSqlSafe(format!("alter database {name} allow_connections {yes}"));
    door.execute(allow(false)).await.unwrap();
    let end = "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1 and usename = 'voxanne_app'";
    sqlx::query(end).bind(&name).execute(&mut door).await.unwrap();
    for _ in 0..2 {
        assert!(jobs::flush(app.services.clone()).await.is_err(), "nothing can be written now");
    }
    app.services.counts.count(clinic.org, Cause::ApiRead, app.clock.now());
    door.execute(allow(true)).await.unwrap();

    jobs::flush(app.services.clone()).await.unwrap();
    assert_eq!(counted(&app, "api.read").await, before + 4, "three of before, one of meanwhile");
    assert_eq!(counted(&app, "webhook.duplicate").await, 120);
    assert_eq!(app.recorded(clinic.org, "flood.began", "denied").await, 1);
    let used = "select count(*) from org_integrations where org_id = $1 and provider = 'twilio' and last_success_at is not null";
    assert_eq!(app.count(used, clinic.org).await, 1, "the use of Twilio was kept as well");
    // Nothing is left, and nothing is counted twice.
    jobs::flush(app.services.clone()).await.unwrap();
    assert_eq!(counted(&app, "api.read").await, before + 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_count_that_can_never_be_written_keeps_no_other_waiting() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let nobody = voxanne::domain::OrgId(uuid::Uuid::new_v4());
    app.services.counts.count(nobody, Cause::ApiRead, app.clock.now());
    app.services.counts.count(clinic.org, Cause::ApiRead, app.clock.now());
    jobs::flush(app.services.clone()).await.unwrap();
    assert_eq!(counted(&app, "api.read").await, 1);
    let (left, _) = app.services.counts.drain(app.clock.now());
    assert!(left.is_empty(), "{left:?}");
}
