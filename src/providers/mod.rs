//! The providers that a clinic brings, and the one HTTP client that reaches them.
