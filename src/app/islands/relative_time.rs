//! Keeps "4 min ago" true while a page stays open.

use leptos::prelude::*;

/// One per page: updates every `<time data-age>`.
///
/// Ages count on from what the server wrote, so a clock of the browser that is wrong does not
/// matter.
#[island]
pub fn LiveTimes() -> impl IntoView {
    let root = NodeRef::<leptos::html::Span>::new();
    #[cfg(feature = "hydrate")]
    super::dom::when_mounted(root, |_| {
        set_interval(browser::update, std::time::Duration::from_secs(5));
    });
    view! { <span hidden=true data-live-times="" node_ref=root></span> }
}

#[cfg(feature = "hydrate")]
mod browser {
    use crate::app::islands::dom::find_all;
    use crate::app::relative::relative;

    pub fn update() {
        let Some(window) = web_sys::window() else { return };
        let elapsed = window.performance().map_or(0.0, |performance| performance.now());
        let Some(body) = window.document().and_then(|document| document.body()) else { return };
        for time in find_all(&body, "time[data-age]") {
            let age = time.get_attribute("data-age").and_then(|age| age.parse::<i64>().ok());
            if let Some(age) = age {
                // Whole milliseconds since the page was opened: far below what an i64 holds.
                time.set_text_content(Some(&relative(age + elapsed as i64, 0)));
            }
        }
    }
}
