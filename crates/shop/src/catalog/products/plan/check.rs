//! What makes no sense of options and variants.

use std::collections::HashSet;

use super::PlannedVariant;
use crate::catalog::products::product::{MAX_CHOICES, MAX_OPTIONS, ProductOption};
use crate::error::{Code, Error};

/// Faults of the whole product, collected into one error.
#[derive(Default)]
pub(super) struct Faults(pub(super) Option<Error>);

impl Faults {
    pub(super) fn add(
        &mut self,
        attr: impl Into<String>,
        code: &'static str,
        detail: impl Into<String>,
    ) {
        let error = self
            .0
            .take()
            .unwrap_or_else(|| Code::ValidationError.into());
        self.0 = Some(error.and(attr, code, detail));
    }
}

pub(super) fn check_options(options: &[ProductOption], faults: &mut Faults) {
    if options.len() > MAX_OPTIONS {
        faults.add(
            "options",
            "max_length",
            format!("A product has at most {MAX_OPTIONS} options."),
        );
    }
    for (at, option) in options.iter().enumerate() {
        if options[..at].iter().any(|other| other.name == option.name) {
            faults.add(
                format!("options.{at}.name"),
                "duplicate",
                "This option stands twice.",
            );
        }
        let distinct: HashSet<&String> = option.choices.iter().collect();
        if distinct.len() < option.choices.len() {
            faults.add(
                format!("options.{at}.values"),
                "duplicate",
                "A value stands twice.",
            );
        }
        if option.choices.len() > MAX_CHOICES {
            let detail = format!("An option has at most {MAX_CHOICES} values.");
            faults.add(format!("options.{at}.values"), "max_length", detail);
        }
    }
}

/// An option without values takes those that the variants use; else each choice is one of its values.
pub(super) fn fit_choices(
    options: &mut [ProductOption],
    variants: &[PlannedVariant],
    attr: &dyn Fn(usize, &str) -> String,
    faults: &mut Faults,
) {
    for (place, option) in options.iter_mut().enumerate() {
        let open = option.choices.is_empty();
        for (at, variant) in variants.iter().enumerate() {
            let Some(choice) = variant.choices.get(place) else {
                continue;
            };
            if option.choices.contains(choice) {
                continue;
            }
            if open {
                option.choices.push(choice.clone());
            } else {
                let detail = format!("\"{choice}\" is not among the values of {}.", option.name);
                faults.add(attr(at, "options"), "invalid_choice", detail);
            }
        }
    }
}

/// Several variants differ in their choices, or in their titles where there are no options.
pub(super) fn check_distinct(
    variants: &[PlannedVariant],
    attr: &dyn Fn(usize, &str) -> String,
    faults: &mut Faults,
) {
    let offered = || {
        variants
            .iter()
            .enumerate()
            .filter(|(_, variant)| variant.is_active)
    };
    let mut seen = HashSet::new();
    for (at, variant) in offered() {
        if !variant.choices.is_empty() && !seen.insert((&variant.choices, "")) {
            faults.add(
                attr(at, "options"),
                "duplicate",
                "Two variants have the same choices.",
            );
        }
        if variant.choices.is_empty() && offered().count() > 1 {
            if variant.title.is_empty() {
                faults.add(
                    attr(at, "title"),
                    "required",
                    "Several variants need options or titles.",
                );
            } else if !seen.insert((&variant.choices, &variant.title)) {
                faults.add(
                    attr(at, "title"),
                    "duplicate",
                    "Two variants have the same title.",
                );
            }
        }
    }
}

pub(super) fn out_of_range(value: i64) -> (&'static str, &'static str) {
    if value < 0 {
        ("min_value", "Must not be negative.")
    } else {
        ("max_value", "This is too much.")
    }
}
