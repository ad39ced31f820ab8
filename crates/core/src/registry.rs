//! The registry macro: one line per component, from which names, recipes and laws follow.

/// Declares the components of a kind: an enum with one variant per component, the variant being
/// the component's settings.
///
/// The enum reads from and writes to recipes as an externally tagged table
/// (`[surrogate.triangle]`), knows all names and defaults, and dereferences to the trait of the
/// kind, so that a law can loop over `all`.
///
/// ```
/// # use candlewick_core::registry;
/// # pub trait Shape: std::fmt::Debug { fn corners(&self) -> u32; }
/// # #[derive(Clone, Debug, Default, PartialEq)]
/// # #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
/// # pub struct Square {}
/// # impl Shape for Square { fn corners(&self) -> u32 { 4 } }
/// registry! {
///     /// A shape by name.
///     pub enum AnyShape: dyn Shape, kind "shape" {
///         /// Four equal sides.
///         Square = "square" | "box",
///     }
/// }
/// assert_eq!(AnyShape::named("box").unwrap().corners(), 4);
/// assert_eq!(AnyShape::NAMES, ["square"]);
/// let shapes: Vec<Box<dyn Shape>> = AnyShape::all().into_iter().map(AnyShape::boxed).collect();
/// assert_eq!(shapes[0].corners(), 4);
/// ```
///
/// With `, Own` behind the kind, the enum has a further variant of that name for what a program registers by
/// `AnyShape::register`, whose settings must serialize to a table.
#[macro_export]
macro_rules! registry {
    (
        $(#[$doc:meta])*
        pub enum $enum:ident: dyn $trait:path, kind $kind:literal $(, $open:ident)? {
            $( #[doc = $text:literal] $component:ident = $name:literal $(| $alias:literal)* ),+ $(,)?
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, ::serde::Serialize)]
        pub enum $enum {
            $( #[doc = $text] #[serde(rename = $name)] $component($component), )+
            $(
                /// One that the program registered.
                #[serde(untagged)]
                $open($crate::own::Own<dyn $trait>),
            )?
        }

        impl<'de> ::serde::Deserialize<'de> for $enum {
            fn deserialize<D: ::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> ::std::result::Result<Self, D::Error> {
                $crate::component::deserialize(deserializer)
            }
        }

        impl $crate::schemars::JsonSchema for $enum {
            fn schema_name() -> ::std::borrow::Cow<'static, str> {
                stringify!($enum).into()
            }

            fn json_schema(
                generator: &mut $crate::schemars::SchemaGenerator,
            ) -> $crate::schemars::Schema {
                $crate::component::schema::<Self>(&[
                    $( ($name, $text, generator.subschema_for::<$component>()) ),+
                ])
            }
        }

        impl $crate::component::Component for $enum {
            const KIND: &'static str = $kind;

            fn check_name(name: &str) -> $crate::Result<()> {
                $(
                    let _: fn(_) -> Self = Self::$open;
                    if <dyn $trait as $crate::own::Open>::registered().names().contains(&name) {
                        return Ok(());
                    }
                )?
                Self::named(name).map(drop)
            }

            fn deserialize_named<'de, D: ::serde::Deserializer<'de>>(
                name: &str,
                deserializer: D,
            ) -> ::std::result::Result<Self, D::Error> {
                match name {
                    $( $name $(| $alias)* => {
                        <$component as ::serde::Deserialize>::deserialize(deserializer)
                            .map(Self::$component)
                    } )+
                    _ => {
                        $(
                            if let Some(own) = $crate::own::Own::<dyn $trait>::read(name, deserializer) {
                                return own.map(Self::$open);
                            }
                        )?
                        Self::named(name).map_err(::serde::de::Error::custom)
                    }
                }
            }
        }

        impl $enum {
            /// The registered names, in their order.
            pub const NAMES: &'static [&'static str] = &[$($name),+];

            /// What each registered name is, in one line.
            pub const SUMMARIES: &'static [&'static str] = &[$($text),+];

            /// Every registered component with its defaults.
            pub fn all() -> ::std::vec::Vec<Self> {
                ::std::vec![$( Self::$component($component::default()) ),+]
            }

            /// The component of that name, or of a synonym, with its defaults.
            pub fn named(name: &str) -> $crate::Result<Self> {
                match name {
                    $( $name $(| $alias)* => Ok(Self::$component($component::default())), )+
                    _ => {
                        let known = Self::NAMES.to_vec();
                        $(
                            if let Some(own) = $crate::own::Own::<dyn $trait>::named(name) {
                                return own.map(Self::$open).map_err(|error| $crate::Error::Setting {
                                    field: name.into(),
                                    expected: "settings that all have defaults".into(),
                                    got: error.to_string(),
                                });
                            }
                            let own = <dyn $trait as $crate::own::Open>::registered().names();
                            let known = [known, own].concat();
                        )?
                        Err($crate::Error::Unknown {
                            kind: $kind,
                            name: name.into(),
                            known: known.join(", "),
                        })
                    }
                }
            }

            /// The registered name.
            pub fn name(&self) -> &'static str {
                match self {
                    $( Self::$component(_) => $name, )+
                    $( Self::$open(own) => own.name(), )?
                }
            }

            /// The names that other libraries use for it.
            pub fn synonyms(&self) -> &'static [&'static str] {
                match self {
                    $( Self::$component(_) => &[$($alias),*], )+
                    $( Self::$open(_) => &[], )?
                }
            }

            /// The component behind a pointer to its trait.
            pub fn boxed(self) -> ::std::boxed::Box<dyn $trait> {
                match self {
                    $( Self::$component(component) => ::std::boxed::Box::new(component), )+
                    $( Self::$open(own) => own.into_component(), )?
                }
            }

            /// Writes the settings alone, without the name: the value at the key
            /// [`name`](Self::name) in a table of several components.
            ///
            /// # Errors
            /// If the settings cannot be written.
            pub fn serialize_settings<S: ::serde::Serializer>(
                &self,
                serializer: S,
            ) -> ::std::result::Result<S::Ok, S::Error> {
                match self {
                    $( Self::$component(component) => {
                        ::serde::Serialize::serialize(component, serializer)
                    } )+
                    $( Self::$open(own) => {
                        ::serde::Serialize::serialize(own.settings(), serializer)
                    } )?
                }
            }
        }

        impl ::std::ops::Deref for $enum {
            type Target = dyn $trait;

            fn deref(&self) -> &(dyn $trait + 'static) {
                match self {
                    $( Self::$component(component) => component, )+
                    $( Self::$open(own) => own.component(), )?
                }
            }
        }

        $(
            impl $crate::own::Open for dyn $trait {
                fn registered() -> &'static $crate::own::Registered<Self> {
                    static REGISTERED: $crate::own::Registered<dyn $trait> =
                        $crate::own::Registered::new();
                    // The variant exists.
                    let _: fn(_) -> $enum = $enum::$open;
                    &REGISTERED
                }
            }

            impl $enum {
                /// Registers settings of one's own under `name`, so that recipes of this process can name them.
                ///
                /// # Errors
                /// If the name is taken.
                pub fn register<S>(name: &'static str) -> $crate::Result<()>
                where
                    S: $trait + ::serde::Serialize + ::serde::de::DeserializeOwned + 'static,
                {
                    let boxed = |settings: S| -> ::std::boxed::Box<dyn $trait> {
                        ::std::boxed::Box::new(settings)
                    };
                    let _: fn(_) -> Self = Self::$open;
                    <dyn $trait as $crate::own::Open>::registered().add($kind, name, Self::NAMES, boxed)
                }
            }
        )?

        $( impl From<$component> for $enum {
            fn from(component: $component) -> Self { Self::$component(component) }
        } )+
    };
}
