//! The connect form: helps while typing, tests without leaving the page, closes when all is well.
//!
//! The form itself is the server's HTML. Without this island it is posted as it is, and the page
//! that comes back shows the same report.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::report::{Report, Success, Testing};
use crate::app::icons::{Icon, IconName};
use crate::app::wire::ConnectAnswer;

/// What the island starts with. Holds no value that was typed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConnectState {
    pub provider_name: String,
    /// The id of the `<form>` among the children.
    pub form_id: String,
    /// Where to go when all is saved.
    pub done_href: String,
    /// Labels of what will be tested.
    pub checks: Vec<String>,
    pub answer: ConnectAnswer,
}

/// Wraps the form of a provider.
#[island]
pub fn ConnectForm(state: ConnectState, children: Children) -> impl IntoView {
    let ConnectState { provider_name, form_id, done_href, checks, answer } = state;
    let answer = RwSignal::new(answer);
    let is_testing = RwSignal::new(false);
    let root = NodeRef::<leptos::html::Div>::new();

    #[cfg(feature = "hydrate")]
    {
        let done_href = done_href.clone();
        super::dom::when_mounted(root, move |root| {
            browser::start(&root, browser::Form { answer, is_testing, done_href });
        });
    }

    let status = move || {
        if is_testing.get() {
            return view! { <Testing provider_name=provider_name.clone() checks=checks.clone() /> }
                .into_any();
        }
        let answer = answer.get();
        if let Some(success) = answer.success {
            let (provider_name, done_href) = (provider_name.clone(), done_href.clone());
            return view! { <Success provider_name success done_href /> }.into_any();
        }
        let form_id = form_id.clone();
        // Each part stands behind a type of its own: as one tuple they would be inlined into one
        // function that makes up a twentieth of the WASM.
        let draft = answer.draft.map(|draft| {
            view! { <input type="hidden" name="draft" value=draft form=form_id.clone() /> }.into_any()
        });
        let save_anyway = answer.save_anyway.then(|| {
            view! {
                <div class="save-anyway">
                    <button class="button" type="submit" name="intent" value="save_anyway" form=form_id>
                        <span>"Save anyway"</span>
                    </button>
                    <p>"Used as it is, and checked again later."</p>
                </div>
            }
            .into_any()
        });
        let message = answer.message.map(|message| {
            view! {
                <p class="report is-broken report-title" role="alert">
                    <Icon name=IconName::Octagon />
                    <span>{message}</span>
                </p>
            }
            .into_any()
        });
        let report = answer.report.map(|report| view! { <Report report /> }.into_any());
        view! {
            <div>
                {message}
                {report}
                {save_anyway}
                {draft}
            </div>
        }
        .into_any()
    };
    view! {
        <div class="connect" node_ref=root class:is-done=move || answer.with(|answer| answer.success.is_some())>
            <div class="connect-status" aria-live="polite">
                {status}
            </div>
            {children()}
        </div>
    }
}

#[cfg(feature = "hydrate")]
mod browser {
    use std::cell::Cell;
    use std::rc::Rc;
    use std::time::Duration;

    use leptos::prelude::*;
    use leptos::task::spawn_local;
    use wasm_bindgen::JsCast;
    use web_sys::{Element, Event, FormData, HtmlFormElement, SubmitEvent, UrlSearchParams};

    use crate::app::islands::dom::{self, find_all, listen};
    use crate::app::islands::form_help;
    use crate::app::wire::ConnectAnswer;

    /// How long a success stays when nobody is looking at it.
    const LINGER_MS: u32 = 2_000;
    const TICK_MS: u32 = 250;
    const NOT_AN_ANSWER: &str =
        "The server did not answer this form. Your session may have ended: reload the page.";
    const NO_ANSWER: &str = "The server could not be reached. Check your connection, then try again.";

    #[derive(Clone)]
    pub struct Form {
        pub answer: RwSignal<ConnectAnswer>,
        pub is_testing: RwSignal<bool>,
        pub done_href: String,
    }

    pub fn start(root: &Element, form: Form) {
        form_help::help_fields(root);
        // The fields say themselves what is missing, in the page's own words.
        for form in find_all(root, "form") {
            let _ = form.set_attribute("novalidate", "");
        }
        let is_dirty = warn_on_leaving(root);
        if form.answer.with_untracked(|answer| answer.success.is_some()) {
            close_soon(root.clone(), form.done_href.clone());
        }
        let element = root.clone();
        listen(root, "submit", move |event: SubmitEvent| {
            submit(&element, &event, &form, &is_dirty);
        });
    }

    /// Typed and unsaved input is not lost to a slip of the hand.
    fn warn_on_leaving(root: &Element) -> Rc<Cell<bool>> {
        let is_dirty = Rc::new(Cell::new(false));
        let typed = Rc::clone(&is_dirty);
        listen(root, "input", move |_: Event| typed.set(true));
        if let Some(window) = web_sys::window() {
            let asked = Rc::clone(&is_dirty);
            listen(&window, "beforeunload", move |event: Event| {
                if asked.get() {
                    event.prevent_default();
                }
            });
        }
        is_dirty
    }

    fn submit(root: &Element, event: &SubmitEvent, form: &Form, is_dirty: &Rc<Cell<bool>>) {
        let Some(html_form) = event.target().and_then(|target| target.dyn_into::<HtmlFormElement>().ok())
        else {
            return;
        };
        event.prevent_default();
        if form.is_testing.get_untracked() || !form_help::require_fields(root) {
            return;
        }
        let Ok(data) = FormData::new_with_form(&html_form) else { return };
        let Ok(body) = UrlSearchParams::new_with_str_sequence_sequence(data.as_ref()) else { return };
        if let Some(button) = event.submitter()
            && let (Some(name), Some(value)) = (button.get_attribute("name"), button.get_attribute("value"))
        {
            body.append(&name, &value);
        }
        let action = html_form.get_attribute("action").unwrap_or_default();
        let (root, form, is_dirty) = (root.clone(), form.clone(), Rc::clone(is_dirty));
        form.is_testing.set(true);
        set_busy(&root, true);
        root.scroll_into_view();
        spawn_local(async move {
            let mut answer = match dom::post_form(&action, &body).await {
                Some(text) => leptos::serde_json::from_str(&text).unwrap_or_else(|_| failure(NOT_AN_ANSWER)),
                None => failure(NO_ANSWER),
            };
            if answer.ok {
                answer.success.get_or_insert_default();
            }
            if answer.draft.is_some() {
                form_help::forget_secrets(&root);
            }
            form_help::show_errors(&root, &answer.field_errors);
            set_busy(&root, false);
            if answer.success.is_some() {
                is_dirty.set(false);
                close_soon(root, form.done_href.clone());
            }
            form.is_testing.set(false);
            form.answer.set(answer);
        });
    }

    fn failure(message: &str) -> ConnectAnswer {
        ConnectAnswer { message: Some(message.to_owned()), ..ConnectAnswer::default() }
    }

    fn set_busy(root: &Element, busy: bool) {
        for button in find_all(root, "button[type=submit]") {
            let _ =
                if busy { button.set_attribute("disabled", "") } else { button.remove_attribute("disabled") };
        }
    }

    /// Leaves after two seconds in which neither pointer nor focus is in the success message.
    fn close_soon(root: Element, done_href: String) {
        let left = Cell::new(LINGER_MS);
        let tick = move || {
            let is_watched = root
                .query_selector("[data-success]:hover, [data-success]:focus-within")
                .ok()
                .flatten()
                .is_some();
            if is_watched {
                left.set(LINGER_MS);
            } else if left.get() > TICK_MS {
                left.set(left.get() - TICK_MS);
            } else if left.replace(u32::MAX) != u32::MAX {
                dom::navigate(&done_href);
            }
        };
        set_interval(tick, Duration::from_millis(u64::from(TICK_MS)));
    }
}
