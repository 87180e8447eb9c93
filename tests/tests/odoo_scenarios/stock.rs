//! Goods leave with a sale and come back with a return, through Odoo's own moves, once.

use serde_json::json;
use tillwire_e2e::odoo_api::exact;
use tillwire_relay_core::odoo::{Direction, EffectState};

use crate::desk::Desk;
use crate::ground::Ground;

/// Millionths of a piece on the company's shelf. Rows are summed: Odoo may hold several for one product.
async fn on_shelf(ground: &Ground, code: &str) -> i64 {
    let domain = json!([
        ["product_id.default_code", "=", code],
        ["location_id.usage", "=", "internal"],
        ["company_id", "=", ground.company.id]
    ]);
    let rows = ground.read("stock.quant", domain, &["quantity"]).await;
    rows.iter().map(|row| exact(&row["quantity"], 6)).sum()
}

pub(crate) async fn goods_leave_and_come_back_once(ground: Ground) {
    let [first, second] = ground.company.goods;
    let before = (on_shelf(&ground, first).await, on_shelf(&ground, second).await);
    let desk = Desk::on(&ground);
    let number = ground.fresh();
    let out = desk
        .intend_picking(number, Direction::Out, &[(first, "3"), (second, "1")])
        .await;
    let back = desk
        .intend_picking(number + 1, Direction::Back, &[(first, "1")])
        .await;
    desk.work().await;
    for picking in [&out, &back] {
        let id = desk.done(&picking.key).await;
        let fields = ["state", "company_id"];
        let found = ground
            .read("stock.picking", json!([["name", "=", picking.name]]), &fields)
            .await;
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(
            (&found[0]["id"], &found[0]["state"]),
            (&json!(id), &json!("done"))
        );
        assert_eq!(found[0]["company_id"][0], json!(ground.company.id));
    }
    let after = (on_shelf(&ground, first).await, on_shelf(&ground, second).await);
    // also below zero: what was sold is gone, whatever Odoo thought there was
    assert_eq!((after.0 - before.0, after.1 - before.1), (-2_000_000, -1_000_000));
}

pub(crate) async fn goods_with_lots_wait_for_a_person_and_hold_up_nothing(ground: Ground) {
    let desk = Desk::on(&ground);
    let number = ground.fresh();
    let lots = desk
        .intend_picking(number, Direction::Out, &[(ground.company.tracked, "1")])
        .await;
    let plain = desk
        .intend_picking(number + 1, Direction::Out, &[(ground.company.goods[0], "1")])
        .await;
    desk.work().await;
    assert_eq!(desk.effect(&plain.key).await.effect.state, EffectState::Done);
    assert_eq!(desk.effect(&lots.key).await.effect.state, EffectState::Rejected);
    let told = desk.words().await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains(&lots.name), "{told:?}");
}
