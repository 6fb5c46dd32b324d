//! Layers around the routes: security headers with a nonce, and errors as pages for browsers.

pub mod html_errors;
pub mod security_headers;
