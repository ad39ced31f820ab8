//! The methods of a recipe: a table of settings by name.

use std::borrow::Cow;
use std::fmt;

use candlewick_core::component::{Name, Named};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::{AnyLoss, AnyMethod, Methods};

/// The methods besides the loss, in the order of the registry, each on if its table is there:
/// `[methods.shortcut]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MethodSettings(pub Vec<AnyMethod>);

impl MethodSettings {
    /// These methods, and `loss`.
    pub fn methods(&self, loss: &AnyLoss) -> Methods {
        let mut methods = Methods::new();
        for method in &self.0 {
            methods.push(method.clone().boxed());
        }
        methods.with(loss.clone())
    }
}

impl Serialize for MethodSettings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|method| (method.name(), Settings(method))))
    }
}

/// The settings of a method without its name.
struct Settings<'a>(&'a AnyMethod);

impl Serialize for Settings<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize_settings(serializer)
    }
}

impl JsonSchema for MethodSettings {
    fn schema_name() -> Cow<'static, str> {
        "MethodSettings".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        // The registry has one table per method, and here they stand beside each other.
        let registry = AnyMethod::json_schema(generator);
        let mut properties = serde_json::Map::new();
        for one in registry.get("oneOf").and_then(Value::as_array).into_iter().flatten() {
            for (name, settings) in one["properties"].as_object().into_iter().flatten() {
                properties.insert(name.clone(), settings.clone());
            }
        }
        json_schema!({ "type": "object", "properties": properties, "additionalProperties": false })
    }
}

impl<'de> Deserialize<'de> for MethodSettings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Tables)
    }
}

/// Reads a table of settings by name.
struct Tables;

impl<'de> Visitor<'de> for Tables {
    type Value = MethodSettings;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table of methods")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut tables: A) -> Result<MethodSettings, A::Error> {
        let mut methods: Vec<AnyMethod> = Vec::new();
        while let Some(name) = tables.next_key_seed(Name::<AnyMethod>::default())? {
            methods.push(tables.next_value_seed(Named::new(&name))?);
        }
        let place = |name| AnyMethod::NAMES.iter().position(|&known| known == name);
        methods.sort_by_key(|method| {
            (place(method.name()).unwrap_or(AnyMethod::NAMES.len()), method.name())
        });
        Ok(MethodSettings(methods))
    }
}
