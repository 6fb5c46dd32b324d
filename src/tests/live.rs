//! Pages that hear of changes: of their own clinic, at once, for as long as they may.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use reqwest::header::{ACCEPT, AUTHORIZATION, COOKIE};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use voxanne::domain::{ProviderId, Role};
use voxanne::live::{MOST_PER_CLINIC, Proof};
use voxanne::sandbox::{CallScript, Fault};

use super::support::app::{Browser, TestApp};
use super::support::line::{CALLER, Line};
use super::support::wire::Wire;

/// One open stream.
struct Stream {
    response: reqwest::Response,
    text: String,
}

impl Stream {
    async fn open(app: &TestApp, name: reqwest::header::HeaderName, value: &str) -> Self {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = client.get(format!("{}/api/live", app.url)).header(ACCEPT, "text/event-stream");
        let response = request.header(name, value).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut stream = Self { response, text: String::new() };
        assert_eq!(stream.next().await.unwrap().0, "hello");
        stream
    }

    async fn of(app: &TestApp, browser: &Browser) -> Self {
        Self::open(app, COOKIE, &browser.cookie().unwrap()).await
    }

    /// The next event with its data; none at the end of the stream.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let block: String = self.text.drain(..end + 2).collect();
                let field = |name: &str| {
                    block.lines().find_map(|line| line.strip_prefix(name)).map(|text| text.trim().to_owned())
                };
                let Some(event) = field("event:") else { continue };
                return Some((event, serde_json::from_str(&field("data:").unwrap()).unwrap()));
            }
            let chunk = tokio::time::timeout(Duration::from_secs(40), self.response.chunk()).await.unwrap();
            match chunk {
                Ok(Some(bytes)) => self.text.push_str(std::str::from_utf8(&bytes).unwrap()),
                _ => return None,
            }
        }
    }

    /// Waits until a topic is named.
    async fn hears(&mut self, topic: &str) -> bool {
        let hears = async {
            while let Some((event, data)) = self.next().await {
                if event == "change" && data["topics"].as_array().unwrap().contains(&json!(topic)) {
                    return true;
                }
            }
            false
        };
        tokio::time::timeout(Duration::from_secs(30), hears).await.unwrap()
    }

    /// All that is told until nothing was told for a time, by topic with the last moment. The stream must
    /// not end meanwhile.
    async fn told_until_silent_for(&mut self, time: Duration) -> BTreeMap<String, Instant> {
        let mut last = BTreeMap::new();
        while let Ok(told) = tokio::time::timeout(time, self.next()).await {
            let (_, data) = told.unwrap();
            for topic in data["topics"].as_array().unwrap() {
                last.insert(topic.as_str().unwrap().to_owned(), Instant::now());
            }
        }
        last
    }
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stderr, reason = "the figure is for whoever runs the bars")]
async fn two_browsers_hear_of_their_own_clinic_at_once_and_of_no_other() {
    let app = TestApp::start().await;
    let wire = Wire::new(&app, "Sunrise Dental").await;
    let other = app.clinic("Harbor Clinic").await;
    let neighbour = app.sign_in(&other.email(Role::Owner)).await;
    let people = ["first@sunrise.example", "second@sunrise.example"];
    let mut streams = Vec::new();
    for person in people {
        let user = app.person(person).await;
        voxanne::integrations::onboard::add_member(&app.services, wire.org, user, Role::Member)
            .await
            .unwrap();
        streams.push(Stream::of(&app, &app.sign_in(person).await).await);
    }
    let mut foreign = Stream::of(&app, &neighbour).await;
    // Past the first look, which takes what is there for known.
    assert_eq!(wire.send(&wire.message("hang", "before", &json!({}))).await.status, 200);
    for stream in &mut streams {
        assert!(stream.hears("events").await);
    }
    let mut slowest = Duration::ZERO;
    for at in 0..20 {
        assert_eq!(wire.send(&wire.message("hang", &format!("call-{at}"), &json!({}))).await.status, 200);
        let accepted = Instant::now();
        for stream in &mut streams {
            assert!(stream.hears("events").await);
        }
        slowest = slowest.max(accepted.elapsed());
    }
    eprintln!("the slowest of 20 was told {slowest:?} after its webhook was accepted");
    assert!(slowest < Duration::from_millis(500), "{slowest:?}");
    let heard = foreign.told_until_silent_for(Duration::from_millis(1500)).await;
    assert!(!heard.contains_key("events"), "it heard of another clinic");
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stderr, reason = "the figures are for whoever runs the bars")]
async fn whoever_watches_any_screen_is_told_of_a_whole_conversation() {
    let app = TestApp::start().await;
    let line = Line::open(&app, "Sunrise Dental").await;
    let hook = json!({ "workflowName": "crm", "url": app.sandbox.hooks().url("demo/crm") });
    assert_eq!(line.owner.send("POST", "/api/endpoints", Some(hook)).await.status, 201);
    let told = json!({ "numbers": ["+15550100777"], "threshold": 1 });
    assert_eq!(line.owner.send("PUT", "/api/alerts", Some(told)).await.status, 200);
    let stop = CancellationToken::new();
    let mut workers = voxanne::jobs::start_worker(&app.services, &stop);
    let mut stream = Stream::of(&app, &line.owner).await;
    let (_, assistant) = app.assistants(&line.clinic)[0];
    // What the set-up has changed is told first.
    stream.told_until_silent_for(Duration::from_millis(1500)).await;

    let script = CallScript::conversation(CALLER, "Robin Patient");
    let call = app.sandbox.place_call(assistant, &script);
    let ((placed, ended), last) = tokio::join!(
        async { (call.await.unwrap(), Instant::now()) },
        stream.told_until_silent_for(Duration::from_secs(3))
    );
    assert!(placed.steps.iter().all(|step| step.status == Some(200)), "{:?}", placed.steps);
    for topic in ["appointments", "calls", "deliveries", "events", "messages"] {
        let at = last.get(topic).unwrap_or_else(|| panic!("nobody heard of {topic}: {last:?}"));
        eprintln!(
            "{topic}: last told {:?} after the report was accepted",
            at.saturating_duration_since(ended)
        );
    }
    let alerts = "select count(*) from alerts where org_id = $1 and status = 'sent'";
    assert_eq!(app.count(alerts, line.clinic.org).await, 1);
    assert!(!app.sandbox.hooks().received().is_empty());
    // The report itself is worked off, scored and told at once, and not when somebody looks.
    let report = last["calls"].saturating_duration_since(ended);
    assert!(report < Duration::from_secs(1), "{report:?}");
    stop.cancel();
    while workers.join_next().await.is_some() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_is_told_of_what_changed_while_the_page_was_opened() {
    let app = TestApp::start().await;
    let (_, owner) = app.connected_clinic("Sunrise Dental").await;
    // The page was read before this, the stream is opened after it: by the first who watches, and by others.
    for _ in 0..2 {
        assert_eq!(owner.send("POST", "/api/integrations/twilio/verify", None).await.status, 200);
        let mut stream = Stream::of(&app, &owner).await;
        assert!(stream.hears("status").await);
        assert!(Stream::of(&app, &owner).await.hears("status").await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_changes_is_told_and_an_event_that_ends_late_too() {
    let app = TestApp::start().await;
    let (clinic, owner) = app.connected_clinic("Sunrise Dental").await;
    let mut stream = Stream::of(&app, &owner).await;
    app.sandbox.faults().set(ProviderId::Twilio, Fault::None);
    assert_eq!(owner.send("POST", "/api/integrations/twilio/verify", None).await.status, 200);
    assert!(stream.hears("status").await);

    let (_, assistant) = app.assistants(&clinic)[0];
    let scheme = voxanne::webhooks::signature::Scheme::Hmac(voxanne::webhooks::signature::HmacPlan::ours());
    let wire = Wire::tap(&app, clinic.org, assistant, scheme).await;
    assert_eq!(wire.send(&wire.report("call")).await.status, 200);
    assert!(stream.hears("events").await);
    voxanne::jobs::work_off_inbox(app.services.clone()).await.unwrap();
    assert!(stream.hears("events").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_the_membership_the_session_and_the_key() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let owner = app.sign_in(&clinic.email(Role::Owner)).await;
    let member = app.sign_in(&clinic.email(Role::Member)).await;
    let admin = app.sign_in(&clinic.email(Role::Admin)).await;
    let made =
        owner.send("POST", "/api/api-keys", Some(json!({ "name": "Wall", "role": "member" }))).await.json();
    let (key, key_id) = (made["key"].as_str().unwrap(), made["id"].as_str().unwrap());

    let mut kept = Stream::of(&app, &owner).await;
    let mut removed = Stream::of(&app, &member).await;
    let mut left = Stream::of(&app, &admin).await;
    let mut revoked = Stream::open(&app, AUTHORIZATION, &format!("Bearer {key}")).await;
    assert_eq!(app.live.count(), 4);
    let deleted =
        app.meddle("delete from memberships where org_id = $1 and role = 'member'", clinic.org).await;
    assert_eq!(deleted, 1);
    assert_eq!(admin.post("/logout", &[("org", &clinic.org.to_string())]).await.status, 303);
    assert!(owner.send("DELETE", &format!("/api/api-keys/{key_id}"), None).await.status < 300);
    let ended = Instant::now();
    for stream in [&mut removed, &mut left, &mut revoked] {
        while stream.next().await.is_some() {}
    }
    assert!(ended.elapsed() < Duration::from_secs(15), "{:?}", ended.elapsed());
    kept.told_until_silent_for(Duration::from_millis(200)).await;
    assert_eq!(app.live.count(), 1);
    // Nobody gets in who could not read the page.
    assert_eq!(app.browser().send("GET", "/api/live", None).await.status, 401);
    let foreign = [("x-organization", "01890000-0000-7000-8000-000000000000")];
    assert_eq!(owner.send_with("GET", "/api/live", None, &foreign).await.status, 409);
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_are_bounded_nobody_looks_while_nobody_watches_and_a_stop_ends_them_at_once() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let owner = app.sign_in(&clinic.email(Role::Owner)).await;
    let mut stream = Stream::of(&app, &owner).await;
    let more: Vec<_> = (1..MOST_PER_CLINIC).map(|_| app.live.watch(clinic.org, None).unwrap()).collect();
    let answer = owner.send("GET", "/api/live", None).await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, "30"), "{}", answer.body);
    drop(more);
    assert_eq!(app.live.count(), 1);
    let asked = Instant::now();
    app.stop.cancel();
    while stream.next().await.is_some() {}
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    assert_eq!(owner.send("GET", "/api/live", None).await.status, 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_read_is_dropped_and_keeps_nobody_waiting() {
    let app = TestApp::start().await;
    let wire = Wire::new(&app, "Sunrise Dental").await;
    let slow = app.live.watch(wire.org, None).unwrap();
    let mut quick = app.live.watch(wire.org, None).unwrap();
    let begun = Instant::now();
    let mut at = 0;
    while app.live.count() == 2 {
        assert!(begun.elapsed() < Duration::from_secs(60));
        at += 1;
        assert_eq!(wire.send(&wire.message("hang", &format!("call-{at}"), &json!({}))).await.status, 200);
        assert!(quick.next().await.is_some());
    }
    assert_eq!(app.live.count(), 1);
    drop(slow);
    // A session that never was is noticed as well.
    let mut nobody = app.live.watch(wire.org, Some(Proof::Session([7; 32]))).unwrap();
    while nobody.next().await.is_some() {}
    assert_eq!(app.live.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_hear_of_a_clinic_for_as_long_as_their_access_lasts() {
    let app = TestApp::start().await;
    let wire = Wire::new(&app, "Sunrise Dental").await;
    let user = app.person("staff@platform.test").await;
    let admin = "insert into platform_admins (user_id) values ($1)";
    sqlx::query(admin).bind(user.0).execute(&app.db.superuser).await.unwrap();
    let staff = app.browser();
    let fields = [("email", "staff@platform.test"), ("password", super::support::app::PASSWORD)];
    assert_eq!(staff.post("/login", &fields).await.status, 303);
    let access = format!("/api/platform/organizations/{}/access", wire.org);
    let reason = json!({ "reason": "Ticket 4711: calls are not answered" });
    assert!(staff.send("POST", &access, Some(reason)).await.status < 300);
    let entered = "update sessions set org_id = $1 where user_id = $2";
    sqlx::query(entered).bind(wire.org.0).bind(user.0).execute(&app.db.superuser).await.unwrap();
    let mut stream = Stream::of(&app, &staff).await;
    // Longer than it takes until everybody's right is asked for again.
    for at in 0..5 {
        assert_eq!(wire.send(&wire.message("hang", &format!("call-{at}"), &json!({}))).await.status, 200);
        assert!(stream.hears("events").await);
    }
    assert!(staff.send("DELETE", &access, None).await.status < 300);
    while stream.next().await.is_some() {}
    assert_eq!(app.live.count(), 0);
}
