//! Whole-server tests over real PostgreSQL and real HTTP, one file per area.
#![allow(clippy::unwrap_used)]

mod embedded;
mod inbox;
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
mod tools;
mod webhook_auth;
mod webhook_bodies;
mod webhook_replay;
