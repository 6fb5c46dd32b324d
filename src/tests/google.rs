//! Google Calendar: connected by a consent that a person gives on Google's page, and not otherwise.

use serde_json::json;
use voxanne::domain::{ProviderId, Role};
use voxanne::sandbox::{Fault, GoogleOAuthClient};

use super::support::app::{Browser, Clinic, Setting, TestApp};
use super::support::consent::{begin, consent, open};
use super::support::state::{card, connect, state};

const CARD: &str = "google_calendar";

async fn start() -> (TestApp, Clinic, Browser) {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let owner = app.sign_in(&clinic.email(Role::Owner)).await;
    app.sandbox.google().add_account("desk@sunrise.example");
    (app, clinic, owner)
}

/// Takes an answer to the callback; gives the page that the browser lands on, which says why not.
async fn refused(app: &TestApp, clinic: &Clinic, browser: &Browser, back: &str) -> String {
    let answer = browser.get(back).await;
    let page = match answer.status {
        303 => {
            assert!(answer.location().starts_with("/dashboard/integrations?"), "{}", answer.location());
            browser.get(answer.location()).await.body
        }
        _ => answer.body,
    };
    assert_eq!(app.pairs(clinic).await, 0, "no token is stored");
    assert_eq!(app.active(clinic.org, CARD).await, None);
    page
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clinic_connects_its_calendar_without_scripts_and_chooses_among_its_calendars() {
    let (app, clinic, owner) = start().await;
    let panel = owner.get("/dashboard/integrations?panel=google_calendar").await;
    assert!(panel.body.contains("Connect with Google"), "{}", panel.body);
    assert!(panel.body.contains("View and edit events on all your calendars"));

    let page = open(&begin(&owner, &clinic).await).await;
    assert_eq!(page.asked("code_challenge_method"), "S256");
    assert_eq!((page.asked("access_type"), page.asked("response_type")), ("offline", "code"));
    assert!(page.asked("prompt").contains("consent"));
    assert_eq!(page.boxes().len(), 3);
    let back = page.allow("desk@sunrise.example", &[]).await;
    let answer = owner.get(&back).await;
    assert_eq!(
        (answer.status, answer.location()),
        (303, "/dashboard/integrations?panel=google_calendar&said=1")
    );
    let landed = owner.get(answer.location()).await.body;
    assert!(landed.contains("Google Calendar is connected as desk@sunrise.example"), "{landed}");
    assert!(landed.contains(">Dr. Nord<"), "the writable calendars are offered");
    assert!(!landed.contains("Holidays"), "those that may only be read are not");
    assert_eq!(state(&owner, CARD).await, "connected");
    assert_eq!(card(&owner, CARD).await["identity"], "desk@sunrise.example");

    let org = clinic.org.to_string();
    let nord = "desk-sunrise-example-nord@group.calendar.google.com";
    let form = [("org", org.as_str()), ("calendarId", nord), ("intent", "test_and_save")];
    let before = app.token_requests();
    let answer = owner.post("/dashboard/integrations/google_calendar/connect", &form).await;
    assert_eq!(answer.location(), "/dashboard/integrations?said=1#google_calendar", "{}", answer.body);
    assert_eq!(card(&owner, CARD).await["hint"]["calendarId"], nord);
    assert_eq!(app.token_requests(), before, "a choice needs no new consent");
    assert_eq!(app.pairs(&clinic).await, 1);
    assert_eq!(app.recorded(clinic.org, "integration.connected", "success").await, 1);
    assert_eq!(app.recorded(clinic.org, "integration.replaced", "success").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_lies_open_anywhere() {
    let app = TestApp::start().await;
    let (clinic, owner, id) = app.google_clinic("Sunrise Dental").await;
    let secrets = app.sandbox.google().refresh_tokens(&id);
    assert_eq!(secrets.len(), 1);
    let stored = app.dump(clinic.org).await;
    let shown = owner.get("/dashboard/integrations?panel=google_calendar").await.body
        + &owner.get("/dashboard/audit").await.body
        + &owner.send("GET", "/api/integrations/status", None).await.body
        + &owner.send("GET", "/api/organization/credentials", None).await.body;
    for secret in secrets {
        for form in [secret.clone(), hex::encode(&secret)] {
            assert!(!stored.contains(&form), "a token lies open in the database");
            assert!(!shown.contains(&form), "a token is shown");
        }
    }
    assert!(!shown.contains("ya29."));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_with_a_missing_forged_or_foreign_state_is_refused() {
    let (app, clinic, owner) = start().await;
    let page = open(&begin(&owner, &clinic).await).await;
    let back = page.allow("desk@sunrise.example", &[]).await;
    let with_state = |state: &str| {
        let (path, query) = back.split_once('?').unwrap();
        let kept: Vec<&str> = query.split('&').filter(|pair| !pair.starts_with("state=")).collect();
        format!("{path}?{}&{state}", kept.join("&"))
    };
    let said = refused(&app, &clinic, &owner, &with_state("")).await;
    assert!(said.contains("does not say what it belongs to"), "{said}");
    let own = page.asked("state").to_owned();
    let flipped = format!("{}{}", &own[..own.len() - 3], if own.ends_with("AAA") { "BBB" } else { "AAA" });
    for state in ["nonsense".to_owned(), flipped, "A".repeat(own.len())] {
        let said = refused(&app, &clinic, &owner, &with_state(&format!("state={state}"))).await;
        let is_told =
            said.contains("belongs to no sign-in that was begun here") || said.contains("You are now in");
        assert!(is_told, "{state}: {said}");
    }
    // Twice the same name is not Google's writing.
    let said = refused(&app, &clinic, &owner, &format!("{back}&state={own}")).await;
    assert!(said.contains("does not say what it belongs to"), "{said}");
    // None of these has used the right one up.
    let landed = owner.get(owner.get(&back).await.location()).await.body;
    assert!(landed.contains("is connected as"), "{landed}");
    assert!(app.recorded(clinic.org, "integration.connected", "failure").await >= 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_taken_once() {
    let (app, clinic, owner) = start().await;
    let back = open(&begin(&owner, &clinic).await).await.allow("desk@sunrise.example", &[]).await;
    assert_eq!(owner.get(&back).await.status, 303);
    let before = app.active(clinic.org, CARD).await;
    let requests = app.token_requests();
    let again = owner.get(owner.get(&back).await.location()).await.body;
    assert!(again.contains("was used already"), "{again}");
    assert_eq!((app.active(clinic.org, CARD).await, app.token_requests()), (before, requests));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_comes_too_late_is_refused() {
    let (app, clinic, owner) = start().await;
    let back = open(&begin(&owner, &clinic).await).await.allow("desk@sunrise.example", &[]).await;
    app.meddle(
        "update oauth_attempts set expires_at = now() - interval '1 second' where org_id = $1",
        clinic.org,
    )
    .await;
    let said = refused(&app, &clinic, &owner, &back).await;
    assert!(said.contains("longer than ten minutes"), "{said}");
    assert_eq!(app.token_requests(), 0, "the code is not even redeemed");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_another_session_began_is_refused_and_leaves_it_usable() {
    let (app, clinic, owner) = start().await;
    let back = open(&begin(&owner, &clinic).await).await.allow("desk@sunrise.example", &[]).await;
    let admin = app.sign_in(&clinic.email(Role::Admin)).await;
    let said = refused(&app, &clinic, &admin, &back).await;
    assert!(said.contains("begun in another browser"), "{said}");
    let second = app.sign_in(&clinic.email(Role::Owner)).await;
    let said = refused(&app, &clinic, &second, &back).await;
    assert!(said.contains("begun in another browser"), "the same person, another session: {said}");
    let nobody = app.browser();
    let answer = nobody.get(&back).await;
    assert_eq!(answer.status, 401, "{}", answer.body);
    assert!(answer.body.contains("you are not signed in here any more"), "{}", answer.body);
    assert!(!answer.body.contains("4/0A") && answer.location().is_empty(), "the code goes nowhere");
    assert_eq!(app.token_requests(), 0);
    assert!(owner.get(owner.get(&back).await.location()).await.body.contains("is connected as"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_for_another_clinic_is_refused() {
    let (app, clinic, owner) = start().await;
    let other = app.clinic("Harbor Clinic").await;
    let harbor = app.sign_in(&other.email(Role::Owner)).await;
    let back = open(&begin(&owner, &clinic).await).await.allow("desk@sunrise.example", &[]).await;
    let answer = harbor.get(&back).await;
    assert_eq!(answer.status, 409, "{}", answer.body);
    assert!(answer.body.contains("Harbor Clinic"), "{}", answer.body);
    assert_eq!((app.pairs(&clinic).await, app.pairs(&other).await, app.token_requests()), (0, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_was_made_for_another_verifier_or_was_used_is_refused() {
    let (app, clinic, owner) = start().await;
    // Somebody lures the owner with a code of their own: it was made for their challenge.
    let mut page = open(&begin(&owner, &clinic).await).await;
    page.ask("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    let said = refused(&app, &clinic, &owner, &page.allow("desk@sunrise.example", &[]).await).await;
    assert!(said.contains("did not take its own code"), "{said}");
    // A code that was redeemed already, under a state of its own.
    let first = open(&begin(&owner, &clinic).await).await;
    let back = first.allow("desk@sunrise.example", &[]).await;
    let code = back.split(['?', '&']).find(|pair| pair.starts_with("code=")).unwrap().to_owned();
    assert_eq!(owner.get(&back).await.status, 303);
    assert_eq!(app.pairs(&clinic).await, 1);
    let second = open(&begin(&owner, &clinic).await).await;
    let before = app.active(clinic.org, CARD).await;
    let stolen = format!("/api/auth/google/callback?{code}&state={}", second.asked("state"));
    let said = owner.get(owner.get(&stolen).await.location()).await.body;
    assert!(said.contains("did not take its own code"), "{said}");
    assert_eq!(app.active(clinic.org, CARD).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_another_issuer_is_refused() {
    let (app, clinic, owner) = start().await;
    app.sandbox.google().set_issuer(Some("https://accounts.evil.example"));
    let back = open(&begin(&owner, &clinic).await).await.allow("desk@sunrise.example", &[]).await;
    let said = refused(&app, &clinic, &owner, &back).await;
    assert!(said.contains("does not come from Google"), "{said}");
    // The same where only the identity token says so.
    let back = open(&begin(&owner, &clinic).await).await.allow("desk@sunrise.example", &[]).await;
    let without: String = back.split("&iss=").next().unwrap().to_owned();
    let said = refused(&app, &clinic, &owner, &without).await;
    assert!(said.contains("does not come from Google"), "{said}");
    // And where the token was made for another consent.
    app.sandbox.google().set_issuer(None);
    let mut page = open(&begin(&owner, &clinic).await).await;
    page.ask("nonce", "another-consent");
    let said = refused(&app, &clinic, &owner, &page.allow("desk@sunrise.example", &[]).await).await;
    assert!(said.contains("about another sign-in"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_or_failed_consent_says_so_and_changes_nothing() {
    let (app, clinic, owner) = start().await;
    let page = open(&begin(&owner, &clinic).await).await;
    let said = refused(&app, &clinic, &owner, &page.cancel().await).await;
    assert!(said.contains("You cancelled at Google"), "{said}");
    let answer = |state: &str, rest: &str| format!("/api/auth/google/callback?state={state}&{rest}");
    let page = open(&begin(&owner, &clinic).await).await;
    let said =
        refused(&app, &clinic, &owner, &answer(page.asked("state"), "error=admin_policy_enforced")).await;
    assert!(said.contains("ended the sign-in with an error"), "{said}");
    let page = open(&begin(&owner, &clinic).await).await;
    let said = refused(&app, &clinic, &owner, &answer(page.asked("state"), "scope=x")).await;
    assert!(said.contains("has no code in it"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_browser_goes_is_never_read_from_the_answer() {
    let (app, clinic, owner) = start().await;
    let back = open(&begin(&owner, &clinic).await).await.allow("desk@sunrise.example", &[]).await;
    let evil = "&next=https://evil.example&redirect_uri=https://evil.example&provider=https://evil.example";
    let answer = owner.get(&format!("{back}{evil}")).await;
    assert_eq!(answer.location(), "/dashboard/integrations?panel=google_calendar&said=1");
    let start = owner.get("/api/auth/google/start?provider=https://evil.example").await;
    assert_eq!(start.location(), "/dashboard/integrations?panel=google_calendar");
    assert_eq!(app.pairs(&clinic).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_and_a_foreign_page_begin_no_consent() {
    let (app, clinic, _) = start().await;
    let member = app.sign_in(&clinic.email(Role::Member)).await;
    let org = clinic.org.to_string();
    let form = [("org", org.as_str()), ("intent", "sign_in")];
    assert_eq!(member.post("/dashboard/integrations/google_calendar/connect", &form).await.status, 403);
    let owner = app.sign_in(&clinic.email(Role::Owner)).await;
    let headers = [("origin", "https://evil.example"), ("content-type", "application/x-www-form-urlencoded")];
    let body = format!("org={org}&intent=sign_in");
    let path = "/dashboard/integrations/google_calendar/connect";
    assert_eq!(owner.raw("POST", path, &headers, Some(&body)).await.status, 403);
    assert_eq!(app.count("select count(*) from oauth_attempts where org_id = $1", clinic.org).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unticked_box_limits_the_card_and_says_what_does_not_work() {
    let table: [(&[&str], &str, &str); 3] = [
        (&["calendar.events"], "book", "Appointments cannot be booked."),
        (&["calendar.freebusy"], "free_busy", "Free times cannot be found."),
        (&["calendarlist.readonly"], "list_calendars", "cannot be chosen from a list"),
    ];
    for (unticked, capability, sentence) in table {
        let (app, clinic, owner) = start().await;
        let landed = consent(&owner, &clinic, "desk@sunrise.example", unticked).await.body;
        assert!(landed.contains("with limits") && landed.contains(sentence), "{landed}");
        let card = card(&owner, CARD).await;
        assert_eq!(card["status"], "connected_limited");
        let lines = card["capabilities"].as_array().unwrap();
        let line = lines.iter().find(|line| line["capability"] == capability).unwrap();
        assert_eq!(line["answer"], "no", "{line}");
        assert!(line["note"].as_str().unwrap().contains(sentence), "{line}");
        // Signing in again with all boxes lifts the limit.
        consent(&owner, &clinic, "desk@sunrise.example", &[]).await;
        assert_eq!(state(&owner, CARD).await, "connected");
        assert_eq!(app.pairs(&clinic).await, 1);
    }
    let (app, clinic, owner) = start().await;
    let all = ["calendar.events", "calendar.freebusy", "calendarlist.readonly"];
    let back = open(&begin(&owner, &clinic).await).await.allow("desk@sunrise.example", &all).await;
    let said = refused(&app, &clinic, &owner, &back).await;
    assert!(said.contains("no box was ticked"), "{said}");
    assert_eq!(app.sandbox.google().living_tokens(), 2, "given back; the demo accounts' own are left");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_account_is_a_step_of_its_own_and_the_old_consent_is_given_back() {
    let app = TestApp::start().await;
    let (clinic, owner, first) = app.google_clinic("Sunrise Dental").await;
    let second = app.sandbox.google().add_account("private@sunrise.example");
    let before = app.active(clinic.org, CARD).await;
    let asked = consent(&owner, &clinic, "private@sunrise.example", &[]).await.body;
    assert!(asked.contains("Switch to private@sunrise.example"), "{asked}");
    assert_eq!(app.active(clinic.org, CARD).await, before);
    assert_eq!(card(&owner, CARD).await["identity"], "desk@sunrise-dental.example");
    let document = scraper::Html::parse_document(&asked);
    let draft = scraper::Selector::parse("dialog input[name=draft]").unwrap();
    let draft = document.select(&draft).next().unwrap().attr("value").unwrap().to_owned();
    let org = clinic.org.to_string();
    let form = [("org", org.as_str()), ("draft", draft.as_str()), ("intent", "switch_account")];
    let answer = owner.post("/dashboard/integrations/google_calendar/connect", &form).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    assert_eq!(card(&owner, CARD).await["identity"], "private@sunrise.example");
    assert_eq!(state(&owner, CARD).await, "connected");
    assert!(app.sandbox.google().refresh_tokens(&first).is_empty(), "the first account's consent is over");
    assert_eq!(app.sandbox.google().refresh_tokens(&second.id).len(), 1);
    // A draft is good for one use.
    let answer = owner.post("/dashboard/integrations/google_calendar/connect", &form).await;
    let said = owner.get(answer.location()).await.body;
    assert!(said.contains("kept for 15 minutes"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disconnect_gives_the_consent_back_and_offers_to_reconnect_and_nothing_to_restore() {
    let app = TestApp::start().await;
    let (clinic, owner, id) = app.google_clinic("Sunrise Dental").await;
    let org = clinic.org.to_string();
    let answer = owner.post("/dashboard/integrations/google_calendar/disconnect", &[("org", &org)]).await;
    assert!(owner.get(answer.location()).await.body.contains("Google Calendar is disconnected"));
    assert!(app.sandbox.google().refresh_tokens(&id).is_empty());
    assert_eq!(app.pairs(&clinic).await, 0);
    let page = owner.get("/dashboard/integrations").await.body;
    assert!(page.contains("Reconnect Google Calendar"), "{page}");
    assert!(!page.contains("google_calendar/restore"), "{page}");
    let restore = owner.send("POST", "/api/integrations/google_calendar/restore", None).await;
    assert_eq!((restore.status, restore.json()["code"].as_str()), (409, Some("must_reconnect")));
    consent(&owner, &clinic, "desk@sunrise-dental.example", &[]).await;
    assert_eq!(state(&owner, CARD).await, "connected");
    // Where Google cannot be told, the consent is forgotten here, and the person hears what is left to do.
    app.sandbox.faults().set(ProviderId::GoogleCalendar, Fault::ServerError);
    let answer = owner.post("/dashboard/integrations/google_calendar/disconnect", &[("org", &org)]).await;
    let page = owner.get(answer.location()).await.body;
    assert!(page.contains("Google could not be told"), "{page}");
    assert_eq!(app.pairs(&clinic).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clinic_may_bring_its_own_client_and_must_where_the_service_has_none() {
    let app = TestApp::start_set(Setting { google: None, ..Setting::default() }).await;
    let clinic = app.clinic("Sunrise Dental").await;
    let owner = app.sign_in(&clinic.email(Role::Owner)).await;
    app.sandbox.google().add_account("desk@sunrise.example");
    let path = format!("/api/integrations/{CARD}");
    let none = owner.send("POST", &path, Some(json!({}))).await;
    assert_eq!(none.status, 422, "{}", none.body);
    assert_eq!(none.json()["errors"][0]["field"], "clientId");

    let own = GoogleOAuthClient {
        id: "111111111111-own.apps.googleusercontent.com".to_owned(),
        secret: "GOCSPX-own-0123456789abcdef".to_owned(),
        redirects: Some(vec![format!("{}/api/auth/google/callback", app.url)]),
    };
    app.sandbox.google().add_client(own.clone());
    let wrong = connect(&owner, CARD, json!({ "clientId": own.id, "clientSecret": "GOCSPX-wrong" })).await;
    assert_eq!(wrong.status, 202, "{}", wrong.body);
    let url = wrong.json()["authorizationUrl"].as_str().unwrap().to_owned();
    let back = open(&url).await.allow("desk@sunrise.example", &[]).await;
    let said = refused(&app, &clinic, &owner, &back).await;
    assert!(said.contains("does not know the OAuth client"), "{said}");

    let right = connect(&owner, CARD, json!({ "clientId": own.id, "clientSecret": own.secret })).await;
    let url = right.json()["authorizationUrl"].as_str().unwrap().to_owned();
    assert!(url.contains("111111111111-own"), "{url}");
    let back = open(&url).await.allow("desk@sunrise.example", &[]).await;
    owner.get(&back).await;
    assert_eq!(state(&owner, CARD).await, "connected");
    assert!(!app.dump(clinic.org).await.contains(&own.secret), "the own secret is sealed");
    // It is refreshed with the same client.
    app.clock.advance(time::Duration::hours(1));
    let verified = owner.send("POST", "/api/integrations/google_calendar/verify", None).await;
    assert_eq!(verified.json()["verified"], true, "{}", verified.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_is_told_where_a_person_can_consent() {
    let (app, clinic, owner) = start().await;
    let made = owner.send("POST", "/api/api-keys", Some(json!({ "name": "Program", "role": "admin" }))).await;
    let key = made.json()["key"].as_str().unwrap_or_else(|| panic!("{}", made.body)).to_owned();
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let answer = app.browser().raw("POST", "/api/integrations/google_calendar", &headers, Some("{}")).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    let url = answer.json()["authorizationUrl"].as_str().unwrap().to_owned();
    assert_eq!(url, format!("{}/dashboard/integrations?panel=google_calendar", app.url));
    assert_eq!(app.count("select count(*) from oauth_attempts where org_id = $1", clinic.org).await, 0);
}
