//! One consent in two real processes (bar R5): the one that renews it is killed while Google is asked, and
//! the other heals that by one more request, in time, and with the refresh token that there was.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use voxanne::domain::ProviderId;
use voxanne::sandbox::{DEMO_GOOGLE_CLIENT, Fault};

use super::support::app::{Browser, TestApp};
use super::support::process::Serving;
use super::support::state::state;
use super::tenancy_pool::all_cases;

const CARD: &str = "google_calendar";
const VERIFY: &str = "/api/integrations/google_calendar/verify";

/// Two processes over the database of `app`, which find Google where it does.
fn two_processes(app: &TestApp) -> [Serving; 2] {
    let (bases, database) = (app.sandbox.bases(), app.db.url("voxanne_app"));
    let url = &app.sandbox.shared_url;
    let google = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
    let (id, secret) = DEMO_GOOGLE_CLIENT;
    let environment = [
        ("DATABASE_URL", database.as_str()),
        ("ENCRYPTION_KEY", app.key.as_str()),
        ("GOOGLE_OAUTH_BASE_URL", bases.google_oauth.as_str()),
        ("GOOGLE_API_BASE_URL", bases.google_api.as_str()),
        ("GOOGLE_CLIENT_ID", id),
        ("GOOGLE_CLIENT_SECRET", secret),
        // The one way for an operator to let a private address through.
        ("N8N_ALLOWED_HOSTS", google.as_str()),
    ];
    [0, 1].map(|_| Serving::start(&["--no-worker"], &environment))
}

/// The person of that browser at another process.
fn at(serving: &Serving, browser: &Browser) -> Browser {
    let there = Browser::to(serving.url());
    there.set_cookie(browser.cookie());
    there
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_killed_while_it_renews_is_healed_by_the_other_with_one_more_request() {
    let app = TestApp::start().await;
    let (clinic, owner, id) = app.google_clinic("Sunrise Dental").await;
    // Data of a sandbox is no affair of processes that have none.
    sqlx::query("update installation set is_sandbox = false").execute(&app.db.superuser).await.unwrap();
    let [leader, follower] = two_processes(&app);
    let ended = "update oauth_tokens set expires_at = now() - interval '1 minute' where org_id = $1";
    assert_eq!(app.meddle(ended, clinic.org).await, 1);
    app.sandbox.faults().set_delay(Duration::from_secs(2));
    app.sandbox.faults().set(ProviderId::GoogleCalendar, Fault::Slow);
    let before = app.token_requests();

    let first = at(&leader, &owner);
    let lost = tokio::spawn(async move { first.send("POST", VERIFY, None).await });
    while app.token_requests() == before {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let many = if all_cases() { 400 } else { 30 };
    let there = at(&follower, &owner);
    let waiting = join_all((0..many).map(|_| there.send("POST", VERIFY, None)));
    leader.kill();
    let killed = Instant::now();
    let watched = async {
        while app.token_requests() < before + 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // The one request for a token is on its way; what follows need not be slow.
        app.sandbox.faults().set(ProviderId::GoogleCalendar, Fault::None);
        let renewed = "select count(*) from oauth_tokens where org_id = $1 and expires_at > now()";
        while app.count(renewed, clinic.org).await == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        killed.elapsed()
    };
    let (answers, healed) = tokio::join!(waiting, watched);
    assert!(lost.await.is_err(), "its process is dead, so nobody answers");
    for answer in answers {
        assert_eq!(answer.json()["verified"], true, "{}", answer.body);
    }
    assert!(healed < Duration::from_secs(15), "{healed:?}");
    assert_eq!(app.token_requests(), before + 2, "one that was lost, and one more");
    assert_eq!(app.sandbox.google().refresh_tokens(&id).len(), 1, "the refresh token is what it was");
    assert_eq!(state(&owner, CARD).await, "connected");
    assert_eq!(app.meddle(ended, clinic.org).await, 1);
    assert_eq!(there.send("POST", VERIFY, None).await.json()["verified"], true, "and it still works");
    assert_eq!(follower.terminate(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_slower_than_every_timeout_ends_nothing() {
    let app = TestApp::start().await;
    let (clinic, owner, id) = app.google_clinic("Sunrise Dental").await;
    app.clock.advance(time::Duration::hours(1));
    let before = app.token_requests();
    app.sandbox.faults().set(ProviderId::GoogleCalendar, Fault::Hang);
    let found = owner.send("POST", VERIFY, None).await.json();
    assert_eq!(found["outcome"], "undetermined", "{found}");
    assert_eq!(state(&owner, CARD).await, "cannot_check");
    assert_eq!(app.token_requests(), before + 1);
    app.sandbox.faults().set(ProviderId::GoogleCalendar, Fault::None);
    assert_eq!(owner.send("POST", VERIFY, None).await.json()["verified"], true);
    assert_eq!((app.pairs(&clinic).await, app.sandbox.google().refresh_tokens(&id).len()), (1, 1));
}
