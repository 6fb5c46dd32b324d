//! Incidents: one for a cause, however many calls meet it, over when the account works again.

use serde_json::json;
use voxanne::domain::ProviderId;
use voxanne::sandbox::Fault;
use voxanne::webhooks::signature::{HmacPlan, Scheme};

use super::support::app::{Browser, Clinic, TestApp};
use super::support::state::connect;
use super::support::wire::Wire;

const OPEN: &str = "select count(*) from incidents where org_id = $1 and closed_at is null";
const ALL: &str = "select count(*) from incidents where org_id = $1";

async fn clinic(app: &TestApp, name: &str) -> (Clinic, Browser, Wire) {
    let (clinic, owner) = app.connected_clinic(name).await;
    let (_, assistant) = app.assistants(&clinic)[0];
    let wire = Wire::tap(app, clinic.org, assistant, Scheme::Hmac(HmacPlan::ours())).await;
    (clinic, owner, wire)
}

async fn ask(wire: &Wire, tool: &str) -> String {
    let answer = wire.send(&wire.send_sms("call", tool, "See you.")).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["results"][0]["result"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_disconnected_in_mid_call_is_one_incident_and_over_when_it_works() {
    let app = TestApp::start().await;
    let (clinic, owner, wire) = clinic(&app, "Sunrise Dental").await;
    let (neighbour, _, _) = self::clinic(&app, "Harbor Clinic").await;
    assert_eq!(ask(&wire, "a").await, "The text message is on its way.");
    assert_eq!(app.count(ALL, clinic.org).await, 0);
    assert_eq!(owner.send("DELETE", "/api/integrations/twilio", None).await.status, 204);
    for tool in ["b", "c", "d"] {
        assert!(ask(&wire, tool).await.starts_with("I can not send text messages"));
    }
    assert_eq!((app.count(OPEN, clinic.org).await, app.count(ALL, clinic.org).await), (1, 1));
    let counted: (String, String, i64) =
        sqlx::query_as("select kind, target, count from incidents where org_id = $1")
            .bind(clinic.org.0)
            .fetch_one(&app.db.superuser)
            .await
            .unwrap();
    assert_eq!(counted, ("not_connected".to_owned(), "twilio".to_owned(), 3));

    assert_eq!(connect(&owner, "twilio", clinic.twilio_body()).await.status, 200);
    assert_eq!(ask(&wire, "e").await, "The text message is on its way.");
    assert_eq!((app.count(OPEN, clinic.org).await, app.count(ALL, clinic.org).await), (0, 1));
    assert_eq!(app.count(ALL, neighbour.org).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_causes_are_two_incidents_and_a_wrong_number_is_none() {
    let app = TestApp::start().await;
    let (clinic, owner, wire) = clinic(&app, "Sunrise Dental").await;
    let one = json!({ "id": "wrong", "type": "function",
        "function": { "name": "send_sms", "arguments": { "to": "+15005550001", "message": "Hi" } } });
    let answer = wire.send(&wire.message("tool-calls", "call", &json!({ "toolCallList": [one] }))).await;
    assert_eq!(answer.status, 200);
    assert_eq!(app.count(ALL, clinic.org).await, 0, "the number was the reason, not the account");

    app.sandbox.faults().set(ProviderId::Twilio, Fault::ServerError);
    ask(&wire, "a").await;
    app.sandbox.faults().set(ProviderId::Twilio, Fault::None);
    assert_eq!(app.count(OPEN, clinic.org).await, 1);
    assert_eq!(
        app.meddle(
            "update org_integrations set is_paused = true where org_id = $1 and provider = 'twilio'",
            clinic.org
        )
        .await,
        1
    );
    app.services.evict(clinic.org);
    ask(&wire, "b").await;
    assert_eq!(app.count(OPEN, clinic.org).await, 2, "unreachable, and paused");
    // A test that fails is told to whoever tests, and is no incident.
    let test = owner.send("POST", "/api/sms/test", Some(json!({ "to": "+15550100123" }))).await;
    assert_eq!(test.status, 409, "{}", test.body);
    assert_eq!(app.count(OPEN, clinic.org).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_calls_at_once_open_one_incident() {
    let app = TestApp::start().await;
    let (clinic, owner, wire) = clinic(&app, "Sunrise Dental").await;
    assert_eq!(owner.send("DELETE", "/api/integrations/twilio", None).await.status, 204);
    let mut running = tokio::task::JoinSet::new();
    for at in 0..12 {
        let wire = wire.clone();
        running.spawn(async move { ask(&wire, &format!("t{at}")).await });
    }
    assert!(running.join_all().await.iter().all(|said| said.starts_with("I can not")));
    assert_eq!(app.count(ALL, clinic.org).await, 1);
    assert_eq!(app.count("select count::bigint from incidents where org_id = $1", clinic.org).await, 12);
}
