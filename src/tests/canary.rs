//! Secrets that are planted and then looked for in everything that comes out: logs at their most
//! talkative, PostgreSQL's own log with every parameter, the database itself, pages, answers, metrics.
//!
//! The real binary runs with its stand-ins, once well and once through their failures. Each secret
//! is looked for as it is, in base64, in hexadecimal and as part of an address.

use serde_json::{Value, json};
use sqlx::{ConnectOptions, Connection, Executor};
use uuid::Uuid;
use voxanne::db::embedded::{Embedded, EmbeddedOptions};
use voxanne::sandbox::{DEMO_AWS, DEMO_TWILIO, DEMO_VAPI, DEMO_VONAGE};

use super::canary_endpoint::Endpoint;
use super::support::app::Browser;
use super::support::canaries::{Canary, Outputs};
use super::support::process::{DataFolder, Serving, free_port, run};
use super::support::state::every_row;
use super::tenancy_pool::all_cases;

/// Makes the cluster before the server does, and tells it to log every statement with its
/// parameters, which the product's own settings leave out.
async fn talkative_cluster(data: &DataFolder) -> Embedded {
    let embedded = Embedded::start(&data.path, EmbeddedOptions::default()).await.unwrap();
    let mut connection = embedded.superuser_options().connect().await.unwrap();
    for (setting, value) in [
        ("log_statement", "all"),
        ("log_min_duration_statement", "0"),
        ("log_parameter_max_length", "-1"),
        ("log_parameter_max_length_on_error", "-1"),
        ("log_min_messages", "debug1"),
        ("log_error_verbosity", "verbose"),
    ] {
        let sql = format!("alter database voxanne set {setting} = '{value}'");
        connection.execute(sqlx::AssertSqlSafe(sql)).await.unwrap();
    }
    connection.close().await.unwrap();
    embedded
}

const READS: &[&str] = &[
    "/dashboard",
    "/dashboard/integrations",
    "/dashboard/integrations?panel=vapi&said=1",
    "/dashboard/integrations?panel=twilio&said=1",
    "/dashboard/agents",
    "/dashboard/events",
    "/dashboard/audit",
    "/dashboard/settings",
    "/api/integrations/status",
    "/api/organization/credentials",
    "/api/agents/inbound",
    "/api/events",
    "/api/audit",
    "/api/api-keys",
    "/nothing",
];

async fn read_everything(outputs: &mut Outputs, browser: &Browser) {
    for path in READS {
        let page = browser.get(path).await;
        outputs.keep(&format!("page {path}"), page);
        let answer = browser.send("GET", path, None).await;
        outputs.keep(&format!("answer {path}"), answer);
    }
}

/// Saves generated credentials of every kind while the providers have problems of their own, so that
/// they are kept untested; and says things in forged calls. Gives all that must never come out.
async fn plant(
    outputs: &mut Outputs,
    stand_in: &Browser,
    clinics: &[&Browser],
    program: &Browser,
    rounds: usize,
) -> Vec<Canary> {
    stand_in.post("/faults", &[("vapi", "server_error"), ("twilio", "server_error")]).await;
    let mut planted = Vec::new();
    let hex = || Uuid::new_v4().simple().to_string();
    for round in 0..rounds {
        for (clinic, browser) in clinics.iter().enumerate() {
            let (key, token, secret) = (Uuid::new_v4().to_string(), hex(), hex());
            let (account, number) = (format!("AC{}", hex()), format!("+1555010{round:02}{clinic:02}"));
            for (kind, provider, body, value) in [
                ("Vapi key", "vapi", json!({ "apiKey": key }), key.clone()),
                (
                    "Twilio token",
                    "twilio",
                    json!({ "accountSid": account, "authToken": token, "phoneNumber": number }),
                    token.clone(),
                ),
                (
                    "Twilio API key",
                    "twilio",
                    json!({ "accountSid": account, "apiKeySid": format!("SK{}", hex()), "apiKeySecret": secret, "phoneNumber": number }),
                    secret.clone(),
                ),
            ] {
                let path = format!("/api/integrations/{provider}");
                let tested = browser.send("POST", &path, Some(body)).await;
                let draft = outputs.keep("a credential that is not tested", tested).json()["draft"].clone();
                assert!(draft.is_string(), "{kind}");
                let saved =
                    browser.send("POST", &path, Some(json!({ "draft": draft, "saveAnyway": true }))).await;
                let saved = outputs.keep("a credential that is saved anyway", saved);
                assert_eq!(saved.status, 200, "{kind}: {}", saved.body);
                let name = format!("{kind} {round} of clinic {clinic}");
                planted.push(Canary { name, value, allowed: &[] });
            }
        }
        let value = format!("I was told {} by my doctor", hex());
        let body = json!({ "message": { "type": "end-of-call-report", "transcript": value, "call": { "id": "c" } } });
        let headers = [("content-type", "application/json")];
        let answer = program.raw("POST", "/api/webhooks/vapi", &headers, Some(&body.to_string())).await;
        assert_eq!(outputs.keep("a forged webhook", answer).status, 401);
        planted.push(Canary { name: format!("transcript {round}"), value, allowed: &[] });
    }
    planted
}

#[tokio::test(flavor = "multi_thread")]
async fn no_planted_secret_comes_out_anywhere() {
    let data = DataFolder::new("canary");
    let metrics = format!("127.0.0.1:{}", free_port());
    let arguments = ["--sandbox", "--data-dir", data.text(), "--metrics-bind", metrics.as_str()];
    let cluster = talkative_cluster(&data).await;
    let serving = Serving::start(&arguments, &[("RUST_LOG", "trace")]);
    let mut outputs = Outputs::default();

    let fresh = |kind: &str| format!("canary-{kind}-{}", Uuid::new_v4());
    let (vapi, twilio) = (&DEMO_VAPI[0], &DEMO_TWILIO[0]);
    let (password, guess, said) = (fresh("password"), fresh("guess"), fresh("transcript"));
    let (bad_vapi, bad_twilio) = (Uuid::new_v4().to_string(), Uuid::new_v4().simple().to_string());
    let org = serving.ready["accounts"][0]["org"].as_str().unwrap().to_owned();
    let (email, of_member) = ("canary@clinic.example", "member-canary@clinic.example");
    for (email, role) in [(email, "owner"), (of_member, "member")] {
        let user = ["user", "create", "--email", email, "--name", "C", "--org", &org, "--role", role];
        let mut user = user.to_vec();
        user.extend(["--data-dir", data.text()]);
        let made = run(&user, &[("RUST_LOG", "trace")], &password);
        assert_eq!(made.code, Some(0), "{made:?}");
        outputs.add(("the command that makes a person".to_owned(), made.out + &made.err));
    }
    let member = Browser::to(serving.url());
    assert_eq!(member.post("/login", &[("email", of_member), ("password", &password)]).await.status, 303);

    let browser = Browser::to(serving.url());
    let refused = browser.post("/login", &[("email", email), ("password", &guess)]).await;
    assert_eq!(outputs.keep("a refused sign-in", refused).status, 401);
    let signed_in = browser.post("/login", &[("email", email), ("password", &password)]).await;
    assert_eq!(outputs.keep("a sign-in", signed_in).status, 303);
    let cookie = browser.cookie().unwrap().split_once('=').unwrap().1.to_owned();

    let good_twilio = json!({ "accountSid": twilio.account_sid, "authToken": twilio.auth_token, "phoneNumber": twilio.number });
    let ([_, vonage_key, vonage_secret, vonage_number], [_, _, aws_key, aws_secret]) =
        (DEMO_VONAGE[0], DEMO_AWS[0]);
    let good_vonage = json!({ "apiKey": vonage_key, "apiSecret": vonage_secret, "sender": vonage_number });
    let good_sns = json!({ "accessKeyId": aws_key, "secretAccessKey": aws_secret, "region": "eu-central-1" });
    let saves = [
        ("vapi", json!({ "apiKey": bad_vapi }), 422),
        ("vapi", json!({ "apiKey": vapi.private_key }), 200),
        (
            "twilio",
            json!({ "accountSid": twilio.account_sid, "authToken": bad_twilio, "phoneNumber": twilio.number }),
            422,
        ),
        (
            "twilio",
            json!({ "accountSid": twilio.auth_token, "authToken": twilio.auth_token, "phoneNumber": "12" }),
            422,
        ),
        ("twilio", good_twilio.clone(), 200),
        ("vonage", good_vonage.clone(), 200),
        ("sns", good_sns.clone(), 200),
    ];
    let mut connected = Value::Null;
    for (provider, body, status) in saves {
        let answer = browser.send("POST", &format!("/api/integrations/{provider}"), Some(body)).await;
        let answer = outputs.keep(&format!("saving {provider}"), answer);
        assert!(answer.status == status || (status != 200 && answer.status < 500), "{}", answer.body);
        if provider == "vapi" && status == 200 {
            connected = answer.json();
        }
    }
    let made =
        browser.send("POST", "/api/api-keys", Some(json!({ "name": "canary", "role": "admin" }))).await;
    let made = outputs.keep("making an API key", made);
    let api_key = made.json()["key"].as_str().unwrap().to_owned();
    let program = Browser::to(serving.url());
    let bearer = format!("Bearer {api_key}");
    for (method, path) in [("GET", "/api/events"), ("GET", "/api/nothing"), ("DELETE", "/api/api-keys/x")] {
        let answer = program.send_with(method, path, None, &[("authorization", &bearer)]).await;
        outputs.keep("a program's request", answer);
    }
    let wrong = program
        .send_with("GET", "/api/events", None, &[("authorization", &format!("Basic {api_key}"))])
        .await;
    outputs.keep("a key in the wrong scheme", wrong);

    // Forms: an invalid one keeps its secrets as sealed drafts, and never shows them again.
    for (path, fields) in [
        ("vapi", vec![("apiKey", bad_vapi.as_str())]),
        (
            "twilio",
            vec![
                ("accountSid", twilio.account_sid),
                ("authToken", bad_twilio.as_str()),
                ("phoneNumber", "12"),
            ],
        ),
        // Pasted into the wrong fields: a secret all the same.
        (
            "twilio",
            vec![
                ("accountSid", twilio.auth_token),
                ("authToken", bad_twilio.as_str()),
                ("phoneNumber", twilio.auth_token),
            ],
        ),
        (
            "twilio",
            vec![
                ("accountSid", twilio.account_sid),
                ("authToken", twilio.auth_token),
                ("phoneNumber", twilio.number),
            ],
        ),
    ] {
        let mut fields = fields;
        fields.push(("org", &org));
        let answer = browser.post(&format!("/dashboard/integrations/{path}/connect"), &fields).await;
        let next = outputs.keep("a form", answer).location().to_owned();
        let page = browser.get(&next).await;
        outputs.keep("the page after a form", page);
    }

    // A real call with a transcript, and forged ones.
    let stand_in = Browser::to(serving.ready["sandbox"]["page"].as_str().unwrap().trim_end_matches('/'));
    let assistant = connected["assistants"]["inbound"].as_str().unwrap().to_owned();
    let arguments = json!({ "message": "Monday at nine." }).to_string();
    let call = [
        ("assistant", assistant.as_str()),
        ("customer", "+15550100199"),
        ("tool", "send_sms"),
        ("arguments", &arguments),
    ];
    let called = stand_in.post("/calls", &call).await;
    assert_eq!(called.status, 200, "{}", called.body);
    let forged = json!({ "message": { "type": "end-of-call-report", "artifact": { "transcript": said },
        "call": { "id": "c", "assistantId": assistant } } });
    for body in [forged.to_string(), format!("{{\"message\": \"{said}\""), format!("\"{said}\"")] {
        let headers = [("content-type", "application/json"), ("x-vapi-secret", guess.as_str())];
        let answer = program.raw("POST", "/api/webhooks/vapi", &headers, Some(&body)).await;
        assert!((400..500).contains(&answer.status));
        outputs.keep("a forged webhook", answer);
    }
    read_everything(&mut outputs, &browser).await;
    let endpoint = Endpoint::new();
    let n8n = serving.ready["sandbox"]["n8n"].as_str().unwrap();
    endpoint.use_it(&mut outputs, (&browser, &member, &org), (&stand_in, n8n)).await;

    for fault in [
        "server_error",
        "html",
        "invalid_json",
        "error_inside",
        "unauthorized",
        "reset",
        "lost_answer",
        "throttled",
    ] {
        let faults = ["vapi", "twilio", "vonage", "sns"].map(|provider| (provider, fault));
        stand_in.post("/faults", &faults).await;
        for (provider, body) in [
            ("twilio", good_twilio.clone()),
            ("vapi", json!({ "apiKey": vapi.private_key })),
            ("vonage", good_vonage.clone()),
            ("sns", good_sns.clone()),
        ] {
            let answer = browser.send("POST", &format!("/api/integrations/{provider}"), Some(body)).await;
            outputs.keep(&format!("saving {provider} under {fault}"), answer);
            let answer = browser.send("POST", &format!("/api/integrations/{provider}/verify"), None).await;
            outputs.keep(&format!("verifying {provider} under {fault}"), answer);
        }
        for sender in ["twilio", "vonage", "sns"] {
            let body = json!({ "to": "+15550100199", "sender": sender });
            let sent = browser.send("POST", "/api/sms/test", Some(body)).await;
            outputs.keep("a test message", sent);
        }
    }
    // Two hundred more at two clinics (bar C8), in versions of which all but the last are superseded.
    let neighbour =
        serving.ready["accounts"].as_array().unwrap().iter().find(|account| account["org"] != org.as_str());
    let neighbour = neighbour.unwrap();
    let other = Browser::to(serving.url());
    let fields = ["email", "password"].map(|name| (name, neighbour[name].as_str().unwrap()));
    assert_eq!(other.post("/login", &fields).await.status, 303);
    let rounds = if all_cases() { 32 } else { 6 };
    let planted = plant(&mut outputs, &stand_in, &[&browser, &other], &program, rounds).await;
    stand_in.post("/faults", &[("vapi", "none"), ("twilio", "none")]).await;
    read_everything(&mut outputs, &other).await;
    read_everything(&mut outputs, &browser).await;
    let rendered = Browser::to(&format!("http://{metrics}")).get("/metrics").await;
    assert_eq!(outputs.keep("metrics", rendered).status, 200);
    let out = browser.post("/logout", &[]).await;
    outputs.keep("signing out", out);

    outputs.add(("the log".to_owned(), serving.log()));
    let postgres = std::fs::read(data.path.join("postgres/server.log")).unwrap();
    let postgres = String::from_utf8_lossy(&postgres).into_owned();
    assert!(postgres.contains("update org_integrations"), "PostgreSQL logs statements");
    assert!(postgres.to_lowercase().contains("parameters: $1"), "with their parameters");
    assert!(serving.log().contains("TRACE"), "the log is at its most talkative");
    outputs.add(("PostgreSQL's log".to_owned(), postgres));
    let mut superuser = cluster.superuser_options().connect().await.unwrap();
    outputs.add(("the database".to_owned(), every_row(&mut superuser).await));
    superuser.close().await.unwrap();
    let key_line = std::fs::read_to_string(data.path.with_file_name("data.key")).unwrap();
    assert_eq!(serving.terminate(), Some(0));
    cluster.stop().await.unwrap();

    let canary =
        |name: &str, value: &str, allowed| Canary { name: name.to_owned(), value: value.to_owned(), allowed };
    let mut canaries = vec![
        canary("the password", &password, &[]),
        canary("a mistyped password", &guess, &[]),
        canary("the Vapi key", vapi.private_key, &[]),
        canary("a refused Vapi key", &bad_vapi, &[]),
        canary("the Twilio token", twilio.auth_token, &[]),
        canary("a refused Twilio token", &bad_twilio, &[]),
        canary("the Vonage secret", vonage_secret, &[]),
        canary("the AWS secret", aws_secret, &[]),
        canary("the API key", &api_key, &["making an API key"]),
        canary("the session cookie", &cookie, &[]),
        canary("the encryption key", key_line.split_whitespace().nth(1).unwrap(), &[]),
        canary("a forged transcript", &said, &[]),
        canary("a transcript", "I would like to book a cleaning for next week", &[]),
    ];
    canaries.extend(planted);
    canaries.extend(endpoint.canaries());
    assert!(canaries.len() >= if all_cases() { 200 } else { 50 }, "{}", canaries.len());
    let hits = outputs.find(&canaries);
    assert!(hits.is_empty(), "{} hits in {} outputs:\n{}", hits.len(), outputs.len(), hits.join("\n"));
}
