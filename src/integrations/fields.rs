//! Fields on their way from a form into a credential: cleaned, merged with what is stored, masked.

use serde_json::{Map, Value};

use crate::domain::mask;
use crate::domain::pattern::{Pattern, clean_paste};
use crate::domain::phone::PhoneNumber;
use crate::domain::provider::{FieldSpec, ProviderSpec};
use crate::providers::check::misplaced_key;
use crate::vault::{SecretFields, SecretText};

/// What somebody submitted for one field.
#[derive(Clone, Debug)]
pub enum Submitted {
    /// A value; empty means "unchanged" for a secret and "cleared" for anything else.
    Value(SecretText),
    /// Explicitly cleared (`null` in JSON).
    Cleared,
}

/// Puts what was submitted over what is stored. Absent fields stay as they are.
pub fn merge(
    spec: &ProviderSpec,
    stored: Option<&SecretFields>,
    submitted: &[(String, Submitted)],
) -> SecretFields {
    let mut merged = SecretFields::new();
    for field in spec.fields {
        let kept = stored.and_then(|fields| fields.find(field.key)).cloned();
        let given = submitted.iter().find(|(key, _)| key == field.key).map(|(_, value)| value);
        let value = match given {
            None => kept,
            Some(Submitted::Cleared) => None,
            Some(Submitted::Value(text)) => {
                let cleaned = clean(field, text.expose());
                match (cleaned.is_empty(), field.secret) {
                    (true, true) => kept,
                    (true, false) => None,
                    (false, _) => Some(SecretText::new(cleaned)),
                }
            }
        };
        if let Some(value) = value {
            merged.insert(field.key, value);
        }
    }
    merged
}

/// The masked forms that may be shown: secrets masked, everything else as it is. What does not fit
/// its own field may be a secret that was pasted into the wrong one, so it is masked as well.
pub fn hints(spec: &ProviderSpec, fields: &SecretFields) -> Value {
    let mut hints = Map::new();
    for field in spec.fields {
        if let Some(value) = fields.find(field.key) {
            let value_shown = value.expose();
            let is_open = !field.secret
                && field.pattern.matches(value_shown)
                && misplaced_key(spec, field, value_shown).is_none();
            let shown = if is_open { value.expose().to_owned() } else { mask::hint(value.expose()) };
            hints.insert(field.key.to_owned(), Value::String(shown));
        }
    }
    Value::Object(hints)
}

/// A value without what nobody meant to type. A phone number loses its spaces: pages group its digits,
/// and what comes back must be the same number as before.
fn clean(field: &FieldSpec, value: &str) -> String {
    let cleaned = clean_paste(value);
    match field.pattern {
        Pattern::Phone => PhoneNumber::parse(&cleaned).map_or(cleaned, |number| number.to_string()),
        _ => cleaned,
    }
}

/// Whether two forms say the same in every field of the provider.
pub fn is_same(spec: &ProviderSpec, one: &SecretFields, other: &SecretFields) -> bool {
    spec.fields.iter().all(|field| one.find(field.key) == other.find(field.key))
}

/// Whether a value of an open field is a secret in the wrong place: it has the form of one, and not
/// the form of its own field. Such a value is not kept for the next page.
pub fn is_misplaced_secret(spec: &ProviderSpec, key: &str, value: &str) -> bool {
    let value = clean_paste(value);
    spec.field(key).is_some_and(|own| {
        let fits_a_secret = || spec.fields.iter().any(|field| field.secret && field.pattern.matches(&value));
        misplaced_key(spec, own, &value).is_some() || !own.pattern.matches(&value) && fits_a_secret()
    })
}

/// Whether anything secret was typed: only then is a draft worth keeping.
pub fn has_typed_secret(spec: &ProviderSpec, submitted: &[(String, Submitted)]) -> bool {
    submitted.iter().any(|(key, value)| {
        spec.field(key).is_some_and(|field| field.secret)
            && matches!(value, Submitted::Value(text) if !text.expose().trim().is_empty())
    })
}
