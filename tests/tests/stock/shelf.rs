//! The comparison of a store's stock with what the tills say, while people work in Odoo too.

use serde_json::json;
use tillwire_e2e::odoo_sim::OdooVersion;
use tillwire_proto::Sku;
use tillwire_relay::cloud::memory::shelves::{self, Shelf};
use tillwire_relay::jobs::shelf::compare;
use tillwire_relay_core::stock::{DriftCause, DriftLine};

use crate::shop::{Place, Shop, simulated};

async fn line(shop: &Shop, name: &str) -> DriftLine {
    let report = compare(&shop.link, &shop.settings).await.unwrap();
    let sku: Sku = shop.sku(name);
    let found = report.lines.into_iter().find(|line| line.sku == sku);
    found.unwrap_or_else(|| panic!("{sku} is not compared"))
}

fn parts(line: &DriftLine) -> Vec<(DriftCause, String)> {
    line.parts
        .iter()
        .map(|part| (part.cause, part.quantity.decimal()))
        .collect()
}

/// A person receives goods in Odoo, without the relay.
async fn receive(shop: &Shop, product: i64, quantity: i64) -> String {
    let houses = shop
        .api
        .search("stock.warehouse", json!([]), &["in_type_id"])
        .await
        .unwrap();
    let suppliers = shop
        .api
        .search("stock.location", json!([["usage", "=", "supplier"]]), &["usage"])
        .await
        .unwrap();
    let unit = shop
        .api
        .search("product.product", json!([["id", "=", product]]), &["uom_id"])
        .await
        .unwrap();
    let (from, to) = (suppliers[0]["id"].clone(), shop.stock);
    let mut line = json!({ "product_id": product, "product_uom_qty": quantity, "quantity": quantity, "picked": true,
                           "product_uom": unit[0]["uom_id"][0], "location_id": from, "location_dest_id": to });
    if shop.api.major < 19 {
        line["name"] = json!("x");
    }
    let vals = json!({ "picking_type_id": houses[0]["in_type_id"][0], "location_id": from, "location_dest_id": to,
                       "move_ids": [[0, 0, line]] });
    let id = shop
        .api
        .call("stock.picking", "create", json!([vals]), json!({}))
        .await
        .unwrap();
    shop.api
        .call("stock.picking", "button_validate", json!([[id]]), json!({}))
        .await
        .unwrap();
    let named = shop
        .api
        .search("stock.picking", json!([["id", "=", id]]), &["name"])
        .await
        .unwrap();
    named[0]["name"].as_str().unwrap().to_owned()
}

/// The POS's own stock is read: it has so much of one item, and nothing else.
async fn pos_has(shop: &Shop, name: &str, quantity: i64) {
    let (tenant, store) = (shop.settings.tenant.clone(), shop.settings.store.clone());
    let shelf = Shelf {
        at_ms: shop.store.clock().now_ms(),
        lines: [(shop.sku(name), quantity * 1_000_000)].into(),
    };
    let keep = shop
        .store
        .write(move |unit| shelves::keep(unit, &tenant, &store, &shelf));
    keep.await.unwrap();
}

/// Odoo writes moments in whole seconds.
async fn a_second() {
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
}

async fn people_count_receive_and_edit(shop: &mut Shop) {
    let (pen, cup) = (
        shop.product("PEN", json!({})).await,
        shop.product("CUP", json!({})).await,
    );
    shop.count(pen, None, 10).await;
    a_second().await;
    shop.ring_up("1", &[("PEN", None, "3"), ("CUP", None, "1")]);
    shop.sell().await;
    let equal = line(shop, "PEN").await;
    assert_eq!(
        (parts(&equal), equal.expected.decimal()),
        (vec![], "7".to_owned())
    );
    assert_eq!(equal.counted.unwrap().1.decimal(), "10");

    // never counted: all of it is the tills', and nothing is wrong with that
    let never = line(shop, "CUP").await;
    assert_eq!((parts(&never), never.counted), (vec![], None));
    assert_eq!(never.odoo.decimal(), "-1");

    let document = receive(shop, pen, 6).await;
    let received = line(shop, "PEN").await;
    assert_eq!(parts(&received), [(DriftCause::MovedInOdoo, "6".to_owned())]);
    assert_eq!(received.parts[0].named, [document]);

    // the POS keeps a stock of its own, and nobody told it of the delivery
    pos_has(shop, "PEN", 7).await;
    let apart = line(shop, "PEN").await;
    assert_eq!(parts(&apart), parts(&received));
    assert_eq!(apart.pos.as_ref().unwrap().apart.decimal(), "-6");
    let unlisted = line(shop, "CUP").await;
    assert_eq!(
        unlisted.pos.unwrap().apart.decimal(),
        "1",
        "Odoo is one below nothing"
    );
    pos_has(shop, "PEN", 13).await;
    assert_eq!(line(shop, "PEN").await.pos.unwrap().apart.decimal(), "0");

    // somebody writes a quantity, without a move
    let domain = json!([["product_id", "=", pen], ["location_id", "=", shop.stock]]);
    let quant = shop
        .api
        .search("stock.quant", domain, &["quantity"])
        .await
        .unwrap()[0]["id"]
        .clone();
    shop.api
        .call(
            "stock.quant",
            "write",
            json!([[quant], { "quantity": 15 }]),
            json!({}),
        )
        .await
        .unwrap();
    let edited = line(shop, "PEN").await;
    let two = [
        (DriftCause::MovedInOdoo, "6".to_owned()),
        (DriftCause::EditedDirectly, "2".to_owned()),
    ];
    assert_eq!(parts(&edited), two);
    assert!(edited.needs_eyes());

    // on its way, and held
    shop.ring_up("2", &[("PEN", None, "2"), ("NEW", None, "4")]);
    shop.intend().await;
    let waiting = line(shop, "PEN").await;
    assert_eq!(parts(&waiting)[0], (DriftCause::Waiting, "2".to_owned()));
    assert_eq!(waiting.expected.decimal(), "5");

    // a count begins a new reckoning; what was sold before it and moves after it leaves twice, and that is said
    a_second().await;
    shop.count(pen, None, 5).await;
    a_second().await;
    shop.sell().await;
    let late = line(shop, "PEN").await;
    assert_eq!(parts(&late), [(DriftCause::Counted, "-2".to_owned())]);
    assert_eq!(
        (late.odoo.decimal(), late.expected.decimal()),
        ("3".to_owned(), "5".to_owned())
    );
    assert_eq!(shop.on_hand(cup).await, -1);
}

#[tokio::test]
async fn each_difference_has_its_cause_and_its_documents() {
    for version in OdooVersion::ALL {
        println!("{version}");
        let (sim, mut shop) = simulated(version).await;
        people_count_receive_and_edit(&mut shop).await;
        let before = sim.call_counts().values().sum::<usize>();
        compare(&shop.link, &shop.settings).await.unwrap();
        let calls = sim.call_counts().values().sum::<usize>() - before;
        assert!(calls <= 7, "{calls} calls for one comparison");
    }
}

#[tokio::test]
#[ignore = "needs a real Odoo, and its administrator's key"]
async fn real_odoo_is_compared() {
    let mut shop = Shop::at(&Place::real()).await;
    println!("Odoo {}", shop.api.major);
    people_count_receive_and_edit(&mut shop).await;
}
