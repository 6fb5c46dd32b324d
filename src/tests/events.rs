//! The inbox as people see it: filters, one event with its way, what it brought, running it again.

use serde_json::{Value, json};
use voxanne::domain::{OrgId, Role};
use voxanne::jobs;
use voxanne::webhooks::signature::{HmacPlan, Scheme};

use super::support::app::{Browser, TestApp};
use super::support::wire::Wire;

/// A clinic with a line from its inbound assistant.
async fn line(app: &TestApp, name: &str) -> (super::support::app::Clinic, Browser, Wire) {
    let (clinic, owner) = app.connected_clinic(name).await;
    let (_, assistant) = app.assistants(&clinic)[0];
    let wire = Wire::tap(app, clinic.org, assistant, Scheme::Hmac(HmacPlan::ours())).await;
    (clinic, owner, wire)
}

async fn list(browser: &Browser, query: &str) -> Value {
    let answer = browser.send("GET", &format!("/api/events{query}"), None).await;
    assert_eq!(answer.status, 200, "{query}: {}", answer.body);
    answer.json()
}

fn ids(list: &Value) -> Vec<String> {
    list["events"].as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
}

async fn park(app: &TestApp, org: OrgId) {
    let parked = app
        .meddle(
            "update inbound_events set status = 'parked', attempts = 8, error = 'It did not work.' where org_id = $1",
            org,
        )
        .await;
    assert!(parked > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_inbox_is_filtered_and_paged_with_one_query_for_each_view() {
    let app = TestApp::start().await;
    let (_, owner, wire) = line(&app, "Sunrise Dental").await;
    for at in 0..5 {
        assert_eq!(wire.send(&wire.message("hang", &format!("call-{at}"), &json!({}))).await.status, 200);
    }
    assert_eq!(wire.send(&wire.report("call-2")).await.status, 200);
    let all = ids(&list(&owner, "").await);
    assert_eq!(all.len(), 6);

    // Page by page, nothing twice and nothing left out.
    let mut paged = Vec::new();
    let mut query = "?limit=4".to_owned();
    loop {
        let page = list(&owner, &query).await;
        paged.extend(ids(&page));
        let Some(next) = page["next"].as_str() else { break };
        query = format!("?limit=4&before={next}");
    }
    assert_eq!(paged, all);

    let count = async |query: &str| ids(&list(&owner, query).await).len();
    assert_eq!(count("?kind=hang").await, 5);
    assert_eq!(count("?kind=hang&limit=2").await, 2);
    assert_eq!(count("?callId=call-2").await, 2);
    assert_eq!(count("?callId=call-2&kind=end-of-call-report").await, 1);
    assert_eq!((count("?source=vapi").await, count("?source=whatsapp").await), (6, 0));
    assert_eq!((count("?status=received").await, count("?status=parked").await), (1, 0));
    let hour = time::Duration::hours(1);
    let rfc = |at: time::OffsetDateTime| {
        at.format(&time::format_description::well_known::Rfc3339).unwrap().replace('+', "%2B")
    };
    let now = time::OffsetDateTime::now_utc();
    assert_eq!(count(&format!("?from={}", rfc(now - hour))).await, 6);
    assert_eq!(count(&format!("?from={}", rfc(now + hour))).await, 0);
    assert_eq!(count(&format!("?until={}", rfc(now + hour))).await, 6);
    assert_eq!(count(&format!("?until={}", rfc(now - hour))).await, 0);
    for wrong in ["?status=lost", "?limit=0", "?limit=1000", "?before=x", "?from=yesterday", "?kind="] {
        let answer = owner.send("GET", &format!("/api/events{wrong}"), None).await;
        assert_eq!((answer.status, answer.json()["code"].as_str()), (422, Some("invalid_fields")), "{wrong}");
    }

    // The page understands what it can and never fails.
    let page = owner.get("/dashboard/events?kind=hang&call=call-3").await;
    assert_eq!(page.body.matches("/dashboard/events?call=call-3").count(), 1, "{}", page.body);
    assert!(owner.get("/dashboard/events?source=whatsapp").await.body.contains("No such events here"));
    for odd in ["?from=x&status=y&before=z", "?call=%00", "?call=a&call=b", "?kind=%FF"] {
        assert_eq!(owner.get(&format!("/dashboard/events{odd}")).await.status, 200, "{odd}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_is_masked_and_opened_in_full_only_by_those_who_may_which_is_recorded() {
    let app = TestApp::start().await;
    let (clinic, owner, wire) = line(&app, "Sunrise Dental").await;
    let member = app.sign_in(&clinic.email(Role::Member)).await;
    let stranger = app.connected_clinic("Harbor Clinic").await.1;
    let more = json!({
        "endedReason": "customer-ended-call", "analysis": { "summary": "Jane has a toothache." },
        "customer": { "number": "+15550100123", "name": "Jane Roe" },
    });
    assert_eq!(wire.send(&wire.message("end-of-call-report", "call-9", &more)).await.status, 200);
    let id = ids(&list(&owner, "").await)[0].clone();
    let (path, page) = (format!("/api/events/{id}"), format!("/dashboard/events/{id}"));

    for reader in [&owner, &member] {
        let shown = reader.send("GET", &path, None).await;
        assert_eq!((shown.status, shown.json()["payloadState"].as_str()), (200, Some("masked")));
        assert_eq!(shown.json()["payload"]["message"]["customer"]["number"], "+15***23");
        let html = reader.get(&page).await;
        assert_eq!(html.status, 200);
        for secret in ["+15550100123", "Jane", "toothache"] {
            assert!(!shown.body.contains(secret) && !html.body.contains(secret), "{secret}");
        }
        for part in ["waterfall", "verified", "Stages as a table", "customer-ended-call"] {
            assert!(html.body.contains(part), "{part}");
        }
    }
    assert_eq!(app.recorded(clinic.org, "event.opened", "success").await, 0);

    let full = owner.send("GET", &format!("{path}?payload=full"), None).await;
    assert_eq!(full.json()["payload"]["message"]["analysis"]["summary"], "Jane has a toothache.");
    assert!(owner.get(&format!("{page}?payload=full")).await.body.contains("Jane Roe"));
    assert_eq!(app.recorded(clinic.org, "event.opened", "success").await, 2);
    for answer in [
        member.send("GET", &format!("{path}?payload=full"), None).await,
        member.get(&format!("{page}?payload=full")).await,
    ] {
        assert_eq!(answer.status, 403);
        assert!(!answer.body.contains("Jane"));
    }
    assert_eq!(app.recorded(clinic.org, "event.opened", "denied").await, 2);

    for gone in [&path, &page] {
        assert_eq!(stranger.send("GET", gone, None).await.status, 404);
        assert_eq!(stranger.send("GET", &format!("{gone}?payload=full"), None).await.status, 404);
    }
    app.meddle(
        "update inbound_events set sealed_payload = null, emptied_at = now() where org_id = $1",
        clinic.org,
    )
    .await;
    assert_eq!(owner.send("GET", &path, None).await.json()["payloadState"], "emptied");
    assert!(owner.get(&page).await.body.contains("retention has emptied"));
    let answer = owner.send("POST", &format!("{path}/replay"), None).await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (409, Some("payload_emptied")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_runs_the_handler_again_once_and_what_was_answered_at_once_stays_as_it_is() {
    let app = TestApp::start().await;
    let (clinic, owner, wire) = line(&app, "Sunrise Dental").await;
    let member = app.sign_in(&clinic.email(Role::Member)).await;
    assert_eq!(wire.send(&wire.report("call-1")).await.status, 200);
    jobs::work_off_inbox(app.services.clone()).await.unwrap();
    let id = ids(&list(&owner, "").await)[0].clone();
    let replay = format!("/api/events/{id}/replay");
    let event = async || owner.send("GET", &format!("/api/events/{id}"), None).await.json();
    assert_eq!(event().await["status"], "processed");
    let dump = app.dump(clinic.org).await;

    assert_eq!(member.send("POST", &replay, None).await.status, 403);
    assert_eq!(app.recorded(clinic.org, "event.replayed", "denied").await, 1);
    let answer = owner.send("POST", &replay, None).await;
    assert_eq!((answer.status, answer.json()["status"].as_str()), (202, Some("due")));
    let again = owner.send("POST", &replay, None).await;
    assert_eq!(
        (again.status, again.json()["status"].as_str()),
        (202, Some("waiting")),
        "repeating changes nothing"
    );
    jobs::work_off_inbox(app.services.clone()).await.unwrap();
    let worked = event().await;
    assert_eq!((worked["status"].as_str(), worked["attempts"].as_i64()), (Some("processed"), Some(1)));
    let names: Vec<&str> =
        worked["trace"].as_array().unwrap().iter().map(|stage| stage["stage"].as_str().unwrap()).collect();
    let at = names.iter().position(|name| *name == "replayed").unwrap();
    assert_eq!((names[at + 1], names[names.len() - 1]), ("taken", "worked off"), "{names:?}");
    let times: Vec<u64> =
        worked["trace"].as_array().unwrap().iter().map(|stage| stage["us"].as_u64().unwrap()).collect();
    assert!(times.is_sorted() && times.iter().all(|us| *us < 120_000_000), "{times:?}");
    assert_eq!(app.recorded(clinic.org, "event.replayed", "success").await, 1);
    // Nothing of what the handler made is there twice.
    let rows = |dump: &str, table: &str| {
        dump.lines().filter(|line| line.starts_with(&format!("{{\"{table}\""))).count()
    };
    let after = app.dump(clinic.org).await;
    for table in ["calls", "leads", "messages", "outbound_events", "deliveries"] {
        assert_eq!(rows(&after, table), rows(&dump, table), "{table}");
    }

    // In the dashboard, with a sentence.
    let back = format!("/dashboard/events/{id}");
    let org = clinic.org.to_string();
    let answer = owner.post(&format!("{back}/replay"), &[("org", &org)]).await;
    assert_eq!(answer.status, 303);
    assert!(owner.get(answer.location()).await.body.contains("The event is run again"));

    assert_eq!(wire.send(&wire.send_sms("call-2", "t", "See you.")).await.status, 200);
    let tools = ids(&list(&owner, "?kind=tool-calls").await)[0].clone();
    let sent = app.sandbox.phone_log().len();
    let answer = owner.send("POST", &format!("/api/events/{tools}/replay"), None).await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (409, Some("not_replayable")));
    assert!(answer.json()["detail"].as_str().unwrap().contains("answered while the caller waited"));
    assert!(owner.get(&format!("/dashboard/events/{tools}")).await.body.contains("it is not replayed"));
    jobs::work_off_inbox(app.services.clone()).await.unwrap();
    assert_eq!(app.sandbox.phone_log().len(), sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_parked_since_a_moment_is_worked_on_again_and_tool_calls_stay() {
    let app = TestApp::start().await;
    let (clinic, owner, wire) = line(&app, "Sunrise Dental").await;
    let (other, stranger, foreign) = line(&app, "Harbor Clinic").await;
    for at in 0..5 {
        assert_eq!(wire.send(&wire.report(&format!("call-{at}"))).await.status, 200);
        assert_eq!(foreign.send(&foreign.report(&format!("call-{at}"))).await.status, 200);
    }
    assert_eq!(wire.send(&wire.send_sms("call-0", "t", "See you.")).await.status, 200);
    while list(&owner, "?kind=tool-calls").await["events"][0]["status"] == "received" {}
    for org in [clinic.org, other.org] {
        park(&app, org).await;
    }
    // One of them was received long before.
    let old = app
        .meddle(
            "update inbound_events set received_at = received_at - interval '2 hours'
              where org_id = $1 and call_id = 'call-4'",
            clinic.org,
        )
        .await;
    assert_eq!(old, 1);
    let since = (time::OffsetDateTime::now_utc() - time::Duration::hours(1))
        .format(&time::format_description::well_known::Rfc3339)
        .unwrap();
    let member = app.sign_in(&clinic.email(Role::Member)).await;
    let body = Some(json!({ "since": since }));
    assert_eq!(member.send("POST", "/api/events/recover", body.clone()).await.status, 403);
    let answer = owner.send("POST", "/api/events/recover", body.clone()).await;
    assert_eq!((answer.status, answer.json()), (202, json!({ "recovered": 4, "left": 1 })));
    assert_eq!(app.recorded(clinic.org, "event.recovered", "success").await, 1);
    jobs::work_off_inbox(app.services.clone()).await.unwrap();
    let states =
        async |browser: &Browser, state: &str| ids(&list(browser, &format!("?status={state}")).await).len();
    assert_eq!((states(&owner, "processed").await, states(&owner, "parked").await), (4, 2));
    assert_eq!(states(&stranger, "parked").await, 5, "the other clinic's are its own affair");
    let again = owner.send("POST", "/api/events/recover", body).await;
    assert_eq!(again.json(), json!({ "recovered": 0, "left": 1 }));

    // By the form, which understands what a browser's field sends.
    let org = clinic.org.to_string();
    let answer =
        owner.post("/dashboard/events/recover", &[("org", &org), ("since", "2020-01-01T00:00")]).await;
    let page = owner.get(answer.location()).await.body;
    assert!(page.contains("1 event will be worked on again. 1 stays parked"), "{page}");
    let answer = owner.post("/dashboard/events/recover", &[("org", &org), ("since", "soon")]).await;
    assert!(owner.get(answer.location()).await.body.contains("Enter a date and a time"));
}
