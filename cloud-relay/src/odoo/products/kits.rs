//! Kits: bills of materials of type `phantom`, read down to parts that are none.
//!
//! Whatever cannot be told exactly is a kit that is unclear, with the reason: goods are held then, not guessed.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tillwire_proto::Sku;
use tillwire_relay_core::odoo::{Answer, Kit, KitPart, ProductKind, Tracking};

use super::rows::{self, Fields, Uoms, millionths};
use crate::odoo::preflight::{Ask, id_of, text_of};

/// How deep kits may lie in kits. Deeper ones are taken for a circle.
const DEPTH_MAX: usize = 6;

/// Kits among these products, by product id.
pub(super) async fn of(
    ask: &Ask<'_>,
    fields: &Fields,
    uoms: &mut Uoms,
    found: &[Value],
) -> Result<BTreeMap<i64, Kit>, Answer> {
    if !fields.has_bills || found.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut shop = Workshop::default();
    let mut open = found.to_vec();
    for _ in 0..DEPTH_MAX {
        let bills = match bills(ask, &open).await {
            Ok(bills) => bills,
            Err(Answer::Rejected { message, .. }) => return Ok(unreadable(found, &message)),
            Err(other) => return Err(other),
        };
        shop.pack(&open, &bills);
        if bills.lines.is_empty() {
            break;
        }
        let parts = parts(ask, fields, &bills).await?;
        uoms.learn(ask, &parts).await?;
        let new = |row: &&Value| row["id"].as_i64().is_some_and(|id| !shop.seen.contains(&id));
        open = parts.iter().filter(new).cloned().collect();
        shop.learn(parts);
    }
    shop.numbers(ask, fields).await?;
    let kits = found
        .iter()
        .filter_map(|row| row["id"].as_i64())
        .filter(|id| shop.recipes.contains_key(id));
    Ok(kits.map(|id| (id, shop.kit(id, uoms, fields))).collect())
}

/// Which of them are kits cannot be told either, so all of them wait.
fn unreadable(found: &[Value], message: &str) -> BTreeMap<i64, Kit> {
    let words = format!(
        "bills of materials cannot be read ({message}), and it may be one; give the integration user Inventory: User, \
         which may read them"
    );
    let ids = found.iter().filter_map(|row| row["id"].as_i64());
    ids.map(|id| (id, Kit::Unclear(words.clone()))).collect()
}

/// Bills of these products and their lines.
struct Bills {
    heads: Vec<Value>,
    lines: Vec<Value>,
}

async fn bills(ask: &Ask<'_>, products: &[Value]) -> Result<Bills, Answer> {
    if products.is_empty() {
        return Ok(Bills {
            heads: Vec::new(),
            lines: Vec::new(),
        });
    }
    let ids: Vec<i64> = products.iter().filter_map(|row| row["id"].as_i64()).collect();
    let templates: Vec<i64> = products
        .iter()
        .filter_map(|row| id_of(&row["product_tmpl_id"]))
        .collect();
    let domain = json!([
        ["type", "=", "phantom"],
        "|",
        ["product_id", "in", ids],
        "&",
        ["product_id", "=", false],
        ["product_tmpl_id", "in", templates]
    ]);
    let fields = [
        "product_id",
        "product_tmpl_id",
        "product_qty",
        "product_uom_id",
        "sequence",
    ];
    let heads = ask.search("mrp.bom", domain, &fields).await?;
    let ids: Vec<i64> = heads.iter().filter_map(|row| row["id"].as_i64()).collect();
    let fields = [
        "bom_id",
        "product_id",
        "product_qty",
        "product_uom_id",
        "bom_product_template_attribute_value_ids",
    ];
    let lines = ask
        .search("mrp.bom.line", json!([["bom_id", "in", ids]]), &fields)
        .await?;
    Ok(Bills { heads, lines })
}

async fn parts(ask: &Ask<'_>, fields: &Fields, bills: &Bills) -> Result<Vec<Value>, Answer> {
    let ids: BTreeSet<i64> = bills
        .lines
        .iter()
        .filter_map(|line| id_of(&line["product_id"]))
        .collect();
    let domain = json!([["id", "in", ids]]);
    ask.clone()
        .archived_too()
        .search("product.product", domain, &fields.names())
        .await
}

/// One part of a recipe: product, count and kits, in millionths, and its unit.
#[derive(Debug, Clone)]
struct Part {
    product: i64,
    count: i64,
    per: i64,
    uom: Option<i64>,
}

/// What is known about kits and their parts.
#[derive(Debug, Default)]
struct Workshop {
    /// Products whose bills were looked for.
    seen: BTreeSet<i64>,
    /// Of those that are kits.
    recipes: BTreeMap<i64, Result<Vec<Part>, String>>,
    rows: BTreeMap<i64, Value>,
    /// All products that carry a part's number.
    numbered: Vec<Value>,
}

impl Workshop {
    fn learn(&mut self, rows: Vec<Value>) {
        self.rows.extend(
            rows.into_iter()
                .filter_map(|row| Some((row["id"].as_i64()?, row))),
        );
    }

    /// Notes which of these products are kits, by the bill that Odoo itself would take: the lowest sequence, of the
    /// variant before that of all variants.
    fn pack(&mut self, products: &[Value], bills: &Bills) {
        for product in products {
            if let Some(id) = product["id"].as_i64() {
                self.seen.insert(id);
                self.recipes
                    .extend(bill(id, product, bills).map(|recipe| (id, recipe)));
            }
        }
    }

    async fn numbers(&mut self, ask: &Ask<'_>, fields: &Fields) -> Result<(), Answer> {
        let numbers: BTreeSet<String> = self.rows.values().filter_map(number).map(str::to_owned).collect();
        self.numbered = super::numbered(ask, fields, numbers.iter().map(String::as_str)).await?;
        Ok(())
    }

    fn kit(&self, id: i64, uoms: &Uoms, fields: &Fields) -> Kit {
        let mut all = Vec::new();
        match self.unpack(id, (1_000_000, 1_000_000), 0, uoms, fields, &mut all) {
            Ok(()) if all.is_empty() => {
                Kit::Unclear("nothing in its bill of materials is kept in stock".to_owned())
            }
            Ok(()) => Kit::Of(all),
            Err(words) => Kit::Unclear(words),
        }
    }

    fn unpack(
        &self,
        id: i64,
        (times, per): (i64, i64),
        depth: usize,
        uoms: &Uoms,
        fields: &Fields,
        all: &mut Vec<KitPart>,
    ) -> Result<(), String> {
        if depth >= DEPTH_MAX {
            return Err("its bill of materials goes round in a circle".to_owned());
        }
        let Some(recipe) = self.recipes.get(&id) else {
            return Err("its bill of materials is too deep".to_owned());
        };
        for part in recipe.as_ref().map_err(Clone::clone)? {
            let row = self
                .rows
                .get(&part.product)
                .ok_or("one of its parts cannot be read")?;
            let ratio =
                multiply((times, per), (part.count, part.per)).ok_or("its quantities are too large")?;
            if self.recipes.contains_key(&part.product) {
                self.unpack(part.product, ratio, depth + 1, uoms, fields, all)?;
                continue;
            }
            all.extend(self.single(row, part, ratio, uoms, fields)?);
        }
        Ok(())
    }

    /// A part that is no kit; nothing for one that Odoo keeps no quantity of.
    fn single(
        &self,
        row: &Value,
        part: &Part,
        (count, per): (i64, i64),
        uoms: &Uoms,
        fields: &Fields,
    ) -> Result<Option<KitPart>, String> {
        let name = number(row).ok_or("one of its parts has neither internal reference nor barcode")?;
        if !self.seen.contains(&part.product) {
            return Err("its bill of materials is too deep".to_owned());
        }
        if rows::kind(row, fields.version) != ProductKind::Storable {
            return Ok(None);
        }
        if rows::tracking(row) != Tracking::None {
            return Err(format!(
                "its part {name} moves by lot or serial number, and no ticket names it"
            ));
        }
        let uom = id_of(&row["uom_id"]);
        if part.uom != uom {
            return Err(format!(
                "its part {name} is counted in another unit there than in stock"
            ));
        }
        let alone = rows::pick(&self.numbered, name);
        let (Ok(Some(found)), Ok(sku)) = (alone, Sku::new(name)) else {
            return Err(format!("its part {name} has no number of its own"));
        };
        if found["id"] != row["id"] {
            return Err(format!("its part {name} has no number of its own"));
        }
        Ok(Some(KitPart {
            sku,
            product: part.product,
            count,
            per,
            rounding: uom.map_or(1, |uom| uoms.get(uom).rounding),
        }))
    }
}

fn number(row: &Value) -> Option<&str> {
    text_of(&row["default_code"]).or_else(|| text_of(&row["barcode"]))
}

/// `None` for a product that is no kit.
fn bill(id: i64, product: &Value, bills: &Bills) -> Option<Result<Vec<Part>, String>> {
    let template = id_of(&product["product_tmpl_id"]);
    let fits = |head: &&Value| match id_of(&head["product_id"]) {
        Some(variant) => variant == id,
        None => id_of(&head["product_tmpl_id"]) == template,
    };
    let rank = |head: &&Value| {
        let of_all = id_of(&head["product_id"]).is_none();
        (
            head["sequence"].as_i64().unwrap_or(0),
            of_all,
            head["id"].as_i64(),
        )
    };
    let head = bills.heads.iter().filter(fits).min_by_key(rank)?;
    Some(recipe(product, head, &bills.lines))
}

fn recipe(kit: &Value, head: &Value, lines: &[Value]) -> Result<Vec<Part>, String> {
    if id_of(&head["product_uom_id"]) != id_of(&kit["uom_id"]) {
        return Err("its bill of materials counts it in another unit than its own".to_owned());
    }
    let per = millionths(&head["product_qty"])
        .filter(|per| *per > 0)
        .ok_or("its bill of materials is for none")?;
    let own = lines
        .iter()
        .filter(|line| id_of(&line["bom_id"]) == head["id"].as_i64());
    own.map(|line| {
        let some = |value: &Value| value.as_array().is_some_and(|ids| !ids.is_empty());
        if some(&line["bom_product_template_attribute_value_ids"]) {
            return Err("its parts differ from variant to variant".to_owned());
        }
        Ok(Part {
            product: id_of(&line["product_id"]).ok_or("one of its parts cannot be read")?,
            count: millionths(&line["product_qty"]).ok_or("the quantity of one of its parts is too fine")?,
            per,
            uom: id_of(&line["product_uom_id"]),
        })
    })
    .collect()
}

/// The product of two ratios, in lowest terms; `None` beyond 64 bits.
fn multiply((a, b): (i64, i64), (c, d): (i64, i64)) -> Option<(i64, i64)> {
    let (over, under) = (i128::from(a) * i128::from(c), i128::from(b) * i128::from(d));
    let by = divisor(over.unsigned_abs(), under.unsigned_abs()).max(1);
    let by = i128::try_from(by).ok()?;
    Some((i64::try_from(over / by).ok()?, i64::try_from(under / by).ok()?))
}

const fn divisor(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}
