//! What recordings found there without having made it in a step of their own, and what people did between two steps.

use super::lab::Lab;
use serde_json::{Value, json};
use tillwire_e2e::odoo_sim::OdooVersion;

impl Lab {
    /// Makes what a recording found there without having made it in one of its own steps.
    pub(crate) fn prepare(&mut self, name: &str, steps: &[Value]) {
        let company = self.sim.ids().company;
        for lock in [
            "fiscalyear_lock_date",
            "tax_lock_date",
            "sale_lock_date",
            "period_lock_date",
        ] {
            let _ = self
                .sim
                .hands(|h| h.call("res.company", "write", &json!([[company], { lock: false }])));
        }
        let used = |method: &str| -> Vec<i64> {
            let steps = steps.iter().filter(|s| s["rpc"]["args"][4] == method);
            let mut ids: Vec<i64> = steps.filter_map(|s| s["rpc"]["args"][5][0][0].as_i64()).collect();
            ids.dedup();
            ids
        };
        match name.get(..3).unwrap_or("") {
            "e02" => self
                .sim
                .hands(|h| h.count_stock(self.product, self.stock, 100))
                .unwrap(),
            "e03" => {
                for (product, stock) in std::mem::take(&mut self.counts) {
                    self.sim
                        .hands(|h| h.count_stock(product, self.stock, stock))
                        .unwrap();
                }
            }
            "c14" => self.entries(&used("button_draft"), "2026-09-15", true),
            "b19" => self.entries(&used("button_draft"), "2026-11-20", true),
            "d00" if self.sim.version() == OdooVersion::V19 => {
                // the chart of 19 that was recorded has no journal for cash
                let cash = self.sim.ids().journal_cash;
                self.call("account.journal", "unlink", &json!([[cash]]));
            }
            "c16" => self.entries(&used("action_post"), "2026-11-20", false),
            "e08" => self.tracked_products(steps),
            "e14" => {
                let recorded = recorded_product(&steps[0]);
                let product = self.sim.add_product("LOST", true, 0);
                self.sim
                    .hands(|h| h.count_stock(product, self.stock, 100))
                    .unwrap();
                self.ids.learn("product.product", recorded, product);
            }
            "e22" => self.lot_of_load(&steps[0]),
            "f02" | "h02" | "h04" => {
                for id in steps.iter().filter_map(|s| s["rpc"]["args"][5][0][0].as_i64()) {
                    if !self.ids.knows("res.partner", id) {
                        let ours = self.create("res.partner", json!({ "name": "Somebody" }));
                        self.ids.learn("res.partner", id, ours);
                    }
                }
            }
            "g01" => {
                let belgium = self.create("res.country", json!({ "name": "Belgium", "code": "BE" }));
                self.ids.learn("res.country", 20, belgium);
            }
            "g02" => self.shop_with_customer(steps),
            "i01" => self.timed_products(steps),
            "e12" | "e13" => {
                let mut ids = used("button_validate");
                ids.sort_unstable();
                ids.dedup();
                for id in ids {
                    let ours = self.picking();
                    self.ids.learn("stock.picking", id, ours);
                }
            }
            _ => {}
        }
    }

    /// What somebody did between two recorded steps.
    pub(crate) fn before(&mut self, name: &str, step: &Value) {
        let note = step["note"].as_str().unwrap_or("");
        match (name.get(..3).unwrap_or(""), note) {
            ("b19", "XML-RPC: None") => {
                // the call before this one reset the entry, and somebody has posted it again
                let entry = self.sim.snapshot().moves.last().unwrap().id;
                self.call("account.move", "action_post", &json!([[entry]]));
            }
            ("e08", "with move_line_ids lot_id") => {
                let lot = self.ids.get("stock.lot", 1).unwrap();
                let product = self.call("stock.lot", "read", &json!([[lot], ["product_id"]]));
                let vals = json!([{ "product_id": product[0]["product_id"][0], "location_id": self.stock,
                    "lot_id": lot, "inventory_quantity_auto_apply": 10 }]);
                self.call("stock.quant", "create", &vals);
            }
            ("d04", "reconcile") => self.receivable_lines(step),
            ("c08", "limited user") => {
                let company = self.sim.ids().company;
                self.call(
                    "res.company",
                    "write",
                    &json!([[company], { "fiscalyear_lock_date": "2026-10-31" }]),
                );
            }
            ("e09", "archived product") => {
                self.sim.hands(|h| h.archive_product(self.consumable)).unwrap();
            }
            ("e09", "zero") => {
                self.call("product.product", "action_unarchive", &json!([[self.consumable]]));
            }
            _ => {}
        }
    }

    /// The recording does not show how it found the open lines of the latest payment and the latest invoice.
    fn receivable_lines(&mut self, step: &Value) {
        let recorded = &step["rpc"]["args"][5][0];
        for (at, kind) in ["entry", "out_invoice"].into_iter().enumerate() {
            let domain = json!([
                ["move_id.move_type", "=", kind],
                ["account_id.account_type", "=", "asset_receivable"],
                ["parent_state", "=", "posted"]
            ]);
            let found = self.call("account.move.line", "search", &json!([domain, 0, 1, "id desc"]));
            self.ids.learn(
                "account.move.line",
                recorded[at].as_i64().unwrap(),
                found[0].as_i64().unwrap(),
            );
        }
    }

    fn entries(&mut self, recorded: &[i64], day: &str, posted: bool) {
        let account = |id| self.ids.get("account.account", id).unwrap();
        let (cash, income) = (account(self.recorded.transfer), account(self.recorded.revenue));
        let journal = self
            .ids
            .get("account.journal", self.recorded.pos_journal)
            .unwrap();
        for id in recorded {
            let vals = json!({ "date": day, "journal_id": journal, "line_ids": [
                [0, 0, { "account_id": cash, "debit": 5 }], [0, 0, { "account_id": income, "credit": 5 }]] });
            let ours = self.create("account.move", vals);
            if posted {
                self.call("account.move", "action_post", &json!([[ours]]));
            }
            self.ids.learn("account.move", *id, ours);
        }
    }

    fn picking(&self) -> i64 {
        let mut line =
            json!({ "product_id": self.product, "product_uom_qty": 1, "quantity": 1, "picked": true });
        if self.sim.version() != OdooVersion::V19 {
            line["name"] = "HL".into();
        }
        self.create(
            "stock.picking",
            json!({ "picking_type_id": self.delivery, "move_ids": [[0, 0, line]] }),
        )
    }

    /// Products with lots and with serial numbers; the recording made them in steps that it does not show.
    fn tracked_products(&mut self, steps: &[Value]) {
        let mut recorded: Vec<i64> = Vec::new();
        for step in steps.iter().filter(|s| s["note"] == "create picking") {
            let line = &step["rpc"]["args"][5][0]["move_ids"][0][2];
            let product = line["product_id"].as_i64().unwrap();
            if !recorded.contains(&product) {
                recorded.push(product);
            }
        }
        for (recorded, tracking) in recorded.into_iter().zip(["lot", "serial"]) {
            let product = self.tracked_product(&tracking.to_uppercase(), tracking);
            self.ids.learn("product.product", recorded, product);
        }
    }

    /// The products that the smaller transfers name; they came from a list of which the recording keeps the start.
    fn timed_products(&mut self, steps: &[Value]) {
        for step in steps
            .iter()
            .filter(|s| s["note"] == "create 1" || s["note"] == "create 10")
        {
            let lines = step["rpc"]["args"][5][0]["move_ids"].as_array().unwrap();
            for recorded in lines.iter().map(|l| l[2]["product_id"].as_i64().unwrap()) {
                if !self.ids.knows("product.product", recorded) {
                    let ours = self.sim.add_product(&format!("T{recorded}"), true, 100);
                    self.ids.learn("product.product", recorded, ours);
                }
            }
        }
    }

    /// The customer of the first order, and a warehouse that delivers.
    fn shop_with_customer(&mut self, steps: &[Value]) {
        let recorded = steps[0]["rpc"]["args"][5][0]["partner_id"].as_i64().unwrap();
        let partner = self.create("res.partner", json!({ "name": "Customer" }));
        self.ids.learn("res.partner", recorded, partner);
        let house = self.ids.get("stock.warehouse", 2).unwrap();
        self.call(
            "stock.warehouse",
            "write",
            &json!([[house], { "out_type_id": self.delivery }]),
        );
        for code in ["FA", "FB"] {
            let found = self.call(
                "product.product",
                "search",
                &json!([[["default_code", "=", code]]]),
            );
            let product = found[0].as_i64().unwrap();
            self.sim
                .hands(|h| h.count_stock(product, self.stock, 50))
                .unwrap();
        }
    }

    fn tracked_product(&self, code: &str, tracking: &str) -> i64 {
        let product = self.sim.add_product(code, true, 0);
        self.call(
            "product.product",
            "write",
            &json!([[product], { "tracking": tracking }]),
        );
        product
    }

    /// The product with a lot that a recorded `load()` names in its second row, with stock.
    fn lot_of_load(&mut self, step: &Value) {
        let args = &step["rpc"]["args"][5];
        let column = |name: &str| {
            args[0]
                .as_array()
                .unwrap()
                .iter()
                .position(|f| f == name)
                .unwrap()
        };
        let cell = |name: &str| args[1][1][column(name)].as_str().unwrap().parse::<i64>().unwrap();
        let (recorded, recorded_lot) = (
            cell("move_ids/product_id/.id"),
            cell("move_ids/move_line_ids/lot_id/.id"),
        );
        let product = self.tracked_product("LOT2", "lot");
        let company = self.sim.ids().company;
        let lot = self.create(
            "stock.lot",
            json!({ "name": "L2", "product_id": product, "company_id": company }),
        );
        let count = json!({ "product_id": product, "location_id": self.stock, "lot_id": lot,
            "inventory_quantity_auto_apply": 10 });
        self.create("stock.quant", count);
        self.ids.learn("product.product", recorded, product);
        self.ids.learn("stock.lot", recorded_lot, lot);
    }
}

/// The product that a search names in its first condition.
fn recorded_product(step: &Value) -> i64 {
    step["rpc"]["args"][5][0][0][2].as_i64().unwrap()
}
