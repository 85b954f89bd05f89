//! What a list could be narrowed down to, with counts: categories, prices, availability.

use std::collections::HashMap;
use std::sync::Arc;

use db::{Conn, Engine, Since};

use super::filter::Filter;
use super::store::{self, Hit};
use crate::app::App;
use crate::catalog::categories::category::Category;
use crate::catalog::memory::Snapshot;
use crate::error::Result;
use crate::ids::CategoryId;

/// Up to so many hits every count is exact; of more, the counts are those of a part of them, scaled.
pub(super) const EXACT: usize = 10_000;
/// How many hits that part has.
const PART: i64 = 5_000;
const MAX_CATEGORIES: usize = 100;
/// Round prices between ranges.
const MAX_BOUNDS: usize = 7;

#[derive(Debug)]
pub(crate) struct Facets {
    pub(in crate::catalog) approximate: bool,
    /// Of how many products; an estimate may be older than the count of the list.
    pub(super) count: i64,
    /// Those that hits stand in or below, with the most hits first.
    pub(super) categories: Vec<(Category, i64)>,
    pub(super) prices: Vec<PriceRange>,
    pub(super) in_stock: i64,
    pub(super) out_of_stock: i64,
}

/// From the lowest to the highest price in it, both included.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PriceRange {
    pub(super) min: i64,
    pub(super) max: i64,
    pub(super) count: i64,
}

/// What the list could be narrowed down to. The filters that say the same (`category`, `min_price` with `max_price`,
/// `in_stock`) find as many.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(crate) struct FacetsOut {
    /// More than 10 000 products: the counts are estimated from a part of them.
    approximate: bool,
    /// Those that products stand in or below, with the most of them first; at most 100.
    category: Vec<CategoryFacetOut>,
    price: Vec<PriceFacetOut>,
    availability: AvailabilityOut,
}

#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
struct CategoryFacetOut {
    id: CategoryId,
    name: String,
    slug: String,
    parent: Option<CategoryId>,
    count: i64,
}

/// Both included.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
struct PriceFacetOut {
    #[schema(example = "10.00")]
    min: String,
    #[schema(example = "19.99")]
    max: String,
    currency: &'static str,
    count: i64,
}

#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
struct AvailabilityOut {
    in_stock: i64,
    out_of_stock: i64,
}

impl FacetsOut {
    pub(super) fn new(app: &App, facets: &Facets) -> Self {
        let category = |(category, count): &(Category, i64)| CategoryFacetOut {
            id: category.id,
            name: category.name.clone(),
            slug: category.slug.clone(),
            parent: category.parent_id,
            count: *count,
        };
        let price = |range: &PriceRange| PriceFacetOut {
            min: app.amount(range.min),
            max: app.amount(range.max),
            currency: app.currency.code(),
            count: range.count,
        };
        FacetsOut {
            approximate: facets.approximate,
            category: facets.categories.iter().map(category).collect(),
            price: facets.prices.iter().map(price).collect(),
            availability: AvailabilityOut {
                in_stock: facets.in_stock,
                out_of_stock: facets.out_of_stock,
            },
        }
    }
}

/// Of the products that `filter` lets through; `count` says how many they are when they are too many to be read.
pub(super) async fn facets(
    app: &App,
    (conn, engine, since): (&Conn, Engine, Since),
    catalog: &Snapshot,
    filter: &Filter,
    count: impl Future<Output = Result<i64>>,
) -> Result<Arc<Facets>> {
    let name = store::identity(engine, filter);
    catalog
        .facets(app, name, since, async {
            let all = store::hits(conn, engine, filter, EXACT + 1).await?;
            if all.len() <= EXACT {
                return Ok(of(&all, None, catalog));
            }
            let count = count.await?;
            let part = store::sample(conn, engine, filter, (PART, count)).await?;
            Ok(of(&part, Some(count), catalog))
        })
        .await
}

/// Of these hits, or of so many of which they are a part.
fn of(hits: &[Hit], part_of: Option<i64>, catalog: &Snapshot) -> Facets {
    let seen = i64::try_from(hits.len()).unwrap_or(i64::MAX);
    let whole = |some: i64| match part_of {
        Some(count) => some.saturating_mul(count.max(seen)) / seen.max(1),
        None => some,
    };
    let mut own: HashMap<CategoryId, i64> = HashMap::new();
    for category in hits.iter().filter_map(|hit| hit.category_id) {
        *own.entry(category).or_default() += 1;
    }
    let mut categories: Vec<(Category, i64)> = catalog
        .tree
        .with_totals(&own)
        .filter(|(_, hits)| *hits > 0)
        .map(|(category, hits)| (category.clone(), whole(hits)))
        .collect();
    categories.sort_by_key(|(_, hits)| std::cmp::Reverse(*hits));
    categories.truncate(MAX_CATEGORIES);
    let mut prices = ranges(hits.iter().map(|hit| hit.price_minor).collect());
    for range in &mut prices {
        range.count = whole(range.count);
    }
    let in_stock = hits.iter().filter(|hit| hit.in_stock).count();
    let in_stock = i64::try_from(in_stock).unwrap_or(seen);
    Facets {
        approximate: part_of.is_some(),
        count: part_of.unwrap_or(seen),
        categories,
        prices,
        in_stock: whole(in_stock),
        out_of_stock: whole(seen - in_stock),
    }
}

/// A few ranges between round prices: steps of 1, 2, 5 and 10, or coarser where that would be too many.
fn ranges(mut prices: Vec<i64>) -> Vec<PriceRange> {
    prices.sort_unstable();
    let (Some(&lowest), Some(&highest)) = (prices.first(), prices.last()) else {
        return Vec::new();
    };
    let between = |steps: &[i64]| -> Vec<i64> {
        let powers = std::iter::successors(Some(1i64), |power| power.checked_mul(10));
        let rounds =
            powers.flat_map(|power| steps.iter().filter_map(move |step| step.checked_mul(power)));
        rounds
            .filter(|&round| lowest < round && round <= highest)
            .collect()
    };
    let bounds = [&[1, 2, 5][..], &[1, 5], &[1]]
        .into_iter()
        .map(between)
        .find(|bounds| bounds.len() <= MAX_BOUNDS)
        .unwrap_or_default();
    let (mut ranges, mut rest) = (Vec::new(), prices.as_slice());
    for bound in bounds.into_iter().chain([i64::MAX]) {
        let (below, above) = rest.split_at(rest.partition_point(|&price| price < bound));
        if let (Some(&first), Some(&last)) = (below.first(), below.last()) {
            let (min, max) = match ranges.last() {
                // Ranges touch, so that no price lies between two of them.
                Some(PriceRange { max, .. }) => {
                    (max + 1, last.max(bound.saturating_sub(1).min(highest)))
                }
                None => (first, last.max(bound.saturating_sub(1).min(highest))),
            };
            ranges.push(PriceRange {
                min,
                max,
                count: i64::try_from(below.len()).unwrap_or(i64::MAX),
            });
        }
        rest = above;
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(prices: &[i64]) -> Vec<(i64, i64, i64)> {
        ranges(prices.to_vec())
            .into_iter()
            .map(|range| (range.min, range.max, range.count))
            .collect()
    }

    #[test]
    fn ranges_are_round_touch_and_hold_every_price_once() {
        assert_eq!(shown(&[]), []);
        assert_eq!(shown(&[500]), [(500, 500, 1)]);
        assert_eq!(
            shown(&[1999, 999, 5000, 1250]),
            [(999, 999, 1), (1000, 1999, 2), (2000, 5000, 1)]
        );
        let many: Vec<i64> = (1..=2_000_000).step_by(777).collect();
        let found = shown(&many);
        assert!(found.len() <= MAX_BOUNDS + 1, "{found:?}");
        assert_eq!(
            found.iter().map(|range| range.2).sum::<i64>(),
            i64::try_from(many.len()).unwrap()
        );
        assert!(
            found.windows(2).all(|two| two[0].1 + 1 == two[1].0),
            "{found:?}"
        );
    }
}
