//! The forms of the telephone's page: place a call, bring a number from Twilio.

use leptos::prelude::*;

use crate::app::components::button::{OrgField, Submit, Weight};
use crate::app::components::field::{Field, FieldView, InputKind};
use crate::app::components::select::{Select, SelectView};
use crate::app::icons::IconName;
use crate::app::wire::FieldError;
use crate::domain::OrgId;

/// The form by which a call is placed, as it was typed.
#[derive(Clone, Debug, Default)]
pub struct CallForm {
    /// Made with the page, so that sending the form twice is one call.
    pub request: String,
    pub number: String,
    pub name: String,
    pub from: String,
    /// Lines of `name = value`.
    pub variables: String,
    pub errors: Vec<FieldError>,
}

/// The form by which a number is brought to Vapi, as it was typed.
#[derive(Clone, Debug, Default)]
pub struct ImportForm {
    pub number: String,
    pub name: String,
    pub errors: Vec<FieldError>,
}

/// Placing a call. `options` are the clinic's numbers, by Vapi's id.
pub fn call_section(org: OrgId, form: CallForm, options: Vec<(String, String)>) -> impl IntoView {
    let error = |key| FieldError::find(&form.errors, key).map(str::to_owned);
    let number = FieldView {
        kind: InputKind::Telephone,
        example: "+15550100123",
        help: "Whom to call, with country code.",
        error: error("number"),
        scope: "call",
        ..FieldView::new("number", "Patient's number", form.number.clone())
    };
    let name = FieldView {
        required: false,
        help: "The agent may say it.",
        error: error("name"),
        scope: "call",
        ..FieldView::new("name", "Patient's name", form.name.clone())
    };
    let variables = FieldView {
        required: false,
        example: "appointment = Monday at nine",
        help: "What the agent's texts call {{appointment}}. Several are separated by semicolons.",
        error: error("variables"),
        scope: "call",
        ..FieldView::new("variables", "Details for the agent", form.variables.clone())
    };
    let from = SelectView {
        key: "from",
        label: "Call from",
        none: if options.is_empty() { "No number known".to_owned() } else { "Choose a number".to_owned() },
        options,
        value: form.from.clone(),
        help: "What the patient sees.",
        error: error("from"),
        disabled: false,
        scope: "call",
    };
    view! {
        <section class="section" aria-labelledby="call-title">
            <header>
                <h2 id="call-title">"Place a call"</h2>
                <p>"The outbound agent calls at once. Numbers that have answered STOP are not called."</p>
            </header>
            <form class="form surface" method="post" action="/dashboard/phone/call">
                <OrgField org />
                <input type="hidden" name="request" value=form.request.clone() />
                <div class="fields">
                    <Field field=number />
                    <Field field=name />
                </div>
                <div class="fields">
                    <Select select=from />
                    <Field field=variables />
                </div>
                <div class="form-actions">
                    <Submit label="Call now" weight=Weight::Main icon=IconName::Phone />
                </div>
            </form>
        </section>
    }
}

/// Bringing a number.
pub fn import_section(org: OrgId, form: ImportForm) -> impl IntoView {
    let error = |key| FieldError::find(&form.errors, key).map(str::to_owned);
    let number = FieldView {
        kind: InputKind::Telephone,
        example: "+15550100123",
        help: "A number of the connected Twilio account.",
        error: error("number"),
        scope: "import",
        ..FieldView::new("number", "Number", form.number.clone())
    };
    let name = FieldView {
        required: false,
        example: "Front desk",
        error: error("name"),
        scope: "import",
        ..FieldView::new("name", "Name", form.name.clone())
    };
    view! {
        <section class="section" aria-labelledby="import-title">
            <header>
                <h2 id="import-title">"Bring a number from Twilio"</h2>
                <p>
                    "The inbound agent answers its calls from then on. Text messages to it go where they went before."
                </p>
            </header>
            <form class="form surface" method="post" action="/dashboard/phone/import">
                <OrgField org />
                <div class="fields">
                    <Field field=number />
                    <Field field=name />
                </div>
                <div class="form-actions">
                    <Submit label="Bring it to Vapi" />
                </div>
            </form>
        </section>
    }
}
