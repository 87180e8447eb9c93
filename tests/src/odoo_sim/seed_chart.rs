//! The chart of accounts of a company, its journals and its sales tax. Account numbers and names are those of Odoo's
//! generic chart where it has them.

use super::error::Outcome;
use super::seed::{Accounts, SeedIds, Sower};
use super::value::Val;

/// Accounts, journals and the sales tax of a company that has none yet.
pub(crate) fn sow(s: &mut Sower<'_, '_>, ids: &mut SeedIds) -> Outcome<()> {
    s.env.db.set(
        "res.company",
        ids.company,
        "chart_template",
        Val::str("generic_coa"),
    );
    accounts(s, ids)?;
    journals(s, ids)?;
    tax(s, ids)
}

fn accounts(s: &mut Sower<'_, '_>, ids: &mut SeedIds) -> Outcome<()> {
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
