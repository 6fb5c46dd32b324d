//! The table is complete and in order, and both forms of an error are read.

use super::*;

fn error(status: u16, body: &'static str) -> TwilioError {
    TwilioError::from_reply(&Reply { status, retry_after: None, is_html: false, body: body.into() })
}

#[test]
fn every_code_that_clinics_meet_is_explained() {
    let codes = [
        20003, 20005, 20008, 20404, 20429, 21211, 21212, 21408, 21606, 21608, 21610, 21611, 21612, 21614,
        21617, 30002, 30003, 30005, 30006, 30007, 30008, 30034, 63007, 63016,
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
fn an_unknown_code_is_named_and_linked() {
    let explanation = explain(12345);
    assert!(explanation.sentence.contains("12345"));
    assert_eq!(explanation.url, "https://www.twilio.com/docs/errors/12345");
    let quoted = error(400, r#"{"code":12345,"message":"Something new.","status":400}"#).explain();
    assert_eq!(quoted.sentence, "Twilio refused with code 12345: Something new.");
}

#[test]
fn both_forms_of_an_error_are_read() {
    let classic = error(401, r#"{"code":20003,"message":"Authenticate","status":401}"#);
    assert_eq!(classic.code(), Some(20003));
    let problem =
        error(404, r#"{"type":"t","title":"Not found","status":404,"code":20404,"detail":"No service"}"#);
    assert_eq!(problem.code(), Some(20404));
    assert_eq!(error(403, "").code(), None);
}

#[test]
fn throttling_and_outages_say_nothing_about_the_credential() {
    assert!(error(429, r#"{"code":20429}"#).is_undetermined());
    assert!(error(503, "").is_undetermined());
    assert!(!error(401, "").is_undetermined());
    assert_eq!(error(503, "").reference().as_deref(), Some("503"));
    assert_eq!(error(429, r#"{"code":20429}"#).reference().as_deref(), Some("20429"));
}

#[test]
fn a_refusal_on_a_web_page_is_not_twilios() {
    for status in [401, 403, 404] {
        assert_eq!(error(status, "<html>"), TwilioError::Unexpected(Unexpected::Html), "{status}");
    }
    assert!(error(429, "<html>").is_undetermined());
}

#[test]
fn a_refusal_without_a_body_is_explained_by_its_status() {
    assert_eq!(error(401, "").explain(), explain(20003));
    assert_eq!(error(404, "").explain(), explain(20404));
    assert!(error(403, "").explain().sentence.contains("does not allow"));
}
