//! The table is complete and in order; the code decides whatever the status.

use super::*;

fn error(status: u16, body: &'static str) -> WhatsAppError {
    WhatsAppError::from_reply(&Reply { status, retry_after: None, is_html: false, body: body.into() })
}

#[test]
fn every_code_that_clinics_meet_is_explained() {
    let codes = [
        0, 1, 2, 3, 4, 10, 33, 100, 102, 104, 190, 200, 218, 299, 368, 803, 80007, 130429, 130472, 130497,
        131000, 131005, 131008, 131009, 131016, 131021, 131026, 131030, 131031, 131037, 131042, 131045,
        131047, 131048, 131049, 131050, 131051, 131052, 131053, 131056, 131057, 132000, 132001, 132005,
        132007, 132012, 132015, 132016, 132068, 132069, 133000, 133004, 133005, 133006, 133008, 133009,
        133010, 133015, 133016, 135000,
    ];
    for code in codes {
        let explanation = explain(code);
        assert!(!explanation.sentence.contains("with code"), "{code} has no sentence of its own");
        assert!(explanation.sentence.ends_with('.') && explanation.fix.ends_with('.'), "{code}");
        assert!(explanation.url.starts_with("https://"), "{code}");
    }
}

#[test]
fn the_table_is_sorted_so_that_the_search_finds_every_row() {
    assert!(TABLE.is_sorted_by(|a, b| a.0 < b.0));
}

#[test]
fn each_reason_of_a_rejected_token_has_its_words() {
    let body = |subcode: u32| {
        let body = format!(r#"{{"error":{{"code":190,"error_subcode":{subcode},"message":"m"}}}}"#);
        WhatsAppError::from_reply(&Reply {
            status: 401,
            retry_after: None,
            is_html: false,
            body: body.into(),
        })
    };
    let mut sentences: Vec<_> =
        [458, 459, 460, 463, 464, 467, 492, 1].map(|subcode| body(subcode).explain().sentence).to_vec();
    assert!(sentences[3].contains("expired"), "{sentences:?}");
    assert_eq!(body(463).reference().as_deref(), Some("190/463"));
    sentences.sort();
    sentences.dedup();
    assert_eq!(sentences.len(), 8);
}

#[test]
fn the_code_decides_and_not_the_status() {
    for status in [400, 403, 429] {
        for code in [r#"{"error":{"code":80007}}"#, r#"{"error":{"code":130429}}"#, r#"{"error":{"code":4}}"#]
        {
            assert!(matches!(error(status, code), WhatsAppError::Throttled { .. }), "{status} {code}");
        }
    }
    let transient = r#"{"error":{"code":100,"is_transient":true}}"#;
    assert!(matches!(error(400, transient), WhatsAppError::Unavailable { .. }));
    assert!(matches!(error(400, r#"{"error":{"code":1}}"#), WhatsAppError::Unavailable { .. }));
    assert!(matches!(error(500, r#"{"error":{"code":3}}"#), WhatsAppError::Refused { .. }));
    assert!(matches!(error(503, ""), WhatsAppError::Unavailable { .. }));
    assert!(matches!(error(429, ""), WhatsAppError::Throttled { code: None, .. }));
    assert_eq!(error(503, "").reference().as_deref(), Some("503"));
}

#[test]
fn unknown_ids_and_foreign_secrets_are_told_apart_from_other_invalid_values() {
    let id = error(400, r#"{"error":{"code":100,"error_subcode":33,"message":"Unsupported get request."}}"#);
    assert!(id.is_about_the_id() && id.explain().sentence.contains("does not know this id"));
    let proof = r#"{"error":{"code":100,"message":"Invalid appsecret_proof provided in the API argument"}}"#;
    let proof = error(400, proof);
    assert!(proof.is_about_the_proof() && proof.explain().sentence.contains("app secret"));
    let needed = r##"{"error":{"code":100,"message":"(#100) API calls from the server require an appsecret_proof argument"}}"##;
    let needed = error(400, needed);
    assert!(needed.is_about_the_proof() && needed.explain().sentence.contains("only together with"));
    let other = r##"{"error":{"code":100,"message":"(#100) x","error_data":{"details":"to is empty."}}}"##;
    let other = error(400, other);
    assert!(!other.is_about_the_id() && !other.is_about_the_proof());
    assert!(other.explain().sentence.ends_with("not valid: to is empty."), "{other:?}");
}

#[test]
fn an_unknown_code_is_named_and_a_refusal_without_a_body_is_explained_by_its_status() {
    let quoted = error(400, r#"{"error":{"code":199999,"message":"Something new."}}"#).explain();
    assert_eq!(quoted.sentence, "WhatsApp refused with code 199999: Something new.");
    assert_eq!(error(401, "").explain(), explain(0));
    assert_eq!(error(403, "").explain(), explain(10));
    for status in [401, 403, 404] {
        assert_eq!(error(status, "<html>"), WhatsAppError::Unexpected(Unexpected::Html), "{status}");
    }
    assert!(error(400, "").explain().sentence.contains("status 400"));
}
