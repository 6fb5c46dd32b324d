//! Charts: SVG that the server draws from numbers, each with its words and the same numbers as a table.
//!
//! Pure functions: what is counted, and over which time, is decided elsewhere. A plot stretches with its
//! page, so nothing in it is text; what is read stands around it as HTML and keeps its size. No chart
//! needs a script or an inline style. Lines are in `line`, bars in `bars`, hours of the week in `heat`,
//! the small picture of a row in `spark`, the arithmetic of axes in `scale`.

pub mod bars;
pub mod heat;
pub mod line;
pub mod scale;
pub mod spark;

use leptos::prelude::*;

/// What a line or a bar stands for; decides its colour and, since colour is not enough, its stroke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    Works,
    Broken,
    First,
    Second,
}

impl Look {
    pub const fn class(self) -> &'static str {
        match self {
            Look::Works => "look-works",
            Look::Broken => "look-broken",
            Look::First => "look-first",
            Look::Second => "look-second",
        }
    }
}

/// The same numbers as a chart shows, to be read.
#[derive(Clone, Debug, Default)]
pub struct DataTable {
    pub columns: Vec<&'static str>,
    /// The first cell of a row says what the row is about.
    pub rows: Vec<Vec<String>>,
}

/// The frame of a chart: its title, its meaning in a sentence, the picture and the numbers.
#[component]
pub(super) fn Frame(
    /// Becomes part of ids; one chart of a page has it.
    id: &'static str,
    title: &'static str,
    /// What the picture says, for those who do not see it and for those in a hurry.
    summary: String,
    /// Said instead of a picture where there is nothing to draw.
    empty: Option<&'static str>,
    table: DataTable,
    children: Children,
) -> impl IntoView {
    let (title_id, summary_id) = (format!("{id}-title"), format!("{id}-summary"));
    let body = match empty {
        Some(text) => view! { <p class="chart-empty">{text}</p> }.into_any(),
        None => view! {
            {children()}
            <Numbers title table />
        }
        .into_any(),
    };
    view! {
        <figure class="chart surface" id=id aria-labelledby=title_id.clone()>
            <figcaption>
                <h3 id=title_id.clone()>{title}</h3>
                <p id=summary_id>{summary}</p>
            </figcaption>
            {body}
        </figure>
    }
}

/// The numbers behind a chart, folded away.
#[component]
fn Numbers(title: &'static str, table: DataTable) -> impl IntoView {
    let headings =
        table.columns.into_iter().map(|column| view! { <th scope="col">{column}</th> }).collect_view();
    let rows = table
        .rows
        .into_iter()
        .map(|row| {
            let mut cells = row.into_iter();
            let head = cells.next().unwrap_or_default();
            view! {
                <tr>
                    <th scope="row">{head}</th>
                    {cells.map(|cell| view! { <td class="numbers">{cell}</td> }).collect_view()}
                </tr>
            }
        })
        .collect_view();
    view! {
        <details class="chart-data">
            <summary>
                "Numbers"
                <span class="visually-hidden">{format!(" of {title}")}</span>
            </summary>
            <div class="chart-scroll" role="region" aria-label=format!("Numbers of {title}") tabindex="0">
                <table>
                    <caption class="visually-hidden">{title}</caption>
                    <thead>
                        <tr>{headings}</tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        </details>
    }
}

/// What the lines of a chart mean, and, in browsers with islands, what the pointer is over.
#[component]
fn Legend(entries: Vec<(Look, &'static str)>) -> impl IntoView {
    view! {
        <div class="chart-legend">
            <ul>
                {entries
                    .into_iter()
                    .map(|(look, name)| {
                        view! {
                            <li class=look.class()>
                                <svg viewBox="0 0 24 8" aria-hidden="true" focusable="false">
                                    <path class="chart-line" d="M1 4H23"></path>
                                </svg>
                                <span>{name}</span>
                            </li>
                        }
                    })
                    .collect_view()}
            </ul>
            <p class="chart-readout numbers" data-readout=""></p>
        </div>
    }
}
