//! One company has one writer: a lease in the database says which, and a fence keeps an old one from writing.

use std::sync::Arc;

use serde_json::json;
use tillwire_e2e::odoo_sim::OdooVersion;
use tillwire_relay::jobs::post::{Poster, Turn};
use tillwire_relay::store::StoreError;
use tillwire_relay::store::effects::Effects;
use tillwire_relay_core::odoo::EffectState;

use crate::shop::simulated;

#[tokio::test]
async fn two_relays_on_one_company_move_each_batch_once() {
    let (sim, mut shop) = simulated(OdooVersion::V18).await;
    let mut products = Vec::new();
    for number in 0..8 {
        let name = format!("P{number}");
        products.push(shop.product(&name, json!({})).await);
        shop.ring_up("1", &[(&name, None, "1")]);
        // each a batch of its own
        shop.intend().await;
    }
    let other = shop.second_link();
    let run = |link, holder: &str| {
        let mut poster = Poster::new(link, shop.store.clone(), holder.to_owned());
        async move {
            let mut worked = 0;
            for _ in 0..60 {
                match poster.turn().await.unwrap() {
                    Turn::Worked => worked += 1,
                    Turn::NotOurs => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
                    _ => break,
                }
            }
            worked
        }
    };
    let (one, two) = tokio::join!(run(Arc::clone(&shop.link), "one"), run(other, "two"));
    assert_eq!(one + two, 8, "{one} and {two}");
    assert!(
        one == 0 || two == 0,
        "the second waits while the first holds the lease"
    );
    for product in products {
        assert_eq!(shop.on_hand(product).await, -1);
    }
    let validated = sim.call_counts().get("stock.picking.button_validate").copied();
    assert_eq!(validated, Some(8));
}

#[tokio::test]
async fn a_writer_whose_lease_was_taken_over_can_commit_nothing() {
    let (_sim, mut shop) = simulated(OdooVersion::V19).await;
    let product = shop.product("PEN", json!({})).await;
    shop.ring_up("1", &[("PEN", None, "1")]);
    shop.intend().await;
    let effects = Effects::of(shop.store.clone());
    let name = shop.link.company.lease();
    let old = effects.lease(&name, "old", 1).await.unwrap().unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    let out = effects
        .next_due(&name)
        .await
        .unwrap()
        .unwrap()
        .effect
        .calling()
        .unwrap();
    let mut poster = Poster::new(shop.second_link(), shop.store.clone(), "new".into());
    assert_eq!(poster.turn().await.unwrap(), Turn::Worked);
    let late = effects.save(&old, out).await;
    assert!(matches!(late, Err(StoreError::Fenced { .. })), "{late:?}");
    assert_eq!(shop.effects().await[0].effect.state, EffectState::Done);
    assert_eq!(shop.on_hand(product).await, -1);
}
