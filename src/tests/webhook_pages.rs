//! The pages about events out, as people use them without a script: an endpoint is made, tried, looked at,
//! paused, replayed and deleted, and members only look.

use scraper::{Html, Selector};
use serde_json::json;
use voxanne::domain::Role;
use voxanne::jobs::send_due_deliveries;
use voxanne::sandbox::{HookBehaviour, SignatureVerdict};

use super::support::app::{Browser, Clinic, TestApp};

const HOME: &str = "/dashboard/webhooks";

struct Desk {
    app: TestApp,
    clinic: Clinic,
    owner: Browser,
    org: String,
}

async fn desk() -> Desk {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let owner = app.sign_in(&clinic.email(Role::Owner)).await;
    let org = clinic.org.to_string();
    Desk { app, clinic, owner, org }
}

impl Desk {
    fn url(&self, name: &str) -> String {
        self.app.sandbox.hooks().url(&format!("demo/{name}"))
    }

    /// Makes an endpoint with the form; gives the page that answers, and the secret on it.
    async fn make(&self, name: &str, more: &[(&str, &str)]) -> (String, String) {
        let url = self.url(name);
        let mut fields = vec![("org", self.org.as_str()), ("workflowName", name), ("url", &url)];
        fields.extend(more);
        let made = self.owner.post(&format!("{HOME}/endpoints"), &fields).await;
        assert_eq!(made.status, 200, "{} {}", made.location(), made.body);
        let secret = text(&made.body, "[data-secret-once] [data-copy]");
        assert!(secret.starts_with("whsec_"), "{secret}");
        (made.body, secret)
    }

    async fn post(&self, path: &str, more: &[(&str, &str)]) -> String {
        let mut fields = vec![("org", self.org.as_str())];
        fields.extend(more);
        let answer = self.owner.post(path, &fields).await;
        assert_eq!(answer.status, 303, "{path}: {}", answer.body);
        self.owner.get(answer.location()).await.body
    }

    /// Sends what is due, as a worker does.
    async fn send(&self) {
        send_due_deliveries(self.app.services.clone()).await.unwrap();
    }

    async fn get(&self, path: &str) -> String {
        let answer = self.owner.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.body
    }
}

pub fn all(html: &str, selector: &str) -> Vec<String> {
    let selector = Selector::parse(selector).unwrap();
    let document = Html::parse_document(html);
    document.select(&selector).map(|one| one.text().collect::<Vec<_>>().join(" ")).collect()
}

pub fn text(html: &str, selector: &str) -> String {
    let found = all(html, selector);
    assert_eq!(found.len(), 1, "{selector}: {html}");
    found[0].trim().to_owned()
}

pub fn attribute(html: &str, selector: &str, name: &str) -> String {
    let selector = Selector::parse(selector).unwrap();
    let document = Html::parse_document(html);
    document.select(&selector).next().and_then(|one| one.attr(name)).unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_is_made_tried_and_looked_at_with_forms_alone() {
    let desk = desk().await;
    let empty = desk.get(HOME).await;
    assert!(empty.contains("No endpoints yet") && empty.contains("Add an endpoint"));
    let form = desk.get(&format!("{HOME}?panel=new")).await;
    assert_eq!(all(&form, "#endpoint-form input[type=checkbox]").len(), 11, "every kind of event");

    let token = "a-very-secret-token-of-forty-characters-or-more";
    let more = [("event:lead.hot", "yes"), ("bearerToken", token), ("description", "To the CRM")];
    let (made, secret) = desk.make("leads", &more).await;
    assert!(!made.contains(token));
    let again = desk.get(&format!("{HOME}/endpoints/leads")).await;
    assert!(!again.contains(&secret) && !again.contains("data-secret-once"), "a secret is shown once");
    assert!(again.contains("Bearer a-very-sec***r-more") && again.contains("lead.hot"));

    desk.app.sandbox.hooks().set_secrets("demo/leads", &[&secret]);
    let page = desk.post(&format!("{HOME}/endpoints/leads/test"), &[("kind", "lead.hot")]).await;
    assert!(page.contains("A sample of lead.hot is on its way to leads"), "{page}");
    desk.send().await;
    let got = desk.app.sandbox.hooks().received();
    assert_eq!((got.len(), got[0].signature), (1, SignatureVerdict::Verified(1)));
    assert_eq!(got[0].headers["authorization"], format!("Bearer {token}").as_str());

    let list = desk.get(HOME).await;
    assert_eq!(text(&list, ".figures > div:nth-child(4) dd"), "100.00 %");
    assert!(all(&list, "tbody tr")[0].contains("Active"), "{list}");
    let endpoint = desk.get(&format!("{HOME}/endpoints/leads")).await;
    let delivery = attribute(&endpoint, "tbody .cell-actions a", "href");
    let closed = desk.get(&delivery).await;
    assert!(closed.contains(&got[0].id), "the id that the receiver saw");
    assert!(!closed.contains("Sam Example") && !closed.contains("Workflow was started"), "sealed");
    assert!(!closed.contains(token));
    let trail = desk.app.trail(desk.clinic.org).await.len();
    let open = desk.get(&format!("{delivery}?bodies=open")).await;
    assert!(open.contains("Sam Example") && open.contains("Workflow was started"), "{open}");
    let last = desk.app.trail(desk.clinic.org).await;
    assert_eq!((last.len(), last.last().unwrap().0.as_str()), (trail + 1, "delivery.opened"));
    let tries = desk.get(&format!("{HOME}/attempts?range=today")).await;
    assert_eq!(all(&tries, "tbody tr").len(), 1);
    let none = desk.get(&format!("{HOME}/attempts?range=today&outcome=failed")).await;
    assert!(none.contains("No tries in these days"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_stands_in_the_console_and_goes_out_again_by_one_click() {
    let desk = desk().await;
    desk.make("leads", &[]).await;
    let hooks = desk.app.sandbox.hooks();
    hooks.set_behaviour("demo/leads", HookBehaviour::Status(410));
    desk.post(&format!("{HOME}/endpoints/leads/test"), &[("kind", "lead.hot")]).await;
    desk.send().await;
    let list = desk.get(HOME).await;
    assert!(list.contains("Switched off") && list.contains("it wants nothing any more"), "{list}");
    let action = attribute(&list, "tbody form", "action");
    assert_eq!(action, format!("{HOME}/endpoints/leads/on"), "one click away");

    hooks.set_behaviour("demo/leads", HookBehaviour::Works);
    hooks.forget();
    let page = desk.post(&action, &[("replay", "yes")]).await;
    assert!(page.contains("leads is on, and one delivery goes out again"), "{page}");
    desk.send().await;
    assert_eq!(hooks.received().len(), 1);

    let parked = desk.post(&format!("{HOME}/endpoints/leads/off"), &[]).await;
    assert!(parked.contains("leads is paused"), "{parked}");
    let on = desk.post(&format!("{HOME}/endpoints/leads/on"), &[]).await;
    assert!(on.contains("leads is on"), "{on}");
    let delivered = desk.get(&format!("{HOME}/deliveries?status=succeeded")).await;
    let delivery = attribute(&delivered, "tbody .cell-actions a", "href");
    let replayed = desk.post(&format!("{delivery}/replay"), &[]).await;
    assert!(replayed.contains("It goes out again, under the same id"), "{replayed}");
    desk.send().await;
    let got = hooks.received();
    assert_eq!((got.len(), got[0].id == got[1].id), (2, true), "the same id");
    let nothing = desk.post(&format!("{HOME}/deliveries/replay"), &[("since", "2026-01-01")]).await;
    assert!(nothing.contains("Nothing is replayed"), "{nothing}");
    let wrong = desk.post(&format!("{HOME}/endpoints/leads/replay"), &[("since", "yesterday")]).await;
    assert!(wrong.contains("Enter a day such as"), "{wrong}");

    let panel = desk.get(&format!("{HOME}/endpoints/leads?panel=delete")).await;
    assert!(
        panel.contains("Delete leads?") && panel.contains("what was delivered, its tries and the numbers")
    );
    let gone = desk.post(&format!("{HOME}/endpoints/leads/delete"), &[]).await;
    assert!(gone.contains("leads is deleted") && gone.contains("No endpoints yet"), "{gone}");
    assert_eq!(desk.owner.get(&format!("{HOME}/endpoints/leads")).await.status, 404);
    assert_eq!(desk.owner.get(&delivery).await.status, 200, "the history stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_is_not_right_comes_back_with_what_was_typed_and_says_why() {
    let desk = desk().await;
    let fields = [
        ("org", desk.org.as_str()),
        ("workflowName", "Leads & more"),
        ("url", "http://192.168.1.4/hook"),
        ("description", "<b>To the CRM"),
        ("event:lead.hot", "yes"),
    ];
    let answer = desk.owner.post(&format!("{HOME}/endpoints"), &fields).await;
    assert_eq!((answer.status, answer.location()), (303, "/dashboard/webhooks?panel=new&said=1"));
    let page = desk.get(answer.location()).await;
    assert_eq!(attribute(&page, "input[name=workflowName]", "value"), "Leads & more");
    assert_eq!(attribute(&page, "input[name=url]", "aria-invalid"), "true");
    assert_eq!(attribute(&page, "input[name=url]", "value"), "http://192.168.1.4/hook");
    assert!(page.contains("small letters") && page.contains("&lt;b&gt;To the CRM"), "{page}");
    assert!(!page.contains("Kept from your last try"), "nothing secret was typed");
    assert_eq!(all(&page, "#event-lead-hot[checked]").len(), 1);

    let (_, first) = desk.make("leads", &[]).await;
    let taken = desk
        .owner
        .post(
            &format!("{HOME}/endpoints"),
            &[("org", &desk.org), ("workflowName", "leads"), ("url", &desk.url("leads"))],
        )
        .await;
    assert!(desk.get(taken.location()).await.contains("Another endpoint has this name."));
    let rotated = desk
        .owner
        .post(&format!("{HOME}/endpoints/leads/rotate"), &[("org", &desk.org), ("overlapHours", "1")])
        .await;
    let second = text(&rotated.body, "[data-secret-once] [data-copy]");
    assert!(second.starts_with("whsec_") && second != first);
    assert!(rotated.body.contains("signs along until"), "both sign for an hour");
    let changed = desk
        .post(
            &format!("{HOME}/endpoints/leads"),
            &[("workflowName", "hot-leads"), ("url", &desk.url("leads")), ("description", "")],
        )
        .await;
    assert!(changed.contains("hot-leads is saved"), "{changed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn members_see_endpoints_and_change_none_and_strangers_see_nothing() {
    let desk = desk().await;
    desk.make("leads", &[]).await;
    desk.post(&format!("{HOME}/endpoints/leads/test"), &[]).await;
    desk.send().await;
    let delivery = attribute(&desk.get(&format!("{HOME}/deliveries")).await, "tbody .cell-actions a", "href");
    let member = desk.app.sign_in(&desk.clinic.email(Role::Member)).await;
    for path in [HOME, "/dashboard/webhooks/endpoints/leads", &format!("{delivery}?bodies=open")] {
        let page = member.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(all(&page.body, "main form[method=post]").is_empty(), "{path}: {}", page.body);
        assert!(!page.body.contains("demo/leads") && !page.body.contains("Workflow was started"), "{path}");
    }
    let stranger = desk.app.clinic("Harbor Clinic").await;
    let stranger_org = stranger.org.to_string();
    let stranger = desk.app.sign_in(&stranger.email(Role::Owner)).await;
    let before = desk.app.dump(desk.clinic.org).await;
    for action in ["", "/rotate", "/on", "/off", "/delete", "/test", "/replay"] {
        let path = format!("{HOME}/endpoints/leads{action}");
        let fields = [("org", desk.org.as_str()), ("workflowName", "leads"), ("url", "https://example.com/")];
        assert_eq!(member.post(&path, &fields).await.status, 403, "{path}");
        let fields =
            [("org", stranger_org.as_str()), ("workflowName", "leads"), ("url", "https://example.com/")];
        let answer = stranger.post(&path, &fields).await;
        assert_eq!(answer.status, 404, "{path}: {}", answer.location());
    }
    assert_eq!(stranger.get("/dashboard/webhooks/endpoints/leads").await.status, 404);
    assert_eq!(stranger.get(&delivery).await.status, 404);
    assert_eq!(stranger.get(&format!("{delivery}?bodies=open")).await.status, 404);
    assert_eq!(stranger.post(&format!("{delivery}/replay"), &[("org", &stranger_org)]).await.status, 404);
    let without_trail = |dump: &str| dump.lines().filter(|line| !line.contains("audit")).count();
    assert_eq!(without_trail(&desk.app.dump(desk.clinic.org).await), without_trail(&before));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_receiver_answers_never_becomes_markup() {
    let desk = desk().await;
    desk.make("leads", &[]).await;
    let evil = "</pre><script>alert(1)</script>";
    let called = desk
        .owner
        .send(
            "POST",
            "/api/endpoints/leads/call",
            Some(json!({ "payload": { "evil": evil }, "triggered_by": evil })),
        )
        .await;
    assert_eq!(called.status, 200, "{}", called.body);
    let list = desk.get(&format!("{HOME}/deliveries")).await;
    let delivery = attribute(&list, "tbody .cell-actions a", "href");
    for html in [list, desk.get(&format!("{delivery}?bodies=open")).await] {
        assert!(!html.contains("<script>alert"), "{html}");
    }
}
