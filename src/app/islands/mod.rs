//! What only a browser can add to a page that already works.
//!
//! Each island wraps or sits beside HTML that the server made, and says `data-hydrated` once it is
//! awake. No secret is ever a property: properties are part of the page.

pub mod chart_tips;
pub mod connect_form;
pub mod copy_button;
pub mod dialog;
pub mod dismiss;
pub mod form_help;
pub mod live_region;
pub mod relative_time;

#[cfg(feature = "hydrate")]
mod dom;
#[cfg(feature = "hydrate")]
mod fragment;
