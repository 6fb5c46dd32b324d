//! Tables as CSV (RFC 4180), safe to open in a spreadsheet: no cell is taken for a formula.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

/// A table as text: the heads, then the rows.
pub fn document(heads: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut out = line(heads);
    for row in rows {
        out += &line(&row);
    }
    out
}

fn line<T: AsRef<str>>(cells: &[T]) -> String {
    cells.iter().map(|text| cell(text.as_ref())).collect::<Vec<_>>().join(",") + "\r\n"
}

/// A spreadsheet takes what begins with one of these for a formula; a quote before it makes it a text.
fn cell(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let quote = if is_formula { "'" } else { "" };
    format!("\"{quote}{}\"", text.replace('"', "\"\""))
}

/// The answer that a browser saves under that name. The name is a constant of ours.
pub fn download(name: &'static str, body: String) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8; header=present"));
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_taken_for_a_formula() {
        for (text, expected) in [
            ("plain", "\"plain\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("=1+1", "\"'=1+1\""),
            ("+15550100123", "\"'+15550100123\""),
            ("-2", "\"'-2\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("\tx", "\"'\tx\""),
            ("\rx", "\"'\rx\""),
            ("a=b", "\"a=b\""),
        ] {
            assert_eq!(cell(text), expected);
        }
        let table = document(&["One", "Two"], vec![vec!["a,b".to_owned(), "c\nd".to_owned()]]);
        assert_eq!(table, "\"One\",\"Two\"\r\n\"a,b\",\"c\nd\"\r\n");
    }
}
