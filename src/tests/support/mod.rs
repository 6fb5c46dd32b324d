//! What the tests share.

pub mod app;
pub mod cluster;
pub mod repository;
pub mod state;
pub mod process;
