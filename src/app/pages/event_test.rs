//! The test tool: one message of Vapi, sent by the clinic itself through the way of all of them.

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
    pub can_configure: bool,
    pub may_ask: Option<String>,
}

/// The page.
pub fn event_test_page(view: EventTestView) -> impl IntoView {
    let can_configure = view.can_configure;
    let may_ask = view.may_ask.clone();
    let body =
        if can_configure { form(view).into_any() } else { view! { <AskSomeone may_ask /> }.into_any() };
    view! {
        <PageHeader
            title="Send a test event"
            lead="A sample of a message of Vapi, signed with this clinic's own secret, through the same route, checks and handlers as a real one."
        >
            <ButtonLink href="/dashboard/events" label="All events" weight=Weight::Quiet />
        </PageHeader>
        <section class="surface padded" aria-label="Test event">{body}</section>
    }
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
