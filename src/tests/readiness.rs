//! The one sentence of the overview, as a clinic is set up step by step.

use voxanne::domain::Role;

use super::support::app::{Browser, TestApp};
use super::support::consent::consent;

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
    assert!(
        no_number.starts_with("Calls are not ready yet: There is no phone number at Vapi"),
        "{no_number}"
    );

    // A number is not enough: Vapi has to have our assistant answer it.
    let id = app.sandbox.vapi().add_phone_number(&clinic.vapi.private_key, "+15550100777").unwrap();
    assert_eq!(owner.send("POST", "/api/integrations/vapi", Some(clinic.vapi_body())).await.status, 200);
    let unbound = sentence(&owner).await;
    assert!(unbound.starts_with("Calls are not ready yet: No phone number at Vapi is answered"), "{unbound}");
    let mend = owner.get("/dashboard").await.body;
    assert!(mend.contains("href=\"/dashboard/phone\""), "{mend}");
    let bound = owner
        .send(
            "PUT",
            &format!("/api/phone-numbers/{id}/agent"),
            Some(serde_json::json!({ "role": "inbound" })),
        )
        .await;
    assert_eq!(bound.status, 200, "{}", bound.body);
    let answered = sentence(&owner).await;
    assert!(
        answered.starts_with("Calls are answered; bookings do not work: Google Calendar is not connected"),
        "{answered}"
    );

    assert_eq!(owner.send("POST", "/api/integrations/twilio/pause", None).await.status, 204);
    assert!(sentence(&owner).await.ends_with("text messages are not sent: Twilio is paused."));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_free_times_no_booking_works() {
    for (unticked, told) in [
        (
            &["calendar.freebusy"][..],
            "bookings do not work: Google Calendar does not let this account show its free times",
        ),
        (
            &["calendar.events"][..],
            "bookings do not work: Google Calendar does not let this account book appointments",
        ),
        (&[][..], "; bookings work;"),
    ] {
        // Google adds a consent to those before, so each begins with nothing.
        let app = TestApp::start().await;
        let clinic = app.clinic("Sunrise Dental").await;
        let owner = app.sign_in(&clinic.email(Role::Owner)).await;
        app.sandbox.google().add_account("desk@sunrise.example");
        consent(&owner, &clinic, "desk@sunrise.example", unticked).await;
        let found = sentence(&owner).await;
        assert!(found.contains(told), "{unticked:?}: {found}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assistant_that_was_changed_at_vapi_is_one_that_may_not_answer() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    for (found, words) in [("changed", "was changed at Vapi"), ("gone", "was deleted at Vapi")] {
        let seen = match found {
            "changed" => {
                "update agent_configs set vapi_found = 'changed' where org_id = $1 and role = 'inbound'"
            }
            _ => "update agent_configs set vapi_found = 'gone' where org_id = $1 and role = 'inbound'",
        };
        assert_eq!(app.meddle(seen, clinic.org).await, 1);
        let told = sentence(&owner).await;
        assert!(told.starts_with("Calls may not be answered: ") && told.contains(words), "{told}");
    }
}
