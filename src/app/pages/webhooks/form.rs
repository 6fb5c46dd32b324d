//! The form of an endpoint, new or known. Headers and bearer go in and never come out.

use leptos::prelude::*;

use super::words::{HOME, endpoint_href};
use crate::app::components::button::{ButtonLink, OrgField, Submit, Weight};
use crate::app::components::dialog::Panel;
use crate::app::components::field::{Field, FieldView, LongField};
use crate::app::components::select::{Select, SelectView};
use crate::app::icons::{Icon, IconName};
use crate::app::wire::FieldError;
use crate::domain::OrgId;

/// Everything that the form shows.
#[derive(Clone, Debug)]
pub struct EndpointForm {
    pub org: OrgId,
    /// The name under which it is stored; none for a new one.
    pub stored: Option<String>,
    /// `google_sheets`, or nothing for an address.
    pub destination: String,
    pub name: String,
    pub url: String,
    pub description: String,
    /// Every kind of event: name, when it is told, and whether it is wanted.
    pub kinds: Vec<(&'static str, &'static str, bool)>,
    /// What is sent along now: names of headers and their masked values.
    pub headers: Vec<(String, String)>,
    /// By field, as the use case names them: `workflowName`, `url`, `events`.
    pub errors: Vec<FieldError>,
    /// Secrets that were typed into a form that was not right are not kept.
    pub has_lost_secret: bool,
}

/// The form in its panel.
pub fn endpoint_panel(form: EndpointForm) -> impl IntoView {
    let (title, lead, close, action, label) = match &form.stored {
        Some(name) => (
            format!("Change {name}"),
            "Holds from the next try on.",
            endpoint_href(name),
            endpoint_href(name),
            "Save endpoint",
        ),
        None => (
            "Add an endpoint".to_owned(),
            "Its signing secret is shown once, right after you add it.",
            format!("{HOME}#add-endpoint"),
            format!("{HOME}/endpoints"),
            "Add endpoint",
        ),
    };
    let error_of = |key: &str| FieldError::find(&form.errors, key).map(str::to_owned);
    let field = |key, label, value: &str, example, help| FieldView {
        example,
        help,
        error: error_of(key),
        scope: "endpoint",
        ..FieldView::new(key, label, value)
    };
    let name = field(
        "workflowName",
        "Name",
        &form.name,
        "new-leads",
        "Small letters, digits, - and _. Programs call the endpoint by it.",
    );
    let is_new = form.stored.is_none();
    let is_sheet = form.destination == "google_sheets";
    let destination = is_new.then(|| {
        let select = SelectView {
            key: "destination",
            label: "Each event becomes",
            none: "a signed post to an address".to_owned(),
            options: vec![("google_sheets".to_owned(), "a row in your Google Sheets".to_owned())],
            value: form.destination.clone(),
            help: "A row needs no address: it goes to the spreadsheet that is chosen on the card of Google Sheets.",
            error: error_of("destination"),
            disabled: false,
            scope: "endpoint",
        };
        view! { <Select select /> }
    });
    let url = FieldView {
        // A new one may be proposed, and staff change what they do not see.
        required: !is_new && !form.url.is_empty(),
        ..field(
            "url",
            "Address",
            &form.url,
            "https://n8n.example.com/webhook/new-leads",
            if is_new {
                "Begins with https://. Left empty, it is the webhook of that name at your connected n8n."
            } else {
                "Begins with https://. Left empty, it stays as it is."
            },
        )
    };
    let about = FieldView {
        required: false,
        ..field("description", "Description", &form.description, "", "Shown in the list.")
    };
    let kinds = kinds(form.kinds, error_of("events"));
    let along = sent_along(&form.errors, form.headers, form.has_lost_secret, is_new);
    let org = form.org;
    view! {
        <Panel id="endpoint" title lead close_href=close.clone()>
            <form class="form" id="endpoint-form" method="post" action=action>
                <OrgField org />
                <Field field=name />
                {destination}
                {(is_new || !is_sheet).then(|| view! { <Field field=url /> })}
                <Field field=about />
                {kinds}
                {(is_new || !is_sheet).then_some(along)}
                <div class="form-actions">
                    <Submit label weight=Weight::Main />
                    <ButtonLink href=close label="Cancel" />
                </div>
            </form>
        </Panel>
    }
}

fn kinds(kinds: Vec<(&'static str, &'static str, bool)>, error: Option<String>) -> impl IntoView {
    let choices = kinds
        .into_iter()
        .map(|(name, when, is_wanted)| {
            let id = format!("event-{}", name.replace('.', "-"));
            let of = id.clone();
            view! {
                <label class="choice" for=of>
                    <input id=id type="checkbox" name=format!("event:{name}") value="yes" checked=is_wanted />
                    <span>
                        <code>{name}</code>
                        <span class="second">{when}</span>
                    </span>
                </label>
            }
        })
        .collect_view();
    view! {
        <fieldset class="choices">
            <legend>"Events"</legend>
            <p class="field-help">"Tick those that it is told of. Without a tick it is told of all, later kinds too."</p>
            {error.map(|text| view! { <FieldProblem text /> })}
            {choices}
        </fieldset>
    }
}

/// What goes along with every post beside the signature.
fn sent_along(
    errors: &[FieldError],
    headers: Vec<(String, String)>,
    has_lost_secret: bool,
    is_new: bool,
) -> impl IntoView + use<> {
    let error_of = |key: &str| FieldError::find(errors, key).map(str::to_owned);
    let bearer = FieldView {
        required: false,
        secret: true,
        help: "Sent as Authorization: Bearer. Stored sealed, never shown again.",
        error: error_of("bearerToken"),
        scope: "endpoint",
        ..FieldView::new("bearerToken", "Bearer token", "")
    };
    let own = FieldView {
        required: false,
        error: error_of("headers"),
        scope: "endpoint",
        ..FieldView::new("headers", "Headers of your own, one a line (Name: value)", "")
    };
    let now = (!headers.is_empty()).then(|| {
        let list = headers
            .into_iter()
            .map(|(name, masked)| {
                view! {
                    <div>
                        <dt><code>{name}</code></dt>
                        <dd><code>{masked}</code></dd>
                    </div>
                }
            })
            .collect_view();
        view! {
            <p class="field-help">"Sent along now. What you enter below replaces all of it; left empty, it stays."</p>
            <dl class="facts">{list}</dl>
            <label class="choice" for="remove-headers">
                <input id="remove-headers" type="checkbox" name="removeHeaders" value="yes" />
                <span>"Send nothing along any more"</span>
            </label>
        }
    });
    let lost = has_lost_secret.then(|| {
        view! { <FieldProblem text="Enter token or headers again: what is secret is not kept in a form.".to_owned() /> }
    });
    let is_open =
        !is_new || has_lost_secret || error_of("headers").is_some() || error_of("bearerToken").is_some();
    view! {
        <details class="fold" open=is_open>
            <summary>"Token or headers"</summary>
            <div class="fold-body">
                {now}
                {lost}
                <Field field=bearer />
                <LongField field=own rows=3 max_length=8000 />
            </div>
        </details>
    }
}

#[component]
fn FieldProblem(text: String) -> impl IntoView {
    view! {
        <p class="field-error">
            <Icon name=IconName::Alert />
            <span>{text}</span>
        </p>
    }
}
