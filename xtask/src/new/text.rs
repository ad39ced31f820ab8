//! The texts of new files and lines.

use anyhow::{Context, Result};

use super::{TO_BE_WRITTEN, camel_case};

/// The docs of a new type.
pub(super) const DOCS: [&str; 5] = [
    "/// To be written: what it is, and its equation.",
    "///",
    "/// To be written: the citation with its equation number.",
    "///",
    "/// To be written: the names that other libraries use for it.",
];

/// The text of `like` under another name, with its opening and the docs of its type replaced by what is
/// to be written.
pub(super) fn component(text: &str, like: &str, name: &str) -> String {
    let mut rest: Vec<&str> = text.lines().skip_while(|line| line.starts_with("//!")).collect();
    let is_type = |line: &&str| {
        let of_type =
            line.strip_prefix("pub struct ").and_then(|rest| rest.strip_prefix(&camel_case(like)));
        of_type.is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
    };
    if let Some(at) = rest.iter().position(is_type) {
        let end =
            rest[..at].iter().rposition(|line| line.starts_with("///")).map_or(0, |at| at + 1);
        let start =
            rest[..end].iter().rposition(|line| !line.starts_with("///")).map_or(0, |at| at + 1);
        // The example shows the copy as well as the original.
        let mut fenced = false;
        let example: Vec<&str> = rest[start..end]
            .iter()
            .copied()
            .filter(|line| {
                let fence = line.starts_with("/// ```");
                fenced ^= fence;
                fenced || fence
            })
            .collect();
        let gap = (!example.is_empty()).then_some("///");
        rest.splice(start..end, DOCS.into_iter().chain(gap).chain(example).collect::<Vec<_>>());
    }
    // In code only the type and strings have the name; a function of the same name belongs to another file.
    let mut fenced = false;
    let renamed = rest.iter().map(|line| {
        let line = renamed_type(line, &camel_case(like), &camel_case(name));
        fenced ^= line.trim_start().starts_with("/// ```");
        let is_prose = !fenced && line.trim_start().starts_with("//");
        if is_prose {
            line.replace(like, &name.replace('_', " "))
        } else {
            quoted(&line, like, name)
        }
    });
    let body: Vec<String> = renamed.collect();
    format!("//! {TO_BE_WRITTEN} what it is, in one sentence.\n{}\n", body.join("\n").trim_end())
}

/// The line with the type `like` called `name`; a type behind a path is another one.
pub(super) fn renamed_type(line: &str, like: &str, name: &str) -> String {
    let mut parts = line.split(like);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out += if out.ends_with("::") { like } else { name };
        out += part;
    }
    out
}

/// The line with `like` replaced by `name` within its string literals.
pub(super) fn quoted(line: &str, like: &str, name: &str) -> String {
    let parts = line.split('"').enumerate().map(|(index, part)| {
        if index % 2 == 1 { part.replace(like, name) } else { part.to_owned() }
    });
    parts.collect::<Vec<_>>().join("\"")
}

/// The public types of a file.
pub(super) fn public_types(text: &str) -> Vec<&str> {
    text.lines()
        .filter_map(|line| {
            line.strip_prefix("pub struct ").or_else(|| line.strip_prefix("pub enum "))
        })
        .filter_map(|rest| rest.split([' ', '(', '<', ';']).next())
        .collect()
}

/// The library with the module and the re-export of its public types, each behind the last of its kind.
pub(super) fn with_module(library: &str, name: &str, file: &str) -> Result<String> {
    let lines: Vec<&str> = library.lines().collect();
    let start = |visible: &str| format!("{visible}mod ");
    let module = (0..lines.len()).rev().find(|&index| {
        let for_tests = index > 0 && lines[index - 1].starts_with("#[cfg(test)]");
        ["", "pub(crate) "].iter().any(|visible| lines[index].starts_with(&start(visible)))
            && !for_tests
    });
    let module = module.context("the library has no module")?;
    let types = public_types(file);
    if types.is_empty() {
        return Ok(with_lines(&lines, &mut [(module, format!("pub(crate) mod {name};"))]));
    }
    let export = lines.iter().rposition(|line| line.starts_with("pub use "));
    let exported = match types[..] {
        [one] => format!("pub use {name}::{one};"),
        ref several => format!("pub use {name}::{{{}}};", several.join(", ")),
    };
    let export = export.context("the library has no re-export")?;
    Ok(with_lines(&lines, &mut [(module, format!("mod {name};")), (export, exported)]))
}

/// The text with a line in the registry, behind the last one.
pub(super) fn registered(text: &str, camel: &str, name: &str, registry: &str) -> Result<String> {
    let lines: Vec<&str> = text.lines().collect();
    let start = format!("    pub enum {registry}:");
    let start = lines.iter().position(|line| line.starts_with(&start));
    let start = start.with_context(|| format!("there is no registry {registry}"))?;
    let length = lines[start..].iter().position(|line| *line == "    }").context("its end")?;
    let line = format!("        /// {TO_BE_WRITTEN} what it is.\n        {camel} = \"{name}\",");
    Ok(with_lines(&lines, &mut [(start + length - 1, line)]))
}

/// The text with lines before the first place that begins with `anchor`.
pub(super) fn inserted(text: &str, anchor: &str, lines: &str) -> Result<String> {
    let place = text.find(anchor).with_context(|| format!("there is no `{anchor}`"))?;
    let (before, after) = text.split_at(place);
    // An anchor that begins with a line break stands at the end of a line.
    match after.strip_prefix('\n') {
        Some(after) => Ok(format!("{before}\n{lines}\n{after}")),
        None => Ok(format!("{before}{lines}\n{after}")),
    }
}

/// The page with another row at the end of the first table behind `heading`.
pub(super) fn row(page: &str, heading: &str, name: &str) -> Result<String> {
    let lines: Vec<&str> = page.lines().collect();
    let heading =
        lines.iter().position(|line| *line == heading).context("the page has no heading")?;
    let first = lines[heading..].iter().position(|line| line.starts_with('|'));
    let first = heading + first.context("the page has no table")?;
    let rows = lines[first..].iter().take_while(|line| line.starts_with('|')).count();
    let cells = lines[first].matches('|').count() - 2;
    let line = format!("| `{name}` |{}", " |".repeat(cells));
    Ok(with_lines(&lines, &mut [(first + rows - 1, line)]))
}

/// The lines with others behind some of them, given by their numbers.
fn with_lines(lines: &[&str], added: &mut [(usize, String)]) -> String {
    added.sort_by_key(|(after, _)| *after);
    let mut out = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        out.push((*line).to_owned());
        out.extend(added.iter().filter(|(after, _)| *after == index).map(|(_, line)| line.clone()));
    }
    out.join("\n") + "\n"
}
