//! Tells cargo that the migrations are compiled into the program: without this line a new file in
//! that folder would not cause a rebuild.
#![expect(clippy::print_stdout, reason = "printing is how a build script speaks to cargo")]

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
