//! What Odoo holds is what was sold: every account of every store-day to the cent, every product of every store to the
//! piece. Reads posted lines and quants over Odoo's own API and subtracts what was there before, so that it works
//! on a company that has a life of its own.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use jiff::civil::Date;
use serde_json::{Value, json};

use crate::cents::decimal;
use crate::odoo_api::{OdooApi, exact, id_of};
use crate::odoo_company::{invoice_journal_code, journal_code, warehouse_code};
use crate::reference::{Ledger, Stock};

/// What Odoo holds for the stores.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Per journal, date and account code: posted debits less credits, in cents.
    pub ledger: BTreeMap<(String, String, String), i64>,
    /// Per warehouse and SKU: on hand, in millionths.
    pub stock: BTreeMap<(String, String), i64>,
    /// Entries in the stores' journals that are not posted.
    pub drafts: usize,
}

impl Holdings {
    /// Reads them for so many stores.
    ///
    /// # Errors
    /// Odoo's own words.
    pub async fn read(odoo: &OdooApi, stores: usize) -> anyhow::Result<Self> {
        // of a store's two journals, whichever it uses: what an invoice takes out of the entry it has itself
        let journals = (0..stores).flat_map(|store| {
            [journal_code(store), invoice_journal_code(store)].map(|code| (code, journal_code(store)))
        });
        let journals: BTreeMap<String, String> = journals.collect();
        let houses: Vec<_> = (0..stores).map(warehouse_code).collect();
        let (ledger, drafts) = ledger(odoo, &journals).await.context("read the books")?;
        Ok(Self {
            ledger,
            stock: stock(odoo, &houses).await.context("read the stock")?,
            drafts,
        })
    }

    /// How many entries' lines are posted on a day of a store, per account.
    #[must_use]
    pub fn of_day(&self, before: &Self, store: usize, date: Date) -> Ledger {
        let (journal, date) = (journal_code(store), date.to_string());
        let key = |account: &String| (journal.clone(), date.clone(), account.clone());
        let mine = |(j, d, _): &&(String, String, String)| *j == journal && *d == date;
        let accounts: BTreeSet<_> = self
            .ledger
            .keys()
            .filter(mine)
            .map(|(_, _, a)| a.clone())
            .collect();
        let net = |account: String| {
            let was = before.ledger.get(&key(&account)).copied().unwrap_or(0);
            let is = self.ledger.get(&key(&account)).copied().unwrap_or(0);
            (account, is - was)
        };
        accounts
            .into_iter()
            .map(net)
            .filter(|(_, amount)| *amount != 0)
            .collect()
    }

    /// What moved since `before` on a store's shelves, in millionths of pieces.
    #[must_use]
    pub fn moved(&self, before: &Self, store: usize) -> BTreeMap<String, i64> {
        let house = warehouse_code(store);
        let keys = self
            .stock
            .keys()
            .chain(before.stock.keys())
            .filter(|(h, _)| *h == house);
        let skus: BTreeSet<_> = keys.map(|(_, sku)| sku.clone()).collect();
        let net = |sku: String| {
            let key = (house.clone(), sku);
            let of = |holdings: &Self| holdings.stock.get(&key).copied().unwrap_or(0);
            let moved = of(self) - of(before);
            (key.1, moved)
        };
        skus.into_iter()
            .map(net)
            .filter(|(_, moved)| *moved != 0)
            .collect()
    }
}

/// Compares a store-day's books.
#[must_use]
pub fn books(now: &Holdings, before: &Holdings, store: usize, date: Date, expected: &Ledger) -> Vec<String> {
    let found = now.of_day(before, store, date);
    differences(&found, expected)
        .into_iter()
        .map(|(account, found, wanted)| {
            let (found, wanted) = (decimal(found), decimal(wanted));
            format!(
                "store {} on {date}: account {account} is {found} in Odoo, but {wanted} was sold",
                store + 1
            )
        })
        .collect()
}

/// Compares a store's shelves.
#[must_use]
pub fn shelves(now: &Holdings, before: &Holdings, store: usize, expected: &Stock) -> Vec<String> {
    let expected = expected
        .iter()
        .map(|(sku, pieces)| (sku.clone(), pieces * 1_000_000))
        .collect();
    let found = now.moved(before, store);
    differences(&found, &expected)
        .into_iter()
        .map(|(sku, found, wanted)| {
            let (found, wanted) = (found / 1_000_000, wanted / 1_000_000);
            format!(
                "store {}: {sku} moved by {found} in Odoo, but {wanted} was sold and returned",
                store + 1
            )
        })
        .collect()
}

fn differences(found: &BTreeMap<String, i64>, wanted: &BTreeMap<String, i64>) -> Vec<(String, i64, i64)> {
    let keys: BTreeSet<_> = found.keys().chain(wanted.keys()).collect();
    let pair = |key: &String| {
        let of = |map: &BTreeMap<String, i64>| map.get(key).copied().unwrap_or(0);
        (key.clone(), of(found), of(wanted))
    };
    keys.into_iter()
        .map(pair)
        .filter(|(_, found, wanted)| found != wanted)
        .collect()
}

type Posted = BTreeMap<(String, String, String), i64>;

async fn ledger(odoo: &OdooApi, store_of: &BTreeMap<String, String>) -> anyhow::Result<(Posted, usize)> {
    let codes: Vec<&String> = store_of.keys().collect();
    let journals = odoo
        .search("account.journal", json!([["code", "in", codes]]), &["code"])
        .await?;
    let code_of = names(&journals, "code");
    let ids: Vec<_> = code_of.keys().collect();
    let moves = odoo
        .search(
            "account.move",
            json!([["journal_id", "in", ids]]),
            &["state", "date", "journal_id", "line_ids"],
        )
        .await?;
    let drafts = moves.iter().filter(|m| m["state"] != "posted").count();
    let mut ledger = Posted::new();
    let mut accounts = BTreeMap::new();
    for entry in moves.iter().filter(|m| m["state"] == "posted") {
        let domain = json!([["id", "in", entry["line_ids"]]]);
        let lines = odoo
            .search("account.move.line", domain, &["account_id", "debit", "credit"])
            .await?;
        let journal = id_of(&entry["journal_id"])
            .and_then(|id| store_of.get(code_of.get(&id)?))
            .cloned()
            .unwrap_or_default();
        let date = entry["date"].as_str().unwrap_or("").to_owned();
        for line in lines {
            let account = id_of(&line["account_id"]).context("a line without an account")?;
            let code = code(odoo, &mut accounts, account).await?;
            let amount = exact(&line["debit"], 2) - exact(&line["credit"], 2);
            *ledger.entry((journal.clone(), date.clone(), code)).or_default() += amount;
        }
    }
    Ok((ledger, drafts))
}

async fn code(odoo: &OdooApi, known: &mut BTreeMap<i64, String>, account: i64) -> anyhow::Result<String> {
    if let Some(code) = known.get(&account) {
        return Ok(code.clone());
    }
    let rows = odoo
        .search("account.account", json!([["id", "=", account]]), &["code"])
        .await?;
    let code = rows
        .first()
        .and_then(|r| r["code"].as_str())
        .context("an account without a code")?
        .to_owned();
    known.insert(account, code.clone());
    Ok(code)
}

async fn stock(odoo: &OdooApi, codes: &[String]) -> anyhow::Result<BTreeMap<(String, String), i64>> {
    let houses = odoo
        .search(
            "stock.warehouse",
            json!([["code", "in", codes]]),
            &["code", "lot_stock_id"],
        )
        .await?;
    let products = odoo
        .search(
            "product.product",
            json!([["default_code", "!=", false]]),
            &["default_code"],
        )
        .await?;
    let sku_of = names(&products, "default_code");
    let mut stock = BTreeMap::new();
    for house in houses {
        let code = house["code"].as_str().unwrap_or("").to_owned();
        let shelf = id_of(&house["lot_stock_id"]);
        let domain = json!([["location_id", "=", shelf]]);
        // quants are not unique per product and location: sum them
        for quant in odoo
            .search("stock.quant", domain, &["product_id", "quantity"])
            .await?
        {
            let sku = id_of(&quant["product_id"])
                .and_then(|id| sku_of.get(&id))
                .cloned()
                .unwrap_or_default();
            *stock.entry((code.clone(), sku)).or_default() += exact(&quant["quantity"], 6);
        }
    }
    Ok(stock)
}

fn names(rows: &[Value], field: &str) -> BTreeMap<i64, String> {
    let name = |row: &Value| Some((row["id"].as_i64()?, row[field].as_str()?.to_owned()));
    rows.iter().filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::odoo_company::prepare;
    use crate::odoo_sim::{OdooSim, OdooVersion, Role};
    use crate::reference::Chart;
    use crate::shop::{Shop, business_day};

    async fn desk(version: OdooVersion) -> (OdooSim, OdooApi) {
        let sim = OdooSim::start(version).await.unwrap();
        let (login, key) = (sim.login_of(Role::Admin), sim.key_of(Role::Admin));
        let api = OdooApi::sign_in(&sim.url(), sim.db(), &login, &key)
            .await
            .unwrap();
        (sim, api)
    }

    #[tokio::test]
    async fn a_prepared_company_holds_goods_and_no_entries() {
        for version in [OdooVersion::V17, OdooVersion::V18, OdooVersion::V19] {
            let (_sim, api) = desk(version).await;
            let shop = Shop::new(1, "acme", 2);
            let chart = Chart::standard(&shop);
            for _twice in 0..2 {
                prepare(&api, &shop, &chart).await.unwrap();
                let holdings = Holdings::read(&api, 2).await.unwrap();
                assert_eq!(holdings.stock.len(), 2 * shop.known());
                assert!(holdings.stock.values().all(|q| *q == 500 * 1_000_000));
                assert!(holdings.ledger.is_empty());
            }
        }
    }

    #[tokio::test]
    async fn a_cent_and_a_piece_too_many_are_named() {
        let (_sim, api) = desk(OdooVersion::V18).await;
        let shop = Shop::new(1, "acme", 1);
        let chart = Chart::standard(&shop);
        prepare(&api, &shop, &chart).await.unwrap();
        let before = Holdings::read(&api, 1).await.unwrap();
        let mut now = before.clone();
        let date = business_day();
        let key = |account: &String| (journal_code(0), date.to_string(), account.clone());
        now.ledger
            .extend([(key(&chart.cash), 1001), (key(&chart.revenue), -1001)]);
        *now.stock
            .get_mut(&(warehouse_code(0), shop.products[0].sku.clone()))
            .unwrap() -= 1_000_000;
        let expected = Ledger::from([(chart.cash.clone(), 1000), (chart.revenue.clone(), -1001)]);
        let found = books(&now, &before, 0, date, &expected);
        assert_eq!(
            found,
            [format!(
                "store 1 on {date}: account {} is 10.01 in Odoo, but 10.00 was sold",
                chart.cash
            )]
        );
        let found = shelves(&now, &before, 0, &Stock::new());
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            shelves(
                &now,
                &before,
                0,
                &Stock::from([(shop.products[0].sku.clone(), -1)])
            )
            .is_empty()
        );
    }
}
