//! One box to tick, with its label.

use leptos::prelude::*;

/// A box that is sent as `on` where it is ticked.
#[component]
pub fn CheckBox(
    id: String,
    name: String,
    label: &'static str,
    checked: bool,
    #[prop(optional)] disabled: bool,
) -> impl IntoView {
    view! {
        <div class="choice">
            <input type="checkbox" id=id.clone() name=name value="on" checked=checked disabled=disabled />
            <label for=id>{label}</label>
        </div>
    }
}
