//! What is sealed of an endpoint leaves only for the server that it was entered for, whoever asks; and staff
//! of the platform set secrets without ever seeing one.

use serde_json::{Value, json};
use voxanne::domain::Role;

use super::endpoints::{House, house};
use super::platform::{open, staff};
use super::support::app::{Answer, Browser};

const TOKEN: &str = "a-very-secret-token-of-forty-characters-or-more";
/// Another server that the address guard lets through.
const ELSEWHERE: &str = "https://hooks.somebody-else.com/demo/leads";

async fn guarded(house: &House) {
    house.endpoint("leads", json!({ "bearerToken": TOKEN })).await;
}

fn is_refused(answer: &Answer) -> bool {
    let body = answer.json();
    answer.status == 422
        && body["errors"][0]["field"] == "url"
        && body["errors"][0]["message"].as_str().is_some_and(|text| text.contains("are not sent to this one"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stored_token_goes_to_no_other_server_unless_it_is_entered_again() {
    let house = house().await;
    guarded(&house).await;
    let here = house.app.sandbox.hooks().url("demo/leads");
    let other_port = "http://127.0.0.1:9/demo/leads";
    for role in [Role::Owner, Role::Admin] {
        let person = house.app.sign_in(&house.clinic.email(role)).await;
        let patch = async |body: Value| person.send("PATCH", "/api/endpoints/leads", Some(body)).await;
        for url in [ELSEWHERE, &here.replace("http://", "https://"), other_port] {
            let answer = patch(json!({ "url": url })).await;
            // What the guard refuses anyway is refused either way.
            assert_eq!(answer.status, 422, "{role:?} {url}: {}", answer.body);
        }
        assert!(is_refused(&patch(json!({ "url": ELSEWHERE })).await), "{role:?}");
        let by_form = person
            .post(
                "/dashboard/webhooks/endpoints/leads",
                &[("org", &house.clinic.org.to_string()), ("workflowName", "leads"), ("url", ELSEWHERE)],
            )
            .await;
        assert!(by_form.location().contains("?panel=edit"), "{}", by_form.location());
        let page = person.get(by_form.location()).await.body;
        assert!(page.contains("are not sent to this one"), "{page}");
        assert_eq!(house.show("leads").await["url"], here, "{role:?}");
    }

    // Another path of the same server is where a workflow moves to.
    let moved = house.app.sandbox.hooks().url("demo/moved");
    let owner = &house.owner;
    let patch = async |body: Value| owner.send("PATCH", "/api/endpoints/leads", Some(body)).await;
    let kept = patch(json!({ "url": moved })).await;
    assert_eq!(
        (kept.status, kept.json()["headers"]["authorization"].is_string()),
        (200, true),
        "{}",
        kept.body
    );

    // Entered again, or given up in so many words.
    let again = patch(json!({ "url": ELSEWHERE, "bearerToken": "another-token-for-there" })).await;
    assert_eq!((again.status, again.json()["url"].clone()), (200, json!(ELSEWHERE)), "{}", again.body);
    assert!(is_refused(&patch(json!({ "url": here })).await));
    let dropped = patch(json!({ "url": here, "bearerToken": null })).await;
    assert_eq!((dropped.status, dropped.json()["headers"].clone()), (200, json!({})), "{}", dropped.body);
    let free = patch(json!({ "url": ELSEWHERE })).await;
    assert_eq!(free.status, 200, "nothing is stored that could get into wrong hands: {}", free.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_enter_a_token_again_with_any_other_address() {
    let house = house().await;
    guarded(&house).await;
    let staff = staff(&house.app).await;
    assert_eq!(open(&staff, house.clinic.org).await.status, 201);
    let one = format!("/api/platform/organizations/{}/webhooks/leads", house.clinic.org);
    let moved = house.app.sandbox.hooks().url("demo/of-somebody-else");
    for url in [ELSEWHERE, &moved] {
        let answer = staff.send("PATCH", &one, Some(json!({ "url": url }))).await;
        assert!(is_refused(&answer), "{url}: {}", answer.body);
    }
    visit(&house, &staff).await;
    let by_form = staff
        .post(
            "/dashboard/webhooks/endpoints/leads",
            &[("org", &house.clinic.org.to_string()), ("workflowName", "leads"), ("url", &moved)],
        )
        .await;
    assert!(by_form.location().contains("?panel=edit"), "{}", by_form.location());
    let tested = staff.send("POST", "/api/endpoints/leads/call", Some(json!({ "payload": {} }))).await;
    assert_eq!(tested.status, 200, "{}", tested.body);
    assert!(house.app.sandbox.hooks().received().iter().all(|hook| hook.path == "demo/leads"));
    let fresh = json!({ "url": moved, "bearerToken": "a-token-that-staff-were-given" });
    assert_eq!(staff.send("PATCH", &one, Some(fresh)).await.status, 200);
}

pub async fn visit(house: &House, staff: &Browser) {
    let door = format!("/platform/organizations/{}/open", house.clinic.org);
    assert_eq!(staff.post(&door, &[]).await.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_make_signing_secrets_and_see_none() {
    let house = house().await;
    let staff = staff(&house.app).await;
    assert_eq!(open(&staff, house.clinic.org).await.status, 201);
    let org = house.clinic.org.to_string();
    let url = |path: &str| house.app.sandbox.hooks().url(path);
    let mut seen = Vec::new();
    let base = format!("/api/platform/organizations/{org}/webhooks");
    let body = json!({ "workflowName": "one", "url": url("demo/one") });
    seen.push((201, staff.send("POST", &base, Some(body)).await));
    visit(&house, &staff).await;
    let body = json!({ "workflowName": "two", "url": url("demo/two") });
    seen.push((201, staff.send("POST", "/api/endpoints", Some(body)).await));
    let body = json!({ "endpoints": [{ "workflowName": "three", "url": url("demo/three") }] });
    seen.push((201, staff.send("POST", "/api/endpoints/batch", Some(body)).await));
    let rotate = "/api/endpoints/one/rotate-signing-secret";
    seen.push((200, staff.send("POST", rotate, Some(json!({ "overlapHours": 0 }))).await));
    let form = [("org", org.as_str()), ("workflowName", "four"), ("url", &url("demo/four"))];
    seen.push((303, staff.post("/dashboard/webhooks/endpoints", &form).await));
    let form = [("org", org.as_str()), ("overlapHours", "0")];
    seen.push((303, staff.post("/dashboard/webhooks/endpoints/one/rotate", &form).await));
    seen.push((200, staff.get("/dashboard/webhooks/endpoints/one").await));
    for (at, (status, answer)) in seen.iter().enumerate() {
        assert_eq!(answer.status, *status, "{at}: {}", answer.body);
        assert!(!answer.body.contains("signingSecret"), "{at}: {}", answer.body);
        assert!(!answer.body.contains("demo/"), "{at}: addresses neither: {}", answer.body);
        // The page shows hints: a beginning, three stars and an end.
        let mut after = answer.body.split("whsec_").skip(1);
        assert!(after.all(|rest| at == 6 && rest[..8].contains("***")), "{at}: {}", answer.body);
    }
    let secrets = "select count(*) from endpoint_secrets where org_id = $1";
    assert!(house.app.count(secrets, house.clinic.org).await >= 4);
    // Whoever belongs to the clinic makes one to see one.
    let rotated = house.owner.send("POST", rotate, Some(json!({}))).await.json();
    assert!(
        rotated["signingSecret"].as_str().is_some_and(|secret| secret.starts_with("whsec_")),
        "{rotated}"
    );
}
