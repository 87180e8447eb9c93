//! The books of a deposit: one entry per deposit, dated by it, that takes the day's card tenders out of clearing.
//!
//! | line | account |
//! |---|---|
//! | what reached the bank | `settlement.bank`; while the processor keeps it `settlement.reserve` |
//! | what the processor kept | `settlement.fee` |
//! | what cardholders' banks took, and gave back | `settlement.chargeback` |
//! | sales less refunds, per brand | the clearing account that each tender was booked to |
//!
//! A deposit whose lines do not give its sums is held; so is one that names an account the retailer has not said.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tillwire_proto::{Amount, Currency, MoneyError, StoreId, TenantId, TenderKind};

use super::line::{Deposit, LineKind, ProcessorId, SettlementLine, Stated};
use super::tender::CardTender;
use crate::books::{LedgerLine, LineKey, Posting, Unbalanced, take_off};
use crate::facts::RecordId;
use crate::odoo::{EffectKey, JournalEntry};
use crate::payments::DepositStatus;
use crate::settings::{Mapping, SettlementPart};

/// A line of a deposit with the tender that it settles, if it has one.
pub type Booked<'a> = (&'a SettlementLine, Option<&'a CardTender>);

/// A deposit's entry, or the difference to its earlier ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DepositPosting {
    /// The deposit.
    pub deposit: ProcessorId,
    /// The lines, balanced, dated by the deposit.
    pub posting: Posting,
}

impl DepositPosting {
    /// Its entry in Odoo, under a key of its own kind: the same deposit imported anew makes the same entry.
    #[must_use]
    pub fn entry(&self) -> JournalEntry {
        let (tenant, store) = (self.posting.tenant(), self.posting.store());
        let (deposit, revision) = (&self.deposit, self.posting.revision());
        JournalEntry {
            key: EffectKey::from_stored(format!("tillwire.d_{tenant}_{store}_{deposit}_r{revision}")),
            reference: format!("TW/{store}/deposit {deposit}/r{revision}"),
            ..JournalEntry::of(&self.posting)
        }
    }
}

/// Why a deposit is not booked yet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DepositHeld {
    /// Lines are missing, or too many.
    #[error("its {what} come to {found}, the deposit says {wanted}; import the report with its lines")]
    Lines {
        /// Which.
        what: &'static str,
        /// As its lines give.
        found: Amount,
        /// As it states.
        wanted: Amount,
    },
    /// Its parts do not give what reached the bank.
    #[error("its lines less fees come to {found}, the deposit says {wanted}; ask the processor")]
    Off {
        /// As its parts give.
        found: Amount,
        /// As it states.
        wanted: Amount,
    },
    /// The mapping lacks an account.
    #[error("no account for settlement.{0}; add odoo.accounts.settlement.{0} to the mapping")]
    Account(&'static str),
    /// Its brand has no clearing account.
    #[error("no clearing account for card.{0}; add odoo.accounts.tender.card to the mapping")]
    Clearing(&'static str),
    /// A status about which a person decides.
    #[error("its status is {0}; ask the processor how it is paid out")]
    Status(&'static str),
    /// A sum beyond 64 bits, or two currencies.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// The entry that takes the books from what was posted for a deposit to what it comes to now; `None` when they agree,
/// and while its money is on its way.
///
/// # Errors
/// [`DepositHeld`] says what is missing.
pub fn deposit_posting(
    (tenant, store): (&TenantId, &StoreId),
    deposit: &Deposit,
    lines: &[Booked<'_>],
    mapping: &Mapping,
    already: &[DepositPosting],
) -> Result<Option<DepositPosting>, DepositHeld> {
    let mut delta = match deposit.status {
        DepositStatus::Delayed => return Ok(None),
        DepositStatus::Irreg | DepositStatus::SplitFunding => {
            return Err(DepositHeld::Status(deposit.status.word()));
        }
        DepositStatus::Funded | DepositStatus::Released | DepositStatus::Reserved => {
            target(deposit, lines, mapping)?
        }
    };
    for (key, line) in already.iter().flat_map(|before| before.posting.lines()) {
        take_off(&mut delta, key, line)?;
    }
    delta.retain(|_, line| !line.amount.is_zero());
    let revision = already
        .iter()
        .map(|before| before.posting.revision())
        .max()
        .unwrap_or(0)
        + 1;
    match Posting::new(tenant.clone(), store.clone(), deposit.date, revision, delta) {
        Ok(posting) => Ok(Some(DepositPosting {
            deposit: deposit.id.clone(),
            posting,
        })),
        // all lines of a deposit are an entry's: they cannot be of two documents
        Err(Unbalanced::Empty | Unbalanced::Documents(..)) => Ok(None),
        Err(Unbalanced::Money(error)) => Err(error.into()),
        Err(Unbalanced::Rest(rest)) => Err(DepositHeld::Off {
            found: deposit.amount.checked_sub(rest)?,
            wanted: deposit.amount,
        }),
    }
}

fn target(
    deposit: &Deposit,
    lines: &[Booked<'_>],
    mapping: &Mapping,
) -> Result<BTreeMap<LineKey, LedgerLine>, DepositHeld> {
    let currency = deposit.amount.currency();
    let sums = sums(lines, currency)?;
    if let Some(stated) = &deposit.stated {
        agree(&sums, stated)?;
    }
    let wanted = deposit.amount.checked_add(deposit.fees)?;
    let found = sums
        .sales
        .checked_sub(sums.refunds)?
        .checked_sub(sums.chargebacks)?
        .checked_add(sums.reversals)?;
    if found != wanted {
        return Err(DepositHeld::Off {
            found: found.checked_sub(deposit.fees)?,
            wanted: deposit.amount,
        });
    }
    let mut target = Target::default();
    let account = |part: SettlementPart| mapping.settlement(part).ok_or(DepositHeld::Account(part.name()));
    let bank = if deposit.status == DepositStatus::Reserved {
        SettlementPart::Reserve
    } else {
        SettlementPart::Bank
    };
    let paid = LineKey::mapped(account(bank)?, &format!("Deposit {}", deposit.id));
    target.add(paid, deposit.amount, BTreeSet::new())?;
    if !deposit.fees.is_zero() {
        let fee = LineKey::mapped(account(SettlementPart::Fee)?, &format!("Fees of {}", deposit.id));
        target.add(fee, deposit.fees, BTreeSet::new())?;
    }
    for (line, tender) in lines {
        let records = tender.map(|tender| tender.records.clone()).unwrap_or_default();
        let taken = Amount::new(line.signed_minor(), currency).checked_neg()?;
        let key = if line.kind.is_dispute() {
            LineKey::mapped(account(SettlementPart::Chargeback)?, "Disputed card payments")
        } else {
            clearing(line, *tender, mapping)?
        };
        target.add(key, taken, records)?;
    }
    Ok(target.0)
}

/// The account that the tender was booked to; without one, where its brand would have been.
fn clearing(
    line: &SettlementLine,
    tender: Option<&CardTender>,
    mapping: &Mapping,
) -> Result<LineKey, DepositHeld> {
    if let Some(tender) = tender {
        let label = format!("Card {} settled", tender.brand.name());
        return Ok(LineKey::plain(tender.account.clone(), &label));
    }
    let brand = line.brand;
    let to = mapping
        .tender(&TenderKind::Card, Some(brand))
        .or_else(|| mapping.suspense());
    let to = to.ok_or(DepositHeld::Clearing(brand.name()))?;
    Ok(LineKey::mapped(to, &format!("Card {} settled", brand.name())))
}

fn sums(lines: &[Booked<'_>], currency: Currency) -> Result<Stated, MoneyError> {
    let of = |kind: LineKind| {
        let all = lines
            .iter()
            .filter(|(line, _)| line.kind == kind)
            .map(|(line, _)| line.amount);
        Amount::sum(all, currency)
    };
    Ok(Stated {
        sales: of(LineKind::Sale)?,
        refunds: of(LineKind::Refund)?,
        chargebacks: of(LineKind::Chargeback)?,
        reversals: of(LineKind::Reversal)?,
    })
}

fn agree(found: &Stated, wanted: &Stated) -> Result<(), DepositHeld> {
    let pairs = [
        ("sales", found.sales, wanted.sales),
        ("refunds", found.refunds, wanted.refunds),
        ("chargebacks", found.chargebacks, wanted.chargebacks),
        ("reversals", found.reversals, wanted.reversals),
    ];
    match pairs.into_iter().find(|(_, found, wanted)| found != wanted) {
        Some((what, found, wanted)) => Err(DepositHeld::Lines { what, found, wanted }),
        None => Ok(()),
    }
}

#[derive(Default)]
struct Target(BTreeMap<LineKey, LedgerLine>);

impl Target {
    fn add(&mut self, key: LineKey, amount: Amount, records: BTreeSet<RecordId>) -> Result<(), MoneyError> {
        let nothing = LedgerLine::nothing(&key, amount.currency());
        let line = self.0.entry(key).or_insert(nothing);
        line.amount = line.amount.checked_add(amount)?;
        line.records.extend(records);
        Ok(())
    }
}
