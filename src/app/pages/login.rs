//! Signing in.

use leptos::prelude::*;

use crate::app::components::button::{Submit, Weight};
use crate::app::components::field::{Field, FieldView, InputKind};
use crate::app::icons::{Icon, IconName};

/// What the page shows.
#[derive(Clone, Debug, Default)]
pub struct LoginView {
    /// What was typed last.
    pub email: String,
    /// Where to go afterwards; already checked to be a path of ours.
    pub next: Option<String>,
    /// Why the last try failed. Never says which of the two was wrong.
    pub error: Option<String>,
}

/// The page.
pub fn login_page(view: LoginView) -> impl IntoView {
    let email = FieldView {
        kind: InputKind::Email,
        autocomplete: "username",
        ..FieldView::new("email", "E-mail address", view.email)
    };
    let password = FieldView {
        kind: InputKind::Password,
        autocomplete: "current-password",
        ..FieldView::new("password", "Password", "")
    };
    view! {
        <section class="sheet" aria-labelledby="login-title">
            <SheetHead id="login-title" title="Sign in" lead="To your clinic's integrations." />
            {view.error.map(|text| view! { <FormError text /> })}
            <form class="form" method="post" action="/login">
                {view.next.map(|next| view! { <input type="hidden" name="next" value=next /> })}
                <Field field=email autofocus=true />
                <Field field=password />
                <Submit label="Sign in" weight=Weight::Main />
            </form>
        </section>
    }
}

/// The head of a page that stands alone.
#[component]
pub fn SheetHead(id: &'static str, #[prop(into)] title: String, lead: &'static str) -> impl IntoView {
    view! {
        <header class="sheet-head">
            <span class="brand">
                <Icon name=IconName::Brand />
                <span>"Voxanne"</span>
            </span>
            <h1 id=id>{title}</h1>
            <p>{lead}</p>
        </header>
    }
}

/// What is wrong with a whole form.
#[component]
pub fn FormError(text: String) -> impl IntoView {
    view! {
        <div class="flash is-broken" role="alert">
            <Icon name=IconName::Octagon />
            <div class="flash-text">
                <p class="flash-title">{text}</p>
            </div>
        </div>
    }
}
