//! The pages of events out: endpoints, what was delivered to them, and the numbers about it.
//!
//! One file per page; what more than one of them says is in `words` and `range`.

pub mod analytics;
pub mod attempts;
pub mod deliveries;
pub mod delivery;
pub mod endpoint;
pub mod endpoints;
pub mod form;
pub mod range;
pub mod told;
pub mod words;
