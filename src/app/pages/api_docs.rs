//! The interface for programs, to be read: its operations by what they are about.

use leptos::prelude::*;

use crate::app::components::page_header::PageHeader;
use crate::app::components::table::{Cell, Row, RowHead, Table};

/// Operations that belong together.
#[derive(Clone, Debug)]
pub struct ApiGroup {
    /// The tag, which is a part of an address as well: `messages`.
    pub name: String,
    pub operations: Vec<ApiOperation>,
}

/// One operation.
#[derive(Clone, Debug)]
pub struct ApiOperation {
    pub method: String,
    pub path: String,
    pub summary: String,
    pub parameters: Vec<ApiParameter>,
    /// The name of what is sent, in the description for programs.
    pub body: Option<String>,
    pub answers: Vec<ApiAnswer>,
}

/// Something in the address or in a header.
#[derive(Clone, Debug)]
pub struct ApiParameter {
    pub name: String,
    /// `path`, `query` or `header`.
    pub place: String,
    pub is_required: bool,
    pub about: String,
}

/// A status, and the name of what comes with it.
#[derive(Clone, Debug)]
pub struct ApiAnswer {
    pub status: String,
    pub about: String,
}

/// The page.
pub fn api_docs_page(groups: Vec<ApiGroup>) -> impl IntoView {
    let contents = groups
        .iter()
        .map(|group| view! { <li><a href=format!("#{}", group.name)>{subject(&group.name)}</a></li> })
        .collect_view();
    let groups = groups.into_iter().map(group).collect_view();
    view! {
        <div class="api-reference">
            <PageHeader
                title="The interface for programs"
                lead="JSON over HTTPS, with an API key of the clinic, a token of a configured issuer, or a browser's session."
            />
            <p class="intro">
                "The same for programs, with every member of every body: "
                <a href="/api/openapi.json">"the OpenAPI description"</a>
                ". Errors are problem documents (RFC 9457) with a stable code and a sentence for people."
            </p>
            <nav aria-label="Subjects">
                <ul>{contents}</ul>
            </nav>
            <div class="reference-subjects">{groups}</div>
        </div>
    }
}

/// A tag in words: `phone-numbers` is "Phone numbers".
fn subject(tag: &str) -> String {
    let words = tag.replace('-', " ");
    let words = words.strip_prefix("api ").map_or(words.clone(), |rest| format!("API {rest}"));
    let mut letters = words.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

/// A sentence in which backticks stand around code.
fn with_code(text: &str) -> impl IntoView + use<> {
    let parts = text.split('`').enumerate().map(|(at, part)| match at % 2 {
        0 => part.to_owned().into_any(),
        _ => view! { <code>{part.to_owned()}</code> }.into_any(),
    });
    parts.collect_view()
}

fn group(group: ApiGroup) -> impl IntoView {
    let id = group.name.clone();
    let title_id = format!("{id}-title");
    let operations = group.operations.into_iter().map(operation).collect_view();
    view! {
        <section id=id class="section" aria-labelledby=title_id.clone()>
            <h2 id=title_id.clone()>{subject(&group.name)}</h2>
            {operations}
        </section>
    }
}

fn operation(operation: ApiOperation) -> impl IntoView {
    let has_parameters = !operation.parameters.is_empty();
    let parameters = operation
        .parameters
        .into_iter()
        .map(|parameter| {
            let need = if parameter.is_required { "required" } else { "optional" };
            view! {
                <Row>
                    <RowHead><code>{parameter.name}</code></RowHead>
                    <Cell label="Where">{parameter.place}</Cell>
                    <Cell label="Needed">{need}</Cell>
                    <Cell label="About">{with_code(&parameter.about)}</Cell>
                </Row>
            }
        })
        .collect_view();
    let parameters = has_parameters.then(|| {
        view! {
            <Table caption="Parameters" columns=vec!["Name", "Where", "Needed", "About"]>
                {parameters}
            </Table>
        }
    });
    let answers = operation
        .answers
        .into_iter()
        .map(|answer| {
            view! {
                <div>
                    <dt>{answer.status}</dt>
                    <dd>{answer.about}</dd>
                </div>
            }
        })
        .collect_view();
    let name = format!("{} {}", operation.method, operation.path);
    view! {
        <article class="surface operation" data-operation=name>
            <h3>
                <code class="method" data-method=operation.method.clone()>
                    {operation.method.clone()}
                </code>
                " "
                <code>{operation.path}</code>
            </h3>
            <p>{with_code(&operation.summary)}</p>
            {operation.body.map(|body| view! { <p>"Body: " <code>{body}</code></p> })}
            {parameters}
            <details class="fold">
                <summary>"Answers"</summary>
                <dl class="facts">{answers}</dl>
            </details>
        </article>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_words() {
        assert_eq!(subject("messages"), "Messages");
        assert_eq!(subject("phone-numbers"), "Phone numbers");
        assert_eq!(subject("api-keys"), "API keys");
    }
}
