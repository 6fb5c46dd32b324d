//! Bars beside each other's names: what happened how often, or took how long.

use leptos::prelude::*;

use super::scale::Unit;
use super::{DataTable, Frame, Look};

/// One bar.
#[derive(Clone, Debug)]
pub struct Bar {
    pub label: String,
    /// Smaller, below the label.
    pub note: Option<String>,
    /// Where a click on the label leads.
    pub href: Option<String>,
    pub value: f64,
}

/// Everything that a chart of bars shows.
#[derive(Clone, Debug)]
pub struct BarChart {
    pub id: &'static str,
    pub title: &'static str,
    pub summary: String,
    /// Headings of the table: what a bar is, and what its length is.
    pub columns: [&'static str; 2],
    pub unit: Unit,
    pub look: Look,
    /// In the order in which they are shown.
    pub bars: Vec<Bar>,
    /// Said where there are none.
    pub empty: &'static str,
}

/// The chart.
#[component]
pub fn Bars(chart: BarChart) -> impl IntoView {
    let BarChart { id, title, summary, columns, unit, look, bars, empty } = chart;
    let longest = bars.iter().map(|bar| bar.value).fold(0.0, f64::max).max(f64::MIN_POSITIVE);
    let has_notes = bars.iter().any(|bar| bar.note.is_some());
    let table = DataTable {
        columns: columns.into_iter().chain(has_notes.then_some("Note")).collect(),
        rows: bars
            .iter()
            .map(|bar| {
                let note = has_notes.then(|| bar.note.clone().unwrap_or_default());
                [bar.label.clone(), unit.words(bar.value)].into_iter().chain(note).collect()
            })
            .collect(),
    };
    let is_empty = bars.is_empty();
    let rows = bars
        .into_iter()
        .map(|bar| {
            // What is there is seen, however little it is.
            let length = (bar.value / longest * 100.0).max(0.5);
            let label = match bar.href {
                Some(href) => view! { <a href=href>{bar.label}</a> }.into_any(),
                None => view! { <span>{bar.label}</span> }.into_any(),
            };
            view! {
                <li>
                    <span class="bar-label">
                        {label}
                        {bar.note.map(|note| view! { <span class="second">{note}</span> })}
                    </span>
                    <span class="bar-value numbers">{unit.words(bar.value)}</span>
                    <svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true" focusable="false">
                        <rect class="chart-track" width="100" height="8"></rect>
                        <rect class="chart-bar" width=format!("{length:.1}") height="8"></rect>
                    </svg>
                </li>
            }
        })
        .collect_view();
    view! {
        <Frame id title summary empty=is_empty.then_some(empty) table>
            <ul class=format!("chart-bars {}", look.class())>{rows}</ul>
        </Frame>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_bar_is_full_and_the_shortest_is_seen() {
        let bar = |label: &str, value| Bar { label: label.to_owned(), note: None, href: None, value };
        let chart = BarChart {
            id: "causes",
            title: "Errors by cause",
            summary: String::new(),
            columns: ["Cause", "Tries"],
            unit: Unit::Count,
            look: Look::Broken,
            bars: vec![bar("timeout", 4_000.0), bar("<i>", 1.0)],
            empty: "No errors.",
        };
        let html = Owner::new().with(|| view! { <Bars chart /> }.to_html());
        assert!(html.contains("width=\"100.0\"") && html.contains("width=\"0.5\""), "{html}");
        assert!(html.contains("&lt;i&gt;") && !html.contains("style="), "{html}");
    }
}
