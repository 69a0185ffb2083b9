//! Gives the shared library the name that programs linked with libzmq look for.
//!
//! Everything else about linking is rustc's: a `cdylib` exports the `#[no_mangle]` functions of
//! `src/ffi` and nothing more (`scripts/check-symbols` proves it).

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let system = env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    for argument in linker_arguments(&system) {
        println!("cargo::rustc-cdylib-link-arg={argument}");
    }
}

/// The interface version is libzmq's, 5 (file version 5.2.5), and no relation of the package's.
fn linker_arguments(system: &str) -> &'static [&'static str] {
    match system {
        "linux" | "android" | "freebsd" | "netbsd" | "openbsd" | "dragonfly" | "illumos"
        | "solaris" => &["-Wl,-soname,libzmq.so.5"],
        "macos" => &[
            "-Wl,-install_name,@rpath/libzmq.5.dylib",
            "-Wl,-compatibility_version,8.0.0",
            "-Wl,-current_version,8.5.0",
        ],
        // Windows has no name apart from the file's own.
        _ => &[],
    }
}
