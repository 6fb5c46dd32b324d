//! Numbers and calls that a clinic places: with its own accounts, once, and never to who said STOP.

use serde_json::{Value, json};
use uuid::Uuid;
use voxanne::domain::{ProviderId, Role};
use voxanne::sandbox::Fault;

use super::support::app::{Answer, Browser, Clinic, TestApp};
use super::twilio_webhooks::PATIENT;

/// A clinic with a number at Vapi, read by it.
struct House {
    app: TestApp,
    clinic: Clinic,
    owner: Browser,
    number: String,
}

async fn house() -> House {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let id = app.sandbox.vapi().add_phone_number(&clinic.vapi.private_key, "+15550107777").unwrap();
    let read = owner.send("POST", "/api/phone-numbers/refresh", Some(json!({}))).await;
    assert_eq!(read.status, 200, "{}", read.body);
    assert_eq!(read.json()["phoneNumbers"][0]["number"], "+15550107777");
    House { app, clinic, owner, number: id.to_string() }
}

impl House {
    async fn call(&self, extra: Value) -> Answer {
        let mut body = json!({ "number": PATIENT, "phoneNumberId": self.number, "name": "Ann CANARY" });
        for (key, value) in extra.as_object().unwrap() {
            body[key] = value.clone();
        }
        self.owner.send("POST", "/api/calls/outbound", Some(body)).await
    }

    fn placed(&self) -> usize {
        self.app.sandbox.vapi().calls(&self.clinic.vapi.private_key).len()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_placed_with_the_clinics_own_account_agent_and_number() {
    let house = house().await;
    let House { app, clinic, owner, number } = &house;
    let (other, stranger) = app.connected_clinic("Harbor Clinic").await;
    let answer = house.call(json!({ "variables": { "appointment": "Monday at nine" } })).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let told = answer.json();
    assert_eq!(
        (&told["status"], &told["to"], &told["from"]),
        (&json!("placed"), &json!("+15***99"), &json!("+15550107777"))
    );
    let calls = app.sandbox.vapi().calls(&clinic.vapi.private_key);
    assert_eq!(calls.len(), 1);
    assert_eq!((&calls[0]["id"], &calls[0]["customer"]["number"]), (&told["callId"], &json!(PATIENT)));
    assert_eq!(calls[0]["assistantId"], app.assistants(clinic)[1].1.to_string(), "the outbound agent");
    assert_eq!(calls[0]["phoneNumberId"], *number);
    assert_eq!(calls[0]["customer"]["externalId"], told["id"]);
    assert_eq!(calls[0]["assistantOverrides"]["variableValues"]["appointment"], "Monday at nine");
    let dump = app.dump(clinic.org).await;
    assert!(!dump.contains(PATIENT) && !dump.contains("CANARY"), "sealed");
    assert_eq!(app.recorded(clinic.org, "call.placed", "success").await, 1);
    let page = owner.get("/dashboard/phone").await.body;
    assert!(page.contains("+15***99") && page.contains("+15550107777") && !page.contains(PATIENT), "{page}");

    // The number of another clinic is one that nobody has, and its calls are seen by nobody else.
    let body = json!({ "number": PATIENT, "phoneNumberId": number });
    assert_eq!(stranger.send("POST", "/api/calls/outbound", Some(body)).await.status, 404);
    let listed = stranger.send("GET", "/api/calls/outbound", None).await;
    assert_eq!(listed.json()["calls"], json!([]));
    assert!(app.sandbox.vapi().calls(&other.vapi.private_key).is_empty());
    let member = app.sign_in(&clinic.email(Role::Member)).await;
    let body = json!({ "number": PATIENT, "phoneNumberId": number });
    assert_eq!(member.send("POST", "/api/calls/outbound", Some(body)).await.status, 403);
    assert_eq!(app.recorded(clinic.org, "call.placed", "denied").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_twice_is_one_call_and_an_unknown_outcome_is_parked_and_never_repeated() {
    let house = house().await;
    let id = Uuid::now_v7();
    let first = house.call(json!({ "requestId": id })).await.json();
    let again = house.call(json!({ "requestId": id })).await.json();
    assert_eq!((&first["callId"], house.placed()), (&again["callId"], 1));

    let id = Uuid::now_v7();
    house.app.sandbox.faults().set(ProviderId::Vapi, Fault::LostAnswer);
    let lost = house.call(json!({ "requestId": id })).await;
    house.app.sandbox.faults().set(ProviderId::Vapi, Fault::None);
    assert_eq!(lost.status, 502, "{}", lost.body);
    assert!(lost.json()["detail"].as_str().unwrap().contains("may have been placed"), "{}", lost.body);
    assert_eq!(house.placed(), 2, "it was placed");
    let parked = house.call(json!({ "requestId": id })).await.json();
    assert_eq!((&parked["status"], house.placed()), (&json!("parked"), 2));

    // Killed after Vapi's 201 and before our commit: the row is still `placing`.
    let killed = "update outbound_calls set status = 'placing', error = null, created_at = now() - interval '10 minutes'
         where org_id = $1 and status = 'parked'";
    assert_eq!(house.app.meddle(killed, house.clinic.org).await, 1);
    for _ in 0..2 {
        voxanne::jobs::sweep_often(house.app.services.clone()).await.unwrap();
        voxanne::jobs::run_due_jobs(house.app.services.clone()).await.unwrap();
    }
    let parked = house.call(json!({ "requestId": id })).await.json();
    assert_eq!((&parked["status"], house.placed()), (&json!("parked"), 2));
    assert!(parked["reason"].as_str().unwrap().contains("nobody knows whether it was"), "{parked}");
    let form = house.owner.get("/dashboard/phone").await.body;
    assert!(form.contains("Unknown"), "{form}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_of_a_call_has_its_sentence_and_stop_asks_nobody() {
    let house = house().await;
    let House { app, clinic, owner, .. } = &house;
    let told = |answer: &Answer| {
        let body = answer.json();
        (
            answer.status,
            body["code"].as_str().unwrap().to_owned(),
            body["detail"].as_str().unwrap().to_owned(),
        )
    };
    for (extra, field) in [
        (json!({ "number": "555 0199" }), "number"),
        (json!({ "name": "x".repeat(41) }), "name"),
        (json!({ "variables": { "a b": "x" } }), "variables"),
    ] {
        let answer = house.call(extra).await;
        assert_eq!(
            (answer.status, &answer.json()["errors"][0]["field"]),
            (422, &json!(field)),
            "{}",
            answer.body
        );
    }
    assert_eq!(house.call(json!({ "phoneNumberId": Uuid::now_v7() })).await.status, 404);
    for (fault, words) in [
        (Fault::Unauthorized, "rejected the key"),
        (Fault::Forbidden, "does not allow it"),
        (Fault::Throttled, "slow down"),
    ] {
        app.sandbox.faults().set(ProviderId::Vapi, fault);
        let (status, _, detail) = told(&house.call(json!({})).await);
        assert_eq!(status, 502, "{detail}");
        assert!(detail.contains(words) && !detail.contains("may have been placed"), "{detail}");
    }
    app.sandbox.faults().set(ProviderId::Vapi, Fault::None);
    // Deleted at Vapi behind our back.
    app.sandbox.vapi().delete_assistant(app.assistants(clinic)[1].1);
    let (_, code, detail) = told(&house.call(json!({})).await);
    assert_eq!(code, "provider_refused");
    assert!(
        detail.contains("outbound agent any more") && detail.contains("Save the outbound agent"),
        "{detail}"
    );
    assert_eq!(house.placed(), 0);

    let set = json!({ "number": PATIENT, "optedOut": true });
    assert_eq!(owner.send("PUT", "/api/messages/opt-outs", Some(set)).await.status, 204);
    app.sandbox.forget_requests();
    let (_, code, detail) = told(&house.call(json!({})).await);
    assert_eq!(code, "recipient_opted_out");
    assert!(detail.contains("is not called"), "{detail}");
    assert!(app.sandbox.requests(ProviderId::Vapi).is_empty(), "nobody was asked");
    assert_eq!(owner.send("DELETE", "/api/integrations/vapi", None).await.status, 204);
    let without = house.call(json!({ "number": "+15550100198" })).await;
    assert!((400..500).contains(&without.status), "{}", without.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clinic_places_so_many_calls_in_a_minute_and_no_more() {
    let house = house().await;
    let limit = usize::try_from(voxanne::calls::outbound::PER_MINUTE).unwrap();
    for _ in 0..limit {
        assert_eq!(house.call(json!({})).await.status, 201);
    }
    let answer = house.call(json!({})).await;
    assert_eq!(
        (answer.status, &answer.json()["code"]),
        (429, &json!("too_many_requests")),
        "{}",
        answer.body
    );
    assert!(!answer.header("retry-after").is_empty());
    assert_eq!(house.placed(), limit);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_is_brought_from_twilio_once_and_answered_by_who_is_chosen() {
    let house = house().await;
    let House { app, clinic, owner, .. } = &house;
    let (_, stranger) = app.connected_clinic("Harbor Clinic").await;
    let number = clinic.twilio.numbers[0].number.clone();
    let body = json!({ "number": number, "name": "Front desk" });
    let made = owner.send("POST", "/api/phone-numbers/import", Some(body.clone())).await;
    assert_eq!(made.status, 200, "{}", made.body);
    let again = owner.send("POST", "/api/phone-numbers/import", Some(body)).await;
    assert_eq!(made.json()["id"], again.json()["id"], "once");
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let at_vapi = app.sandbox.vapi().phone_numbers(&clinic.vapi.private_key);
    let ours: Vec<&Value> = at_vapi.iter().filter(|one| one["number"] == number.as_str()).collect();
    assert_eq!(ours.len(), 1);
    assert_eq!((&ours[0]["smsEnabled"], &ours[0]["provider"]), (&json!(false), &json!("twilio")));
    assert_eq!(ours[0]["twilioAuthToken"], clinic.twilio.auth_token.as_str(), "Vapi even says it back");
    assert_eq!(ours[0]["assistantId"], app.assistants(clinic)[0].1.to_string());
    assert!(!app.dump(clinic.org).await.contains(&clinic.twilio.auth_token), "and it is kept nowhere");
    assert!(!made.body.contains(&clinic.twilio.auth_token));

    let agent = format!("/api/phone-numbers/{id}/agent");
    for (role, wanted) in [
        (json!("outbound"), json!(app.assistants(clinic)[1].1.to_string())),
        (Value::Null, Value::Null),
        (json!("inbound"), json!(app.assistants(clinic)[0].1.to_string())),
    ] {
        let bound = owner.send("PUT", &agent, Some(json!({ "role": role }))).await;
        assert_eq!((bound.status, &bound.json()["assistantId"]), (200, &wanted), "{}", bound.body);
    }
    assert_eq!(owner.send("PUT", &agent, Some(json!({ "role": "other" }))).await.status, 422);
    assert_eq!(stranger.send("PUT", &agent, Some(json!({ "role": "inbound" }))).await.status, 404);
    let org = clinic.org.to_string();
    let form = owner.post(&format!("/dashboard/phone/{id}/agent"), &[("org", &org), ("role", "")]).await;
    assert_eq!((form.status, form.location()), (303, "/dashboard/phone?said=1"), "{}", form.body);
    assert!(owner.get(form.location()).await.body.contains("Nobody answers"));
    let claims = "select count(*) from phone_number_org_mapping where org_id = $1";
    assert_eq!(app.count(claims, clinic.org).await, 2);
    // What Vapi knows no more is forgotten.
    let form = owner.post("/dashboard/phone/refresh", &[("org", &org)]).await;
    assert_eq!(form.status, 303);
    assert!(owner.get(form.location()).await.body.contains("2 numbers were read"));
    assert_eq!(app.recorded(clinic.org, "number.imported", "success").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_form_places_a_call_and_keeps_what_was_typed_where_it_does_not() {
    let house = house().await;
    let House { app, clinic, owner, number } = &house;
    let org = clinic.org.to_string();
    let page = owner.get("/dashboard/phone").await.body;
    let at = page.find("name=\"request\" value=\"").unwrap() + "name=\"request\" value=\"".len();
    let request = page[at..at + 36].to_owned();
    let send = async |variables: &str| {
        let fields = [
            ("org", org.as_str()),
            ("request", request.as_str()),
            ("number", "+1 555 010 0199"),
            ("name", "Ann"),
            ("from", number.as_str()),
            ("variables", variables),
        ];
        owner.post("/dashboard/phone/call", &fields).await
    };
    let wrong = send("no equals sign").await;
    let shown = owner.get(wrong.location()).await.body;
    assert!(shown.contains("Write name = value") && shown.contains("no equals sign"), "{shown}");
    for _ in 0..2 {
        let sent = send("appointment = Monday at nine; doctor = Dr. Rao").await;
        assert_eq!((sent.status, sent.location()), (303, "/dashboard/phone?said=1"), "{}", sent.body);
        assert!(owner.get(sent.location()).await.body.contains("The call to +15***99 is placed"));
    }
    let calls = app.sandbox.vapi().calls(&clinic.vapi.private_key);
    assert_eq!(calls.len(), 1, "the form was sent twice");
    assert_eq!(calls[0]["assistantOverrides"]["variableValues"]["doctor"], "Dr. Rao");
}
