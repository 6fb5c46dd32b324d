//! Resend against its stand-in: keys of every kind, domains in every state, e-mails.

use super::*;
use crate::providers::mail::{Mail, MailFailure, Mailer};
use crate::providers::resend::{ResendClient, ResendCredentials};
use crate::sandbox::{DEMO_RESEND, DemoResend};
use crate::vault::Credential;

fn fields_of(demo: &DemoResend, from: &str) -> SecretFields {
    fields(&[("apiKey", demo.key), ("from", from)])
}

async fn test(bench: &Bench, at: usize) -> TestReport {
    bench.test(ProviderId::Resend, &fields_of(&DEMO_RESEND[at], DEMO_RESEND[at].from)).await
}

const MAIL: Mail<'static> =
    Mail { to: "patient@home.example", subject: "Your visit", text: "Monday at 9:00.", once: "mail-1" };

async fn send(
    bench: &Bench,
    demo: &DemoResend,
    mail: &Mail<'_>,
    time: Duration,
) -> Result<mail::SentMail, mail::MailError> {
    let credentials = ResendCredentials::from_fields(&fields_of(demo, demo.from)).expect("complete fields");
    let bulkhead = BulkheadKey(Uuid::new_v4().as_u128());
    let deadline = Deadline::after(time);
    let client = ResendClient::new(&bench.egress, &bench.bases.resend, &credentials, bulkhead, deadline);
    Mailer::send(&client, mail).await
}

#[tokio::test]
async fn domains_stand_on_the_card_with_their_states() {
    let bench = Bench::start().await;
    let whole = test(&bench, 0).await;
    assert_eq!((whole.outcome, answer(&whole, "send_email")), (Outcome::Accepted, Answer::Yes));
    assert_eq!(whole.notes, ["sunrise.example is verified, news.sunrise.example is pending."]);
    let waiting = test(&bench, 3).await;
    assert_eq!((waiting.outcome, answer(&waiting, "send_email")), (Outcome::Accepted, Answer::No));
    assert!(waiting.notes[0].contains("waiting.example is not started"), "{waiting:?}");
}

#[tokio::test]
async fn a_key_that_only_sends_is_accepted_with_a_note() {
    let bench = Bench::start().await;
    let report = test(&bench, 2).await;
    assert_eq!((report.outcome, answer(&report, "send_email")), (Outcome::Accepted, Answer::Yes));
    assert_eq!(answer(&report, "domains"), Answer::No);
    assert!(report.notes[0].contains("only sends"), "{report:?}");
}

#[tokio::test]
async fn a_wrong_key_and_a_foreign_domain_are_refused_at_their_fields() {
    let bench = Bench::start().await;
    let demo = &DEMO_RESEND[0];
    let wrong = fields(&[("apiKey", "re_00000000_000000000000000000000000"), ("from", demo.from)]);
    let wrong = bench.test(ProviderId::Resend, &wrong).await;
    assert_eq!((wrong.outcome, wrong.field.as_deref()), (Outcome::Refused, Some("apiKey")));
    assert_eq!(wrong.reference.as_deref(), Some("invalid_api_key"));
    let foreign = bench.test(ProviderId::Resend, &fields_of(demo, DEMO_RESEND[1].from)).await;
    assert_eq!((foreign.outcome, foreign.field.as_deref()), (Outcome::Refused, Some("from")));
    assert!(foreign.headline.contains("harbor.example"), "{foreign:?}");
}

#[tokio::test]
async fn an_e_mail_goes_out_once_for_each_key() {
    let bench = Bench::start().await;
    let demo = &DEMO_RESEND[0];
    let long = Duration::from_secs(5);
    // The answer is lost: the e-mail went out, and the same key finds it again.
    bench.sandbox.faults().set(ProviderId::Resend, Fault::LostAnswer);
    let lost = send(&bench, demo, &MAIL, long).await.expect_err("lost");
    assert_eq!(lost.kind, MailFailure::Undetermined);
    bench.sandbox.faults().set(ProviderId::Resend, Fault::None);
    let sent = send(&bench, demo, &MAIL, long).await.expect("sent");
    let again = send(&bench, demo, &MAIL, long).await.expect("the same");
    assert_eq!(sent, again);
    let log = bench.sandbox.mail_log();
    assert_eq!((log.len(), &log[0].id, log[0].from.as_str()), (1, &sent.id, demo.from));
    let other = send(&bench, demo, &Mail { text: "Tuesday.", ..MAIL }, long).await.expect_err("other text");
    assert_eq!(
        (other.kind, other.code.as_deref()),
        (MailFailure::Refused, Some("invalid_idempotent_request"))
    );
    // Another clinic's e-mail with the same key is another e-mail.
    send(&bench, &DEMO_RESEND[1], &MAIL, long).await.expect("sent");
    assert_eq!(bench.sandbox.mail_log().len(), 2);
}

#[tokio::test]
async fn what_is_not_sent_says_whether_it_may_be_repeated() {
    let bench = Bench::start().await;
    let long = Duration::from_secs(5);
    let waiting = send(&bench, &DEMO_RESEND[3], &MAIL, long).await.expect_err("not verified");
    assert_eq!((waiting.kind, waiting.code.as_deref()), (MailFailure::Refused, Some("domain_not_verified")));
    assert!(waiting.fix.is_some_and(|fix| fix.text.contains("DNS")));
    let nobody =
        send(&bench, &DEMO_RESEND[0], &Mail { to: "nobody", ..MAIL }, long).await.expect_err("nobody");
    assert_eq!(nobody.kind, MailFailure::Refused);
    for (fault, kind, time) in [
        (Fault::Throttled, MailFailure::NotSent, long),
        (Fault::ServerError, MailFailure::Undetermined, long),
        (Fault::Html, MailFailure::Undetermined, long),
        (Fault::Hang, MailFailure::Undetermined, Duration::from_millis(200)),
        (Fault::Suspended, MailFailure::Refused, long),
    ] {
        bench.sandbox.faults().set(ProviderId::Resend, fault);
        let error = send(&bench, &DEMO_RESEND[0], &MAIL, time).await.expect_err("a failure");
        assert_eq!(error.kind, kind, "{fault:?}: {error:?}");
        assert!(error.sentence.contains("Resend"), "{error:?}");
    }
    assert!(bench.sandbox.mail_log().is_empty());
}
