//! Tells cargo that the migrations are compiled into the program: without this line a new file in
//! that folder would not cause a rebuild.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
