//! Whole-server tests over real PostgreSQL and real HTTP, one file per area.
#![allow(clippy::unwrap_used)]

mod embedded;
mod rotation;
mod support;
mod tenancy_catalogue;
mod tenancy_matrix;
mod tenancy_model;
mod tenancy_mutants;
mod tenancy_pool;
mod tenancy_roles;
mod tenancy_rows;
mod thin_line;
