//! Whole-server tests over real PostgreSQL and real HTTP, one file per area.
#![allow(clippy::unwrap_used)]

mod accounts;
mod assistants;
mod audit_trail;
mod canary;
mod changes;
mod cli_accounts;
mod configuration;
mod connect;
mod cross_site;
mod disconnect;
mod documents;
mod drafts;
mod embedded;
mod headers;
mod isolation_routes;
mod messages;
mod rest;
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
mod tidy;
mod verify;
