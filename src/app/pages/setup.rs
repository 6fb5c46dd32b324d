//! The first run: the one-time code from the server's output makes the first clinic and its owner.

use leptos::prelude::*;

use super::login::{FormError, SheetHead};
use crate::app::components::button::{Submit, Weight};
use crate::app::components::field::{Field, FieldView, InputKind};
use crate::app::wire::FieldError;

/// What the page shows. The password and the code are never sent back.
#[derive(Clone, Debug, Default)]
pub struct SetupView {
    pub clinic: String,
    pub name: String,
    pub email: String,
    /// By field: `code`, `clinic`, `name`, `email`, `password`.
    pub errors: Vec<FieldError>,
    /// What is wrong with the whole form.
    pub error: Option<String>,
}

/// The page.
pub fn setup_page(view: SetupView) -> impl IntoView {
    let error_of = |key| FieldError::find(&view.errors, key).map(str::to_owned);
    let fields = [
        FieldView {
            help: "Printed by the server when it started. It works once.",
            autocomplete: "one-time-code",
            error: error_of("code"),
            ..FieldView::new("code", "One-time code", "")
        },
        FieldView {
            autocomplete: "organization",
            error: error_of("clinic"),
            ..FieldView::new("clinic", "Name of the clinic", view.clinic)
        },
        FieldView {
            autocomplete: "name",
            error: error_of("name"),
            ..FieldView::new("name", "Your name", view.name)
        },
        FieldView {
            kind: InputKind::Email,
            autocomplete: "username",
            error: error_of("email"),
            ..FieldView::new("email", "E-mail address", view.email)
        },
        FieldView {
            kind: InputKind::Password,
            autocomplete: "new-password",
            help: "At least 12 characters. A sentence is fine.",
            error: error_of("password"),
            ..FieldView::new("password", "Password", "")
        },
    ];
    let fields = fields
        .into_iter()
        .enumerate()
        .map(|(at, field)| view! { <Field field autofocus=at == 0 /> })
        .collect_view();
    view! {
        <section class="sheet sheet-wide" aria-labelledby="setup-title">
            <SheetHead
                id="setup-title"
                title="Set up Voxanne"
                lead="This makes your first clinic and its owner. More of both can follow."
            />
            {view.error.map(|text| view! { <FormError text /> })}
            <form class="form" method="post" action="/setup">
                {fields}
                <Submit label="Create clinic" weight=Weight::Main />
            </form>
        </section>
    }
}
