//! Lines over time, one place on the axis for each hour or day.

use std::fmt::Write;

use leptos::prelude::*;

use super::scale::{Unit, ticks};
use super::{DataTable, Frame, Legend, Look};
use crate::app::components::textarea::Tip;

/// Width of one place and height of the plot, in units of the drawing.
const PLACE: usize = 10;
const HEIGHT: f64 = 100.0;
/// Labels under the axis, at most.
const LABELS: usize = 7;

/// One line.
#[derive(Clone, Debug)]
pub struct Series {
    pub name: &'static str,
    pub look: Look,
    /// One for each place; the line is broken where there is none.
    pub values: Vec<Option<f64>>,
}

/// Everything that a chart of lines shows.
#[derive(Clone, Debug)]
pub struct LineChart {
    pub id: &'static str,
    pub title: &'static str,
    pub summary: String,
    /// What a place is: "Day", "Hour".
    pub place: &'static str,
    /// The places, oldest first.
    pub places: Vec<String>,
    pub unit: Unit,
    pub series: Vec<Series>,
    /// Said where no line has a value.
    pub empty: &'static str,
}

/// The chart.
#[component]
pub fn Lines(chart: LineChart) -> impl IntoView {
    let LineChart { id, title, summary, place, places, unit, series, empty } = chart;
    let highest = series.iter().flat_map(|line| &line.values).flatten().copied().fold(0.0, f64::max);
    let is_empty = places.is_empty() || series.iter().all(|line| line.values.iter().all(Option::is_none));
    let marks = ticks(highest, unit);
    let top = marks.last().copied().unwrap_or(1.0);
    let width = places.len() * PLACE;
    let words: Vec<Vec<String>> = places
        .iter()
        .enumerate()
        .map(|(at, name)| {
            let values = series.iter().map(|line| match line.values.get(at).copied().flatten() {
                Some(value) => unit.words(value),
                None => "none".to_owned(),
            });
            std::iter::once(name.clone()).chain(values).collect()
        })
        .collect();
    let table = DataTable {
        columns: std::iter::once(place).chain(series.iter().map(|line| line.name)).collect(),
        rows: words.clone(),
    };
    let names: Vec<_> = series.iter().map(|line| line.name).collect();
    let areas = words
        .into_iter()
        .enumerate()
        .map(|(at, row)| {
            let mut cells = row.into_iter();
            let mut tip = cells.next().unwrap_or_default();
            for (name, cell) in names.iter().zip(cells) {
                let _ = write!(tip, ", {}: {cell}", name.to_lowercase());
            }
            let said = tip.clone();
            view! {
                <rect
                    class="chart-hit"
                    x=(at * PLACE).to_string()
                    y="0"
                    width=PLACE.to_string()
                    height=HEIGHT.to_string()
                    data-tip=said
                >
                    <Tip text=tip />
                </rect>
            }
        })
        .collect_view();
    let grid = marks
        .iter()
        .map(|mark| {
            let y = y_of(*mark, top);
            view! { <path class="chart-grid" d=format!("M0 {y}H{width}")></path> }
        })
        .collect_view();
    let lines = series
        .iter()
        .map(|line| {
            let Drawn { stroke, dots } = draw(&line.values, top);
            view! {
                <g class=line.look.class()>
                    <path class="chart-line" d=stroke></path>
                    <path class="chart-dots" d=dots></path>
                </g>
            }
        })
        .collect_view();
    let legend = series.iter().map(|line| (line.look, line.name)).collect();
    let y_labels = marks.iter().rev().map(|mark| view! { <span>{unit.words(*mark)}</span> }).collect_view();
    view! {
        <Frame id title summary empty=is_empty.then_some(empty) table>
            <Legend entries=legend />
            <div class="chart-plot">
                <div class="chart-y numbers" aria-hidden="true">
                    {y_labels}
                </div>
                <svg
                    class="chart-lines"
                    viewBox=format!("0 0 {width} {HEIGHT}")
                    preserveAspectRatio="none"
                    role="img"
                    aria-labelledby=format!("{id}-title")
                    aria-describedby=format!("{id}-summary")
                >
                    {grid}
                    {lines}
                    {areas}
                </svg>
                <XLabels labels=places />
            </div>
        </Frame>
    }
}

/// The labels under a plot: a cell for each place, words in some of them.
#[component]
pub(super) fn XLabels(labels: Vec<String>) -> impl IntoView {
    let every = labels.len().div_ceil(LABELS).max(1);
    let cells = labels
        .into_iter()
        .enumerate()
        .map(|(at, label)| {
            let is_shown = at.is_multiple_of(every);
            // On a phone every second one is left out.
            let class =
                if at.is_multiple_of(every * 2) { "chart-x-label" } else { "chart-x-label chart-x-minor" };
            view! { <span>{is_shown.then(|| view! { <span class=class>{label}</span> })}</span> }
        })
        .collect_view();
    view! {
        <div class="chart-x numbers" aria-hidden="true">
            {cells}
        </div>
    }
}

fn y_of(value: f64, top: f64) -> f64 {
    ((HEIGHT - HEIGHT * value / top) * 100.0).round() / 100.0
}

struct Drawn {
    stroke: String,
    /// Values without a neighbour, which no line would show.
    dots: String,
}

fn draw(values: &[Option<f64>], top: f64) -> Drawn {
    let (mut stroke, mut dots) = (String::new(), String::new());
    let value = |at: usize| values.get(at).copied().flatten();
    for at in 0..values.len() {
        let Some(here) = value(at) else { continue };
        let (x, y) = (at * PLACE + PLACE / 2, y_of(here, top));
        let has_left = at.checked_sub(1).and_then(value).is_some();
        let has_right = value(at + 1).is_some();
        let _ = match (has_left, has_right) {
            (false, false) => write!(dots, "M{x} {y}h0"),
            (false, true) => write!(stroke, "M{x} {y}"),
            _ => write!(stroke, "L{x} {y}"),
        };
    }
    Drawn { stroke, dots }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(values: Vec<Option<f64>>) -> LineChart {
        LineChart {
            id: "trend",
            title: "Response time",
            summary: "Half of all tries took 80 ms.".to_owned(),
            place: "Day",
            places: (1..=values.len()).map(|day| format!("{day} <b>")).collect(),
            unit: Unit::Millis,
            series: vec![Series { name: "p50", look: Look::First, values }],
            empty: "Nothing was sent.",
        }
    }

    fn html(chart: LineChart) -> String {
        Owner::new().with(|| view! { <Lines chart /> }.to_html())
    }

    #[test]
    fn a_line_breaks_where_there_is_nothing_and_lonely_values_are_dots() {
        let Drawn { stroke, dots } = draw(&[Some(0.0), Some(50.0), None, Some(100.0), None], 100.0);
        assert_eq!(stroke, "M5 100L15 50");
        assert_eq!(dots, "M35 0h0");
    }

    #[test]
    fn every_number_of_the_picture_stands_in_the_table_too() {
        let html = html(chart(vec![Some(80.0), None, Some(1250.0)]));
        for cell in [
            "<td class=\"numbers\">80 ms</td>",
            "<td class=\"numbers\">none</td>",
            "<td class=\"numbers\">1.25 s</td>",
        ] {
            assert!(html.contains(cell), "{html}");
        }
        assert!(html.contains("role=\"img\"") && html.contains("aria-labelledby=\"trend-title\""), "{html}");
        assert!(!html.contains("<b>") && !html.contains("style="), "{html}");
    }

    #[test]
    fn without_values_a_sentence_stands_in_the_place_of_the_picture() {
        for values in [vec![], vec![None, None]] {
            let html = html(chart(values));
            assert!(html.contains("Nothing was sent.") && !html.contains("<svg"), "{html}");
        }
    }
}
