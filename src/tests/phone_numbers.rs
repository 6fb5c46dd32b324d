//! Phone numbers that two clinics bring: the first claim wins, and the other one is told.

use serde_json::{Value, json};
use voxanne::domain::Role;
use voxanne::integrations::ensure::ensure_assistants;

use super::support::app::{Browser, Clinic, TestApp};
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
