//! Agents, hours and services as people set them up: by form and by interface, stored, and told to Vapi.

use serde_json::{Value, json};
use voxanne::domain::{ProviderId, Role};
use voxanne::sandbox::{Fault, Sandbox};

use super::support::app::TestApp;
use super::support::line::Line;
use super::support::state::connect;

/// The tools that the inbound assistant has at Vapi.
fn tools_at_vapi(app: &TestApp, line: &Line) -> Vec<String> {
    let inbound = inbound(app, line);
    let tools = inbound["model"]["tools"].as_array().unwrap();
    tools.iter().map(|tool| tool["function"]["name"].as_str().unwrap().to_owned()).collect()
}

fn inbound(app: &TestApp, line: &Line) -> Value {
    let all = app.sandbox.vapi().assistants(&line.clinic.vapi.private_key);
    all.into_iter().find(|body| body["metadata"]["voxanneRole"] == "inbound").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tools_that_are_switched_on_are_defined_at_vapi() {
    let app = TestApp::start().await;
    let line = Line::open(&app, "Sunrise Dental").await;
    assert_eq!(
        tools_at_vapi(&app, &line),
        [
            "check_availability",
            "book_appointment",
            "reschedule_appointment",
            "cancel_appointment",
            "send_sms",
            "take_message"
        ]
    );
    let change = json!({
        "tools": ["take_message", "transfer_call"],
        "fallbacks": { "calendar": "transfer", "transferNumber": "+15550100444", "smsMail": "desk@clinic.example" },
    });
    let saved = line.owner.send("PUT", "/api/agents/inbound", Some(change)).await;
    assert_eq!(saved.status, 200, "{}", saved.body);
    assert_eq!((&saved.json()["inStep"], &saved.json()["state"]), (&json!("same"), &json!("ready")));
    assert_eq!(tools_at_vapi(&app, &line), ["take_message", "transfer_call"]);
    let shown = line.owner.send("GET", "/api/agents/inbound", None).await.json();
    assert_eq!(shown["fallbacks"]["transferNumber"], "+15550100444");
    assert_eq!(shown["tools"], json!(["take_message", "transfer_call"]));
    // The other agent has its own choice.
    let outbound = line.owner.send("GET", "/api/agents/outbound", None).await.json();
    assert_eq!(outbound["tools"].as_array().unwrap().len(), 6);
    for (change, field) in [
        (json!({ "tools": ["transfer_call"], "fallbacks": {} }), "transferNumber"),
        (json!({ "tools": [], "fallbacks": { "transferNumber": "call me" } }), "transferNumber"),
        (json!({ "tools": [], "fallbacks": { "smsMail": "nobody" } }), "smsMail"),
        (json!({ "tools": [], "fallbacks": { "calendar": "transfer" } }), "calendarFallback"),
    ] {
        let refused = line.owner.send("PUT", "/api/agents/inbound", Some(change.clone())).await;
        assert_eq!((refused.status, &refused.json()["errors"][0]["field"]), (422, &json!(field)), "{change}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hours_and_services_decide_what_is_offered_and_both_agents_know_them() {
    let app = TestApp::start().await;
    let line = Line::open(&app, "Sunrise Dental").await;
    let usual = line.owner.send("GET", "/api/schedule", None).await.json();
    assert_eq!(usual["services"][0]["name"], "Appointment");
    let every_day: Vec<Value> =
        ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
            .iter()
            .map(|day| json!({ "day": day, "from": "06:00", "until": "07:00" }))
            .collect();
    let plan = json!({
        "openings": every_day,
        "closures": [],
        "services": [
            { "name": "Cleaning", "minutes": 60 },
            { "name": "Root canal", "minutes": 30, "bufferAfter": 15, "practitioner": "Dr. Nord" },
        ],
        "practitioners": [{ "name": "Dr. Nord", "hours": [{ "day": "monday", "from": "06:30", "until": "07:00" }] }],
        "noticeMinutes": 0,
        "stepMinutes": 15,
        "daysAhead": 30,
    });
    let saved = line.owner.send("PUT", "/api/schedule", Some(plan.clone())).await;
    assert_eq!(saved.status, 200, "{}", saved.body);
    let prompt = inbound(&app, &line)["model"]["messages"][0]["content"].as_str().unwrap().to_owned();
    assert!(prompt.contains("Opening hours: Mon 06:00-07:00;"), "{prompt}");
    assert!(prompt.contains("Root canal (30 minutes, Dr. Nord)"), "{prompt}");
    assert_eq!(line.owner.send("GET", "/api/agents/outbound", None).await.json()["inStep"], "same");

    let said = line.use_tool("call", "1", "check_availability", json!({ "service": "cleaning" })).await;
    assert!(
        said.starts_with("Free times for Cleaning: ") || said.contains("Free times for Cleaning: "),
        "{said}"
    );
    assert!(said.contains(" at 06:00;") || said.contains(" at 06:00."), "one fits in a day: {said}");
    let said = line.use_tool("call", "2", "check_availability", json!({ "service": "root canal" })).await;
    assert!(said.contains("Monday") && said.contains(" at 06:30"), "{said}");
    assert!(!said.contains("Tuesday"), "Dr. Nord is there on Mondays only: {said}");
    let said = line.use_tool("call", "3", "check_availability", json!({ "service": "surgery" })).await;
    assert_eq!(said, "That is not offered here. There is Cleaning, Root canal.");

    for (path, value, field) in [
        ("stepMinutes", json!(0), "stepMinutes"),
        ("services", json!([]), "services"),
        ("openings", json!([{ "day": "monday", "from": "12:00", "until": "09:00" }]), "openings"),
    ] {
        let mut wrong = plan.clone();
        wrong[path] = value;
        let refused = line.owner.send("PUT", "/api/schedule", Some(wrong)).await;
        assert_eq!((refused.status, &refused.json()["errors"][0]["field"]), (422, &json!(field)), "{path}");
    }
    let member = app.sign_in(&line.clinic.email(Role::Member)).await;
    assert_eq!(member.send("PUT", "/api/schedule", Some(plan)).await.status, 403);
    assert_eq!(member.send("GET", "/api/schedule", None).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_form_of_hours_keeps_what_was_typed_and_says_what_is_wrong() {
    let app = TestApp::start().await;
    let clinic = app.clinic("Sunrise Dental").await;
    let owner = app.sign_in(&clinic.email(Role::Owner)).await;
    let org = clinic.org.to_string();
    let page = owner.get("/dashboard/agents").await.body;
    assert!(
        page.contains("value=\"09:00-17:00\"") && page.contains("value=\"Appointment\""),
        "the usual plan"
    );
    let fields = |tuesday: &'static str| {
        vec![
            ("org", org.as_str()),
            ("open_monday", "9-12, 13:00-17:30"),
            ("open_tuesday", tuesday),
            ("closures", "2026-12-24 - 2026-12-26 Christmas"),
            ("service_0_name", "Cleaning"),
            ("service_0_minutes", "45"),
            ("service_0_after", "10"),
            ("service_1_name", ""),
            ("service_2_name", "Check-up"),
            ("service_2_minutes", "15"),
            ("service_2_practitioner", "Dr. Nord"),
            ("person_0_name", "Dr. Nord"),
            ("person_0_hours", "Mon-Fri 9-12"),
            ("noticeMinutes", "120"),
            ("stepMinutes", "15"),
            ("daysAhead", "60"),
        ]
    };
    let wrong = owner.post("/dashboard/agents/schedule", &fields("nine to five")).await;
    assert_eq!(wrong.status, 303, "{}", wrong.body);
    let page = owner.get(wrong.location().split('#').next().unwrap()).await.body;
    assert!(page.contains("Tuesday: nine to five is not a span such as 9:00-12:00."), "{page}");
    assert!(page.contains("value=\"nine to five\"") && page.contains("value=\"Check-up\""));
    let good = owner.post("/dashboard/agents/schedule", &fields("")).await;
    assert_eq!(good.status, 303, "{}", good.body);
    let plan = owner.send("GET", "/api/schedule", None).await.json();
    assert_eq!(plan["openings"].as_array().unwrap().len(), 2);
    assert_eq!(
        plan["services"][0],
        json!({ "name": "Cleaning", "minutes": 45, "bufferBefore": 0, "bufferAfter": 10, "practitioner": null })
    );
    assert_eq!(plan["services"][1]["practitioner"], "Dr. Nord");
    assert_eq!(plan["closures"][0]["label"], "Christmas");
    assert_eq!(app.recorded(clinic.org, "schedule.changed", "success").await, 1);
}

/// Somebody changes the inbound assistant in Vapi's dashboard; its id.
async fn change_there(app: &TestApp, line: &Line) -> String {
    let id = inbound(app, line)["id"].as_str().unwrap().to_owned();
    let url = app.sandbox.vapi_url.join(&format!("assistant/{id}")).unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let patched = http
        .patch(url)
        .bearer_auth(&line.clinic.vapi.private_key)
        .header("content-type", "application/json")
        .body(json!({ "firstMessage": "Changed there" }).to_string())
        .send()
        .await
        .unwrap();
    assert!(patched.status().is_success());
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_tells_whether_an_agent_is_in_step_changed_here_or_changed_there() {
    let app = TestApp::start().await;
    let line = Line::open(&app, "Sunrise Dental").await;
    let org = line.clinic.org.to_string();
    let shown = async |word: &str| line.owner.get("/dashboard/agents").await.body.matches(word).count();
    assert_eq!(shown("In step with Vapi").await, 2);

    // Here, while Vapi is away.
    app.sandbox.faults().set(ProviderId::Vapi, Fault::ServerError);
    let plan = line.owner.send("GET", "/api/schedule", None).await.json();
    let plan = json!({ "daysAhead": 30, "noticeMinutes": 5, "stepMinutes": 15, "services": [{ "name": "Cleaning", "minutes": 30 }],
        "openings": plan["openings"] });
    assert_eq!(line.owner.send("PUT", "/api/schedule", Some(plan)).await.status, 200);
    app.sandbox.faults().set(ProviderId::Vapi, Fault::None);
    let agent = line.owner.send("GET", "/api/agents/inbound", None).await.json();
    assert_eq!((&agent["inStep"], &agent["state"]), (&json!("changed_here"), &json!("pending")));
    let saved = line.owner.send("PUT", "/api/agents/inbound", Some(json!({}))).await.json();
    assert_eq!(saved["inStep"], "same", "{saved}");

    let id = change_there(&app, &line).await;
    let checked = line.owner.post("/dashboard/agents/inbound/check", &[("org", &org)]).await;
    assert_eq!(checked.status, 303, "{}", checked.body);
    assert_eq!(shown("Changed at Vapi").await, 1);
    let saved = line.owner.send("PUT", "/api/agents/inbound", Some(json!({}))).await.json();
    assert_eq!(saved["inStep"], "same");
    assert_ne!(inbound(&app, &line)["firstMessage"], "Changed there");

    assert!(app.sandbox.vapi().delete_assistant(id.parse().unwrap()));
    let checked = line.owner.send("POST", "/api/agents/inbound/check", None).await;
    assert_eq!((checked.status, &checked.json()["inStep"]), (200, &json!("gone_there")), "{}", checked.body);
    assert_eq!(line.owner.send("POST", "/api/agents/nobody/check", None).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_opens_the_page_has_it_compared_with_vapi_once_a_minute_at_most() {
    const A_MINUTE_PASSES: &str =
        "update agent_configs set vapi_checked_at = vapi_checked_at - interval '61 s',
        vapi_asked_at = vapi_asked_at - interval '61 s' where org_id = $1";
    let app = TestApp::start().await;
    let line = Line::open(&app, "Sunrise Dental").await;
    let shown = async |word: &str| {
        let page = line.owner.get("/dashboard/agents").await;
        assert_eq!(page.status, 200, "{}", page.body);
        page.body.matches(word).count()
    };
    let until = async |word: &str, count: usize| {
        for _ in 0..800 {
            if shown(word).await == count {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        }
        panic!("{word} is not shown {count} times");
    };
    let looks = || {
        let seen = app.sandbox.requests(ProviderId::Vapi);
        seen.iter().filter(|one| one.method == "GET" && one.path.contains("/assistant/")).count()
    };
    change_there(&app, &line).await;
    app.sandbox.forget_requests();
    assert_eq!(shown("In step with Vapi").await, 2, "it was compared a moment ago");
    assert_eq!(looks(), 0);
    app.meddle(A_MINUTE_PASSES, line.clinic.org).await;
    // Opened by several at once: the page waits for nobody, and one of them asks for each agent.
    tokio::join!(shown(""), shown(""), shown(""), shown(""));
    until("Changed at Vapi", 1).await;
    until("In step with Vapi", 1).await;
    assert_eq!(looks(), 2);

    app.sandbox.faults().set(ProviderId::Vapi, Fault::ServerError);
    app.meddle(A_MINUTE_PASSES, line.clinic.org).await;
    until("Cannot check right now", 2).await;
    assert_eq!(shown("Changed at Vapi").await, 1, "what was known stays");
    let asked = app.sandbox.requests(ProviderId::Vapi).len();
    assert_eq!(shown("Cannot check right now").await, 2);
    assert_eq!(app.sandbox.requests(ProviderId::Vapi).len(), asked, "it is not asked on and on");

    app.sandbox.faults().set(ProviderId::Vapi, Fault::None);
    // Several minutes: until the client asks a provider again that has just failed.
    for _ in 0..400 {
        app.meddle(A_MINUTE_PASSES, line.clinic.org).await;
        if shown("Cannot check right now").await == 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("Vapi is not asked again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voice_is_chosen_from_vapis_and_from_the_clinics_own() {
    let app = TestApp::start().await;
    let line = Line::open(&app, "Sunrise Dental").await;
    let org = line.clinic.org.to_string();
    let fields = |more: &[(&'static str, &'static str)]| {
        let mut fields: Vec<(&str, &str)> = vec![
            ("org", org.as_str()),
            ("name", "Reception"),
            ("firstMessage", "Hello."),
            ("systemPrompt", "Help callers."),
            ("modelProvider", "openai"),
            ("model", "gpt-4o"),
            ("voiceProvider", "vapi"),
            ("voiceId", "Clara"),
            ("language", "en"),
            ("toolsShown", "1"),
            ("tool_send_sms", "on"),
        ];
        fields.extend(more);
        fields
    };
    let save = async |more: &[(&'static str, &'static str)]| {
        let answer = line.owner.post("/dashboard/agents/inbound", &fields(more)).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        line.owner.get(answer.location()).await.body
    };
    save(&[("voice", "vapi:Elliot")]).await;
    assert_eq!(inbound(&app, &line)["voice"], json!({ "provider": "vapi", "voiceId": "Elliot" }));
    assert_eq!(tools_at_vapi(&app, &line), ["send_sms"]);
    // By hand goes before the list.
    save(&[("voiceId", "Hana"), ("voice", "vapi:Elliot")]).await;
    assert_eq!(inbound(&app, &line)["voice"]["voiceId"], "Hana");

    let key: serde_json::Map<String, Value> = Sandbox::demo_fields_of(ProviderId::ElevenLabs)
        .into_iter()
        .map(|(name, value)| (name.to_owned(), json!(value)))
        .collect();
    assert_eq!(connect(&line.owner, "elevenlabs", Value::Object(key)).await.status, 200);
    let voices = line.owner.send("GET", "/api/voices", None).await.json();
    let voice = voices["voices"][0].clone();
    let page = save(&[("voiceId", "Hana"), ("intent", "voices"), ("name", "Typed and kept")]).await;
    let value = format!("value=\"11labs:{}\"", voice["voiceId"].as_str().unwrap());
    assert!(page.contains(&value), "{page}");
    assert!(page.contains("value=\"Typed and kept\""), "what was typed is kept");
}
