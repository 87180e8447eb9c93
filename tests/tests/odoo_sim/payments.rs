//! Payments beyond the recordings: several documents at once, calls that arrive twice, and more money than is owed.

use super::client::{Client, started};
use serde_json::{Value, json};
use tillwire_e2e::odoo_sim::{Fault, OdooSim, OdooVersion, Target, When};

async fn call(client: &Client, model: &str, method: &str, args: Value, context: Value) -> Value {
    let kwargs = json!({ "context": context });
    client.call(model, method, args, kwargs).await.unwrap().1
}

/// A posted invoice of this many whole units of money.
async fn invoice(client: &Client, sim: &OdooSim, amount: i64) -> i64 {
    let vals = json!({ "move_type": "out_invoice", "partner_id": sim.ids().company_partner, "invoice_line_ids": [
        [0, 0, { "name": "x", "quantity": 1, "price_unit": amount, "tax_ids": [[6, 0, []]] }]] });
    let made = call(client, "account.move", "create", json!([vals]), json!({})).await;
    let id = made["result"].as_i64().unwrap_or_else(|| panic!("{made}"));
    call(client, "account.move", "action_post", json!([[id]]), json!({})).await;
    id
}

#[tokio::test]
async fn one_wizard_pays_several_documents() {
    for version in OdooVersion::ALL {
        let (sim, client) = started(version).await;
        let ids = json!([invoice(&client, &sim, 30).await, invoice(&client, &sim, 12).await]);
        let context = json!({ "active_model": "account.move", "active_ids": ids });
        let vals = json!([{ "journal_id": sim.ids().journal_bank }]);
        let wizard = call(
            &client,
            "account.payment.register",
            "create",
            vals,
            context.clone(),
        )
        .await;
        let args = json!([[wizard["result"]]]);
        call(
            &client,
            "account.payment.register",
            "action_create_payments",
            args,
            context,
        )
        .await;
        let after = sim.snapshot();
        let amounts: Vec<i64> = after.payments.iter().map(|p| p.amount).collect();
        assert_eq!(amounts, [3000, 1200], "{version}");
        for paid in after.moves.iter().filter(|m| m.move_type == "out_invoice") {
            assert_eq!(
                (paid.payment_state.as_str(), paid.residual),
                ("paid", 0),
                "{version}"
            );
        }
        let state = if version == OdooVersion::V17 {
            "posted"
        } else {
            "paid"
        };
        assert!(
            after.payments.iter().all(|p| p.state == state),
            "{version}: {:?}",
            after.payments
        );
        assert_eq!(after.balance("101403"), 4200, "{version}");
    }
}

#[tokio::test]
async fn a_loaded_payment_that_arrives_twice_is_one() {
    for version in OdooVersion::ALL {
        let (sim, client) = started(version).await;
        let target = Target::new("account.payment", "load");
        sim.faults().on(target, When::Nth(1), Fault::ExecuteTwice);
        let note = if version == OdooVersion::V17 {
            "ref"
        } else {
            "memo"
        };
        let fields = json!([
            "id",
            "payment_type",
            "partner_type",
            "amount",
            "date",
            "journal_id/.id",
            note
        ]);
        let journal = sim.ids().journal_bank.to_string();
        let rows = json!([[
            "t.pay_1",
            "inbound",
            "customer",
            "12.34",
            "2026-11-20",
            journal,
            "batch 1"
        ]]);
        let context = json!({ "mode": "update", "noupdate": true });
        let made = call(&client, "account.payment", "load", json!([fields, rows]), context).await;
        let id = made["result"]["ids"][0].clone();
        let done = call(
            &client,
            "account.payment",
            "action_post",
            json!([[id]]),
            json!({}),
        )
        .await;
        assert!(
            done.get("result").is_none() && done.get("error").is_none(),
            "{version}: {done}"
        );
        let after = sim.snapshot();
        assert_eq!(after.payments.len(), 1, "{version}");
        let payment = &after.payments[0];
        assert_eq!(payment.xid.as_deref(), Some("t.pay_1"), "{version}");
        assert_eq!(
            (payment.amount, payment.reference.as_str()),
            (1234, "batch 1"),
            "{version}"
        );
        assert_eq!(after.posted().count(), 1, "{version}");
    }
}

#[tokio::test]
async fn what_is_left_of_a_payment_pays_a_part_of_the_next_document() {
    let (sim, client) = started(OdooVersion::V18).await;
    let (first, second) = (invoice(&client, &sim, 30).await, invoice(&client, &sim, 30).await);
    let vals = json!([{ "payment_type": "inbound", "partner_type": "customer", "amount": 40,
        "partner_id": sim.ids().company_partner, "journal_id": sim.ids().journal_bank }]);
    let payment = call(&client, "account.payment", "create", vals, json!({})).await["result"].clone();
    call(
        &client,
        "account.payment",
        "action_post",
        json!([[payment]]),
        json!({}),
    )
    .await;
    let entry = sim.snapshot().payments[0].move_id.unwrap();
    let domain = json!([
        ["move_id", "=", entry],
        ["account_id.account_type", "=", "asset_receivable"]
    ]);
    let found = call(&client, "account.move.line", "search", json!([domain]), json!({})).await;
    let line = found["result"][0].clone();
    for id in [first, second] {
        let args = json!([[id], line]);
        call(
            &client,
            "account.move",
            "js_assign_outstanding_line",
            args,
            json!({}),
        )
        .await;
    }
    let after = sim.snapshot();
    let open = |id: i64| {
        let entry = after.moves.iter().find(|m| m.id == id).unwrap();
        (entry.payment_state.clone(), entry.residual)
    };
    assert_eq!(open(first), ("paid".to_owned(), 0));
    assert_eq!(open(second), ("partial".to_owned(), 2000));
}
