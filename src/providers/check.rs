//! Checks of a form that hold for every provider: what is missing, what can not be right.
//!
//! Shapes are judged loosely. Only what no provider could accept is a problem; a doubtful value is
//! the provider's to judge.

use crate::domain::ProviderId;
use crate::domain::mask::is_mask;
use crate::domain::pattern::{MAX_VALUE_BYTES, Pattern, looks_like};
use crate::domain::phone::PhoneNumber;
use crate::domain::provider::{FieldSpec, ProviderSpec};
use crate::vault::{SecretFields, SecretText, VaultError};

use super::FieldProblem;

/// The value of a field, unless it is missing or empty.
pub(super) fn filled<'a>(fields: &'a SecretFields, key: &str) -> Option<&'a str> {
    fields.find(key).map(|value| value.expose()).filter(|value| !value.is_empty())
}

/// A secret that a credential cannot be without.
pub(super) fn filled_secret(
    fields: &SecretFields,
    provider: ProviderId,
    field: &'static str,
) -> Result<SecretText, VaultError> {
    let found = fields.find(field).filter(|value| !value.expose().is_empty());
    found.cloned().ok_or(VaultError::MissingField { provider, field })
}

/// What is wrong with a form: what each field shows by itself, then what a provider adds.
pub(super) struct Problems {
    spec: &'static ProviderSpec,
    found: Vec<FieldProblem>,
}

impl Problems {
    /// Begins with [`each_field`].
    pub(super) fn of(spec: &'static ProviderSpec, fields: &SecretFields) -> Self {
        Self { spec, found: each_field(spec, fields) }
    }

    /// Adds a problem of a field that has none so far: the first sentence is enough.
    pub(super) fn add(&mut self, field: &'static str, message: impl Into<String>) {
        if !self.found.iter().any(|known| known.field == field) {
            self.found.push(FieldProblem { field, message: message.into() });
        }
    }

    /// All of them in the order of the form.
    pub(super) fn judge(mut self) -> Result<(), Vec<FieldProblem>> {
        let fields = self.spec.fields;
        self.found.sort_by_key(|problem| fields.iter().position(|field| field.key == problem.field));
        if self.found.is_empty() { Ok(()) } else { Err(self.found) }
    }
}

/// Checks every field of the form by itself.
pub(super) fn each_field(spec: &'static ProviderSpec, fields: &SecretFields) -> Vec<FieldProblem> {
    spec.fields
        .iter()
        .filter_map(|field| {
            let message = match filled(fields, field.key) {
                None if field.required => Some(format!("Enter the {}.", field.label)),
                None => None,
                Some(value) => problem_of(spec, field, value),
            };
            message.map(|message| FieldProblem { field: field.key, message })
        })
        .collect()
}

/// What is said about a value that has the form of a key and stands in a field that is shown as it is:
/// a known kind of key, or one that fits a secret field of the same form. Nothing for all other values.
pub fn misplaced_key(spec: &ProviderSpec, field: &FieldSpec, value: &str) -> Option<String> {
    if field.secret || !matches!(field.pattern, Pattern::Text { .. }) {
        return None;
    }
    // A number or an identifier of the field's own kind is what the field is for.
    let kind = looks_like(value).filter(|kind| *kind != A_NUMBER && Some(*kind) != looks_like(field.example));
    if let Some(kind) = kind {
        return Some(format!(
            "This looks like {kind}. This field is shown as it is, so no key belongs here."
        ));
    }
    let fits = |other: &&FieldSpec| {
        other.secret && !matches!(other.pattern, Pattern::Text { .. }) && other.pattern.matches(value)
    };
    spec.fields.iter().find(fits).map(|other| {
        format!(
            "This has the form of the {}. This field is shown as it is, so enter it in its own.",
            other.label
        )
    })
}

/// The word of [`looks_like`] for what is no key.
const A_NUMBER: &str = "a phone number";

fn problem_of(spec: &ProviderSpec, field: &FieldSpec, value: &str) -> Option<String> {
    if is_mask(value) {
        return Some(
            "This is the hidden form of a saved value. Enter the real one, or leave the field empty to keep it."
                .to_owned(),
        );
    }
    let most = match field.pattern {
        Pattern::Text { max } => max,
        _ => MAX_VALUE_BYTES,
    };
    if value.len() > MAX_VALUE_BYTES || value.chars().count() > most {
        return Some(format!("This is too long: {most} characters at most."));
    }
    if let Pattern::Text { .. } = field.pattern
        && !field.secret
    {
        return misplaced_key(spec, field, value);
    }
    if field.pattern == Pattern::Mailbox {
        let is_one = field.pattern.matches(value);
        return (!is_one).then(|| format!("Enter one e-mail address, for example {}.", field.example));
    }
    if field.pattern == Pattern::Phone {
        return PhoneNumber::parse(value).err().map(|error| format!("{}.", error.sentence()));
    }
    // A shape can be so wide that it takes another provider's keys: the kind decides first.
    let kind = looks_like(value);
    if field.pattern.matches(value) && (kind.is_none() || kind == looks_like(field.example)) {
        return None;
    }
    if let Some(kind) = kind
        && Some(kind) != looks_like(field.example)
    {
        return Some(format!(
            "This looks like {kind}. Enter the {}, for example {}.",
            field.label, field.example
        ));
    }
    if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Some(format!("The {} has no spaces and no special characters.", field.label));
    }
    // Prefixes of identifiers are documented; all other shapes are only observed.
    match field.pattern {
        Pattern::PrefixedHex { prefix, digits } if !prefix.is_empty() => Some(format!(
            "The {} starts with {prefix} and has {digits} more characters (0-9, a-f).",
            field.label
        )),
        Pattern::WebAddress => Some(format!(
            "Enter the whole {}, as it stands in the browser's address line: {}.",
            field.label, field.example
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::catalogue;

    /// How a sentence names who a key is from; none for providers whose keys have no form of their own.
    fn sign_of(provider: ProviderId) -> Option<&'static str> {
        Some(match provider {
            ProviderId::Vapi => "Vapi",
            ProviderId::Twilio => "Twilio",
            ProviderId::ElevenLabs => "ElevenLabs",
            ProviderId::Resend => "Resend",
            ProviderId::Stripe => "Stripe",
            ProviderId::HubSpot => "HubSpot",
            ProviderId::Retell => "Retell AI",
            ProviderId::N8n => "n8n",
            ProviderId::GoogleCalendar | ProviderId::GoogleSheets => "Google",
            ProviderId::WhatsApp => "Meta",
            ProviderId::Sns => "AWS",
            // Eight letters and digits, and a secret of any form.
            ProviderId::Vonage => return None,
        })
    }

    #[test]
    fn the_key_of_every_other_provider_is_named_in_every_secret_field() {
        let mut pairs = 0;
        for own in ProviderId::ALL {
            let spec = catalogue::find(own).spec();
            for (other, sign) in ProviderId::ALL.into_iter().filter_map(|id| Some((id, sign_of(id)?))) {
                let of_other = catalogue::find(other).spec().fields.iter().map(|field| field.example);
                let telling: Vec<&str> = of_other
                    .filter(|example| looks_like(example).is_some_and(|kind| kind.contains(sign)))
                    .collect();
                assert!(!telling.is_empty(), "{other:?} has no key that is known by its form");
                if sign_of(own) == Some(sign) {
                    continue;
                }
                for field in spec.fields.iter().filter(|field| field.secret) {
                    for key in &telling {
                        let said = problem_of(spec, field, key).unwrap_or_default();
                        assert!(said.contains(sign), "{other:?} in {own:?} {}: {said:?}", field.key);
                        assert!(!said.contains(key), "{said}");
                        pairs += 1;
                    }
                }
            }
        }
        assert!(pairs > 150, "{pairs}");
    }

    #[test]
    fn the_example_of_every_field_fits_its_field() {
        for provider in catalogue::catalogue() {
            let spec = provider.spec();
            for field in spec.fields {
                assert_eq!(problem_of(spec, field, field.example), None, "{} {}", spec.name, field.key);
            }
        }
    }

    #[test]
    fn a_secret_in_a_field_that_is_shown_is_found_by_its_form() {
        let spec = catalogue::find(ProviderId::Twilio).spec();
        let field = spec.field("displayName").expect("a field");
        for (value, words) in [
            ("0123456789abcdef0123456789abcdef", "has the form of the Auth Token"),
            ("re_c1tpEyD8_NKFusih9vKVQknRAQfmFcWCv", "looks like a Resend API key"),
        ] {
            let said = misplaced_key(spec, field, value).expect(value);
            assert!(said.contains(words) && said.contains("shown as it is"), "{said}");
        }
        for fine in ["Front desk", "+15550100123", "Room 4"] {
            assert_eq!(misplaced_key(spec, field, fine), None, "{fine}");
        }
    }
}
