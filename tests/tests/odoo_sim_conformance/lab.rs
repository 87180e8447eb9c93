//! The lab in which the recordings were made, rebuilt in a simulator.

use super::ids::Ids;
use serde_json::{Value, json};
use std::time::Duration;
use tillwire_e2e::odoo_sim::{OdooSim, OdooVersion};

/// Recorded ids of the lab's own records, per version 17, 18, 19.
pub(crate) struct Recorded {
    pub(crate) transfer: i64,
    card: i64,
    tax_payable: i64,
    pub(crate) revenue: i64,
    revenue_untaxed: i64,
    over_short: i64,
    suspense: i64,
    receivable: i64,
    outstanding: [i64; 2],
    pub(crate) pos_journal: i64,
    sale_journal: i64,
    tax: i64,
    tax_line: i64,
    tax_line_refund: i64,
    tax_group: i64,
    partner: i64,
    stock: i64,
    customers: i64,
    adjustment: i64,
    delivery: i64,
    products: [i64; 9],
}

const RECORDED: [Recorded; 3] = [
    Recorded {
        transfer: 46,
        card: 48,
        tax_payable: 50,
        revenue: 51,
        revenue_untaxed: 52,
        over_short: 53,
        suspense: 43,
        receivable: 6,
        outstanding: [44, 45],
        pos_journal: 10,
        sale_journal: 11,
        tax: 3,
        tax_line: 10,
        tax_line_refund: 12,
        tax_group: 1,
        partner: 53,
        stock: 18,
        customers: 5,
        adjustment: 14,
        delivery: 8,
        products: [8, 9, 10, 11, 21, 22, 23, 1047, 1046],
    },
    Recorded {
        transfer: 48,
        card: 52,
        tax_payable: 54,
        revenue: 55,
        revenue_untaxed: 56,
        over_short: 57,
        suspense: 47,
        receivable: 7,
        outstanding: [49, 50],
        pos_journal: 9,
        sale_journal: 10,
        tax: 3,
        tax_line: 10,
        tax_line_refund: 12,
        tax_group: 1,
        partner: 54,
        stock: 18,
        customers: 5,
        adjustment: 14,
        delivery: 11,
        products: [7, 8, 9, 10, 20, 25, 27, 1052, 1045],
    },
    Recorded {
        transfer: 47,
        card: 51,
        tax_payable: 53,
        revenue: 54,
        revenue_untaxed: 55,
        over_short: 56,
        suspense: 46,
        receivable: 5,
        outstanding: [48, 49],
        pos_journal: 8,
        sale_journal: 9,
        tax: 5,
        tax_line: 18,
        tax_line_refund: 20,
        tax_group: 1,
        partner: 58,
        stock: 14,
        customers: 2,
        adjustment: 11,
        delivery: 11,
        products: [7, 8, 9, 10, 20, 21, 22, 1052, 1045],
    },
];

pub(crate) struct Lab {
    pub(crate) sim: OdooSim,
    pub(crate) http: reqwest::Client,
    pub(crate) ids: Ids,
    pub(crate) recorded: &'static Recorded,
    pub(crate) stock: i64,
    customers: i64,
    pub(crate) delivery: i64,
    pub(crate) product: i64,
    pub(crate) consumable: i64,
    /// Counts made before the first recording about stock.
    pub(crate) counts: Vec<(i64, i64)>,
}

impl Lab {
    pub(crate) async fn start(version: OdooVersion) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let sim = OdooSim::builder(version)
            .now("2026-11-21T08:00:00Z".parse().unwrap())
            .start()
            .await
            .unwrap();
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(10))
            .build()
            .unwrap();
        let recorded = match version {
            OdooVersion::V17 => &RECORDED[0],
            OdooVersion::V18 => &RECORDED[1],
            OdooVersion::V19 => &RECORDED[2],
        };
        let mut lab = Self {
            sim,
            http,
            ids: Ids::default(),
            recorded,
            stock: 0,
            customers: 0,
            delivery: 0,
            product: 0,
            consumable: 0,
            counts: vec![],
        };
        lab.accounting();
        lab.inventory();
        lab
    }

    pub(crate) fn call(&self, model: &str, method: &str, args: &Value) -> Value {
        self.sim
            .hands(|h| h.call(model, method, args))
            .unwrap_or_else(|e| panic!("{model}.{method} {args}: {e}"))
    }

    pub(crate) fn create(&self, model: &str, vals: Value) -> i64 {
        self.call(model, "create", &json!([vals])).as_i64().unwrap()
    }

    fn accounting(&mut self) {
        let (r, seed) = (self.recorded, self.sim.ids().clone());
        let account = |lab: &Self, code: &str, name: &str, kind: &str| {
            lab.create(
                "account.account",
                json!({ "code": code, "name": name, "account_type": kind }),
            )
        };
        let tax_payable = account(self, "220101", "Sales Tax Payable (lab)", "liability_current");
        let accounts = [
            (r.transfer, seed.accounts.liquidity_transfer),
            (r.card, seed.accounts.card_clearing),
            (r.suspense, seed.accounts.suspense),
            (r.receivable, seed.accounts.receivable),
            (r.outstanding[0], seed.accounts.outstanding_receipts),
            (r.outstanding[1], seed.accounts.outstanding_payments),
            (r.tax_payable, tax_payable),
            (r.revenue, account(self, "400001", "POS Revenue", "income")),
            (
                r.revenue_untaxed,
                account(self, "400002", "POS Revenue Non-taxable", "income"),
            ),
            (
                r.over_short,
                account(self, "499901", "Cash Over/Short", "expense"),
            ),
        ];
        for (recorded, ours) in accounts {
            self.ids.learn("account.account", recorded, ours);
        }
        let journal = |lab: &Self, code: &str, name: &str, kind: &str| {
            lab.create(
                "account.journal",
                json!({ "code": code, "name": name, "type": kind }),
            )
        };
        let pos = journal(self, "HPOS", "Heartland POS", "general");
        let sale = journal(self, "HSAL", "Heartland Sales", "sale");
        self.ids.learn("account.journal", r.pos_journal, pos);
        self.ids.learn("account.journal", r.sale_journal, sale);
        let tax = self.create(
            "account.tax",
            json!({ "name": "CA 8.25%", "amount": 8.25, "type_tax_use": "sale" }),
        );
        self.ids.learn("account.tax", r.tax, tax);
        self.ids.learn("account.tax.group", r.tax_group, seed.tax_group);
        let domain = json!([
            [["tax_id", "=", tax], ["repartition_type", "=", "tax"]],
            0,
            0,
            "document_type"
        ]);
        let lines = self.call("account.tax.repartition.line", "search", &domain);
        self.call(
            "account.tax.repartition.line",
            "write",
            &json!([lines, { "account_id": tax_payable }]),
        );
        for (recorded, ours) in [r.tax_line, r.tax_line_refund]
            .into_iter()
            .zip(lines.as_array().unwrap())
        {
            self.ids
                .learn("account.tax.repartition.line", recorded, ours.as_i64().unwrap());
        }
        let partner = self.create("res.partner", json!({ "name": "POS Walk-in" }));
        self.ids.learn("res.partner", r.partner, partner);
        self.ids.learn("res.partner", 1, seed.company_partner);
        self.ids.learn("res.company", 1, seed.company);
        self.ids.learn("res.country", 233, seed.country);
    }

    fn inventory(&mut self) {
        let (r, seed) = (self.recorded, self.sim.ids().clone());
        let view = self.create("stock.location", json!({ "name": "ST1", "usage": "view" }));
        self.stock = self.create(
            "stock.location",
            json!({ "name": "Stock", "usage": "internal", "location_id": view }),
        );
        let house =
            json!({ "name": "Store 1", "code": "ST1", "view_location_id": view, "lot_stock_id": self.stock });
        let house = self.create("stock.warehouse", house);
        self.customers = seed.customer_location;
        self.delivery = self.create(
            "stock.picking.type",
            json!({ "name": "Delivery Orders", "code": "outgoing", "sequence_code": "OUT", "warehouse_id": house,
                "default_location_src_id": self.stock, "default_location_dest_id": self.customers,
                "return_picking_type_id": seed.type_receipt }),
        );
        self.ids.learn("stock.location", r.stock, self.stock);
        self.ids.learn("stock.location", r.customers, self.customers);
        self.ids.learn("stock.location", r.adjustment, seed.loss_location);
        self.ids.learn("stock.picking.type", r.delivery, self.delivery);
        self.ids.learn("stock.warehouse", 2, house);
        self.ids.learn("uom.uom", 1, seed.unit);
        let plan = [
            ("A", true, 100),
            ("B", true, 20),
            ("C", false, 0),
            ("S", false, 0),
            ("Z", true, 2),
            ("FA", true, 10),
            ("FB", true, 20),
            ("X", true, 50),
            ("Y", true, 0),
        ];
        for ((code, storable, stock), recorded) in plan.into_iter().zip(r.products) {
            let product = self.sim.add_product(code, storable, 0);
            if stock > 0 {
                self.counts.push((product, stock));
            }
            self.ids.learn("product.product", recorded, product);
            match code {
                "A" => self.product = product,
                "C" => self.consumable = product,
                _ => {}
            }
        }
    }
}
