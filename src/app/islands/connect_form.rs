//! The connect form: helps while typing, tests without leaving the page, closes when all is well.
//!
//! The form and all that is said about it is the server's HTML. Without this island the form is
//! posted as it is, and the page that comes back shows the same report. With it the answer comes as
//! a stream: a line for each capability as the provider answers, then the whole status.

use leptos::prelude::*;

/// Wraps the form of a provider, its status and the templates of what may be said before an answer.
#[island]
pub fn ConnectForm(children: Children) -> impl IntoView {
    let root = NodeRef::<leptos::html::Div>::new();
    #[cfg(feature = "hydrate")]
    super::dom::when_mounted(root, browser::start);
    view! {
        <div class="connect" node_ref=root>
            {children()}
        </div>
    }
}

#[cfg(feature = "hydrate")]
mod browser {
    use std::cell::{Cell, RefCell};
    use std::rc::Rc;
    use std::time::Duration;

    use leptos::prelude::set_interval;
    use leptos::task::spawn_local;
    use wasm_bindgen::{JsCast, JsValue};
    use web_sys::{Element, Event, FormData, HtmlElement, HtmlFormElement, SubmitEvent, UrlSearchParams};

    use crate::app::islands::dom::{self, find, find_all, listen, text_of};
    use crate::app::islands::{form_help, fragment};

    /// How long a success stays when nobody is looking at it.
    const LINGER_MS: u32 = 2_000;
    const TICK_MS: u32 = 250;
    const NOT_AN_ANSWER: &str =
        "The server did not answer this form. Your session may have ended: reload the page.";
    const NO_ANSWER: &str = "The server could not be reached. Check your connection, then try again.";

    /// What one form knows while its page is open.
    struct Form {
        root: Element,
        status: Element,
        is_testing: Cell<bool>,
        is_dirty: Cell<bool>,
        is_answered: Cell<bool>,
        /// Stands for the secrets that were sent, while no answer says what became of them.
        draft: RefCell<Option<Element>>,
    }

    pub fn start(root: Element) {
        let Some(status) = find(&root, ".connect-status") else { return };
        form_help::help_fields(&root);
        // The fields say themselves what is missing, in the page's own words.
        for form in find_all(&root, "form") {
            let _ = form.set_attribute("novalidate", "");
        }
        let form = Rc::new(Form {
            root: root.clone(),
            status,
            is_testing: Cell::new(false),
            is_dirty: Cell::new(false),
            is_answered: Cell::new(false),
            draft: RefCell::default(),
        });
        warn_on_leaving(&form);
        close_soon(&form);
        listen(&root, "submit", move |event: SubmitEvent| submit(&form, &event));
    }

    /// Typed and unsaved input is not lost to a slip of the hand.
    fn warn_on_leaving(form: &Rc<Form>) {
        let typed = Rc::clone(form);
        listen(&form.root, "input", move |_: Event| typed.is_dirty.set(true));
        if let Some(window) = web_sys::window() {
            let asked = Rc::clone(form);
            listen(&window, "beforeunload", move |event: Event| {
                if asked.is_dirty.get() {
                    event.prevent_default();
                }
            });
        }
    }

    fn submit(form: &Rc<Form>, event: &SubmitEvent) {
        let Some(html_form) = event.target().and_then(|target| target.dyn_into::<HtmlFormElement>().ok())
        else {
            return;
        };
        event.prevent_default();
        if form.is_testing.get() || !form_help::require_fields(&form.root) {
            return;
        }
        let Ok(data) = FormData::new_with_form(&html_form) else { return };
        let Ok(body) = UrlSearchParams::new_with_str_sequence_sequence(data.as_ref()) else { return };
        let intent = event.submitter().and_then(|button| button.get_attribute("value")).unwrap_or_default();
        body.append("intent", &intent);
        let action = html_form.get_attribute("action").unwrap_or_default();
        form.is_testing.set(true);
        form.is_answered.set(false);
        form.draft.replace(find(&form.status, "input[name=draft]"));
        // What was tested before is saved as it is: nobody is asked anything.
        if intent != "save_anyway" {
            fragment::fill_from_template(&form.root, &form.status, "template[data-testing]");
        }
        set_busy(&form.root, true);
        form.root.scroll_into_view();
        let form = Rc::clone(form);
        spawn_local(async move {
            let is_reached = dom::post_form(&action, &body, |line| take(&form, line)).await.is_some();
            if !form.is_answered.get() {
                fail(&form, if is_reached { NOT_AN_ANSWER } else { NO_ANSWER }, true);
            }
            set_busy(&form.root, false);
            form.is_testing.set(false);
        });
    }

    /// One line of the stream: the answer for one capability, what is done now, the whole status; or
    /// a problem document, where it did not come to a stream.
    fn take(form: &Rc<Form>, line: &JsValue) {
        let html = text_of(line, "html");
        if let Some(capability) = text_of(line, "capability") {
            let place = find_all(&form.status, "[data-capability]")
                .into_iter()
                .find(|place| place.get_attribute("data-capability").as_ref() == Some(&capability));
            if let (Some(place), Some(html)) = (place, html) {
                fragment::replace(&place, &html);
            }
        } else if let Some(stage) = text_of(line, "stage") {
            if let Some(place) = find(&form.status, "[data-stage]") {
                place.set_text_content(Some(&stage));
            }
        } else if let Some(html) = html {
            answer(form, line, &html);
        } else if let Some(detail) = text_of(line, "detail") {
            fail(form, &detail, text_of(line, "code").is_none_or(|code| code != "draft_expired"));
        }
    }

    fn answer(form: &Rc<Form>, line: &JsValue, html: &str) {
        form.is_answered.set(true);
        fragment::fill(&form.status, html);
        if find(&form.status, "input[name=draft]").is_some() {
            form_help::forget_secrets(&form.root);
        }
        if !form_help::show_errors(&form.root, &dom::get(line, "fieldErrors")) {
            focus(&form.status, "[data-outcome]");
        }
        close_soon(form);
    }

    /// Nothing is known but a sentence. A draft that may still be there is kept for the next try.
    fn fail(form: &Rc<Form>, message: &str, keep_draft: bool) {
        form.is_answered.set(true);
        fragment::fill_from_template(&form.root, &form.status, "template[data-failure]");
        if let Some(place) = find(&form.status, ".report-title span") {
            place.set_text_content(Some(message));
        }
        if let Some(draft) = form.draft.take().filter(|_| keep_draft) {
            let _ = form.status.append_child(&draft);
        }
    }

    fn focus(root: &Element, selector: &str) {
        if let Some(element) = find(root, selector).and_then(|found| found.dyn_into::<HtmlElement>().ok()) {
            let _ = element.focus();
        }
    }

    fn set_busy(root: &Element, busy: bool) {
        for button in find_all(root, "button[type=submit]") {
            let _ =
                if busy { button.set_attribute("disabled", "") } else { button.remove_attribute("disabled") };
        }
    }

    /// Leaves after two seconds in which neither pointer nor focus is in the success message.
    fn close_soon(form: &Rc<Form>) {
        let Some(link) = find(&form.status, "[data-success] a") else { return };
        form.is_dirty.set(false);
        let status = form.status.clone();
        let left = Cell::new(LINGER_MS);
        let tick = move || {
            let is_watched = find(&status, "[data-success]:hover, [data-success]:focus-within").is_some();
            if is_watched {
                left.set(LINGER_MS);
            } else if left.get() > TICK_MS {
                left.set(left.get() - TICK_MS);
            } else if left.replace(u32::MAX) != u32::MAX {
                dom::navigate(&link.get_attribute("href").unwrap_or_default());
            }
        };
        set_interval(tick, Duration::from_millis(u64::from(TICK_MS)));
    }
}
