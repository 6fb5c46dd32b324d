//! The test tool: one message of Vapi, or a sample of an event out, sent by the clinic itself through the
//! way of all of them.

use leptos::prelude::*;

use crate::app::components::button::{AskSomeone, ButtonLink, OrgField, Submit, Weight};
use crate::app::components::field::{Field, FieldView, InputKind};
use crate::app::components::page_header::PageHeader;
use crate::app::components::select::{Select, SelectView};
use crate::app::icons::IconName;
use crate::app::wire::PatternKind;
use crate::domain::OrgId;

/// What the page shows.
#[derive(Clone, Debug)]
pub struct EventTestView {
    pub org: OrgId,
    /// The provider's word, and what is said about it.
    pub kinds: Vec<(String, String)>,
    pub kind: String,
    pub kind_error: Option<String>,
    pub number: String,
    pub number_error: Option<String>,
    pub is_loud: bool,
    pub sample: SampleForm,
    pub can_configure: bool,
    pub may_ask: Option<String>,
}

/// The form for an event out.
#[derive(Clone, Debug)]
pub struct SampleForm {
    /// Its name, and what is said about it.
    pub kinds: Vec<(String, String)>,
    pub kind: String,
    pub kind_error: Option<String>,
    /// Name and text of each endpoint.
    pub endpoints: Vec<(String, String)>,
    /// Empty for all that listen.
    pub endpoint: String,
    pub endpoint_error: Option<String>,
}

/// The page.
pub fn event_test_page(view: EventTestView) -> impl IntoView {
    let can_configure = view.can_configure;
    let may_ask = view.may_ask.clone();
    let body = if can_configure {
        let (org, sample) = (view.org, view.sample.clone());
        view! {
            <section class="surface section" aria-labelledby="inbound-title">
                <header>
                    <h2 id="inbound-title">"A message of Vapi"</h2>
                    <p>
                        "Signed with this clinic's own secret, through the same route, checks and handlers as a real one."
                    </p>
                </header>
                {form(view)}
            </section>
            {outbound(sample, org)}
        }
        .into_any()
    } else {
        view! { <AskSomeone may_ask /> }.into_any()
    };
    view! {
        <PageHeader
            title="Send a test event"
            lead="A message of Vapi on its way in, or an event on its way out: both take the way of real ones, and the next page shows each stage."
        >
            <ButtonLink href="/dashboard/events" label="All events" weight=Weight::Quiet />
        </PageHeader>
        {body}
    }
}

fn outbound(form: SampleForm, org: OrgId) -> AnyView {
    let header = view! {
        <header>
            <h2 id="outbound-title">"An event to your endpoints"</h2>
            <p>"Made-up data that says it is a test, signed, queued and tried again like a real event."</p>
        </header>
    };
    let body = if form.endpoints.is_empty() {
        view! {
            <p class="soft">"There is no endpoint yet that could be told."</p>
            <p><ButtonLink href="/dashboard/webhooks" label="Add an endpoint" /></p>
        }
        .into_any()
    } else {
        let kind = SelectView {
            key: "event",
            label: "Kind of event",
            none: "Choose a kind".to_owned(),
            options: form.kinds,
            value: form.kind,
            help: "",
            error: form.kind_error,
            disabled: false,
            scope: "sample",
        };
        let endpoint = SelectView {
            key: "workflowName",
            label: "Endpoint",
            none: "All that listen to it".to_owned(),
            options: form.endpoints,
            value: form.endpoint,
            help: "One of your choice is told whatever it listens to.",
            error: form.endpoint_error,
            disabled: false,
            scope: "sample",
        };
        view! {
            <form class="stack" method="post" action="/dashboard/events/test/outbound">
                <OrgField org />
                <Select select=kind />
                <Select select=endpoint />
                <div><Submit label="Send the sample" icon=IconName::Send /></div>
            </form>
        }
        .into_any()
    };
    view! {
        <section class="surface section" id="outbound" aria-labelledby="outbound-title">
            {header} {body}
        </section>
    }
    .into_any()
}

fn form(view: EventTestView) -> impl IntoView {
    let EventTestView { org, kinds, kind, kind_error, number, number_error, is_loud, .. } = view;
    let select = SelectView {
        key: "kind",
        label: "Type of message",
        none: "Choose a type".to_owned(),
        options: kinds,
        value: kind,
        help: "The next page shows each stage with its time.",
        error: kind_error,
        disabled: false,
        scope: "test",
    };
    let number = FieldView {
        example: "+1 555 010 0123",
        help: "Needed in earnest; otherwise a number that belongs to nobody is used.",
        error: number_error,
        pattern: Some(PatternKind::Phone),
        kind: InputKind::Telephone,
        required: false,
        scope: "test",
        ..FieldView::new("number", "Caller's number", number)
    };
    view! {
        <form class="stack" method="post" action="/dashboard/events/test">
            <OrgField org />
            <Select select />
            <Field field=number />
            <div class="field">
                <label class="check" for="test-loud">
                    <input id="test-loud" name="loud" type="checkbox" value="yes" checked=is_loud />
                    <span>"In earnest: tools send and book, and people are alerted"</span>
                </label>
                <p class="field-help">
                    <span>"Without it the message is marked as a test: it is checked, stored and worked on, and reaches nobody outside."</span>
                </p>
            </div>
            <div><Submit label="Send" icon=IconName::Send weight=Weight::Main /></div>
        </form>
    }
}
