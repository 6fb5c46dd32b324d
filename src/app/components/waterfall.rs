//! The way of an event as a waterfall: a bar for each stage, and the same as a table behind it.
//!
//! Drawn by the server as SVG: no style of an element, no script. A screen reader gets the table.

use leptos::prelude::*;

/// One stage of a way.
#[derive(Clone, Debug)]
pub struct TraceStage {
    /// "verified", "stored", "answered".
    pub name: String,
    /// Microseconds after the request's first byte.
    pub offset_us: u64,
    pub note: Option<String>,
}

/// Width of the picture, in units of its own.
const WIDTH: u64 = 640;
/// Height of one stage.
const LINE: usize = 28;
/// The narrowest bar that can be seen.
const NARROWEST: u64 = 3;

/// The picture and its table.
#[component]
pub fn Waterfall(stages: Vec<TraceStage>) -> AnyView {
    let total = stages.iter().map(|stage| stage.offset_us).max().unwrap_or(0).max(1);
    let height = stages.len() * LINE;
    let mut before = 0;
    let bars = stages
        .iter()
        .enumerate()
        .map(|(at, stage)| {
            let (x, width) = bar(before, stage.offset_us, total);
            before = stage.offset_us.max(before);
            let y = at * LINE;
            view! {
                <g>
                    <rect class="waterfall-track" x="0" y=y + 5 width=WIDTH height="18" rx="4"></rect>
                    <rect class="waterfall-bar" x=x y=y + 5 width=width height="18" rx="4"></rect>
                    <text class="waterfall-name" x="8" y=y + 18>{stage.name.clone()}</text>
                </g>
            }
            .into_any()
        })
        .collect_view();
    let mut before = 0;
    let rows = stages
        .into_iter()
        .map(|stage| {
            let took = stage.offset_us.saturating_sub(before);
            before = stage.offset_us.max(before);
            view! {
                <tr role="row">
                    <th scope="row" role="rowheader">
                        {stage.name}
                        {stage.note.map(|note| view! { <span class="second">{note}</span> })}
                    </th>
                    <td role="cell" class="numbers" data-label="After"><div>{span(stage.offset_us)}</div></td>
                    <td role="cell" class="numbers" data-label="Took"><div>{span(took)}</div></td>
                </tr>
            }
            .into_any()
        })
        .collect_view();
    view! {
        <figure class="waterfall">
            <svg viewBox=format!("0 0 {WIDTH} {height}") aria-hidden="true">
                {bars}
            </svg>
            <figcaption>
                <details open=true>
                    <summary>"Stages as a table"</summary>
                    <div class="table-frame" role="region" aria-label="Stages" tabindex="0">
                        <table role="table" class="table-narrow">
                            <caption class="visually-hidden">"Stages of this event"</caption>
                            <thead role="rowgroup">
                                <tr role="row">
                                    <th scope="col" role="columnheader">"Stage"</th>
                                    <th scope="col" role="columnheader">"After"</th>
                                    <th scope="col" role="columnheader">"Took"</th>
                                </tr>
                            </thead>
                            <tbody role="rowgroup">{rows}</tbody>
                        </table>
                    </div>
                </details>
            </figcaption>
        </figure>
    }
    .into_any()
}

/// Where the bar of a stage begins, and how wide it is.
fn bar(from_us: u64, to_us: u64, total_us: u64) -> (u64, u64) {
    let scale =
        |us: u64| u64::try_from(u128::from(us) * u128::from(WIDTH) / u128::from(total_us)).unwrap_or(WIDTH);
    let x = scale(from_us.min(to_us)).min(WIDTH - NARROWEST);
    let width = scale(to_us).saturating_sub(x).clamp(NARROWEST, WIDTH - x);
    (x, width)
}

/// `340 µs`, `12.4 ms`, `1.30 s`.
pub fn span(microseconds: u64) -> String {
    match microseconds {
        0..=999 => format!("{microseconds} µs"),
        1_000..=999_999 => format!("{}.{} ms", microseconds / 1_000, microseconds % 1_000 / 100),
        _ => format!("{}.{:02} s", microseconds / 1_000_000, microseconds % 1_000_000 / 10_000),
    }
}

#[cfg(test)]
mod tests {
    use super::{WIDTH, bar, span};

    #[test]
    fn spans_are_read_in_their_own_unit() {
        assert_eq!(span(340), "340 µs");
        assert_eq!(span(12_449), "12.4 ms");
        assert_eq!(span(1_304_000), "1.30 s");
    }

    #[test]
    fn bars_stay_in_the_picture_and_can_be_seen() {
        for (from, to, total) in
            [(0, 0, 1), (0, 1, 1_000_000), (999_999, 1_000_000, 1_000_000), (5, 3, u64::MAX)]
        {
            let (x, width) = bar(from, to, total);
            assert!(x + width <= WIDTH && width >= 3, "{from} {to} {total}: {x} {width}");
        }
        assert_eq!(bar(0, 500, 1_000), (0, WIDTH / 2));
    }
}
