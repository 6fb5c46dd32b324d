//! HTTP: every route on one screen (`router`), and before it the one that carries nearly all requests (`front`), extractors that carry what the database said
//! (`extract`), errors mapped in one place (`error`, and `error_sign_in` for who may come in).
//!
//! Handlers are thin: read the request, call a use case or a query, render. What a clinic can do is
//! in `integrations` and `calls`; what a page looks like is in `app`.

pub mod api;
pub mod consent;
pub mod csv;
pub mod error;
mod error_sign_in;
pub mod event_test;
pub mod extract;
pub mod flash;
pub mod forms;
pub mod front;
pub mod listen;
pub mod live;
pub mod middleware;
pub mod moment;
pub mod pages;
pub mod range;
pub mod received;
pub mod router;
pub mod staff;
pub mod webhooks;
pub mod webhooks_resend;
pub mod webhooks_twilio;
pub mod webhooks_whatsapp;
