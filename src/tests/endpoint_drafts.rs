//! The form of an endpoint that comes back with an error: what was typed survives the round trip, token and
//! headers as a sealed draft, which serves whoever typed it, once, for 15 minutes.

use serde_json::json;
use voxanne::domain::Role;
use voxanne::jobs;

use super::endpoint_secrets::visit;
use super::endpoints::{House, house};
use super::platform::{open, staff};
use super::support::app::Browser;
use super::support::state::every_row;
use super::webhook_pages::{all, attribute};

const NEW: &str = "/dashboard/webhooks/endpoints";
const TOKEN: &str = "a-very-secret-token-of-forty-characters-or-more";
const KEY: &str = "a-key-that-nobody-reads";

/// Submits a form and gives the page that follows.
async fn submit(browser: &Browser, path: &str, fields: &[(&str, &str)]) -> String {
    let answer = browser.post(path, fields).await;
    match answer.status {
        303 => browser.get(answer.location()).await.body,
        _ => answer.body,
    }
}

/// Types a token and two headers into a form whose name is none; gives the page and its draft. What was
/// typed lies nowhere meanwhile.
async fn mistyped(house: &House, browser: &Browser, path: &str, more: &[(&str, &str)]) -> (String, String) {
    let org = house.clinic.org.to_string();
    let headers = format!("X-Key: {KEY}\nX-Region: eu");
    let mut fields = vec![
        ("org", org.as_str()),
        ("workflowName", "Not A Name"),
        ("bearerToken", TOKEN),
        ("headers", headers.as_str()),
    ];
    fields.extend(more);
    let answer = browser.post(path, &fields).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    // While the session still has to tell the next page.
    let rows = every_row(&mut house.app.db.superuser.acquire().await.unwrap()).await;
    let page = browser.get(answer.location()).await.body;
    let draft = attribute(&page, "#endpoint-form input[name=draft]", "value");
    assert!(!draft.is_empty(), "{page}");
    assert!(rows.matches(&draft).count() >= 2, "the draft is there, and the session knows it");
    for secret in [TOKEN, KEY, "demo/"] {
        assert!(!rows.contains(secret), "{secret} lies in the database");
    }
    assert!(!page.contains(TOKEN) && !page.contains(KEY), "a secret came back: {page}");
    (page, draft)
}

fn gone(page: &str) -> bool {
    page.contains("was kept for 15 minutes and is gone now") && page.contains("Enter token or headers again")
}

impl House {
    async fn drafts(&self) -> i64 {
        self.app.count("select count(*) from endpoint_drafts where org_id = $1", self.clinic.org).await
    }

    async fn endpoints(&self) -> i64 {
        self.app.count("select count(*) from endpoints where org_id = $1", self.clinic.org).await
    }

    /// Calls an endpoint: what came there of token and headers.
    async fn sent(&self, name: &str) -> (String, Vec<String>) {
        let path = format!("/api/endpoints/{name}/call");
        let called = self.owner.send("POST", &path, Some(json!({ "payload": {} }))).await;
        assert_eq!(called.json()["success"], true, "{}", called.body);
        let received = self.app.sandbox.hooks().received();
        let last = received.last().unwrap();
        let header =
            |name: &str| last.headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
        (last.path.clone(), ["authorization", "x-key", "x-region"].map(header).to_vec())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn token_and_headers_survive_a_form_that_was_not_right_sealed_and_need_not_be_typed_again() {
    let house = house().await;
    let org = house.clinic.org.to_string();
    let url = house.app.sandbox.hooks().url("demo/leads");
    let more = [("url", url.as_str()), ("event:lead.hot", "yes"), ("description", "To the CRM")];
    let (page, draft) = mistyped(&house, &house.owner, NEW, &more).await;
    assert!(page.contains("Use 1 to 64 small letters"), "{page}");
    assert_eq!(attribute(&page, "input[name=url]", "value"), url);
    let kept = attribute(&page, "input[name=bearerToken]", "placeholder");
    assert_eq!(kept, "Kept from your last try - ends in r-more. Leave empty to keep.");
    assert_eq!(all(&page, ".fold[open] dl.facts code"), ["x-key", "a-***-reads", "x-region", "***"]);

    // Wrong again, in another field: a header is typed over its namesake, the rest still waits.
    let wrong = [
        ("org", org.as_str()),
        ("draft", &draft),
        ("workflowName", "leads"),
        ("url", "http://192.168.1.4/hook"),
        ("headers", "x-region: us\nno header at all"),
    ];
    let page = submit(&house.owner, NEW, &wrong).await;
    assert!(page.contains("Line 2 is not of the form Name: value"), "{page}");
    assert_eq!(attribute(&page, "input[name=url]", "value"), "http://192.168.1.4/hook");
    let next = attribute(&page, "#endpoint-form input[name=draft]", "value");
    assert!(next != draft && house.drafts().await == 1, "one takes the place of the other");
    let right = [("org", org.as_str()), ("draft", &next), ("workflowName", "leads"), ("url", &url)];
    let page = submit(&house.owner, NEW, &right).await;
    assert!(page.contains("data-secret-once"), "{page}");
    let along = [format!("Bearer {TOKEN}"), KEY.to_owned(), "us".to_owned()];
    assert_eq!(house.sent("leads").await, ("demo/leads".to_owned(), along.to_vec()));
    assert_eq!((house.drafts().await, house.endpoints().await), (0, 1));

    // Used once: whoever sends the same form again is told so, and nothing is made of it.
    let again = [("org", org.as_str()), ("draft", &next), ("workflowName", "twice"), ("url", &url)];
    let page = submit(&house.owner, NEW, &again).await;
    assert!(gone(&page), "{page}");
    assert_eq!((attribute(&page, "input[name=url]", "value"), house.endpoints().await), (url, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_itself_is_not_kept_and_what_was_kept_can_be_dropped() {
    let house = house().await;
    let org = house.clinic.org.to_string();
    let url = house.app.sandbox.hooks().url("demo/leads");
    let form = [
        ("org", org.as_str()),
        ("workflowName", "leads"),
        ("url", &url),
        ("bearerToken", "a-tok***-shown"),
        ("headers", &format!("Host: evil.example\nX-Key: {KEY}")),
    ];
    let page = submit(&house.owner, NEW, &form).await;
    assert!(page.contains("A header has a name that can not be set here."), "{page}");
    assert_eq!(all(&page, ".fold[open] dl.facts code"), ["x-key", "a-***-reads"], "the good one waits");
    assert_eq!(attribute(&page, "input[name=bearerToken]", "placeholder"), "", "the mask does not");
    let draft = attribute(&page, "#endpoint-form input[name=draft]", "value");
    let drop = [("removeHeaders", "yes"), ("draft", &draft)];
    let base = [("org", org.as_str()), ("url", &url)];
    let wrong: Vec<_> = [("workflowName", "No")].iter().chain(&base).chain(&drop).copied().collect();
    let page = submit(&house.owner, NEW, &wrong).await;
    assert_eq!(all(&page, "#remove-headers[checked]").len(), 1, "the tick survives too");
    let right: Vec<_> = [("workflowName", "leads")].iter().chain(&base).chain(&drop).copied().collect();
    assert!(submit(&house.owner, NEW, &right).await.contains("data-secret-once"));
    assert_eq!(house.show("leads").await["headers"], json!({}));
    assert_eq!(house.sent("leads").await.1, ["", "", ""]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_endpoint_keeps_what_is_stored_until_the_form_is_right() {
    let house = house().await;
    house.endpoint("leads", json!({ "bearerToken": "the-old-token-of-leads" })).await;
    house.endpoint("other", json!({})).await;
    let org = house.clinic.org.to_string();
    let form = format!("{NEW}/leads");
    // Typed for another address of the same server, which is corrected meanwhile.
    let (mistake, moved) = ("demo/mvoed", "demo/moved");
    let hooks = house.app.sandbox.hooks();
    let (page, draft) = mistyped(&house, &house.owner, &form, &[("url", &hooks.url(mistake))]).await;
    assert_eq!(attribute(&page, "input[name=url]", "value"), hooks.url(mistake));
    assert!(page.contains("Sent along now") && page.contains("Headers kept from your last try"), "{page}");
    let old = ["Bearer the-old-token-of-leads", "", ""].map(str::to_owned).to_vec();
    assert_eq!(house.sent("leads").await, ("demo/leads".to_owned(), old), "nothing has changed yet");

    // What was typed for one endpoint does not serve another.
    let elsewhere = [("org", org.as_str()), ("draft", &draft), ("workflowName", "other")];
    assert!(gone(&submit(&house.owner, &format!("{NEW}/other"), &elsewhere).await));
    assert!(gone(&submit(&house.owner, NEW, &elsewhere).await));
    assert_eq!(house.show("other").await["headers"], json!({}));

    let url = hooks.url(moved);
    let right = [("org", org.as_str()), ("draft", &draft), ("workflowName", "leads"), ("url", &url)];
    let page = submit(&house.owner, &form, &right).await;
    assert!(page.contains("leads is saved"), "{page}");
    let along = [format!("Bearer {TOKEN}"), KEY.to_owned(), "eu".to_owned()];
    assert_eq!(house.sent("leads").await, (moved.to_owned(), along.to_vec()));
    assert_eq!(house.drafts().await, 0, "the draft that was used is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_of_an_endpoint_serves_whoever_typed_it_for_15_minutes_and_nobody_else() {
    let house = house().await;
    let org = house.clinic.org.to_string();
    let url = house.app.sandbox.hooks().url("demo/leads");
    let (_, draft) = mistyped(&house, &house.owner, NEW, &[("url", &url)]).await;
    let harbor = house.app.clinic("Harbor Clinic").await;
    let harbor_org = harbor.org.to_string();
    let stranger = house.app.sign_in(&harbor.email(Role::Owner)).await;
    let admin = house.app.sign_in(&house.clinic.email(Role::Admin)).await;
    let member = house.app.sign_in(&house.clinic.email(Role::Member)).await;
    let staff = staff(&house.app).await;
    assert_eq!(open(&staff, house.clinic.org).await.status, 201);
    visit(&house, &staff).await;
    for (who, clinic) in [(&stranger, &harbor_org), (&admin, &org), (&staff, &org)] {
        let form = [("org", clinic.as_str()), ("draft", &draft), ("workflowName", "leads"), ("url", &url)];
        assert!(gone(&submit(who, NEW, &form).await));
    }
    let form = [("org", org.as_str()), ("draft", &draft), ("workflowName", "leads"), ("url", &url)];
    assert_eq!(member.post(NEW, &form).await.status, 403);
    assert_eq!(house.endpoints().await, 0, "nobody made anything of it");

    // Staff have drafts of their own: they see what they typed, and nobody else does.
    let (page, own) = mistyped(&house, &staff, NEW, &[("url", &url)]).await;
    assert_eq!(attribute(&page, "input[name=url]", "value"), url);
    let form = [("org", org.as_str()), ("draft", &own), ("workflowName", "leads"), ("url", &url)];
    assert!(gone(&submit(&house.owner, NEW, &form).await));
    assert_eq!(staff.post(NEW, &form).await.status, 303);
    assert_eq!(house.sent("leads").await.1[0], format!("Bearer {TOKEN}"));

    let left =
        "select max(extract(epoch from expires_at - now()))::bigint from endpoint_drafts where org_id = $1";
    let left = house.app.count(left, house.clinic.org).await;
    assert!((14 * 60..=15 * 60).contains(&left), "{left} s");
    let age = "update endpoint_drafts set expires_at = now() - interval '1 second' where org_id = $1";
    assert!(house.app.meddle(age, house.clinic.org).await > 0);
    let form = [("org", org.as_str()), ("draft", &draft), ("workflowName", "late"), ("url", &url)];
    assert!(gone(&submit(&house.owner, NEW, &form).await));
    assert!(house.app.meddle(age, house.clinic.org).await > 0);
    jobs::sweep_often(house.app.services.clone()).await.unwrap();
    assert_eq!((house.drafts().await, house.endpoints().await), (0, 1));
}
