//! What stands where nothing is yet: why it is empty and what would fill it.

use leptos::prelude::*;

use crate::app::icons::{Icon, IconName};

/// An empty list.
#[component]
pub fn Empty(
    icon: IconName,
    title: &'static str,
    #[prop(into)] text: String,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    view! {
        <div class="empty">
            <Icon name=icon />
            <h2>{title}</h2>
            <p>{text}</p>
            {children.map(|children| children())}
        </div>
    }
}
