//! A line of a report and a deposit, whatever the report's form.

use std::fmt;

use serde::{Deserialize, Serialize};
use tillwire_proto::{
    Amount, AuthCode, BusinessDay, CardBrand, Last4, ProcessorReference, TicketNumber, pan,
};

use crate::payments::DepositStatus;

/// A name that the processor gave: of a line, a deposit, a batch or a merchant. It becomes part of names in Odoo.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProcessorId(String);

impl ProcessorId {
    /// One to 64 letters, digits, `_` or `-` that are no card number.
    ///
    /// # Errors
    /// In words, without the text where that might be a card number.
    pub fn new(text: &str) -> Result<Self, String> {
        let plain = text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if pan::holds_card_number(text.as_bytes()) {
            Err("found what reads as a card number, wanted a name".to_owned())
        } else if plain && (1..=64).contains(&text.len()) {
            Ok(Self(text.to_owned()))
        } else {
            let found: String = text.chars().take(80).collect();
            Err(format!(
                "found {found:?}, wanted 1 to 64 letters, digits, '_' or '-'"
            ))
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProcessorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for ProcessorId {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::new(&text)
    }
}

impl From<ProcessorId> for String {
    fn from(id: ProcessorId) -> Self {
        id.0
    }
}

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LineKind {
    /// Money taken from a card.
    Sale,
    /// Money given back to a card.
    Refund,
    /// Taken from the merchant by the cardholder's bank.
    Chargeback,
    /// Given back to the merchant by the cardholder's bank.
    Reversal,
}

impl LineKind {
    /// Lower-case word, as CSV files and lists write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sale => "sale",
            Self::Refund => "refund",
            Self::Chargeback => "chargeback",
            Self::Reversal => "reversal",
        }
    }

    /// True when it takes money from the merchant.
    #[must_use]
    pub const fn takes(self) -> bool {
        matches!(self, Self::Refund | Self::Chargeback)
    }

    /// True for the two that the cardholder's bank makes.
    #[must_use]
    pub const fn is_dispute(self) -> bool {
        matches!(self, Self::Chargeback | Self::Reversal)
    }
}

/// How far a line is. A later report of the same line may only go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Progress {
    /// Nothing has happened yet.
    Asked,
    /// Reserved.
    Authorised,
    /// Taken or given back.
    Captured,
    /// In a closed batch.
    Batched,
    /// In a deposit.
    Funded,
    /// Refused.
    Declined,
    /// Taken back.
    Voided,
    /// Refused at settlement.
    Rejected,
}

impl Progress {
    /// True when money moved, or is about to.
    #[must_use]
    pub const fn moves_money(self) -> bool {
        matches!(self, Self::Captured | Self::Batched | Self::Funded)
    }
}

/// Whose report a line stands in. The gateway's and the processor's line of one payment do not rival each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LineSource {
    /// The gateway's: it knows batches, and no deposits.
    Gateway,
    /// The processor's: it pays out.
    Processor,
}

/// Two reports of one line or deposit that cannot both be true.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{what} was reported as {before} and is {now} now; ask the processor which is right, nothing was taken"
)]
pub struct Contradiction {
    /// Which.
    pub what: String,
    /// As reported before.
    pub before: String,
    /// As reported now.
    pub now: String,
}

/// One line of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettlementLine {
    /// The processor's name of it.
    pub id: ProcessorId,
    /// The merchant or site that it belongs to.
    pub merchant: ProcessorId,
    /// Whose report it stands in.
    pub source: LineSource,
    /// What it is.
    pub kind: LineKind,
    /// How far it is.
    pub progress: Progress,
    /// How much, positive.
    pub amount: Amount,
    /// The day of the transaction where it happened, where that is told.
    pub date: Option<BusinessDay>,
    /// The deposit that it is in.
    pub deposit: Option<ProcessorId>,
    /// The batch that it is in.
    pub batch: Option<ProcessorId>,
    /// The gateway's number of the payment.
    pub reference: Option<ProcessorReference>,
    /// The card network's number, which a dispute shares with its payment.
    pub network: Option<ProcessorReference>,
    /// The merchant's own number, usually the ticket's.
    pub invoice: Option<TicketNumber>,
    /// The issuer's approval code.
    pub auth_code: Option<AuthCode>,
    /// Last four digits of the card.
    pub last4: Option<Last4>,
    /// Card network.
    pub brand: CardBrand,
}

impl SettlementLine {
    /// True when this report of a line goes further than the one that is known; reports may come in any order.
    ///
    /// # Errors
    /// [`Contradiction`] when neither goes further and they differ, or when money that was paid out is said to have
    /// come to nothing.
    pub fn follows(&self, known: &Self) -> Result<bool, Contradiction> {
        let paid_and_not = known.is_funded() && self.progress > Progress::Funded;
        let differs = self.progress == known.progress && self != known;
        if paid_and_not || differs {
            let tell = |line: &Self| {
                let deposit = line
                    .deposit
                    .as_ref()
                    .map_or_else(String::new, |id| format!(" in deposit {id}"));
                format!("{} {:?}{deposit}", line.amount, line.progress)
            };
            return Err(Contradiction {
                what: format!("{} {}", self.kind.name(), self.id),
                before: tell(known),
                now: tell(self),
            });
        }
        Ok(self.progress > known.progress)
    }

    /// The amount as the merchant's account sees it: negative takes.
    #[must_use]
    pub const fn signed_minor(&self) -> i64 {
        let minor = self.amount.minor();
        if self.kind.takes() {
            minor.wrapping_neg()
        } else {
            minor
        }
    }

    /// True when it is in a deposit, which is when it nets out clearing.
    #[must_use]
    pub const fn is_funded(&self) -> bool {
        matches!(self.progress, Progress::Funded) && self.deposit.is_some()
    }
}

/// One deposit: a sum of lines less fees that went to, or came from, the bank account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deposit {
    /// The processor's name of it.
    pub id: ProcessorId,
    /// The merchant or site.
    pub merchant: ProcessorId,
    /// Its date, which its entry takes.
    pub date: BusinessDay,
    /// Where the money is.
    pub status: DepositStatus,
    /// What reached the bank, negative when it was taken.
    pub amount: Amount,
    /// What the processor kept.
    pub fees: Amount,
    /// Its own sums, where it states them.
    pub stated: Option<Stated>,
}

/// A deposit's own sums, all positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stated {
    /// Sales.
    pub sales: Amount,
    /// Refunds.
    pub refunds: Amount,
    /// Taken by cardholders' banks.
    pub chargebacks: Amount,
    /// Given back by cardholders' banks.
    pub reversals: Amount,
}

impl Deposit {
    /// True when this report of a deposit goes further than the one that is known; reports may come in any order.
    ///
    /// # Errors
    /// [`Contradiction`] when neither goes further and they differ.
    pub fn follows(&self, known: &Self) -> Result<bool, Contradiction> {
        if self.progress() == known.progress() && self != known {
            let tell = |deposit: &Self| {
                format!(
                    "{} less fees of {} on {}",
                    deposit.amount, deposit.fees, deposit.date
                )
            };
            return Err(Contradiction {
                what: format!("deposit {}", self.id),
                before: tell(known),
                now: tell(self),
            });
        }
        Ok(self.progress() > known.progress())
    }

    const fn progress(&self) -> u8 {
        match self.status {
            DepositStatus::Delayed => 0,
            DepositStatus::Irreg => 1,
            DepositStatus::SplitFunding => 2,
            DepositStatus::Reserved => 3,
            DepositStatus::Funded => 4,
            DepositStatus::Released => 5,
        }
    }
}
