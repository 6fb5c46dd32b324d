//! The test of a WhatsApp number: reads only, nothing sent, nothing changed.

use time::OffsetDateTime;

use crate::domain::{Answer, Outcome};
use crate::vault::{Credential, SecretFields, VaultError};

use super::super::TestContext;
use super::super::answer::quote;
use super::super::check::filled;
use super::super::report::{Explanation, Lines, TestReport};
use super::client::WhatsAppClient;
use super::codes::{APPS, NUMBERS, SYSTEM_USERS};
use super::credentials::WhatsAppCredentials;
use super::errors::WhatsAppError;
use super::records::{Number, TokenFacts};
use super::{NAME, SPEC};

/// The permission without which nothing is sent.
const MESSAGING: &str = "whatsapp_business_messaging";

pub(super) async fn run(context: &TestContext<'_>, fields: &SecretFields) -> TestReport {
    let credentials = match WhatsAppCredentials::from_fields(fields) {
        Ok(credentials) => credentials,
        Err(error) => return incomplete(&error),
    };
    let client = WhatsAppClient {
        egress: context.egress,
        base: &context.bases.whatsapp,
        credentials: &credentials,
        bulkhead: context.bulkhead,
        deadline: context.deadline,
    };
    let mut lines = Lines::new(&SPEC, context.progress.as_ref());
    let number = match client.number().await {
        Ok(number) => number,
        Err(error) => {
            let report = error_report(&error, "phoneNumberId");
            lines.answer("number", report.failed_answer(), None);
            return TestReport { capabilities: lines.finish(), ..report };
        }
    };
    // Neither can fail the test: newer versions tell no limit, and when the token ends and what it may
    // do says nothing about whether it works now.
    let (tier, token) = tokio::join!(client.tier(), client.token());
    let facts = facts_of(&number, tier.ok().flatten());
    lines.answer("number", Answer::Yes, facts.as_deref());
    let mut report = TestReport {
        identity: Some(number.id.clone()),
        identity_name: Some(name_of(&number)),
        notes: facts.into_iter().collect(),
        ..TestReport::new(Outcome::Accepted, format!("{NAME} accepted the access token."))
    };
    if let Err(problem) = account(&client, &mut lines).await {
        report = TestReport {
            identity: report.identity,
            identity_name: report.identity_name,
            notes: report.notes,
            ..*problem
        };
    }
    let token = token.ok();
    report.notice = token.as_ref().and_then(ends);
    report.notes.extend(report.notice.clone());
    match token.and_then(|facts| facts.scopes) {
        Some(scopes) if !scopes.iter().any(|scope| scope == MESSAGING) => {
            let note = format!("The token lacks the permission {MESSAGING}.");
            lines.answer("send_whatsapp", Answer::No, Some(&note));
            report.notes.push(note);
        }
        _ => lines.answer(
            "send_whatsapp",
            Answer::NotTestable,
            Some("Shown by the first message that is sent."),
        ),
    }
    if filled(fields, "verifyToken").is_some() && credentials.app_secret.is_some() {
        let note = "The app secret is that of the token's app. Enter the address on the card at Meta.";
        lines.answer("receive", Answer::Yes, Some(note));
    } else {
        lines.answer("receive", Answer::NotSetUp, None);
    }
    report.capabilities = lines.finish();
    report
}

/// Looks whether the business account has the number and shows its templates. A token that may only
/// send is accepted, with its limit named. The error is the finished report.
async fn account(client: &WhatsAppClient<'_>, lines: &mut Lines<'_>) -> Result<(), Box<TestReport>> {
    match client.owns_number().await {
        Ok(true) => {}
        Ok(false) => {
            let explanation = Explanation::of(
                "WhatsApp says that this number does not belong to this business account.",
                "Copy the WhatsApp Business Account ID that stands beside the number.",
                NUMBERS,
            );
            let report = TestReport::refused(&explanation, Some("businessAccountId"));
            lines.answer("templates", Answer::No, Some(&report.headline));
            return Err(Box::new(report));
        }
        Err(error) => return templates_refused(&error, lines),
    }
    match client.templates().await {
        Ok(_) => lines.answer("templates", Answer::Yes, None),
        Err(error) => return templates_refused(&error, lines),
    }
    Ok(())
}

fn templates_refused(error: &WhatsAppError, lines: &mut Lines<'_>) -> Result<(), Box<TestReport>> {
    let sentence = error.explain().sentence;
    match error {
        _ if error.is_about_the_id() => {
            let report = error_report(error, "businessAccountId");
            lines.answer("templates", Answer::No, Some(&sentence));
            Err(Box::new(report))
        }
        // The permission to manage is another one than that to send.
        WhatsAppError::Refused { code: Some(3 | 10 | 200..=299 | 131005), .. } => {
            lines.answer("templates", Answer::No, Some(&sentence));
            Ok(())
        }
        _ => {
            let report = error_report(error, "businessAccountId");
            lines.answer("templates", report.failed_answer(), Some(&sentence));
            Err(Box::new(report))
        }
    }
}

/// A refusal belongs to the field that it is about; all else says nothing about the credential.
fn error_report(error: &WhatsAppError, id_field: &'static str) -> TestReport {
    let explanation = error.explain();
    let report = match error {
        WhatsAppError::Refused { .. } => {
            let field = if error.is_about_the_proof() {
                "appSecret"
            } else if error.is_about_the_id() || error.code() == Some(100) {
                id_field
            } else {
                "accessToken"
            };
            TestReport::refused(&explanation, Some(field))
        }
        _ => TestReport {
            fix: explanation.hint(),
            ..TestReport::undetermined(explanation.sentence.into_owned(), error.retry_after())
        },
    };
    TestReport { reference: error.reference(), ..report }
}

/// "Sunrise Dental, +1 555-010-0100": both as Meta says them.
fn name_of(number: &Number) -> String {
    let parts = [number.verified_name.as_deref(), number.display_phone_number.as_deref()];
    let name = parts.into_iter().flatten().map(quote).collect::<Vec<_>>().join(", ");
    if name.is_empty() { number.id.clone() } else { name }
}

/// What Meta says about how well and how much the number may send.
fn facts_of(number: &Number, tier: Option<String>) -> Option<String> {
    let quality = match number.quality_rating.as_deref() {
        Some("GREEN") => Some("Quality: high."),
        Some("YELLOW") => Some("Quality: medium."),
        Some("RED") => Some("Quality: low. Meta may limit the number."),
        _ => None,
    };
    let limit = tier.as_deref().and_then(|tier| tier.strip_prefix("TIER_")).map(|tier| match tier {
        "UNLIMITED" => "Messaging limit: none.".to_owned(),
        _ => format!("Messaging limit: {} customers in 24 hours.", quote(&tier.replace('K', ",000"))),
    });
    let facts = quality.map(str::to_owned).into_iter().chain(limit).collect::<Vec<_>>().join(" ");
    (!facts.is_empty()).then_some(facts)
}

/// When the token ends; nothing for one that does not.
fn ends(facts: &TokenFacts) -> Option<String> {
    let at = facts.expires_at.filter(|at| *at > 0)?;
    let at = OffsetDateTime::from_unix_timestamp(at).ok()?;
    let format = time::macros::format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
    let at = at.format(format).ok()?;
    Some(format!(
        "The access token ends on {at}. Replace it with a token of a system user that does not expire."
    ))
}

fn incomplete(error: &VaultError) -> TestReport {
    let field = match error {
        VaultError::MissingField { field, .. } | VaultError::InvalidField { field, .. } => Some(*field),
        _ => None,
    };
    let url = if field == Some("accessToken") { SYSTEM_USERS } else { APPS };
    let explanation = Explanation::of(
        "The form for WhatsApp is not complete.",
        "Enter the phone number ID, the WhatsApp Business Account ID and the access token.",
        url,
    );
    TestReport::refused(&explanation, field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quality_and_limit_are_told_in_words() {
        let number = |quality: &str| Number {
            id: "1".into(),
            display_phone_number: Some("+1 555-010-0100".into()),
            verified_name: Some("Sunrise Dental".into()),
            quality_rating: Some(quality.into()),
        };
        assert_eq!(name_of(&number("GREEN")), "Sunrise Dental, +1 555-010-0100");
        let facts = facts_of(&number("GREEN"), Some("TIER_10K".into()));
        assert_eq!(facts.as_deref(), Some("Quality: high. Messaging limit: 10,000 customers in 24 hours."));
        assert_eq!(
            facts_of(&number("RED"), None).as_deref(),
            Some("Quality: low. Meta may limit the number.")
        );
        assert_eq!(facts_of(&number("NA"), None), None);
    }

    #[test]
    fn only_a_token_that_ends_is_noticed() {
        let ends = |at| ends(&TokenFacts { expires_at: at, scopes: None });
        assert_eq!((ends(None), ends(Some(0))), (None, None));
        assert!(ends(Some(1_800_000_000)).is_some_and(|text| text.contains("2027-01-15 08:00 UTC")));
    }
}
