//! What the product needs from a provider, line by line, and whether it has it.

use leptos::prelude::*;

use super::report::CapabilityLine;
use crate::domain::CapabilityResult;

/// The list.
#[component]
pub fn CapabilityList(lines: Vec<CapabilityResult>) -> impl IntoView {
    (!lines.is_empty()).then(|| {
        view! {
            <ul class="capabilities">
                {lines.into_iter().map(|line| view! { <CapabilityLine line /> }).collect_view()}
            </ul>
        }
    })
}
