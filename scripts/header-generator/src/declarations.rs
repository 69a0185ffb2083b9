//! Takes cbindgen's output apart into single declarations.

use crate::Outcome;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Constant,
    Function,
    Type,
}

#[derive(Debug)]
pub struct Declaration {
    pub kind: Kind,
    pub name: String,
    /// The value of a constant; the text of anything else, on one line where it has no body.
    pub text: String,
    /// First line of the Rust documentation, or nothing.
    pub comment: String,
}

/// All declarations of C, in the order of the sources.
pub fn parse(output: &str) -> Outcome<Vec<Declaration>> {
    let mut declarations = Vec::new();
    let mut comment = String::new();
    let mut statement = String::new();
    for line in output.lines() {
        if let Some(definition) = line.strip_prefix("#define ") {
            let (name, value) = definition.split_once(' ').unwrap_or((definition, ""));
            declarations.push(Declaration {
                kind: Kind::Constant,
                name: name.to_owned(),
                text: value.to_owned(),
                comment: String::new(),
            });
            comment.clear();
        } else if let (true, Some(text)) = (statement.is_empty(), line.strip_prefix("//")) {
            comment = text.trim().to_owned();
        } else if !line.trim().is_empty() {
            // Members of a structure carry comments too.
            let line = line.split("//").next().unwrap_or_default();
            if !line.trim().is_empty() {
                statement.push_str(line);
                statement.push('\n');
            }
            let closed = statement.matches('{').count() == statement.matches('}').count();
            if closed && line.ends_with(';') {
                declarations.push(declaration(&statement, std::mem::take(&mut comment))?);
                statement.clear();
            }
        }
    }
    if !statement.is_empty() {
        return Err(format!("cannot read this declaration:\n{statement}").into());
    }
    // What is not named so is Rust's own affair.
    declarations.retain(|found| found.name.to_lowercase().starts_with("zmq_"));
    let function_types: Vec<String> = declarations.iter().filter_map(function_type).collect();
    for declaration in &mut declarations {
        for name in &function_types {
            name_the_function_not_the_pointer(declaration, name);
        }
    }
    Ok(declarations)
}

fn declaration(statement: &str, comment: String) -> Outcome<Declaration> {
    let one_line = statement.split_whitespace().collect::<Vec<_>>().join(" ");
    // Rust marks the parameters of a function that does not use them yet.
    let one_line = one_line.replace(" _", " ").replace("*_", "*");
    let unnamed = || format!("cannot find the name in {one_line}");
    let (kind, name, text) = if !one_line.starts_with("typedef") {
        let before = one_line.split('(').next().ok_or_else(unnamed)?;
        (Kind::Function, before, one_line.as_str())
    } else if let Some((_, pointer)) = one_line.split_once("(*") {
        let name = pointer.split(')').next().ok_or_else(unnamed)?;
        (Kind::Type, name, one_line.as_str())
    } else {
        (
            Kind::Type,
            one_line.trim_end_matches(';'),
            statement.trim_end(),
        )
    };
    let name = name.rsplit([' ', '*']).next().ok_or_else(unnamed)?;
    Ok(Declaration {
        kind,
        name: name.to_owned(),
        text: text.to_owned(),
        comment,
    })
}

fn function_type(declaration: &Declaration) -> Option<String> {
    let is_one = declaration.kind == Kind::Type && declaration.text.contains("(*");
    is_one.then(|| declaration.name.clone())
}

/// cbindgen knows pointers to functions; in zmq.h the function itself has the name.
fn name_the_function_not_the_pointer(declaration: &mut Declaration, name: &str) {
    declaration.text = if declaration.name == name {
        declaration.text.replace("(*", "(")
    } else {
        declaration
            .text
            .replace(&format!("{name} "), &format!("{name} *"))
    };
}
