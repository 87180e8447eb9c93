//! Several companies in one database: what is whose, and who may see it.

use super::client::{Client, started};
use serde_json::{Value, json};
use tillwire_e2e::odoo_sim::{OdooVersion, SeedIds};

async fn entry(client: &Client, ids: &SeedIds, company: i64) -> Value {
    let vals = json!({ "journal_id": ids.journal_misc, "line_ids": [
        [0, 0, { "account_id": ids.accounts.cash, "debit": 7 }],
        [0, 0, { "account_id": ids.accounts.income, "credit": 7 }]
    ] });
    let context = json!({ "context": { "allowed_company_ids": [company] } });
    client
        .call("account.move", "create", json!([vals]), context)
        .await
        .unwrap()
        .1
}

#[tokio::test]
async fn each_company_has_its_own_accounts_journals_and_stock() {
    for version in OdooVersion::ALL {
        let (sim, client) = started(version).await;
        let (one, two) = (sim.ids().clone(), sim.add_company("Second", true));
        assert_ne!(one.accounts.cash, two.accounts.cash);
        assert_ne!(one.warehouse, two.warehouse);
        let made = entry(&client, &two, two.company).await;
        assert!(made["result"].is_number(), "{version}: {made}");
        assert_eq!(sim.snapshot().moves[0].company_id, two.company, "{version}");
        // both may use the same numbers, and a search within one company finds one of them
        let domain = json!([[["code", "=", "400000"]]]);
        for (company, account) in [
            (one.company, one.accounts.income),
            (two.company, two.accounts.income),
        ] {
            let context = json!({ "context": { "allowed_company_ids": [company] } });
            let (_, found) = client
                .call("account.account", "search", domain.clone(), context)
                .await
                .unwrap();
            assert_eq!(found["result"], json!([account]), "{version}");
        }
    }
}

#[tokio::test]
async fn records_of_two_companies_do_not_meet() {
    let (sim, client) = started(OdooVersion::V18).await;
    let (one, two) = (sim.ids().clone(), sim.add_company("Second", true));
    let mixed = SeedIds {
        accounts: one.accounts.clone(),
        ..two.clone()
    };
    let vals = entry(&client, &mixed, two.company).await;
    let text = vals["error"]["data"]["message"].as_str().unwrap();
    assert!(text.starts_with("Incompatible companies on records"), "{text}");
    assert!(sim.snapshot().moves.is_empty());
}

#[tokio::test]
async fn a_foreign_company_is_refused() {
    let (sim, client) = started(OdooVersion::V19).await;
    let (one, two) = (sim.ids().clone(), sim.add_company("Second", true));
    // seen from the first company alone, the second's journal may not be used, nor its entries read
    let refused = entry(&client, &two, one.company).await;
    assert_eq!(refused["error"]["data"]["name"], "odoo.exceptions.AccessError");
    let id = entry(&client, &two, two.company).await["result"].clone();
    let context = json!({ "context": { "allowed_company_ids": [one.company] } });
    let (_, read) = client
        .call("account.move", "read", json!([[id], ["state"]]), context.clone())
        .await
        .unwrap();
    assert_eq!(read["error"]["data"]["name"], "odoo.exceptions.AccessError");
    let (_, found) = client
        .call("account.move", "search", json!([[]]), context)
        .await
        .unwrap();
    assert_eq!(found["result"], json!([]));
    // and a user who is not in a company may not name it
    sim.hands(|h| {
        h.call(
            "res.users",
            "write",
            &json!([[3], { "company_ids": [[6, 0, [one.company]]] }]),
        )
    })
    .unwrap();
    let refused = entry(&client, &two, two.company).await;
    assert_eq!(
        refused["error"]["data"]["message"],
        "Access to unauthorized or invalid companies."
    );
}

#[tokio::test]
async fn transfers_stay_within_a_company() {
    let (sim, client) = started(OdooVersion::V18).await;
    let (one, two) = (sim.ids().clone(), sim.add_company("Second", false));
    let product = sim.add_product("MUG", true, 10);
    let create = async |kind: i64, from: i64| {
        let vals = json!({ "picking_type_id": kind, "location_id": from, "move_ids": [[0, 0,
            { "name": "x", "product_id": product, "product_uom_qty": 1, "quantity": 1, "picked": true }]] });
        let made = client
            .call("stock.picking", "create", json!([vals]), json!({}))
            .await;
        made.unwrap().1
    };
    let mixed = create(two.type_delivery, one.stock_location).await;
    assert_eq!(mixed["error"]["data"]["name"], "odoo.exceptions.UserError");
    let id = create(two.type_delivery, two.stock_location).await["result"].clone();
    client
        .call("stock.picking", "button_validate", json!([[id]]), json!({}))
        .await
        .unwrap();
    // the first company's stock is as it was, the second's is short
    let there = |location: i64| -> i64 {
        let quants = sim.snapshot().quants;
        quants
            .iter()
            .filter(|q| q.location_id == location)
            .map(|q| q.quantity)
            .sum()
    };
    assert_eq!(
        (there(one.stock_location), there(two.stock_location)),
        (10_000_000, -1_000_000)
    );
}
