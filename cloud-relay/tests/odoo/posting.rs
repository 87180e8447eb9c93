//! Every class of failure that real servers showed ends with the effect in Odoo once, or with a named exception.

use std::time::Duration;

use tillwire_proto::{BusinessDay, Sku};
use tillwire_relay::clock::Clock;
use tillwire_relay::jobs::drift::Drift;
use tillwire_relay::jobs::post::Turn;
use tillwire_relay::jobs::stock;
use tillwire_relay::store::effects::Effects;
use tillwire_relay_core::exception::ExceptionKind;
use tillwire_relay_core::odoo::{Direction, EffectKey, EffectState, JournalEntry, Payload};
use tillwire_relay_core::settings::StoreSettings;
use tillwire_relay_core::settlement::{deposit_posting, read};
use tillwire_relay_core::stock::Goods;
use tokio_util::sync::CancellationToken;

use crate::desk::{Desk, START_MS, client, draft, entry, picking, settings};
use crate::fake::{FakeOdoo, Fault};

fn store() -> StoreSettings {
    settings("Acme", "TILL", "S01", "1010", "4000")
}

fn day() -> BusinessDay {
    BusinessDay::new(2026, 11, 20).unwrap()
}

async fn desk() -> (FakeOdoo, Desk) {
    let odoo = FakeOdoo::start().await;
    let desk = Desk::new(client(&odoo.url, "right"), store(), Clock::standing(START_MS));
    (odoo, desk)
}

async fn intend_entry(desk: &Desk, revision: u32) -> EffectKey {
    let entry = entry(&store(), day(), revision, 10_827);
    let key = entry.key.clone();
    desk.intend(Payload::JournalEntry(entry), Some(day())).await;
    key
}

async fn intend_picking(desk: &Desk, batch: u64) -> EffectKey {
    let picking = picking(&store(), batch, Direction::Out, &[("MUG", "2"), ("TEE", "1")]);
    let key = picking.key.clone();
    desk.intend(Payload::Picking(picking), None).await;
    key
}

async fn assert_posted_once(odoo: &FakeOdoo, desk: &Desk, key: &EffectKey) {
    let stored = desk.effect(key).await;
    assert_eq!(stored.effect.state, EffectState::Done, "{:?}", stored.effect);
    assert_eq!(stored.odoo_name.as_deref(), Some("TILL/1"));
    assert_eq!(odoo.world().entries.len(), 1);
    assert_eq!(odoo.world().entries[0].state, "posted");
    assert_eq!(desk.words().await, Vec::<String>::new());
}

#[tokio::test]
async fn an_entry_is_posted_once_and_read_back() {
    let (odoo, desk) = desk().await;
    let key = intend_entry(&desk, 1).await;
    desk.work(5).await;
    assert_posted_once(&odoo, &desk, &key).await;
    // preflight apart: load, look, post, look
    assert_eq!(odoo.count("account.move.load"), 1);
    assert_eq!(odoo.count("account.move.line.search_read"), 2);
    assert_eq!(odoo.count("account.move.action_post"), 1);
    assert_eq!(desk.link.client().counters().snapshot().no_answer, 0);
}

#[tokio::test]
async fn a_lost_answer_after_the_commit_books_nothing_twice() {
    for method in [
        "account.move.load",
        "account.move.action_post",
        "account.move.read",
    ] {
        let (odoo, desk) = desk().await;
        odoo.fault(method, Fault::CommitThenHangUp);
        let key = intend_entry(&desk, 1).await;
        desk.work(10).await;
        assert_posted_once(&odoo, &desk, &key).await;
        assert_eq!(
            odoo.count("account.move.action_post"),
            1,
            "after a lost answer of {method}"
        );
    }
}

#[tokio::test]
async fn a_gateway_that_is_away_is_asked_again_later() {
    for status in [502, 503, 504] {
        let (odoo, desk) = desk().await;
        odoo.fault("account.move.load", Fault::Gateway(status));
        odoo.fault("account.move.action_post", Fault::Gateway(status));
        let key = intend_entry(&desk, 1).await;
        desk.work(10).await;
        assert_posted_once(&odoo, &desk, &key).await;
    }
}

#[tokio::test]
async fn a_serialization_failure_in_load_is_tried_again() {
    let (odoo, desk) = desk().await;
    odoo.fault("account.move.load", Fault::Serialization);
    let key = intend_entry(&desk, 1).await;
    desk.work(10).await;
    assert_posted_once(&odoo, &desk, &key).await;
    assert_eq!(odoo.count("account.move.load"), 2);
}

#[tokio::test]
async fn a_refused_row_is_an_exception_and_the_next_entry_goes_on() {
    let (odoo, desk) = desk().await;
    odoo.fault("account.move.load", Fault::RowRefused("the account is closed"));
    let refused = intend_entry(&desk, 1).await;
    let next = intend_entry(&desk, 2).await;
    desk.work(10).await;
    assert_eq!(desk.effect(&refused).await.effect.state, EffectState::Rejected);
    assert_eq!(desk.effect(&next).await.effect.state, EffectState::Done);
    let open = desk.exceptions().await;
    assert_eq!(open.len(), 1);
    assert_eq!(open[0].draft.kind, ExceptionKind::OdooRejected);
    assert_eq!(open[0].draft.day, Some(day()));
    assert_eq!(open[0].draft.at_risk.map(|amount| amount.minor()), Some(10_827));
    assert!(
        open[0].draft.detail.contains("the account is closed"),
        "{}",
        open[0].draft.detail
    );

    // a person mends it and has it tried again: the exception goes by itself
    Effects::of(desk.store.clone())
        .retry(refused.as_str(), None)
        .await
        .unwrap();
    desk.work(10).await;
    assert_eq!(desk.effect(&refused).await.effect.state, EffectState::Done);
    assert_eq!(desk.words().await, Vec::<String>::new());
    assert_eq!(odoo.world().entries.len(), 2);
}

#[tokio::test]
async fn posted_by_another_a_moment_before_counts_as_posted() {
    let (odoo, desk) = desk().await;
    odoo.fault(
        "account.move.action_post",
        Fault::AlreadyDone("The entry TILL/1 (id 1) must be in draft."),
    );
    let key = intend_entry(&desk, 1).await;
    desk.work(10).await;
    assert_posted_once(&odoo, &desk, &key).await;
}

#[tokio::test]
async fn a_refusal_to_post_keeps_the_draft_and_says_why() {
    let (odoo, desk) = desk().await;
    odoo.fault(
        "account.move.action_post",
        Fault::Refuses("You need to configure the tax."),
    );
    let key = intend_entry(&desk, 1).await;
    desk.work(10).await;
    assert_eq!(desk.effect(&key).await.effect.state, EffectState::Rejected);
    assert_eq!(odoo.world().entries[0].state, "draft");
    let open = desk.exceptions().await;
    assert_eq!(open[0].draft.kind, ExceptionKind::OdooRejected);
    assert!(
        open[0].draft.detail.contains("configure the tax"),
        "{}",
        open[0].draft.detail
    );
    assert!(
        !open[0].draft.detail.contains("Traceback"),
        "{}",
        open[0].draft.detail
    );
}

#[tokio::test]
async fn a_draft_deleted_in_odoo_is_made_again_only_when_asked() {
    let (odoo, desk) = desk().await;
    odoo.fault("account.move.action_post", Fault::Refuses("not now"));
    let key = intend_entry(&desk, 1).await;
    desk.work(10).await;
    odoo.world().entries.clear();
    let effects = Effects::of(desk.store.clone());
    effects.retry(key.as_str(), None).await.unwrap();
    desk.work(10).await;
    assert_eq!(desk.effect(&key).await.effect.state, EffectState::Rejected);
    assert!(odoo.world().entries.is_empty());
    effects.retry(key.as_str(), None).await.unwrap();
    desk.work(10).await;
    assert_posted_once(&odoo, &desk, &key).await;
}

#[tokio::test]
async fn a_date_moved_by_a_lock_is_done_and_told() {
    let (odoo, desk) = desk().await;
    odoo.world().lock = Some("2026-12-01".into());
    let key = intend_entry(&desk, 1).await;
    desk.work(10).await;
    assert_eq!(desk.effect(&key).await.effect.state, EffectState::Done);
    let open = desk.exceptions().await;
    assert_eq!(open.len(), 1);
    assert_eq!(open[0].draft.kind, ExceptionKind::LockedPeriod);
    let detail = &open[0].draft.detail;
    assert!(
        detail.contains("2026-12-01") && detail.contains("2026-11-20"),
        "{detail}"
    );
}

#[tokio::test]
async fn a_draft_that_differs_is_never_posted() {
    let (odoo, desk) = desk().await;
    odoo.fault("account.move.load", Fault::CommitThenHangUp);
    let key = intend_entry(&desk, 1).await;
    desk.work(1).await;
    odoo.world().entries[0].rows[0][2] = "100.00".into();
    odoo.world().entries[0].rows[1][3] = "100.00".into();
    desk.work(10).await;
    assert_eq!(desk.effect(&key).await.effect.state, EffectState::Rejected);
    assert_eq!(odoo.count("account.move.action_post"), 0);
    let open = desk.exceptions().await;
    assert_eq!(
        open[0].draft.kind,
        ExceptionKind::OdooChanged,
        "{:?}",
        desk.words().await
    );
}

#[tokio::test]
async fn a_wrong_key_stops_posting_with_one_exception() {
    let (odoo, desk) = desk().await;
    odoo.world().key = "another".into();
    let key = intend_entry(&desk, 1).await;
    desk.work(6).await;
    assert_eq!(odoo.count("account.move.load"), 0);
    let words = desk.words().await;
    assert_eq!(words.len(), 1, "{words:?}");
    assert!(words[0].contains("API key"), "{words:?}");

    odoo.world().key = "right".into();
    desk.work(10).await;
    assert_posted_once(&odoo, &desk, &key).await;
}

#[tokio::test]
async fn a_key_revoked_on_the_way_loses_nothing() {
    let (odoo, desk) = desk().await;
    let first = intend_entry(&desk, 1).await;
    desk.work(5).await;
    assert_posted_once(&odoo, &desk, &first).await;
    odoo.world().key = "another".into();
    let second = intend_entry(&desk, 2).await;
    desk.work(4).await;
    assert_ne!(desk.effect(&second).await.effect.state, EffectState::Rejected);
    odoo.world().key = "right".into();
    desk.work(10).await;
    assert_eq!(desk.effect(&second).await.effect.state, EffectState::Done);
    assert_eq!(odoo.world().entries.len(), 2);
}

#[tokio::test]
async fn an_odoo_that_is_down_is_left_alone() {
    let (odoo, desk) = desk().await;
    odoo.world().down = true;
    let key = intend_entry(&desk, 1).await;
    let mut poster = desk.poster("one");
    for _ in 0..200 {
        assert!(matches!(poster.turn().await.unwrap(), Turn::Down { .. }));
    }
    // each look asks for the version once or twice; the breaker lets no more than its threshold through
    assert!(desk.link.client().counters().snapshot().calls <= 10);
    odoo.world().down = false;
    desk.work(10).await;
    assert_posted_once(&odoo, &desk, &key).await;
}

#[tokio::test]
async fn a_picking_is_validated_once_and_read_back() {
    for fault in [
        None,
        Some(Fault::CommitThenHangUp),
        Some(Fault::AlreadyDone("no quantities are reserved")),
    ] {
        let (odoo, desk) = desk().await;
        if let Some(fault) = fault {
            odoo.fault("stock.picking.button_validate", fault);
        }
        let key = intend_picking(&desk, 1).await;
        desk.work(10).await;
        assert_eq!(desk.effect(&key).await.effect.state, EffectState::Done);
        assert_eq!(odoo.world().pickings.len(), 1);
        assert_eq!(odoo.world().pickings[0].state, "done");
        assert_eq!(odoo.count("stock.picking.button_validate"), 1);
    }
}

#[tokio::test]
async fn a_dialog_instead_of_a_result_is_an_exception() {
    let (odoo, desk) = desk().await;
    odoo.fault("stock.picking.button_validate", Fault::Dialog);
    let key = intend_picking(&desk, 1).await;
    desk.work(10).await;
    assert_eq!(desk.effect(&key).await.effect.state, EffectState::Rejected);
    let words = desk.words().await;
    assert!(words[0].contains("stock.backorder.confirmation"), "{words:?}");
    assert_eq!(desk.exceptions().await[0].draft.kind, ExceptionKind::OdooRejected);
    assert_eq!(odoo.world().pickings[0].state, "draft");
}

#[tokio::test]
async fn items_that_odoo_does_not_know_are_left_out_until_it_does() {
    let (odoo, desk) = desk().await;
    let goods = |sku| Goods {
        sku: Sku::new(sku).unwrap(),
        lot: None,
    };
    let skus = ["MUG", "NEW"].map(goods).into();
    let resolved = stock::resolve(&desk.link, &store().store, &skus).await.unwrap();
    assert_eq!(resolved.products.len(), 1);
    odoo.world().products.push("NEW");
    let again = stock::resolve(&desk.link, &store().store, &skus).await.unwrap();
    assert_eq!(
        again.products.len(),
        1,
        "an unknown item is not asked for with every batch"
    );
    desk.clock.set(START_MS + 6 * 60_000);
    let later = stock::resolve(&desk.link, &store().store, &skus).await.unwrap();
    assert_eq!(later.products.len(), 2);
    assert_eq!(odoo.count("product.product.search_read"), 2);
}

#[tokio::test]
async fn an_entry_edited_after_posting_is_noticed_and_taken_back() {
    let (odoo, desk) = desk().await;
    let key = intend_entry(&desk, 1).await;
    desk.work(5).await;
    let drift = Drift::new(desk.link.clone(), desk.store.clone());
    assert_eq!(drift.round(Duration::ZERO).await.unwrap(), 0);
    odoo.world().entries[0].rows[1][3] = "108.00".into();
    assert_eq!(drift.round(Duration::ZERO).await.unwrap(), 1);
    assert_eq!(drift.round(Duration::ZERO).await.unwrap(), 1);
    assert_eq!(desk.exceptions().await.len(), 1);
    assert_eq!(desk.exceptions().await[0].draft.kind, ExceptionKind::OdooChanged);
    odoo.world().entries[0].rows[1][3] = "108.27".into();
    assert_eq!(drift.round(Duration::ZERO).await.unwrap(), 0);
    assert_posted_once(&odoo, &desk, &key).await;
}

#[tokio::test]
async fn an_entry_whose_reference_was_edited_is_noticed() {
    let (odoo, desk) = desk().await;
    intend_entry(&desk, 1).await;
    desk.work(5).await;
    let drift = Drift::new(desk.link.clone(), desk.store.clone());
    odoo.world().entries[0].head[1] = "by hand".into();
    assert_eq!(drift.round(Duration::ZERO).await.unwrap(), 1);
    let words = desk.words().await;
    assert!(words[0].contains("reference is by hand"), "{words:?}");
}

#[tokio::test]
async fn goods_whose_quantity_was_edited_after_they_moved_are_noticed() {
    let (odoo, desk) = desk().await;
    let key = intend_picking(&desk, 1).await;
    desk.work(5).await;
    assert_eq!(desk.effect(&key).await.effect.state, EffectState::Done);
    let drift = Drift::new(desk.link.clone(), desk.store.clone());
    assert_eq!(drift.round(Duration::ZERO).await.unwrap(), 0);
    odoo.world().pickings[0].rows[0][3] = "9".into();
    assert_eq!(drift.round(Duration::ZERO).await.unwrap(), 1);
    assert_eq!(desk.exceptions().await[0].draft.kind, ExceptionKind::OdooChanged);
    odoo.world().pickings[0].rows[0][3] = "2".into();
    assert_eq!(drift.round(Duration::ZERO).await.unwrap(), 0);
    assert_eq!(desk.words().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_second_poster_waits_while_the_first_holds_the_company() {
    let (odoo, desk) = desk().await;
    let key = intend_entry(&desk, 1).await;
    let (mut first, mut second) = (desk.poster("one"), desk.poster("two"));
    assert_eq!(first.turn().await.unwrap(), Turn::Worked);
    assert_eq!(second.turn().await.unwrap(), Turn::NotOurs);
    desk.clock.set(START_MS + 300_000);
    assert_eq!(second.turn().await.unwrap(), Turn::Idle { until_ms: None });
    assert_posted_once(&odoo, &desk, &key).await;
}

#[tokio::test]
async fn a_poster_that_stopped_with_a_call_out_looks_before_it_asks() {
    let (odoo, desk) = desk().await;
    let key = intend_entry(&desk, 1).await;
    // as a process that died after its call left and before its answer was committed
    let effects = Effects::of(desk.store.clone());
    let lease = effects
        .lease(&desk.link.company.lease(), "dead", 1_000)
        .await
        .unwrap()
        .unwrap();
    let calling = desk.effect(&key).await.effect.calling().unwrap();
    effects.save(&lease, calling).await.unwrap();
    desk.clock.set(START_MS + 5_000);
    desk.work(10).await;
    assert_posted_once(&odoo, &desk, &key).await;
}

#[tokio::test]
async fn a_running_poster_notices_an_intent_and_stops_when_told() {
    let odoo = FakeOdoo::start().await;
    let desk = Desk::new(client(&odoo.url, "right"), store(), Clock::system());
    let stop = CancellationToken::new();
    let running = tokio::spawn(desk.poster("process-1").run(stop.clone()));
    tokio::time::sleep(Duration::from_millis(100)).await;
    let key = intend_entry(&desk, 1).await;
    for _ in 0..200 {
        if desk.effect(&key).await.effect.is_finished() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert_posted_once(&odoo, &desk, &key).await;
    stop.cancel();
    running.await.unwrap();
    // the lease was given back: the next process need not wait for its end
    assert_ne!(desk.poster("process-2").turn().await.unwrap(), Turn::NotOurs);
}

#[tokio::test]
async fn answers_lost_while_looking_conclude_nothing() {
    let (odoo, desk) = desk().await;
    for _ in 0..3 {
        odoo.fault("stock.warehouse.search_read", Fault::CommitThenHangUp);
    }
    let report = desk.link.preflight().await;
    assert!(!report.complete && report.prepared.is_none());
    assert_eq!(report.findings.len(), 1, "{}", report.text());
    assert_eq!(report.findings[0].code, "server-unreachable");
    odoo.fault("stock.warehouse.search_read", Fault::CommitThenHangUp);
    assert!(
        desk.link.preflight().await.is_good(),
        "one lost answer is asked again"
    );
}

/// The entry of a deposit of 50.00 that is all one card sale.
fn deposit_entry() -> JournalEntry {
    let mut draft = draft("Acme", "TILL", "S01", "1010", "4000");
    draft.odoo.accounts.tender.insert("card".into(), "4000".into());
    draft.odoo.accounts.settlement.bank = Some("1010".into());
    let store = draft.check().unwrap();
    let report = "kind,id,merchant,date,amount,currency,deposit\n\
                  sale,S1,77,2026-11-20,50.00,USD,D1\n\
                  deposit,D1,77,2026-11-23,50.00,USD,\n";
    let report = read(report.as_bytes()).unwrap().report;
    let lines: Vec<_> = report.lines.iter().map(|line| (line, None)).collect();
    let (deposit, place) = (&report.deposits[0], (&store.tenant, &store.store));
    let mapping = store.mapping_on(deposit.date);
    let posting = deposit_posting(place, deposit, &lines, mapping, &[]).unwrap();
    posting.unwrap().entry()
}

#[tokio::test]
async fn a_deposits_entry_is_posted_once_whatever_answer_is_lost() {
    for method in ["account.move.load", "account.move.action_post"] {
        let (odoo, desk) = desk().await;
        odoo.fault(method, Fault::CommitThenHangUp);
        let entry = deposit_entry();
        let key = entry.key.clone();
        desk.intend(Payload::JournalEntry(entry), None).await;
        desk.work(10).await;
        assert_posted_once(&odoo, &desk, &key).await;
        assert_eq!(key.as_str(), "tillwire.d_acme_s01_D1_r1");
    }
}
