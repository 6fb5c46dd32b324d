//! Several senders of text messages: the clinic's choice, the fallback that stands in only where the
//! first surely did not send, and never a message that goes out twice.

use serde_json::{Value, json};
use voxanne::domain::{OrgId, ProviderId, Role};
use voxanne::jobs::{run_due_jobs, work_off_inbox};
use voxanne::sandbox::{AwsAccount, Fault, VonageAccount};

use super::support::app::{Answer, Browser, Clinic, TestApp};
use super::support::state::connect;

const TO: &str = "+15550100123";
const ALL: [ProviderId; 3] = [ProviderId::Twilio, ProviderId::Vonage, ProviderId::Sns];

/// A clinic with all three senders connected.
struct House {
    app: TestApp,
    clinic: Clinic,
    owner: Browser,
    vonage: VonageAccount,
    aws: AwsAccount,
}

async fn house() -> House {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let vonage = app.sandbox.add_vonage("Sunrise Dental", "+15550100110");
    let aws = app.sandbox.add_aws("Sunrise Dental");
    for (provider, body) in [("vonage", vonage_body(&vonage)), ("sns", aws_body(&aws))] {
        let answer = connect(&owner, provider, body).await;
        assert_eq!((answer.status, &answer.json()["outcome"]), (200, &json!("accepted")), "{}", answer.body);
    }
    app.sandbox.forget_requests();
    House { app, clinic, owner, vonage, aws }
}

fn vonage_body(account: &VonageAccount) -> Value {
    json!({ "apiKey": account.api_key, "apiSecret": account.api_secret, "sender": format!("+{}", account.numbers[0]) })
}

fn aws_body(account: &AwsAccount) -> Value {
    json!({ "accessKeyId": account.access_key_id, "secretAccessKey": account.secret_access_key, "region": "eu-central-1" })
}

async fn choose(owner: &Browser, primary: Option<&str>, fallback: Option<&str>) -> Value {
    let body = json!({ "primary": primary, "fallback": fallback });
    let answer = owner.send("PUT", "/api/sms/senders", Some(body)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

async fn send(owner: &Browser) -> Answer {
    owner.send("POST", "/api/sms/test", Some(json!({ "to": TO }))).await
}

/// How many requests each sender has seen.
fn asked(app: &TestApp) -> [usize; 3] {
    ALL.map(|provider| app.sandbox.requests(provider).len())
}

/// The messages of a clinic, oldest first: provider, status, why chosen, the note.
async fn rows(app: &TestApp, org: OrgId) -> Vec<(String, String, String, Option<String>)> {
    sqlx::query_as("select provider, status, chosen, chosen_note from messages where org_id = $1 order by id")
        .bind(org.0)
        .fetch_all(&app.db.superuser)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_that_is_connected_sends_until_the_clinic_chooses() {
    let House { app, clinic, owner, .. } = house().await;
    let stranger = app.connected_clinic("Harbor Clinic").await;
    app.sandbox.forget_requests();
    let sent = send(&owner).await.json();
    assert_eq!((&sent["sender"], &sent["chosen"]), (&json!("twilio"), &json!("first")), "{sent}");
    assert_eq!(asked(&app), [1, 0, 0]);

    let chosen = choose(&owner, Some("sns"), Some("vonage")).await;
    assert_eq!(chosen["order"], json!(["sns", "vonage"]));
    assert_eq!(chosen["connected"], json!(["twilio", "vonage", "sns"]));
    let sent = send(&owner).await.json();
    assert_eq!(
        (&sent["sender"], &sent["chosen"], &sent["note"]),
        (&json!("sns"), &json!("primary"), &Value::Null)
    );
    assert_eq!(asked(&app), [1, 0, 1], "one message, one request");
    assert_eq!(app.sandbox.phone_log().last().unwrap().sid, sent["sid"].as_str().unwrap());

    // The choice is the clinic's own.
    let theirs = stranger.1.send("GET", "/api/sms/senders", None).await.json();
    assert_eq!((&theirs["primary"], &theirs["order"]), (&Value::Null, &json!(["twilio"])));
    let org = clinic.org;
    assert_eq!(app.recorded(org, "senders.changed", "success").await, 1);
    let kept: Vec<String> =
        rows(&app, org).await.into_iter().map(|row| format!("{} {}", row.0, row.2)).collect();
    assert_eq!(kept, ["twilio first", "sns primary"]);

    // Asked for by name, a sender is tried alone.
    let body = json!({ "to": TO, "sender": "vonage" });
    let asked_for = owner.send("POST", "/api/sms/test", Some(body)).await.json();
    assert_eq!((&asked_for["sender"], &asked_for["chosen"]), (&json!("vonage"), &json!("asked")));
    let wrong = owner.send("POST", "/api/sms/test", Some(json!({ "to": TO, "sender": "vapi" }))).await;
    assert_eq!((wrong.status, &wrong.json()["errors"][0]["field"]), (422, &json!("sender")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fallback_stands_in_where_the_first_surely_did_not_send() {
    let House { app, clinic, owner, vonage, .. } = house().await;
    choose(&owner, Some("vonage"), Some("twilio")).await;
    let key = vonage.api_key.as_str();
    // Refused, throttled: the first is asked once, says no, and the second sends.
    for (fault, words) in
        [(Fault::Unauthorized, "rejected the API key"), (Fault::Throttled, "Nothing was sent")]
    {
        app.sandbox.forget_requests();
        app.sandbox.faults().set(ProviderId::Vonage, fault);
        let sent = send(&owner).await.json();
        assert_eq!((&sent["sender"], &sent["chosen"]), (&json!("twilio"), &json!("fallback")), "{sent}");
        assert!(sent["note"].as_str().unwrap().contains(words), "{sent}");
        assert_eq!(asked(&app), [1, 1, 0], "{fault:?}");
    }
    app.sandbox.faults().set(ProviderId::Vonage, Fault::None);
    app.sandbox.change_vonage(key, |account| account.balance = 0.0);
    let sent = send(&owner).await.json();
    assert!(sent["note"].as_str().unwrap().contains("credit is used up"), "{sent}");
    // Out of use: the first is not even asked.
    for (meddling, words) in [
        (
            "update org_integrations set is_paused = true where org_id = $1 and provider = 'vonage'",
            "is paused",
        ),
        (
            "update org_integrations set is_paused = false, verification_status = 'failed' where org_id = $1 and provider = 'vonage'",
            "refused this clinic's credential",
        ),
    ] {
        assert_eq!(app.meddle(meddling, clinic.org).await, 1);
        app.services.evict(clinic.org);
        app.sandbox.forget_requests();
        let sent = send(&owner).await.json();
        assert_eq!(sent["chosen"], "fallback", "{sent}");
        assert!(sent["note"].as_str().unwrap().contains(words), "{sent}");
        assert_eq!(asked(&app), [1, 0, 0]);
    }
    assert_eq!(owner.send("DELETE", "/api/integrations/vonage", None).await.status, 204);
    let sent = send(&owner).await.json();
    assert!(sent["note"].as_str().unwrap().contains("Vonage is not connected"), "{sent}");
    assert_eq!(app.sandbox.phone_log().len(), 6, "six messages were wanted, six went out");
    let kept = rows(&app, clinic.org).await;
    assert_eq!(
        kept.iter().filter(|row| row.0 == "vonage" && row.1 == "failed" && row.2 == "primary").count(),
        3
    );
    assert_eq!(
        kept.iter().filter(|row| row.0 == "twilio" && row.1 == "queued" && row.3.is_some()).count(),
        6
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_outcome_is_parked_and_never_repeated_by_the_fallback() {
    let House { app, clinic, owner, .. } = house().await;
    for (primary, fallback, at) in [("twilio", "vonage", 0), ("vonage", "sns", 1), ("sns", "twilio", 2)] {
        choose(&owner, Some(primary), Some(fallback)).await;
        app.sandbox.forget_requests();
        let before = app.sandbox.phone_log().len();
        app.sandbox.faults().set(ALL[at], Fault::LostAnswer);
        let answer = send(&owner).await;
        app.sandbox.faults().set(ALL[at], Fault::None);
        assert_eq!((answer.status, &answer.json()["code"]), (502, &json!("provider_unavailable")));
        assert!(answer.json()["detail"].as_str().unwrap().contains("may have been sent"), "{}", answer.body);
        let mut expected = [0; 3];
        expected[at] = 1;
        assert_eq!(asked(&app), expected, "{primary}: nobody else was asked");
        assert_eq!(app.sandbox.phone_log().len(), before + 1, "{primary}: it went out once");
    }
    run_due_jobs(app.services.clone()).await.unwrap();
    work_off_inbox(app.services.clone()).await.unwrap();
    let kept = rows(&app, clinic.org).await;
    assert_eq!((kept.len(), kept.iter().filter(|row| row.1 == "parked").count()), (3, 3), "{kept:?}");
    assert_eq!(app.sandbox.phone_log().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_answered_stop_gets_it_by_no_other_way() {
    let House { app, owner, aws, .. } = house().await;
    choose(&owner, Some("sns"), Some("twilio")).await;
    app.sandbox.change_aws(&aws.access_key_id, |account| account.opted_out.push(TO.to_owned()));
    let answer = send(&owner).await;
    assert_eq!((answer.status, &answer.json()["code"]), (502, &json!("provider_refused")));
    assert!(answer.json()["detail"].as_str().unwrap().contains("answered STOP"), "{}", answer.body);
    assert_eq!(asked(&app), [0, 0, 1], "the fallback was not asked");
    assert!(app.sandbox.phone_log().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn with_none_usable_both_are_named_with_the_next_step_and_nobody_is_asked() {
    let House { app, clinic, owner, .. } = house().await;
    choose(&owner, Some("vonage"), Some("sns")).await;
    for provider in ["vonage", "sns"] {
        assert_eq!(
            owner.send("POST", &format!("/api/integrations/{provider}/pause"), None).await.status,
            204
        );
    }
    let answer = send(&owner).await;
    assert_eq!((answer.status, &answer.json()["code"]), (409, &json!("paused")));
    let detail = answer.json()["detail"].as_str().unwrap().to_owned();
    for words in
        ["Vonage is paused for this clinic", "AWS SNS is paused for this clinic", "under Integrations"]
    {
        assert!(detail.contains(words), "{detail}");
    }
    assert_eq!(asked(&app), [0, 0, 0], "not even Twilio, which nobody has chosen");
    assert_eq!(app.count("select count(*) from messages where org_id = $1", clinic.org).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_clinics_send_with_their_own_accounts_and_no_other_credential_is_ever_seen() {
    let House { app, owner, vonage, aws, .. } = house().await;
    let (_, stranger) = app.connected_clinic("Harbor Clinic").await;
    let theirs =
        (app.sandbox.add_vonage("Harbor Clinic", "+15550100210"), app.sandbox.add_aws("Harbor Clinic"));
    assert_eq!(connect(&stranger, "vonage", vonage_body(&theirs.0)).await.status, 200);
    assert_eq!(connect(&stranger, "sns", aws_body(&theirs.1)).await.status, 200);
    for (browser, name, keys) in [
        (&owner, "Sunrise Dental", [vonage.api_key.as_str(), aws.account_id.as_str()]),
        (&stranger, "Harbor Clinic", [theirs.0.api_key.as_str(), theirs.1.account_id.as_str()]),
    ] {
        for (word, key) in ["vonage", "sns"].into_iter().zip(keys) {
            choose(browser, Some(word), None).await;
            app.sandbox.forget_requests();
            assert_eq!(send(browser).await.status, 200);
            assert_eq!(app.sandbox.phone_log().last().unwrap().account_sid, key);
            for provider in ALL {
                let seen = app.sandbox.requests(provider);
                assert!(seen.iter().all(|request| request.account.as_deref() == Some(name)), "{seen:?}");
                assert!(seen.iter().all(|request| request.status == 200), "{seen:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_makes_sense_can_be_chosen() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    for (primary, fallback, field, words) in [
        (Some("vapi"), None, "primary", "Use one of twilio"),
        (Some("vonage"), None, "primary", "Vonage is not connected"),
        (None, Some("twilio"), "fallback", "Choose who sends first"),
        (Some("twilio"), Some("twilio"), "fallback", "somebody else"),
        (Some("twilio"), Some("sns"), "fallback", "AWS SNS is not connected"),
    ] {
        let body = json!({ "primary": primary, "fallback": fallback });
        let answer = owner.send("PUT", "/api/sms/senders", Some(body)).await;
        assert_eq!(
            (answer.status, &answer.json()["errors"][0]["field"]),
            (422, &json!(field)),
            "{}",
            answer.body
        );
        assert!(answer.json()["detail"].as_str().unwrap().contains(words), "{}", answer.body);
    }
    let member = app.sign_in(&clinic.email(Role::Member)).await;
    let body = json!({ "primary": "twilio", "fallback": null });
    assert_eq!(member.send("PUT", "/api/sms/senders", Some(body)).await.status, 403);
    assert_eq!(member.send("GET", "/api/sms/senders", None).await.json()["primary"], Value::Null);
    assert_eq!(app.recorded(clinic.org, "senders.changed", "denied").await, 1);
    assert_eq!(app.recorded(clinic.org, "senders.changed", "success").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_without_scripts_chooses_senders_and_asks_one_by_name() {
    let House { app, clinic, owner, .. } = house().await;
    let org = clinic.org.to_string();
    let page = owner.get("/dashboard/settings").await.body;
    assert!(page.contains("Twilio sends them.") && page.contains("action=\"/dashboard/settings/senders\""));
    let form = [("org", org.as_str()), ("primary", "vonage"), ("fallback", "vonage")];
    let answer = owner.post("/dashboard/settings/senders", &form).await;
    assert_eq!((answer.status, answer.location()), (303, "/dashboard/settings?said=1"));
    assert!(owner.get(answer.location()).await.body.contains("somebody else than who sends first"));
    let form = [("org", org.as_str()), ("primary", "vonage"), ("fallback", "twilio")];
    let answer = owner.post("/dashboard/settings/senders", &form).await;
    let page = owner.get(answer.location()).await.body;
    assert!(page.contains("Vonage sends them. Twilio stands in where Vonage surely did not send."), "{page}");

    let panel = owner.get("/dashboard/integrations?panel=sms").await.body;
    assert!(panel.contains("As usual: Vonage, then Twilio") && panel.contains("value=\"sns\""), "{panel}");
    for (sender, words) in [("", "Vonage took the message."), ("sns", "AWS SNS took the message.")] {
        let form = [("org", org.as_str()), ("to", TO), ("sender", sender)];
        let answer = owner.post("/dashboard/sms/test", &form).await;
        let page = owner.get(answer.location()).await.body;
        assert!(page.contains(words), "{page}");
        assert!(page.contains(&app.sandbox.phone_log().last().unwrap().sid), "{page}");
    }
    app.sandbox.faults().set(ProviderId::Vonage, Fault::Unauthorized);
    let answer = owner.post("/dashboard/sms/test", &[("org", org.as_str()), ("to", TO)]).await;
    let page = owner.get(answer.location()).await.body;
    assert!(page.contains("Twilio took the message as the fallback."), "{page}");
    let overview = owner.get("/dashboard").await.body;
    assert!(overview.contains("ext messages are sent"), "{overview}");
}
