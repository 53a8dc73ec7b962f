//! Builds anew when a template or a language is added: only files that were there are watched otherwise.

fn main() {
    println!("cargo:rerun-if-changed=../../templates");
}
