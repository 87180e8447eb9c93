//! Gives a company in Odoo what the stores need: accounts, one journal and one warehouse per store, products with
//! stock. Everything is made under external ids of its own (`tillwire_demo.…`) and only when it is not there yet;
//! nothing else is touched.

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::odoo_api::{OdooApi, exact, id_of};
use crate::reference::Chart;
use crate::shop::Shop;

/// Pieces of each product that a store starts with.
const START: i64 = 500;

/// The journal's code of a store.
#[must_use]
pub fn journal_code(store: usize) -> String {
    format!("TJ{:02}", store + 1)
}

/// The code of the journal that a store's invoices are in, where it makes some.
#[must_use]
pub fn invoice_journal_code(store: usize) -> String {
    format!("TI{:02}", store + 1)
}

/// The internal reference of the contact that summary invoices are made out to.
pub const WALK_IN: &str = "TILLWIRE-WALK-IN";

/// Makes what invoices need besides: a sales journal per store, a receivable account, and the contact of walk-ins.
///
/// # Errors
/// Odoo's own words, with what was being made.
pub async fn prepare_invoices(odoo: &OdooApi, shop: &Shop, chart: &Chart) -> anyhow::Result<()> {
    let journal = |n: usize| {
        let code = invoice_journal_code(n);
        let name = format!("Tillwire invoices {}", shop.stores[n].name);
        vec![
            json!(format!("tillwire_demo.journal_{code}")),
            json!(code),
            json!(name),
            json!("sale"),
        ]
    };
    let rows: Vec<_> = (0..shop.stores.len()).map(journal).collect();
    odoo.load("account.journal", &["id", "code", "name", "type"], &rows)
        .await
        .context("make the sales journals")?;
    let code = &chart.receivable;
    let row = vec![
        json!(format!("tillwire_demo.account_{code}")),
        json!(code),
        json!("Tillwire receivable"),
        json!("asset_receivable"),
        json!("1"),
    ];
    let columns = ["id", "code", "name", "account_type", "reconcile"];
    let made = odoo.load("account.account", &columns, &[row]).await;
    let account = made.context("make the receivable account")?;
    let row = vec![
        json!("tillwire_demo.walk_in"),
        json!("Walk-in customers"),
        json!(WALK_IN),
        json!(account[0].to_string()),
    ];
    let columns = ["id", "name", "ref", "property_account_receivable_id/.id"];
    odoo.load("res.partner", &columns, &[row])
        .await
        .context("make the contact of walk-ins")?;
    Ok(())
}

/// The warehouse's code of a store.
#[must_use]
pub fn warehouse_code(store: usize) -> String {
    format!("TW{:02}", store + 1)
}

/// Makes what is missing. Returns the company's name.
///
/// # Errors
/// Odoo's own words, with what was being made.
pub async fn prepare(odoo: &OdooApi, shop: &Shop, chart: &Chart) -> anyhow::Result<String> {
    let companies = odoo.search("res.company", json!([]), &["name"]).await?;
    let company = companies
        .first()
        .and_then(|c| c["name"].as_str())
        .context("Odoo has no company")?;
    accounts(odoo, chart).await.context("make the accounts")?;
    journals(odoo, shop).await.context("make the journals")?;
    warehouses(odoo, shop).await.context("make the warehouses")?;
    let products = products(odoo, shop).await.context("make the products")?;
    stock(odoo, shop, &products)
        .await
        .context("put goods on the shelves")?;
    Ok(company.to_owned())
}

async fn accounts(odoo: &OdooApi, chart: &Chart) -> anyhow::Result<()> {
    let row = |(code, name, kind): (String, String, &str)| {
        vec![
            json!(format!("tillwire_demo.account_{code}")),
            json!(code),
            json!(name),
            json!(kind),
        ]
    };
    let rows: Vec<_> = chart.accounts().into_iter().map(row).collect();
    odoo.load("account.account", &["id", "code", "name", "account_type"], &rows)
        .await?;
    Ok(())
}

async fn journals(odoo: &OdooApi, shop: &Shop) -> anyhow::Result<()> {
    let row = |n: usize| {
        let code = journal_code(n);
        let name = format!("Tillwire {}", shop.stores[n].name);
        vec![
            json!(format!("tillwire_demo.journal_{code}")),
            json!(code),
            json!(name),
            json!("general"),
        ]
    };
    let rows: Vec<_> = (0..shop.stores.len()).map(row).collect();
    odoo.load("account.journal", &["id", "code", "name", "type"], &rows)
        .await?;
    Ok(())
}

async fn warehouses(odoo: &OdooApi, shop: &Shop) -> anyhow::Result<()> {
    let row = |n: usize| {
        let code = warehouse_code(n);
        let name = format!("Tillwire {}", shop.stores[n].name);
        vec![
            json!(format!("tillwire_demo.warehouse_{code}")),
            json!(code),
            json!(name),
        ]
    };
    let rows: Vec<_> = (0..shop.stores.len()).map(row).collect();
    odoo.load("stock.warehouse", &["id", "code", "name"], &rows)
        .await?;
    Ok(())
}

async fn products(odoo: &OdooApi, shop: &Shop) -> anyhow::Result<Vec<i64>> {
    let storable = if odoo.major <= 17 {
        "detailed_type"
    } else {
        "is_storable"
    };
    let columns = ["id", "default_code", "name", "list_price", storable];
    let row = |p: &crate::shop::Product| {
        vec![
            json!(format!(
                "tillwire_demo.product_{}",
                p.sku.to_lowercase().replace('-', "_")
            )),
            json!(p.sku),
            json!(p.description),
            json!(crate::cents::decimal(p.price)),
            if odoo.major <= 17 {
                json!("product")
            } else {
                json!("1")
            },
        ]
    };
    let rows: Vec<_> = shop.products.iter().filter(|p| p.in_odoo).map(row).collect();
    odoo.load("product.product", &columns, &rows).await
}

/// Counts goods in where a shelf has never held them. A count sets an absolute figure, so it is never repeated.
async fn stock(odoo: &OdooApi, shop: &Shop, products: &[i64]) -> anyhow::Result<()> {
    let codes: Vec<_> = (0..shop.stores.len()).map(warehouse_code).collect();
    let houses = odoo
        .search(
            "stock.warehouse",
            json!([["code", "in", codes]]),
            &["lot_stock_id"],
        )
        .await?;
    for house in houses {
        let shelf = id_of(&house["lot_stock_id"]).context("the warehouse has no stock location")?;
        let domain = json!([["location_id", "=", shelf], ["product_id", "in", products]]);
        let there = odoo
            .search("stock.quant", domain, &["product_id", "quantity"])
            .await?;
        let known: Vec<_> = there.iter().filter(|q| exact(&q["quantity"], 6) != 0).collect();
        let known: Vec<_> = known.iter().filter_map(|q| id_of(&q["product_id"])).collect();
        let missing = products.iter().filter(|p| !known.contains(p));
        let rows: Vec<Value> = missing
            .map(|p| json!({ "product_id": p, "location_id": shelf, "inventory_quantity": START }))
            .collect();
        if rows.is_empty() {
            continue;
        }
        let context = json!({ "context": { "inventory_mode": true } });
        let counted = odoo
            .call("stock.quant", "create", json!([rows]), context.clone())
            .await?;
        odoo.call("stock.quant", "action_apply_inventory", json!([counted]), context)
            .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkers::odoo_agrees::Holdings;

    /// With `TILLWIRE_ODOO_URL`, `_DB` and `_KEY` (and perhaps `_LOGIN`): the same against a real server.
    #[tokio::test]
    async fn a_real_company_is_prepared_once() {
        let var = |name: &str| std::env::var(format!("TILLWIRE_ODOO_{name}")).ok();
        let (Some(url), Some(db), Some(key)) = (var("URL"), var("DB"), var("KEY")) else {
            eprintln!("SKIPPED, NOT TESTED HERE: a real Odoo (set TILLWIRE_ODOO_URL, _DB and _KEY)");
            return;
        };
        let login = var("LOGIN").unwrap_or_else(|| "admin".to_owned());
        let odoo = OdooApi::sign_in(&url, &db, &login, &key).await.unwrap();
        let shop = Shop::new(1, "demo", 2);
        let chart = Chart::standard(&shop);
        prepare(&odoo, &shop, &chart).await.unwrap();
        let first = Holdings::read(&odoo, 2).await.unwrap();
        prepare(&odoo, &shop, &chart).await.unwrap();
        assert_eq!(Holdings::read(&odoo, 2).await.unwrap(), first);
        assert!(first.stock.len() >= 2 * shop.known());
    }
}
