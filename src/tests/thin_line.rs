//! The main job in one thin line: a clinic connects its own accounts, a signed call is answered with
//! them, and the other clinic sees none of it.

use serde_json::json;
use voxanne::domain::{ProviderId, Role};
use voxanne::sandbox::{CallScript, ToolUse};

use super::support::app::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn a_clinic_connects_its_own_accounts_and_a_signed_call_is_answered_with_them() {
    let app = TestApp::start().await;
    let (sunrise, owner) = app.connected_clinic("Sunrise Dental").await;
    let harbor = app.clinic("Harbor Clinic").await;

    let assistants = app.assistants(&sunrise);
    assert_eq!(assistants.iter().map(|(role, _)| role.as_str()).collect::<Vec<_>>(), ["inbound", "outbound"]);

    let script = CallScript {
        tools: vec![ToolUse {
            name: "send_sms".to_owned(),
            arguments: json!({ "message": "Monday at nine." }),
        }],
        ..CallScript::default()
    };
    let transcript = app.sandbox.place_call(assistants[0].1, &script).await.unwrap();
    assert!(transcript.steps.iter().all(|step| step.status == Some(200)), "{transcript:?}");

    let log = app.sandbox.phone_log();
    assert_eq!(log.len(), 1);
    assert_eq!(
        (log[0].from.as_deref(), log[0].body.as_str()),
        (Some(sunrise.twilio.numbers[0].number.as_str()), "Monday at nine.")
    );

    let events = owner.send("GET", "/api/events", None).await.json();
    let kinds: Vec<&str> =
        events["events"].as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert!(kinds.contains(&"end-of-call-report") && kinds.contains(&"tool-calls"), "{kinds:?}");

    let other = app.sign_in(&harbor.email(Role::Owner)).await;
    assert_eq!(other.send("GET", "/api/events", None).await.json(), json!({ "events": [] }));
    let status = other.send("GET", "/api/integrations/status", None).await.json();
    assert!(
        status["integrations"].as_array().unwrap().iter().all(|one| one["connected"] == false),
        "{status}"
    );
    let page = other.get("/dashboard/events").await.body + &other.get("/dashboard/integrations").await.body;
    assert!(!page.contains(&sunrise.twilio.numbers[0].number) && !page.contains("<code>end-of-call-report"));
    let seen = app.sandbox.requests(ProviderId::Twilio);
    assert!(seen.iter().all(|request| request.account.as_deref() == Some("Sunrise Dental")), "{seen:?}");
}
