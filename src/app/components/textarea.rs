//! The elements whose text a browser reads in its own way: `<textarea>` and `<title>`.
//!
//! The framework writes the children of a textarea as they are, so a value with `</textarea>` in it
//! would end the element and begin markup. Both are escaped here and written nowhere else.

use leptos::prelude::*;

/// Escapes text for an element whose content is text and entities only.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            other => out.push(other),
        }
    }
    out
}

/// A text field of several lines.
#[component]
pub fn Textarea(
    id: String,
    name: &'static str,
    value: String,
    #[prop(default = 4)] rows: u32,
    #[prop(default = 20_000)] max_length: u32,
    #[prop(optional)] required: bool,
    #[prop(optional)] disabled: bool,
    #[prop(optional_no_strip)] described_by: Option<String>,
    #[prop(optional)] invalid: bool,
) -> impl IntoView {
    // A parser drops one line break right after the start tag; this one is for it.
    let text = format!("\n{}", escape(&value));
    view! {
        <textarea
            class="input"
            id=id
            name=name
            rows=rows.to_string()
            maxlength=max_length.to_string()
            required=required
            disabled=disabled
            aria-describedby=described_by
            aria-invalid=invalid.then_some("true")
            inner_html=text
        ></textarea>
    }
}

/// The title of the document.
#[component]
pub fn PageTitle(text: String) -> impl IntoView {
    view! { <title inner_html=escape(&text)></title> }
}

/// What a browser shows beside the pointer while it is over a part of a drawing.
#[component]
pub fn Tip(text: String) -> impl IntoView {
    view! { <title inner_html=escape(&text)></title> }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_leave_a_textarea() {
        let evil = "</textarea><script>alert(1)</script>&".to_owned();
        let html =
            Owner::new().with(|| view! { <Textarea id="a".to_owned() name="a" value=evil /> }.to_html());
        assert!(!html.contains("<script"), "{html}");
        assert_eq!(html.matches("</textarea>").count(), 1);
        assert!(html.contains("&lt;/textarea&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;"));
    }

    #[test]
    fn text_cannot_leave_a_title() {
        let html = Owner::new()
            .with(|| view! { <PageTitle text="</title><script>alert(1)</script>".to_owned() /> }.to_html());
        assert_eq!(html, "<title>&lt;/title&gt;&lt;script&gt;alert(1)&lt;/script&gt;</title>");
    }

    #[test]
    fn a_leading_line_break_is_kept() {
        let html = Owner::new()
            .with(|| view! { <Textarea id="a".to_owned() name="a" value="\nb".to_owned() /> }.to_html());
        assert!(html.contains(">\n\nb</textarea>"), "{html}");
    }
}
