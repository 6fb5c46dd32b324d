//! The tokens of a consent: refreshed by exactly one, lost by nobody, and over when Google says so.

use std::time::Duration as StdDuration;

use futures_util::future::join_all;
use time::Duration;
use voxanne::domain::ProviderId;
use voxanne::integrations::tokens::{self, TokenError};
use voxanne::jobs::sweep_often;
use voxanne::sandbox::Fault;

use super::support::app::TestApp;
use super::support::consent::{begin, consent, open};
use super::support::state::{card, state};
use super::tenancy_pool::all_cases;

const CARD: &str = "google_calendar";
const VERIFY: &str = "/api/integrations/google_calendar/verify";

#[tokio::test(flavor = "multi_thread")]
async fn fifty_users_of_one_expired_token_in_two_processes_are_one_refresh() {
    let app = TestApp::start().await;
    let (clinic, owner, id) = app.google_clinic("Sunrise Dental").await;
    let second = app.beside().await;
    app.sandbox.google().rotate(true);
    // Google takes its time, so that all of them really meet.
    app.sandbox.faults().set_delay(StdDuration::from_millis(700));
    app.sandbox.faults().set(ProviderId::GoogleCalendar, Fault::Slow);
    for at in [&app, &second] {
        at.clock.advance(Duration::hours(1));
    }
    let before = app.token_requests();
    // As many as a busy evening has, where all bars are measured.
    let many = if all_cases() { 400 } else { 50 };
    let users = (0..many).map(|n| {
        let services = if n % 2 == 0 { &app.services } else { &second.services };
        tokens::access(services, clinic.org)
    });
    let found = join_all(users).await;
    app.sandbox.faults().set(ProviderId::GoogleCalendar, Fault::None);
    let mut texts: Vec<String> =
        found.into_iter().map(|access| access.unwrap().token.expose().to_owned()).collect();
    texts.dedup();
    assert_eq!((texts.len(), app.token_requests() - before), (1, 1), "one token for all, asked for once");
    assert_eq!(app.sandbox.google().refresh_tokens(&id).len(), 1);
    // The rotated refresh token was kept: it serves the next time.
    app.clock.advance(Duration::hours(1));
    assert_eq!(owner.send("POST", VERIFY, None).await.json()["verified"], true);
    assert_eq!(app.token_requests() - before, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_renewed_a_minute_before_it_ends_and_not_sooner() {
    let app = TestApp::start().await;
    let (clinic, _, _) = app.google_clinic("Sunrise Dental").await;
    let before = app.token_requests();
    app.clock.advance(Duration::seconds(3599 - 120));
    tokens::access(&app.services, clinic.org).await.unwrap();
    assert_eq!(app.token_requests(), before);
    app.clock.advance(Duration::seconds(65));
    tokens::access(&app.services, clinic.org).await.unwrap();
    assert_eq!(app.token_requests(), before + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_google_rejects_before_its_time_is_renewed_once() {
    let app = TestApp::start().await;
    let (_, owner, _) = app.google_clinic("Sunrise Dental").await;
    let before = app.token_requests();
    app.sandbox.google().end_access_tokens();
    assert_eq!(owner.send("POST", VERIFY, None).await.json()["verified"], true);
    assert_eq!(app.token_requests(), before + 1);
    // One that is rejected although it is new is not renewed again and again.
    app.sandbox.faults().set(ProviderId::GoogleCalendar, Fault::Unauthorized);
    let refused = owner.send("POST", VERIFY, None).await.json();
    assert_eq!(refused["verified"], false);
    assert!(app.token_requests() <= before + 2, "{}", app.token_requests());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_that_was_taken_back_asks_to_reconnect_and_google_is_left_alone() {
    let app = TestApp::start().await;
    let (clinic, owner, id) = app.google_clinic("Sunrise Dental").await;
    app.sandbox.google().revoke(&id);
    app.clock.advance(Duration::hours(1));
    let before = app.token_requests();
    let refused = owner.send("POST", VERIFY, None).await.json();
    assert_eq!((refused["outcome"].as_str(), refused["verified"].as_bool()), (Some("refused"), Some(false)));
    let shown = card(&owner, CARD).await;
    assert_eq!(shown["status"], "error");
    assert!(shown["error"].as_str().unwrap().contains("signed out"), "{shown}");
    assert!(shown["fix"].as_str().unwrap().starts_with("Connect with Google again"), "{shown}");
    assert!(owner.get("/dashboard/integrations").await.body.contains("Reconnect Google Calendar"));
    for _ in 0..10 {
        let error = tokens::access(&app.services, clinic.org).await.unwrap_err();
        assert!(matches!(error, TokenError::SignedOut { may_be_testing: false }), "{error:?}");
    }
    assert_eq!(app.token_requests(), before + 1, "asked once, not again");
    assert_eq!(app.recorded(clinic.org, "integration.signed_out", "failure").await, 1);
    consent(&owner, &clinic, "desk@sunrise-dental.example", &[]).await;
    assert_eq!(state(&owner, CARD).await, "connected");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_that_ends_after_seven_days_is_told_as_an_app_in_testing() {
    let app = TestApp::start().await;
    let (clinic, owner, id) = app.google_clinic("Sunrise Dental").await;
    app.meddle(
        "update oauth_tokens set consented_at = now() - interval '7 days 1 hour' where org_id = $1",
        clinic.org,
    )
    .await;
    app.sandbox.google().revoke(&id);
    app.clock.advance(Duration::hours(1));
    owner.send("POST", VERIFY, None).await;
    let fix = card(&owner, CARD).await["fix"].as_str().unwrap().to_owned();
    assert!(fix.contains("seven days") && fix.contains("In production"), "{fix}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_the_token_service_is_no_refusal_and_is_not_asked_by_everybody() {
    let app = TestApp::start().await;
    let (clinic, owner, _) = app.google_clinic("Sunrise Dental").await;
    app.clock.advance(Duration::hours(1));
    app.sandbox.faults().set_delay(StdDuration::from_millis(200));
    app.sandbox.faults().set(ProviderId::GoogleCalendar, Fault::ServerError);
    let before = app.token_requests();
    let users = (0..20).map(|_| tokens::access(&app.services, clinic.org));
    for error in join_all(users).await {
        assert!(matches!(error, Err(TokenError::Google(_))), "{error:?}");
    }
    // Who stood in line heard the same answer; who came after it was given may have asked once more.
    let asked = app.token_requests() - before;
    assert!((1..=4).contains(&asked), "{asked} of 20 asked");
    let told = owner.send("POST", VERIFY, None).await.json();
    assert_eq!(told["outcome"], "undetermined", "{told}");
    assert_eq!(state(&owner, CARD).await, "cannot_check");
    app.sandbox.faults().set(ProviderId::GoogleCalendar, Fault::None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_that_crossed_with_a_new_consent_ends_nothing() {
    let app = TestApp::start().await;
    let (clinic, owner, id) = app.google_clinic("Sunrise Dental").await;
    app.clock.advance(Duration::hours(1));
    // The refusal is under way while the person consents anew.
    app.sandbox.google().revoke(&id);
    app.sandbox.faults().set_delay(StdDuration::from_millis(1500));
    app.sandbox.faults().set(ProviderId::GoogleCalendar, Fault::Slow);
    let services = app.services.clone();
    let org = clinic.org;
    let before = app.token_requests();
    let refresh = tokio::spawn(async move { tokens::access(&services, org).await });
    while app.token_requests() == before {
        tokio::task::yield_now().await;
    }
    app.meddle(
        "update oauth_tokens set revision = revision + 1, expires_at = now() + interval '3 hours' where org_id = $1",
        clinic.org,
    )
    .await;
    let access = refresh.await.unwrap();
    assert!(access.is_ok(), "the newer pair counts: {access:?}");
    assert_eq!(
        app.count("select count(*) from oauth_tokens where org_id = $1 and refused_at is null", org).await,
        1
    );
    drop(owner);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_process_left_behind_is_waited_out() {
    let app = TestApp::start().await;
    let (clinic, _, _) = app.google_clinic("Sunrise Dental").await;
    app.clock.advance(Duration::hours(1));
    app.meddle(
        "insert into leases (org_id, name, holder, expires_at)
         values ($1, 'google_refresh', gen_random_uuid(), now() + interval '2 seconds')",
        clinic.org,
    )
    .await;
    let started = std::time::Instant::now();
    tokens::access(&app.services, clinic.org).await.unwrap();
    let waited = started.elapsed();
    assert!(waited > StdDuration::from_secs(1) && waited < StdDuration::from_secs(10), "{waited:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_pair_of_one_clinic_opens_in_no_other() {
    let app = TestApp::start().await;
    let (one, _, _) = app.google_clinic("Sunrise Dental").await;
    let (two, owner, _) = app.google_clinic("Harbor Clinic").await;
    let moved = "update oauth_tokens t set sealed = o.sealed, key_version = o.key_version
                   from oauth_tokens o where t.org_id = $1 and o.org_id <> $1";
    assert_eq!(app.meddle(moved, two.org).await, 1);
    assert!(tokens::access(&app.services, two.org).await.is_err(), "the other clinic's pair does not open");
    assert!(tokens::access(&app.services, one.org).await.is_ok());
    assert_eq!(owner.get("/dashboard/integrations").await.status, 200);
    // A new consent heals it.
    consent(&owner, &two, "desk@harbor-clinic.example", &[]).await;
    assert!(tokens::access(&app.services, two.org).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_google_has_given_waits_for_a_database_that_is_away() {
    let app = TestApp::start().await;
    let (clinic, _, id) = app.google_clinic("Sunrise Dental").await;
    app.sandbox.google().rotate(true);
    app.clock.advance(Duration::hours(1));
    let before = app.token_requests();
    let away = "alter table oauth_tokens add constraint away check (false) not valid";
    sqlx::query(away).execute(&app.db.superuser).await.unwrap();
    let services = app.services.clone();
    let org = clinic.org;
    let user = tokio::spawn(async move { tokens::access(&services, org).await });
    while app.token_requests() == before {
        tokio::time::sleep(StdDuration::from_millis(20)).await;
    }
    sqlx::query("alter table oauth_tokens drop constraint away").execute(&app.db.superuser).await.unwrap();
    user.await.unwrap().unwrap();
    assert_eq!(app.token_requests(), before + 1, "asked for once");
    // The refresh token that Google gave with it is the one that is kept.
    assert_eq!(app.sandbox.google().refresh_tokens(&id).len(), 1);
    app.clock.advance(Duration::hours(1));
    tokens::access(&app.services, clinic.org).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_consent_is_told_everywhere_or_nowhere() {
    let app = TestApp::start().await;
    let (clinic, owner, id) = app.google_clinic("Sunrise Dental").await;
    app.sandbox.google().revoke(&id);
    app.clock.advance(Duration::hours(1));
    let away = "alter table audit_log add constraint away check (false) not valid";
    sqlx::query(away).execute(&app.db.superuser).await.unwrap();
    assert!(tokens::access(&app.services, clinic.org).await.is_err());
    let refused = "select count(*) from oauth_tokens where org_id = $1 and refused_at is not null";
    assert_eq!(app.count(refused, clinic.org).await, 0, "not a part of it alone");
    assert_eq!(state(&owner, CARD).await, "connected");
    sqlx::query("alter table audit_log drop constraint away").execute(&app.db.superuser).await.unwrap();
    let ended = tokens::access(&app.services, clinic.org).await;
    assert!(matches!(ended, Err(TokenError::SignedOut { .. })), "{ended:?}");
    assert_eq!((app.count(refused, clinic.org).await, state(&owner, CARD).await.as_str()), (1, "error"));
    assert_eq!(app.recorded(clinic.org, "integration.signed_out", "failure").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_that_nobody_confirms_is_given_back_and_the_clinics_own_is_left_alone() {
    let app = TestApp::start().await;
    let (clinic, owner, first) = app.google_clinic("Sunrise Dental").await;
    let second = app.sandbox.google().add_account("private@sunrise.example");
    let asked = consent(&owner, &clinic, "private@sunrise.example", &[]).await.body;
    assert!(asked.contains("Switch to private@sunrise.example"), "{asked}");
    assert_eq!(app.sandbox.google().refresh_tokens(&second.id).len(), 1);
    sweep_often(app.services.clone()).await.unwrap();
    assert_eq!(app.sandbox.google().refresh_tokens(&second.id).len(), 1, "it may still be confirmed");

    let later = "update org_credentials set draft_expires_at = now() - interval '1 second'
                  where org_id = $1 and draft_expires_at is not null";
    assert_eq!(app.meddle(later, clinic.org).await, 1);
    sweep_often(app.services.clone()).await.unwrap();
    assert!(app.sandbox.google().refresh_tokens(&second.id).is_empty(), "given back");
    assert_eq!(app.sandbox.google().refresh_tokens(&first).len(), 1);
    let drafts = "select count(*) from org_credentials where org_id = $1 and draft_expires_at is not null";
    assert_eq!(app.count(drafts, clinic.org).await, 0);
    assert_eq!(owner.send("POST", VERIFY, None).await.json()["verified"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_that_cannot_be_kept_is_given_back() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let owner = app.sign_in(&clinic.email(voxanne::domain::Role::Owner)).await;
    let account = app.sandbox.google().add_account("desk@sunrise.example");
    let living = app.sandbox.google().living_tokens();
    let away = "alter table org_credentials add constraint away check (false) not valid";
    sqlx::query(away).execute(&app.db.superuser).await.unwrap();
    let back = open(&begin(&owner, &clinic).await).await.allow("desk@sunrise.example", &[]).await;
    owner.get(&back).await;
    assert_eq!(app.sandbox.google().living_tokens(), living, "nothing of it is left at Google");
    assert!(app.sandbox.google().refresh_tokens(&account.id).is_empty());
    assert_eq!(app.pairs(&clinic).await, 0);
}
