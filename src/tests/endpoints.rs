//! Endpoints through the interface: made, changed, switched, called; what is secret goes in and never
//! comes out, and members only look.

use serde_json::{Value, json};
use voxanne::domain::Role;
use voxanne::sandbox::{HookBehaviour, SignatureVerdict};

use super::support::app::{Browser, Clinic, TestApp};

pub struct House {
    pub app: TestApp,
    pub clinic: Clinic,
    pub owner: Browser,
}

pub async fn house() -> House {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let owner = app.sign_in(&clinic.email(Role::Owner)).await;
    House { app, clinic, owner }
}

impl House {
    /// Makes an endpoint at the stand-in; gives its signing secret, which the stand-in is told.
    pub async fn endpoint(&self, name: &str, more: Value) -> String {
        let path = format!("demo/{name}");
        let mut body = json!({ "workflowName": name, "url": self.app.sandbox.hooks().url(&path) });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let made = self.owner.send("POST", "/api/endpoints", Some(body)).await;
        assert_eq!(made.status, 201, "{}", made.body);
        let secret = made.json()["signingSecret"].as_str().unwrap().to_owned();
        self.app.sandbox.hooks().set_secrets(&path, &[&secret]);
        secret
    }

    pub async fn show(&self, name: &str) -> Value {
        self.owner.send("GET", &format!("/api/endpoints/{name}"), None).await.json()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_goes_in_is_masked_and_never_comes_out() {
    let house = house().await;
    let token = "a-very-secret-token-of-forty-characters-or-more";
    let secret = house
        .endpoint(
            "leads",
            json!({ "bearerToken": token, "events": ["lead.hot"], "description": "To the CRM" }),
        )
        .await;
    assert!(secret.starts_with("whsec_"));
    let shown = house.owner.send("GET", "/api/endpoints", None).await;
    assert!(!shown.body.contains(token) && !shown.body.contains(&secret), "{}", shown.body);
    let one = &shown.json()["endpoints"][0];
    assert_eq!(one["headers"]["authorization"], "Bearer a-very-sec***r-more");
    assert_eq!(one["createdBy"], house.clinic.email(Role::Owner));
    assert_eq!((&one["total"], &one["isActive"]), (&json!(0), &json!(true)));

    // A mask that is sent back is refused; what is absent stays; null clears.
    let patch = async |body: Value| house.owner.send("PATCH", "/api/endpoints/leads", Some(body)).await;
    let masked = patch(json!({ "bearerToken": "a-very-sec***r-more" })).await;
    assert_eq!((masked.status, masked.json()["errors"][0]["field"].clone()), (422, json!("bearerToken")));
    let kept = patch(json!({ "description": "Elsewhere" })).await.json();
    assert_eq!(kept["headers"]["authorization"], "Bearer a-very-sec***r-more");
    let own = patch(json!({ "headers": { "X-Key": "another-secret-value" } })).await.json();
    assert_eq!(own["headers"], json!({ "x-key": "***-value" }));
    let cleared = patch(json!({ "headers": null })).await.json();
    assert_eq!(cleared["headers"], json!({}));
    let audit = house.owner.send("GET", "/api/audit", None).await;
    assert!(audit.body.contains("endpoint.created") && audit.body.contains("endpoint.changed"));
    assert!(!audit.body.contains(token) && !audit.body.contains("demo/leads"), "{}", audit.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn members_look_and_change_nothing() {
    let house = house().await;
    house.endpoint("leads", json!({})).await;
    let member = house.app.sign_in(&house.clinic.email(Role::Member)).await;
    let list = member.send("GET", "/api/endpoints", None).await;
    assert_eq!(list.status, 200);
    assert!(!list.body.contains("demo/leads"), "the path of a workflow is a secret: {}", list.body);
    for (method, path, body) in [
        ("POST", "/api/endpoints", json!({ "workflowName": "x", "url": "https://example.com/x" })),
        (
            "POST",
            "/api/endpoints/batch",
            json!({ "endpoints": [{ "workflowName": "x", "url": "https://example.com/x" }] }),
        ),
        ("PATCH", "/api/endpoints/leads", json!({ "description": "x" })),
        ("POST", "/api/endpoints/leads/disable", json!({})),
        ("POST", "/api/endpoints/leads/enable", json!({})),
        ("POST", "/api/endpoints/leads/rotate-signing-secret", json!({})),
        ("POST", "/api/endpoints/leads/call", json!({ "payload": {} })),
        ("POST", "/api/endpoints/leads/test", json!({ "kind": "lead.hot" })),
        ("POST", "/api/deliveries/replay", json!({})),
        ("DELETE", "/api/endpoints/leads", json!({})),
    ] {
        let answer = member.send(method, path, Some(body)).await;
        assert_eq!(answer.status, 403, "{method} {path}: {}", answer.body);
    }
    assert_eq!(house.app.sandbox.hooks().received().len(), 0);
    assert_eq!(house.show("leads").await["isActive"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_are_added_at_once_or_none() {
    let house = house().await;
    let url = house.app.sandbox.hooks().url("demo/x");
    let many = |count: usize| -> Vec<Value> {
        (0..count).map(|at| json!({ "workflowName": format!("flow-{at}"), "url": url })).collect()
    };
    let mut wrong = many(20);
    wrong[7]["url"] = json!("http://127.0.0.1/x");
    wrong[9]["workflowName"] = json!("Not A Name");
    wrong[11]["workflowName"] = json!("flow-3");
    wrong[12]["events"] = json!(["lead.lukewarm"]);
    let answer = house.owner.send("POST", "/api/endpoints/batch", Some(json!({ "endpoints": wrong }))).await;
    assert_eq!(answer.status, 422);
    let fields: Vec<String> = answer.json()["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["field"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        fields,
        [
            "endpoints[7].url",
            "endpoints[9].workflowName",
            "endpoints[11].workflowName",
            "endpoints[12].events"
        ]
    );
    assert_eq!(house.owner.send("GET", "/api/endpoints", None).await.json()["endpoints"], json!([]));

    let answer =
        house.owner.send("POST", "/api/endpoints/batch", Some(json!({ "endpoints": many(20) }))).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let secrets: std::collections::BTreeSet<String> = answer.json()["endpoints"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["signingSecret"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(secrets.len(), 20, "each has its own secret");
    let taken = house.owner.send("POST", "/api/endpoints", Some(many(1)[0].clone())).await;
    assert_eq!((taken.status, taken.json()["errors"][0]["field"].clone()), (422, json!("workflowName")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_endpoint_is_proposed_at_the_clinics_n8n() {
    let house = house().await;
    let without = house.owner.send("POST", "/api/endpoints", Some(json!({ "workflowName": "leads" }))).await;
    assert_eq!((without.status, without.json()["errors"][0]["field"].clone()), (422, json!("url")));
    let fields = house.app.sandbox.demo_fields(voxanne::domain::ProviderId::N8n);
    let body: serde_json::Map<String, Value> =
        fields.into_iter().map(|(key, value)| (key.to_owned(), json!(value))).collect();
    let connected = house.owner.send("POST", "/api/integrations/n8n", Some(Value::Object(body))).await;
    assert_eq!(connected.status, 200, "{}", connected.body);
    let made = house.owner.send("POST", "/api/endpoints", Some(json!({ "workflowName": "leads" }))).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let path = format!("{}/leads", house.clinic.slug);
    assert_eq!(made.json()["url"], house.app.sandbox.hooks().url(&path));
    let called =
        house.owner.send("POST", "/api/endpoints/leads/call", Some(json!({ "payload": { "a": 1 } }))).await;
    assert_eq!(called.json()["success"], true, "{}", called.body);
    assert_eq!(house.app.sandbox.hooks().received()[0].path, path);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_by_hand_gives_status_and_answer_and_records_each_try() {
    let house = house().await;
    house.endpoint("leads", json!({ "headers": { "X-Key": "k-123456789012" } })).await;
    let hooks = house.app.sandbox.hooks();
    let body =
        json!({ "payload": { "lead": "<b>Sam</b>" }, "triggered_by": "crm", "metadata": { "run": 7 } });
    let called = house.owner.send("POST", "/api/endpoints/leads/call", Some(body.clone())).await.json();
    assert_eq!(
        (&called["success"], &called["status"], &called["attempts"]),
        (&json!(true), &json!(200), &json!(1)),
        "{called}"
    );
    assert_eq!(called["answer"]["message"], "Workflow was started");
    let came = hooks.received();
    assert_eq!((came.len(), came[0].body.as_str()), (1, r#"{"lead":"<b>Sam</b>"}"#));
    assert_eq!(came[0].signature, SignatureVerdict::Verified(1));
    assert_eq!(came[0].headers["x-key"], "k-123456789012");
    assert_eq!(came[0].id, called["eventId"].as_str().unwrap());

    // It fails twice in a row: three tries, one id, all on record.
    hooks.set_behaviour("demo/leads", HookBehaviour::Status(500));
    hooks.forget();
    let called = house.owner.send("POST", "/api/endpoints/leads/call", Some(body)).await.json();
    assert_eq!(
        (&called["success"], &called["status"], &called["attempts"]),
        (&json!(false), &json!(500), &json!(3)),
        "{called}"
    );
    let ids: std::collections::BTreeSet<String> =
        hooks.received().iter().map(|hook| hook.id.clone()).collect();
    assert_eq!((hooks.received().len(), ids.len()), (3, 1), "the id is the same in every try");
    let path = format!("/api/deliveries/{}", called["deliveryId"].as_str().unwrap());
    let detail = house.owner.send("GET", &path, None).await;
    assert!(!detail.body.contains("k-1234567890"), "{}", detail.body);
    let detail = detail.json();
    assert_eq!((&detail["status"], &detail["triggeredBy"]), (&json!("dead"), &json!("crm")));
    assert_eq!(detail["metadata"], json!({ "run": 7 }));
    let tries = detail["tries"].as_array().unwrap();
    let numbers: Vec<i64> = tries.iter().map(|one| one["number"].as_i64().unwrap()).collect();
    assert_eq!(numbers, [1, 2, 3]);
    assert!(tries.iter().all(|one| one["outcome"] == "server_error" && one["status"] == 500), "{detail}");
    assert_eq!(tries[0]["requestHeaders"]["x-key"], "***");
    assert!(tries[0]["answer"].as_str().unwrap().contains("Error in workflow"));

    // A member sees that it happened, and neither what was sent nor what was answered.
    let member = house.app.sign_in(&house.clinic.email(Role::Member)).await;
    let seen = member.send("GET", &path, None).await;
    assert!(!seen.body.contains("Sam") && !seen.body.contains("Error in workflow"), "{}", seen.body);
    assert_eq!(seen.json()["tries"].as_array().unwrap().len(), 3);
    assert!(house.owner.send("GET", "/api/audit", None).await.body.contains("delivery.opened"));
    let shown = house.show("leads").await;
    assert_eq!((&shown["total"], &shown["succeeded"], &shown["failed"]), (&json!(4), &json!(1), &json!(3)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_or_inactive_endpoint_is_not_configured() {
    let house = house().await;
    house.endpoint("leads", json!({})).await;
    assert_eq!(house.owner.send("POST", "/api/endpoints/leads/disable", None).await.status, 200);
    for name in ["leads", "nothing"] {
        let path = format!("/api/endpoints/{name}/call");
        let answer = house.owner.send("POST", &path, Some(json!({ "payload": {} }))).await;
        assert_eq!(
            (answer.status, answer.json()["code"].clone()),
            (404, json!("endpoint_not_configured")),
            "{name}"
        );
    }
    assert_eq!(house.app.sandbox.hooks().received().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_secret_signs_beside_the_old_one_until_the_overlap_ends() {
    let house = house().await;
    let old = house.endpoint("leads", json!({})).await;
    let rotate = async |hours: u32| {
        let path = "/api/endpoints/leads/rotate-signing-secret";
        let answer = house.owner.send("POST", path, Some(json!({ "overlapHours": hours }))).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()["signingSecret"].as_str().unwrap().to_owned()
    };
    let new = rotate(24).await;
    let hooks = house.app.sandbox.hooks();
    let call = async || {
        house.owner.send("POST", "/api/endpoints/leads/call", Some(json!({ "payload": {} }))).await.json()
    };
    hooks.set_secrets("demo/leads", &[&old, &new]);
    assert_eq!(call().await["success"], true);
    assert_eq!(hooks.received()[0].signature, SignatureVerdict::Verified(2), "both sign");
    // At once: the old ones sign no more.
    let newest = rotate(0).await;
    hooks.set_secrets("demo/leads", &[&old, &new, &newest]);
    assert_eq!(call().await["success"], true);
    assert_eq!(hooks.received()[1].signature, SignatureVerdict::Verified(1));
    hooks.set_secrets("demo/leads", &[&old, &new]);
    assert_eq!(
        (call().await["status"].clone(), hooks.received()[2].signature),
        (json!(403), SignatureVerdict::Refused)
    );
    let long = house.owner.send(
        "POST",
        "/api/endpoints/leads/rotate-signing-secret",
        Some(json!({ "overlapHours": 169 })),
    );
    assert_eq!(long.await.status, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_endpoint_leaves_its_history() {
    let house = house().await;
    house.endpoint("leads", json!({})).await;
    let called = house
        .owner
        .send("POST", "/api/endpoints/leads/call", Some(json!({ "payload": { "a": 1 } })))
        .await
        .json();
    assert_eq!(house.owner.send("DELETE", "/api/endpoints/leads", None).await.status, 204);
    assert_eq!(house.owner.send("GET", "/api/endpoints/leads", None).await.status, 404);
    let id = called["deliveryId"].as_str().unwrap();
    let detail = house.owner.send("GET", &format!("/api/deliveries/{id}"), None).await.json();
    assert_eq!(
        (&detail["workflowName"], &detail["payload"]),
        (&json!("leads"), &json!({ "a": 1 })),
        "{detail}"
    );
    let again = house.owner.send("POST", &format!("/api/deliveries/{id}/replay"), None).await;
    assert_eq!((again.status, again.json()["code"].clone()), (409, json!("not_replayable")));
    // The name is free again.
    house.endpoint("leads", json!({})).await;
}
