//! Netting what was posted, forgotten with a database and read back from Odoo.
//!
//! Odoo keeps a line's account, label and amount. It does not keep whose tax a line is; so these lines are taken off by
//! account and label. Where several lines of the ledger share both, what is left over is given to them in order, all
//! with one sign: never as two lines that only move money between names that Odoo cannot tell apart.

use std::collections::BTreeMap;

use tillwire_proto::{Amount, MoneyError};

use super::ledger::{LedgerLine, LineKey};
use super::revision;
use crate::settings::AccountCode;

/// Takes all lines off that were read back.
///
/// # Errors
/// [`MoneyError`] on sums beyond 64 bits or another currency.
pub(super) fn take_off<'a>(
    delta: &mut BTreeMap<LineKey, LedgerLine>,
    read_back: impl Iterator<Item = (&'a LineKey, &'a LedgerLine)>,
) -> Result<(), MoneyError> {
    let mut shown: BTreeMap<Shown<'_>, Vec<(&LineKey, &LedgerLine)>> = BTreeMap::new();
    for (key, line) in read_back {
        shown.entry(Shown::of(key)).or_default().push((key, line));
    }
    for (shown, lines) in shown {
        let alike: Vec<LineKey> = delta.keys().filter(|key| shown.is(key)).cloned().collect();
        match alike.as_slice() {
            [] => {
                for (key, line) in lines {
                    revision::take_off(delta, key, line)?;
                }
            }
            [one] => {
                for (_, line) in lines {
                    revision::take_off(delta, one, line)?;
                }
            }
            several => spread(delta, several, &lines)?,
        }
    }
    Ok(())
}

/// What Odoo shows of a line. A tax of an invoice has the name that Odoo gives it, and stands on as many lines as Odoo
/// made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Shown<'a> {
    Label(&'a AccountCode, &'a str),
    Tax(&'a AccountCode, &'a str),
}

impl<'a> Shown<'a> {
    fn of(key: &'a LineKey) -> Self {
        let tax = key.tax.as_ref().filter(|tax| tax.jurisdiction.is_empty());
        match tax.and_then(|tax| tax.odoo_tax.as_deref()) {
            Some(name) => Self::Tax(&key.account, name),
            None => Self::Label(&key.account, &key.label),
        }
    }

    fn is(self, key: &LineKey) -> bool {
        match self {
            Self::Label(account, label) => key.account == *account && key.label == label,
            Self::Tax(account, name) => {
                let tax = key.tax.as_ref().and_then(|tax| tax.odoo_tax.as_deref());
                key.account == *account && tax == Some(name)
            }
        }
    }
}

/// Leaves on several lines together what they have beyond what was posted.
fn spread(
    delta: &mut BTreeMap<LineKey, LedgerLine>,
    keys: &[LineKey],
    posted: &[(&LineKey, &LedgerLine)],
) -> Result<(), MoneyError> {
    let Some((_, first)) = posted.first() else {
        return Ok(());
    };
    let currency = first.amount.currency();
    let whole = Amount::sum(keys.iter().map(|key| delta[key].amount), currency)?;
    let gone = Amount::sum(posted.iter().map(|(_, line)| line.amount), currency)?;
    let mut rest = whole.checked_sub(gone)?;
    for (index, key) in keys.iter().enumerate() {
        let Some(line) = delta.get_mut(key) else { continue };
        let part = if index + 1 == keys.len() {
            rest
        } else {
            smaller(line.amount, rest)
        };
        rest = rest.checked_sub(part)?;
        (line.amount, line.base, line.foreign) = (part, None, None);
    }
    Ok(())
}

/// As much of `rest` as `line` has in the same direction.
fn smaller(line: Amount, rest: Amount) -> Amount {
    let (own, rest_minor) = (line.minor(), rest.minor());
    let part = if rest_minor >= 0 {
        own.clamp(0, rest_minor)
    } else {
        own.clamp(rest_minor, 0)
    };
    Amount::new(part, rest.currency())
}
