//! The first-run page: all of a clinic or nothing, one clinic and not two, and a trail from the start.

use sqlx::Executor;

use super::support::app::{Answer, PASSWORD, TestApp};
use super::support::state::card;

fn fields<'a>(clinic: &'a str, email: &'a str) -> [(&'a str, &'a str); 5] {
    [
        ("code", "the-code"),
        ("clinic", clinic),
        ("name", "Olivia Stone"),
        ("email", email),
        ("password", PASSWORD),
    ]
}

async fn there(app: &TestApp) -> (i64, i64, i64) {
    sqlx::query_as(
        "select (select count(*) from organizations), (select count(*) from users), (select count(*) from memberships)",
    )
    .fetch_one(&app.db.superuser)
    .await
    .unwrap()
}

fn statuses(answers: &[Answer]) -> Vec<u16> {
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    statuses
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_set_up_at_once_one_finds_the_page_gone() {
    let app = TestApp::start().await;
    let (one, two) = (app.browser(), app.browser());
    let first = fields("Sunrise Dental", "olivia@sunrise.example");
    let second = fields("Harbor Clinic", "henrik@harbor.example");
    let (a, b) = tokio::join!(one.post("/setup", &first), two.post("/setup", &second));
    assert_eq!(statuses(&[a, b]), [303, 404]);
    assert_eq!(there(&app).await, (1, 1, 1));
    let trail: Vec<(String, String)> = sqlx::query_as("select action, outcome from audit_log order by seq")
        .fetch_all(&app.db.superuser)
        .await
        .unwrap();
    let said = |action: &str| (action.to_owned(), "success".to_owned());
    assert_eq!(trail, [said("organization.created"), said("session.opened")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_up_that_fails_half_way_leaves_nothing_and_can_be_sent_again() {
    let app = TestApp::start().await;
    let browser = app.browser();
    let first = fields("Sunrise Dental", "olivia@sunrise.example");
    for table in ["memberships", "audit_heads", "agent_configs", "audit_log"] {
        let break_it = format!(
            "create function give_up() returns trigger language plpgsql as $$ begin raise exception 'the disk is full'; end $$;
             create trigger give_up before insert on {table} for each row execute function give_up()"
        );
        app.db.superuser.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(break_it))).await.unwrap();
        let failed = browser.post("/setup", &first).await;
        assert!(failed.status >= 500, "{table}: {}", failed.status);
        assert_eq!(there(&app).await, (0, 0, 0), "{table}");
        app.db.superuser.execute("drop function give_up() cascade").await.unwrap();
    }
    let done = browser.post("/setup", &first).await;
    assert_eq!((done.status, done.location()), (303, "/dashboard"), "{}", done.body);
    assert_eq!(there(&app).await, (1, 1, 1));
    assert_eq!(card(&browser, "vapi").await["status"], "not_configured");
    assert_eq!(browser.send("GET", "/api/agents/inbound", None).await.status, 200, "the agents are there");
}
