//! Takes a message away that was read.

use leptos::prelude::*;

use crate::app::icons::{Icon, IconName};

/// The button. Removes the `.flash` that it stands in.
#[island]
pub fn Dismiss() -> impl IntoView {
    let root = NodeRef::<leptos::html::Button>::new();
    #[cfg(feature = "hydrate")]
    super::dom::when_mounted(root, |button| {
        use super::dom::{listen, set_hidden};
        set_hidden(&button, false);
        let element = button.clone();
        listen(&button, "click", move |_: web_sys::Event| {
            if let Ok(Some(flash)) = element.closest(".flash") {
                flash.remove();
            }
        });
    });
    view! {
        <button class="button button-quiet button-icon" type="button" hidden=true node_ref=root>
            <Icon name=IconName::Close />
            <span class="visually-hidden">"Dismiss"</span>
        </button>
    }
}
