//! One field of a form: label, example, help, error, and the promise to keep a saved secret.
//!
//! A secret never travels to the browser: its field is empty, and a placeholder says that leaving
//! it empty keeps what is saved.

use leptos::prelude::*;

use super::textarea::Textarea;
use crate::app::icons::{Icon, IconName};
use crate::app::wire::PatternKind;
use crate::domain::mask::MASK;
use crate::domain::pattern::MAX_VALUE_BYTES;
use crate::domain::phone::format_as_typed;
use crate::domain::provider::FieldSpec;

/// The kind of an `<input>`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InputKind {
    #[default]
    Text,
    Email,
    Password,
    Telephone,
}

impl InputKind {
    const fn as_str(self) -> &'static str {
        match self {
            InputKind::Text => "text",
            InputKind::Email => "email",
            InputKind::Password => "password",
            InputKind::Telephone => "tel",
        }
    }
}

/// Where the value of an empty secret field would come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedHint {
    /// The masked form that was computed before sealing.
    pub masked: String,
    /// It was typed a moment ago and waits, sealed, for the rest of the form to be right.
    pub from_draft: bool,
}

impl SavedHint {
    /// "Saved - ends in 65L. Leave empty to keep."
    pub fn placeholder(&self) -> String {
        let how = if self.from_draft { "Kept from your last try" } else { "Saved" };
        match self.masked.rsplit_once(MASK) {
            Some((_, end)) if !end.is_empty() => format!("{how} - ends in {end}. Leave empty to keep."),
            _ => format!("{how}. Leave empty to keep."),
        }
    }
}

/// Everything that a field shows.
#[derive(Clone, Debug)]
pub struct FieldView {
    /// Name in the form.
    pub key: &'static str,
    pub label: &'static str,
    /// What was typed or is stored. Always empty for a secret.
    pub value: String,
    pub example: &'static str,
    /// One sentence: what it is for, or the path to it in the provider's console.
    pub help: &'static str,
    pub where_url: &'static str,
    pub secret: bool,
    pub required: bool,
    /// Fields with the same text stand together, folded away, under it.
    pub folded_under: Option<&'static str>,
    pub saved: Option<SavedHint>,
    pub error: Option<String>,
    /// `None` for fields whose shape is not checked in the browser.
    pub pattern: Option<PatternKind>,
    pub kind: InputKind,
    /// The browser's word for what belongs here; "off" where it should keep out.
    pub autocomplete: &'static str,
    /// Keeps ids apart where two forms on a page have the same fields.
    pub scope: &'static str,
    pub disabled: bool,
}

impl FieldView {
    /// A plain required text field.
    pub fn new(key: &'static str, label: &'static str, value: impl Into<String>) -> Self {
        Self {
            key,
            label,
            value: value.into(),
            example: "",
            help: "",
            where_url: "",
            secret: false,
            required: true,
            folded_under: None,
            saved: None,
            error: None,
            pattern: None,
            kind: InputKind::Text,
            autocomplete: "off",
            scope: "field",
            disabled: false,
        }
    }

    /// The field of a provider's form. `value` is what was typed or is stored in the open; it is
    /// dropped for a secret.
    pub fn of_provider(spec: &'static FieldSpec, value: String, saved: Option<SavedHint>) -> Self {
        let pattern = PatternKind::from(spec.pattern);
        let kind = match pattern {
            _ if spec.secret => InputKind::Password,
            PatternKind::Phone => InputKind::Telephone,
            _ => InputKind::Text,
        };
        Self {
            value: match kind {
                InputKind::Password => String::new(),
                InputKind::Telephone => format_as_typed(&value),
                _ => value,
            },
            example: spec.example,
            help: spec.where_to_find,
            where_url: spec.where_url,
            secret: spec.secret,
            required: spec.required,
            folded_under: spec.folded_under,
            saved,
            pattern: Some(pattern),
            kind,
            ..Self::new(spec.key, spec.label, "")
        }
    }

    pub fn id(&self) -> String {
        format!("{}-{}", self.scope, self.key)
    }
}

/// A labelled field with all that belongs to it.
#[component]
pub fn Field(field: FieldView, #[prop(optional)] autofocus: bool) -> impl IntoView {
    let id = field.id();
    let help_id = format!("{id}-help");
    let error_id = format!("{id}-error");
    let notice_id = format!("{id}-notice");
    let has_help = !field.help.is_empty() || !field.where_url.is_empty();
    let described_by = if has_help {
        format!("{error_id} {notice_id} {help_id}")
    } else {
        format!("{error_id} {notice_id}")
    };
    let placeholder = match &field.saved {
        Some(saved) => Some(saved.placeholder()),
        None => (!field.example.is_empty()).then(|| field.example.to_owned()),
    };
    // What is saved need not be typed again, so a browser must not insist on it.
    let is_wrong = field.error.is_some();
    let required = field.required && field.saved.is_none();
    let help = has_help.then(|| help_line(&field, help_id));
    let kind = if field.secret { InputKind::Password } else { field.kind };
    let autocomplete = if field.secret { "new-password" } else { field.autocomplete };
    view! {
        <div class="field">
            <label for=id.clone()>
                {field.label}
                {(!field.required).then(|| view! { <span class="optional">" (optional)"</span> })}
            </label>
            <input
                class=if field.secret || field.pattern.is_some() { "input input-code" } else { "input" }
                id=id
                name=field.key
                type=kind.as_str()
                value=(!field.secret).then_some(field.value)
                placeholder=placeholder
                required=required
                disabled=field.disabled
                autofocus=autofocus
                autocomplete=autocomplete
                autocapitalize="none"
                spellcheck="false"
                maxlength=MAX_VALUE_BYTES.to_string()
                aria-describedby=described_by
                aria-invalid=is_wrong.then_some("true")
                data-pattern=field.pattern.map(|pattern| pattern.encode())
                data-label=field.label
            />
            <p class="field-error" id=error_id hidden=!is_wrong>
                <Icon name=IconName::Alert />
                <span>{field.error.unwrap_or_default()}</span>
            </p>
            <p class="field-notice" id=notice_id hidden=true></p>
            {help}
        </div>
    }
}

fn help_line(field: &FieldView, id: String) -> impl IntoView + use<> {
    let link = (!field.where_url.is_empty()).then(|| {
        // Begins with the visible words, so that who speaks to a computer can name the link as it reads.
        let label = format!("Where do I find this? {}, opens in a new tab", field.label);
        view! {
            <a href=field.where_url target="_blank" rel="noopener noreferrer" aria-label=label>
                "Where do I find this?"
                <Icon name=IconName::External />
            </a>
        }
    });
    view! {
        <p class="field-help" id=id>
            {(!field.help.is_empty()).then(|| view! { <span>{field.help}</span> })}
            {link}
        </p>
    }
}

/// A labelled field of several lines.
#[component]
pub fn LongField(field: FieldView, rows: u32, max_length: u32) -> impl IntoView {
    let id = field.id();
    let error_id = format!("{id}-error");
    let invalid = field.error.is_some();
    view! {
        <div class="field">
            <label for=id.clone()>{field.label}</label>
            <Textarea
                id
                name=field.key
                value=field.value
                rows
                max_length
                required=field.required
                disabled=field.disabled
                invalid
                described_by=invalid.then(|| error_id.clone())
            />
            {field
                .error
                .map(|error| {
                    view! {
                        <p class="field-error" id=error_id.clone()>
                            <Icon name=IconName::Alert />
                            <span>{error}</span>
                        </p>
                    }
                })}
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(field: FieldView) -> String {
        Owner::new().with(|| view! { <Field field /> }.to_html())
    }

    #[test]
    fn a_secret_has_no_value_and_says_what_is_saved() {
        let field = FieldView {
            secret: true,
            value: "would-be-a-leak".to_owned(),
            saved: Some(SavedHint { masked: "re_***D8N65L".to_owned(), from_draft: false }),
            ..FieldView::new("apiKey", "API key", "")
        };
        let html = html(field);
        assert!(!html.contains("would-be-a-leak"), "{html}");
        assert!(html.contains("placeholder=\"Saved - ends in D8N65L. Leave empty to keep.\""), "{html}");
        assert!(html.contains("type=\"password\""), "{html}");
        assert!(!html.contains(" required"), "{html}");
    }

    #[test]
    fn a_short_secret_shows_nothing_of_itself() {
        let saved = SavedHint { masked: MASK.to_owned(), from_draft: true };
        assert_eq!(saved.placeholder(), "Kept from your last try. Leave empty to keep.");
    }

    #[test]
    fn an_error_is_tied_to_its_field() {
        let field =
            FieldView { error: Some("Too <short>".to_owned()), ..FieldView::new("name", "Name", "\"><b>") };
        let html = html(field);
        assert!(html.contains("aria-invalid=\"true\""), "{html}");
        assert!(html.contains("id=\"field-name-error\""), "{html}");
        assert!(html.contains("Too &lt;short&gt;"), "{html}");
        assert!(html.contains("value=\"&quot;"), "{html}");
    }
}
