//! Nothing: `Cargo.toml` is what counts here.
