//! What the POS itself has in stock, as the account's inventory values say: one row for each item and location.
//!
//! Sources: programs in live use ask for `/inventory/values`, grouped by item and location, with `_include[]=item`, and read
//! `qty_on_hand` and `qty` of a row. Places without stock are left out of the answer, so that an item without a row has none.

use serde::Deserialize;
use tillwire_proto::{Quantity, Sku, Unit};

use super::cloud::{PAGE_LEN_MAX, PageError};
use crate::scalar::{Object, Scalar};

/// Path and query of a page; the first is 1.
#[must_use]
pub fn path(page: u32) -> String {
    format!(
        "/api/inventory/values?group%5B%5D=item_id&group%5B%5D=location_id&exclude_empty_locations=true&\
         _include%5B%5D=item&sort=item_id&page={page}&per_page={PAGE_LEN_MAX}"
    )
}

/// An item at a location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnHand {
    /// Where.
    pub location: String,
    /// Its number, as tickets name it.
    pub sku: Sku,
    /// How much stands there, in the POS's unit; below zero where more was sold than there was.
    pub quantity: Quantity,
}

/// A page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShelfPage {
    /// Its rows; items without a number are left out, no ticket can name them.
    pub rows: Vec<OnHand>,
    /// Whether another page follows.
    pub more: bool,
}

#[derive(Deserialize)]
struct RawPage<'a> {
    #[serde(default)]
    pages: Option<u32>,
    #[serde(borrow)]
    results: Vec<Object<Row<'a>>>,
}

#[derive(Deserialize)]
struct Row<'a> {
    #[serde(borrow, default)]
    item_id: Scalar<'a>,
    #[serde(borrow, default)]
    location_id: Scalar<'a>,
    #[serde(borrow, default)]
    qty_on_hand: Scalar<'a>,
    #[serde(borrow, default)]
    qty: Scalar<'a>,
    #[serde(borrow, default)]
    item: Option<Object<Item<'a>>>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow, default)]
    public_id: Scalar<'a>,
}

/// Reads the page with this number.
///
/// # Errors
/// [`PageError`] when it is none, or a row of it does not say what is there.
pub fn read_page(body: &[u8], page: u32) -> Result<ShelfPage, PageError> {
    let read: RawPage<'_> = serde_json::from_slice(body).map_err(|error| PageError {
        found: error.to_string(),
        wanted: "a page of inventory values: {\"results\": [...]}",
    })?;
    let more = match read.pages {
        Some(pages) => page < pages,
        None => read.results.len() >= PAGE_LEN_MAX as usize,
    };
    let rows = read.results.iter().map(|row| on_hand(row));
    let rows: Result<Vec<Option<OnHand>>, PageError> = rows.collect();
    Ok(ShelfPage {
        rows: rows?.into_iter().flatten().collect(),
        more: more && !read.results.is_empty(),
    })
}

fn on_hand(row: &Row<'_>) -> Result<Option<OnHand>, PageError> {
    let item = row.item_id.text().unwrap_or_default();
    let wrong = |found: String, wanted| PageError { found, wanted };
    let Some(named) = &row.item else {
        let found = format!("a row of item {item:?} without its item");
        return Err(wrong(found, "item.public_id, as asked for with _include[]=item"));
    };
    let Some(number) = named.public_id.text() else {
        return Ok(None);
    };
    let location = row.location_id.text().ok_or_else(|| {
        let found = format!("a row of item {number} without location_id");
        wrong(found, "a row for each item and location")
    })?;
    let told = row.qty_on_hand.text().or_else(|| row.qty.text());
    let text = told.unwrap_or_default();
    let quantity = Quantity::parse(&text, Unit::Each).map_err(|_| {
        let found = format!("qty_on_hand {text:?} of item {number} at {location}");
        wrong(found, "a number with at most six decimals")
    })?;
    let sku = Sku::new(&number).map_err(|_| wrong(format!("item number {number:?}"), "an item number"))?;
    Ok(Some(OnHand {
        location: location.into_owned(),
        sku,
        quantity,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"{"total":3,"pages":2,"results":[
        {"item_id":5,"location_id":100004,"qty":12,"qty_on_hand":9.5,"item":{"id":5,"public_id":"MUG"}},
        {"item_id":6,"location_id":100005,"qty":-2,"qty_on_hand":null,"item":{"id":6,"public_id":"TEE"}},
        {"item_id":7,"location_id":100004,"qty":1,"item":{"id":7,"public_id":null}}]}"#;

    #[test]
    fn row_is_an_item_at_a_location_and_what_no_ticket_can_name_is_none() {
        let page = read_page(PAGE.as_bytes(), 1).unwrap();
        let rows = page.rows.iter();
        let rows: Vec<_> = rows
            .map(|row| (row.location.as_str(), row.sku.as_str(), row.quantity.millionths()))
            .collect();
        assert_eq!(
            rows,
            [("100004", "MUG", 9_500_000), ("100005", "TEE", -2_000_000)]
        );
        assert!(page.more && !read_page(PAGE.as_bytes(), 2).unwrap().more);
        let endless = PAGE.replace("\"pages\":2,", "");
        assert!(
            !read_page(endless.as_bytes(), 1).unwrap().more,
            "a short page is the last"
        );
    }

    #[test]
    fn row_that_does_not_say_what_is_there_is_refused_in_words() {
        for (from, to, wanted) in [
            (r#","item":{"id":5,"public_id":"MUG"}"#, "", "_include[]=item"),
            (
                r#""location_id":100004,"qty":12"#,
                r#""qty":12"#,
                "each item and location",
            ),
            ("9.5", "\"many\"", "qty_on_hand \"many\" of item MUG"),
            ("results", "rows", "results"),
        ] {
            let error = read_page(PAGE.replacen(from, to, 1).as_bytes(), 1).unwrap_err();
            assert!(error.to_string().contains(wanted), "{error}");
        }
    }
}
