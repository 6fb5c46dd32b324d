//! What a body may be: hostile ones are refused with a code and leave nothing, odd ones are kept.

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use uuid::Uuid;
use voxanne::vault::Sealed;
use voxanne::webhooks::inbound::payload_place;

use super::support::app::{Answer, TestApp};
use super::support::wire::{Wire, now, stored};

async fn signed(wire: &Wire, body: &[u8]) -> Answer {
    wire.post(body.to_vec(), &wire.sign(body, now())).await
}

fn code(answer: &Answer) -> String {
    answer.json()["code"].as_str().unwrap().to_owned()
}

/// A tool call of the assistant, with arguments as they are written.
fn tool_call(assistant: Uuid, arguments: &str) -> String {
    format!(
        r#"{{"message":{{"type":"tool-calls","call":{{"id":"c","assistantId":"{assistant}"}},"toolCallList":[{{"id":"t",
            "type":"function","function":{{"name":"send_sms","arguments":{arguments}}}}}]}}}}"#
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_bodies_are_refused_with_a_code_and_leave_nothing() {
    let app = TestApp::start().await;
    let wire = Wire::new(&app, "Sunrise Dental").await;
    let id = wire.assistant;
    let with = |more: &str| {
        format!(r#"{{"message":{{"type":"hang","call":{{"id":"c","assistantId":"{id}"}},{more}}}}}"#)
    };
    let deep =
        |open: &str, close: &str| with(&format!("\"x\":{}1{}", open.repeat(100_000), close.repeat(100_000)));
    let texts: Vec<(&str, String)> = vec![
        ("empty", String::new()),
        ("a space", " ".to_owned()),
        ("null", "null".to_owned()),
        ("a list", "[]".to_owned()),
        ("a string", "\"message\"".to_owned()),
        ("no message", "{}".to_owned()),
        ("a message that is text", r#"{"message":"hang"}"#.to_owned()),
        ("a message that is null", r#"{"message":null}"#.to_owned()),
        ("no type", format!(r#"{{"message":{{"call":{{"assistantId":"{id}"}}}}}}"#)),
        ("cut off", with("\"x\":1").trim_end_matches('}').to_owned()),
        ("two documents", with("\"x\":1") + "{}"),
        ("deep lists", deep("[", "]")),
        ("deep objects", deep("{\"a\":", "}")),
        ("a type that is a number", format!(r#"{{"message":{{"type":7,"call":{{"assistantId":"{id}"}}}}}}"#)),
        ("a call that is text", r#"{"message":{"type":"hang","call":"c"}}"#.to_owned()),
        ("an id that is a number", r#"{"message":{"type":"hang","call":{"id":7}}}"#.to_owned()),
        ("tool calls that are text", with(r#""toolCallList":"x""#)),
        ("tool calls that are numbers", with(r#""toolCallList":[1,2]"#)),
        ("a raw NUL", with("\"x\":\"\0\"")),
        ("a NUL in the type", r#"{"message":{"type":"ha\u0000ng"}}"#.to_owned()),
        (
            "a NUL in the call's id",
            format!(r#"{{"message":{{"type":"hang","call":{{"id":"c\u0000","assistantId":"{id}"}}}}}}"#),
        ),
        ("a lone surrogate", with(r#""endedReason":"\ud800""#)),
        ("a lone surrogate in a key", with(r#""\udfff":1"#)),
        ("surrogates the wrong way round", with(r#""x":"\udc00\ud800""#)),
        ("two types", r#"{"message":{"type":"hang","type":"hang"}}"#.to_owned()),
        ("two messages", format!("{{\"message\":{{\"type\":\"hang\"}},{}", &with("\"x\":1")[1..])),
        ("two calls", with(&format!(r#""call":{{"id":"d","assistantId":"{id}"}}"#))),
        ("a number beyond all", with("\"cost\":1e999")),
        ("a number below all", with("\"cost\":-1e999")),
        ("NaN", with("\"cost\":NaN")),
        ("a NUL in a text", with(r#""endedReason":"a\u0000b""#)),
        ("a NUL deep inside", with(r#""artifact":{"messages":[{"role":"user","words":["x","\u0000"]}]}"#)),
        ("a NUL in a key", with(r#""analysis":{"sum\u0000mary":1}"#)),
        ("a NUL in what is not kept", with(r#""transcript":"a\u0000b""#)),
        ("a NUL in a tool's arguments", tool_call(id, r#"{"to":"+15550100177","message":"\u0000"}"#)),
        ("a reason twice", with(r#""endedReason":"a","endedReason":"b""#)),
        ("a member twice, deep inside", with(r#""analysis":{"data":[{"x":{"a":1,"b":2,"a":1}}]}"#)),
        ("a member twice, once escaped", with(r#""analysis":{"cost":1,"c\u006fst":2}"#)),
        ("a member twice in what is not kept", with(r#""artifact":{"messages":[{"a":1,"a":1}]}"#)),
        ("a tool's argument twice", tool_call(id, r#"{"to":"+15550100177","to":"+15550100178"}"#)),
        ("a member twice beside the message", with("\"x\":1").replacen('{', r#"{"x":1,"x":2,"#, 1)),
        ("a lone surrogate deep inside", with(r#""analysis":{"a":["\udfff"]}"#)),
        ("a number beyond all, deep inside", with(r#""costs":[{"cost":1e400}]"#)),
        ("an integer of 400 digits", with(&format!("\"cost\":{}", "9".repeat(400)))),
        ("129 levels", with(&format!("\"x\":{}{}", "[".repeat(127), "]".repeat(127)))),
        ("a long type", format!(r#"{{"message":{{"type":"{}"}}}}"#, "x".repeat(101))),
    ];
    let mut bodies: Vec<(&str, Vec<u8>)> =
        texts.into_iter().map(|(name, text)| (name, text.into_bytes())).collect();
    bodies.push(("invalid UTF-8", [with("\"x\":\"").as_bytes(), b"\xff\xfe"].concat()));
    let mut latin = with("\"x\":\"?\"").into_bytes();
    let at = latin.iter().position(|byte| *byte == b'?').unwrap();
    latin[at] = 0xe9;
    bodies.push(("Latin-1", latin));
    bodies.push(("UTF-16", with("\"x\":1").encode_utf16().flat_map(u16::to_le_bytes).collect()));
    bodies.push(("a byte order mark", [b"\xef\xbb\xbf", with("\"x\":1").as_bytes()].concat()));

    for (name, body) in &bodies {
        let answer = signed(&wire, body).await;
        assert_eq!((answer.status, code(&answer).as_str()), (400, "unparsable"), "{name}: {}", answer.body);
        // Without a signature it is the same, or the one refusal.
        let answer = wire.post(body.clone(), &[]).await;
        assert!(
            matches!((answer.status, code(&answer).as_str()), (400, "unparsable") | (401, "not_authentic")),
            "{name}"
        );
    }
    assert_eq!(stored(&app, wire.org).await, 0);
    assert!(app.sandbox.phone_log().is_empty());
    // The same without what is wrong with it.
    let sound =
        [with(r#""a":{"x":1},"b":{"x":1}"#), tool_call(id, r#"{"to":"+15550100177","message":"Hi"}"#)];
    for body in &sound {
        assert_eq!(signed(&wire, body.as_bytes()).await.status, 200, "{body}");
    }
    assert_eq!(stored(&app, wire.org).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_above_one_mebibyte_is_413_and_one_below_is_taken() {
    let app = TestApp::start().await;
    let wire = Wire::new(&app, "Sunrise Dental").await;
    let sized = |size: usize, call: &str| {
        let empty = wire.message("hang", call, &json!({ "padding": "" })).len();
        let body = wire.message("hang", call, &json!({ "padding": "x".repeat(size - empty) }));
        assert_eq!(body.len(), size);
        body
    };
    assert_eq!(wire.send(&sized(1024 * 1024, "fits")).await.status, 200);
    let answer = wire.send(&sized(1024 * 1024 + 1, "too long")).await;
    assert_eq!((answer.status, code(&answer).as_str()), (413, "too_large"));
    assert_eq!(stored(&app, wire.org).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_without_a_length_and_without_an_end_is_cut_at_the_limit() {
    let app = TestApp::start().await;
    let host = app.url.strip_prefix("http://").unwrap();
    let mut stream = tokio::net::TcpStream::connect(host).await.unwrap();
    let head =
        format!("POST /api/webhooks/vapi HTTP/1.1\r\nhost: {host}\r\ntransfer-encoding: chunked\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut from, mut to) = stream.split();
    let mut answer = vec![0; 4096];
    let chunk = [b"10000\r\n".as_slice(), &[b' '; 0x10000], b"\r\n"].concat();
    // One gibibyte would follow; the answer comes long before.
    let read = tokio::select! {
        read = from.read(&mut answer) => read.unwrap(),
        () = async { for _ in 0..16_384 { if to.write_all(&chunk).await.is_err() { std::future::pending().await } } } => 0,
    };
    let answer = String::from_utf8_lossy(&answer[..read]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("too_large"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compressed_body_is_never_unpacked() {
    let app = TestApp::start().await;
    let wire = Wire::new(&app, "Sunrise Dental").await;
    // A gzip member with one stored block, written by hand: it holds the message itself.
    let text = wire.report("c");
    let length = u16::try_from(text.len()).unwrap();
    let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1];
    packed.extend_from_slice(&length.to_le_bytes());
    packed.extend_from_slice(&(!length).to_le_bytes());
    packed.extend_from_slice(text.as_bytes());
    let mut headers = wire.sign(&packed, now());
    headers.push(("content-encoding".to_owned(), "gzip".to_owned()));
    let answer = wire.post(packed, &headers).await;
    assert_eq!((answer.status, code(&answer).as_str()), (400, "unparsable"));
    assert_eq!(stored(&app, wire.org).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn types_that_nobody_knows_are_kept_and_the_short_address_is_the_same_route() {
    let app = TestApp::start().await;
    let wire = Wire::new(&app, "Sunrise Dental").await;
    for (at, kind) in
        ["call.deleted", "transcript[transcriptType=\"final\"]", "héllo", "a new thing"].iter().enumerate()
    {
        let answer = wire.send(&wire.message(kind, &format!("c{at}"), &json!({}))).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{kind}");
    }
    assert_eq!(stored(&app, wire.org).await, 4);

    let short = Wire { url: format!("{}/webhooks/vapi", app.url), ..wire.clone() };
    assert_eq!(short.send(&wire.report("c")).await.status, 200);
    assert_eq!(wire.send(&wire.report("c")).await.status, 200);
    assert_eq!(stored(&app, wire.org).await, 5);
    assert_eq!(short.post(wire.report("c").into_bytes(), &[]).await.status, 401);
    for path in ["/api/webhooks/vapi", "/webhooks/vapi"] {
        assert_eq!(app.browser().get(path).await.status, 405);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_but_valid_messages_are_kept() {
    let app = TestApp::start().await;
    let wire = Wire::new(&app, "Sunrise Dental").await;
    let id = wire.assistant;
    let bodies = [
        wire.message("hang", "control", &json!({ "endedReason": "a\u{1}b\n", "status": "\u{7f}" })),
        wire.message("hang", "emoji", &json!({ "endedReason": "\u{1f525}".repeat(500) })),
        wire.message("hang", "types", &json!({ "cost": "free", "customer": 7, "artifact": [null, true] })),
        format!(
            r#"{{"message":{{"type":"hang","timestamp":"2026-01-05T10:00:00Z","call":{{"id":"x","assistantId":"{id}"}}}}}}"#
        ),
        format!(
            r#"{{"message":{{"type":"hang","timestamp":123456789012345678901234567890,"call":{{"id":"x","assistantId":"{id}"}}}}}}"#
        ),
        format!(r#"{{"assistantId":"{id}","message":{{"type":"end-of-call-report"}}}}"#),
        format!(
            "\n\t {{\"message\":{{\"type\":\"hang\",\"call\":{{\"assistantId\":\"{}\"}}}}}} \r\n",
            id.simple()
        ),
    ];
    for body in &bodies {
        let answer = wire.send(body).await;
        assert_eq!(answer.status, 200, "{body}: {}", answer.body);
    }
    assert_eq!(stored(&app, wire.org).await, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn payloads_are_sealed_in_their_place_and_nothing_said_or_secret_is_in_any_column() {
    let app = TestApp::start().await;
    let wire = Wire::new(&app, "Sunrise Dental").await;
    let other = Wire::new(&app, "Harbor Clinic").await;
    let more = json!({
        "endedReason": "customer-ended-call",
        "customer": { "number": "+15550100123", "name": "CANARY-NAME" },
        "transcript": "CANARY-TRANSCRIPT", "summary": "CANARY-SUMMARY",
        "phoneNumber": { "id": Uuid::new_v4(), "twilioAuthToken": "CANARY-TOKEN", "serverUrlSecret": "CANARY-SECRET" },
        "analysis": { "summary": "CANARY-ANALYSIS" },
        "artifact": { "transcript": "CANARY-ARTIFACT", "messages": [{ "role": "user", "message": "CANARY-WORDS" }] },
        "assistant": { "server": { "headers": { "authorization": "CANARY-HEADER" }, "secret": "CANARY-PLAIN" } },
    });
    let answer = wire.send(&wire.message("end-of-call-report", "c", &more)).await;
    assert_eq!(answer.status, 200);
    assert_eq!(other.send(&other.report("d")).await.status, 200);

    let (id, sealed): (Uuid, Vec<u8>) =
        sqlx::query_as("select id, sealed_payload from inbound_events where org_id = $1")
            .bind(wire.org.0)
            .fetch_one(&app.db.superuser)
            .await
            .unwrap();
    let blob = || Sealed::parse(sealed.clone()).unwrap();
    let vault = &app.services.vault;
    let opened = vault.open_at(&payload_place(wire.org, id), &blob()).await.unwrap();
    let kept = String::from_utf8(opened.expose().to_vec()).unwrap();
    assert!(kept.contains("customer-ended-call"));
    for secret in ["TRANSCRIPT", "TOKEN", "SECRET", "ARTIFACT", "WORDS", "HEADER", "PLAIN"] {
        assert!(!kept.contains(&format!("CANARY-{secret}")), "{secret}");
    }
    assert!(vault.open_at(&payload_place(wire.org, Uuid::new_v4()), &blob()).await.is_err());
    assert!(vault.open_at(&payload_place(other.org, id), &blob()).await.is_err());

    // Every column of every table, as text and as bytes.
    let tables: Vec<String> = sqlx::query_scalar(
        "select quote_ident(table_name) from information_schema.tables
          where table_schema = 'public' and table_type = 'BASE TABLE'",
    )
    .fetch_all(&app.db.superuser)
    .await
    .unwrap();
    assert!(tables.iter().any(|table| table == "inbound_events"));
    for table in tables {
        // bytea shows as hexadecimal, so the canary is looked for in that spelling too.
        let found: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
            "select count(*) from {table} t where t::text like '%CANARY%' or t::text like '%' || encode('CANARY', 'hex') || '%'
                or t::text like '%5550100123%'"
        )))
        .fetch_one(&app.db.superuser)
        .await
        .unwrap();
        assert_eq!(found, 0, "{table}");
    }
}
