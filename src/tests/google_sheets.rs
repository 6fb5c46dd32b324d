//! Google Sheets: a card of its own on the consent that Google's cards share, and rows in the clinic's
//! own spreadsheet.

use std::time::Duration;

use serde_json::json;
use voxanne::domain::ProviderId;
use voxanne::integrations::sheets::{RowError, append_row};
use voxanne::providers::Deadline;
use voxanne::providers::google::sheets::Appended;
use voxanne::sandbox::Fault;

use super::deliveries::{send_due, tell};
use super::support::app::{Browser, Clinic, TestApp};
use super::support::consent::{begin_at, consent, consent_at, open};
use super::support::state::{card, connect, state};

const CALENDAR: &str = "google_calendar";
const SHEETS: &str = "google_sheets";
const DESK: &str = "desk@sunrise-dental.example";

/// A clinic whose calendar and spreadsheets are connected with one account: its id at Google and that
/// of its spreadsheet.
async fn start() -> (TestApp, Clinic, Browser, String, String) {
    let app = TestApp::start().await;
    let (clinic, owner, id) = app.google_clinic("Sunrise Dental").await;
    let page = consent_at(&owner, &clinic, SHEETS, DESK, &[]).await.body;
    assert!(
        page.contains("Google Sheets is connected as") && page.contains("Choose the spreadsheet"),
        "{page}"
    );
    let spreadsheet = app.sandbox.google().account(&id).unwrap().spreadsheets[0].id.clone();
    (app, clinic, owner, id, spreadsheet)
}

async fn choose(owner: &Browser, spreadsheet: &str, sheet: &str) -> super::support::app::Answer {
    connect(owner, SHEETS, json!({ "spreadsheetId": spreadsheet, "sheetName": sheet })).await
}

async fn append(app: &TestApp, clinic: &Clinic, cells: &[&str]) -> Result<Appended, RowError> {
    let cells: Vec<String> = cells.iter().map(|cell| (*cell).to_owned()).collect();
    append_row(&app.services, clinic.org, &cells, Deadline::after(Duration::from_secs(5))).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spreadsheet_is_connected_beside_the_calendar_and_both_live_on_one_consent() {
    let (app, clinic, owner, id, spreadsheet) = start().await;
    assert_eq!(app.pairs(&clinic).await, 1, "one pair for both");
    assert_eq!(state(&owner, SHEETS).await, "connected_limited", "nothing is chosen yet");
    let address = format!("https://docs.google.com/spreadsheets/d/{spreadsheet}/edit#gid=0");
    assert_eq!(choose(&owner, &address, "Dr. Nord's").await.status, 200);
    assert_eq!(state(&owner, SHEETS).await, "connected");
    let shown = card(&owner, SHEETS).await;
    assert!(shown["capabilities"].to_string().contains("Front desk"), "{shown}");

    // What somebody said on a call stays text, whatever it looks like.
    let cells = ["=HYPERLINK(\"https://evil.example\")", "+15550100199", "@import", "Alex Example"];
    let done = append(&app, &clinic, &cells).await.unwrap();
    assert_eq!(done.range, "'Dr. Nord's'!A1");
    assert_eq!(app.sandbox.google().rows(&id, &spreadsheet, "Dr. Nord's"), [cells]);
    let asked = app.sandbox.requests(ProviderId::GoogleSheets);
    assert!(asked.last().unwrap().path.contains("valueInputOption=RAW"));

    // An hour later the one refresh token still covers both: the second consent gave a new one.
    app.sandbox.google().end_access_tokens();
    app.clock.advance(time::Duration::hours(1));
    append(&app, &clinic, &["later"]).await.unwrap();
    assert_eq!(state(&owner, CALENDAR).await, "connected");
    for word in [CALENDAR, SHEETS] {
        let path = format!("/api/integrations/{word}/verify");
        assert_eq!(owner.send("POST", &path, None).await.json()["verified"], true, "{word}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unticked_box_refuses_the_spreadsheets_and_leaves_the_calendar_as_it_is() {
    let app = TestApp::start().await;
    let (clinic, owner, id) = app.google_clinic("Sunrise Dental").await;
    let page = open(&begin_at(&owner, &clinic, SHEETS).await).await;
    assert_eq!(page.boxes(), ["https://www.googleapis.com/auth/spreadsheets"], "nothing else is asked for");
    assert!(page.asked("prompt").contains("consent"), "a new permission needs a new refresh token");
    let back = page.allow(DESK, &["spreadsheets"]).await;
    let said = owner.get(owner.get(&back).await.location()).await.body;
    assert!(said.contains("its box was not ticked"), "{said}");
    assert!(said.contains("No row can be added to your spreadsheet."), "{said}");
    assert_eq!(app.active(clinic.org, SHEETS).await, None);
    assert!(!app.sandbox.google().refresh_tokens(&id).is_empty(), "the calendar's consent stands");
    let verified = owner.send("POST", "/api/integrations/google_calendar/verify", None).await;
    assert_eq!(verified.json()["verified"], true, "{}", verified.body);
    // The next consent for the calendar does not ask again for what it has.
    let again = open(&begin_at(&owner, &clinic, CALENDAR).await).await;
    assert!(!again.asked("prompt").contains("consent"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spreadsheet_that_does_not_open_is_refused_at_its_field() {
    let (app, clinic, owner, id, spreadsheet) = start().await;
    let other = app.sandbox.google().add_account("other@else.example");
    let foreign = other.spreadsheets[0].id.clone();
    for (chosen, sheet, sentence) in [
        ("my leads", "", "/spreadsheets/d/"),
        ("1NoSuchSpreadsheet-0000000000000", "", "has no such spreadsheet"),
        (foreign.as_str(), "", "does not allow this account"),
        (spreadsheet.as_str(), "Prices", "has no sheet"),
    ] {
        let answer = choose(&owner, chosen, sheet).await;
        assert_eq!(answer.status, 422, "{chosen}: {}", answer.body);
        assert!(answer.body.contains(sentence), "{chosen}: {}", answer.body);
    }
    assert_eq!(state(&owner, SHEETS).await, "connected_limited", "what was there is there");
    // The form meets the same end, without scripts.
    let org = clinic.org.to_string();
    let form = [("org", org.as_str()), ("spreadsheetId", foreign.as_str()), ("intent", "test_and_save")];
    let answer = owner.post("/dashboard/integrations/google_sheets/connect", &form).await;
    let page = owner.get(answer.location()).await.body;
    assert!(page.contains("does not allow this account"), "{page}");
    assert!(!page.contains("List calendars"), "Google tells no list with this permission");
    let form = [("org", org.as_str()), ("spreadsheetId", spreadsheet.as_str()), ("intent", "test_and_save")];
    let answer = owner.post("/dashboard/integrations/google_sheets/connect", &form).await;
    assert!(owner.get(answer.location()).await.body.contains("Google Sheets is connected"));
    append(&app, &clinic, &["first sheet"]).await.unwrap();
    assert_eq!(app.sandbox.google().rows(&id, &spreadsheet, "Leads"), [["first sheet"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_says_how_it_ended_and_whether_it_may_be_sent_again() {
    let (app, clinic, owner, id, spreadsheet) = start().await;
    let rows = || app.sandbox.google().rows(&id, &spreadsheet, "Leads").len();
    let waits = append(&app, &clinic, &["early"]).await;
    assert!(
        matches!(&waits, Err(RowError::Refused(why)) if why.sentence.contains("no spreadsheet is chosen"))
    );
    assert_eq!(choose(&owner, &spreadsheet, "Leads").await.status, 200);
    append(&app, &clinic, &["one"]).await.unwrap();
    let faults = app.sandbox.faults();
    let mut sentences = Vec::new();
    for (fault, is_there) in [(Fault::Throttled, 0), (Fault::LostAnswer, 1), (Fault::ServerError, 0)] {
        let before = rows();
        faults.set(ProviderId::GoogleSheets, fault);
        let error = append(&app, &clinic, &["two"]).await.unwrap_err();
        faults.set(ProviderId::GoogleSheets, Fault::None);
        let is_open = matches!(error, RowError::Unknown(_));
        assert_eq!(is_open, fault != Fault::Throttled, "{fault:?}: {error:?}");
        assert_eq!(rows() - before, is_there, "{fault:?}");
        sentences.push(error.explanation().sentence.clone());
    }
    sentences.dedup();
    assert_eq!(sentences.len(), 3, "{sentences:?}");
    let long = "x".repeat(50_001);
    let refused = append(&app, &clinic, &[&long]).await;
    assert!(matches!(&refused, Err(RowError::Refused(why)) if why.sentence.contains("50000")), "{refused:?}");
    // Only to be read, since somebody has changed the sharing.
    app.sandbox.google().change(&id, |account| account.spreadsheets[0].is_writable = false);
    let refused = append(&app, &clinic, &["three"]).await;
    assert!(
        matches!(&refused, Err(RowError::Refused(why)) if why.fix.contains("Share the spreadsheet")),
        "{refused:?}"
    );
    assert_eq!(owner.send("POST", "/api/integrations/google_sheets/pause", None).await.status, 204);
    let cells = ["four".to_owned()];
    let paused = append_row(&app.services, clinic.org, &cells, Deadline::after(Duration::from_secs(5))).await;
    assert!(paused.is_err(), "a paused card is not used");
}

#[tokio::test(flavor = "multi_thread")]
async fn disconnecting_one_card_leaves_the_other_ones_consent_alone() {
    let (app, clinic, owner, id, spreadsheet) = start().await;
    assert_eq!(choose(&owner, &spreadsheet, "Leads").await.status, 200);
    let question = owner.get("/dashboard/integrations?panel=google_calendar&confirm=disconnect").await.body;
    assert!(question.contains("another card uses it"), "{question}");
    assert_eq!(owner.send("DELETE", "/api/integrations/google_calendar", None).await.status, 204);
    assert_eq!((app.pairs(&clinic).await, state(&owner, SHEETS).await.as_str()), (1, "connected"));
    append(&app, &clinic, &["still here"]).await.unwrap();
    assert_eq!(app.sandbox.google().rows(&id, &spreadsheet, "Leads").len(), 1);
    // The last card gives it back, also where it is removed for good.
    let purged = owner.send("POST", "/api/integrations/google_sheets/purge", None).await;
    assert_eq!(purged.status, 200, "{}", purged.body);
    assert_eq!(app.pairs(&clinic).await, 0);
    assert!(app.sandbox.google().refresh_tokens(&id).is_empty(), "given back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_of_accounts_moves_both_cards_and_says_so_before() {
    let (app, clinic, owner, first, _) = start().await;
    let second = app.sandbox.google().add_account("new@sunrise.example");
    let asked = consent_at(&owner, &clinic, SHEETS, "new@sunrise.example", &[]).await.body;
    assert!(asked.contains("Google Calendar uses the same permission and moves to it as well."), "{asked}");
    assert_eq!(card(&owner, CALENDAR).await["identity"], DESK);
    let document = scraper::Html::parse_document(&asked);
    let draft = scraper::Selector::parse("dialog input[name=draft]").unwrap();
    let draft = document.select(&draft).next().unwrap().attr("value").unwrap().to_owned();
    let org = clinic.org.to_string();
    let form = [("org", org.as_str()), ("draft", draft.as_str()), ("intent", "switch_account")];
    owner.post("/dashboard/integrations/google_sheets/connect", &form).await;
    assert_eq!(card(&owner, SHEETS).await["identity"], "new@sunrise.example");
    let calendar = card(&owner, CALENDAR).await;
    assert_eq!(calendar["identity"], "new@sunrise.example");
    // The new account was asked for spreadsheets only: the calendar's card tells what it may not do.
    assert_eq!(calendar["status"], "error", "{calendar}");
    assert!(app.sandbox.google().refresh_tokens(&first).is_empty(), "the first account's consent is over");
    consent(&owner, &clinic, "new@sunrise.example", &[]).await;
    assert_eq!(state(&owner, CALENDAR).await, "connected");
    assert_eq!(app.sandbox.google().refresh_tokens(&second.id).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_consent_for_one_card_ends_the_sign_out_of_the_other() {
    let (app, clinic, owner, id, spreadsheet) = start().await;
    assert_eq!(choose(&owner, &spreadsheet, "Leads").await.status, 200);
    app.sandbox.google().revoke(&id);
    app.clock.advance(time::Duration::hours(2));
    let error =
        append_row(&app.services, clinic.org, &["x".to_owned()], Deadline::after(Duration::from_secs(5)))
            .await;
    assert!(error.is_err(), "{error:?}");
    for word in [CALENDAR, SHEETS] {
        assert_eq!(state(&owner, word).await, "error", "{word}");
    }
    // What was taken back was taken back whole, so all of it is asked for again, once.
    consent_at(&owner, &clinic, SHEETS, DESK, &[]).await;
    for word in [CALENDAR, SHEETS] {
        assert_eq!(state(&owner, word).await, "connected", "{word}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_clinics_write_into_their_own_spreadsheets() {
    let (app, clinic, owner, id, spreadsheet) = start().await;
    assert_eq!(choose(&owner, &spreadsheet, "Leads").await.status, 200);
    let (other, other_owner, other_id) = app.google_clinic("Harbor Clinic").await;
    let cells = ["x".to_owned()];
    let none = append_row(&app.services, other.org, &cells, Deadline::after(Duration::from_secs(5))).await;
    assert!(none.is_err(), "the calendar's consent is no spreadsheet");
    consent_at(&other_owner, &other, SHEETS, "desk@harbor-clinic.example", &[]).await;
    let answer = choose(&other_owner, &spreadsheet, "Leads").await;
    assert_eq!(answer.status, 422, "another clinic's spreadsheet: {}", answer.body);
    let own = app.sandbox.google().account(&other_id).unwrap().spreadsheets[0].id.clone();
    assert_eq!(choose(&other_owner, &own, "Leads").await.status, 200);
    append(&app, &other, &["harbor"]).await.unwrap();
    append(&app, &clinic, &["sunrise"]).await.unwrap();
    assert_eq!(app.sandbox.google().rows(&id, &spreadsheet, "Leads"), [["sunrise"]]);
    assert_eq!(app.sandbox.google().rows(&other_id, &own, "Leads"), [["harbor"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_becomes_a_row_where_the_endpoint_is_the_spreadsheet() {
    let (app, clinic, owner, id, spreadsheet) = start().await;
    let address = format!("https://docs.google.com/spreadsheets/d/{spreadsheet}/edit");
    assert_eq!(choose(&owner, &address, "Dr. Nord's").await.status, 200);
    let body =
        json!({ "workflowName": "leads-sheet", "destination": "google_sheets", "events": ["lead.hot"] });
    let made = owner.send("POST", "/api/endpoints", Some(body)).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let event = tell(&app, clinic.org, "lead.hot", json!({ "name": "=Sam" })).await;
    send_due(&app).await;
    let rows = app.sandbox.google().rows(&id, &spreadsheet, "Dr. Nord's");
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0][1..], ["lead.hot".to_owned(), r#"{"name":"=Sam"}"#.to_owned(), event.to_string()]);

    // The answer is lost: the row may be there, so a person decides.
    app.sandbox.faults().set(ProviderId::GoogleSheets, Fault::LostAnswer);
    tell(&app, clinic.org, "lead.hot", json!({ "name": "Kim" })).await;
    send_due(&app).await;
    app.sandbox.faults().set(ProviderId::GoogleSheets, Fault::None);
    let dead = owner.send("GET", "/api/deliveries?status=dead", None).await.json();
    let dead = dead["deliveries"].as_array().unwrap();
    assert_eq!(dead.len(), 1, "{dead:?}");
    assert!(dead[0]["lastError"].as_str().unwrap().contains("may be there"), "{dead:?}");
    send_due(&app).await;
    assert_eq!(app.sandbox.google().rows(&id, &spreadsheet, "Dr. Nord's").len(), 2, "not written twice");
}

/// Every failure of Google's, and what becomes of the card whose stored consent is looked at meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn no_failure_of_google_changes_a_good_consent_of_either_card() {
    let (app, clinic, owner, id, spreadsheet) = start().await;
    assert_eq!(choose(&owner, &spreadsheet, "Dr. Nord's").await.status, 200);
    let outage = ("undetermined", "cannot_check");
    let refusal = ("refused", "error");
    let failures = [
        (Fault::Unauthorized, refusal),
        (Fault::Forbidden, refusal),
        (Fault::Suspended, refusal),
        (Fault::Expired, refusal),
        (Fault::Revoked, refusal),
        (Fault::Throttled, outage),
        (Fault::ServerError, outage),
        (Fault::Reset, outage),
        (Fault::LostAnswer, outage),
        (Fault::Html, outage),
        (Fault::HtmlForbidden, outage),
        (Fault::InvalidJson, outage),
        (Fault::ErrorInside, outage),
    ];
    for (word, provider) in [(CALENDAR, ProviderId::GoogleCalendar), (SHEETS, ProviderId::GoogleSheets)] {
        let verify =
            async || owner.send("POST", &format!("/api/integrations/{word}/verify"), None).await.json();
        let good = app.active(clinic.org, word).await;
        for (fault, (outcome, shown)) in failures {
            app.sandbox.faults().set(provider, fault);
            let found = verify().await;
            assert_eq!(found["outcome"], outcome, "{word} {fault:?}: {found}");
            assert_eq!(state(&owner, word).await, shown, "{word} {fault:?}");
            assert_eq!(app.active(clinic.org, word).await, good, "{word} {fault:?}");
            app.sandbox.faults().set(provider, Fault::None);
            let found = verify().await;
            assert_eq!(found["verified"], true, "{word} after {fault:?}: {found}");
        }
        assert_eq!(app.pairs(&clinic).await, 1, "{word}");
        assert!(!app.sandbox.google().refresh_tokens(&id).is_empty(), "{word}: the consent is alive");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_meant_to_type_is_no_part_of_a_client_or_an_address() {
    let (app, clinic, owner, _, spreadsheet) = start().await;
    let address = format!("  \"https://docs.google.com/spreadsheets/d/{spreadsheet}/edit#gid=0\"\r\n");
    assert_eq!(choose(&owner, &address, "Dr. Nord's").await.status, 200);
    assert_eq!(state(&owner, SHEETS).await, "connected");
    assert_eq!(choose(&owner, &format!("\u{feff}{spreadsheet}\u{200b} "), "Dr. Nord's").await.status, 200);
    // A client of the clinic's own, pasted with quotation marks and line breaks.
    let org = clinic.org.to_string();
    let form = [
        ("org", org.as_str()),
        ("intent", "sign_in"),
        ("clientId", " \"123-own.apps.googleusercontent.com\"\n"),
        ("clientSecret", "\tGOCSPX-0123456789abcdef \r\n"),
    ];
    let answer = owner.post(&format!("/dashboard/integrations/{CALENDAR}/connect"), &form).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let url = url::Url::parse(answer.location()).unwrap();
    let client = url.query_pairs().find(|(name, _)| name == "client_id").unwrap().1.into_owned();
    assert_eq!(client, "123-own.apps.googleusercontent.com");
    assert_eq!(app.pairs(&clinic).await, 1, "nothing changed so far");
}
