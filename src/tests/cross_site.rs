//! Requests that another site could make a browser send: none of them changes anything.
//!
//! The routes are not listed by hand: the interface's come from its own description, the forms from
//! the router's source. A new route is covered by being there.

use std::collections::BTreeSet;

use serde_json::Value;
use voxanne::domain::Role;

use super::support::app::{Browser, Clinic, TestApp};

const FORM: &str = "application/x-www-form-urlencoded";

/// A route that changes something: method, address, whether it is a form.
type Route = (String, String, bool);

/// A way in which a request is foreign: its name, its headers, the refusal.
type Kind<'a> = (&'static str, Vec<(&'a str, &'a str)>, u16);

/// Every changing route behind the session, with real values in its address.
async fn routes(browser: &Browser) -> Vec<Route> {
    let fill = |path: &str| {
        path.replace("{provider}", "twilio")
            .replace("{role}", "inbound")
            .replace("{id}", "01890000-0000-7000-8000-000000000001")
            .replace("{org}", "01890000-0000-7000-8000-000000000001")
            .replace(['{', '}'], "")
    };
    let mut found = BTreeSet::new();
    let document = browser.send("GET", "/api/openapi.json", None).await.json();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys().filter(|method| *method != "get") {
            found.insert((method.to_uppercase(), fill(path), false));
        }
    }
    let source = include_str!("../http/router.rs");
    let (browser_routes, _) = source.split_once("\nfn webhooks(").unwrap();
    for line in browser_routes.lines().filter(|line| line.contains(".route(\"") && line.contains("post(")) {
        found.insert(("POST".to_owned(), fill(line.split('"').nth(1).unwrap()), true));
    }
    assert!(found.len() >= 20, "{found:?}");
    assert!(found.iter().any(|route| route.1 == "/login") && found.iter().any(|route| route.0 == "DELETE"));
    found.into_iter().collect()
}

/// A body that the route would take.
fn body(clinic: &Clinic, (_, path, is_form): &Route) -> String {
    let org = clinic.org.to_string();
    if *is_form {
        return url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("org", org.as_str()),
                ("name", "Changed"),
                ("timeZone", "UTC"),
                ("country", "US"),
                ("accountSid", clinic.twilio.sid.as_str()),
                ("authToken", clinic.twilio.auth_token.as_str()),
                ("phoneNumber", clinic.twilio.numbers[0].number.as_str()),
                ("to", "+15550100199"),
                ("email", "nobody@clinic.example"),
                ("password", "a sentence that is wrong"),
            ])
            .finish();
    }
    let mut body = clinic.twilio_body();
    if path.ends_with("/api-keys") {
        body = serde_json::json!({ "name": "billing", "role": "member" });
    } else if path.ends_with("/sms/test") {
        body = serde_json::json!({ "to": "+15550100199" });
    }
    body.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_route_changes_anything_for_a_request_of_another_site() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let owner = app.sign_in(&clinic.email(Role::Owner)).await;
    let cookie = owner.cookie();
    let before = app.db.digest().await;
    let own = app.url.as_str();
    let port = own.rsplit_once(':').unwrap().1;
    let neighbour = format!("http://127.0.0.1.evil.example:{port}");
    let kinds: [Kind<'_>; 8] = [
        ("a foreign origin", vec![("origin", "https://evil.example")], 403),
        ("an origin that begins like ours", vec![("origin", neighbour.as_str())], 403),
        ("an opaque origin", vec![("origin", "null")], 403),
        ("cross-site", vec![("sec-fetch-site", "cross-site")], 403),
        (
            "cross-site with our origin",
            vec![("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")],
            403,
        ),
        ("same-site", vec![("sec-fetch-site", "same-site"), ("origin", "https://evil.example")], 403),
        ("neither header", vec![], 403),
        ("a body of text", vec![("origin", own), ("content-type", "text/plain")], 415),
    ];
    let routes = routes(&owner).await;
    for route in &routes {
        let (method, path, is_form) = route;
        for (name, headers, status) in &kinds {
            for accept in ["text/html", "application/json"] {
                let mut headers = headers.clone();
                headers.push(("accept", accept));
                if !headers.iter().any(|(name, _)| *name == "content-type") {
                    headers.push(("content-type", if *is_form { FORM } else { "application/json" }));
                }
                let answer = owner.raw(method, path, &headers, Some(&body(&clinic, route))).await;
                assert_eq!(answer.status, *status, "{method} {path}: {name}: {}", answer.body);
                let kind = if accept == "text/html" { "text/html" } else { "application/problem+json" };
                assert!(
                    answer.header("content-type").starts_with(kind),
                    "{method} {path}: {name}: {:?}",
                    answer.headers
                );
                assert_eq!(owner.cookie(), cookie);
            }
        }
    }
    assert_eq!(app.db.digest().await, before, "nothing was changed");
    assert_eq!(owner.get("/dashboard").await.status, 200, "nobody was signed out");
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_a_changing_route_changes_nothing() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let owner = app.sign_in(&clinic.email(Role::Owner)).await;
    let before = app.db.digest().await;
    for route in routes(&owner).await {
        let (_, path, is_form) = &route;
        let query = if *is_form { format!("?{}", body(&clinic, &route)) } else { String::new() };
        for method in ["GET", "HEAD"] {
            let headers = [("accept", "text/html"), ("sec-fetch-site", "cross-site")];
            let answer = owner.raw(method, &format!("{path}{query}"), &headers, None).await;
            // A page may have the address that its form posts to; the digest says that it only reads.
            let pages = ["/login", "/setup", "/dashboard/events/test"];
            let is_page = pages.contains(&path.as_str()) || path.starts_with("/api/");
            assert!(answer.status == 405 || is_page, "{method} {path}: {}", answer.status);
            if answer.status == 405 {
                assert!(!answer.header("allow").is_empty(), "{method} {path} says what it takes");
            }
        }
    }
    assert_eq!(app.db.digest().await, before);
    assert_eq!(owner.get("/dashboard").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_pages_and_programs_with_a_key_are_let_in() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let owner = app.sign_in(&clinic.email(Role::Owner)).await;
    let org = clinic.org.to_string();
    let form = format!("org={org}&name=Changed&timeZone=UTC&country=US");
    let own = app.url.as_str();
    for headers in [
        vec![("origin", own), ("content-type", FORM)],
        vec![("sec-fetch-site", "same-origin"), ("content-type", FORM)],
        vec![
            ("origin", own),
            ("sec-fetch-site", "same-origin"),
            ("content-type", "application/x-www-form-urlencoded; charset=UTF-8"),
        ],
    ] {
        let answer = owner.raw("POST", "/dashboard/settings/profile", &headers, Some(&form)).await;
        assert!(answer.status == 303 || answer.status == 200, "{headers:?}: {}", answer.body);
    }
    let made =
        owner.send("POST", "/api/api-keys", Some(serde_json::json!({ "name": "x", "role": "admin" }))).await;
    let made: Value = made.json();
    let bearer = format!("Bearer {}", made["key"].as_str().unwrap());
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let program = app.browser();
    let answer =
        program.raw("POST", "/api/api-keys", &headers, Some(r#"{"name":"y","role":"member"}"#)).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
}
