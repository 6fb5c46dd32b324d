//! The head of a page: its one `h1`, a sentence, and what can be done here.

use leptos::prelude::*;

/// Title, sentence and actions.
#[component]
pub fn PageHeader(
    #[prop(into)] title: String,
    #[prop(into)] lead: String,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    view! {
        <header class="page-header">
            <div>
                <h1>{title}</h1>
                <p class="lead">{lead}</p>
            </div>
            {children.map(|children| view! { <div class="page-actions">{children()}</div> })}
        </header>
    }
}
