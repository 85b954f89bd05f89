//! A category, and the tree of them all.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::catalog::search::fold;
use crate::ids::CategoryId;
use crate::values::Key;

/// How deep categories may be nested.
pub(crate) const MAX_DEPTH: usize = 50;

db::record! {
    #[derive(Clone, Debug)]
    pub struct Category {
        pub id: CategoryId,
        pub name: String,
        pub slug: String,
        pub description: String,
        pub parent_id: Option<CategoryId>,
    }
}

impl Category {
    /// What the audit log keeps of it.
    pub(super) fn audited(&self) -> Value {
        json!({
            "name": self.name, "slug": self.slug, "description": self.description, "parent_id": self.parent_id,
        })
    }
}

/// All categories, with who is whose child. Children stand in the order of their names.
#[derive(Debug, Default)]
pub(in crate::catalog) struct Tree {
    nodes: Vec<Category>,
    children: Vec<Vec<usize>>,
    roots: Vec<usize>,
    by_id: HashMap<CategoryId, usize>,
    by_slug: HashMap<String, usize>,
    by_name: HashMap<String, Vec<usize>>,
}

/// A category with all that is shown of it: what stands below it, and how many products.
#[derive(Debug)]
pub(in crate::catalog) struct Placed {
    pub(super) tree: Tree,
    pub(super) totals: Vec<i64>,
    pub(super) at: usize,
}

impl Tree {
    pub(in crate::catalog) fn new(mut nodes: Vec<Category>) -> Self {
        nodes.sort_by_cached_key(|category| (fold(&category.name), category.id));
        let mut tree = Tree {
            children: vec![Vec::new(); nodes.len()],
            ..Tree::default()
        };
        for (at, category) in nodes.iter().enumerate() {
            tree.by_id.insert(category.id, at);
            tree.by_slug.insert(category.slug.clone(), at);
            tree.by_name
                .entry(fold(&category.name))
                .or_default()
                .push(at);
        }
        for (at, category) in nodes.iter().enumerate() {
            match category
                .parent_id
                .and_then(|parent| tree.by_id.get(&parent))
            {
                Some(&parent) => tree.children[parent].push(at),
                None => tree.roots.push(at),
            }
        }
        tree.nodes = nodes;
        tree
    }

    pub(super) fn all(&self) -> impl Iterator<Item = usize> {
        0..self.nodes.len()
    }

    pub(super) fn roots(&self) -> &[usize] {
        &self.roots
    }

    pub(super) fn children(&self, at: usize) -> &[usize] {
        &self.children[at]
    }

    pub(super) fn category(&self, at: usize) -> &Category {
        &self.nodes[at]
    }

    /// By id, else by slug.
    pub(super) fn find(&self, key: &Key) -> Option<usize> {
        match key {
            Key::Id(id) => self.by_id.get(&CategoryId(*id)).copied(),
            Key::Name(slug) => self.by_slug.get(slug).copied(),
        }
    }

    /// The categories that a filter means, each with all below it: by id, else by slug, else all of that name.
    pub(in crate::catalog) fn subtree(&self, key: &Key) -> Vec<CategoryId> {
        let mut open = match (self.find(key), key) {
            (Some(at), _) => vec![at],
            (None, Key::Name(name)) => self.by_name.get(&fold(name)).cloned().unwrap_or_default(),
            (None, Key::Id(id)) => self
                .by_name
                .get(&id.to_string())
                .cloned()
                .unwrap_or_default(),
        };
        let mut ids = Vec::new();
        while let Some(at) = open.pop() {
            ids.push(self.nodes[at].id);
            open.extend(&self.children[at]);
        }
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// Each category with what [`Tree::totals`] says of it.
    pub(in crate::catalog) fn with_totals(
        &self,
        own: &HashMap<CategoryId, i64>,
    ) -> impl Iterator<Item = (&Category, i64)> {
        self.nodes.iter().zip(self.totals(own))
    }

    /// What is counted of each category, summed over all below it.
    pub(in crate::catalog) fn totals(&self, own: &HashMap<CategoryId, i64>) -> Vec<i64> {
        let mut totals: Vec<i64> = self
            .nodes
            .iter()
            .map(|c| own.get(&c.id).copied().unwrap_or(0))
            .collect();
        // Parents before children; backwards, each is complete when it is added to its parent.
        let mut order = self.roots.clone();
        let mut next = 0;
        while let Some(&at) = order.get(next) {
            order.extend(&self.children[at]);
            next += 1;
        }
        for &at in order.iter().rev() {
            totals[at] += self.children[at]
                .iter()
                .map(|&child| totals[child])
                .sum::<i64>();
        }
        totals
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn category(id: i64, name: &str, parent: Option<i64>) -> Category {
        let slug = name.to_lowercase();
        Category {
            id: CategoryId(id),
            name: name.into(),
            slug,
            description: String::new(),
            parent_id: parent.map(CategoryId),
        }
    }

    fn tree() -> Tree {
        Tree::new(vec![
            category(3, "Phones", Some(1)),
            category(1, "Electronics", None),
            category(2, "Books", None),
            category(4, "Cases", Some(3)),
            category(5, "Accessories", Some(1)),
        ])
    }

    #[test]
    fn roots_and_children_stand_in_the_order_of_their_names() {
        let tree = tree();
        let names = |places: &[usize]| {
            places
                .iter()
                .map(|&at| tree.category(at).name.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(names(tree.roots()), ["Books", "Electronics"]);
        let electronics = tree.find(&Key::Id(1)).unwrap();
        assert_eq!(names(tree.children(electronics)), ["Accessories", "Phones"]);
    }

    #[test]
    fn a_filter_takes_all_that_is_below() {
        let ids = |key: &str| {
            tree()
                .subtree(&Key::parse(key).unwrap())
                .into_iter()
                .map(|id| id.0)
                .collect::<Vec<_>>()
        };
        assert_eq!(ids("1"), [1, 3, 4, 5]);
        assert_eq!(ids("phones"), [3, 4]);
        assert_eq!(ids("PHONES"), [3, 4]);
        assert_eq!(ids("nothing"), [] as [i64; 0]);
        assert_eq!(ids("99"), [] as [i64; 0]);
    }

    #[test]
    fn counts_include_what_is_below() {
        let tree = tree();
        let own = HashMap::from([(CategoryId(4), 2), (CategoryId(3), 5), (CategoryId(2), 1)]);
        let totals = tree.totals(&own);
        let total = |id| totals[tree.find(&Key::Id(id)).unwrap()];
        assert_eq!(
            [total(1), total(2), total(3), total(4), total(5)],
            [7, 1, 7, 2, 0]
        );
    }
}
