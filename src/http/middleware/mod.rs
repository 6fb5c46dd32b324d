//! Layers around the routes: bodies that are too long, security headers with a nonce, errors as pages for browsers, and the
//! leaner layer of webhooks.

pub mod body_limit;
pub mod html_errors;
pub mod security_headers;
pub mod webhook_layer;
