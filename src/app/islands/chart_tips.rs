//! Says in a chart's own line what the pointer or the finger is over.

use leptos::prelude::*;

/// One per page, for all of its charts. Without it a browser shows the same words beside the pointer.
#[island]
pub fn ChartTips() -> impl IntoView {
    let root = NodeRef::<leptos::html::Span>::new();
    #[cfg(feature = "hydrate")]
    super::dom::when_mounted(root, |_| browser::start());
    view! { <span hidden=true data-chart-tips="" node_ref=root></span> }
}

#[cfg(feature = "hydrate")]
mod browser {
    use wasm_bindgen::JsCast;
    use web_sys::{Element, Event};

    use crate::app::islands::dom::{find, find_all, listen};

    pub fn start() {
        let body =
            web_sys::window().and_then(|window| window.document()).and_then(|document| document.body());
        let Some(body) = body else { return };
        for chart in find_all(&body, "figure.chart") {
            let Some(readout) = find(&chart, "[data-readout]") else { continue };
            // The same words twice would only be in the way.
            for tip in find_all(&chart, "[data-tip] > *") {
                tip.remove();
            }
            let said = readout.clone();
            listen(&chart, "pointerover", move |event: Event| {
                let over = event.target().and_then(|target| target.dyn_into::<Element>().ok());
                let tip = over.and_then(|over| over.get_attribute("data-tip")).unwrap_or_default();
                said.set_text_content(Some(&tip));
            });
            listen(&chart, "pointerleave", move |_: Event| readout.set_text_content(None));
        }
    }
}
