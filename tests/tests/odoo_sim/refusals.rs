//! Who is refused what: wrong and expired keys, users who may only read, foreign companies, and a company without accounts.

use super::client::{Client, started};
use serde_json::{Value, json};
use std::time::Duration;
use tillwire_e2e::odoo_sim::{Fault, OdooVersion, Role, Target, When};

/// Asks over `/json/2`; gives the status and the class of the error.
async fn json2(client: &Client, key: &str, path: &str, body: Value) -> (u16, String) {
    let response = client
        .http
        .post(format!("{}/json/2/{path}", client.url))
        .header("authorization", format!("bearer {key}"))
        .header("content-type", "application/json")
        .body(body.to_string())
        .send()
        .await
        .unwrap();
    let status = response.status().as_u16();
    let body: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    (status, body["name"].as_str().unwrap_or("").to_owned())
}

#[tokio::test]
async fn keys_and_rights_are_statuses_on_json2() {
    let (sim, client) = started(OdooVersion::V19).await;
    let wrong = json2(&client, "nonsense", "res.partner/search", json!({ "domain": [] })).await;
    assert_eq!(wrong.0, 401);
    let short = sim.expiring_key(Role::Poster, Duration::from_secs(60));
    let good = json2(&client, &short, "res.partner/search", json!({ "domain": [] })).await;
    assert_eq!(good.0, 200);
    sim.skip_time(Duration::from_secs(61));
    let late = json2(&client, &short, "res.partner/search", json!({ "domain": [] })).await;
    assert_eq!(late.0, 401);
    let reader = sim.key_of(Role::Reader);
    let vals = json!({ "vals_list": [{ "journal_id": sim.ids().journal_misc }] });
    let refused = json2(&client, &reader, "account.move/create", vals).await;
    assert_eq!(refused, (403, "odoo.exceptions.AccessError".into()));
    assert!(sim.snapshot().moves.is_empty());
}

#[tokio::test]
async fn a_company_without_a_chart_has_no_journal() {
    for version in OdooVersion::ALL {
        let (sim, client) = started(version).await;
        let bare = sim.add_company("Bare", false);
        assert_eq!(bare.accounts.income, 0);
        let context = json!({ "context": { "allowed_company_ids": [bare.company] } });
        let (_, answer) = client
            .call(
                "account.move",
                "create",
                json!([{ "move_type": "entry" }]),
                context.clone(),
            )
            .await
            .unwrap();
        let text = answer["error"]["data"]["message"].as_str().unwrap();
        assert!(
            text.starts_with("No journal could be found in company Bare"),
            "{version}: {text}"
        );
        let (_, chart) = client
            .call(
                "res.company",
                "read",
                json!([[bare.company], ["chart_template"]]),
                context,
            )
            .await
            .unwrap();
        assert_eq!(chart["result"][0]["chart_template"], json!(false), "{version}");
    }
}

#[tokio::test]
async fn a_question_instead_of_true_means_that_nothing_was_done() {
    let (sim, client) = started(OdooVersion::V18).await;
    let product = sim.add_product("MUG", true, 10);
    let target = Target::new("stock.picking", "button_validate");
    sim.faults().on(target, When::Nth(1), Fault::Wizard);
    let ids = sim.ids();
    let vals = json!({ "picking_type_id": ids.type_delivery, "move_ids": [[0, 0,
        { "name": "x", "product_id": product, "product_uom_qty": 1, "quantity": 1, "picked": true }]] });
    let (_, made) = client
        .call("stock.picking", "create", json!([vals]), json!({}))
        .await
        .unwrap();
    let args = json!([[made["result"]]]);
    let (_, asked) = client
        .call("stock.picking", "button_validate", args.clone(), json!({}))
        .await
        .unwrap();
    assert_eq!(asked["result"]["type"], "ir.actions.act_window");
    assert_eq!(sim.snapshot().on_hand("MUG"), 10_000_000);
    let (_, done) = client
        .call("stock.picking", "button_validate", args, json!({}))
        .await
        .unwrap();
    assert_eq!(done["result"], json!(true));
    assert_eq!(sim.snapshot().on_hand("MUG"), 9_000_000);
}
