//! Says `cfg(loom)` to this package alone, so that nothing that it depends on is built anew for it.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(loom)");
    println!("cargo::rustc-cfg=loom");
    println!("cargo::rerun-if-changed=build.rs");
}
