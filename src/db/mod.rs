//! All SQL: one file per noun.

pub mod embedded;
pub mod migrate;
pub mod pool;
