//! A value that is copied into another system: read-only, with a button in browsers with islands.

use leptos::prelude::*;

use crate::app::islands::copy_button::CopyButton;

/// A value, with a label where it does not explain itself. Never a secret: the value is part of the page.
#[component]
pub fn CopyBox(#[prop(optional, into)] label: Option<String>, value: String) -> impl IntoView {
    view! {
        <div class="copy-box">
            {label.map(|label| view! { <span class="copy-label">{label}</span> })}
            <code class="copy-value" data-copy="">{value}</code>
            <CopyButton />
        </div>
    }
}
