//! Lots, serial numbers, kits, services and quantities that do not fit.

use serde_json::json;
use tillwire_e2e::odoo_sim::OdooVersion;
use tillwire_relay_core::exception::ExceptionKind;
use tillwire_relay_core::stock::StockDelta;

use crate::shop::{Place, Shop, simulated};

fn kinds(found: &StockDelta) -> Vec<ExceptionKind> {
    found.held.iter().map(|held| held.draft.kind).collect()
}

/// One day of every kind of goods.
async fn a_day_of_every_kind(shop: &mut Shop) {
    let pen = shop.product("PEN", json!({ "barcode": shop.named("400") })).await;
    let (wine, jam) = (
        shop.product("WINE", json!({})).await,
        shop.product("JAM", json!({})).await,
    );
    shop.kit("HAMPER", &[(wine, 2), (jam, 1)]).await;
    let phone = shop.product("PHONE", json!({ "tracking": "serial" })).await;
    let milk = shop.product("MILK", json!({ "tracking": "lot" })).await;
    shop.service("WRAP").await;
    let serial = shop.lot(phone, &shop.named("SN1")).await;
    let best_before = shop.lot(milk, &shop.named("L1")).await;
    for (product, lot, count) in [(pen, None, 20), (wine, None, 10), (jam, None, 10)] {
        shop.count(product, lot, count).await;
    }
    shop.count(phone, Some(serial), 1).await;
    shop.count(milk, Some(best_before), 10).await;

    let (sn1, sn2, l1) = (shop.named("SN1"), shop.named("SN2"), shop.named("L1"));
    shop.ring_up(
        "1",
        &[
            ("PEN", None, "3"),
            ("400", None, "2"),
            ("HAMPER", None, "2"),
            ("WINE", None, "1"),
        ],
    );
    shop.ring_up(
        "2",
        &[
            ("PHONE", Some(&sn1), "1"),
            ("PHONE", Some(&sn2), "1"),
            ("MILK", Some(&l1), "4"),
        ],
    );
    shop.ring_up(
        "3",
        &[
            ("MILK", None, "1"),
            ("WRAP", None, "5"),
            ("JAM", None, "0.333"),
            ("NEW", None, "1"),
        ],
    );
    let first = shop.sell().await;
    let mut held = kinds(&first);
    held.sort_unstable();
    let mut wanted = [
        ExceptionKind::UnknownSku,
        ExceptionKind::LotNeeded,
        ExceptionKind::LotNeeded,
        ExceptionKind::UnitRounding,
    ];
    wanted.sort_unstable();
    assert_eq!(held, wanted);
    assert_eq!(shop.on_hand(pen).await, 15);
    assert_eq!((shop.on_hand(wine).await, shop.on_hand(jam).await), (5, 8));
    assert_eq!((shop.on_hand(phone).await, shop.on_hand(milk).await), (0, 6));

    // what was missing is made, what was wrong is corrected; one phone is told twice
    let late = shop.lot(phone, &sn2).await;
    shop.count(phone, Some(late), 1).await;
    shop.ring_up(
        "4",
        &[
            ("MILK", None, "-1"),
            ("JAM", None, "0.667"),
            ("HAMPER", None, "-1"),
            ("MILK", Some(&l1), "-1"),
        ],
    );
    shop.ring_up("5", &[("PHONE", Some(&sn1), "1")]);
    let second = shop.sell().await;
    assert_eq!(shop.on_hand(phone).await, 0, "the second phone left by itself");
    assert_eq!(
        kinds(&second),
        [ExceptionKind::UnknownSku, ExceptionKind::SerialTwice]
    );
    assert_eq!((shop.on_hand(wine).await, shop.on_hand(jam).await), (7, 8));
    assert_eq!(shop.on_hand(milk).await, 7);

    // a third look finds nothing more to move
    let before = shop.effects().await.len();
    shop.sell().await;
    assert_eq!(shop.effects().await.len(), before);
}

#[tokio::test]
async fn every_kind_of_goods_moves_as_odoo_allows_or_waits_under_its_name() {
    for version in OdooVersion::ALL {
        println!("{version}");
        let (_sim, mut shop) = simulated(version).await;
        a_day_of_every_kind(&mut shop).await;
    }
}

#[tokio::test]
#[ignore = "needs a real Odoo with Manufacturing, and its administrator's key"]
async fn real_odoo_moves_every_kind_of_goods() {
    let mut shop = Shop::at(&Place::real()).await;
    println!("Odoo {}", shop.api.major);
    a_day_of_every_kind(&mut shop).await;
}

#[tokio::test]
async fn a_batch_takes_two_calls_and_two_reads_however_many_products() {
    for version in OdooVersion::ALL {
        let (sim, mut shop) = simulated(version).await;
        let names: Vec<String> = (0..60).map(|number| format!("P{number}")).collect();
        for name in &names {
            shop.product(name, json!({})).await;
        }
        let sold = |count| {
            names
                .iter()
                .map(|name| (name.as_str(), None, count))
                .collect::<Vec<_>>()
        };
        shop.ring_up("1", &sold("1"));
        shop.sell().await;
        let before = sim.call_counts();
        shop.ring_up("2", &sold("2"));
        shop.sell().await;
        let mut calls = sim.call_counts();
        calls.retain(|method, count| {
            *count -= before.get(method).copied().unwrap_or(0);
            *count > 0
        });
        println!("{version}: {calls:?}");
        assert_eq!(calls.values().sum::<usize>(), 4, "{calls:?}");
    }
}
