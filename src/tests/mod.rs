//! Whole-server tests over real PostgreSQL and real HTTP, one file per area.
#![allow(clippy::unwrap_used)]

mod accounts;
mod audit_trail;
mod canary;
mod cli_accounts;
mod cross_site;
mod embedded;
mod headers;
mod rotation;
mod sessions;
mod start_up;
mod support;
mod switching;
mod tenancy_catalogue;
mod tenancy_matrix;
mod tenancy_model;
mod tenancy_mutants;
mod tenancy_pool;
mod tenancy_roles;
mod tenancy_rows;
mod thin_line;
