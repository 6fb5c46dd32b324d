//! Buttons and links that look like buttons. The label says what happens.

use leptos::prelude::*;

use crate::app::icons::{Icon, IconName};
use crate::domain::OrgId;

/// How much a button weighs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Weight {
    /// The one thing to do here.
    Main,
    #[default]
    Plain,
    /// Among others, in a row.
    Quiet,
    /// Destroys or disconnects.
    Danger,
}

impl Weight {
    pub const fn class(self) -> &'static str {
        match self {
            Weight::Main => "button button-main",
            Weight::Plain => "button",
            Weight::Quiet => "button button-quiet",
            Weight::Danger => "button button-danger",
        }
    }
}

/// A submit button of the form that it stands in.
#[component]
pub fn Submit(
    #[prop(into)] label: String,
    #[prop(optional)] weight: Weight,
    #[prop(optional)] icon: Option<IconName>,
    #[prop(optional)] disabled: bool,
    /// `name` and `value` sent when this button is the one that was pressed.
    #[prop(optional)]
    sends: Option<(&'static str, &'static str)>,
) -> impl IntoView {
    view! {
        <button
            class=weight.class()
            type="submit"
            disabled=disabled
            name=sends.map(|(name, _)| name)
            value=sends.map(|(_, value)| value)
        >
            {icon.map(|name| view! { <Icon name /> })}
            <span>{label}</span>
        </button>
    }
}

/// A link that looks like a button.
#[component]
pub fn ButtonLink(
    #[prop(into)] href: String,
    #[prop(into)] label: String,
    #[prop(optional)] weight: Weight,
    #[prop(optional)] icon: Option<IconName>,
    #[prop(optional)] id: Option<String>,
    /// What a screen reader says where the label alone would be one of many.
    #[prop(optional)]
    full_label: Option<String>,
) -> impl IntoView {
    view! {
        <a class=weight.class() href=href id=id aria-label=full_label>
            {icon.map(|name| view! { <Icon name /> })}
            <span>{label}</span>
        </a>
    }
}

/// The organization that a form was opened for. A form that comes back under another one is refused.
#[component]
pub fn OrgField(org: OrgId) -> impl IntoView {
    view! { <input type="hidden" name="org" value=org.to_string() /> }
}

/// A form that is one button.
#[component]
pub fn PostButton(
    org: OrgId,
    action: String,
    #[prop(into)] label: String,
    #[prop(optional)] weight: Weight,
    #[prop(optional)] icon: Option<IconName>,
    /// One more hidden field.
    #[prop(optional)]
    extra: Option<(&'static str, String)>,
) -> impl IntoView {
    view! {
        <form class="inline-form" method="post" action=action>
            <OrgField org />
            {extra.map(|(name, value)| view! { <input type="hidden" name=name value=value /> })}
            <button class=weight.class() type="submit">
                {icon.map(|name| view! { <Icon name /> })}
                <span>{label}</span>
            </button>
        </form>
    }
}

/// Says who may do what the reader may not.
#[component]
pub fn AskSomeone(may_ask: Option<String>) -> impl IntoView {
    let text = may_ask.unwrap_or_else(|| "Ask an owner or admin of this clinic.".to_owned());
    view! {
        <p class="ask">
            <Icon name=IconName::Lock />
            <span>{text}</span>
        </p>
    }
}
