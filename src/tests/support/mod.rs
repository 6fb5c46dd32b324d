//! What the tests share.

pub mod app;
pub mod cluster;
pub mod wire;
