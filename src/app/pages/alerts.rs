//! The part of the settings that says who is told of a hot lead.

use leptos::prelude::*;

use crate::app::components::button::{AskSomeone, OrgField, Submit, Weight};
use crate::app::components::field::{Field, FieldView};
use crate::app::components::select::{Select, SelectView};
use crate::app::components::textarea::Textarea;
use crate::app::icons::{Icon, IconName};
use crate::app::wire::FieldError;
use crate::domain::OrgId;

/// The settings as they are stored or were typed.
#[derive(Clone, Debug, Default)]
pub struct AlertsForm {
    pub is_on: bool,
    pub threshold: String,
    pub text: String,
    /// One on a line; masked for members.
    pub numbers: String,
    pub mails: String,
    pub quiet_from: String,
    pub quiet_until: String,
    pub time_zone: String,
    /// Addresses are named and nothing is connected that sends e-mails.
    pub lacks_mailer: bool,
    pub errors: Vec<FieldError>,
}

/// The section.
pub fn alerts_section(
    form: AlertsForm,
    org: OrgId,
    can_configure: bool,
    may_ask: Option<String>,
) -> impl IntoView {
    let now = match (form.is_on, form.numbers.is_empty() && form.mails.is_empty()) {
        (false, _) => "Nobody is told.",
        (true, true) => "Nobody is named, so nobody is told.",
        (true, false) => "Each of these is told once for each lead, at once or when the quiet hours end.",
    };
    view! {
        <section class="section" aria-labelledby="alerts-title">
            <header>
                <h2 id="alerts-title">"Hot leads"</h2>
                <p>{now}</p>
            </header>
            {body(form, org, can_configure, may_ask)}
        </section>
    }
}

fn body(form: AlertsForm, org: OrgId, can_configure: bool, may_ask: Option<String>) -> impl IntoView {
    let error_of = |key: &str| FieldError::find(&form.errors, key).map(str::to_owned);
    let field = |key, label, value: &str, example, help, required| FieldView {
        example,
        help,
        required,
        error: error_of(key),
        disabled: !can_configure,
        scope: "alerts",
        ..FieldView::new(key, label, value)
    };
    let switch = SelectView {
        key: "isOn",
        label: "Alerts",
        none: "Off".to_owned(),
        options: vec![("yes".to_owned(), "On".to_owned())],
        value: if form.is_on { "yes".to_owned() } else { String::new() },
        help: "Off keeps the scores and tells nobody.",
        error: None,
        disabled: !can_configure,
        scope: "alerts",
    };
    let threshold = field("threshold", "Hot from", &form.threshold, "70", "Points, 1 to 100.", true);
    let quiet = "In the clinic's time zone. Leave both empty where no hour is quiet.";
    let from = field("quietFrom", "Quiet from", &form.quiet_from, "22:00", quiet, false);
    let until = field("quietUntil", "Quiet until", &form.quiet_until, "07:00", "", false);
    let text = area(
        "text",
        "Text",
        form.text.clone(),
        "{lead_name}, {lead_number} and {score} are filled in.",
        error_of("text"),
        can_configure,
    );
    let numbers = area(
        "numbers",
        "Numbers",
        form.numbers.clone(),
        "One on a line, with country code. They get a text message from your own sender.",
        error_of("numbers"),
        can_configure,
    );
    let mails = area(
        "mails",
        "E-mail addresses",
        form.mails.clone(),
        "One on a line. They get an e-mail through your Resend account.",
        error_of("mails"),
        can_configure,
    );
    let warning = form.lacks_mailer.then(|| {
        view! {
            <p class="card-notice">
                "Resend is not connected, so no e-mail goes out. "
                <a href="/dashboard/integrations?panel=resend">"Connect Resend"</a>
            </p>
        }
    });
    let actions = if can_configure {
        view! {
            <div class="form-actions">
                <Submit label="Save alerts" weight=Weight::Main />
            </div>
        }
        .into_any()
    } else {
        view! { <AskSomeone may_ask /> }.into_any()
    };
    view! {
        <form class="form surface" method="post" action="/dashboard/settings/alerts">
            <OrgField org />
            <div class="fields">
                <Select select=switch />
                <Field field=threshold />
            </div>
            {text}
            <div class="fields">{numbers} {mails}</div>
            {warning}
            <div class="fields">
                <Field field=from />
                <Field field=until />
            </div>
            <p class="field-help">{format!("Time zone: {}", form.time_zone)}</p>
            {actions}
        </form>
    }
}

fn area(
    key: &'static str,
    label: &'static str,
    value: String,
    help: &'static str,
    error: Option<String>,
    can_configure: bool,
) -> impl IntoView {
    let id = format!("alerts-{key}");
    let (error_id, help_id) = (format!("{id}-error"), format!("{id}-help"));
    let is_wrong = error.is_some();
    view! {
        <div class="field">
            <label for=id.clone()>{label}</label>
            <Textarea
                id
                name=key
                value
                rows=3
                max_length=4000
                disabled=!can_configure
                described_by=Some(format!("{error_id} {help_id}"))
                invalid=is_wrong
            />
            <p class="field-error" id=error_id hidden=!is_wrong>
                <Icon name=IconName::Alert />
                <span>{error.unwrap_or_default()}</span>
            </p>
            <p class="field-help" id=help_id>
                <span>{help}</span>
            </p>
        </div>
    }
}
