//! The hours of a week as a grid: when most of something happens.

use leptos::prelude::*;

use super::line::XLabels;
use super::scale::count;
use super::{DataTable, Frame};
use crate::app::components::textarea::Tip;

/// Monday first, as calendars of clinics are.
pub const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const HOURS: usize = 24;
/// Shades, the empty one aside.
const SHADES: u64 = 5;

/// One hour of the week.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeatCell {
    pub total: u64,
    pub failed: u64,
}

/// Everything that the grid shows.
#[derive(Clone, Debug)]
pub struct HeatMap {
    pub id: &'static str,
    pub title: &'static str,
    pub summary: String,
    /// By day, Monday first, and hour from 0.
    pub cells: [[HeatCell; HOURS]; 7],
    /// Said where all cells are empty.
    pub empty: &'static str,
}

/// The grid.
#[component]
pub fn Heat(map: HeatMap) -> impl IntoView {
    let HeatMap { id, title, summary, cells, empty } = map;
    let most = cells.iter().flatten().map(|cell| cell.total).max().unwrap_or(0);
    let hour = |at: usize| format!("{at:02}:00");
    let mut rows = Vec::new();
    let mut squares = Vec::with_capacity(7 * HOURS);
    for (day, (name, hours)) in DAYS.iter().zip(&cells).enumerate() {
        for (at, cell) in hours.iter().enumerate() {
            let place = format!("{name} {}", hour(at));
            if cell.total > 0 {
                rows.push(vec![place.clone(), count(cell.total), count(cell.failed)]);
            }
            let tip = format!("{place}: {} tries, {} failed", count(cell.total), count(cell.failed));
            let said = tip.clone();
            let class = format!("heat-cell heat-{}", shade(cell.total, most));
            squares.push(view! {
                <rect
                    class=class
                    x=format!("{}", at * 10)
                    y=format!("{}", day * 10)
                    width="9"
                    height="8.6"
                    data-tip=said
                >
                    <Tip text=tip />
                </rect>
            });
        }
    }
    let table = DataTable { columns: vec!["Hour", "Tries", "Failed"], rows };
    let shades = (0..=SHADES)
        .map(|shade| {
            view! {
                <svg viewBox="0 0 10 10" aria-hidden="true" focusable="false">
                    <rect class=format!("heat-{shade}") width="10" height="10" rx="2"></rect>
                </svg>
            }
        })
        .collect_view();
    view! {
        <Frame id title summary empty=(most == 0).then_some(empty) table>
            <div class="chart-legend">
                <p class="heat-legend">"fewer" {shades} "more"</p>
                <p class="chart-readout numbers" data-readout=""></p>
            </div>
            <div class="chart-plot chart-heat">
                <div class="chart-y" aria-hidden="true">
                    {DAYS.map(|day| view! { <span>{day}</span> }).collect_view()}
                </div>
                <svg
                    viewBox="0 0 239 68.6"
                    preserveAspectRatio="none"
                    role="img"
                    aria-labelledby=format!("{id}-title")
                    aria-describedby=format!("{id}-summary")
                >
                    {squares}
                </svg>
                <XLabels labels=(0..HOURS).map(hour).collect() />
            </div>
        </Frame>
    }
}

/// The shade of a number: by its root, so that one busy hour does not make all others look empty.
fn shade(total: u64, most: u64) -> u64 {
    if total == 0 || most == 0 {
        return 0;
    }
    let share = (total as f64 / most as f64).sqrt();
    ((share * SHADES as f64).ceil() as u64).clamp(1, SHADES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shades_tell_something_from_nothing_and_grow_with_the_number() {
        assert_eq!([shade(0, 9), shade(1, 1_000_000), shade(9, 9), shade(0, 0)], [0, 1, 5, 0]);
        assert!((1..100).all(|at| shade(at, 100) <= shade(at + 1, 100)));
    }

    #[test]
    fn the_grid_has_every_hour_of_the_week_and_the_table_only_those_with_something() {
        let mut cells = [[HeatCell::default(); HOURS]; 7];
        cells[2][14] = HeatCell { total: 12, failed: 3 };
        let map = HeatMap {
            id: "week",
            title: "Hours of the week",
            summary: String::new(),
            cells,
            empty: "Nothing was sent.",
        };
        let html = Owner::new().with(|| view! { <Heat map /> }.to_html());
        assert_eq!(html.matches("heat-cell").count(), 168);
        assert_eq!(html.matches("<tr>").count(), 2, "{html}");
        assert!(html.contains("Wed 14:00: 12 tries, 3 failed"), "{html}");
    }
}
