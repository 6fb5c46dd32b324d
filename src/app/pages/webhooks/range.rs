//! The range of days that numbers are about: a row of links, and two dates for any other range.

use leptos::prelude::*;

use crate::app::components::button::Submit;
use crate::app::icons::{Icon, IconName};

/// The ranges that one click chooses: word of the address and label.
pub const RANGES: [(&str, &str); 4] =
    [("today", "Today"), ("7d", "7 days"), ("30d", "30 days"), ("90d", "90 days")];

/// What the row shows.
#[derive(Clone, Debug, Default)]
pub struct RangeView {
    /// The page itself.
    pub action: &'static str,
    /// What else the address says: name and value.
    pub keep: Vec<(&'static str, String)>,
    /// A word of [`RANGES`], or `custom`.
    pub chosen: String,
    /// First and last day, `2026-02-03`.
    pub from: String,
    pub to: String,
    /// "Europe/Berlin".
    pub time_zone: String,
    pub error: Option<String>,
}

impl RangeView {
    /// The address of the page with this range.
    fn href(&self, word: &str) -> String {
        let mut href = format!("{}?range={word}", self.action);
        for (key, value) in &self.keep {
            href.push_str(&format!("&{key}={value}"));
        }
        href
    }

    /// What the chosen days are called in a sentence: "today", "the last 7 days".
    pub fn words(&self) -> String {
        match RANGES.iter().find(|(word, _)| *word == self.chosen) {
            Some(("today", _)) => "today".to_owned(),
            Some((_, label)) => format!("the last {label}"),
            None => format!("{} to {}", self.from, self.to),
        }
    }
}

/// The row.
#[component]
pub fn RangeRow(range: RangeView) -> impl IntoView {
    let links = RANGES
        .iter()
        .map(|(word, label)| {
            let current = (range.chosen == *word).then_some("true");
            view! {
                <li>
                    <a class="count" href=range.href(word) aria-current=current>
                        {*label}
                    </a>
                </li>
            }
        })
        .collect_view();
    let kept = range
        .keep
        .iter()
        .map(|(key, value)| view! { <input type="hidden" name=*key value=value.clone() /> })
        .collect_view();
    let is_wrong = range.error.is_some();
    let invalid = is_wrong.then_some("true");
    view! {
        <div class="range">
            <nav class="strip" aria-label="Range of days">
                <ul>{links}</ul>
            </nav>
            <form class="range-form" method="get" action=range.action>
                <input type="hidden" name="range" value="custom" />
                {kept}
                <label for="range-from">"From"</label>
                <input
                    class="input"
                    id="range-from"
                    type="date"
                    name="from"
                    value=range.from
                    required=true
                    aria-invalid=invalid
                    aria-describedby="range-error"
                />
                <label for="range-to">"to"</label>
                <input
                    class="input"
                    id="range-to"
                    type="date"
                    name="to"
                    value=range.to
                    required=true
                    aria-invalid=invalid
                    aria-describedby="range-error"
                />
                <Submit label="Show" />
            </form>
            <p class="field-error" id="range-error" hidden=!is_wrong>
                <Icon name=IconName::Alert />
                <span>{range.error.unwrap_or_default()}</span>
            </p>
            <p class="range-zone">{format!("Days and hours in {}.", range.time_zone)}</p>
        </div>
    }
}
