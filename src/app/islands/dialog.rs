//! Turns an open panel into a real modal dialog: Esc closes it, focus stays inside.
//!
//! Closing goes to the panel's close link, whose fragment brings the focus back to the element
//! that opened it. Without this island that link is how a panel closes.

use leptos::prelude::*;

/// Wraps a `<dialog open>` and the links that close it.
#[island]
pub fn ModalDialog(children: Children) -> impl IntoView {
    let root = NodeRef::<leptos::html::Div>::new();
    #[cfg(feature = "hydrate")]
    super::dom::when_mounted(root, |root| browser::start(&root));
    view! { <div class="panel-host" node_ref=root>{children()}</div> }
}

#[cfg(feature = "hydrate")]
mod browser {
    use wasm_bindgen::JsCast;
    use web_sys::{Element, Event, HtmlDialogElement};

    use crate::app::islands::dom::{listen, navigate};

    pub fn start(root: &Element) {
        let Some(dialog) = root
            .query_selector("dialog")
            .ok()
            .flatten()
            .and_then(|element| element.dyn_into::<HtmlDialogElement>().ok())
        else {
            return;
        };
        let _ = dialog.remove_attribute("open");
        if dialog.show_modal().is_err() {
            dialog.set_open(true);
            return;
        }
        let close = {
            let root = root.clone();
            move || {
                let link = root.query_selector("[data-close]").ok().flatten();
                if let Some(href) = link.and_then(|link| link.get_attribute("href")) {
                    navigate(&href);
                }
            }
        };
        let escape = close.clone();
        listen(&dialog, "cancel", move |event: Event| {
            // The page decides: the browser may ask first whether typed input shall be lost.
            event.prevent_default();
            escape();
        });
        let backdrop = dialog.clone();
        listen(&dialog, "pointerdown", move |event: Event| {
            let is_backdrop = event
                .target()
                .and_then(|target| target.dyn_into::<Element>().ok())
                .is_some_and(|target| target == *backdrop.unchecked_ref::<Element>());
            if is_backdrop {
                close();
            }
        });
    }
}
