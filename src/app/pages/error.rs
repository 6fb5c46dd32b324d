//! What a page says when it cannot be shown: what happened, and the way on.

use leptos::prelude::*;

use crate::app::components::button::{ButtonLink, Weight};
use crate::app::components::flash::Reference;
use crate::app::icons::{Icon, IconName};

/// Why a page cannot be shown.
#[derive(Clone, Debug)]
pub enum ErrorPage {
    /// Also for what belongs to another clinic.
    NotFound,
    /// A role that may not. `may_ask` names who may.
    Forbidden { may_ask: Option<String> },
    /// A form came back after the clinic was switched. Nothing was written.
    OtherClinic { now_in: String, opened_in: Option<String> },
    /// The request was not understood or not allowed, in one sentence.
    BadRequest { sentence: String },
    /// Too many tries.
    TooMany { retry_after_seconds: Option<u64> },
    /// Ours to fix. The reference is in the log. `again` is the address, where looking at it once more
    /// does no harm.
    Internal { reference: String, again: Option<String> },
    /// Not ready or overloaded.
    Unavailable { reference: Option<String>, again: Option<String> },
}

impl ErrorPage {
    pub const fn status(&self) -> u16 {
        match self {
            ErrorPage::BadRequest { .. } => 400,
            ErrorPage::Forbidden { .. } => 403,
            ErrorPage::NotFound => 404,
            ErrorPage::OtherClinic { .. } => 409,
            ErrorPage::TooMany { .. } => 429,
            ErrorPage::Internal { .. } => 500,
            ErrorPage::Unavailable { .. } => 503,
        }
    }

    /// The title of the document and of the page.
    pub fn title(&self) -> String {
        match self {
            ErrorPage::NotFound => "Page not found".to_owned(),
            ErrorPage::Forbidden { .. } => "This is not yours to change".to_owned(),
            ErrorPage::OtherClinic { now_in, .. } => format!("You are now in {now_in}"),
            ErrorPage::BadRequest { .. } => "This did not work".to_owned(),
            ErrorPage::TooMany { .. } => "Too many tries".to_owned(),
            ErrorPage::Internal { .. } => "Something went wrong on our side".to_owned(),
            ErrorPage::Unavailable { .. } => "Voxanne is not ready right now".to_owned(),
        }
    }

    fn text(&self) -> String {
        match self {
            ErrorPage::NotFound => {
                "There is nothing at this address, or it belongs to another clinic.".to_owned()
            }
            ErrorPage::Forbidden { may_ask } => {
                may_ask.clone().unwrap_or_else(|| "Ask an owner or admin of this clinic.".to_owned())
            }
            ErrorPage::OtherClinic { opened_in, .. } => {
                let from = opened_in.as_ref().map_or("another clinic".to_owned(), Clone::clone);
                format!("The page was opened in {from}, and you have switched since. Nothing was changed.")
            }
            ErrorPage::BadRequest { sentence } => sentence.clone(),
            ErrorPage::TooMany { retry_after_seconds: Some(seconds) } => {
                format!("Wait {seconds} seconds, then try again.")
            }
            ErrorPage::TooMany { retry_after_seconds: None } => "Wait a little, then try again.".to_owned(),
            ErrorPage::Internal { .. } => {
                "It has been recorded. Try again; if it happens again, tell us the reference.".to_owned()
            }
            ErrorPage::Unavailable { .. } => {
                "This page cannot be shown just now. Try it again in a moment.".to_owned()
            }
        }
    }

    fn reference(&self) -> Option<String> {
        match self {
            ErrorPage::Internal { reference, .. } => Some(reference.clone()),
            ErrorPage::Unavailable { reference, .. } => reference.clone(),
            _ => None,
        }
    }
}

impl ErrorPage {
    fn again(&self) -> Option<String> {
        match self {
            ErrorPage::Internal { again, .. } | ErrorPage::Unavailable { again, .. } => again.clone(),
            _ => None,
        }
    }
}

/// The page.
pub fn error_page(error: ErrorPage) -> impl IntoView {
    let icon = match error {
        ErrorPage::Internal { .. } => IconName::Octagon,
        ErrorPage::NotFound => IconName::Question,
        ErrorPage::Forbidden { .. } => IconName::Lock,
        ErrorPage::Unavailable { .. } | ErrorPage::TooMany { .. } => IconName::Clock,
        ErrorPage::OtherClinic { .. } | ErrorPage::BadRequest { .. } => IconName::Alert,
    };
    view! {
        <section class="sheet sheet-wide error-page">
            <Icon name=icon />
            <div>
                <p class="soft numbers">{format!("Error {}", error.status())}</p>
                <h1>{error.title()}</h1>
            </div>
            <p>{error.text()}</p>
            {error.reference().map(|reference| view! { <Reference reference /> })}
            {ways(error.again())}
        </section>
    }
}

/// The ways on: once more where that is an option, and the overview.
fn ways(again: Option<String>) -> impl IntoView {
    let weight = if again.is_some() { Weight::Plain } else { Weight::Main };
    let again = again.map(|href| view! { <ButtonLink href label="Try again" weight=Weight::Main /> });
    view! {
        <p class="form-actions">
            {again} <ButtonLink href="/dashboard" label="Go to the overview" weight />
        </p>
    }
}
