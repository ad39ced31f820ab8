//! Components of one's own in a registry: a program registers them by name, and its recipes can name them.

use std::fmt;
use std::sync::{PoisonError, RwLock};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::{Error, Result};

/// A kind of component, `dyn Loss` for one, of which a program may register its own.
pub trait Open: 'static {
    /// What is registered in this process.
    fn registered() -> &'static Registered<Self>;
}

/// Reads settings, and returns them with every default filled in, and the component.
type Make<T> = dyn Fn(&Value) -> serde_json::Result<(Value, Box<T>)> + Send + Sync;

/// A registered name and how its component is made.
struct Entry<T: ?Sized + 'static> {
    name: &'static str,
    make: Box<Make<T>>,
}

/// The components of one's own of a kind, by name.
pub struct Registered<T: ?Sized + 'static>(RwLock<Vec<&'static Entry<T>>>);

impl<T: ?Sized> Registered<T> {
    /// Nothing is registered.
    pub const fn new() -> Self {
        Self(RwLock::new(Vec::new()))
    }

    /// Registers the settings type `S` under `name`; `boxed` makes the component of settings.
    ///
    /// # Errors
    /// If the name is taken.
    pub fn add<S: Serialize + DeserializeOwned>(
        &self,
        kind: &'static str,
        name: &'static str,
        built_in: &[&str],
        boxed: impl Fn(S) -> Box<T> + Send + Sync + 'static,
    ) -> Result<()> {
        let mut entries = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if built_in.contains(&name) || entries.iter().any(|entry| entry.name == name) {
            return Err(Error::Setting {
                field: format!("{kind} `{name}`"),
                expected: "a name that is not taken".into(),
                got: "one that is registered already".into(),
            });
        }
        let make = move |settings: &Value| {
            let settings = S::deserialize(settings)?;
            Ok((serde_json::to_value(&settings)?, boxed(settings)))
        };
        entries.push(Box::leak(Box::new(Entry { name, make: Box::new(make) })));
        Ok(())
    }

    /// The names, in the order of their registration.
    pub fn names(&self) -> Vec<&'static str> {
        let entries = self.0.read().unwrap_or_else(PoisonError::into_inner);
        entries.iter().map(|entry| entry.name).collect()
    }

    fn find(&self, name: &str) -> Option<&'static Entry<T>> {
        let entries = self.0.read().unwrap_or_else(PoisonError::into_inner);
        entries.iter().copied().find(|entry| entry.name == name)
    }
}

impl<T: ?Sized> Default for Registered<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: ?Sized> fmt::Debug for Registered<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Registered").field(&self.names()).finish()
    }
}

/// A registered component of one's own with its settings.
pub struct Own<T: ?Sized + 'static> {
    entry: &'static Entry<T>,
    settings: Value,
    component: Box<T>,
}

impl<T: Open + ?Sized> Own<T> {
    /// The component registered as `name` with its defaults; `None` if that name is not registered.
    ///
    /// # Errors
    /// If a setting has no default.
    pub fn named(name: &str) -> Option<serde_json::Result<Self>> {
        let entry = T::registered().find(name)?;
        Some(Self::new(entry, &Value::Object(serde_json::Map::new())))
    }

    /// Reads the settings of the component registered as `name`; `None` if that name is not registered.
    ///
    /// # Errors
    /// If they are not those of its type.
    pub fn read<'de, D: Deserializer<'de>>(
        name: &str,
        deserializer: D,
    ) -> Option<Result<Self, D::Error>> {
        let entry = T::registered().find(name)?;
        let own = Value::deserialize(deserializer).and_then(|settings| {
            Self::new(entry, &settings)
                .map_err(|error| serde::de::Error::custom(format!("settings of `{name}`: {error}")))
        });
        Some(own)
    }
}

impl<T: ?Sized> Own<T> {
    fn new(entry: &'static Entry<T>, settings: &Value) -> serde_json::Result<Self> {
        let (settings, component) = (entry.make)(settings)?;
        Ok(Self { entry, settings, component })
    }

    /// The name under which it is registered.
    pub fn name(&self) -> &'static str {
        self.entry.name
    }

    /// Its settings.
    pub fn settings(&self) -> &Value {
        &self.settings
    }

    /// The component.
    pub fn component(&self) -> &T {
        &self.component
    }

    /// The component, without name and settings.
    pub fn into_component(self) -> Box<T> {
        self.component
    }
}

impl<T: ?Sized> Clone for Own<T> {
    fn clone(&self) -> Self {
        Self::new(self.entry, &self.settings).expect("settings that were read once are read again")
    }
}

impl<T: ?Sized> PartialEq for Own<T> {
    fn eq(&self, other: &Self) -> bool {
        (self.entry.name, &self.settings) == (other.entry.name, &other.settings)
    }
}

impl<T: ?Sized> fmt::Debug for Own<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple(self.entry.name).field(&self.settings).finish()
    }
}

/// As a table whose key is the name.
impl<T: ?Sized> Serialize for Own<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([(self.entry.name, &self.settings)])
    }
}
