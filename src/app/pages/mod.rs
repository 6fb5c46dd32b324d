//! One file per page: its view struct and the function that draws it.

pub mod connect_panel;
pub mod integrations;
pub mod login;
