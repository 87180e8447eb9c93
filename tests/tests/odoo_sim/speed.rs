//! Large books stay quick, because checkers and campaigns go through thousands of store-days.

use super::client::started;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tillwire_e2e::odoo_sim::OdooVersion;

/// Rows of one entry with `lines` lines, balanced.
fn rows(xid: &str, journal: i64, debit: i64, credit: i64, lines: usize) -> Value {
    let each = |i: usize| {
        let (account, d, c) = if i.is_multiple_of(2) {
            (debit, "1.25", "0")
        } else {
            (credit, "0", "1.25")
        };
        let head = if i == 0 {
            [
                json!(xid),
                json!(xid),
                json!("2026-11-20"),
                json!(journal),
                json!("entry"),
            ]
        } else {
            [json!(""), json!(""), json!(""), json!(""), json!("")]
        };
        let mut row = head.to_vec();
        row.extend([json!(account), json!("line"), json!(d), json!(c)]);
        Value::Array(row)
    };
    (0..lines).map(each).collect()
}

#[tokio::test]
async fn thousand_store_days_of_fifty_lines_stay_quick() {
    let (sim, client) = started(OdooVersion::V18).await;
    let ids = sim.ids().clone();
    let fields = json!([
        "id",
        "ref",
        "date",
        "journal_id/.id",
        "move_type",
        "line_ids/account_id/.id",
        "line_ids/name",
        "line_ids/debit",
        "line_ids/credit"
    ]);
    let context = json!({ "context": { "mode": "update", "noupdate": true } });
    let days = 1_000;
    let began = Instant::now();
    let mut hundreds: Vec<Duration> = Vec::new();
    let mut lap = Instant::now();
    for day in 0..days {
        let xid = format!("t.day_{day}");
        let rows = rows(&xid, ids.journal_misc, ids.accounts.cash, ids.accounts.income, 50);
        let (_, made) = client
            .call("account.move", "load", json!([fields, rows]), context.clone())
            .await
            .unwrap();
        let id = made["result"]["ids"][0].as_i64().unwrap();
        client
            .call("account.move", "action_post", json!([[id]]), json!({}))
            .await
            .unwrap();
        let read = json!([[["move_id", "=", id]]]);
        let (_, lines) = client
            .call(
                "account.move.line",
                "search_read",
                read,
                json!({ "fields": ["account_id", "debit", "credit"] }),
            )
            .await
            .unwrap();
        assert_eq!(lines["result"].as_array().unwrap().len(), 50);
        if day % 100 == 99 {
            hundreds.push(lap.elapsed());
            lap = Instant::now();
        }
    }
    let all = began.elapsed();
    assert_eq!(sim.snapshot().posted().count(), days);
    assert_eq!(sim.snapshot().balance("101501"), 1_000 * 25 * 125);
    // the quietest of the last hundreds may not cost much more than that of the first: nothing scans what is there
    let (first, last) = hundreds.split_at(5);
    let (first, last) = (first.iter().min().unwrap(), last.iter().min().unwrap());
    assert!(
        *last < *first * 4,
        "a hundred store-days: {first:?} at first, {last:?} later"
    );
    eprintln!("1,000 store-days of 50 lines, load + post + read: {all:?}");
}
