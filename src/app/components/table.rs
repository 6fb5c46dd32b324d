//! Tables: rows and columns where there is room, and on a phone one block for each row, in which every
//! cell says its column.
//!
//! The roles are written out because some browsers forget them where a style sheet makes blocks of rows
//! and cells.

use leptos::prelude::*;

/// A table with a caption for screen readers.
#[component]
pub fn Table(
    caption: &'static str,
    /// Headings of the columns; an empty one is for the column of buttons.
    columns: Vec<&'static str>,
    children: Children,
) -> impl IntoView {
    let headings = columns
        .into_iter()
        .map(|column| {
            if column.is_empty() {
                view! { <td role="cell"></td> }.into_any()
            } else {
                view! { <th scope="col" role="columnheader">{column}</th> }.into_any()
            }
        })
        .collect_view();
    view! {
        <div class="table-frame" role="region" aria-label=caption tabindex="0">
            <table role="table">
                <caption class="visually-hidden">{caption}</caption>
                <thead role="rowgroup">
                    <tr role="row">{headings}</tr>
                </thead>
                <tbody role="rowgroup">{children()}</tbody>
            </table>
        </div>
    }
}

/// One row.
#[component]
pub fn Row(#[prop(optional)] id: Option<String>, children: Children) -> impl IntoView {
    view! {
        <tr role="row" id=id>
            {children()}
        </tr>
    }
}

/// The cell that says what its row is about.
#[component]
pub fn RowHead(children: Children) -> impl IntoView {
    view! {
        <th scope="row" role="rowheader">
            {children()}
        </th>
    }
}

/// A cell, with the heading of its column; an empty one where the cell speaks for itself.
#[component]
pub fn Cell(label: &'static str, #[prop(optional)] class: &'static str, children: Children) -> impl IntoView {
    view! {
        <td role="cell" class=class data-label=label>
            <div>{children()}</div>
        </td>
    }
}
