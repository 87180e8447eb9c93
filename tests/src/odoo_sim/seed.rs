//! The database a fresh simulator starts with: one US company with a small generic chart (`seed_chart.rs`), one warehouse
//! (`seed_stock.rs`), and three users; and further companies, with a chart or without.

use super::env::Env;
use super::error::Outcome;
use super::value::{In, MICRO, Val, Vals};
use super::{seed_chart, seed_stock};

/// Database ids of what is there from the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct SeedIds {
    pub company: i64,
    pub currency: i64,
    pub country: i64,
    pub company_partner: i64,
    pub accounts: Accounts,
    pub journal_misc: i64,
    pub journal_sale: i64,
    pub journal_purchase: i64,
    pub journal_cash: i64,
    pub journal_bank: i64,
    pub tax: i64,
    pub tax_group: i64,
    /// Repartition line of type `tax` for invoices: what an explicit tax line names.
    pub tax_line_invoice: i64,
    pub tax_line_refund: i64,
    pub unit: i64,
    /// Twelve units.
    pub dozen: i64,
    pub category: i64,
    pub warehouse: i64,
    pub stock_location: i64,
    pub customer_location: i64,
    pub supplier_location: i64,
    pub loss_location: i64,
    pub type_delivery: i64,
    pub type_receipt: i64,
    pub type_internal: i64,
    pub type_pos: i64,
}

/// Ids of the chart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Accounts {
    pub bank: i64,
    pub suspense: i64,
    pub outstanding_receipts: i64,
    pub outstanding_payments: i64,
    pub cash: i64,
    pub liquidity_transfer: i64,
    pub card_clearing: i64,
    pub stock_valuation: i64,
    pub receivable: i64,
    /// What customers without a name owe.
    pub pos_receivable: i64,
    pub payable: i64,
    pub tips_payable: i64,
    pub tax_payable: i64,
    pub gift_cards: i64,
    pub income: i64,
    pub discounts: i64,
    pub cash_gain: i64,
    pub cash_loss: i64,
    pub cogs: i64,
    pub expense: i64,
}

fn vals(pairs: &[(&'static str, Val)]) -> Vals {
    pairs.iter().map(|(f, v)| (*f, In::Val(v.clone()))).collect()
}

/// Makes records from the fields that this version has.
pub(crate) struct Sower<'s, 'd> {
    pub(crate) env: &'s mut Env<'d>,
}

impl Sower<'_, '_> {
    pub(crate) fn add(&mut self, model: &'static str, pairs: &[(&'static str, Val)]) -> Outcome<i64> {
        let known: Vals = vals(pairs)
            .into_iter()
            .filter(|(f, _)| self.env.has_field(model, f))
            .collect();
        self.env.create(model, known)
    }

    pub(crate) fn named(
        &mut self,
        xid: &str,
        model: &'static str,
        pairs: &[(&'static str, Val)],
    ) -> Outcome<i64> {
        let id = self.add(model, pairs)?;
        let (module, name) = super::convert::split_xid(xid);
        self.env.add_xid(&module, &name, model, id, true)?;
        Ok(id)
    }

    pub(crate) fn account(&mut self, code: &str, name: &str, kind: &str) -> Outcome<i64> {
        // what waits for the bank is matched with its statement one day
        let reconcile = Val::Bool(
            matches!(kind, "asset_receivable" | "liability_payable") || name.starts_with("Outstanding "),
        );
        self.add(
            "account.account",
            &[
                ("code", Val::str(code)),
                ("name", Val::str(name)),
                ("account_type", Val::str(kind)),
                ("reconcile", reconcile),
            ],
        )
    }

    pub(crate) fn journal(
        &mut self,
        code: &str,
        name: &str,
        kind: &str,
        account: Option<i64>,
    ) -> Outcome<i64> {
        self.add(
            "account.journal",
            &[
                ("code", Val::str(code)),
                ("name", Val::str(name)),
                ("type", Val::str(kind)),
                ("default_account_id", account.map_or(Val::Null, Val::Int)),
            ],
        )
    }

    pub(crate) fn location(&mut self, name: &str, usage: &str, parent: Option<i64>) -> Outcome<i64> {
        self.add(
            "stock.location",
            &[
                ("name", Val::str(name)),
                ("usage", Val::str(usage)),
                ("location_id", parent.map_or(Val::Null, Val::Int)),
            ],
        )
    }
}

/// Fills an empty database.
pub(crate) fn sow(env: &mut Env<'_>) -> Outcome<SeedIds> {
    let mut s = Sower { env };
    let mut ids = SeedIds {
        currency: s.named(
            "base.USD",
            "res.currency",
            &[
                ("name", Val::str("USD")),
                ("symbol", Val::str("$")),
                ("rounding", Val::Num(MICRO / 100)),
                ("decimal_places", Val::Int(2)),
            ],
        )?,
        country: s.named(
            "base.us",
            "res.country",
            &[("name", Val::str("United States")), ("code", Val::str("US"))],
        )?,
        ..SeedIds::default()
    };
    company(&mut s, &mut ids)?;
    users(&mut s, &ids)?;
    seed_chart::sow(&mut s, &mut ids)?;
    seed_stock::sow(&mut s, &mut ids)?;
    modules(&mut s)?;
    Ok(ids)
}

/// A further company with a warehouse, and a chart of accounts when wanted; `users` may work in it.
pub(crate) fn found(
    env: &mut Env<'_>,
    first: &SeedIds,
    name: &str,
    with_chart: bool,
    users: &[i64],
) -> Outcome<SeedIds> {
    let mut ids = SeedIds {
        currency: first.currency,
        country: first.country,
        unit: first.unit,
        dozen: first.dozen,
        category: first.category,
        supplier_location: first.supplier_location,
        customer_location: first.customer_location,
        ..SeedIds::default()
    };
    let company = vals(&[
        ("name", Val::str(name)),
        ("currency_id", Val::Int(ids.currency)),
        ("country_id", Val::Int(ids.country)),
    ]);
    ids.company = env.create("res.company", company)?;
    ids.company_partner = env
        .db
        .ref_id("res.company", ids.company, "partner_id")
        .unwrap_or(0);
    for user in users {
        let mut all = env.db.val("res.users", *user, "company_ids").ids().to_vec();
        if !all.contains(&ids.company) {
            all.push(ids.company);
        }
        env.db.set("res.users", *user, "company_ids", Val::Ids(all));
    }
    let context = std::mem::take(&mut env.ctx);
    env.ctx
        .insert("allowed_company_ids".into(), serde_json::json!([ids.company]));
    let mut s = Sower { env };
    let done = if with_chart {
        seed_chart::sow(&mut s, &mut ids)
    } else {
        Ok(())
    };
    env.ctx = context;
    done?;
    seed_stock::find(env, &mut ids);
    Ok(ids)
}

fn company(s: &mut Sower<'_, '_>, ids: &mut SeedIds) -> Outcome<()> {
    ids.company_partner = s.named(
        "base.main_partner",
        "res.partner",
        &[
            ("name", Val::str("My Company")),
            ("country_id", Val::Int(ids.country)),
            ("is_company", Val::Bool(true)),
        ],
    )?;
    ids.company = s.named(
        "base.main_company",
        "res.company",
        &[
            ("name", Val::str("My Company")),
            ("partner_id", Val::Int(ids.company_partner)),
            ("currency_id", Val::Int(ids.currency)),
            ("country_id", Val::Int(ids.country)),
            ("account_fiscal_country_id", Val::Int(ids.country)),
            ("anglo_saxon_accounting", Val::Bool(true)),
            ("tax_calculation_rounding_method", Val::str("round_per_line")),
        ],
    )?;
    Ok(())
}

fn users(s: &mut Sower<'_, '_>, ids: &SeedIds) -> Outcome<()> {
    for (name, login) in [
        ("OdooBot", "__system__"),
        ("Administrator", "admin"),
        ("POS bridge", "posbridge"),
        ("Reader", "readonly"),
    ] {
        let partner = s.add("res.partner", &[("name", Val::str(name))])?;
        let user = s.add(
            "res.users",
            &[
                ("name", Val::str(name)),
                ("login", Val::str(login)),
                ("partner_id", Val::Int(partner)),
                ("company_id", Val::Int(ids.company)),
                ("active", Val::Bool(login != "__system__")),
                ("tz", Val::str("America/New_York")),
                ("lang", Val::str("en_US")),
            ],
        )?;
        s.env
            .db
            .set("res.users", user, "company_ids", Val::Ids(vec![ids.company]));
    }
    Ok(())
}

fn modules(s: &mut Sower<'_, '_>) -> Outcome<()> {
    let version = format!("{}.1.0", s.env.version());
    for (name, installed) in [
        ("base", true),
        ("account", true),
        ("product", true),
        ("stock", true),
        ("stock_account", true),
        ("sale_management", true),
        ("point_of_sale", true),
        ("l10n_us", true),
        ("account_accountant", false),
        ("purchase", false),
        ("mrp", s.env.db.mrp),
    ] {
        let state = if installed { "installed" } else { "uninstalled" };
        let latest = if installed {
            Val::Str(version.clone())
        } else {
            Val::Null
        };
        s.add(
            "ir.module.module",
            &[
                ("name", Val::str(name)),
                ("state", Val::str(state)),
                ("latest_version", latest),
            ],
        )?;
    }
    Ok(())
}
