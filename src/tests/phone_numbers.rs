//! Phone numbers that two clinics bring: the first claim wins, and the other one is told.

use serde_json::{Value, json};
use voxanne::domain::Role;
use voxanne::integrations::ensure::ensure_assistants;

use super::support::app::{Browser, Clinic, TestApp};
use super::support::process::run;
use super::support::state::{card, connect};

async fn with_key(app: &TestApp, name: &str, key: &str) -> (Clinic, Browser) {
    let clinic = app.clinic(name).await;
    let owner = app.sign_in(&clinic.email(Role::Owner)).await;
    let answer = connect(&owner, "vapi", json!({ "apiKey": key })).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    (clinic, owner)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_another_clinic_has_is_told_on_the_card_without_its_name() {
    let app = TestApp::start().await;
    let shared = app.sandbox.vapi().add_account("Group");
    let number = "+15557654321";
    app.sandbox.vapi().add_phone_number(&shared.private_key, number).unwrap();
    let (_, first) = with_key(&app, "First Practice", &shared.private_key).await;
    let (second, owner) = with_key(&app, "Second Practice", &shared.private_key).await;

    let told = card(&owner, "vapi").await;
    let notice = told["notice"].as_str().unwrap().to_owned();
    assert!(notice.contains(number) && notice.contains("already in use by another clinic"), "{notice}");
    assert_eq!(told["status"], "connected", "the key itself works");
    for page in ["/dashboard/integrations", "/dashboard"] {
        let body = owner.get(page).await.body;
        assert!(body.contains(&format!("The phone number {number} is already in use")), "{page}: {body}");
        assert!(!body.contains("First Practice"));
    }
    assert_eq!(card(&first, "vapi").await["notice"], Value::Null);
    assert!(!first.get("/dashboard/integrations").await.body.contains("already in use"));

    // A number that nobody has is claimed, and not told.
    app.sandbox.vapi().add_phone_number(&shared.private_key, "+15557654322").unwrap();
    ensure_assistants(&app.services, second.org).await.unwrap();
    let notice = card(&owner, "vapi").await["notice"].as_str().unwrap().to_owned();
    assert!(notice.starts_with("The phone number +15557654321 is "), "a free number is claimed: {notice}");

    // Once the first clinic lets go, the sentence goes as well.
    assert_eq!(first.send("DELETE", "/api/integrations/vapi", None).await.status, 204);
    ensure_assistants(&app.services, second.org).await.unwrap();
    assert_eq!(card(&owner, "vapi").await["notice"], Value::Null);
    let own = "select count(*) from phone_number_org_mapping where org_id = $1";
    assert_eq!(app.count(own, second.org).await, 2);
}

const OWN: &str = "select count(*) from phone_number_org_mapping where org_id = $1";

#[tokio::test(flavor = "multi_thread")]
async fn a_number_moves_when_the_clinic_that_had_it_can_no_longer_read_it_and_both_trails_say_so() {
    let app = TestApp::start().await;
    let shared = app.sandbox.vapi().add_account("Group");
    app.sandbox.vapi().add_phone_number(&shared.private_key, "+15557654321").unwrap();
    let (first, first_owner) = with_key(&app, "First Practice", &shared.private_key).await;
    let (second, owner) = with_key(&app, "Second Practice", &shared.private_key).await;
    ensure_assistants(&app.services, second.org).await.unwrap();
    assert_eq!((app.count(OWN, first.org).await, app.count(OWN, second.org).await), (1, 0));
    assert_eq!(app.recorded(first.org, "claim.released", "success").await, 0);

    // The first one goes on with an account of its own, in which the number is not.
    let own = connect(&first_owner, "vapi", first.vapi_body()).await;
    assert_eq!(own.status, 200, "{}", own.body);
    ensure_assistants(&app.services, second.org).await.unwrap();
    assert_eq!((app.count(OWN, first.org).await, app.count(OWN, second.org).await), (0, 1));
    assert_eq!(card(&owner, "vapi").await["notice"], Value::Null);
    assert_eq!(app.recorded(first.org, "claim.released", "success").await, 1);
    assert_eq!(app.recorded(second.org, "claim.moved", "success").await, 1);
    let told = format!("{:?}{:?}", app.trail(first.org).await, app.trail(second.org).await);
    for (own, other) in [(&first, "Second Practice"), (&second, "First Practice")] {
        let trail = format!("{:?}", app.trail(own.org).await);
        assert!(!trail.contains(other), "{trail}");
    }
    assert!(!told.contains(&first.org.to_string()) && !told.contains(&second.org.to_string()), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assistant_moves_to_whose_key_reads_it_and_an_operator_can_end_a_claim() {
    let app = TestApp::start().await;
    let (clinic, _) = app.connected_clinic("Sunrise Dental").await;
    let (other, _) = app.connected_clinic("Harbor Clinic").await;
    let (_, assistant) = app.assistants(&clinic)[0];
    let take = "update assistant_org_mapping set org_id = $1 where vapi_assistant_id = $2";
    sqlx::query(take).bind(other.org.0).bind(assistant).execute(&app.db.superuser).await.unwrap();
    ensure_assistants(&app.services, clinic.org).await.unwrap();
    let mapped = "select count(*) from assistant_org_mapping where org_id = $1";
    assert_eq!((app.count(mapped, clinic.org).await, app.count(mapped, other.org).await), (2, 2));
    assert_eq!(app.recorded(other.org, "claim.released", "success").await, 1);

    let url = app.db.url("voxanne_app");
    let environment = [("DATABASE_URL", url.as_str()), ("ENCRYPTION_KEY", app.key.as_str())];
    let id = assistant.to_string();
    let ended = run(&["org", "release", "--vapi-id", &id], &environment, "");
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(app.count(mapped, clinic.org).await, 1);
    assert_eq!(app.recorded(clinic.org, "claim.released", "success").await, 1);
    let again = run(&["org", "release", "--vapi-id", &id], &environment, "");
    assert!(again.code == Some(1) && again.err.contains("no clinic has"), "{again:?}");
}
