//! The form of an endpoint, new or known. Headers and bearer go in and never come out: what was typed into a
//! form that was not right waits as a draft, and comes back masked.

use leptos::prelude::*;

use super::words::{HOME, endpoint_href};
use crate::app::components::button::{ButtonLink, OrgField, Submit, Weight};
use crate::app::components::dialog::Panel;
use crate::app::components::field::{Field, FieldView, LongField, SavedHint};
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
    /// What was typed into a form that was not right, and need not be typed again.
    pub kept: Option<KeptView>,
    /// Nothing is to be sent along any more.
    pub removes_headers: bool,
    /// What was typed was kept for too long, or could not be kept.
    pub has_lost_secret: bool,
}

/// Secrets of the last try, masked.
#[derive(Clone, Debug)]
pub struct KeptView {
    /// The draft that they wait in.
    pub draft: String,
    pub bearer: Option<String>,
    /// Names of headers and their masked values.
    pub headers: Vec<(String, String)>,
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
    let draft = form.kept.as_ref().map(|kept| kept.draft.clone());
    let along = SentAlong {
        errors: form.errors,
        headers: form.headers,
        kept: form.kept,
        removes: form.removes_headers,
        has_lost: form.has_lost_secret,
        is_new,
    };
    let along = sent_along(along);
    let org = form.org;
    view! {
        <Panel id="endpoint" title lead close_href=close.clone()>
            <form class="form" id="endpoint-form" method="post" action=action>
                <OrgField org />
                {draft.map(|id| view! { <input type="hidden" name="draft" value=id /> })}
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
struct SentAlong {
    errors: Vec<FieldError>,
    /// What is stored, masked.
    headers: Vec<(String, String)>,
    kept: Option<KeptView>,
    removes: bool,
    has_lost: bool,
    is_new: bool,
}

fn sent_along(along: SentAlong) -> impl IntoView {
    let SentAlong { errors, headers, kept, removes, has_lost, is_new } = along;
    let error_of = |key: &str| FieldError::find(&errors, key).map(str::to_owned);
    let has_kept = kept.is_some();
    let (kept_bearer, kept_headers) = kept.map_or_else(Default::default, |kept| (kept.bearer, kept.headers));
    let bearer = FieldView {
        required: false,
        secret: true,
        help: "Sent as Authorization: Bearer. Stored sealed, never shown again.",
        saved: kept_bearer.map(|masked| SavedHint { masked, from_draft: true }),
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
    let stored = (!headers.is_empty()).then(|| {
        view! {
            <p class="field-help">"Sent along now. What you enter below replaces all of it; left empty, it stays."</p>
            {masked_list(headers.clone())}
        }
    });
    let waiting = (!kept_headers.is_empty()).then(|| {
        view! {
            <p class="field-help">
                "Headers kept from your last try. What you enter below is added, or replaces the one of its name."
            </p>
            {masked_list(kept_headers)}
        }
    });
    let remove = (!headers.is_empty() || has_kept || removes).then(|| {
        view! {
            <label class="choice" for="remove-headers">
                <input id="remove-headers" type="checkbox" name="removeHeaders" value="yes" checked=removes />
                <span>{if is_new { "Send nothing along" } else { "Send nothing along any more" }}</span>
            </label>
        }
    });
    let lost = has_lost.then(|| {
        view! { <FieldProblem text="Enter token or headers again: they are kept for 15 minutes.".to_owned() /> }
    });
    let is_open = !is_new
        || has_lost
        || has_kept
        || removes
        || error_of("headers").is_some()
        || error_of("bearerToken").is_some();
    view! {
        <details class="fold" open=is_open>
            <summary>"Token or headers"</summary>
            <div class="fold-body">
                {stored}
                {remove}
                {lost}
                <Field field=bearer />
                {waiting}
                <LongField field=own rows=3 max_length=8000 />
            </div>
        </details>
    }
}

fn masked_list(headers: Vec<(String, String)>) -> impl IntoView {
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
    view! { <dl class="facts">{list}</dl> }
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
