//! The one sentence of the overview, as a clinic is set up step by step.

use voxanne::domain::Role;

use super::support::app::{Browser, TestApp};

async fn sentence(browser: &Browser) -> String {
    let page = browser.get("/dashboard").await.body;
    let start = page.find("readiness-sentence").unwrap_or_else(|| panic!("no sentence: {page}"));
    let text = page[start..].split_once('>').unwrap().1;
    text.split('<').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sentence_follows_a_call_and_names_what_is_missing() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let owner = app.sign_in(&clinic.email(Role::Owner)).await;
    let nothing = sentence(&owner).await;
    for part in [
        "Calls are not answered: Vapi is not connected",
        "text messages are not sent: Twilio is not connected",
    ] {
        assert!(nothing.contains(part), "{nothing}");
    }
    assert_eq!(owner.send("POST", "/api/integrations/twilio", Some(clinic.twilio_body())).await.status, 200);
    assert!(sentence(&owner).await.ends_with("; text messages are sent."));
    assert_eq!(owner.send("POST", "/api/integrations/vapi", Some(clinic.vapi_body())).await.status, 200);
    let no_number = sentence(&owner).await;
    assert!(no_number.starts_with("Calls are not ready yet: No phone number at Vapi"), "{no_number}");

    app.sandbox.vapi().add_phone_number(&clinic.vapi.private_key, "+15550100777").unwrap();
    assert_eq!(owner.send("POST", "/api/integrations/vapi", Some(clinic.vapi_body())).await.status, 200);
    let answered = sentence(&owner).await;
    assert!(
        answered.starts_with("Calls are answered; bookings do not work: Google Calendar is not connected"),
        "{answered}"
    );

    assert_eq!(owner.send("POST", "/api/integrations/twilio/pause", None).await.status, 204);
    assert!(sentence(&owner).await.ends_with("text messages are not sent: Twilio is paused."));
}
