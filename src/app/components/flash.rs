//! One message at the top of a page: what happened, and where to look it up.

use leptos::prelude::*;

use super::badge::{meaning_class, meaning_icon};
use crate::app::Flash;
use crate::app::icons::Icon;
use crate::app::islands::dismiss::Dismiss;
use crate::domain::card::Meaning;

/// The message.
#[component]
pub fn FlashBox(flash: Flash) -> impl IntoView {
    let role = if flash.kind == Meaning::Broken { "alert" } else { "status" };
    view! {
        <div class=format!("flash {}", meaning_class(flash.kind)) role=role>
            <Icon name=meaning_icon(flash.kind) />
            <div class="flash-text">
                <p class="flash-title">{flash.text}</p>
                {flash.detail.map(|detail| view! { <p>{detail}</p> })}
                {flash.reference.map(|reference| view! { <Reference reference /> })}
            </div>
            <Dismiss />
        </div>
    }
}

/// The number under which the log and the audit trail know an answer.
#[component]
pub fn Reference(reference: String) -> impl IntoView {
    view! {
        <p class="reference">
            "Reference "
            <code>{reference}</code>
        </p>
    }
}
