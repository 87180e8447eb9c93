//! A period that is locked while the relay posts: Odoo books on another day instead of refusing, and people are told.

use std::sync::Arc;

use futures_util::FutureExt as _;
use serde_json::{Value, json};
use tillwire_proto::BusinessDay;
use tillwire_relay_core::exception::ExceptionKind;
use tillwire_relay_core::odoo::{EffectState, JournalEntry};
use tokio::sync::Mutex;

use crate::desk::Desk;
use crate::ground::Ground;
use crate::line::{Fate, Line, Passing};

/// Long before the days of other scenarios.
fn day() -> BusinessDay {
    BusinessDay::new(2026, 3, 10).unwrap()
}

async fn lock(ground: &Ground, until: Value) -> anyhow::Result<Value> {
    let vals = json!({ "fiscalyear_lock_date": until });
    ground
        .person("res.company", "write", json!([[ground.company.id], vals]))
        .await
}

/// The entry is there once and posted, on a later day than its own, and one exception names both.
async fn assert_moved_and_told(ground: &Ground, desk: &Desk, entry: &JournalEntry) {
    let stored = desk.effect(&entry.key).await;
    assert_eq!(stored.effect.state, EffectState::Done, "{:?}", desk.words().await);
    let domain = json!([["ref", "=", entry.reference]]);
    let found = ground.read("account.move", domain, &["state", "date"]).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["state"], "posted");
    let moved = found[0]["date"].as_str().unwrap().to_owned();
    assert!(moved.as_str() > "2026-03-31", "{moved}");
    let told = desk.exceptions().await;
    assert_eq!(told.len(), 1, "{:?}", desk.words().await);
    assert_eq!(told[0].draft.kind, ExceptionKind::LockedPeriod);
    let detail = &told[0].draft.detail;
    assert!(
        detail.contains(&moved) && detail.contains("2026-03-10"),
        "{detail}"
    );
}

pub(crate) async fn a_lock_date_set_before_the_entry_is_made_moves_it_and_is_told(ground: Ground) {
    let desk = Desk::on(&ground);
    // preflight has seen an open period
    assert!(desk.link.prepared().await.is_ok());
    let entry = desk.intend_entry(day(), ground.fresh(), 3_110).await;
    lock(&ground, json!("2026-03-31")).await.unwrap();
    desk.work().await;
    lock(&ground, json!(false)).await.unwrap();
    assert_moved_and_told(&ground, &desk, &entry).await;
}

pub(crate) async fn a_lock_date_set_between_making_and_posting_is_told(ground: Ground) {
    let outcome = Arc::new(Mutex::new(None));
    let (seen, accountant) = (Arc::clone(&outcome), ground.clone());
    let line = Line::to(&ground.url, move |passing: Passing| {
        let (seen, accountant) = (Arc::clone(&seen), accountant.clone());
        async move {
            let mut seen = seen.lock().await;
            if passing.method == "account.move.action_post" && seen.is_none() {
                *seen = Some(lock(&accountant, json!("2026-03-31")).await);
            }
            Fate::Carried
        }
        .boxed()
    })
    .await;
    let desk = Desk::with(ground.client_of(&ground.poster, &line.url), ground.settings());
    let entry = desk.intend_entry(day(), ground.fresh(), 3_120).await;
    desk.work().await;
    lock(&ground, json!(false)).await.unwrap();
    match outcome.lock().await.take().unwrap() {
        Ok(_) => {
            ground.note("the period was locked while the draft was there");
            assert_moved_and_told(&ground, &desk, &entry).await;
        }
        // where Odoo does not let a period with drafts be locked, the draft was posted in time
        Err(refused) => {
            let words = format!("{refused:#}").replace('\n', " ");
            ground.note(&format!(
                "the lock was refused while the draft was there: {words}"
            ));
            desk.done(&entry.key).await;
            crate::postings::assert_once(&ground, &entry).await;
        }
    }
}
