//! The interface: pages, components, islands and actions.

/// Wakes the islands.
#[cfg(feature = "hydrate")]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_islands();
}
