//! Copies the value beside it. Shown only where it can work.

use leptos::prelude::*;

/// The button. Its box holds the value in an element with `data-copy`.
#[island]
pub fn CopyButton() -> impl IntoView {
    let root = NodeRef::<leptos::html::Button>::new();
    #[cfg(feature = "hydrate")]
    super::dom::when_mounted(root, |root| browser::start(&root));
    view! {
        <button class="button button-quiet button-small" type="button" hidden=true node_ref=root>
            <span aria-live="polite">"Copy"</span>
        </button>
    }
}

#[cfg(feature = "hydrate")]
mod browser {
    use std::time::Duration;

    use leptos::prelude::*;
    use leptos::task::spawn_local;
    use wasm_bindgen_futures::JsFuture;
    use web_sys::{Element, Event};

    use crate::app::islands::dom::{find, listen, set_hidden};

    pub fn start(button: &Element) {
        // Browsers offer the clipboard only on https and on this machine.
        if !web_sys::window().is_some_and(|window| window.is_secure_context()) {
            return;
        }
        let Some(label) = find(button, "span") else { return };
        set_hidden(button, false);
        let element = button.clone();
        listen(button, "click", move |_: Event| {
            let text = element
                .closest(".copy-box")
                .ok()
                .flatten()
                .and_then(|parent| parent.query_selector("[data-copy]").ok().flatten())
                .and_then(|value| value.text_content());
            let (Some(text), Some(window)) = (text, web_sys::window()) else { return };
            let label = label.clone();
            spawn_local(async move {
                if JsFuture::from(window.navigator().clipboard().write_text(&text)).await.is_ok() {
                    label.set_text_content(Some("Copied"));
                    set_timeout(move || label.set_text_content(Some("Copy")), Duration::from_secs(2));
                }
            });
        });
    }
}
