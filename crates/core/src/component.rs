//! A component of a registry in a recipe: a table whose one key is its name, `{ tet = { lambda = 0.1 } }`.

use std::fmt;
use std::marker::PhantomData;

use schemars::{Schema, json_schema};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};

/// A component that a registry knows; [`registry!`](crate::registry) implements it.
pub trait Component: Sized {
    /// What it is, such as `loss`.
    const KIND: &'static str;

    /// Checks that there is a component of that name, or synonym.
    ///
    /// # Errors
    /// [`Unknown`](crate::Error::Unknown) if there is none.
    fn check_name(name: &str) -> crate::Result<()>;

    /// Reads the settings of the component of that name, or of a synonym.
    ///
    /// # Errors
    /// If there is no such name, or the settings cannot be read.
    fn deserialize_named<'de, D: Deserializer<'de>>(
        name: &str,
        deserializer: D,
    ) -> Result<Self, D::Error>;
}

/// Reads a key that is the name of a component, so that an unknown one is refused in its own place.
#[derive(Debug)]
pub struct Name<C>(PhantomData<C>);

impl<C> Default for Name<C> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<'de, C: Component> DeserializeSeed<'de> for Name<C> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        let name = String::deserialize(deserializer)?;
        C::check_name(&name).map_err(D::Error::custom)?;
        Ok(name)
    }
}

/// Reads the value at the key `name` as the settings of that component.
#[derive(Debug)]
pub struct Named<'a, C>(&'a str, PhantomData<C>);

impl<'a, C> Named<'a, C> {
    /// The settings of the component `name`.
    pub fn new(name: &'a str) -> Self {
        Self(name, PhantomData)
    }
}

impl<'de, C: Component> DeserializeSeed<'de> for Named<'_, C> {
    type Value = C;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<C, D::Error> {
        C::deserialize_named(self.0, deserializer)
    }
}

/// Reads a table of one component.
///
/// # Errors
/// If there is none in it, or a second one, and as [`Component::deserialize_named`].
pub fn deserialize<'de, C: Component, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<C, D::Error> {
    deserializer.deserialize_map(One(PhantomData))
}

/// The JSON Schema of a table of one component, of components by name with a summary and a schema.
pub fn schema<C: Component>(components: &[(&str, &str, Schema)]) -> Schema {
    let one = |(name, summary, settings): &(&str, &str, Schema)| {
        json_schema!({
            "type": "object",
            "description": summary.trim(),
            "properties": { *name: settings },
            "required": [name],
            "additionalProperties": false,
        })
    };
    let all: Vec<Schema> = components.iter().map(one).collect();
    json_schema!({ "title": C::KIND, "oneOf": all })
}

struct One<C>(PhantomData<C>);

impl<'de, C: Component> Visitor<'de> for One<C> {
    type Value = C;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a table whose key is the name of the {}", C::KIND)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut table: A) -> Result<C, A::Error> {
        let kind = C::KIND;
        let Some(name) = table.next_key_seed(Name::<C>::default())? else {
            return Err(A::Error::custom(format!("expected one {kind}, found none")));
        };
        let component = table.next_value_seed(Named::new(&name))?;
        match table.next_key::<String>()? {
            None => Ok(component),
            Some(second) => {
                Err(A::Error::custom(format!("expected one {kind}, found `{name}` and `{second}`")))
            }
        }
    }
}
