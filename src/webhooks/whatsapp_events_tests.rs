//! Batches are taken apart, other numbers left alone, patients' words dropped.

use super::*;
use crate::domain::OrgId;
use crate::webhooks::inbound::Verified;
use crate::webhooks::news::cleaned;

const BODY: &str = r#"{"object":"whatsapp_business_account","entry":[{"id":"20","changes":[
  {"field":"messages","value":{"messaging_product":"whatsapp","metadata":{"phone_number_id":"10"},
    "contacts":[{"profile":{"name":"CANARY1"},"wa_id":"16505551234"}],
    "messages":[{"from":"16505551234","id":"wamid.A","timestamp":"1","type":"text","text":{"body":"CANARY2"}},
                {"from":"16505551234","id":"wamid.B","timestamp":"1","type":"button","button":{"text":"CANARY3"}}]}},
  {"field":"messages","value":{"metadata":{"phone_number_id":"10"},
    "statuses":[{"id":"wamid.C","status":"failed","recipient_id":"16505551234","errors":[{"code":131047}],
                 "biz_opaque_callback_data":"01890000-0000-7000-8000-000000000001"},
                {"id":"wamid.C","status":"deleted"}]}},
  {"field":"messages","value":{"metadata":{"phone_number_id":"11"},"messages":[{"from":"1","id":"wamid.D","type":"text"}]}},
  {"field":"account_update","value":{"event":"VERIFIED_ACCOUNT"}}]},
  {"id":"21","changes":[{"field":"account_update","value":{"event":"OTHER"}}]}]}"#;

fn sender() -> Sender {
    Sender {
        verified: Verified::of(OrgId(Uuid::nil())),
        phone_number_id: "10".to_owned(),
        business_account_id: "20".to_owned(),
    }
}

#[test]
fn each_thing_is_an_event_and_what_is_not_the_clinics_is_none() {
    let news = read(&sender(), BODY.as_bytes()).unwrap();
    let kinds: Vec<&str> = news.iter().map(|one| one.kind.as_str()).collect();
    assert_eq!(kinds, ["message", "message", "status", "status", "account_update"]);
    let keys: std::collections::HashSet<_> = news.iter().map(|one| one.dedupe_key).collect();
    assert_eq!(keys.len(), 5);
    assert_eq!(news[0].summary, json!({ "type": "text", "caller": "+16***34" }));
    let failed = news[2].status.as_ref().unwrap();
    assert_eq!((failed.status, failed.error_code), ("failed", Some(131047)));
    assert_eq!(failed.reference, reference_of("wamid.C"));
    assert!(failed.own.is_some() && news[3].status.is_none());
    assert_eq!(news[4].summary["event"], "VERIFIED_ACCOUNT");
}

#[test]
fn the_key_knows_a_repetition_whatever_stands_around_it() {
    let one = read(&sender(), BODY.as_bytes()).unwrap();
    let again = read(&sender(), BODY.replace("\"timestamp\":\"1\"", "\"timestamp\":\"2\"").as_bytes());
    let again = again.unwrap();
    assert!(one.iter().zip(&again).take(4).all(|(one, again)| one.dedupe_key == again.dedupe_key));
}

#[test]
fn what_is_kept_of_a_message_is_without_the_patients_words() {
    let news = read(&sender(), BODY.as_bytes()).unwrap();
    let whole: String = news.iter().map(|one| one.payload.to_string()).collect();
    assert!(whole.contains("CANARY1") && whole.contains("CANARY2") && whole.contains("CANARY3"));
    let kept: String = news.iter().map(|one| format!("{}{}", cleaned(&one.payload), one.summary)).collect();
    assert!(!kept.contains("CANARY") && kept.contains("wamid.A") && kept.contains("16505551234"), "{kept}");
}

#[test]
fn what_is_no_webhook_of_whatsapp_is_an_error_and_no_panic() {
    for body in [
        "",
        "[]",
        "{}",
        r#"{"object":"page","entry":[]}"#,
        r#"{"object":"whatsapp_business_account"}"#,
        r#"{"object":"whatsapp_business_account","entry":[],"entry":[]}"#,
        r#"{"object":"whatsapp_business_account","entry":[{"id":"20","changes":[{"field":7}]}]}"#,
    ] {
        assert!(read(&sender(), body.as_bytes()).is_err(), "{body}");
    }
    for body in [
        r#"{"object":"whatsapp_business_account","entry":[]}"#,
        r#"{"object":"whatsapp_business_account","entry":[7,{"id":"20","changes":{}},{"id":"20"}]}"#,
        r#"{"object":"whatsapp_business_account","entry":[{"id":"20","changes":[{"field":"messages","value":{"metadata":{"phone_number_id":"10"},"messages":[7,{"id":7}],"statuses":[{"id":"x"}]}}]}]}"#,
    ] {
        assert_eq!(read(&sender(), body.as_bytes()).unwrap().len(), 0, "{body}");
    }
}
