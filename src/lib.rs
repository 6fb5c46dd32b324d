//! The map of the house.
//!
//! Voxanne Integrations lets each clinic bring its own credentials for the services that an AI
//! voice receptionist needs. The browser half of this crate is `domain` and `app` (islands and the
//! stubs of the actions); everything else runs on the server only and is gated here, in one place.
//!
//! How the parts may depend on each other is told by `ARCHITECTURE.md` and held by `tests/tidy.rs`.

pub mod app;
pub mod domain;

macro_rules! server_only {
    ($($(#[$meta:meta])* $name:ident;)+) => {$(
        $(#[$meta])*
        #[cfg(feature = "ssr")]
        pub mod $name;
    )+};
}

server_only! {
    assemble;
    audit;
    auth;
    calls;
    cli;
    clock;
    config;
    db;
    doctor;
    http;
    integrations;
    jobs;
    live;
    providers;
    #[cfg(feature = "sandbox")]
    sandbox;
    state;
    telemetry;
    vault;
    webhooks;
}

/// A webhook is some eighty small allocations that one thread makes and another frees, which is what
/// the system's allocator is slow at: this one takes a tenth off what a webhook costs.
#[cfg(feature = "ssr")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Entry point of the browser half: finds the islands in the page and wakes them.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    app::hydrate();
}
