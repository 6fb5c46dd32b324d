//! Help while typing: shapes checked when a field is left, phone numbers grouped, pastes cleaned.
//!
//! A shape that does not match is a hint and never stops a form: the server and the provider
//! decide. Only a required field that is empty does.

use leptos::prelude::*;

/// Wraps a form of the server's HTML.
#[island]
pub fn FormHelp(children: Children) -> impl IntoView {
    let root = NodeRef::<leptos::html::Div>::new();
    #[cfg(feature = "hydrate")]
    super::dom::when_mounted(root, |root| help_fields(&root));
    view! { <div class="form-help" node_ref=root>{children()}</div> }
}

#[cfg(feature = "hydrate")]
pub use browser::{forget_secrets, help_fields, require_fields, show_errors};

#[cfg(feature = "hydrate")]
mod browser {
    use wasm_bindgen::{JsCast, JsValue};
    use web_sys::{ClipboardEvent, Element, Event, EventInit, HtmlElement, HtmlInputElement};

    use crate::app::islands::dom::{find_all, listen, set_hidden, text_of};
    use crate::app::wire::PatternKind;
    use crate::domain::pattern::{clean_paste, looks_like};
    use crate::domain::phone::{PhoneNumber, format_as_typed};

    /// Watches all fields under `root`.
    pub fn help_fields(root: &Element) {
        listen(root, "focusout", |event: Event| {
            if let Some((input, pattern)) = field_of(&event) {
                check(&input, &pattern);
            }
        });
        listen(root, "input", |event: Event| {
            if let Some((input, pattern)) = field_of(&event) {
                if pattern == PatternKind::Phone {
                    group_digits(&input);
                }
                say(&input, "notice", None);
                if input.has_attribute("aria-invalid") {
                    check(&input, &pattern);
                }
            }
        });
        listen(root, "paste", |event: ClipboardEvent| paste(&event));
    }

    fn field_of(event: &Event) -> Option<(HtmlInputElement, PatternKind)> {
        let input: HtmlInputElement = event.target()?.dyn_into().ok()?;
        let pattern = PatternKind::decode(&input.get_attribute("data-pattern")?)?;
        Some((input, pattern))
    }

    fn label_of(input: &HtmlInputElement) -> String {
        input.get_attribute("data-label").unwrap_or_else(|| "This value".to_owned())
    }

    /// What is odd about a value, or nothing.
    fn complaint(label: &str, value: &str, pattern: &PatternKind) -> Option<String> {
        if value.is_empty() || pattern.matches(value) {
            return None;
        }
        if *pattern == PatternKind::Phone
            && let Err(error) = PhoneNumber::parse(value)
        {
            return Some(format!("{}.", error.sentence()));
        }
        let expected = format!("{label} {}.", pattern.expectation());
        Some(match looks_like(value) {
            Some(kind) => format!("This looks like {kind}. {expected}"),
            None => expected,
        })
    }

    fn check(input: &HtmlInputElement, pattern: &PatternKind) {
        set_error(input, complaint(&label_of(input), input.value().trim(), pattern));
    }

    /// Groups digits only while the caret is at the end: a correction in the middle stays where it is.
    fn group_digits(input: &HtmlInputElement) {
        let value = input.value();
        let caret = input.selection_start().ok().flatten();
        if caret.is_some_and(|at| at as usize == value.encode_utf16().count()) {
            let grouped = format_as_typed(&value);
            // A space that was typed at the end would vanish under the fingers; let it stand.
            if grouped != value && !value.ends_with(' ') {
                input.set_value(&grouped);
            }
        }
    }

    fn paste(event: &ClipboardEvent) {
        let Some((input, pattern)) = field_of(event) else { return };
        let Some(pasted) = event.clipboard_data().and_then(|data| data.get_data("text").ok()) else { return };
        let clean = clean_paste(&pasted);
        let is_cleaned = clean != pasted;
        if is_cleaned {
            event.prevent_default();
            if input.set_range_text(&clean).is_err() {
                input.set_value(&clean);
            }
            // The field changed without the browser's own event; the listeners must know.
            let init = EventInit::new();
            init.set_bubbles(true);
            if let Ok(changed) = Event::new_with_event_init_dict("input", &init) {
                let _ = input.dispatch_event(&changed);
            }
            let end = u32::try_from(input.value().encode_utf16().count()).ok();
            let _ = input.set_selection_start(end);
        }
        let notice = match looks_like(&clean) {
            Some(kind) if !pattern.matches(&clean) => Some(format!("This looks like {kind}.")),
            _ if is_cleaned => Some("Spaces and line breaks around the value were removed.".to_owned()),
            _ => None,
        };
        say(&input, "notice", notice.as_deref());
    }

    /// True when every required field has a value; otherwise says so and goes to the first.
    pub fn require_fields(root: &Element) -> bool {
        let mut first: Option<HtmlElement> = None;
        for element in find_all(root, "input[required]") {
            let Ok(input) = element.dyn_into::<HtmlInputElement>() else { continue };
            if input.value().trim().is_empty() {
                set_error(&input, Some(format!("{} is needed.", label_of(&input))));
                first.get_or_insert_with(|| input.into());
            }
        }
        if let Some(element) = &first {
            let _ = element.focus();
        }
        first.is_none()
    }

    /// Puts the server's sentences, an object with one for each wrong field, under their fields and
    /// takes away older ones. Goes to the first; false where there is none.
    pub fn show_errors(root: &Element, errors: &JsValue) -> bool {
        let mut is_first = true;
        for element in find_all(root, "input[data-label]") {
            let Ok(input) = element.dyn_into::<HtmlInputElement>() else { continue };
            let message = text_of(errors, &input.name());
            if message.is_some() && std::mem::take(&mut is_first) {
                let _ = input.focus();
            }
            set_error(&input, message);
        }
        !is_first
    }

    /// Empties the secrets that now wait, sealed, as a draft: sent again, they would count as new.
    pub fn forget_secrets(root: &Element) {
        for element in find_all(root, "input[type=password]") {
            let Ok(input) = element.dyn_into::<HtmlInputElement>() else { continue };
            if !input.value().is_empty() {
                input.set_value("");
                let _ = input.remove_attribute("required");
                let _ = input.set_attribute("placeholder", "Kept from your last try. Leave empty to keep.");
            }
        }
    }

    fn set_error(input: &HtmlInputElement, message: Option<String>) {
        let _ = match message {
            Some(_) => input.set_attribute("aria-invalid", "true"),
            None => input.remove_attribute("aria-invalid"),
        };
        say(input, "error", message.as_deref());
    }

    /// Fills the `error` or `notice` line of a field; `None` hides it.
    fn say(input: &HtmlInputElement, line: &str, message: Option<&str>) {
        let Some(document) = input.owner_document() else { return };
        let Some(element) = document.get_element_by_id(&format!("{}-{line}", input.id())) else { return };
        let text = element.query_selector("span").ok().flatten().unwrap_or_else(|| element.clone());
        text.set_text_content(message);
        set_hidden(&element, message.is_none());
    }
}
