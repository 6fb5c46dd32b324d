//! What a test found, line by line. Drawn by the server and, after a fetch, by the connect form.

use leptos::prelude::*;

use crate::app::icons::{Icon, IconName};
use crate::app::wire::{ReportView, SuccessView};
use crate::domain::outcome::Answer;
use crate::domain::{CapabilityResult, Outcome};

/// One capability and the answer to it.
#[component]
pub fn CapabilityLine(line: CapabilityResult) -> impl IntoView {
    let (icon, class, word) = match line.answer {
        Answer::Yes => (IconName::Check, "is-works", "works"),
        Answer::No => (IconName::Close, "is-broken", "does not work"),
        Answer::Unknown => (IconName::Question, "is-unknown", "could not be asked now"),
        Answer::NotTestable => (IconName::Dash, "is-unknown", "cannot be tested without side effects"),
        Answer::NotSetUp => (IconName::Dotted, "is-unknown", "not set up"),
    };
    view! {
        <li class=format!("capability {class}")>
            <Icon name=icon />
            <span class="capability-text">
                <span>{line.label}</span>
                <span class="visually-hidden">{format!(": {word}")}</span>
                {line.note.map(|note| view! { <span class="capability-note">{note}</span> })}
            </span>
        </li>
    }
}

/// A whole report: who said what, what to do, and each line.
#[component]
pub fn Report(report: ReportView) -> impl IntoView {
    let (icon, class) = match report.outcome {
        Outcome::Accepted => (IconName::CheckCircle, "report is-works"),
        Outcome::Refused => (IconName::Octagon, "report is-broken"),
        Outcome::Undetermined => (IconName::Question, "report is-unknown"),
    };
    let link = report.fix_url.map(|url| {
        view! {
            <a class="external" href=url target="_blank" rel="noopener noreferrer">
                "Open the page"
                <Icon name=IconName::External />
            </a>
        }
    });
    let reference = report.reference.map(|reference| {
        view! {
            <p class="reference">
                "Reference "
                <code>{reference}</code>
            </p>
        }
    });
    view! {
        <div class=class tabindex="-1" autofocus=true data-outcome=report.outcome.as_str()>
            <p class="report-title">
                <Icon name=icon />
                <span>{report.headline}</span>
            </p>
            {report.fix.map(|fix| view! { <p>{fix}</p> })}
            {link}
            <ul class="capabilities">
                {report.lines.into_iter().map(|line| view! { <CapabilityLine line /> }).collect_view()}
            </ul>
            {reference}
        </div>
    }
}

/// What is being asked right now.
#[component]
pub fn Testing(provider_name: String, checks: Vec<String>) -> impl IntoView {
    view! {
        <div class="report is-unknown" aria-busy="true">
            <p class="report-title">
                <span class="spinner" aria-hidden="true"></span>
                <span>{format!("Asking {provider_name}")}</span>
            </p>
            <ul class="capabilities">
                {checks
                    .into_iter()
                    .map(|check| {
                        view! {
                            <li class="capability is-waiting">
                                <span class="spinner" aria-hidden="true"></span>
                                <span class="capability-text">{check}</span>
                            </li>
                        }
                    })
                    .collect_view()}
            </ul>
        </div>
    }
}

/// `inbound` as the first word of a line. Roles are ASCII; upper case of all of Unicode would add its
/// tables to the WASM.
pub fn capitalized(word: &str) -> String {
    let mut word = word.to_owned();
    if let Some(first) = word.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    word
}

/// What was made, and the way out.
#[component]
pub fn Success(provider_name: String, success: SuccessView, done_href: String) -> impl IntoView {
    let assistants = success
        .assistants
        .into_iter()
        .map(|line| {
            let value = match line.id {
                Some(id) => view! { <code>{id}</code> }.into_any(),
                None => view! { <span>{line.note.unwrap_or_default()}</span> }.into_any(),
            };
            view! {
                <div>
                    <dt>{format!("{} assistant", capitalized(&line.role))}</dt>
                    <dd>{value}</dd>
                </div>
            }
        })
        .collect_view();
    view! {
        <div class="success" data-success="">
            <p class="report-title">
                <Icon name=IconName::CheckCircle />
                <span>{format!("{provider_name} is connected")}</span>
            </p>
            <dl class="facts">{assistants}</dl>
            <a class="button button-main" href=done_href>
                <span>"Done"</span>
            </a>
        </div>
    }
}
