//! Times as people read them: how long ago, with the exact moment one hover away.

use leptos::prelude::*;
use time::OffsetDateTime;
use time::macros::format_description;

use crate::app::relative::{UnixMillis, relative};

/// `2026-02-03T14:05:12Z`. A time outside of the calendar gives an empty text.
fn machine(at: UnixMillis) -> String {
    format_with(at, format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z"))
}

/// `2026-02-03 14:05:12 UTC`.
pub fn exact(at: UnixMillis) -> String {
    format_with(at, format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC"))
}

fn format_with(at: UnixMillis, format: &[time::format_description::BorrowedFormatItem<'_>]) -> String {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at) * 1_000_000)
        .ok()
        .and_then(|moment| moment.format(format).ok())
        .unwrap_or_default()
}

/// "4 min ago", kept current in the browser.
#[component]
pub fn Ago(now: UnixMillis, at: UnixMillis) -> impl IntoView {
    view! {
        <time datetime=machine(at) title=exact(at) data-age=(now - at).max(0).to_string()>
            {relative(now, at)}
        </time>
    }
}

/// The exact moment, for lists that are read line by line.
#[component]
pub fn Moment(at: UnixMillis) -> impl IntoView {
    view! {
        <time class="numbers" datetime=machine(at)>
            {exact(at)}
        </time>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_says_both_how_long_ago_and_when() {
        let at = 1_770_127_512_000;
        let html = Owner::new().with(|| view! { <Ago now=at + 240_000 at /> }.to_html());
        assert!(html.contains(">4 min ago<"), "{html}");
        assert!(html.contains("datetime=\"2026-02-03T14:05:12Z\""), "{html}");
        assert!(html.contains("title=\"2026-02-03 14:05:12 UTC\""), "{html}");
    }

    #[test]
    fn a_time_outside_of_the_calendar_does_not_break_a_page() {
        assert_eq!(exact(i64::MAX), "");
    }
}
