//! A day's entry is in Odoo once, whatever happens on the way.

use std::collections::BTreeSet;

use futures_util::FutureExt as _;
use serde_json::json;
use tillwire_e2e::odoo_api::exact;
use tillwire_relay_core::odoo::JournalEntry;

use crate::desk::Desk;
use crate::ground::Ground;
use crate::line::{Fate, Line, Passing};

/// The entry is in Odoo once, posted in the company's journal on its day, to the cent.
pub(crate) async fn assert_once(ground: &Ground, entry: &JournalEntry) {
    let domain = json!([["ref", "=", entry.reference]]);
    let fields = [
        "state",
        "date",
        "company_id",
        "journal_id",
        "amount_total",
        "line_ids",
    ];
    let found = ground.read("account.move", domain, &fields).await;
    assert_eq!(found.len(), 1, "{}: {found:?}", entry.reference);
    let found = &found[0];
    assert_eq!(found["state"], "posted");
    assert_eq!(found["date"], json!(entry.date.to_string()));
    assert_eq!(found["company_id"][0], json!(ground.company.id));
    let total = entry.total().unwrap().minor();
    assert_eq!(exact(&found["amount_total"], 2), total, "{found}");
    assert_eq!(found["line_ids"].as_array().unwrap().len(), entry.lines.len());
}

pub(crate) async fn a_day_is_posted_once_and_read_back(ground: Ground) {
    let desk = Desk::on(&ground);
    let entry = desk.intend_entry(ground.day(), ground.fresh(), 10_827).await;
    desk.work().await;
    desk.done(&entry.key).await;
    assert_once(&ground, &entry).await;
    let stored = desk.effect(&entry.key).await;
    assert!(
        stored
            .odoo_name
            .is_some_and(|name| name.starts_with(ground.company.journal)),
        "its number is kept"
    );
    // once more, as after a relay that forgot that it was done
    let again = Desk::on(&ground);
    again
        .intend(
            tillwire_relay_core::odoo::Payload::JournalEntry(entry.clone()),
            Some(ground.day()),
        )
        .await;
    again.work().await;
    again.done(&entry.key).await;
    assert_once(&ground, &entry).await;
}

pub(crate) async fn nothing_is_made_twice_when_answers_are_lost_after_the_commit(ground: Ground) {
    // every third answer is lost, and every seventh request
    let line = Line::to(&ground.url, |passing: Passing| {
        let fate = match passing.number {
            n if n.is_multiple_of(7) => Fate::NeverArrives,
            n if n.is_multiple_of(3) => Fate::AnswerLost,
            _ => Fate::Carried,
        };
        async move { fate }.boxed()
    })
    .await;
    let client = ground.client_of(&ground.poster, &line.url);
    let desk = Desk::with(client, ground.settings());
    let first = ground.fresh();
    let mut entries = Vec::new();
    for number in first..first + 6 {
        entries.push(
            desk.intend_entry(ground.day(), number, 10_000 + i64::from(number % 1_000))
                .await,
        );
    }
    desk.work().await;
    for entry in &entries {
        desk.done(&entry.key).await;
        assert_once(&ground, entry).await;
    }
    assert!(line.lost() > 6, "a line that lost {} proves nothing", line.lost());
}

pub(crate) async fn parallel_posters_make_one_entry(ground: Ground) {
    // four relays that do not know of each other, as after a restore on a second machine
    let (day, number) = (ground.day(), ground.fresh());
    let desks: Vec<Desk> = (0..4).map(|_| Desk::on(&ground)).collect();
    let mut entry = None;
    for desk in &desks {
        entry = Some(desk.intend_entry(day, number, 7_711).await);
    }
    let entry = entry.unwrap();
    futures_util::future::join_all(desks.iter().map(Desk::work)).await;
    let mut ids = BTreeSet::new();
    for desk in &desks {
        ids.insert(desk.done(&entry.key).await);
    }
    assert_eq!(ids.len(), 1, "all found the same entry");
    assert_once(&ground, &entry).await;
}
