//! Goods that were sold lately: is each one product in Odoo, in use, and of a kind whose stock can move?
//!
//! Each kind of trouble is one finding, however many goods have it. None stops a store: an item that cannot move is held
//! under its own exception while the others move and all of them are booked.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tillwire_proto::Sku;
use tillwire_relay_core::odoo::Answer;

use super::ask::{Ask, in_words, text_of};
use super::finding::Finding;

/// Numbers asked in one call.
const BATCH_MAX: usize = 500;

/// Numbers that a finding names; of more it says how many there are.
const NAMED_MAX: usize = 10;

/// What can be wrong with an item, in the order of telling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Trouble {
    Missing,
    Twice,
    Archived,
    Untracked,
    Tracked,
}

impl Trouble {
    const fn code(self) -> &'static str {
        match self {
            Self::Missing => "product-missing",
            Self::Twice => "product-twice",
            Self::Archived => "product-archived",
            Self::Untracked => "product-not-storable",
            Self::Tracked => "product-tracked",
        }
    }

    const fn what(self) -> &'static str {
        match self {
            Self::Missing => "no product in Odoo",
            Self::Twice => "several products in Odoo",
            Self::Archived => "only an archived product",
            Self::Untracked => "a product whose stock Odoo does not keep",
            Self::Tracked => "a product that is tracked by lot or serial number",
        }
    }

    const fn mend(self) -> &'static str {
        match self {
            Self::Missing => {
                "create the product in Inventory, Products with that Internal Reference, or map the number; its goods \
                 move from then on"
            }
            Self::Twice => "give each product an Internal Reference of its own (Inventory, Products)",
            Self::Archived => {
                "unarchive it (Inventory, Products, filter Archived, Action, Unarchive); until then its stock still moves, \
                 but nobody sees it in lists"
            }
            Self::Untracked => {
                "if it is goods, set Track Inventory on the product (Odoo 17: Product Type Storable); a service needs \
                 nothing"
            }
            Self::Tracked => {
                "its goods wait for a person who names the lot; where lots do not matter, set Tracking to By Quantity on \
                 the product"
            }
        }
    }
}

pub(super) async fn check(ask: &Ask<'_>, sold: &BTreeSet<Sku>, findings: &mut Vec<Finding>) {
    let mut troubles: BTreeMap<Trouble, Vec<&Sku>> = BTreeMap::new();
    let all: Vec<&Sku> = sold.iter().collect();
    for batch in all.chunks(BATCH_MAX) {
        let rows = match rows(ask, batch).await {
            Ok(rows) => rows,
            Err(answer) => {
                let what = format!("the products cannot be read: {}", in_words(&answer));
                let mend = "give the integration user Inventory: User (Settings, Users)";
                return findings.push(Finding::stop("products-unreadable", what, mend));
            }
        };
        for sku in batch {
            if let Some(trouble) = trouble(&rows, sku) {
                troubles.entry(trouble).or_default().push(sku);
            }
        }
    }
    findings.extend(troubles.into_iter().map(|(trouble, skus)| told(trouble, &skus)));
}

async fn rows(ask: &Ask<'_>, skus: &[&Sku]) -> Result<Vec<Value>, Answer> {
    let codes: Vec<&str> = skus.iter().map(|sku| sku.as_str()).collect();
    let domain = json!(["|", ["default_code", "in", codes], ["barcode", "in", codes]]);
    let kind = if ask.version.0 >= 18 {
        "is_storable"
    } else {
        "detailed_type"
    };
    let fields = ["default_code", "barcode", "active", "tracking", kind];
    ask.clone()
        .archived_too()
        .search("product.product", domain, &fields)
        .await
}

fn trouble(rows: &[Value], sku: &Sku) -> Option<Trouble> {
    let by = |field: &str| -> Vec<&Value> {
        rows.iter()
            .filter(|row| row[field] == json!(sku.as_str()))
            .collect()
    };
    let mut named = by("default_code");
    if named.is_empty() {
        named = by("barcode");
    }
    let used: Vec<&Value> = named
        .iter()
        .copied()
        .filter(|row| row["active"] == json!(true))
        .collect();
    match (named.as_slice(), used.as_slice()) {
        ([], _) => Some(Trouble::Missing),
        (_, []) => Some(Trouble::Archived),
        (_, [row]) if text_of(&row["tracking"]).is_some_and(|tracking| tracking != "none") => {
            Some(Trouble::Tracked)
        }
        (_, [row]) if !is_storable(row) => Some(Trouble::Untracked),
        (_, [_]) => None,
        _ => Some(Trouble::Twice),
    }
}

/// 17 has a type of its own for it, later versions a flag.
fn is_storable(row: &Value) -> bool {
    row["is_storable"] == json!(true) || text_of(&row["detailed_type"]) == Some("product")
}

fn told(trouble: Trouble, skus: &[&Sku]) -> Finding {
    let named: Vec<&str> = skus.iter().take(NAMED_MAX).map(|sku| sku.as_str()).collect();
    let more = skus.len().saturating_sub(NAMED_MAX);
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    let what = format!("{} sold lately: {}{more}", trouble.what(), named.join(", "));
    match trouble {
        Trouble::Untracked => Finding::note(trouble.code(), what, trouble.mend()),
        _ => Finding::warn(trouble.code(), what, trouble.mend()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn row(code: &str, active: bool, kind: &str, tracking: &str) -> Value {
        json!({ "default_code": code, "barcode": false, "active": active, "detailed_type": kind, "tracking": tracking })
    }

    #[test]
    fn each_trouble_is_told_from_the_others() {
        let rows = [
            row("GOOD", true, "product", "none"),
            row("GOOD", false, "product", "none"),
            row("TWICE", true, "product", "none"),
            row("TWICE", true, "product", "none"),
            row("OLD", false, "product", "none"),
            row("SERVICE", true, "service", "none"),
            row("LOT", true, "product", "lot"),
            json!({ "default_code": "B-1", "barcode": "501", "active": true, "is_storable": true, "tracking": "none" }),
        ];
        let of = |code: &str| trouble(&rows, &Sku::new(code).unwrap());
        assert_eq!(of("GOOD"), None);
        assert_eq!(of("501"), None, "a barcode names a product too");
        assert_eq!(of("NONE"), Some(Trouble::Missing));
        assert_eq!(of("TWICE"), Some(Trouble::Twice));
        assert_eq!(of("OLD"), Some(Trouble::Archived));
        assert_eq!(of("SERVICE"), Some(Trouble::Untracked));
        assert_eq!(of("LOT"), Some(Trouble::Tracked));
    }

    #[test]
    fn many_goods_with_one_trouble_are_one_finding() {
        let skus: Vec<Sku> = (0..12).map(|n| Sku::new(&format!("A-{n:02}")).unwrap()).collect();
        let all: Vec<&Sku> = skus.iter().collect();
        let finding = told(Trouble::Missing, &all);
        assert_eq!(finding.code, "product-missing");
        assert!(
            finding.what.ends_with("A-08, A-09 and 2 more"),
            "{}",
            finding.what
        );
    }
}
