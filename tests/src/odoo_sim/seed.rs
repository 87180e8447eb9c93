//! The database a fresh simulator starts with: one US company with a small generic chart, journals, a sales tax,
//! one warehouse, and three users. Account numbers and names are those of Odoo's generic chart where it has them.

use super::env::Env;
use super::error::Outcome;
use super::value::{In, MICRO, Val, Vals};
use super::version::OdooVersion;

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

struct Sower<'s, 'd> {
    env: &'s mut Env<'d>,
}

impl Sower<'_, '_> {
    fn add(&mut self, model: &'static str, pairs: &[(&'static str, Val)]) -> Outcome<i64> {
        let known: Vals = vals(pairs)
            .into_iter()
            .filter(|(f, _)| self.env.has_field(model, f))
            .collect();
        self.env.create(model, known)
    }

    fn named(&mut self, xid: &str, model: &'static str, pairs: &[(&'static str, Val)]) -> Outcome<i64> {
        let id = self.add(model, pairs)?;
        let (module, name) = super::convert::split_xid(xid);
        self.env.add_xid(&module, &name, model, id, true)?;
        Ok(id)
    }

    fn account(&mut self, code: &str, name: &str, kind: &str) -> Outcome<i64> {
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

    fn journal(&mut self, code: &str, name: &str, kind: &str, account: Option<i64>) -> Outcome<i64> {
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

    fn location(&mut self, name: &str, usage: &str, parent: Option<i64>) -> Outcome<i64> {
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
    chart(&mut s, &mut ids)?;
    journals(&mut s, &mut ids)?;
    tax(&mut s, &mut ids)?;
    stock(&mut s, &mut ids)?;
    modules(&mut s)?;
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
            ("chart_template", Val::str("generic_coa")),
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

fn chart(s: &mut Sower<'_, '_>, ids: &mut SeedIds) -> Outcome<()> {
    ids.accounts = Accounts {
        bank: s.account("101401", "Bank", "asset_cash")?,
        suspense: s.account("101402", "Bank Suspense Account", "asset_current")?,
        outstanding_receipts: s.account("101403", "Outstanding Receipts", "asset_current")?,
        outstanding_payments: s.account("101404", "Outstanding Payments", "asset_current")?,
        cash: s.account("101501", "Cash", "asset_cash")?,
        liquidity_transfer: s.account("101701", "Liquidity Transfer", "asset_current")?,
        card_clearing: s.account("101702", "POS Card Clearing", "asset_current")?,
        stock_valuation: s.account("110100", "Stock Valuation", "asset_current")?,
        receivable: s.account("121000", "Account Receivable", "asset_receivable")?,
        payable: s.account("211000", "Account Payable", "liability_payable")?,
        tips_payable: s.account("230300", "Tips Payable", "liability_current")?,
        tax_payable: s.account("251000", "Tax Received", "liability_current")?,
        gift_cards: s.account("260100", "Gift Cards and Store Credit", "liability_current")?,
        income: s.account("400000", "Product Sales", "income")?,
        discounts: s.account("443000", "Sales Discounts", "income")?,
        cash_gain: s.account("442000", "Cash Difference Gain", "income")?,
        cash_loss: s.account("642000", "Cash Difference Loss", "expense")?,
        cogs: s.account("500000", "Cost of Goods Sold", "expense_direct_cost")?,
        expense: s.account("600000", "Expenses", "expense")?,
        pos_receivable: s.account("101300", "Account Receivable (PoS)", "asset_receivable")?,
    };
    let a = ids.accounts.clone();
    let company = ids.company;
    for (field, account) in [
        ("account_journal_suspense_account_id", a.suspense),
        ("transfer_account_id", a.liquidity_transfer),
        ("default_cash_difference_income_account_id", a.cash_gain),
        ("default_cash_difference_expense_account_id", a.cash_loss),
        ("account_default_pos_receivable_account_id", a.pos_receivable),
        ("account_journal_payment_debit_account_id", a.outstanding_receipts),
        (
            "account_journal_payment_credit_account_id",
            a.outstanding_payments,
        ),
    ] {
        if s.env.has_field("res.company", field) {
            s.env.db.set("res.company", company, field, Val::Int(account));
        }
    }
    for (role, account) in [
        ("account_journal_payment_debit_account_id", a.outstanding_receipts),
        (
            "account_journal_payment_credit_account_id",
            a.outstanding_payments,
        ),
        ("property_account_receivable_id", a.receivable),
        ("property_account_payable_id", a.payable),
    ] {
        s.env.add_xid(
            "account",
            &format!("{company}_{role}"),
            "account.account",
            account,
            true,
        )?;
    }
    Ok(())
}

fn journals(s: &mut Sower<'_, '_>, ids: &mut SeedIds) -> Outcome<()> {
    let a = ids.accounts.clone();
    ids.journal_sale = s.journal("INV", "Customer Invoices", "sale", Some(a.income))?;
    ids.journal_purchase = s.journal("BILL", "Vendor Bills", "purchase", Some(a.expense))?;
    ids.journal_misc = s.journal("MISC", "Miscellaneous Operations", "general", None)?;
    s.journal("EXCH", "Exchange Difference", "general", None)?;
    s.journal("CABA", "Cash Basis Taxes", "general", None)?;
    ids.journal_bank = s.journal("BNK1", "Bank", "bank", Some(a.bank))?;
    ids.journal_cash = s.journal("CSH1", "Cash", "cash", Some(a.cash))?;
    Ok(())
}

fn tax(s: &mut Sower<'_, '_>, ids: &mut SeedIds) -> Outcome<()> {
    ids.tax_group = s.add(
        "account.tax.group",
        &[
            ("name", Val::str("Sales Tax")),
            ("company_id", Val::Int(ids.company)),
        ],
    )?;
    ids.tax = s.add(
        "account.tax",
        &[
            ("name", Val::str("Sales Tax 8.25%")),
            ("amount", Val::Num(8_250_000)),
            ("amount_type", Val::str("percent")),
            ("type_tax_use", Val::str("sale")),
            ("tax_group_id", Val::Int(ids.tax_group)),
        ],
    )?;
    let table = "account.tax.repartition.line";
    for line in s.env.db.by(table, "tax_id", ids.tax) {
        if s.env.db.text(table, line, "repartition_type") == "tax" {
            s.env
                .db
                .set(table, line, "account_id", Val::Int(ids.accounts.tax_payable));
            if s.env.db.text(table, line, "document_type") == "invoice" {
                ids.tax_line_invoice = line;
            } else {
                ids.tax_line_refund = line;
            }
        }
    }
    s.env.db.set(
        "res.company",
        ids.company,
        "account_sale_tax_id",
        Val::Int(ids.tax),
    );
    Ok(())
}

fn stock(s: &mut Sower<'_, '_>, ids: &mut SeedIds) -> Outcome<()> {
    ids.unit = s.named(
        "uom.product_uom_unit",
        "uom.uom",
        &[("name", Val::str("Units")), ("rounding", Val::Num(MICRO / 100))],
    )?;
    ids.category = s.named(
        "product.product_category_all",
        "product.category",
        &[("name", Val::str("All"))],
    )?;
    s.env
        .db
        .set("product.category", ids.category, "complete_name", Val::str("All"));
    // 19 has no parent locations for partners and virtual ones
    let (partners, virtuals) = if s.env.is(OdooVersion::V19) {
        (None, None)
    } else {
        (
            Some(s.location("Partners", "view", None)?),
            Some(s.location("Virtual Locations", "view", None)?),
        )
    };
    ids.supplier_location = s.location("Vendors", "supplier", partners)?;
    ids.customer_location = s.location("Customers", "customer", partners)?;
    ids.loss_location = s.location("Inventory adjustment", "inventory", virtuals)?;
    let view = s.location("WH", "view", None)?;
    ids.stock_location = s.location("Stock", "internal", Some(view))?;
    for (xid, id) in [
        ("stock_location_suppliers", ids.supplier_location),
        ("stock_location_customers", ids.customer_location),
        ("stock_location_stock", ids.stock_location),
    ] {
        s.env.add_xid("stock", xid, "stock.location", id, true)?;
    }
    ids.warehouse = s.named(
        "stock.warehouse0",
        "stock.warehouse",
        &[
            ("name", Val::str("My Company")),
            ("code", Val::str("WH")),
            ("view_location_id", Val::Int(view)),
            ("lot_stock_id", Val::Int(ids.stock_location)),
            ("partner_id", Val::Int(ids.company_partner)),
        ],
    )?;
    let (stock, customer, supplier) = (ids.stock_location, ids.customer_location, ids.supplier_location);
    let house = ids.warehouse;
    let mut kind = |name: &str, code: &str, short: &str, from: i64, to: i64| {
        s.add(
            "stock.picking.type",
            &[
                ("name", Val::str(name)),
                ("code", Val::str(code)),
                ("sequence_code", Val::str(short)),
                ("warehouse_id", Val::Int(house)),
                ("default_location_src_id", Val::Int(from)),
                ("default_location_dest_id", Val::Int(to)),
            ],
        )
    };
    ids.type_receipt = kind("Receipts", "incoming", "IN", supplier, stock)?;
    ids.type_internal = kind("Internal Transfers", "internal", "INT", stock, stock)?;
    ids.type_delivery = kind("Delivery Orders", "outgoing", "OUT", stock, customer)?;
    ids.type_pos = kind("PoS Orders", "outgoing", "POS", stock, customer)?;
    s.env.db.set(
        "stock.picking.type",
        ids.type_delivery,
        "return_picking_type_id",
        Val::Int(ids.type_receipt),
    );
    for (field, id) in [
        ("in_type_id", ids.type_receipt),
        ("int_type_id", ids.type_internal),
        ("out_type_id", ids.type_delivery),
        ("pos_type_id", ids.type_pos),
    ] {
        s.env
            .db
            .set("stock.warehouse", ids.warehouse, field, Val::Int(id));
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
