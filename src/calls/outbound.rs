//! Calls that the clinic places, with its outbound agent and one of its own numbers.
//!
//! The row first, then the request to Vapi, then the result on the row. The row's id is made by whoever
//! asks, so that asking twice places one call. Where nobody knows whether Vapi has placed it, it is parked
//! for a person and never placed again by itself.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::numbers::{client, not_ready, provider_error};
use super::{CallError, opt_outs};
use crate::audit::Ended;
use crate::db::outbound_calls::{self, CallResult, NewOutboundCall, OutboundCallRow};
use crate::db::{DbError, OrgTx, agents, counters, phone_numbers};
use crate::domain::mask::mask_phone;
use crate::domain::phone::PhoneNumber;
use crate::domain::{OrgId, ProviderId, Use};
use crate::integrations::{Caller, IntegrationError};
use crate::providers::vapi::{NewCall, VapiCredentials, VapiError};
use crate::state::Services;
use crate::vault::{Opened, Place};

/// How long Vapi may take to take a call.
const TIME: Duration = Duration::from_secs(10);
/// Calls of one kind that one clinic may begin in a minute, and in a day.
pub const PER_MINUTE: i32 = 10;
pub const PER_DAY: i32 = 500;
/// What Vapi takes of a name; what we take of variables.
const LONGEST_NAME: usize = 40;
const MOST_VARIABLES: usize = 20;
const LONGEST_VALUE: usize = 500;

/// A call that somebody wants to be placed.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Made by whoever asks: the same id again is the same call.
    pub id: Uuid,
    pub to: PhoneNumber,
    /// Whom it is for; may be empty.
    pub name: String,
    /// What the agent's texts refer to as `{{name}}`.
    pub variables: Map<String, Value>,
    /// The clinic's number that it comes from, by Vapi's id.
    pub from: Uuid,
}

impl Wanted {
    /// Checks what people and programs write.
    ///
    /// # Errors
    /// [`CallError::Invalid`] for `number`, `name` or `variables`.
    pub fn parse(
        id: Uuid,
        to: &str,
        name: &str,
        variables: Map<String, Value>,
        from: Uuid,
    ) -> Result<Self, CallError> {
        let invalid = |field: &'static str, message: String| Err(CallError::Invalid { field, message });
        let to = match PhoneNumber::parse(to) {
            Ok(to) => to,
            Err(error) => return invalid("number", format!("{}.", error.sentence())),
        };
        let name = name.trim().to_owned();
        if name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
            return invalid("name", format!("A name has {LONGEST_NAME} characters at most."));
        }
        let is_key = |key: &String| {
            (1..=40).contains(&key.len())
                && key.starts_with(|c: char| c.is_ascii_alphabetic())
                && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        let is_value = |value: &Value| {
            value.as_str().is_some_and(|text| text.chars().count() <= LONGEST_VALUE && !text.contains('\0'))
        };
        if variables.len() > MOST_VARIABLES
            || !variables.iter().all(|(key, value)| is_key(key) && is_value(value))
        {
            let message = format!(
                "Use at most {MOST_VARIABLES} variables: names of letters, digits and underscores, each with a text of at \
                 most {LONGEST_VALUE} characters."
            );
            return invalid("variables", message);
        }
        Ok(Self { id, to, name, variables, from })
    }
}

/// The place that a call's number, name and variables are bound to.
const fn place_of(org: OrgId, id: Uuid) -> Place<'static> {
    let provider = ProviderId::Vapi.as_str();
    Place { org: Some(org), table: "outbound_calls", column: "sealed_customer", provider, row: id }
}

/// Places a call. A second request with the same id gets what became of the first.
///
/// # Errors
/// What is not right with the request, who does not want to be called, what Vapi says;
/// [`CallError::Undetermined`] where the call may have been placed.
pub async fn place(
    services: &Arc<Services>,
    caller: &Caller,
    wanted: Wanted,
) -> Result<OutboundCallRow, CallError> {
    caller.require_configure(services, "call.placed", "vapi").await?;
    let org = caller.org();
    let mut tx = caller.begin(services).await?;
    let earlier = outbound_calls::find(&mut tx, wanted.id).await?;
    let from = phone_numbers::find(&mut tx, wanted.from).await?;
    let assistant = agents::find_ready(&mut tx, "outbound").await?;
    tx.commit().await?;
    if let Some(earlier) = earlier {
        return Ok(earlier);
    }
    let from = from.ok_or(DbError::NotFound)?;
    let opened = services.vault.open::<VapiCredentials>(org).await.map_err(IntegrationError::from)?;
    let assistant = assistant.ok_or_else(|| not_ready("outbound"))?;
    if opt_outs::is_out(services, org, &wanted.to).await? {
        return Err(wants_no_call());
    }
    limit(services, org, "outbound call", |most, time| {
        format!("A clinic can place {most} calls in a {time}. Please wait, and call again later.")
    })
    .await?;

    let content = json!({ "to": wanted.to.as_str(), "name": wanted.name, "variables": wanted.variables });
    let sealed = services.vault.seal(&place_of(org, wanted.id), content.to_string().as_bytes()).await;
    let sealed = sealed.map_err(IntegrationError::from)?;
    let mask = mask_phone(wanted.to.as_str());
    let row = NewOutboundCall {
        id: wanted.id,
        customer_mask: &mask,
        sealed_customer: sealed.as_bytes(),
        key_version: sealed.key_version(),
        phone_number_id: from.id,
        phone_number: &from.number,
        assistant_id: assistant,
        requested_by: caller.user(),
    };
    let mut tx = caller.begin(services).await?;
    let is_new = outbound_calls::insert(&mut tx, &row).await?;
    if is_new {
        caller.record(&mut tx, services, "call.placed", "vapi", Ended::Success, &mask).await?;
    }
    tx.commit().await?;
    let id = wanted.id;
    if is_new {
        // In a task of its own: a closed tab does not leave a call whose end nobody writes down.
        let task = tokio::spawn(ask(services.clone(), org, wanted, assistant, opened));
        task.await.unwrap_or_else(|_| Err(CallError::Db(DbError::NotFound)))?;
    }
    let mut tx = caller.begin(services).await?;
    let row = outbound_calls::find(&mut tx, id).await?.ok_or(DbError::NotFound)?;
    tx.commit().await?;
    Ok(row)
}

/// The request to Vapi, and its result on the row.
async fn ask(
    services: Arc<Services>,
    org: OrgId,
    wanted: Wanted,
    assistant: Uuid,
    opened: Opened<VapiCredentials>,
) -> Result<(), CallError> {
    let client = client(&services, org, &opened.credentials, TIME);
    let call = NewCall {
        assistant,
        phone_number: wanted.from,
        customer: &wanted.to,
        name: &wanted.name,
        reference: wanted.id,
        variables: &wanted.variables,
    };
    let answer = client.place_call(&call).await;
    let call_id = answer.as_ref().ok().map(Uuid::to_string);
    let told = answer.as_ref().err().map(told);
    let reference = answer.as_ref().err().and_then(VapiError::reference);
    let result = match &answer {
        Ok(_) => CallResult { status: "placed", call_id: call_id.as_deref(), error_code: None, error: None },
        Err(error) => CallResult {
            status: if error.may_have_happened() { "parked" } else { "failed" },
            call_id: None,
            error_code: reference.as_deref(),
            error: told.as_deref(),
        },
    };
    // The call is placed, or it is not: that the result could not be recorded changes nothing of it. The
    // row stays `placing` and is parked by a worker.
    if let Err(error) = record(&services, org, wanted.id, &result).await {
        tracing::error!(error = &error as &dyn std::error::Error, %org, call = %wanted.id, "the result of a call was not recorded");
    }
    match answer {
        Ok(_) => {
            services.uses.integration(org, opened.integration_id, Use::Call);
            Ok(())
        }
        Err(error) => {
            let mut explanation = error.explain_call();
            explanation.sentence = with_doubt(&error, &explanation.sentence).into();
            Err(provider_error(&error, &explanation))
        }
    }
}

async fn record(services: &Services, org: OrgId, id: Uuid, result: &CallResult<'_>) -> Result<(), DbError> {
    let mut tx = OrgTx::service(&services.pool, org).await?;
    outbound_calls::finish(&mut tx, id, result).await?;
    tx.commit().await
}

fn told(error: &VapiError) -> String {
    let explanation = error.explain_call();
    format!("{} {}", with_doubt(error, &explanation.sentence), explanation.fix).trim().to_owned()
}

/// Of a call that may have been placed nobody says that it was not.
fn with_doubt(error: &VapiError, sentence: &str) -> String {
    if error.may_have_happened() {
        format!("{sentence} The call may have been placed; it is not placed again by itself.")
    } else {
        sentence.to_owned()
    }
}

fn wants_no_call() -> CallError {
    CallError::Integration(IntegrationError::Provider {
        code: Some(opt_outs::OPTED_OUT),
        sentence: "This number has answered STOP, so it is not called. Ask the patient to answer START."
            .to_owned(),
        is_passing: false,
    })
}

/// Counts a call against what a clinic may begin, each kind by itself. `sentence` says how many in what time.
pub(super) async fn limit(
    services: &Services,
    org: OrgId,
    kind: &str,
    sentence: impl Fn(i32, &str) -> String,
) -> Result<(), CallError> {
    for (name, most, seconds) in [("minute", PER_MINUTE, 60_u32), ("day", PER_DAY, 86_400)] {
        let mut digest = Sha256::new();
        digest.update(kind.as_bytes());
        digest.update(b"\0");
        digest.update(name.as_bytes());
        digest.update(org.0.as_bytes());
        let hits = counters::hit(&services.pool, &digest.finalize().into(), f64::from(seconds)).await?;
        if hits > most {
            let sentence = sentence(most, name);
            return Err(CallError::Limited { sentence, seconds: seconds.min(3600) });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(to: &str, name: &str, variables: Value) -> Option<&'static str> {
        let variables = variables.as_object().cloned().unwrap_or_default();
        match Wanted::parse(Uuid::nil(), to, name, variables, Uuid::nil()) {
            Err(CallError::Invalid { field, .. }) => Some(field),
            _ => None,
        }
    }

    #[test]
    fn what_vapi_would_not_take_is_told_before_anybody_is_asked() {
        assert_eq!(field("+1 555 010 0199", "Ann", json!({ "patientName": "Ann" })), None);
        assert_eq!(field("555 0199", "Ann", json!({})), Some("number"));
        assert_eq!(field("+15550100199", &"x".repeat(41), json!({})), Some("name"));
        for wrong in
            [json!({ "1a": "x" }), json!({ "a b": "x" }), json!({ "a": 1 }), json!({ "a": "x".repeat(501) })]
        {
            assert_eq!(field("+15550100199", "", wrong.clone()), Some("variables"), "{wrong}");
        }
    }

    #[test]
    fn nobody_says_of_a_call_that_may_have_been_placed_that_it_was_not() {
        let lost = VapiError::Unavailable { status: 500 };
        assert!(told(&lost).contains("may have been placed"));
        assert!(!told(&VapiError::KeyRejected).contains("may have been placed"));
    }
}
