//! Puts the server's own HTML in its place. The one home of raw markup in the browser.
//!
//! What arrives here was rendered by `app` and escaped there, came from this page's own address, and
//! is never put together from parts. Text goes through `set_text_content` instead.

use web_sys::{Document, DomParser, Element, SupportedType};

/// Replaces what is inside of an element.
pub fn fill(element: &Element, html: &str) {
    element.set_inner_html(html);
}

/// Replaces an element.
pub fn replace(element: &Element, html: &str) {
    element.set_outer_html(html);
}

/// Fills an element with a copy of the `<template>` beside it that `selector` finds.
pub fn fill_from_template(root: &Element, element: &Element, selector: &str) {
    if let Ok(Some(template)) = root.query_selector(selector) {
        fill(element, &template.inner_html());
    }
}

/// A page that this server drew.
pub fn parse(page: &str) -> Option<Document> {
    // Parsed apart from the document: no script of it runs, no picture of it is loaded.
    DomParser::new().ok()?.parse_from_string(page, SupportedType::TextHtml).ok()
}

/// The inside of the element of a page that a selector finds.
pub fn inner_of(page: &Document, selector: &str) -> Option<String> {
    Some(page.query_selector(selector).ok()??.inner_html())
}
