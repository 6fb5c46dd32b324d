//! Secrets of an endpoint, for `canary`: used in every way that there is, so that they would come out.

use serde_json::json;
use uuid::Uuid;

use super::support::app::Browser;
use super::support::canaries::{Canary, Outputs};

/// Secrets of an endpoint: a token in its path, which owners and admins see, and what is sent along, in a form
/// that comes back, in one that is right, and in calls that fail.
pub struct Endpoint {
    path: String,
    moved: String,
    token: String,
    key: String,
}

/// Where an owner sees the address of their own endpoint.
const OWN_ADDRESS: &str = "an endpoint as its owner sees it";

impl Endpoint {
    pub fn new() -> Self {
        let [path, moved, token, key] = [(); 4].map(|()| Uuid::new_v4().simple().to_string());
        Self { path, moved, token, key }
    }

    pub async fn use_it(
        &self,
        outputs: &mut Outputs,
        (owner, member, org): (&Browser, &Browser, &str),
        (stand_in, n8n): (&Browser, &str),
    ) {
        let home = "/dashboard/webhooks";
        let [url, moved] = [&self.path, &self.moved].map(|path| format!("{n8n}webhook/{path}/leads"));
        let headers = format!("X-Key: {}", self.key);
        let wrong = [
            ("org", org),
            ("workflowName", "Not A Name"),
            ("url", &url),
            ("bearerToken", &self.token),
            ("headers", &headers),
        ];
        let back = owner.post(&format!("{home}/endpoints"), &wrong).await;
        let next = outputs.keep("the form of an endpoint", back).location().to_owned();
        let page = outputs.keep(OWN_ADDRESS, owner.get(&next).await).body;
        let draft =
            page.split("name=\"draft\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let right = [("org", org), ("workflowName", "leads"), ("url", &url), ("draft", &draft)];
        let made = owner.post(&format!("{home}/endpoints"), &right).await;
        assert_eq!(outputs.keep(OWN_ADDRESS, made).status, 200);
        for (url, behaviour) in [(&url, "works"), (&url, "server_error"), (&moved, "reset"), (&moved, "gone")]
        {
            let body = Some(json!({ "url": url }));
            let changed = owner.send("PATCH", "/api/endpoints/leads", body).await;
            assert_eq!(outputs.keep(OWN_ADDRESS, changed).status, 200);
            let path = url.split("webhook/").nth(1).unwrap();
            stand_in.post("/hooks", &[("path", path), ("behaviour", behaviour)]).await;
            let body = Some(json!({ "payload": { "a": 1 } }));
            let called = owner.send("POST", "/api/endpoints/leads/call", body).await;
            assert_eq!(outputs.keep("a call of an endpoint", called).status, 200);
        }
        for path in [
            "/dashboard/webhooks",
            "/dashboard/webhooks/attempts",
            "/dashboard/webhooks/deliveries",
            "/api/deliveries",
            "/api/audit",
        ] {
            outputs.keep(&format!("an owner's {path}"), owner.get(path).await);
        }
        for path in [
            "/dashboard/webhooks/endpoints/leads",
            "/dashboard/webhooks/endpoints/leads?panel=edit",
            "/dashboard/webhooks",
        ] {
            outputs.keep(OWN_ADDRESS, owner.get(path).await);
            let seen = outputs.keep(&format!("a member's {path}"), member.get(path).await);
            assert!(seen.status == 200 && seen.body.contains("leads"), "{}", seen.body);
        }
        for path in ["/api/endpoints", "/api/endpoints/leads"] {
            outputs.keep(OWN_ADDRESS, owner.send("GET", path, None).await);
            outputs.keep(&format!("a member's {path}"), member.send("GET", path, None).await);
        }
        let gone = owner.send("DELETE", "/api/endpoints/leads", None).await;
        assert_eq!(outputs.keep("deleting an endpoint", gone).status, 204);
        // Made again, so that the database has one.
        let again = json!({ "workflowName": "leads", "url": url, "headers": { "X-Key": self.key } });
        let again = owner.send("POST", "/api/endpoints", Some(again)).await;
        assert_eq!(outputs.keep(OWN_ADDRESS, again).status, 201);
    }

    pub fn canaries(&self) -> [Canary; 4] {
        let canary = |name: &str, value: &str, allowed| Canary {
            name: name.to_owned(),
            value: value.to_owned(),
            allowed,
        };
        [
            canary("the path of an endpoint", &self.path, &[OWN_ADDRESS]),
            canary("the later path of an endpoint", &self.moved, &[OWN_ADDRESS]),
            canary("the token of an endpoint", &self.token, &[]),
            canary("the key of an endpoint", &self.key, &[]),
        ]
    }
}
