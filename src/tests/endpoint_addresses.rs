//! The address of an endpoint is a secret: it lies sealed in its own place, with what is sent along, and is
//! shown to owners and admins. That no log holds one is in `canary`, that it is sealed anew in `rotation`.

use serde_json::{Value, json};
use uuid::Uuid;
use voxanne::domain::{OrgId, Role};
use voxanne::jobs;
use voxanne::vault::{Place, SecretFields, SecretText};

use super::endpoint_secrets::visit;
use super::endpoints::{House, house};
use super::platform::{open, staff};
use super::support::state::every_row;

const TOKEN: &str = "a-very-secret-token-of-forty-characters-or-more";
/// What stands in no column, whatever is done.
const PATH: &str = "a-path-that-only-the-clinic-knows";

impl House {
    fn at(&self, path: &str) -> String {
        self.app.sandbox.hooks().url(path)
    }

    async fn patch(&self, name: &str, body: Value) -> super::support::app::Answer {
        self.owner.send("PATCH", &format!("/api/endpoints/{name}"), Some(body)).await
    }

    async fn call(&self, name: &str) -> Value {
        let path = format!("/api/endpoints/{name}/call");
        self.owner.send("POST", &path, Some(json!({ "payload": { "a": 1 } }))).await.json()
    }

    /// Where the last post came, and with which bearer.
    fn last(&self) -> (String, String) {
        let received = self.app.sandbox.hooks().received();
        let last = received.last().expect("something was sent");
        let bearer = last.headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
        (last.path.clone(), bearer.unwrap_or_default())
    }

    /// What the superuser reads of endpoints that are not sealed: 0 where all are.
    async fn plain(&self) -> i64 {
        let plain = "select count(*) from endpoints where org_id = $1
                       and (sealed_target is null or address is null or url is not null or sealed_auth is not null)";
        self.app.count(plain, self.clinic.org).await
    }
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

#[tokio::test(flavor = "multi_thread")]
async fn no_address_of_an_endpoint_lies_in_the_database_in_plain_text() {
    let house = house().await;
    let (first, moved) = (format!("demo/{PATH}"), format!("moved/{PATH}"));
    let made = json!({ "workflowName": "leads", "url": house.at(&first), "bearerToken": TOKEN });
    let made = house.owner.send("POST", "/api/endpoints", Some(made)).await;
    assert_eq!((made.status, made.json()["url"].clone()), (201, json!(house.at(&first))), "{}", made.body);
    assert_eq!(house.call("leads").await["success"], true);
    assert_eq!(house.patch("leads", json!({ "url": house.at(&moved) })).await.status, 200);
    assert_eq!(house.call("leads").await["success"], true);
    assert_eq!(house.last(), (moved.clone(), bearer(TOKEN)), "the token stays with its server");
    // A sample that fails, and a form that comes back: the address that was typed waits as a draft.
    house.app.sandbox.hooks().set_behaviour(&moved, voxanne::sandbox::HookBehaviour::Status(500));
    assert_eq!(house.call("leads").await["success"], false);
    let org = house.clinic.org.to_string();
    let form = [("org", org.as_str()), ("workflowName", "Not A Name"), ("url", &house.at(&moved))];
    let back = house.owner.post("/dashboard/webhooks/endpoints", &form).await;
    assert!(back.location().contains("?panel=new"), "{}", back.location());
    let waiting = "select count(*) from endpoint_drafts where org_id = $1";
    assert_eq!(house.app.count(waiting, house.clinic.org).await, 1);

    let rows = every_row(&mut house.app.db.superuser.acquire().await.unwrap()).await;
    for table in ["endpoints", "endpoint_drafts", "sessions", "delivery_attempts", "audit_log"] {
        assert!(rows.contains(&format!("{{\"{table}\":")), "{table} was read");
    }
    assert!(!rows.contains(PATH) && !rows.contains(TOKEN), "it lies in the database");
    assert_eq!(house.plain().await, 0);
    assert_eq!(
        house.app.count("select count(*) from endpoints where org_id = $1", house.clinic.org).await,
        1
    );

    // Whoever may see it sees it, wherever they did before; the others see its server.
    let page = house.owner.get(back.location()).await.body;
    assert!(page.contains(&house.at(&moved)), "{page}");
    let admin = house.app.sign_in(&house.clinic.email(Role::Admin)).await;
    let member = house.app.sign_in(&house.clinic.email(Role::Member)).await;
    let staff = staff(&house.app).await;
    assert_eq!(open(&staff, house.clinic.org).await.status, 201);
    visit(&house, &staff).await;
    let server = url::Url::parse(&house.at("")).unwrap().origin().ascii_serialization();
    for (who, may_see) in [(&house.owner, true), (&admin, true), (&member, false), (&staff, false)] {
        let shown = if may_see { house.at(&moved) } else { format!("{server}/***") };
        let one = who.send("GET", "/api/endpoints/leads", None).await.json();
        let all = who.send("GET", "/api/endpoints", None).await.json();
        assert_eq!((&one["url"], &all["endpoints"][0]["url"]), (&json!(shown), &json!(shown)));
        for path in ["/dashboard/webhooks/endpoints/leads", "/dashboard/webhooks/endpoints/leads?panel=edit"]
        {
            let page = who.get(path).await;
            assert_eq!((page.status, page.body.contains(PATH)), (200, may_see), "{path}: {}", page.body);
        }
        assert!(!who.get("/dashboard/webhooks").await.body.contains(PATH), "lists show the host");
    }
    // What was shown is not taken for an address, and what is not said stays.
    let masked = house.patch("leads", json!({ "url": format!("{server}/***") })).await;
    assert_eq!((masked.status, masked.json()["errors"][0]["field"].clone()), (422, json!("url")));
    assert_eq!(
        house.patch("leads", json!({ "description": "Elsewhere" })).await.json()["url"],
        house.at(&moved)
    );
}

/// Takes an endpoint back to how it lay before addresses were sealed.
async fn as_before(house: &House, name: &str, url: &str, token: Option<&str>) {
    let id = house.show(name).await["id"].as_str().unwrap().parse::<Uuid>().unwrap();
    let org = house.clinic.org;
    let place = Place { org: Some(org), table: "endpoints", column: "sealed_auth", provider: "", row: id };
    let mut headers = SecretFields::new();
    let sealed = match token {
        Some(token) => {
            headers.insert("authorization", SecretText::new(bearer(token)));
            Some(house.app.services.vault.seal(&place, headers.encode().expose()).await.unwrap())
        }
        None => None,
    };
    let done = sqlx::query(
        "update endpoints set url = $3, sealed_auth = $4, key_version = $5, sealed_target = null, address = null
          where org_id = $1 and id = $2",
    )
    .bind(org.0)
    .bind(id)
    .bind(url)
    .bind(sealed.as_ref().map(voxanne::vault::Sealed::as_bytes))
    .bind(sealed.as_ref().map(voxanne::vault::Sealed::key_version))
    .execute(&house.app.db.superuser)
    .await
    .unwrap();
    assert_eq!(done.rows_affected(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_from_before_is_sealed_by_the_worker_and_called_before_and_after() {
    let house = house().await;
    house.endpoint("plain", json!({})).await;
    for name in ["leads", "damaged", "changed"] {
        house.endpoint(name, json!({ "bearerToken": TOKEN })).await;
    }
    let path = |name: &str| format!("{name}/{PATH}");
    as_before(&house, "leads", &house.at(&path("leads")), Some(TOKEN)).await;
    as_before(&house, "plain", &house.at(&path("plain")), None).await;
    as_before(&house, "damaged", &house.at(&path("damaged")), Some(TOKEN)).await;
    as_before(&house, "changed", &house.at(&path("changed")), Some(TOKEN)).await;
    let damage = "update endpoints set sealed_auth = '\\x00' where org_id = $1 and workflow_name = 'damaged'";
    assert_eq!(house.app.meddle(damage, house.clinic.org).await, 1);
    assert_eq!(house.plain().await, 4);

    // Nothing waits for the worker: not a call, not what is shown, not a change, which seals at once.
    let calls = async || {
        for (name, token) in [("leads", bearer(TOKEN)), ("plain", String::new())] {
            assert_eq!(house.call(name).await["success"], true, "{name}");
            assert_eq!(house.last(), (path(name), token), "{name}");
            assert_eq!(house.show(name).await["url"], house.at(&path(name)));
        }
    };
    calls().await;
    let member = house.app.sign_in(&house.clinic.email(Role::Member)).await;
    let seen = member.send("GET", "/api/endpoints", None).await.body;
    assert!(!seen.contains(PATH) && seen.contains("/***"), "{seen}");
    let moved = house.at(&path("changed-since"));
    assert_eq!(house.patch("changed", json!({ "url": moved })).await.status, 200);
    assert_eq!(house.plain().await, 3);
    assert_eq!(house.call("changed").await["success"], true);
    assert_eq!(house.last().1, bearer(TOKEN));

    // One that can not be read keeps none of the others waiting, and is not lost.
    jobs::sweep_often(house.app.services.clone()).await.unwrap();
    assert_eq!(house.plain().await, 1);
    calls().await;
    let counted = "select sum(attempts_total)::int8 from endpoints where org_id = $1";
    assert_eq!(house.app.count(counted, house.clinic.org).await, 5);
    let left =
        "select count(*) from endpoints where org_id = $1 and url is not null and workflow_name = 'damaged'";
    assert_eq!(house.app.count(left, house.clinic.org).await, 1);
    assert_eq!(house.call("damaged").await["success"], false);
    let again = json!({ "url": house.at(&path("damaged")), "bearerToken": TOKEN });
    assert_eq!(house.patch("damaged", again).await.status, 200);
    assert_eq!(house.call("damaged").await["success"], true);
    let rows = every_row(&mut house.app.db.superuser.acquire().await.unwrap()).await;
    assert_eq!((house.plain().await, rows.contains(PATH)), (0, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_was_sealed_for_another_place_is_never_called() {
    let house = house().await;
    house.endpoint("leads", json!({ "bearerToken": TOKEN })).await;
    let other = house.app.clinic("Harbor Clinic").await;
    let id = house.show("leads").await["id"].as_str().unwrap().parse::<Uuid>().unwrap();
    let home = Place {
        org: Some(house.clinic.org),
        table: "endpoints",
        column: "sealed_target",
        provider: "",
        row: id,
    };
    let mut fields = SecretFields::new();
    fields.insert("address", SecretText::new(house.at("demo/put-there")));
    let hooks = house.app.sandbox.hooks();
    for (moved, place, is_called) in [
        ("its own place", home, true),
        ("table", Place { table: "endpoint_drafts", ..home }, false),
        ("column", Place { column: "sealed_auth", ..home }, false),
        ("row", Place { row: Uuid::now_v7(), ..home }, false),
        ("clinic", Place { org: Some(other.org), ..home }, false),
        ("platform", Place { org: None, ..home }, false),
    ] {
        let sealed = house.app.services.vault.seal(&place, fields.encode().expose()).await.unwrap();
        put(&house, id, sealed.as_bytes(), sealed.key_version()).await;
        hooks.forget();
        let called = house.call("leads").await;
        assert_eq!(
            (called["success"].as_bool(), hooks.received().len()),
            (Some(is_called), usize::from(is_called)),
            "{moved}: {called}"
        );
        let page = house.owner.get("/dashboard/webhooks/endpoints/leads?panel=edit").await;
        assert_eq!(
            (page.status, page.body.contains("put-there")),
            (200, is_called),
            "{moved}: {}",
            page.body
        );
    }
    // Nor does the address of one endpoint serve another one of the same clinic.
    house.endpoint("other", json!({})).await;
    let sealed: (Vec<u8>, i32) =
        sqlx::query_as("select sealed_target, key_version from endpoints where workflow_name = 'other'")
            .fetch_one(&house.app.db.superuser)
            .await
            .unwrap();
    put(&house, id, &sealed.0, sealed.1).await;
    hooks.forget();
    assert_eq!(house.call("leads").await["success"], false);
    assert_eq!(hooks.received().len(), 0);
    // Entered anew, it works: its headers as well, since nobody can tell where they were to go.
    let only = house.patch("leads", json!({ "url": house.at("demo/leads") })).await;
    assert_eq!((only.status, only.json()["code"].clone()), (409, json!("unreadable")), "{}", only.body);
    let whole = json!({ "url": house.at("demo/leads"), "bearerToken": "another-token" });
    assert_eq!(house.patch("leads", whole).await.status, 200);
    assert_eq!(house.call("leads").await["success"], true);
    assert_eq!(house.last(), ("demo/leads".to_owned(), bearer("another-token")));
}

/// Writes a value into the row of an endpoint, as somebody with all rights would.
async fn put(house: &House, endpoint: Uuid, sealed: &[u8], version: i32) {
    let put = "update endpoints set sealed_target = $3, key_version = $4 where org_id = $1 and id = $2";
    let OrgId(org) = house.clinic.org;
    let done = sqlx::query(put).bind(org).bind(endpoint).bind(sealed).bind(version);
    assert_eq!(done.execute(&house.app.db.superuser).await.unwrap().rows_affected(), 1);
}
