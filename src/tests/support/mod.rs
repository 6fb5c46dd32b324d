//! What the tests share.

mod agreement;
pub mod app;
pub mod canaries;
pub mod cluster;
pub mod consent;
pub mod line;
pub mod mortal;
pub mod outlived;
pub mod pgbouncer;
pub mod process;
pub mod repository;
pub mod state;
pub mod wire;
