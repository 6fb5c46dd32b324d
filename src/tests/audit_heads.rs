//! What stands outside of the clinics' trails: where each of them ends, in the log, and what nobody is
//! known to have done, counted.

use std::io::Write;
use std::sync::{Arc, Mutex};

use tracing::instrument::WithSubscriber;
use tracing_subscriber::fmt::MakeWriter;
use voxanne::domain::Role;
use voxanne::jobs;

use super::support::app::TestApp;

/// A log in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// The heads that an hour's run writes into a JSON log: organization, number of rows, last hash.
async fn heads(app: &TestApp) -> Vec<(String, i64, String)> {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().json().with_writer(log.clone()).finish();
    jobs::log_heads(app.services.clone()).with_subscriber(subscriber).await.unwrap();
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let mut heads: Vec<(String, i64, String)> = lines
        .filter(|line| line["fields"]["message"] == "head of an audit trail")
        .map(|line| {
            let word = |key: &str| line["fields"][key].as_str().unwrap().to_owned();
            (word("org"), line["fields"]["seq"].as_i64().unwrap(), word("hash"))
        })
        .collect();
    heads.sort();
    heads
}

#[tokio::test(flavor = "multi_thread")]
async fn the_head_of_every_trail_is_logged_so_that_a_cut_trail_no_longer_fits() {
    let app = TestApp::start().await;
    let (one, two) = (app.clinic("Sunrise Dental").await, app.clinic("Harbor Clinic").await);
    for role in [Role::Owner, Role::Admin, Role::Member] {
        app.sign_in(&one.email(role)).await;
    }
    app.sign_in(&two.email(Role::Owner)).await;
    let refused = app.browser().post("/login", &[("email", "x@y.example"), ("password", "wrong")]).await;
    assert_eq!(refused.status, 401);

    let logged = heads(&app).await;
    let stored: Vec<(String, i64, String)> = sqlx::query_as(
        "select org_id::text, seq, encode(hash, 'hex') from audit_heads
         union all select 'platform', seq, encode(hash, 'hex') from platform_audit_head order by 1",
    )
    .fetch_all(&app.db.superuser)
    .await
    .unwrap();
    assert_eq!(logged, stored);
    let of =
        |heads: &[(String, i64, String)], org: &str| heads.iter().find(|one| one.0 == org).unwrap().clone();
    let before = of(&logged, &one.org.to_string());
    assert_eq!((before.1, of(&logged, "platform").1), (3, 1));

    // Somebody with the database cuts the end off and sets the head back: the chain alone is whole.
    app.meddle("delete from audit_log where org_id = $1 and seq = 3", one.org).await;
    app.meddle(
        "update audit_heads h set seq = 2, hash = l.hash from audit_log l where h.org_id = $1 and l.org_id = $1 and l.seq = 2",
        one.org,
    )
    .await;
    let after = of(&heads(&app).await, &one.org.to_string());
    assert!(after.1 < before.1, "the log of before knows more rows: {before:?}, {after:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn throttled_sign_ins_are_counted_with_one_row_at_each_end_of_a_flood() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let browser = app.browser();
    let email = clinic.email(Role::Owner);
    let fields = [("email", email.as_str()), ("password", "a wrong sentence")];
    let mut throttled = 0;
    for _ in 0..125 {
        let answer = browser.post("/login", &fields).await;
        assert!(matches!(answer.status, 401 | 429), "{}", answer.body);
        throttled += i64::from(answer.status == 429);
    }
    assert!(throttled >= 110, "{throttled}");
    jobs::flush(app.services.clone()).await.unwrap();
    let counted: i64 = sqlx::query_scalar(
        "select coalesce(sum(count), 0)::bigint from platform_counts where cause = 'session.throttled'",
    )
    .fetch_one(&app.db.superuser)
    .await
    .unwrap();
    assert_eq!(counted, throttled);
    app.clock.advance(time::Duration::minutes(5));
    jobs::flush(app.services.clone()).await.unwrap();

    let rows: Vec<(String, String, String)> =
        sqlx::query_as("select action, target, details from platform_audit_log order by seq")
            .fetch_all(&app.db.superuser)
            .await
            .unwrap();
    let floods: Vec<(&str, &str)> =
        rows.iter().filter(|row| row.1 == "session.throttled").map(|row| (&*row.0, &*row.2)).collect();
    let total = format!("{throttled} in all");
    assert_eq!(floods, [("flood.began", ""), ("flood.ended", total.as_str())]);
    let refused = rows.iter().filter(|row| row.0 == "session.refused").count();
    assert_eq!(
        refused as i64,
        125 - throttled,
        "only those that reached the password have rows of their own"
    );
    assert!(app.trail(clinic.org).await.is_empty(), "it is no clinic's affair");
}
