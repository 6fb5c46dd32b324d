//! The binary `voxanne`: reads the settings and hands over to a subcommand.

fn main() {}
