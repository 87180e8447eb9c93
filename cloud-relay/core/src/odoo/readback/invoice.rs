//! An invoice as read back: every account to the cent, who owes it, which way it goes; and, beside what was meant, what
//! Odoo itself computes as tax.

use serde_json::value::RawValue;
use tillwire_proto::{Amount, Currency};

use super::{
    Difference, FoundEntry, Seen, Verdict, compare_accounts, compare_analytic, compare_currency,
    compare_date, compare_owners, parse_entry, per_account,
};
use crate::odoo::answer::Answer;
use crate::odoo::invoice::Invoice;
use crate::odoo::resolved::ResolvedBooks;

/// Reads the answer of [`Invoice::look`] and compares. An invoice without a line is as good as deleted.
///
/// # Errors
/// An [`Answer`] when the answer cannot be read.
pub fn read_invoice(lines: &RawValue, meant: &Invoice, resolved: &ResolvedBooks) -> Result<Seen, Answer> {
    let currency = meant
        .lines
        .first()
        .map_or(Currency::USD, |line| line.amount.currency());
    let Some(found) = parse_entry(lines, currency)? else {
        return Ok(Seen::Gone);
    };
    let verdict = compare(&found, meant, resolved);
    Ok(match found.state.as_str() {
        "posted" => Seen::Confirmed(verdict),
        "cancel" => Seen::Cancelled,
        _ => Seen::Draft(verdict),
    })
}

fn compare(found: &FoundEntry, meant: &Invoice, resolved: &ResolvedBooks) -> Verdict {
    let mut verdict = Verdict::default();
    let journal = resolved.invoicing.journal.unwrap_or(0);
    verdict.compare("journal", &found.journal.to_string(), &journal.to_string());
    verdict.compare("reference", &found.reference, &meant.reference);
    verdict.compare("move_type", &found.move_type, meant.kind.move_type());
    let id = |code| resolved.accounts.get(code).copied().unwrap_or(0);
    let total = meant.total();
    let owed = total.map(|total| (id(&meant.receivable), total));
    let sold = meant.lines.iter().map(|line| (id(&line.account), line.amount));
    compare_accounts(&mut verdict, found, &per_account(sold.chain(owed)), resolved);
    let owner = owed.map(|(account, total)| (account, &meant.owed_by, total));
    compare_owners(&mut verdict, found, owner.into_iter(), resolved);
    compare_currency(&mut verdict, found, total);
    if meant.is_analytic() {
        compare_analytic(&mut verdict, found, &meant.lines, resolved);
    }
    compare_date(&mut verdict, &found.date, meant.date);
    taxes(&mut verdict, found, meant, resolved);
    verdict
}

/// Both figures of every tax that Odoo computes on this invoice and the POS computed otherwise.
fn taxes(verdict: &mut Verdict, found: &FoundEntry, meant: &Invoice, resolved: &ResolvedBooks) {
    for (name, tax) in meant.told_taxes(resolved) {
        let computed = found.lines.iter().filter(|line| line.tax == tax.tax);
        let computed: i128 = computed.map(|line| i128::from(line.amount.minor())).sum();
        let taken = meant
            .lines
            .iter()
            .filter(|line| line.tax.as_deref() == Some(name));
        let taken: i128 = taken.map(|line| i128::from(line.amount.minor())).sum();
        if taken != computed {
            verdict.differences.push(Difference::Tax {
                tax: name.to_owned(),
                computed: shown(-computed, meant),
                taken: shown(-taken, meant),
            });
        }
    }
}

/// Signed like a sale.
fn shown(minor: i128, meant: &Invoice) -> String {
    let currency = meant
        .lines
        .first()
        .map_or(Currency::USD, |line| line.amount.currency());
    i64::try_from(minor).map_or_else(
        |_| minor.to_string(),
        |minor| Amount::new(minor, currency).to_string(),
    )
}
