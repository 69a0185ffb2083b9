//! Writes `include/zmq.h`: cbindgen turns the Rust declarations into C, and a template says where
//! each of them stands.
//!
//! cbindgen alone cannot group declarations, put some under `ZMQ_BUILD_DRAFT_API`, or know that
//! `zmq_free_fn` is a function and not a pointer to one. The template (`zmq.h.in`) has the fixed
//! parts and names the rest by patterns; a declaration that no pattern names is an error, and so
//! is a pattern without a declaration, so the two cannot drift apart.

mod declarations;
mod template;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

type Outcome<T> = Result<T, Box<dyn Error>>;

const HEADER: &str = "include/zmq.h";
const TEMPLATE: &str = "scripts/header-generator/zmq.h.in";

fn main() -> Outcome<()> {
    let mut arguments = env::args().skip(1);
    let root = PathBuf::from(
        arguments
            .next()
            .ok_or("the project's directory is missing")?,
    );
    let check = match arguments.next().as_deref() {
        None => false,
        Some("--check") => true,
        Some(other) => return Err(format!("unknown argument {other}").into()),
    };

    let declarations = declarations::parse(&c_declarations(&root)?)?;
    let template = fs::read_to_string(root.join(TEMPLATE))?;
    let header = template::fill(&template, &declarations)?;

    let path = root.join(HEADER);
    if !check {
        fs::write(&path, header)?;
    } else if fs::read_to_string(&path)? != header {
        return Err(
            format!("{HEADER} is not what the sources say: run scripts/generate-header").into(),
        );
    }
    Ok(())
}

/// What cbindgen makes of the sources that belong to the C interface.
fn c_declarations(root: &Path) -> Outcome<String> {
    let mut sources = vec![
        root.join("src/error.rs"),
        root.join("src/options/constants.rs"),
    ];
    sources.extend(rust_files(&root.join("src/ffi"))?);
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml"))?;
    let mut builder = cbindgen::Builder::new().with_config(config);
    for source in sources {
        builder = builder.with_src(source);
    }
    let mut text = Vec::new();
    builder.generate()?.write(&mut text);
    Ok(String::from_utf8(text)?)
}

/// Whether cbindgen is to read a file. It follows the `mod` lines of a `mod.rs` by itself, which
/// would show it every function twice.
fn is_source(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("mod.rs")
}

fn rust_files(directory: &Path) -> Outcome<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if is_source(&path) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
