//! Copies the value beside it. Shown only where it can work.

use leptos::prelude::*;

/// The button. Its box holds the value in an element with `data-copy`.
#[island]
pub fn CopyButton() -> impl IntoView {
    let root = NodeRef::<leptos::html::Button>::new();
    let is_copied = RwSignal::new(false);
    #[cfg(feature = "hydrate")]
    super::dom::when_mounted(root, move |root| browser::start(&root, is_copied));
    view! {
        <button class="button button-quiet button-small" type="button" hidden=true node_ref=root>
            <span aria-live="polite">{move || if is_copied.get() { "Copied" } else { "Copy" }}</span>
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

    use crate::app::islands::dom::{listen, set_hidden};

    pub fn start(button: &Element, is_copied: RwSignal<bool>) {
        // Browsers offer the clipboard only on https and on this machine.
        if !web_sys::window().is_some_and(|window| window.is_secure_context()) {
            return;
        }
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
            spawn_local(async move {
                if JsFuture::from(window.navigator().clipboard().write_text(&text)).await.is_ok() {
                    is_copied.set(true);
                    set_timeout(move || is_copied.set(false), Duration::from_secs(2));
                }
            });
        });
    }
}
