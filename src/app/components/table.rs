//! Tables that scroll inside of their own frame, so that a page never scrolls sideways.

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
                view! { <td></td> }.into_any()
            } else {
                view! { <th scope="col">{column}</th> }.into_any()
            }
        })
        .collect_view();
    view! {
        <div class="table-frame" role="region" aria-label=caption tabindex="0">
            <table>
                <caption class="visually-hidden">{caption}</caption>
                <thead>
                    <tr>{headings}</tr>
                </thead>
                <tbody>{children()}</tbody>
            </table>
        </div>
    }
}
