//! What the lines of a posting are made of: for every cent the ticket, and with it the records and their bytes.
//!
//! A later posting has only the difference to what was posted, so its parts are the difference too: what a ticket puts on
//! a line now, less what earlier postings have told of it. A ticket that did not change cancels out; one that was voided
//! stands there with the other sign. The sum of a line's parts is the line, to the cent ([`Parts::rest`] is empty), unless
//! an earlier posting had been forgotten and was read back from Odoo, which keeps no tickets.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tillwire_proto::{Amount, BusinessKey, MoneyError};

use super::ledger::{Contribution, LineKey};
use super::posting::Posting;
use crate::settings::RowId;

/// A posting's lines by ticket.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Parts {
    /// Every part, in order of tickets and lines; none of nothing.
    pub of: Vec<Contribution>,
    /// What no ticket explains, per line.
    pub rest: Vec<(LineKey, Amount)>,
}

/// The parts of a posting that takes its document to `now`, when earlier postings of the day have `told` theirs. Of one
/// that takes another back, there is no `now`, and the other alone has `told`.
///
/// # Errors
/// [`MoneyError`] on sums beyond 64 bits or another currency.
pub fn parts<'a>(
    posting: &Posting,
    now: impl IntoIterator<Item = &'a Contribution>,
    told: impl IntoIterator<Item = &'a Contribution>,
) -> Result<Parts, MoneyError> {
    let mut sums: BTreeMap<Cell<'_>, Contribution> = BTreeMap::new();
    let document = posting.document();
    for part in now.into_iter().filter(|part| part.line.document == *document) {
        add(&mut sums, part, part.amount)?;
    }
    for part in told.into_iter().filter(|part| part.line.document == *document) {
        add(&mut sums, part, part.amount.checked_neg()?)?;
    }
    let of: Vec<Contribution> = sums.into_values().filter(|part| !part.amount.is_zero()).collect();
    let rest = rest(posting, &of)?;
    Ok(Parts { of, rest })
}

/// Whose cents they are, on which line, by which row of the mapping.
type Cell<'a> = (&'a BusinessKey, &'a LineKey, &'a RowId);

fn add<'a>(
    sums: &mut BTreeMap<Cell<'a>, Contribution>,
    part: &'a Contribution,
    amount: Amount,
) -> Result<(), MoneyError> {
    match sums.entry((&part.ticket, &part.line, &part.row)) {
        std::collections::btree_map::Entry::Vacant(place) => {
            place.insert(Contribution {
                amount,
                // what a tax was computed on, and what was handed over, belongs to the line and not to a difference
                base: None,
                foreign: None,
                ..part.clone()
            });
        }
        std::collections::btree_map::Entry::Occupied(mut there) => {
            let sum = there.get_mut();
            sum.amount = sum.amount.checked_add(amount)?;
            sum.records.extend(&part.records);
            sum.records.sort_unstable();
            sum.records.dedup();
        }
    }
    Ok(())
}

/// What the lines have beyond their parts, and the parts beyond the lines.
fn rest(posting: &Posting, parts: &[Contribution]) -> Result<Vec<(LineKey, Amount)>, MoneyError> {
    let mut open: BTreeMap<&LineKey, Amount> =
        posting.lines().map(|(key, line)| (key, line.amount)).collect();
    for part in parts {
        let nothing = Amount::zero(part.amount.currency());
        let left = open.entry(&part.line).or_insert(nothing);
        *left = left.checked_sub(part.amount)?;
    }
    let open = open.into_iter().filter(|(_, left)| !left.is_zero());
    Ok(open.map(|(key, left)| (key.clone(), left)).collect())
}
