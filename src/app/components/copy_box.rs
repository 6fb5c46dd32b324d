//! A value that is copied into another system: read-only, with a button in browsers with islands.

use leptos::prelude::*;

use crate::app::islands::copy_button::CopyButton;

/// A labelled value. Never a secret: the value is part of the page.
#[component]
pub fn CopyBox(#[prop(into)] label: String, value: String) -> impl IntoView {
    view! {
        <div class="copy-box">
            <span class="copy-label">{label}</span>
            <code class="copy-value" data-copy="">{value}</code>
            <CopyButton />
        </div>
    }
}
