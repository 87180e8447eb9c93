//! What scenarios need in a company, made under external ids of their own and only when it is not there yet.

use serde_json::{Value, json};
use tillwire_e2e::odoo_api::OdooApi;

/// A company that is ready for scenarios.
#[derive(Debug, Clone)]
pub(crate) struct Company {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) currency: String,
    /// Code of a journal of type Miscellaneous.
    pub(crate) journal: &'static str,
    /// Code of a warehouse.
    pub(crate) warehouse: &'static str,
    /// Account codes.
    pub(crate) cash: &'static str,
    pub(crate) revenue: &'static str,
    pub(crate) tax_payable: &'static str,
    /// Name of a sale tax of 8.25 % whose amount goes to `tax_payable`.
    pub(crate) tax: &'static str,
    /// Code of a journal of type Sales.
    pub(crate) invoices: &'static str,
    /// Code of a receivable account.
    pub(crate) receivable: &'static str,
    /// Internal reference of a contact that owes on it.
    pub(crate) walk_in: String,
    /// Item numbers of two storable products.
    pub(crate) goods: [&'static str; 2],
    /// Item number of a product that is tracked by lot, of which no lot is there.
    pub(crate) tracked: &'static str,
}

const ACCOUNTS: [(&str, &str, &str); 3] = [
    ("TWR1010", "Tillwire scenarios: cash", "asset_cash"),
    ("TWR2510", "Tillwire scenarios: tax owed", "liability_current"),
    ("TWR4000", "Tillwire scenarios: sales", "income"),
];

impl Company {
    /// From its row with `name` and `currency_id`.
    pub(crate) fn of(row: &Value) -> Self {
        Self {
            id: row["id"].as_i64().unwrap(),
            name: row["name"].as_str().unwrap().to_owned(),
            currency: row["currency_id"][1].as_str().unwrap().to_owned(),
            journal: "TWR",
            warehouse: "TWR",
            cash: ACCOUNTS[0].0,
            tax_payable: ACCOUNTS[1].0,
            revenue: ACCOUNTS[2].0,
            tax: "Tillwire scenarios 8.25%",
            invoices: "TWRI",
            receivable: "TWR1210",
            walk_in: format!("TWR-WALK-IN-{}", row["id"]),
            goods: ["TWR-A", "TWR-B"],
            tracked: "TWR-LOT",
        }
    }

    /// The context in which Odoo works in this company alone.
    pub(crate) fn context(&self) -> Value {
        json!({ "allowed_company_ids": [self.id] })
    }
}

/// Prepares the first two companies that have a chart of accounts.
pub(crate) async fn prepare(admin: &OdooApi) -> Vec<Company> {
    let fields = ["name", "currency_id", "chart_template"];
    let rows = admin.search("res.company", json!([]), &fields).await.unwrap();
    let mut ready = Vec::new();
    for row in rows
        .iter()
        .filter(|row| row["chart_template"].is_string())
        .take(2)
    {
        let company = Company::of(row);
        make(admin, &company).await;
        ready.push(company);
    }
    ready
}

/// Makes what scenarios need in a company.
async fn make(admin: &OdooApi, company: &Company) {
    make_untaxed(admin, company).await;
    Maker { admin, company }.tax().await;
}

/// The same without a tax, which a company without a chart of accounts has no group for.
pub(crate) async fn make_untaxed(admin: &OdooApi, company: &Company) {
    Maker { admin, company }.make().await;
}

/// The database id behind an external id.
pub(crate) async fn by_external_id(admin: &OdooApi, name: &str) -> i64 {
    let (module, name) = name.split_once('.').unwrap();
    let domain = json!([["module", "=", module], ["name", "=", name]]);
    let rows = admin.search("ir.model.data", domain, &["res_id"]).await.unwrap();
    rows.first().and_then(|row| row["res_id"].as_i64()).unwrap()
}

struct Maker<'a> {
    admin: &'a OdooApi,
    company: &'a Company,
}

impl Maker<'_> {
    async fn make(&self) {
        let accounts = ACCOUNTS.map(|(code, name, kind)| vec![json!(code), json!(name), json!(kind)]);
        self.load("account.account", &["code", "name", "account_type"], &accounts)
            .await;
        let journal = [
            json!(self.company.journal),
            json!("Tillwire scenarios"),
            json!("general"),
        ];
        self.load("account.journal", &["code", "name", "type"], &[journal.to_vec()])
            .await;
        let house = format!("Tillwire scenarios {}", self.company.id);
        let row = vec![json!(self.company.warehouse), json!(house)];
        self.load("stock.warehouse", &["code", "name"], &[row]).await;
        self.goods().await;
        self.invoices().await;
    }

    async fn invoices(&self) {
        let row = [self.company.invoices, "Tillwire scenarios: invoices", "sale"].map(|cell| json!(cell));
        self.load("account.journal", &["code", "name", "type"], &[row.to_vec()])
            .await;
        let row = [
            self.company.receivable,
            "Tillwire scenarios: owed",
            "asset_receivable",
            "1",
        ];
        let columns = ["code", "name", "account_type", "reconcile"];
        self.load(
            "account.account",
            &columns,
            &[row.map(|cell| json!(cell)).to_vec()],
        )
        .await;
        let found = self
            .search("res.partner", json!([["ref", "=", self.company.walk_in]]))
            .await;
        if !found.is_empty() {
            return;
        }
        let code = json!([["code", "=", self.company.receivable]]);
        let account = self.search("account.account", code).await;
        let vals = json!({ "name": self.company.walk_in, "ref": self.company.walk_in,
            "property_account_receivable_id": account[0] });
        self.call("res.partner", "create", json!([vals])).await;
    }

    /// Goods belong to all companies, so they are made once.
    async fn goods(&self) {
        let (column, storable) = if self.admin.major <= 17 {
            ("detailed_type", "product")
        } else {
            ("is_storable", "1")
        };
        let [first, second] = self.company.goods;
        let goods = [(first, "none"), (second, "none"), (self.company.tracked, "lot")];
        let rows = goods.map(|(code, tracking)| {
            let id = format!("tillwire_real.{}", code.to_lowercase().replace('-', "_"));
            [&id, code, code, storable, tracking]
                .map(|cell| json!(cell))
                .to_vec()
        });
        let columns = ["id", "default_code", "name", column, "tracking"];
        self.admin.load("product.product", &columns, &rows).await.unwrap();
    }

    /// The tax's shares are made by Odoo; the account is put on them once.
    async fn tax(&self) {
        let name = self.company.tax;
        let found = self.search("account.tax", json!([["name", "=", name]])).await;
        if !found.is_empty() {
            return;
        }
        let vals = json!({ "name": name, "amount": 8.25, "amount_type": "percent", "type_tax_use": "sale" });
        let tax = self.call("account.tax", "create", json!([vals])).await;
        let account = self
            .search(
                "account.account",
                json!([["code", "=", self.company.tax_payable]]),
            )
            .await;
        let shares = json!([["tax_id", "=", tax], ["repartition_type", "=", "tax"]]);
        for share in self.search("account.tax.repartition.line", shares).await {
            let vals = json!({ "account_id": account[0] });
            self.call("account.tax.repartition.line", "write", json!([[share], vals]))
                .await;
        }
    }

    /// Each row is one record; its first cell names it.
    async fn load(&self, model: &str, columns: &[&str], rows: &[Vec<Value>]) {
        let named = |row: &Vec<Value>| {
            let name = row[0].as_str().unwrap_or_default().to_lowercase();
            let id = format!(
                "tillwire_real.c{}_{}_{name}",
                self.company.id,
                model.replace('.', "_")
            );
            [vec![json!(id)], row.clone()].concat()
        };
        let rows: Vec<Vec<Value>> = rows.iter().map(named).collect();
        let columns = [&["id"], columns].concat();
        let mut context = self.company.context();
        context["mode"] = json!("update");
        context["noupdate"] = json!(true);
        let answer = self
            .admin
            .call(
                model,
                "load",
                json!([columns, rows]),
                json!({ "context": context }),
            )
            .await;
        let answer = answer.unwrap();
        assert!(answer["ids"].is_array(), "{model}: {answer}");
    }

    async fn search(&self, model: &str, domain: Value) -> Vec<i64> {
        let found = self.call(model, "search", json!([domain])).await;
        found
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_i64)
            .collect()
    }

    async fn call(&self, model: &str, method: &str, args: Value) -> Value {
        let named = json!({ "context": self.company.context() });
        self.admin.call(model, method, args, named).await.unwrap()
    }
}
