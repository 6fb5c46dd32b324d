//! The providers that a clinic brings, and the one HTTP client that reaches them.

pub mod address;
pub mod breaker;
pub mod egress;
mod egress_error;
pub mod lookup;
