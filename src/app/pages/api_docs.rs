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
        .map(|group| view! { <li><a href=format!("#{}", group.name)>{group.name.clone()}</a></li> })
        .collect_view();
    let groups = groups.into_iter().map(group).collect_view();
    view! {
        <PageHeader
            title="The interface for programs"
            lead="JSON over HTTPS, with an API key of the clinic, a token of a configured issuer, or a browser's session."
        />
        <p>
            "The same for programs, with every member of every body: "
            <a href="/api/openapi.json">"the OpenAPI description"</a>
            ". Errors are problem documents (RFC 9457) with a stable code and a sentence for people."
        </p>
        <nav aria-label="Subjects">
            <ul>{contents}</ul>
        </nav>
        {groups}
    }
}

fn group(group: ApiGroup) -> impl IntoView {
    let id = group.name.clone();
    let title_id = format!("{id}-title");
    let operations = group.operations.into_iter().map(operation).collect_view();
    view! {
        <section id=id aria-labelledby=title_id.clone()>
            <h2 id=title_id.clone()>{group.name}</h2>
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
                    <Cell label="About">{parameter.about}</Cell>
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
        <article data-operation=name.clone()>
            <h3>
                <code>{name.clone()}</code>
            </h3>
            <p>{operation.summary}</p>
            {operation.body.map(|body| view! { <p>"Body: " <code>{body}</code></p> })}
            {parameters}
            <details class="fold">
                <summary>"Answers"</summary>
                <dl class="facts">{answers}</dl>
            </details>
        </article>
    }
}
