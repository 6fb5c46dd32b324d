//! The pages of events out: from rows to what they show.

pub mod analytics;
pub mod attempts;
pub mod deliveries;
pub mod endpoints;
pub mod told;
