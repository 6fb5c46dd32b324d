//! Whole-server tests over real PostgreSQL and real HTTP, one file per area.
#![allow(clippy::unwrap_used)]

mod assistants;
mod changes;
mod connect;
mod disconnect;
mod drafts;
mod embedded;
mod isolation_routes;
mod messages;
mod other_account;
mod rest;
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
mod verify;
