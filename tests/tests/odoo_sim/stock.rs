//! Stock beyond plain pieces: units, kits, lots and serial numbers, services, archived products, and counts by people.

use super::client::{Client, started};
use serde_json::{Value, json};
use tillwire_e2e::odoo_sim::{OdooSim, OdooVersion};

async fn call(client: &Client, model: &str, method: &str, args: Value) -> Value {
    client.call(model, method, args, json!({})).await.unwrap().1
}

/// Creates a delivery of one line.
async fn delivery(client: &Client, sim: &OdooSim, mut line: Value) -> i64 {
    if sim.version() != OdooVersion::V19 {
        line["name"] = "x".into();
    }
    let vals = json!({ "picking_type_id": sim.ids().type_delivery, "move_ids": [[0, 0, line]] });
    let made = call(client, "stock.picking", "create", json!([vals])).await;
    made["result"].as_i64().unwrap_or_else(|| panic!("{made}"))
}

async fn validate(client: &Client, id: i64) -> Value {
    call(client, "stock.picking", "button_validate", json!([[id]])).await
}

fn tracked(sim: &OdooSim, code: &str, tracking: &str) -> i64 {
    let product = sim.add_product(code, true, 0);
    sim.hands(|h| {
        h.call(
            "product.product",
            "write",
            &json!([[product], { "tracking": tracking }]),
        )
    })
    .unwrap();
    product
}

#[tokio::test]
async fn dozens_are_twelve_pieces() {
    for version in OdooVersion::ALL {
        let (sim, client) = started(version).await;
        let egg = sim.add_product("EGG", true, 100);
        let line = json!({ "product_id": egg, "product_uom": sim.ids().dozen, "product_uom_qty": 2,
            "quantity": 2, "picked": true });
        let id = delivery(&client, &sim, line).await;
        assert_eq!(validate(&client, id).await["result"], json!(true), "{version}");
        assert_eq!(sim.snapshot().on_hand("EGG"), 76_000_000, "{version}");
    }
}

#[tokio::test]
async fn a_kit_asked_for_is_taken_apart_when_it_is_confirmed() {
    for version in OdooVersion::ALL {
        let sim = OdooSim::builder(version).mrp().start().await.unwrap();
        let client = Client::new(&sim);
        let (cup, lid) = (sim.add_product("CUP", true, 10), sim.add_product("LID", true, 10));
        let kit = sim.add_kit("SET", &[(cup, 1), (lid, 2)]);
        let id = delivery(&client, &sim, json!({ "product_id": kit, "product_uom_qty": 3 })).await;
        assert_eq!(validate(&client, id).await["result"], json!(true), "{version}");
        let after = sim.snapshot();
        assert_eq!(
            (after.on_hand("CUP"), after.on_hand("LID")),
            (7_000_000, 4_000_000),
            "{version}"
        );
        let codes: Vec<&str> = after.pickings[0]
            .moves
            .iter()
            .map(|m| m.default_code.as_str())
            .collect();
        assert_eq!(codes, ["CUP", "LID"], "{version}");
    }
}

#[tokio::test]
async fn a_kit_that_was_given_a_quantity_is_left_whole() {
    let sim = OdooSim::builder(OdooVersion::V18).mrp().start().await.unwrap();
    let client = Client::new(&sim);
    let cup = sim.add_product("CUP", true, 10);
    let kit = sim.add_kit("SET", &[(cup, 2)]);
    let line = json!({ "product_id": kit, "product_uom_qty": 1, "quantity": 1, "picked": true });
    let id = delivery(&client, &sim, line).await;
    assert_eq!(validate(&client, id).await["result"], json!(true));
    assert_eq!(sim.snapshot().on_hand("CUP"), 10_000_000);
}

#[tokio::test]
async fn without_the_manufacturing_app_there_are_no_kits() {
    let (sim, client) = started(OdooVersion::V18).await;
    let answer = call(&client, "mrp.bom", "search", json!([[]])).await;
    assert_eq!(answer["error"]["data"]["message"], "Object mrp.bom doesn't exist");
    drop(sim);
}

#[tokio::test]
async fn receipts_make_lots_and_deliveries_do_not() {
    let (sim, client) = started(OdooVersion::V18).await;
    let milk = tracked(&sim, "MILK", "lot");
    let ids = sim.ids().clone();
    let line = |lot: Value| json!({ "product_id": milk, "quantity": 4, "picked": true, "lot_name": lot });
    let receipt = json!({ "picking_type_id": ids.type_receipt, "move_ids": [[0, 0, { "name": "x", "product_id": milk,
        "product_uom_qty": 4, "move_line_ids": [[0, 0, line("L1".into())]] }]] });
    let id = call(&client, "stock.picking", "create", json!([receipt])).await["result"].clone();
    assert_eq!(
        validate(&client, id.as_i64().unwrap()).await["result"],
        json!(true)
    );
    let after = sim.snapshot();
    let held = after
        .quants
        .iter()
        .find(|q| q.usage == "internal" && q.lot == "L1")
        .unwrap();
    assert_eq!(held.quantity, 4_000_000);
    let id = delivery(
        &client,
        &sim,
        json!({ "product_id": milk, "product_uom_qty": 4, "move_line_ids": [[0, 0, line("L9".into())]] }),
    )
    .await;
    assert_eq!(
        validate(&client, id).await["error"]["data"]["name"],
        "odoo.exceptions.UserError"
    );
    assert_eq!(sim.snapshot().on_hand("MILK"), 4_000_000);
}

#[tokio::test]
async fn a_serial_number_is_one_piece() {
    let (sim, client) = started(OdooVersion::V18).await;
    let phone = tracked(&sim, "PHONE", "serial");
    let lot = call(
        &client,
        "stock.lot",
        "create",
        json!([{ "name": "S1", "product_id": phone }]),
    )
    .await;
    let taken = call(
        &client,
        "stock.lot",
        "create",
        json!([{ "name": "S1", "product_id": phone }]),
    )
    .await;
    assert_eq!(taken["error"]["data"]["name"], "odoo.exceptions.ValidationError");
    let line = json!([[0, 0, { "quantity": 2, "picked": true, "lot_id": lot["result"] }]]);
    let id = delivery(
        &client,
        &sim,
        json!({ "product_id": phone, "product_uom_qty": 2, "move_line_ids": line }),
    )
    .await;
    let text = validate(&client, id).await["error"]["data"]["message"].clone();
    assert!(
        text.as_str().unwrap().starts_with("You can only process 1.0"),
        "{text}"
    );
}

#[tokio::test]
async fn services_and_archived_products_pass_and_move_nothing_of_others() {
    let (sim, client) = started(OdooVersion::V19).await;
    let wrap = sim.add_product("WRAP", false, 0);
    let mug = sim.add_product("MUG", true, 5);
    sim.hands(|h| {
        h.call(
            "product.product",
            "write",
            &json!([[wrap], { "type": "service" }]),
        )
    })
    .unwrap();
    sim.hands(|h| h.archive_product(mug)).unwrap();
    for product in [wrap, mug] {
        let line = json!({ "product_id": product, "product_uom_qty": 1, "quantity": 1, "picked": true });
        let id = delivery(&client, &sim, line).await;
        assert_eq!(validate(&client, id).await["result"], json!(true));
    }
    assert_eq!(
        (sim.snapshot().on_hand("WRAP"), sim.snapshot().on_hand("MUG")),
        (0, 4_000_000)
    );
}

#[tokio::test]
async fn people_count_stock_and_it_drifts() {
    for version in OdooVersion::ALL {
        let (sim, _client) = started(version).await;
        let mug = sim.add_product("MUG", true, 10);
        let place = sim.ids().stock_location;
        sim.hands(|h| h.count_stock(mug, place, 7)).unwrap();
        let after = sim.snapshot();
        assert_eq!(after.on_hand("MUG"), 7_000_000, "{version}");
        let lost: i64 = after
            .quants
            .iter()
            .filter(|q| q.location_id == sim.ids().loss_location)
            .map(|q| q.quantity)
            .sum();
        assert_eq!(lost, 3_000_000, "{version}");
    }
}

#[tokio::test]
async fn a_hard_lock_holds_new_entries_out_of_a_closed_period() {
    for version in [OdooVersion::V18, OdooVersion::V19] {
        let (sim, client) = started(version).await;
        sim.hands(|h| h.set_lock_date("hard_lock_date", Some("2026-11-30")))
            .unwrap();
        client.load_entry(&sim, "t.a").await.unwrap();
        call(&client, "account.move", "action_post", json!([[1]])).await;
        assert_eq!(sim.snapshot().moves[0].date, "2026-12-01", "{version}");
    }
}
