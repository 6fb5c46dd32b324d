//! A labelled choice among a few words.

use leptos::prelude::*;

use crate::app::icons::{Icon, IconName};

/// Everything that a choice shows.
#[derive(Clone, Debug)]
pub struct SelectView {
    /// Name in the form.
    pub key: &'static str,
    pub label: &'static str,
    /// What choosing nothing means.
    pub none: String,
    /// Value and text.
    pub options: Vec<(String, String)>,
    /// The value that is chosen; empty for none.
    pub value: String,
    pub help: &'static str,
    pub error: Option<String>,
    pub disabled: bool,
    /// Keeps ids apart where two forms on a page have the same fields.
    pub scope: &'static str,
}

/// The choice with all that belongs to it.
#[component]
pub fn Select(select: SelectView) -> impl IntoView {
    let id = format!("{}-{}", select.scope, select.key);
    let (error_id, help_id) = (format!("{id}-error"), format!("{id}-help"));
    let is_wrong = select.error.is_some();
    let value = select.value;
    let options = select
        .options
        .into_iter()
        .map(|(word, text)| {
            let is_chosen = word == value;
            view! {
                <option value=word selected=is_chosen>
                    {text}
                </option>
            }
        })
        .collect_view();
    view! {
        <div class="field">
            <label for=id.clone()>{select.label}</label>
            <select
                class="input"
                id=id
                name=select.key
                disabled=select.disabled
                aria-describedby=format!("{error_id} {help_id}")
                aria-invalid=is_wrong.then_some("true")
            >
                <option value="">{select.none}</option>
                {options}
            </select>
            <p class="field-error" id=error_id hidden=!is_wrong>
                <Icon name=IconName::Alert />
                <span>{select.error.unwrap_or_default()}</span>
            </p>
            <p class="field-help" id=help_id>
                <span>{select.help}</span>
            </p>
        </div>
    }
}
