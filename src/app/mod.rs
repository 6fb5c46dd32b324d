//! The interface: a shell, pages made of components, and a few islands.
//!
//! A page is a pure function from a plain view struct to HTML. It reads no database and knows no
//! request: the handlers in `http` load the view and call [`render`]. Islands only add what a
//! browser alone can do; every link and form works without them.

pub mod icons;
pub mod islands;
pub mod relative;
pub mod wire;

macro_rules! server_only {
    ($($name:ident),+) => {$(
        #[cfg(feature = "ssr")]
        pub mod $name;
    )+};
}

server_only!(components, pages, shell);

#[cfg(feature = "ssr")]
pub use shell::{Assets, Flash, NavItem, Shell, TalkAssets, UserNav, render, render_fragment};

/// Wakes the islands.
#[cfg(feature = "hydrate")]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_islands();
}
