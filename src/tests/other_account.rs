//! A card is pinned to one account at its provider; another one needs a word.

use serde_json::json;
use voxanne::sandbox::TwilioAccount;

use super::support::app::TestApp;
use super::support::state::{connect, state};

#[tokio::test(flavor = "multi_thread")]
async fn another_account_than_the_pinned_one_needs_a_word_and_changes_nothing_without_it() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let second = TwilioAccount::fresh("Sunrise, second account", "+15557654321");
    app.sandbox.twilio().add(second.clone());
    let vapi = app.sandbox.vapi().add_account("Sunrise, second account");
    app.sandbox.vapi().add_phone_number(&vapi.private_key, "+15557654322");
    let bodies = [
        (
            "twilio",
            json!({ "accountSid": second.sid, "authToken": second.auth_token, "phoneNumber": "+15557654321" }),
        ),
        ("vapi", json!({ "apiKey": vapi.private_key })),
    ];
    for (provider, body) in bodies {
        let before = app.active(clinic.org, provider).await;
        let answer = connect(&owner, provider, body).await;
        assert_eq!(answer.status, 409, "{provider}: {}", answer.body);
        assert_eq!(app.active(clinic.org, provider).await, before, "{provider}");
        let told = answer.json();
        let switch = json!({ "draft": told["draft"], "switchAccount": true });
        let answer = connect(&owner, provider, switch).await;
        assert_eq!(answer.status, 200, "{provider}: {}", answer.body);
        assert_ne!(app.active(clinic.org, provider).await, before, "{provider}");
        assert_eq!(state(&owner, provider).await, "connected", "{provider}");
    }
    // The assistants are made anew where the key now leads.
    assert_eq!(app.sandbox.vapi().assistants(&vapi.private_key).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_vapi_account_that_no_test_can_recognize_is_set_up_whole_and_pins_the_card() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let pinned = async || -> Option<String> {
        let query = "select identity from org_integrations where org_id = $1 and provider = 'vapi'";
        sqlx::query_scalar(query).bind(clinic.org.0).fetch_one(&app.db.superuser).await.unwrap()
    };
    assert_eq!(
        pinned().await,
        Some(clinic.vapi.org_id.to_string()),
        "its first assistant told which account"
    );
    let empty = app.sandbox.vapi().add_account("Sunrise, moved");
    let answer = connect(&owner, "vapi", json!({ "apiKey": empty.private_key })).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(app.sandbox.vapi().assistants(&empty.private_key).len(), 2, "{}", answer.body);
    assert_eq!(pinned().await, Some(empty.org_id.to_string()));
    assert_eq!(
        app.count("select count(*) from assistant_org_mapping where org_id = $1", clinic.org).await,
        2
    );
    // From now on the first account is the other one.
    let back = connect(&owner, "vapi", clinic.vapi_body()).await;
    assert_eq!(back.status, 409, "{}", back.body);
}
