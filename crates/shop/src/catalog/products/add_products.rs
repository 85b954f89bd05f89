//! Adds many products that this program made up, in one transaction.

use super::create_product::{NewProduct, insert_all};
use super::plan::{Plan, Wish, plan};
use crate::app::App;
use crate::catalog::{self, images};
use crate::clock::Time;
use crate::error::Result;
use crate::ids::CategoryId;
use crate::{media, transact};

/// A product that is known to be sound.
pub(crate) struct ReadyProduct {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) category: Option<CategoryId>,
    pub(crate) picture: Option<media::File>,
    pub(crate) is_featured: bool,
    pub(crate) variants: Wish,
}

/// `at`: since when they are there.
pub(crate) async fn add_products(app: &App, products: &[ReadyProduct], at: Time) -> Result<()> {
    let plans: Vec<Plan> = products
        .iter()
        .map(|product| plan(None, &product.variants))
        .collect::<Result<_>>()?;
    let pictures: Vec<Option<String>> = products
        .iter()
        .map(|product| product.picture.as_ref().map(media::File::path))
        .collect();
    let new: Vec<NewProduct<'_>> = products
        .iter()
        .zip(&plans)
        .zip(&pictures)
        .map(|((product, plan), picture)| NewProduct {
            name: &product.name,
            slug: None,
            description: &product.description,
            category: product.category,
            image_url: picture.as_deref(),
            is_active: true,
            is_featured: product.is_featured,
            plan,
        })
        .collect();
    transact!(app.db, tx => {
        catalog::store::bump_generation(tx).await?;
        let ids = insert_all(tx, app.db.engine(), &new, None, at).await?;
        let files: Vec<_> = ids
            .into_iter()
            .zip(products)
            .filter_map(|(id, product)| Some((id, product.picture.as_ref()?)))
            .collect();
        images::store::insert_each(tx, &files, at).await
    })
}
