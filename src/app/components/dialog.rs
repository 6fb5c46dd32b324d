//! A panel over a page, opened and closed by its address.
//!
//! `?panel=twilio` renders it open, its close link leads back: no script is needed. In a browser
//! with islands the same element becomes a real modal dialog, with Esc, and focus kept inside.

use leptos::prelude::*;

use crate::app::icons::{Icon, IconName};
use crate::app::islands::dialog::ModalDialog;

/// A panel over the page.
#[component]
pub fn Panel(
    /// Becomes part of ids.
    id: &'static str,
    #[prop(into)] title: String,
    #[prop(optional, into)] lead: Option<String>,
    /// Where closing leads. Its fragment is the element that had the focus before.
    close_href: String,
    /// Address of the mark beside the title.
    #[prop(optional)]
    mark: Option<String>,
    children: Children,
) -> impl IntoView {
    let title_id = format!("{id}-title");
    view! {
        <ModalDialog>
            <a class="scrim" href=close_href.clone() tabindex="-1" aria-hidden="true"></a>
            <dialog class="panel" open=true id=id aria-labelledby=title_id.clone()>
                <header class="panel-header">
                    {mark.map(|src| view! { <img class="mark" src=src alt="" width="40" height="40" /> })}
                    <div>
                        <h2 id=title_id.clone()>{title}</h2>
                        {lead.map(|lead| view! { <p>{lead}</p> })}
                    </div>
                    <a class="button button-quiet button-icon" data-close="" href=close_href>
                        <Icon name=IconName::Close />
                        <span class="visually-hidden">"Close"</span>
                    </a>
                </header>
                <div class="panel-body">{children()}</div>
            </dialog>
        </ModalDialog>
    }
}
