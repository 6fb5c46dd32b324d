//! A table that a browser saves. How it is written is in `domain::csv`.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use crate::domain::csv;

/// The answer that a browser saves under that name. The name is a constant of ours. A table that has a next part
/// says so: in its last line for people, and in a header for programs.
pub fn download(name: &'static str, mut table: String, next: Option<String>) -> Response {
    if let Some(next) = &next {
        table += &csv::line(&[format!("This is a part. The next one is at {next}")]);
    }
    let mut response = table.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8; header=present"));
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    if let Some(Ok(value)) = next.map(|next| HeaderValue::from_str(&format!("<{next}>; rel=\"next\""))) {
        headers.insert(header::LINK, value);
    }
    response
}
