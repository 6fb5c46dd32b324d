//! Keeps a page true while it is open: hears of changes and puts the server's new lists in place.
//!
//! The page is read again from its own address, for the clinic that it was opened for, and only the
//! elements `[data-live-body]` are taken from it, each by its name. It is read at once; what changes
//! meanwhile is read when that reading is done. Focus, scroll and open details stay. A hidden tab hears
//! nothing and catches up when it is looked at; so does one in which nobody has done anything for half an
//! hour, so that an open page does not keep a session alive. Without this island a reload does the same.

use leptos::prelude::*;

/// Wraps each `[data-live-body]` of a page. `topics` are separated by spaces; `org` is the clinic that the
/// page was opened for.
#[island]
pub fn LiveRegion(topics: String, org: String, children: Children) -> impl IntoView {
    let root = NodeRef::<leptos::html::Div>::new();
    #[cfg(feature = "hydrate")]
    {
        let (topics, org) = (topics.clone(), org.clone());
        super::dom::when_mounted(root, move |root| browser::start(root, &topics, org));
    }
    view! {
        <div class="live-region" data-live=topics data-org=org node_ref=root>
            {children()}
        </div>
    }
}

#[cfg(feature = "hydrate")]
mod browser {
    use std::cell::{Cell, RefCell};
    use std::rc::Rc;
    use std::time::Duration;

    use leptos::prelude::set_interval;
    use leptos::task::spawn_local;
    use wasm_bindgen::JsCast;
    use web_sys::js_sys::JSON;
    use web_sys::{Element, Event, EventSource, HtmlElement, MessageEvent};

    use crate::app::islands::dom::{self, find, find_all, listen};
    use crate::app::islands::fragment;

    const STREAM: &str = "/api/live";
    /// Without a hand on the page for this long, it stands still.
    const UNATTENDED_MS: f64 = 30.0 * 60.0 * 1000.0;

    struct Region {
        root: Element,
        topics: Vec<String>,
        org: String,
        source: RefCell<Option<EventSource>>,
        /// A reading is under way.
        is_reading: Cell<bool>,
        /// Something changed while it was.
        is_stale: Cell<bool>,
        /// When somebody last did something here.
        touched: Cell<f64>,
        /// What was put in place last, in the order of the bodies.
        shown: RefCell<Vec<String>>,
    }

    pub fn start(root: Element, topics: &str, org: String) {
        let region = Rc::new(Region {
            root,
            topics: topics.split_whitespace().map(str::to_owned).collect(),
            org,
            source: RefCell::default(),
            is_reading: Cell::new(false),
            is_stale: Cell::new(false),
            touched: Cell::new(now()),
            shown: RefCell::default(),
        });
        let Some(window) = web_sys::window() else { return };
        let Some(document) = window.document() else { return };
        let seen = Rc::clone(&region);
        listen(&document, "visibilitychange", move |_: Event| look(&seen, true));
        for name in ["pointerdown", "keydown", "scroll"] {
            let touched = Rc::clone(&region);
            listen(&window, name, move |_: Event| {
                touched.touched.set(now());
                look(&touched, true);
            });
        }
        let idle = Rc::clone(&region);
        set_interval(move || look(&idle, false), Duration::from_secs(60));
        look(&region, false);
    }

    fn now() -> f64 {
        web_sys::window().and_then(|window| window.performance()).map_or(0.0, |performance| performance.now())
    }

    fn is_hidden() -> bool {
        web_sys::window().and_then(|window| window.document()).is_some_and(|document| document.hidden())
    }

    /// Listens while somebody is there, and not otherwise. Who comes back reads at once.
    fn look(region: &Rc<Region>, catch_up: bool) {
        let is_there = !is_hidden() && now() - region.touched.get() < UNATTENDED_MS;
        let is_listening = region.source.borrow().is_some();
        if is_there && !is_listening {
            open(region);
            if catch_up {
                read_again(region);
            }
        } else if !is_there
            && is_listening
            && let Some(source) = region.source.take()
        {
            source.close();
        }
    }

    fn open(region: &Rc<Region>) {
        let Ok(source) = EventSource::new(STREAM) else { return };
        let told = Rc::clone(region);
        listen(&source, "change", move |event: MessageEvent| {
            let text = event.data().as_string().unwrap_or_default();
            if told.topics.iter().any(|topic| is_named(&text, topic)) {
                read_again(&told);
            }
        });
        // It may have been away: what changed meanwhile is read now. The first time it is not.
        let heard = Rc::clone(region);
        let is_first = Cell::new(true);
        listen(&source, "hello", move |event: MessageEvent| {
            let says = JSON::parse(&event.data().as_string().unwrap_or_default()).unwrap_or_default();
            let is_ours = dom::text_of(&says, "organization").is_some_and(|org| org == heard.org);
            if !is_ours {
                // The session is in another clinic now: this page stands still, as it was.
                if let Some(source) = heard.source.take() {
                    source.close();
                }
            } else if !is_first.replace(false) {
                read_again(&heard);
            }
        });
        region.source.replace(Some(source));
    }

    fn is_named(text: &str, topic: &str) -> bool {
        text.contains(&format!("\"{topic}\""))
    }

    fn read_again(region: &Rc<Region>) {
        region.is_stale.set(true);
        if region.is_reading.replace(true) {
            return;
        }
        let region = Rc::clone(region);
        spawn_local(async move {
            while region.is_stale.replace(false) {
                read(&region).await;
            }
            region.is_reading.set(false);
        });
    }

    async fn read(region: &Region) {
        let Some(page) = dom::read_page(&region.org).await else { return };
        let Some(page) = fragment::parse(&page) else { return };
        let mut shown = region.shown.borrow_mut();
        for (at, body) in find_all(&region.root, "[data-live-body]").iter().enumerate() {
            let name = body.get_attribute("data-live-body").unwrap_or_default();
            let Some(new) = fragment::inner_of(&page, &format!("[data-live-body=\"{name}\"]")) else {
                continue;
            };
            if shown.len() <= at {
                shown.push(String::new());
            }
            // Twice the same is no change: whoever selects text keeps it.
            if shown[at] == new {
                continue;
            }
            let kept = Kept::of(body);
            fragment::fill(body, &new);
            kept.restore(body);
            shown[at] = new;
        }
    }

    /// What a reader has done to a list, by the ids of its rows.
    struct Kept {
        open: Vec<String>,
        focus: Option<(String, Option<String>)>,
        left: i32,
    }

    impl Kept {
        fn of(body: &Element) -> Self {
            let open = find_all(body, "details[open]").iter().filter_map(row_of).collect();
            let active = web_sys::window().and_then(|window| window.document()?.active_element());
            let focus = active.filter(|active| body.contains(Some(active))).and_then(|active| {
                let name = active.get_attribute("href").or_else(|| active.get_attribute("id"));
                Some((row_of(&active)?, name.or_else(|| Some(active.tag_name()))))
            });
            let left = find(body, ".table-frame").map_or(0, |frame| frame.scroll_left());
            Self { open, focus, left }
        }

        fn restore(self, body: &Element) {
            for row in self.open {
                if let Some(details) = row_in(body, &row).and_then(|row| find(&row, "details")) {
                    let _ = details.set_attribute("open", "");
                }
            }
            if let Some(frame) = find(body, ".table-frame") {
                frame.set_scroll_left(self.left);
            }
            let Some((row, name)) = self.focus else { return };
            let Some(row) = row_in(body, &row) else { return };
            let found = find_all(&row, "a[href], button, summary, [tabindex]").into_iter().find(|element| {
                let own = element.get_attribute("href").or_else(|| element.get_attribute("id"));
                own.or_else(|| Some(element.tag_name())) == name
            });
            if let Some(element) = found.and_then(|element| element.dyn_into::<HtmlElement>().ok()) {
                let options = web_sys::FocusOptions::new();
                options.set_prevent_scroll(true);
                let _ = element.focus_with_options(&options);
            }
        }
    }

    /// The id of the row that an element stands in.
    fn row_of(element: &Element) -> Option<String> {
        element.closest("[id]").ok().flatten().map(|row| row.id()).filter(|id| !id.is_empty())
    }

    fn row_in(body: &Element, id: &str) -> Option<Element> {
        find_all(body, "[id]").into_iter().find(|element| element.id() == id)
    }
}
