//! The table is complete, other spellings lead to it, and a wrong clock is not a wrong secret.

use super::*;

fn error(status: u16, code: &str, message: &str) -> SnsError {
    let body = format!(
        "<ErrorResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><Error><Type>Sender</Type><Code>{code}</Code>\
         <Message>{message}</Message></Error><RequestId>r</RequestId></ErrorResponse>"
    );
    SnsError::from_reply(&Reply { status, retry_after: None, is_html: false, body: body.into() })
}

#[test]
fn every_documented_code_is_explained() {
    let codes = [
        "InvalidParameter",
        "ParameterValueInvalid",
        "ValidationException",
        "OptedOut",
        "EndpointDisabled",
        "UserError",
        "AuthorizationError",
        "InvalidClientTokenId",
        "SignatureDoesNotMatch",
        "InvalidSecurity",
        "ExpiredToken",
        "ExpiredTokenException",
        "OptInRequired",
        "AccessDenied",
        "RequestExpired",
        "NotFound",
        "MissingAuthenticationToken",
        "IncompleteSignature",
        "InternalError",
        "InternalFailure",
        "ServiceUnavailable",
        "Throttled",
        "Throttling",
        "ThrottlingException",
    ];
    for code in codes {
        let explanation = explain(code);
        assert!(!explanation.sentence.contains("refused with"), "{code} has no sentence of its own");
        assert!(explanation.sentence.contains("AWS SNS") && explanation.sentence.ends_with('.'), "{code}");
        assert!(explanation.fix.ends_with('.') && explanation.url.starts_with("https://"), "{code}");
    }
    for (_, same) in SAME {
        assert!(TABLE.iter().any(|row| row.0 == *same), "{same}");
    }
}

#[test]
fn an_unknown_code_is_quoted() {
    let unknown = error(400, "SomethingNew", "It is new.");
    assert_eq!(unknown.explain().sentence, "AWS SNS refused with SomethingNew: It is new.");
    assert_eq!(unknown.reference().as_deref(), Some("SomethingNew"));
    assert!(
        SnsError::from_reply(&Reply { status: 403, retry_after: None, is_html: false, body: "".into() })
            .explain()
            .sentence
            .contains("403")
    );
}

#[test]
fn a_refusal_on_a_web_page_is_not_awss() {
    for body in ["<!doctype html><title>403 Forbidden</title>", "<html><body>No.</body></html>"] {
        let page = Reply { status: 403, retry_after: None, is_html: true, body: body.into() };
        assert_eq!(SnsError::from_reply(&page), SnsError::Unexpected(Unexpected::Html), "{body}");
    }
}

#[test]
fn a_wrong_clock_says_nothing_about_the_secret() {
    let wrong = error(403, "SignatureDoesNotMatch", "The request signature we calculated does not match");
    assert_eq!(wrong.code(), Some("SignatureDoesNotMatch"));
    let late = error(403, "SignatureDoesNotMatch", "Signature expired: 20240101T000000Z is now earlier than");
    assert_eq!(late, SnsError::Clock);
    assert_eq!(error(403, "SignatureDoesNotMatch", "Signature not yet current: x"), SnsError::Clock);
}

#[test]
fn only_what_certainly_did_not_leave_may_be_repeated() {
    let failure = |status, code: &str, message: &str| error(status, code, message).failure();
    assert_eq!(failure(403, "AuthorizationError", "").kind, SendFailure::Refused);
    assert!(!failure(403, "AuthorizationError", "").is_about_message);
    assert!(failure(400, "OptedOut", "").is_about_message);
    assert!(failure(400, "InvalidParameter", "Invalid parameter: PhoneNumber").is_about_message);
    assert!(!failure(400, "InvalidParameter", "Invalid parameter: SenderID").is_about_message);
    assert_eq!(failure(400, "Throttling", "").kind, SendFailure::NotSent);
    assert_eq!(failure(500, "InternalFailure", "").kind, SendFailure::Undetermined);
    assert_eq!(SnsError::Unexpected(Unexpected::Html).failure().kind, SendFailure::Undetermined);
    assert_eq!(SnsError::Transport(EgressError::Reset).failure().kind, SendFailure::Undetermined);
    assert_eq!(SnsError::Transport(EgressError::Dns).failure().kind, SendFailure::NotSent);
}
