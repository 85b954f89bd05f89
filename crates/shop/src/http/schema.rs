//! JSON schemas of what comes in (`input!`, `query!`) and goes out (`utoipa::ToSchema`), under one roof.

use serde_json::{Map, Value, json};
use utoipa::openapi::{RefOr, schema::Schema};
use utoipa::{PartialSchema, ToSchema};

use super::extract::Field;

/// The named schemas of the document.
#[derive(Default)]
pub struct Schemas(Map<String, Value>);

impl Schemas {
    /// A reference to the object schema `name`, which `describe` makes the first time.
    pub fn object(
        &mut self,
        name: &str,
        doc: &str,
        describe: impl FnOnce(&mut Object<'_>),
    ) -> Value {
        if !self.0.contains_key(name) {
            // Holds the place, so that a type may refer to itself.
            self.0.insert(name.to_owned(), Value::Null);
            let mut object = Object {
                schemas: self,
                properties: Map::new(),
                required: Vec::new(),
                is_closed: false,
            };
            describe(&mut object);
            let (properties, required, is_closed) =
                (object.properties, object.required, object.is_closed);
            let mut schema = json!({"type": "object", "properties": properties});
            put_text(&mut schema, doc);
            if !required.is_empty() {
                schema["required"] = required.into();
            }
            if is_closed {
                schema["additionalProperties"] = false.into();
            }
            self.0.insert(name.to_owned(), schema);
        }
        reference(name)
    }

    /// A reference to an output type.
    pub fn output<T: ToSchema>(&mut self) -> Value {
        let mut found = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut found);
        for (name, schema) in found {
            let schema = serde_json::to_value(schema).unwrap_or_default();
            debug_assert!(
                self.0.get(&name).is_none_or(|known| *known == schema),
                "two different schemas are called {name}"
            );
            self.0.insert(name, schema);
        }
        reference(&T::name())
    }

    /// Has the schema behind this reference members that must be there?
    pub(super) fn has_required(&self, reference: &Value) -> bool {
        let name = reference["$ref"]
            .as_str()
            .and_then(|text| text.rsplit('/').next());
        name.and_then(|name| self.0.get(name))
            .is_some_and(|schema| schema.get("required").is_some())
    }

    pub(super) fn insert(&mut self, name: &str, schema: Value) -> Value {
        self.0.insert(name.to_owned(), schema);
        reference(name)
    }

    /// All of them by name.
    pub(super) fn into_map(mut self) -> Map<String, Value> {
        self.0.sort_keys();
        self.0
    }
}

/// An object schema in the making.
pub struct Object<'a> {
    schemas: &'a mut Schemas,
    properties: Map<String, Value>,
    required: Vec<String>,
    is_closed: bool,
}

impl Object<'_> {
    /// Takes no members but its properties.
    pub fn no_others(&mut self) {
        self.is_closed = true;
    }

    pub fn property<T: Field>(&mut self, name: &str, doc: &str) {
        let name = name.trim_start_matches("r#");
        let mut schema = T::schema(self.schemas);
        put_text(&mut schema, doc);
        self.properties.insert(name.to_owned(), schema);
        if !T::OPTIONAL {
            self.required.push(name.to_owned());
        }
    }
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// Adds a doc comment as description.
pub(crate) fn put_text(schema: &mut Value, doc: &str) {
    let text = doc.lines().map(str::trim).collect::<Vec<_>>().join("\n");
    let text = text.trim();
    if !text.is_empty() {
        schema["description"] = text.into();
    }
}

macro_rules! id_schemas {
    ($($name:ident)*) => {$(
        impl PartialSchema for crate::ids::$name {
            fn schema() -> RefOr<Schema> {
                described(json!({"type": "integer", "format": "int64", "minimum": 1}))
            }
        }
        impl ToSchema for crate::ids::$name {}
    )*};
}
crate::each_id!(id_schemas);

impl PartialSchema for crate::clock::Time {
    fn schema() -> RefOr<Schema> {
        described(
            json!({"type": "string", "format": "date-time", "examples": ["2026-01-31T12:00:00Z"]}),
        )
    }
}
impl ToSchema for crate::clock::Time {}

/// A schema that is written by hand.
pub(crate) fn described(schema: Value) -> RefOr<Schema> {
    serde_json::from_value(schema).map_or_else(|_| <String as PartialSchema>::schema(), RefOr::T)
}
