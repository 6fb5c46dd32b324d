//! The filters above a list: a form that changes the address, so that what is seen can be kept and sent.

use leptos::prelude::*;

use super::button::{ButtonLink, Submit, Weight};

/// One filter.
#[derive(Clone, Debug)]
pub struct FilterField {
    /// Its name in the address.
    pub key: &'static str,
    pub label: &'static str,
    pub value: String,
    pub kind: FilterKind,
}

/// How a filter is entered.
#[derive(Clone, Debug)]
pub enum FilterKind {
    /// One of these: value and text. Nothing chosen means all.
    Choice { all: &'static str, options: Vec<(String, String)> },
    /// Free text, with words to pick from.
    Text { placeholder: &'static str, known: Vec<String> },
    /// A moment in UTC, as the browser's own field writes it.
    Moment,
}

/// The form.
#[component]
pub fn FilterBar(
    action: &'static str,
    label: &'static str,
    fields: Vec<FilterField>,
    is_filtered: bool,
) -> impl IntoView {
    view! {
        <form class="filter-bar" method="get" action=action role="search" aria-label=label>
            {fields.into_iter().map(field).collect_view()}
            <div class="filter-bar-actions">
                <Submit label="Show" />
                {is_filtered.then(|| view! { <ButtonLink href=action label="All" weight=Weight::Quiet /> })}
            </div>
        </form>
    }
}

fn field(field: FilterField) -> AnyView {
    let FilterField { key, label, value, kind } = field;
    let id = format!("filter-{key}");
    let input = match kind {
        FilterKind::Choice { all, options } => {
            let options = options
                .into_iter()
                .map(|(word, text)| {
                    let is_chosen = word == value;
                    view! { <option value=word selected=is_chosen>{text}</option> }
                })
                .collect_view();
            view! {
                <select class="input" id=id.clone() name=key>
                    <option value="">{all}</option>
                    {options}
                </select>
            }
            .into_any()
        }
        FilterKind::Text { placeholder, known } => {
            let list = format!("{id}-known");
            let has_known = !known.is_empty();
            let known = known.into_iter().map(|word| view! { <option value=word></option> }).collect_view();
            view! {
                <input
                    class="input"
                    id=id.clone()
                    name=key
                    type="text"
                    value=value
                    placeholder=placeholder
                    autocomplete="off"
                    list=has_known.then(|| list.clone())
                />
                {has_known.then(|| view! { <datalist id=list>{known}</datalist> })}
            }
            .into_any()
        }
        FilterKind::Moment => {
            view! { <input class="input" id=id.clone() name=key type="datetime-local" value=value /> }
                .into_any()
        }
    };
    view! {
        <div class="field">
            <label for=id>{label}</label>
            {input}
        </div>
    }
    .into_any()
}
