//! Puts declarations where the template wants them.
//!
//! A line `@functions zmq_ctx_* zmq_init` is replaced by the functions of those names; likewise
//! `@constants` (and `@hexadecimal`, the same in another notation) and `@types`. Where several
//! patterns fit, the one that says most about the name wins.

use crate::declarations::{Declaration, Kind};
use crate::Outcome;

const WIDTH: usize = 80;

struct Directive<'a> {
    line: usize,
    kind: Kind,
    hexadecimal: bool,
    patterns: Vec<&'a str>,
}

pub fn fill(template: &str, declarations: &[Declaration]) -> Outcome<String> {
    let directives = directives(template)?;
    let mut places: Vec<Vec<(usize, &Declaration)>> = directives.iter().map(|_| vec![]).collect();
    let mut homeless = Vec::new();
    for declaration in declarations {
        match place(declaration, &directives) {
            Some((directive, pattern)) => places[directive].push((pattern, declaration)),
            None => homeless.push(declaration.name.as_str()),
        }
    }
    if !homeless.is_empty() {
        return Err(format!("the template has no place for {}", homeless.join(", ")).into());
    }

    let mut header = String::new();
    let mut filled = directives.iter().zip(&mut places).peekable();
    for (number, line) in template.lines().enumerate() {
        match filled.next_if(|(directive, _)| directive.line == number) {
            None => header.push_str(line),
            Some((directive, found)) => {
                refuse_idle_patterns(directive, found)?;
                found.sort_by_key(|(pattern, _)| *pattern);
                let texts: Vec<_> = found
                    .iter()
                    .map(|(_, found)| show(found, directive))
                    .collect();
                header.push_str(&texts.join("\n"));
            }
        }
        header.push('\n');
    }
    Ok(header)
}

fn directives(template: &str) -> Outcome<Vec<Directive<'_>>> {
    let mut directives = Vec::new();
    for (line, text) in template.lines().enumerate() {
        let Some(text) = text.strip_prefix('@') else {
            continue;
        };
        let mut words = text.split_whitespace();
        let (kind, hexadecimal) = match words.next() {
            Some("constants") => (Kind::Constant, false),
            Some("hexadecimal") => (Kind::Constant, true),
            Some("functions") => (Kind::Function, false),
            Some("types") => (Kind::Type, false),
            _ => return Err(format!("unknown directive in the template: @{text}").into()),
        };
        let patterns = words.collect();
        directives.push(Directive {
            line,
            kind,
            hexadecimal,
            patterns,
        });
    }
    Ok(directives)
}

/// The directive and the pattern in it that fit a declaration best.
fn place(declaration: &Declaration, directives: &[Directive]) -> Option<(usize, usize)> {
    let mut best = None;
    let mut best_fit = 0;
    for (directive_index, directive) in directives.iter().enumerate() {
        if directive.kind != declaration.kind {
            continue;
        }
        for (pattern_index, pattern) in directive.patterns.iter().enumerate() {
            let fit = fit(pattern, &declaration.name);
            if fit > best_fit {
                best = Some((directive_index, pattern_index));
                best_fit = fit;
            }
        }
    }
    best
}

/// How well a pattern fits a name: not at all is 0, the exact name is best.
fn fit(pattern: &str, name: &str) -> usize {
    match pattern.strip_suffix('*') {
        Some(start) if name.starts_with(start) => start.len(),
        None if pattern == name => usize::MAX,
        _ => 0,
    }
}

fn refuse_idle_patterns(directive: &Directive, found: &[(usize, &Declaration)]) -> Outcome<()> {
    for (index, pattern) in directive.patterns.iter().enumerate() {
        if !found.iter().any(|(pattern, _)| *pattern == index) {
            return Err(format!("the sources declare nothing that is {pattern}").into());
        }
    }
    Ok(())
}

fn show(declaration: &Declaration, directive: &Directive) -> String {
    let Declaration {
        kind,
        name,
        text,
        comment,
    } = declaration;
    if *kind == Kind::Constant {
        return match text.parse::<u64>() {
            Ok(value) if directive.hexadecimal => format!("#define {name} {value:#06x}"),
            _ => format!("#define {name} {text}"),
        };
    }
    let text = wrap(text);
    if comment.is_empty() {
        text
    } else {
        format!("\n/* {} */\n{text}", comment.replace('`', ""))
    }
}

/// Breaks a long prototype after commas.
fn wrap(text: &str) -> String {
    if text.len() <= WIDTH || text.contains('\n') {
        return text.to_owned();
    }
    let mut wrapped = String::new();
    let mut column = 0;
    for piece in text.split_inclusive(", ") {
        if column > 0 && column + piece.trim_end().len() > WIDTH {
            wrapped.truncate(wrapped.trim_end().len());
            wrapped.push_str("\n    ");
            column = 4;
        }
        wrapped.push_str(piece);
        column += piece.len();
    }
    wrapped
}
