//! Whatever is planted is found, and what the documents describe is not.

use serde_json::json;

use super::*;

fn shaped(provider: ProviderId, kind: &'static str, value: &Value) -> SentBody {
    let words = &description(provider).as_ref().expect("a description").words;
    SentBody { kind, shape: shape_of(value, words) }
}

fn request(
    provider: ProviderId,
    method: &str,
    path: &str,
    body: Option<(&'static str, Value)>,
) -> SeenRequest {
    let body = body.map(|(kind, value)| shaped(provider, kind, &value));
    SeenRequest {
        at: time::OffsetDateTime::UNIX_EPOCH,
        provider,
        method: method.to_owned(),
        path: path.to_owned(),
        body,
        account: None,
        credential_fingerprint: String::new(),
        status: 200,
        answer: None,
    }
}

fn judged(
    provider: ProviderId,
    method: &str,
    path: &str,
    body: Option<(&'static str, Value)>,
) -> Vec<String> {
    disagreements(provider, &[request(provider, method, path, body)])
}

const SENDING: &str = "/2010-04-01/Accounts/AC1/Messages.json";

#[test]
fn every_description_can_be_read_and_says_where_it_comes_from() {
    for provider in ProviderId::ALL {
        let text: Value = serde_json::from_str(text_of(provider))
            .unwrap_or_else(|error| panic!("{}: {error}", provider.as_str()));
        assert!(text["source"].as_str().is_some_and(|source| !source.is_empty()), "{provider:?}");
        assert!(text["licence"].is_string() && text["commit"].is_string(), "{provider:?}");
        assert!(disagreements(provider, &[]).is_empty(), "{provider:?}");
    }
}

#[test]
fn a_good_request_agrees() {
    let good = json!({ "To": "x", "From": "y", "Body": "z" });
    assert!(judged(ProviderId::Twilio, "POST", SENDING, Some(("form", good))).is_empty());
    let rows = json!({ "range": "A1", "majorDimension": "ROWS", "values": [["a", "b"]] });
    let path = "/v4/spreadsheets/1a/values/A1:append?valueInputOption=RAW";
    assert!(judged(ProviderId::GoogleSheets, "POST", path, Some(("json", rows))).is_empty());
}

#[test]
fn whatever_is_planted_is_found() {
    let twilio = |body: Value| judged(ProviderId::Twilio, "POST", SENDING, Some(("form", body)));
    let planted = twilio(json!({ "To": "x", "From": "y", "Body": "z", "Recipient": "x" }));
    assert!(planted[0].ends_with("no member .Recipient"), "{planted:?}");
    assert!(twilio(json!({ "From": "y", "Body": "z" }))[0].ends_with(".To is missing"));
    let as_json = judged(ProviderId::Twilio, "POST", SENDING, Some(("json", json!({ "To": "x" }))));
    assert!(as_json[0].ends_with("takes a body of the kind form"), "{as_json:?}");
    for (provider, method, path) in [
        (ProviderId::Twilio, "PUT", SENDING),
        (ProviderId::Twilio, "GET", "/2010-04-01/Accounts/AC1/Message.json"),
        (ProviderId::Resend, "GET", "/domains/list"),
    ] {
        let found = judged(provider, method, path, None);
        assert!(found[0].ends_with("no such operation"), "{found:?}");
    }
    let query = judged(ProviderId::ElevenLabs, "GET", "/v2/voices?pageSize=100", None);
    assert!(query[0].ends_with("no parameter pageSize"), "{query:?}");
    let body = judged(ProviderId::Stripe, "GET", "/v1/account", Some(("json", json!({ "a": 1 }))));
    assert!(body[0].ends_with("takes no body"), "{body:?}");
    let rows = json!({ "range": 1, "values": "a" });
    let path = "/v4/spreadsheets/1a/values/A1:append";
    let found = judged(ProviderId::GoogleSheets, "POST", path, Some(("json", rows)));
    assert_eq!(found.len(), 2, "{found:?}");
    let deep = json!({ "summary": "x", "start": { "dateTime": "t", "zone": "UTC" } });
    let path = "/api/calendar/v3/calendars/primary/events";
    let found = judged(ProviderId::GoogleCalendar, "POST", path, Some(("json", deep)));
    assert!(found[0].ends_with("no member .start.zone"), "{found:?}");
}

#[test]
fn a_parameter_is_held_against_its_words_and_its_limit() {
    let workflows = |query: &str| judged(ProviderId::N8n, "GET", &format!("/api/v1/workflows{query}"), None);
    assert_eq!(workflows("?limit=250&excludePinnedData=true&name=anything"), [""; 0]);
    for (query, name) in
        [("?limit=251", "limit"), ("?limit=all", "limit"), ("?excludePinnedData=yes", "excludePinnedData")]
    {
        let found = workflows(query);
        assert!(found[0].ends_with(&format!("parameter {name} is not what it may be")), "{found:?}");
    }
}

#[test]
fn a_member_is_held_against_its_words_and_text_is_no_number_but_in_a_form() {
    let list = |channel: Value| {
        let body = json!({ "filter_criteria": { "channel": channel } });
        judged(ProviderId::Retell, "POST", "/v2/list-agents?limit=50", Some(("json", body)))
    };
    assert_eq!(list(json!({ "type": "string", "op": "eq", "value": "voice" })), [""; 0]);
    let other = list(json!({ "type": "string", "op": "is", "value": "voice" }));
    assert!(other[0].ends_with(".filter_criteria.channel.op is none of its words"), "{other:?}");
    assert_eq!(judged(ProviderId::Retell, "POST", "/v2/list-agents", None), [""; 0], "it may be left out");

    let form = json!({ "api_key": "a", "api_secret": "b", "from": "c", "to": "d", "ttl": "20000" });
    assert_eq!(judged(ProviderId::Vonage, "POST", "/sms/json", Some(("form", form))), [""; 0]);
    let mut problems = Vec::new();
    let whole = SentBody { kind: "json", shape: json!({ "ttl": "string" }) };
    judge(&json!({ "fields": { "ttl": "integer" } }), &whole, &whole.shape, "", &mut problems);
    assert_eq!(problems, [".ttl is no integer"]);
}

#[test]
fn each_action_at_one_address_has_a_form_of_its_own() {
    let act = |form: Value| judged(ProviderId::Sns, "POST", "/", Some(("form", form)));
    let publish = json!({ "Action": "Publish", "Version": "2010-03-31", "PhoneNumber": "x", "Message": "y",
        "MessageAttributes.entry.1.Name": "z", "MessageAttributes.entry.1.Value.DataType": "String" });
    assert_eq!(act(publish.clone()), [""; 0]);
    let mut silent = publish.clone();
    silent.as_object_mut().expect("a form").remove("Message");
    assert!(act(silent)[0].ends_with(".Message is missing"));
    let mut other_version = publish;
    other_version["Version"] = "2011-06-15".into();
    assert!(act(other_version)[0].ends_with(".Version is none of its words"));
    let who = json!({ "Action": "GetCallerIdentity", "Version": "2011-06-15", "PhoneNumber": "x" });
    assert!(act(who)[0].ends_with("no member .PhoneNumber"));
    assert!(!act(json!({ "Action": "Unsubscribe", "Version": "2010-03-31" })).is_empty());
}

#[test]
fn what_a_stand_in_answers_is_held_against_the_description_too() {
    let answered = |status: u16, answer: Value| {
        let asked = request(ProviderId::Stripe, "GET", "/v1/balance", None);
        let answer = Some(shaped(ProviderId::Stripe, "json", &answer));
        disagreements(ProviderId::Stripe, &[SeenRequest { status, answer, ..asked }])
    };
    let mut balance = json!({ "object": "balance", "available": [{ "amount": 1, "currency": "usd" }],
        "livemode": false, "pending": [] });
    assert_eq!(answered(200, balance.clone()), [""; 0]);
    assert_eq!(answered(403, json!({ "error": { "type": "api_error", "message": "No." } })), [""; 0]);
    balance["available"][0]["amount"] = "1.00".into();
    balance["owner"] = "x".into();
    let found = answered(200, balance);
    assert!(found[0].ends_with("answer.available[].amount is no integer"), "{found:?}");
    assert!(found[1].ends_with("no member answer.owner"), "{found:?}");
    let refused = answered(403, json!({ "error": { "type": "refused" } }));
    assert!(refused[0].ends_with("answer.error.type is none of its words"), "{refused:?}");
}

#[test]
fn xml_is_read_by_its_elements_and_their_attributes() {
    let text = "<?xml version=\"1.0\"?>\n<AResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
                <AResult><IsInSandbox>true</IsInSandbox><Key>secret</Key></AResult></AResponse>";
    let read = SentBody::read(ProviderId::Sns, "text/xml", text.as_bytes()).expect("XML");
    let namespace = "=https://sts.amazonaws.com/doc/2011-06-15/";
    assert_eq!(
        read.shape,
        json!({ "AResponse": "string", "@xmlns": namespace, "AResult": "string", "IsInSandbox": "=true",
            "Key": "string" })
    );
}

#[test]
fn no_value_of_a_body_is_kept_but_words_of_the_description() {
    let read = |kind: &str, body: &[u8]| SentBody::read(ProviderId::Retell, kind, body);
    let sent = read("application/json", br#"{"key":"secret","n":1,"list":[true,1.5,null],"word":"voice"}"#);
    let shape = sent.expect("a body").shape;
    assert_eq!(
        shape,
        json!({ "key": "string", "n": "integer", "list": ["boolean", "number", "null"], "word": "=voice" })
    );
    let form = read("application/x-www-form-urlencoded", b"client_secret=s3cret");
    assert_eq!(form.expect("a body").shape, json!({ "client_secret": "string" }));
    assert_eq!(read("application/json", b""), None);
}
