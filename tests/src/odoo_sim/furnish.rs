//! What a test puts into a simulator before it starts: products, kits, companies.

use super::seed::{self, SeedIds};
use super::value::{In, MICRO, Val, Vals};
use super::{OdooSim, OdooVersion, stock_quant};
use serde_json::{Value, json};

impl OdooSim {
    /// Adds a product with its code as name, and `stock` whole units at the warehouse when it is storable.
    ///
    /// # Panics
    /// When the code is refused, which it is not.
    pub fn add_product(&self, code: &str, storable: bool, stock: i64) -> i64 {
        self.inner.with_env(|env| {
            let kind = if storable && self.version() == OdooVersion::V17 {
                "product"
            } else {
                "consu"
            };
            let mut vals = Vals::from([
                ("name", In::Val(Val::str(code))),
                ("default_code", In::Val(Val::str(code))),
                ("type", In::Val(Val::str(kind))),
            ]);
            if self.version() != OdooVersion::V17 {
                vals.insert("is_storable", In::Val(Val::Bool(storable)));
            }
            let id = env
                .create("product.product", vals)
                .expect("a product with a code and a name is accepted");
            if stock != 0 {
                stock_quant::add(env, id, self.ids.stock_location, None, stock * MICRO);
            }
            id
        })
    }

    /// Adds a company with a warehouse of its own, in which the administrator and the integration user may work; with the
    /// same chart of accounts, journals and tax as the first, or with none.
    ///
    /// # Panics
    /// When its parts are refused, which they are not while its name begins unlike that of every other.
    pub fn add_company(&self, name: &str, with_chart: bool) -> SeedIds {
        self.inner
            .with_env(|env| seed::found(env, &self.ids, name, with_chart, &[2, 3]))
            .expect("a company with a name of its own is accepted")
    }

    /// Adds a kit of the manufacturing app: `parts` are products and whole units of each.
    ///
    /// # Panics
    /// When the simulator was started without that app.
    pub fn add_kit(&self, code: &str, parts: &[(i64, i64)]) -> i64 {
        let kit = self.add_product(code, false, 0);
        let lines: Vec<Value> = parts
            .iter()
            .map(|(part, n)| json!([0, 0, { "product_id": part, "product_qty": n, "product_uom_id": self.ids.unit }]))
            .collect();
        self.hands(|h| {
            let template = h.call("product.product", "read", &json!([[kit], ["product_tmpl_id"]]))?;
            let vals = json!([{ "type": "phantom", "product_qty": 1, "product_uom_id": self.ids.unit,
                "product_tmpl_id": template[0]["product_tmpl_id"][0], "bom_line_ids": lines }]);
            h.call("mrp.bom", "create", &vals)
        })
        .expect("the manufacturing app is installed");
        kit
    }
}
