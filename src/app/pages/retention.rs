//! For how long a clinic keeps what was said on its calls: a section of the settings.

use leptos::prelude::*;

use crate::app::components::button::{OrgField, Submit, Weight};
use crate::app::components::field::{Field, FieldView};
use crate::app::wire::FieldError;
use crate::domain::OrgId;

/// The form as it is stored or was typed.
#[derive(Clone, Debug, Default)]
pub struct RetentionForm {
    pub days: String,
    pub errors: Vec<FieldError>,
}

/// The section.
pub fn retention_section(form: RetentionForm, org: OrgId, can_configure: bool) -> impl IntoView {
    let days = FieldView {
        example: "30",
        help: "From 1 to 3650. What is older is emptied within the hour, and cannot be brought back.",
        error: FieldError::find(&form.errors, "days").map(str::to_owned),
        disabled: !can_configure,
        scope: "retention",
        ..FieldView::new("days", "Days", form.days)
    };
    let actions = can_configure.then(|| {
        view! {
            <div class="form-actions">
                <Submit label="Save days" weight=Weight::Plain />
            </div>
        }
    });
    view! {
        <section class="section" aria-labelledby="retention-title">
            <header>
                <h2 id="retention-title">"How long conversations are kept"</h2>
                <p>"Reports of calls, recipients and texts of messages. That there was a call stays listed."</p>
            </header>
            <form class="form surface" method="post" action="/dashboard/settings/retention">
                <OrgField org />
                <Field field=days />
                {actions}
            </form>
        </section>
    }
}
