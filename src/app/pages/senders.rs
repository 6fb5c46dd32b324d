//! The part of the settings that says who sends text messages, and who stands in.

use leptos::prelude::*;

use crate::app::components::button::{OrgField, Submit, Weight};
use crate::app::components::select::{Select, SelectView};
use crate::app::wire::FieldError;
use crate::domain::OrgId;

/// The choice as it is stored or was made.
#[derive(Clone, Debug, Default)]
pub struct SendersForm {
    /// Word and name of each sender that may be chosen.
    pub options: Vec<(&'static str, &'static str)>,
    /// Names of who is tried for the next message, in this order; nobody where nothing is connected.
    pub order: Vec<&'static str>,
    pub primary: String,
    pub fallback: String,
    /// By field: `primary`, `fallback`.
    pub errors: Vec<FieldError>,
}

/// The section.
pub fn senders_section(form: SendersForm, org: OrgId, can_configure: bool) -> impl IntoView {
    let now = match form.order.as_slice() {
        [] => "Nothing is connected that sends text messages.".to_owned(),
        [only] => format!("{only} sends them."),
        [first, second, ..] => {
            format!("{first} sends them. {second} stands in where {first} surely did not send.")
        }
    };
    // With one sender there is nothing to choose.
    let body = (form.options.len() > 1 || !form.primary.is_empty()).then(|| choice(form, org, can_configure));
    view! {
        <section class="section" aria-labelledby="senders-title">
            <header>
                <h2 id="senders-title">"Text messages"</h2>
                <p>{now}</p>
            </header>
            {body}
        </section>
    }
}

fn choice(form: SendersForm, org: OrgId, can_configure: bool) -> impl IntoView {
    let options: Vec<(String, String)> =
        form.options.iter().map(|(word, name)| ((*word).to_owned(), (*name).to_owned())).collect();
    let select = |key, label, none: &str, value: String, help| SelectView {
        key,
        label,
        none: none.to_owned(),
        options: options.clone(),
        value,
        help,
        error: FieldError::find(&form.errors, key).map(str::to_owned),
        disabled: !can_configure,
        scope: "senders",
    };
    let primary = select(
        "primary",
        "Sender",
        "The first that is connected",
        form.primary.clone(),
        "Its own number or name is what patients see.",
    );
    let fallback = select(
        "fallback",
        "Fallback",
        "Nobody",
        form.fallback.clone(),
        "Used only where the sender surely did not send. A message whose outcome is unknown is never repeated.",
    );
    let actions = can_configure.then(|| {
        view! {
            <div class="form-actions">
                <Submit label="Save senders" weight=Weight::Main />
            </div>
        }
    });
    view! {
        <form class="form surface" method="post" action="/dashboard/settings/senders">
            <OrgField org />
            <div class="fields">
                <Select select=primary />
                <Select select=fallback />
            </div>
            {actions}
        </form>
    }
}
