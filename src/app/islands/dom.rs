//! Small helpers over the browser's own objects.
//!
//! Islands are never unmounted (every navigation is a page load), so listeners live as long as the
//! page.

use leptos::html::ElementType;
use leptos::prelude::*;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::convert::FromWasmAbi;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::js_sys::{JSON, Reflect};
use web_sys::{
    Element, EventTarget, Headers, ReadableStreamDefaultReader, RequestInit, Response, TextDecodeOptions,
    TextDecoder, UrlSearchParams,
};

/// Runs `start` once the island's element is known, then marks the element as awake.
pub fn when_mounted<E>(root: NodeRef<E>, start: impl FnOnce(Element) + 'static)
where
    E: ElementType + 'static,
    E::Output: JsCast + Clone + 'static,
{
    root.on_load(move |element| {
        let element: Element = element.unchecked_into();
        start(element.clone());
        let _ = element.set_attribute("data-hydrated", "");
    });
}

/// Listens for as long as the page lives.
pub fn listen<E: FromWasmAbi + 'static>(target: &EventTarget, name: &str, handler: impl FnMut(E) + 'static) {
    let closure = Closure::<dyn FnMut(E)>::new(handler);
    let _ = target.add_event_listener_with_callback(name, closure.as_ref().unchecked_ref());
    closure.forget();
}

/// Shows or hides an element.
pub fn set_hidden(element: &Element, hidden: bool) {
    let _ = if hidden { element.set_attribute("hidden", "") } else { element.remove_attribute("hidden") };
}

/// All elements under `root` that a selector finds.
pub fn find_all(root: &Element, selector: &str) -> Vec<Element> {
    let Ok(list) = root.query_selector_all(selector) else { return Vec::new() };
    (0..list.length()).filter_map(|at| list.item(at)?.dyn_into().ok()).collect()
}

/// Goes to another page.
pub fn navigate(href: &str) {
    if let Some(window) = web_sys::window() {
        let _ = window.location().set_href(href);
    }
}

/// The first element under `root` that a selector finds.
pub fn find(root: &Element, selector: &str) -> Option<Element> {
    root.query_selector(selector).ok().flatten()
}

/// A member of an object that came as JSON; undefined where there is none.
pub fn get(value: &JsValue, key: &str) -> JsValue {
    Reflect::get(value, &key.into()).unwrap_or_default()
}

/// The same as text.
pub fn text_of(value: &JsValue, key: &str) -> Option<String> {
    get(value, key).as_string()
}

/// Posts a form and hands on each line of the answer as soon as it is there, read as JSON. `None`:
/// no whole answer came.
pub async fn post_form(action: &str, body: &UrlSearchParams, mut take: impl FnMut(&JsValue)) -> Option<()> {
    let headers = Headers::new().ok()?;
    headers.set("Accept", "application/x-ndjson").ok()?;
    let init = RequestInit::new();
    init.set_method("POST");
    init.set_headers(headers.as_ref());
    init.set_body(body.as_ref());
    let promise = web_sys::window()?.fetch_with_str_and_init(action, &init);
    let response: Response = JsFuture::from(promise).await.ok()?.dyn_into().ok()?;
    let reader: ReadableStreamDefaultReader = response.body()?.get_reader().unchecked_into();
    let decoder = TextDecoder::new().ok()?;
    // A chunk may end within a character.
    let unfinished = TextDecodeOptions::new();
    unfinished.set_stream(true);
    let mut rest = String::new();
    loop {
        let chunk = JsFuture::from(reader.read()).await.ok()?;
        let Ok(bytes) = get(&chunk, "value").dyn_into() else { break };
        rest.push_str(&decoder.decode_with_buffer_source_and_options(&bytes, &unfinished).ok()?);
        while let Some(end) = rest.find('\n') {
            let line: String = rest.drain(..=end).collect();
            hand_on(&line, &mut take);
        }
    }
    hand_on(&rest, &mut take);
    Some(())
}

/// What is no JSON is no line of ours: the end says that no answer came.
fn hand_on(line: &str, take: &mut impl FnMut(&JsValue)) {
    if let Ok(value) = JSON::parse(line) {
        take(&value);
    }
}

/// Reads this page again, for the clinic that it was opened for. `None` where it is not to be had: the
/// server is away, the session has ended, or it is in another clinic.
pub async fn read_page(org: &str) -> Option<String> {
    let window = web_sys::window()?;
    let location = window.location();
    let query = UrlSearchParams::new_with_str(&location.search().ok()?).ok()?;
    // A message that was told is not told again, and what somebody has opened, which is recorded each
    // time, is not opened again by the page itself.
    for asked_once in ["said", "open", "payload", "bodies"] {
        query.delete(asked_once);
    }
    let text = String::from(query.to_string());
    let path = location.pathname().ok()?;
    let address = if text.is_empty() { path } else { format!("{path}?{text}") };
    let headers = Headers::new().ok()?;
    headers.set("Accept", "text/html").ok()?;
    headers.set("X-Organization", org).ok()?;
    let init = RequestInit::new();
    init.set_headers(headers.as_ref());
    let promise = window.fetch_with_str_and_init(&address, &init);
    let response: Response = JsFuture::from(promise).await.ok()?.dyn_into().ok()?;
    if !response.ok() || response.redirected() {
        return None;
    }
    JsFuture::from(response.text().ok()?).await.ok()?.as_string()
}
