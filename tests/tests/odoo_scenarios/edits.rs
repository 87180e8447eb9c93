//! Somebody edits a posted entry in Odoo: the relay finds out, and takes its word back when the edit is undone.

use serde_json::{Value, json};
use tillwire_e2e::odoo_api::exact;
use tillwire_relay_core::exception::ExceptionKind;

use crate::desk::Desk;
use crate::ground::Ground;

/// Back to draft, other amounts, posted again: what every accountant may do.
async fn set_amounts(ground: &Ground, id: i64, amount: &str) {
    ground
        .person("account.move", "button_draft", json!([[id]]))
        .await
        .unwrap();
    let lines = ground
        .read("account.move.line", json!([["move_id", "=", id]]), &["debit"])
        .await;
    let amount: Value = serde_json::from_str(amount).unwrap();
    let edit = |line: &Value| {
        let side = if exact(&line["debit"], 2) > 0 {
            "debit"
        } else {
            "credit"
        };
        json!([1, line["id"], { side: amount }])
    };
    let edits: Vec<Value> = lines.iter().map(edit).collect();
    ground
        .person("account.move", "write", json!([[id], { "line_ids": edits }]))
        .await
        .unwrap();
    ground
        .person("account.move", "action_post", json!([[id]]))
        .await
        .unwrap();
}

pub(crate) async fn an_entry_edited_after_posting_is_found(ground: Ground) {
    let desk = Desk::on(&ground);
    let entry = desk.intend_entry(ground.day(), ground.fresh(), 4_200).await;
    desk.work().await;
    let id = desk.done(&entry.key).await;
    assert_eq!(desk.read_again().await, 0);

    set_amounts(&ground, id, "41.99").await;
    assert_eq!(desk.read_again().await, 1);
    assert_eq!(desk.read_again().await, 1, "found again, told once");
    let told = desk.exceptions().await;
    assert_eq!(told.len(), 1, "{:?}", desk.words().await);
    assert_eq!(told[0].draft.kind, ExceptionKind::OdooChanged);
    assert!(told[0].draft.detail.contains("41.99"), "{}", told[0].draft.detail);

    set_amounts(&ground, id, "42.00").await;
    assert_eq!(desk.read_again().await, 0);
    assert_eq!(desk.words().await, Vec::<String>::new());
}
