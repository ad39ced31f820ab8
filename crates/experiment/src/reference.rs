//! The keys of recipes as a page: made from the types that read them, with their defaults and docs.

use std::collections::BTreeSet;
use std::fmt::Write;

use schemars::transform::{RecursiveTransform, Transform};
use schemars::{Schema, schema_for};
use serde_json::{Map, Value};

use crate::RawRecipe;

/// The JSON Schema of recipes, by which editors complete and check them.
pub fn schema() -> Schema {
    let mut schema = schema_for!(RawRecipe);
    schema.insert("title".into(), "candlewick recipe".into());
    RecursiveTransform(without_example).transform(&mut schema);
    schema
}

/// Cuts a description before its example, which is in Rust.
fn without_example(schema: &mut Schema) {
    if let Some(Value::String(text)) = schema.get_mut("description") {
        text.truncate(text.find("\n\n```\n").unwrap_or(text.len()));
    }
}

/// Every key of recipes as Markdown: a section per part and component, with type, default and meaning.
pub fn reference() -> String {
    let schema = schema().to_value();
    let definitions = schema["$defs"].as_object().cloned().unwrap_or_default();
    let mut page = Page { definitions, seen: BTreeSet::new(), text: String::new() };
    for (part, of_part) in schema["properties"].as_object().into_iter().flatten() {
        page.part(part, of_part);
    }
    page.text
}

struct Page {
    definitions: Map<String, Value>,
    /// The kinds of components that have their sections.
    seen: BTreeSet<String>,
    text: String,
}

/// A table of components of which one is named, at a path.
type Registry = (String, Value);

impl Page {
    /// The schema behind references and options.
    fn resolve(&self, schema: &Value) -> Value {
        if let Some(name) = schema["$ref"].as_str() {
            let name = name.rsplit('/').next().unwrap_or(name);
            return self.definitions.get(name).cloned().unwrap_or_default();
        }
        // An option is one schema or null.
        match schema["anyOf"].as_array().map(Vec::as_slice) {
            Some([some, null]) if null["type"] == "null" => self.resolve(some),
            _ => schema.clone(),
        }
    }

    fn part(&mut self, part: &str, schema: &Value) {
        let of_type = self.resolve(schema);
        let description = words(schema);
        if let Some(components) = registry(&of_type) {
            let _ = writeln!(self.text, "## `[{part}.NAME]`\n\n{description}\n");
            self.components(part, &components);
        } else if of_type["properties"].is_object() {
            let _ = writeln!(self.text, "## `[{part}]`\n\n{description}\n");
            if part == "methods" {
                let methods = of_type["properties"].as_object().cloned().unwrap_or_default();
                for (name, method) in methods {
                    self.component(
                        &format!("{part}.{name}"),
                        &words(&self.resolve(&method)),
                        &method,
                    );
                }
            } else {
                self.table(part, &of_type);
            }
        } else {
            let _ = writeln!(self.text, "## `{part}`\n\n{description} ({})\n", kind(&of_type));
        }
    }

    /// A section for each component of a registry.
    fn components(&mut self, path: &str, components: &[(String, String, Value)]) {
        for (name, summary, settings) in components {
            self.component(&format!("{path}.{name}"), summary, settings);
        }
    }

    fn component(&mut self, path: &str, summary: &str, settings: &Value) {
        let summary = summary.trim_end_matches('.');
        let of_type = self.resolve(settings);
        let _ = writeln!(self.text, "### `{path}`\n\n{summary}.\n");
        if of_type["properties"].as_object().is_some_and(|properties| !properties.is_empty()) {
            self.table(path, &of_type);
        }
    }

    /// The keys of a table, then the components that they may name.
    fn table(&mut self, path: &str, of_type: &Value) {
        self.text.push_str("| key | type | default | meaning |\n|---|---|---|---|\n");
        let mut registries = Vec::new();
        self.rows("", of_type, &mut registries);
        self.text.push('\n');
        for (below, of_type) in registries {
            // Augmentations may hold augmentations.
            if self.seen.insert(of_type["title"].to_string()) {
                let path = format!("{path}.{below}");
                self.components(&path, &registry(&of_type).unwrap_or_default());
            }
        }
    }

    fn rows(&mut self, prefix: &str, of_type: &Value, registries: &mut Vec<Registry>) {
        let required = of_type["required"].as_array().cloned().unwrap_or_default();
        for (name, schema) in of_type["properties"].as_object().cloned().unwrap_or_default() {
            let path = format!("{prefix}{name}");
            let of_value = self.resolve(&schema);
            let is_list = of_value["type"] == "array" && of_value["items"].is_object();
            let inner = if is_list { self.resolve(&of_value["items"]) } else { of_value.clone() };
            let variants = inner["oneOf"].as_array().cloned().unwrap_or_default();
            let components = registry(&inner);
            let kind = match &components {
                Some(components) => {
                    let names = components.iter().map(|(name, ..)| format!("`{name}`"));
                    format!("one of {}", names.collect::<Vec<_>>().join(", "))
                }
                None if inner["properties"].is_object() => "table".into(),
                None if !variants.is_empty() => {
                    variants.iter().map(form).collect::<Vec<_>>().join(" or ")
                }
                None => kind(&inner),
            };
            let kind = if is_list { format!("list of: {kind}") } else { kind };
            let default = match default(&schema) {
                None if required.iter().any(|required| required == name.as_str()) => {
                    "required".into()
                }
                default => default.unwrap_or_default(),
            };
            // The last sentence says what stands in the column beside it.
            let said = format!(" Default {}.", default.replace('`', ""));
            let mut meaning = words(&schema);
            if let Some(rest) = meaning.strip_suffix(&said) {
                meaning.truncate(rest.len());
            }
            for variant in &variants {
                if components.is_none() && variant["description"].is_string() {
                    let _ = write!(meaning, " {}: {}", form(variant), words(variant));
                }
            }
            let cells = [format!("`{path}`"), kind, default, meaning];
            let cells = cells.map(|cell| cell.replace('|', "\\|"));
            let _ = writeln!(self.text, "| {} |", cells.join(" | "));
            let below = if is_list { format!("{path}[].") } else { format!("{path}.") };
            if components.is_some() {
                registries.push((below.trim_end_matches('.').to_owned(), inner));
            } else if inner["properties"].is_object() {
                self.rows(&below, &inner, registries);
            } else {
                for variant in variants {
                    for (name, settings) in variant["properties"].as_object().into_iter().flatten()
                    {
                        let settings = self.resolve(settings);
                        self.rows(&format!("{below}{name}."), &settings, registries);
                    }
                }
            }
        }
    }
}

/// Name, summary and settings of each component, if this is a table that names one.
fn registry(of_type: &Value) -> Option<Vec<(String, String, Value)>> {
    // The title is the kind, which other types do not have.
    of_type["title"].as_str()?;
    let components = of_type["oneOf"].as_array()?.iter().filter_map(|one| {
        let (name, settings) = one["properties"].as_object()?.iter().next()?;
        Some((name.clone(), words(one), settings.clone()))
    });
    Some(components.collect())
}

/// A value of an enumeration as it is written.
fn form(variant: &Value) -> String {
    match (variant["const"].as_str(), variant["properties"].as_object()) {
        (Some(word), _) => format!("`\"{word}\"`"),
        (None, Some(table)) => {
            let names: Vec<&str> = table.keys().map(String::as_str).collect();
            format!("`{{ {} = … }}`", names.join(", "))
        }
        (None, None) => match variant["enum"].as_array() {
            Some(words) => {
                let words =
                    words.iter().filter_map(Value::as_str).map(|word| format!("`\"{word}\"`"));
                words.collect::<Vec<_>>().join(" or ")
            }
            None => kind(variant),
        },
    }
}

fn kind(of_type: &Value) -> String {
    let named = match &of_type["type"] {
        // An option is of its type or null.
        Value::Array(types) => types.iter().find(|one| *one != "null").cloned().unwrap_or_default(),
        other => other.clone(),
    };
    match named.as_str() {
        Some("integer") => "integer".into(),
        Some("number") => "number".into(),
        Some("boolean") => "`true` or `false`".into(),
        Some("string") if of_type["enum"].is_array() => {
            form(&serde_json::json!({ "enum": of_type["enum"] }))
        }
        Some("string") => "text".into(),
        Some("array") => match of_type["minItems"].as_u64() {
            Some(items) => format!("{items} numbers"),
            None => "list of numbers".into(),
        },
        Some("object") => "table".into(),
        _ => "value".into(),
    }
}

/// The default as it would be written, if it is short.
fn default(schema: &Value) -> Option<String> {
    Some(match schema.get("default")? {
        Value::Null => return None,
        Value::Number(number) if schema["format"] == "float" => {
            let number = number.as_f64()? as f32;
            format!("`{number:?}`")
        }
        Value::Object(table) => match table.iter().next() {
            Some((name, Value::Object(_))) if table.len() == 1 => format!("`{name}`"),
            Some((name, Value::Number(number))) if table.len() == 1 => {
                format!("`{{ {name} = {:?} }}`", number.as_f64()? as f32)
            }
            _ => return None,
        },
        Value::Array(values) if schema["items"]["format"] == "float" => {
            let numbers = values.iter().filter_map(Value::as_f64).map(|number| number as f32);
            format!("`{:?}`", numbers.collect::<Vec<_>>())
        }
        other => format!("`{other}`"),
    })
}

/// The first paragraph of the doc comment in one line, without the links of rustdoc.
fn words(schema: &Value) -> String {
    let text = schema["description"].as_str().unwrap_or_default();
    let text = text.split("\n\n").next().unwrap_or_default();
    let mut text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    // What the colon announces, an equation, is in the reference of the type.
    if text.ends_with(':') {
        text.replace_range(text.len() - 1.., ".");
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(start) = rest.find("[`") {
        plain.push_str(&rest[..start]);
        rest = &rest[start + 1..];
        let end = rest.find("`]").map_or(rest.len(), |end| end + 1);
        plain.push_str(&rest[..end]);
        rest = rest[end..].strip_prefix(']').unwrap_or(&rest[end..]);
        if let Some(target) = rest.strip_prefix('(') {
            rest = target.find(')').map_or("", |end| &target[end + 1..]);
        }
    }
    plain.push_str(rest);
    plain
}
