//! Bodies that write products, and what they mean.

use serde_json::{Value, json};

use super::create_product::ProductWish;
use super::plan::{Choices, VariantWish, Wish};
use super::product::ProductOption;
use crate::http::extract::{Field, Node, Patch, Reader};
use crate::http::schema::Schemas;
use crate::ids::{ImageId, VariantId};
use crate::input;
use crate::inventory::MAX_STOCK;
use crate::values::{Key, Price, Text};

input! {
    /// A product. `price` is required unless `variants` are given; with several variants `price`, `stock` and `sku`
    /// are written there.
    pub(crate) struct ProductIn {
        pub(crate) name: Text<255>,
        /// Made from the name when it is not given.
        pub(crate) slug: Option<Text<100>>,
        pub(crate) description: Option<Prose>,
        /// Of a plain product, at most two decimals in most currencies: `"1299.99"` or `1299.99`.
        pub(crate) price: Option<Price>,
        /// What can be sold of a plain product; 0 when a new one does not say.
        pub(crate) stock: Option<Stock>,
        /// Of a plain product.
        pub(crate) sku: Patch<Clearable<100>>,
        /// Id or slug.
        #[also("category_id")]
        pub(crate) category: Patch<CategoryKey>,
        /// `http://…`, `https://…` or a path of this host.
        #[also("image")]
        pub(crate) image_url: Patch<ImageUrl>,
        pub(crate) is_active: Option<bool>,
        pub(crate) is_featured: Option<bool>,
        /// What variants differ in; at most three.
        pub(crate) options: Option<Vec<OptionIn>>,
        /// All variants of the product: those not named here go.
        pub(crate) variants: Option<Vec<VariantIn>>,
    }
}

input! {
    /// Changes to a product; what is absent stays as it is.
    pub(crate) struct ProductPatch {
        pub(crate) name: Option<Text<255>>,
        pub(crate) slug: Option<Text<100>>,
        pub(crate) description: Option<Prose>,
        /// Of a plain product.
        pub(crate) price: Option<Price>,
        /// Of a plain product; the difference is an adjustment of its stock.
        pub(crate) stock: Option<Stock>,
        /// Of a plain product.
        pub(crate) sku: Patch<Clearable<100>>,
        /// Id or slug; `null` for none.
        #[also("category_id")]
        pub(crate) category: Patch<CategoryKey>,
        #[also("image")]
        pub(crate) image_url: Patch<ImageUrl>,
        pub(crate) is_active: Option<bool>,
        pub(crate) is_featured: Option<bool>,
        pub(crate) options: Option<Vec<OptionIn>>,
        /// All variants of the product: those not named here go.
        pub(crate) variants: Option<Vec<VariantIn>>,
    }
}

input! {
    pub(crate) struct OptionIn {
        pub(crate) name: Text<100>,
        /// Taken from the variants when it is not given.
        #[also("choices")]
        pub(crate) values: Option<Vec<Text<100>>>,
    }
}

input! {
    /// A variant, found again by its id, else its SKU, else its choices.
    pub(crate) struct VariantIn {
        pub(crate) id: Option<VariantId>,
        pub(crate) sku: Patch<Clearable<100>>,
        /// Its choices, when it is not given.
        pub(crate) title: Option<Prose>,
        pub(crate) options: Option<ChoicesIn>,
        pub(crate) price: Option<Price>,
        pub(crate) stock: Option<Stock>,
        /// One of the product's images.
        pub(crate) image_id: Patch<ImageId>,
        pub(crate) is_active: Option<bool>,
    }
}

impl From<ProductIn> for ProductWish {
    fn from(body: ProductIn) -> Self {
        ProductPatch {
            name: Some(body.name),
            slug: body.slug,
            description: body.description,
            price: body.price,
            stock: body.stock,
            sku: body.sku,
            category: body.category,
            image_url: body.image_url,
            is_active: body.is_active,
            is_featured: body.is_featured,
            options: body.options,
            variants: body.variants,
        }
        .into()
    }
}

impl From<ProductPatch> for ProductWish {
    fn from(body: ProductPatch) -> Self {
        let options = body.options.map(|options| {
            let option = |option: OptionIn| ProductOption {
                name: option.name.into(),
                choices: option
                    .values
                    .unwrap_or_default()
                    .into_iter()
                    .map(String::from)
                    .collect(),
            };
            options.into_iter().map(option).collect()
        });
        let variants = body.variants.map(|variants| {
            let variant = |variant: VariantIn| VariantWish {
                id: variant.id,
                sku: cleared(variant.sku, |sku| sku.0),
                title: variant.title.map(|title| title.0),
                choices: variant.options.map(|choices| choices.0),
                price: variant.price.map(|price| price.0),
                stock: variant.stock.map(|stock| stock.0),
                image: cleared(variant.image_id, Some),
                is_active: variant.is_active,
            };
            variants.into_iter().map(variant).collect()
        });
        ProductWish {
            name: body.name.map(String::from),
            slug: body.slug.map(String::from),
            description: body.description.map(|text| text.0),
            category: cleared(body.category, |key| key.0),
            image_url: cleared(body.image_url, |url| url.0),
            is_active: body.is_active,
            is_featured: body.is_featured,
            picture: None,
            variants: Wish {
                price: body.price.map(|price| price.0),
                stock: body.stock.map(|stock| stock.0),
                sku: cleared(body.sku, |sku| sku.0),
                options,
                variants,
            },
        }
    }
}

/// Absent leaves it as it is; null and blank clear it.
pub(in crate::catalog) fn cleared<T, U>(
    patch: Patch<T>,
    inner: impl FnOnce(T) -> Option<U>,
) -> Option<Option<U>> {
    match patch {
        Patch::Absent => None,
        Patch::Null => Some(None),
        Patch::Set(value) => Some(inner(value)),
    }
}

/// A text that may be blank, of at most 20 000 characters.
#[derive(Debug)]
pub(crate) struct Prose(String);

impl From<Prose> for String {
    fn from(text: Prose) -> String {
        text.0
    }
}

const MAX_PROSE: usize = 20_000;

impl Field for Prose {
    fn read(node: &Node<'_>, reader: &mut Reader) -> Option<Self> {
        let text = String::read(node, reader)?;
        if text.chars().count() > MAX_PROSE {
            return reader.fault(
                "max_length",
                format!("Ensure this field has no more than {MAX_PROSE} characters."),
            );
        }
        Some(Prose(text.trim().to_owned()))
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({"type": "string", "maxLength": MAX_PROSE})
    }
}

/// A text that is as good as none when it is blank.
#[derive(Debug)]
pub(crate) struct Clearable<const MAX: usize>(Option<String>);

impl<const MAX: usize> Field for Clearable<MAX> {
    fn read(node: &Node<'_>, reader: &mut Reader) -> Option<Self> {
        let text = String::read(node, reader)?;
        if text.trim().is_empty() {
            return Some(Clearable(None));
        }
        if text.chars().any(char::is_control) {
            return reader.fault("invalid", "Control characters are not allowed.");
        }
        Text::<MAX>::read(node, reader).map(|text| Clearable(Some(text.into())))
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({"type": "string", "maxLength": MAX})
    }
}

/// Where a picture is.
#[derive(Debug)]
pub(crate) struct ImageUrl(Option<String>);

impl Field for ImageUrl {
    fn read(node: &Node<'_>, reader: &mut Reader) -> Option<Self> {
        let Clearable(Some(url)) = Clearable::<2000>::read(node, reader)? else {
            return Some(ImageUrl(None));
        };
        let is_absolute = ["http://", "https://"].iter().any(|scheme| {
            url.strip_prefix(scheme)
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_alphanumeric() || c == '['))
        });
        let is_path = url.starts_with('/') && !url.starts_with("//");
        if (is_absolute || is_path)
            && !url.contains(|c: char| c.is_whitespace() || "\"<>\\^`{|}".contains(c))
        {
            Some(ImageUrl(Some(url)))
        } else {
            reader.fault("invalid", "Enter a valid URL.")
        }
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({"type": "string", "format": "uri-reference", "maxLength": 2000})
    }
}

/// Pieces that can be sold.
#[derive(Debug)]
pub(crate) struct Stock(pub(in crate::catalog) i64);

impl Field for Stock {
    fn read(node: &Node<'_>, reader: &mut Reader) -> Option<Self> {
        match i64::read(node, reader)? {
            stock if stock < 0 => reader.fault("min_value", "Must not be negative."),
            stock if stock > MAX_STOCK => {
                reader.fault("max_value", format!("Must be at most {MAX_STOCK}."))
            }
            stock => Some(Stock(stock)),
        }
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({"type": "integer", "format": "int64", "minimum": 0, "maximum": MAX_STOCK})
    }
}

/// Id or slug, or the object that answers show; blank is none.
#[derive(Debug)]
pub(crate) struct CategoryKey(pub(in crate::catalog) Option<Key>);

impl Field for CategoryKey {
    fn read(node: &Node<'_>, reader: &mut Reader) -> Option<Self> {
        match node {
            Node::String(text) if text.trim().is_empty() => Some(CategoryKey(None)),
            Node::Object(members) => match members.iter().find(|(name, _)| name == "id") {
                Some((_, id)) => Key::read(id, reader).map(|key| CategoryKey(Some(key))),
                None => reader.fault("invalid", "An id or a name is required."),
            },
            node => Key::read(node, reader).map(|key| CategoryKey(Some(key))),
        }
    }

    fn schema(schemas: &mut Schemas) -> Value {
        Key::schema(schemas)
    }
}

/// `{"Size": "M"}` or `["M"]`.
#[derive(Debug)]
pub(crate) struct ChoicesIn(Choices);

impl Field for ChoicesIn {
    fn read(node: &Node<'_>, reader: &mut Reader) -> Option<Self> {
        let Node::Object(members) = node else {
            let choices = Vec::<Text<100>>::read(node, reader)?;
            return Some(ChoicesIn(Choices::InOrder(
                choices.into_iter().map(String::from).collect(),
            )));
        };
        let mut named = Some(Vec::new());
        for (name, node) in members {
            let choice = reader.within(name, |reader| Text::<100>::read(node, reader));
            named = named.zip(choice).map(|(mut named, choice)| {
                named.push((name.to_string(), choice.into()));
                named
            });
        }
        named.map(|named| ChoicesIn(Choices::Named(named)))
    }

    fn schema(_: &mut Schemas) -> Value {
        json!({"oneOf": [
            {"type": "object", "additionalProperties": {"type": "string", "minLength": 1, "maxLength": 100}},
            {"type": "array", "items": {"type": "string", "minLength": 1, "maxLength": 100}}
        ]})
    }
}
