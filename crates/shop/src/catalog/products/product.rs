//! A product with its variants, and what it shows of them as its own.

use serde_json::{Value, json};

use crate::catalog::images::ProductImage;
use crate::clock::Time;
use crate::ids::{CategoryId, ImageId, ProductId, VariantId};

/// The highest price, in minor units: a full cart of it still fits into 64 bits.
pub const MAX_PRICE: i64 = 1_000_000_000_000;
pub(crate) const MAX_OPTIONS: usize = 3;
pub(crate) const MAX_CHOICES: usize = 100;
pub(crate) const MAX_VARIANTS: usize = 250;

#[derive(Clone, Debug)]
pub struct Product {
    pub id: ProductId,
    pub name: String,
    pub slug: String,
    pub description: String,
    pub category: Option<CategoryLabel>,
    /// The main picture: somewhere else, or one of `images` as the path at which we serve it.
    pub image_url: Option<String>,
    /// What was uploaded.
    pub images: Vec<ProductImage>,
    pub is_active: bool,
    pub is_featured: bool,
    /// The lowest price of its variants.
    pub price_minor: i64,
    pub options: Vec<ProductOption>,
    /// At least one. Hidden ones stay as long as an order names them.
    pub variants: Vec<Variant>,
    pub created_at: Time,
    pub updated_at: Time,
}

#[derive(Clone, Debug)]
pub struct CategoryLabel {
    pub id: CategoryId,
    pub name: String,
    pub slug: String,
}

/// What the variants of a product differ in, such as Size with S, M and L.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProductOption {
    pub name: String,
    pub choices: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct Variant {
    pub id: VariantId,
    pub sku: Option<String>,
    pub title: String,
    /// One for each option of the product, in their order.
    pub choices: Vec<String>,
    pub price_minor: i64,
    /// One of the pictures of the product.
    pub image_id: Option<ImageId>,
    pub is_active: bool,
    /// What can be sold.
    pub stock: i64,
}

impl Product {
    /// The variants that count: those for sale, or all when none is.
    pub fn offered(&self) -> impl Iterator<Item = &Variant> {
        let any = self.variants.iter().any(|variant| variant.is_active);
        self.variants
            .iter()
            .filter(move |variant| variant.is_active || !any)
    }

    /// The only variant of a plain product.
    pub fn only_variant(&self) -> Option<&Variant> {
        let mut offered = self.offered();
        offered.next().filter(|_| offered.next().is_none())
    }

    pub fn stock(&self) -> i64 {
        self.offered().map(|variant| variant.stock).sum()
    }

    /// What the audit log keeps of it.
    pub(in crate::catalog) fn audited(&self) -> Value {
        let variants: Vec<Value> = self
            .variants
            .iter()
            .map(|variant| {
                json!({
                    "id": variant.id, "sku": variant.sku, "choices": variant.choices,
                    "price_minor": variant.price_minor, "image_id": variant.image_id, "stock": variant.stock, "is_active": variant.is_active,
                })
            })
            .collect();
        let images: Vec<ImageId> = self.images.iter().map(|image| image.id).collect();
        json!({
            "name": self.name, "slug": self.slug, "description": self.description,
            "category_id": self.category.as_ref().map(|category| category.id), "image_url": self.image_url,
            "is_active": self.is_active, "is_featured": self.is_featured, "images": images, "variants": variants,
        })
    }

    pub fn sku(&self) -> Option<&str> {
        self.only_variant()?.sku.as_deref()
    }
}
