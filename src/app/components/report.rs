//! What a test of a credential found, line by line, and what may be done about it.
//!
//! Drawn into the page and, while a form waits, as fragments of the stream that answers it: the same
//! views, so that both ways show the same thing.

use leptos::prelude::*;

use crate::app::icons::{Icon, IconName};
use crate::app::wire::{ConnectAnswer, ReportView, SuccessView};
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
        <li class=format!("capability {class}") data-capability=line.capability>
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
                "Open the provider's page"
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
            {report.again.map(|again| view! { <p>{again}</p> })}
            {link}
            <ul class="capabilities">
                {report.lines.into_iter().map(|line| view! { <CapabilityLine line /> }).collect_view()}
            </ul>
            {reference}
        </div>
    }
}

/// What is being asked right now. Each line makes room for its answer, which knows it by its key.
#[component]
pub fn Testing(provider_name: &'static str, checks: Vec<CapabilityCheck>) -> impl IntoView {
    view! {
        <div class="report is-unknown" aria-busy="true">
            <p class="report-title">
                <span class="spinner" aria-hidden="true"></span>
                <span data-stage="">{format!("Asking {provider_name}")}</span>
            </p>
            <ul class="capabilities">
                {checks
                    .into_iter()
                    .map(|check| {
                        view! {
                            <li class="capability is-waiting" data-capability=check.key>
                                <span class="spinner" aria-hidden="true"></span>
                                <span class="capability-text">{check.label}</span>
                            </li>
                        }
                    })
                    .collect_view()}
            </ul>
        </div>
    }
}

/// One thing that a test asks for.
#[derive(Clone, Debug)]
pub struct CapabilityCheck {
    pub key: &'static str,
    pub label: &'static str,
}

/// A sentence for the whole form.
#[component]
pub fn FormMessage(text: String) -> impl IntoView {
    view! {
        <p class="report is-broken report-title" role="alert">
            <Icon name=IconName::Octagon />
            <span>{text}</span>
        </p>
    }
}

/// All that the last answer to a connect form said: a sentence, the report, what else may be done.
#[component]
pub fn ConnectStatus(
    answer: ConnectAnswer,
    provider_name: &'static str,
    /// Where the success leads to.
    done_href: String,
    /// The form that *Save anyway* sends, and that the draft belongs to.
    form_id: &'static str,
) -> AnyView {
    if let Some(success) = answer.success {
        return view! { <Success provider_name success done_href /> }.into_any();
    }
    let save_anyway = answer.save_anyway.then(|| {
        view! {
            <div class="save-anyway">
                <button class="button" type="submit" name="intent" value="save_anyway" form=form_id>
                    <span>"Save anyway"</span>
                </button>
                <p>"Used as it is, and checked again later."</p>
            </div>
        }
    });
    let draft = answer.draft.map(|draft| {
        view! { <input type="hidden" name="draft" value=draft form=form_id /> }
    });
    view! {
        <div>
            {answer.message.map(|text| view! { <FormMessage text /> })}
            {answer.report.map(|report| view! { <Report report /> })}
            {save_anyway}
            {draft}
        </div>
    }
    .into_any()
}

/// `inbound` as the first word of a line.
pub fn capitalized(word: &str) -> String {
    let mut word = word.to_owned();
    if let Some(first) = word.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    word
}

/// What was made, and the way out.
#[component]
pub fn Success(provider_name: &'static str, success: SuccessView, done_href: String) -> impl IntoView {
    let has_facts = !success.assistants.is_empty();
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
            {has_facts.then(|| view! { <dl class="facts">{assistants}</dl> })}
            <a class="button button-main" href=done_href>
                <span>"Done"</span>
            </a>
        </div>
    }
}
