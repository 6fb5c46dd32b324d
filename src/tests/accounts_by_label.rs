//! Several accounts of one provider: each under its label, one of them the primary, which is the only one
//! that messages and calls use.

use serde_json::{Value, json};
use voxanne::domain::Role;
use voxanne::providers::twilio::TwilioCredentials;
use voxanne::sandbox::{DEMO_TWILIO, TwilioAccount};

use super::support::app::{Answer, Browser, Clinic, TestApp};
use super::tenancy_pool::all_cases;

fn body(account: &TwilioAccount) -> Value {
    json!({ "accountSid": account.sid, "authToken": account.auth_token, "phoneNumber": account.numbers[0].number })
}

async fn save(owner: &Browser, label: &str, account: &TwilioAccount) -> Answer {
    owner.send("POST", &format!("/api/integrations/twilio{}", query(label)), Some(body(account))).await
}

/// `?label=`, or nothing for the primary account.
fn query(label: &str) -> String {
    let encoded: String = url::form_urlencoded::byte_serialize(label.as_bytes()).collect();
    if label.is_empty() { String::new() } else { format!("?label={encoded}") }
}

async fn act(owner: &Browser, method: &str, what: &str, label: &str) -> Answer {
    let what = if what.is_empty() { String::new() } else { format!("/{what}") };
    owner.send(method, &format!("/api/integrations/twilio{what}{}", query(label)), None).await
}

/// Every account of Twilio: label, whether it is the primary, its state.
async fn listed(owner: &Browser) -> Vec<(String, bool, String)> {
    let all = owner.send("GET", "/api/integrations/status", None).await.json();
    let own = all["integrations"].as_array().unwrap().iter().filter(|one| one["provider"] == "twilio");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    own.map(|one| (text(&one["account"]), one["primary"] == true, text(&one["status"]))).collect()
}

/// The account that a message would go out by.
async fn used(app: &TestApp, clinic: &Clinic) -> String {
    app.services.vault.open::<TwilioCredentials>(clinic.org).await.unwrap().credentials.account_sid
}

async fn start() -> (TestApp, Clinic, Browser, [TwilioAccount; 2]) {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let owner = app.sign_in(&clinic.email(Role::Owner)).await;
    let main = app.sandbox.twilio().add_account("Main", "+15550100401");
    let branch = app.sandbox.twilio().add_account("Branch", "+15550100402");
    assert_eq!(save(&owner, "", &main).await.status, 200);
    (app, clinic, owner, [main, branch])
}

fn row(label: &str, primary: bool, status: &str) -> (String, bool, String) {
    (label.to_owned(), primary, status.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn another_account_stands_beside_the_primary_and_nothing_uses_it() {
    let (app, clinic, owner, [main, branch]) = start().await;
    let saved = save(&owner, "Branch office", &branch).await;
    assert_eq!(saved.status, 200, "{}", saved.body);
    let both = [row("Primary", true, "connected"), row("Branch office", false, "connected")];
    assert_eq!(listed(&owner).await, both);
    assert_eq!(used(&app, &clinic).await, main.sid);
    // The same label in other letters is the same account; another one is not pinned to the first.
    let again = save(&owner, "  BRANCH   office", &branch).await;
    assert_eq!(again.status, 200, "{}", again.body);
    assert_eq!(listed(&owner).await, both);
    let moved = save(&owner, "branch office", &main).await;
    assert_eq!(moved.status, 409, "another account under that label is a step of its own: {}", moved.body);
    assert_eq!(act(&owner, "POST", "verify", "Branch office").await.json()["verified"], true);
    let page = owner.get("/dashboard/integrations").await.body;
    assert!(page.contains("More accounts (1)") && page.contains("Branch office"), "{page}");
    assert!(page.contains("Make primary"), "{page}");
    // The table of every credential has both, and its buttons name the one that they are about.
    let settings = owner.get("/dashboard/settings").await.body;
    assert!(settings.contains("Branch office") && settings.contains("value=\"Branch office\""), "{settings}");
    assert!(settings.contains("account=Branch+office&amp;confirm=disconnect"), "{settings}");
    assert_eq!(app.recorded(clinic.org, "integration.connected", "success").await, 2);
    assert!(app.trail(clinic.org).await.iter().any(|row| row.1 == "twilio (Branch office)"));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_account_is_paused_disconnected_restored_and_removed_by_itself() {
    let (app, clinic, owner, [main, branch]) = start().await;
    assert_eq!(save(&owner, "Branch", &branch).await.status, 200);
    assert_eq!(act(&owner, "POST", "pause", "Branch").await.status, 204);
    assert_eq!(listed(&owner).await[1], row("Branch", false, "paused"));
    assert_eq!(used(&app, &clinic).await, main.sid, "the primary goes on");
    assert_eq!(act(&owner, "POST", "resume", "Branch").await.status, 204);
    assert_eq!(act(&owner, "DELETE", "", "Branch").await.status, 204);
    let gone = [row("Primary", true, "connected"), row("Branch", false, "not_configured")];
    assert_eq!(listed(&owner).await, gone);
    assert_eq!(act(&owner, "DELETE", "", "Branch").await.status, 409);
    let restored = act(&owner, "POST", "restore", "Branch").await;
    assert_eq!(restored.json()["success"], true, "{}", restored.body);
    assert_eq!(listed(&owner).await[1].2, "connected");
    assert_eq!(act(&owner, "POST", "purge", "branch").await.status, 200);
    assert_eq!(listed(&owner).await, [row("Primary", true, "connected")]);
    assert_eq!(used(&app, &clinic).await, main.sid);
    for (method, what) in [("POST", "verify"), ("POST", "pause"), ("DELETE", ""), ("POST", "primary")] {
        let unknown = act(&owner, method, what, "Nowhere").await;
        assert_eq!(unknown.status, 409, "{what}: {}", unknown.body);
        assert_eq!(unknown.json()["code"], "not_connected", "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_primary_is_changed_under_load_and_every_use_has_one_of_the_two() {
    let (app, clinic, owner, [main, branch]) = start().await;
    assert_eq!(save(&owner, "Branch", &branch).await.status, 200);
    let known = [main.sid.clone(), branch.sid.clone()];
    let uses = (0..200).map(|_| {
        let (services, org, known) = (app.services.clone(), clinic.org, known.clone());
        tokio::spawn(async move {
            let opened = services.vault.open::<TwilioCredentials>(org).await.unwrap();
            assert!(known.contains(&opened.credentials.account_sid));
        })
    });
    let uses: Vec<_> = uses.collect();
    for label in ["Branch", "Primary", "Branch"] {
        assert_eq!(act(&owner, "POST", "primary", label).await.status, 204, "{label}");
        let sid = if label == "Branch" { &branch.sid } else { &main.sid };
        assert_eq!(used(&app, &clinic).await, *sid, "{label}: at once, in this process");
        let primaries = listed(&owner).await.into_iter().filter(|row| row.1).count();
        assert_eq!(primaries, 1);
    }
    for one in uses {
        one.await.unwrap();
    }
    assert_eq!(listed(&owner).await[0], row("Branch", true, "connected"));
    assert_eq!(app.recorded(clinic.org, "integration.made_primary", "success").await, 3);
    // The primary that is removed for good is replaced by nobody without a word.
    assert_eq!(act(&owner, "POST", "purge", "").await.status, 200);
    assert!(app.services.vault.open::<TwilioCredentials>(clinic.org).await.is_err());
    assert_eq!(act(&owner, "POST", "primary", "Primary").await.status, 204);
    assert_eq!(used(&app, &clinic).await, main.sid);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_labels_saved_at_once_are_two_accounts_and_one_of_them_is_the_primary() {
    for _ in 0..8 {
        let app = TestApp::start().await;
        let clinic = app.clinic("Sunrise Dental").await;
        let owner = app.sign_in(&clinic.email(Role::Owner)).await;
        let admin = app.sign_in(&clinic.email(Role::Admin)).await;
        let one = app.sandbox.twilio().add_account("One", "+15550100411");
        let two = app.sandbox.twilio().add_account("Two", "+15550100412");
        let (first, second) = tokio::join!(save(&owner, "One", &one), save(&admin, "Two", &two));
        assert_eq!((first.status, second.status), (200, 200), "{} {}", first.body, second.body);
        let all = listed(&owner).await;
        assert_eq!(all.iter().filter(|row| row.1).count(), 1, "{all:?}");
        // An account that is not there is shown as the primary's place, where there is none yet.
        assert_eq!(all.iter().filter(|row| row.2 == "connected").count(), 2, "{all:?}");
        if !all_cases() {
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_checked_their_number_is_limited_and_google_takes_one_account() {
    let (app, clinic, owner, _) = start().await;
    for bad in ["<script>", "a/b", "...", &"x".repeat(61)] {
        let account = app.sandbox.twilio().add_account("X", "+15550100420");
        let refused = save(&owner, bad, &account).await;
        assert_eq!(
            (refused.status, refused.json()["errors"][0]["field"].as_str()),
            (422, Some("label")),
            "{bad}"
        );
    }
    for number in 2..=5 {
        let account = app.sandbox.twilio().add_account("More", &format!("+1555010043{number}"));
        assert_eq!(save(&owner, &format!("Nr {number}"), &account).await.status, 200);
    }
    let sixth = app.sandbox.twilio().add_account("Sixth", "+15550100440");
    let refused = save(&owner, "Nr 6", &sixth).await;
    assert_eq!(
        (refused.status, refused.json()["code"].as_str()),
        (409, Some("too_many_accounts")),
        "{}",
        refused.body
    );
    assert_eq!(listed(&owner).await.len(), 5);
    let google = owner.send("POST", "/api/integrations/google_calendar?label=Two", Some(json!({}))).await;
    assert_eq!(
        (google.status, google.json()["code"].as_str()),
        (409, Some("one_account_only")),
        "{}",
        google.body
    );
    // Nothing of this is another clinic's.
    let other = app.clinic("Harbor Clinic").await;
    let harbor = app.sign_in(&other.email(Role::Owner)).await;
    assert_eq!(listed(&harbor).await, [row("", true, "not_configured")]);
    assert_eq!(act(&harbor, "DELETE", "", "Nr 2").await.status, 409);
    assert_eq!(act(&harbor, "POST", "primary", "Nr 2").await.status, 409);
    let member = app.sign_in(&clinic.email(Role::Member)).await;
    assert_eq!(act(&member, "POST", "primary", "Nr 2").await.status, 403);
    assert_eq!(listed(&owner).await.len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_without_scripts_adds_an_account_and_makes_it_the_primary() {
    let (app, clinic, owner, [_, branch]) = start().await;
    let panel = owner.get("/dashboard/integrations?panel=twilio&account=new").await.body;
    assert!(panel.contains("Name of this account") && panel.contains("name=\"label\""), "{panel}");
    let org = clinic.org.to_string();
    let number = branch.numbers[0].number.clone();
    let form = |label: &str, token: &str| {
        [
            ("org", org.clone()),
            ("label", label.to_owned()),
            ("accountSid", branch.sid.clone()),
            ("authToken", token.to_owned()),
            ("phoneNumber", number.clone()),
            ("intent", "test_and_save".to_owned()),
        ]
    };
    let post = async |path: &str, pairs: &[(&str, String)]| {
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(key, value)| (*key, value.as_str())).collect();
        let answer = owner.post(&format!("/dashboard/integrations/twilio/{path}"), &pairs).await;
        assert_eq!(answer.status, 303, "{path}: {}", answer.body);
        owner.get(answer.location()).await.body
    };
    let bad = post("connect", &form("<b>", &branch.auth_token)).await;
    assert!(bad.contains("A name for an account has letters"), "{bad}");
    // A refusal leads back to the panel of that account, with the name kept.
    let wrong = post("connect", &form("Branch", DEMO_TWILIO[0].auth_token)).await;
    assert!(wrong.contains("Connect Twilio (Branch)"), "{wrong}");
    let saved = post("connect", &form("Branch", &branch.auth_token)).await;
    assert!(saved.contains("Twilio (Branch) is connected"), "{saved}");
    let labelled = [("org", org.clone()), ("label", "Branch".to_owned())];
    assert!(post("primary", &labelled).await.contains("Twilio (Branch) is the primary account now"));
    assert_eq!(used(&app, &clinic).await, branch.sid);
    let question =
        owner.get("/dashboard/integrations?panel=twilio&account=Primary&confirm=disconnect").await.body;
    assert!(question.contains("Nothing: no call uses this account."), "{question}");
    let primary = [("org", org.clone()), ("label", "Primary".to_owned())];
    assert!(post("verify", &primary).await.contains("Twilio (Primary) works"));
    assert!(post("disconnect", &primary).await.contains("Twilio (Primary) is disconnected"));
    assert_eq!(used(&app, &clinic).await, branch.sid);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_ask_for_the_primary_account_whatever_it_is_called() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let owner = app.sign_in(&clinic.email(Role::Owner)).await;
    let lacks = async || owner.get("/dashboard/phone").await.body.contains("panel=vapi");
    assert!(lacks().await);
    let saved = owner.send("POST", "/api/integrations/vapi?label=Branch", Some(clinic.vapi_body())).await;
    assert_eq!(saved.status, 200, "{}", saved.body);
    assert!(!lacks().await, "the first account is the primary, under its own name");
    assert_eq!(owner.send("DELETE", "/api/integrations/vapi?label=Branch", None).await.status, 204);
    assert!(lacks().await);
}
