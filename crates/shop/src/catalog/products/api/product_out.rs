//! How a product looks from outside.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::catalog::images::{self, ImageOut};
use crate::catalog::products::product::{Product, Variant};
use crate::clock::Time;
use crate::ids::{CategoryId, ImageId, ProductId, VariantId};
use crate::media;

/// A product. With several variants `price` is the lowest, `stock` the sum and `sku` null.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProductOut {
    id: ProductId,
    name: String,
    slug: String,
    description: String,
    sku: Option<String>,
    #[schema(example = "1299.99")]
    price: String,
    currency: &'static str,
    stock: i64,
    in_stock: bool,
    /// The URL of the main picture.
    image: Option<String>,
    /// What was uploaded, with thumbnails.
    images: Vec<ImageOut>,
    is_active: bool,
    is_featured: bool,
    category: Option<CategoryLabelOut>,
    category_name: Option<String>,
    options: Vec<OptionOut>,
    variants: Vec<VariantOut>,
    created_at: Time,
    updated_at: Time,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CategoryLabelOut {
    id: CategoryId,
    name: String,
    slug: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OptionOut {
    name: String,
    values: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VariantOut {
    id: VariantId,
    sku: Option<String>,
    title: String,
    /// `{"Size": "M"}`
    options: BTreeMap<String, String>,
    #[schema(example = "1299.99")]
    price: String,
    currency: &'static str,
    stock: i64,
    in_stock: bool,
    image_id: Option<ImageId>,
    /// The URL of its own picture, where it has one.
    image: Option<String>,
    is_active: bool,
}

impl ProductOut {
    /// As shoppers see it: without variants that are not for sale.
    pub fn new(app: &App, product: Product) -> Self {
        Self::with_variants(app, product, |variant| variant.is_active)
    }

    /// As admins see it.
    pub fn whole(app: &App, product: Product) -> Self {
        Self::with_variants(app, product, |_| true)
    }

    fn with_variants(app: &App, product: Product, shown: impl Fn(&Variant) -> bool) -> Self {
        let currency = app.currency.code();
        let stock = product.stock();
        let sku = product.sku().map(str::to_owned);
        let variant = |variant: Variant| VariantOut {
            id: variant.id,
            sku: variant.sku,
            title: variant.title,
            options: product
                .options
                .iter()
                .map(|option| option.name.clone())
                .zip(variant.choices)
                .collect(),
            price: app.amount(variant.price_minor),
            currency,
            stock: variant.stock,
            in_stock: variant.stock > 0,
            image_id: variant.image_id,
            image: variant
                .image_id
                .and_then(|id| images::url_of(app, &product.images, id)),
            is_active: variant.is_active,
        };
        let variants = product
            .variants
            .into_iter()
            .filter(|variant| shown(variant))
            .map(variant)
            .collect();
        ProductOut {
            id: product.id,
            name: product.name,
            slug: product.slug,
            description: product.description,
            sku,
            price: app.amount(product.price_minor),
            currency,
            stock,
            in_stock: stock > 0,
            image: product
                .image_url
                .map(|url| media::shown(&app.config, &url).into_owned()),
            images: product
                .images
                .iter()
                .map(|image| ImageOut::new(app, image))
                .collect(),
            is_active: product.is_active,
            is_featured: product.is_featured,
            category_name: product
                .category
                .as_ref()
                .map(|category| category.name.clone()),
            category: product.category.map(|category| CategoryLabelOut {
                id: category.id,
                name: category.name,
                slug: category.slug,
            }),
            options: product
                .options
                .into_iter()
                .map(|option| OptionOut {
                    name: option.name,
                    values: option.choices,
                })
                .collect(),
            variants,
            created_at: product.created_at,
            updated_at: product.updated_at,
        }
    }
}
