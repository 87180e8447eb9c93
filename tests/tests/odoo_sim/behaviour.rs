//! What a poster meets that no recording shows by itself.

use super::client::{Client, started};
use serde_json::{Value, json};
use std::time::Duration;
use tillwire_e2e::odoo_sim::{OdooSim, OdooVersion, Role};
use tokio::io::AsyncWriteExt;

/// A delivery of one product, by `load()` under an external id.
async fn deliver(sim: &OdooSim, client: &Client, xid: &str, product: i64, quantity: &str) -> Value {
    let ids = sim.ids();
    let mut fields = vec![
        "id",
        "picking_type_id/.id",
        "location_id/.id",
        "location_dest_id/.id",
        "move_ids/product_id/.id",
        "move_ids/product_uom_qty",
        "move_ids/quantity",
        "move_ids/picked",
    ];
    let mut row = vec![
        json!(xid),
        json!(ids.type_delivery),
        json!(ids.stock_location),
        json!(ids.customer_location),
        json!(product),
        json!(quantity),
        json!(quantity),
        json!("True"),
    ];
    if sim.version() != OdooVersion::V19 {
        fields.push("move_ids/name");
        row.push(json!("sold"));
    }
    let context = json!({ "context": { "mode": "update", "noupdate": true } });
    client
        .call("stock.picking", "load", json!([fields, [row]]), context)
        .await
        .unwrap()
        .1["result"]
        .clone()
}

#[tokio::test]
async fn deliveries_move_stock_once_and_below_zero() {
    for version in OdooVersion::ALL {
        let (sim, client) = started(version).await;
        let mug = sim.add_product("MUG", true, 2);
        for _ in 0..2 {
            let made = deliver(&sim, &client, "t.p1", mug, "5").await;
            let id = made["ids"][0].as_i64().unwrap();
            let (_, done) = client
                .call("stock.picking", "button_validate", json!([[id]]), json!({}))
                .await
                .unwrap();
            assert!(
                done.get("result").is_some() || version != OdooVersion::V19,
                "{version}: {done}"
            );
        }
        let after = sim.snapshot();
        assert_eq!(after.on_hand("MUG"), -3_000_000, "{version}");
        assert_eq!(after.picking_by_xid("t.p1").unwrap().state, "done");
        assert_eq!(after.pickings.len(), 1);
    }
}

#[tokio::test]
async fn split_quants_still_sum_to_the_stock() {
    let (sim, client) = started(OdooVersion::V19).await;
    let mug = sim.add_product("MUG", true, 10);
    sim.set_split_quants(true);
    for xid in ["t.p1", "t.p2"] {
        let id = deliver(&sim, &client, xid, mug, "3").await["ids"][0]
            .as_i64()
            .unwrap();
        client
            .call("stock.picking", "button_validate", json!([[id]]), json!({}))
            .await
            .unwrap();
    }
    let after = sim.snapshot();
    assert_eq!(after.on_hand("MUG"), 4_000_000);
    assert_eq!(after.quants.iter().filter(|q| q.usage == "internal").count(), 3);
}

#[tokio::test]
async fn write_date_cursor_differs_between_versions() {
    for version in OdooVersion::ALL {
        let (sim, mut client) = started(version).await;
        (client.key, client.uid) = (sim.key_of(Role::Admin), 2);
        sim.add_product("MUG", true, 10);
        let fields = json!({ "fields": ["write_date"] });
        let (_, all) = client
            .call("stock.quant", "search_read", json!([[]]), fields)
            .await
            .unwrap();
        let stamp = all["result"][0]["write_date"].as_str().unwrap().to_owned();
        assert_eq!(stamp.len(), 19);
        let later = json!([[["write_date", ">", stamp]]]);
        let (_, found) = client
            .call("stock.quant", "search_count", later, json!({}))
            .await
            .unwrap();
        // 17 and 18 keep microseconds that they do not show, so the row is later than itself
        assert_eq!(
            found["result"],
            json!(u8::from(version != OdooVersion::V19)),
            "{version}"
        );
        let since = json!([[["write_date", ">=", stamp]]]);
        let (_, found) = client
            .call("stock.quant", "search_count", since, json!({}))
            .await
            .unwrap();
        assert_eq!(found["result"], 1, "{version}");
    }
}

#[tokio::test]
async fn a_client_that_hangs_up_does_not_stop_its_call() {
    let (sim, client) = started(OdooVersion::V18).await;
    sim.set_latency(Duration::from_millis(100));
    let args = json!([sim.db(), client.uid, client.key, "res.partner", "create", [{ "name": "Gone" }]]);
    let body = json!({ "jsonrpc": "2.0", "id": 1,
        "params": { "service": "object", "method": "execute_kw", "args": args } })
    .to_string();
    let head = format!(
        "POST /jsonrpc HTTP/1.1\r\nHost: odoo\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let address = sim.url().trim_start_matches("http://").to_owned();
    // the whole request, then gone: it is executed; half a request, then gone: nothing happens
    for part in [&body[..], &body[..body.len() / 2]] {
        let mut socket = tokio::net::TcpStream::connect(&address).await.unwrap();
        socket.write_all(head.as_bytes()).await.unwrap();
        socket.write_all(part.as_bytes()).await.unwrap();
        drop(socket);
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    assert_eq!(sim.call_counts()["res.partner.create"], 1);
}

#[tokio::test]
async fn unbalanced_entries_with_taxes_are_balanced_in_silence() {
    let (sim, client) = started(OdooVersion::V18).await;
    let ids = sim.ids().clone();
    let vals = json!({ "journal_id": ids.journal_misc, "line_ids": [
        [0, 0, { "account_id": ids.accounts.cash, "debit": 108 }],
        [0, 0, { "account_id": ids.accounts.income, "credit": 100, "tax_ids": [[6, 0, [ids.tax]]] }],
        [0, 0, { "account_id": ids.accounts.tax_payable, "credit": 8.27, "tax_repartition_line_id": ids.tax_line_invoice }]
    ] });
    client
        .call("account.move", "create", json!([vals]), json!({}))
        .await
        .unwrap();
    let entry = &sim.snapshot().moves[0];
    assert_eq!(entry.lines.len(), 4);
    assert_eq!(entry.lines[3].account_code, "101402");
    assert_eq!(entry.lines[3].debit, 27);
}

#[tokio::test]
async fn integration_user_sees_its_own_key_and_rights() {
    let (sim, client) = started(OdooVersion::V18).await;
    let _ = sim.expiring_key(Role::Admin, Duration::from_secs(60));
    let domain = json!([[["user_id", "!=", 3]]]);
    let (_, keys) = client
        .call("res.users.apikeys", "search_count", domain, json!({}))
        .await
        .unwrap();
    assert_eq!(keys["result"], 0);
    let (_, me) = client
        .call("res.users", "context_get", json!([]), json!({}))
        .await
        .unwrap();
    assert_eq!(me["result"]["uid"], 3);
    for (model, operation, expected) in [
        ("account.move", "create", true),
        ("account.account", "create", false),
        ("res.users", "write", false),
    ] {
        let (_, may) = client
            .call(model, "has_access", json!([[], operation]), json!({}))
            .await
            .unwrap();
        assert_eq!(may["result"], expected, "{model} {operation}");
    }
}

#[tokio::test]
async fn edited_entries_show_in_the_next_reading() {
    let (sim, client) = started(OdooVersion::V18).await;
    client.load_entry(&sim, "t.a").await.unwrap();
    client
        .call("account.move", "action_post", json!([[1]]), json!({}))
        .await
        .unwrap();
    sim.hands(|h| h.edit_amounts(h.find("t.a").unwrap(), 100))
        .unwrap();
    let entry = sim.snapshot().move_by_xid("t.a").unwrap().clone();
    assert_eq!((entry.state.as_str(), entry.lines[0].debit), ("posted", 1150));
}

#[tokio::test]
async fn new_warehouse_brings_locations_and_transfer_types() {
    for version in OdooVersion::ALL {
        let (sim, mut client) = started(version).await;
        (client.key, client.uid) = (sim.key_of(Role::Admin), 2);
        let vals = json!([{ "name": "Store 2", "code": "ST2" }]);
        let (_, made) = client
            .call("stock.warehouse", "create", vals.clone(), json!({}))
            .await
            .unwrap();
        let fields = json!([[made["result"]], ["lot_stock_id", "out_type_id", "in_type_id"]]);
        let (_, read) = client
            .call("stock.warehouse", "read", fields, json!({}))
            .await
            .unwrap();
        assert_eq!(read["result"][0]["lot_stock_id"][1], "ST2/Stock", "{version}");
        assert_eq!(
            read["result"][0]["out_type_id"][1], "Store 2: Delivery Orders",
            "{version}"
        );
        let (_, twice) = client
            .call("stock.warehouse", "create", vals, json!({}))
            .await
            .unwrap();
        assert_eq!(
            twice["error"]["data"]["name"], "odoo.exceptions.ValidationError",
            "{version}"
        );
    }
}
