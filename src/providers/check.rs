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
                Some(value) => problem_of(field, value),
            };
            message.map(|message| FieldProblem { field: field.key, message })
        })
        .collect()
}

fn problem_of(field: &FieldSpec, value: &str) -> Option<String> {
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
        return None;
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
