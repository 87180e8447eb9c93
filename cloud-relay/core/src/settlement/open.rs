//! What clearing still holds of a tender, and why.

use serde::Serialize;
use tillwire_proto::{Amount, CardBrand, MoneyError};

use super::line::SettlementLine;
use super::matching::Matched;
use super::tender::CardTender;
use crate::matching::TenderRef;

/// Why money of a tender is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OpenCause {
    /// No deposit has it yet.
    NotSettled,
    /// A deposit has it, with another amount.
    Differs,
    /// The cardholder's bank has it.
    Disputed,
}

impl OpenCause {
    /// As lists write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotSettled => "not settled",
            Self::Differs => "settled with another amount",
            Self::Disputed => "disputed",
        }
    }
}

/// Open money of one tender.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Open {
    /// The tender.
    pub tender: TenderRef,
    /// Its brand.
    pub brand: CardBrand,
    /// How much, signed like the tender.
    pub amount: Amount,
    /// Why.
    pub cause: OpenCause,
}

/// What is open of these tenders, given the lines that were matched to them. Nothing is open when deposits took exactly
/// what was booked and nobody disputes any of it.
///
/// # Errors
/// [`MoneyError`] on sums beyond 64 bits or another currency.
pub fn open_of(
    tenders: &[CardTender],
    matched: &[(SettlementLine, Matched)],
) -> Result<Vec<Open>, MoneyError> {
    let mut all = Vec::new();
    for tender in tenders {
        let currency = tender.amount.currency();
        let sum = |dispute: bool| {
            let lines = matched
                .iter()
                .filter(|(line, m)| m.tender == tender.tender && line.is_funded())
                .filter(|(line, _)| line.kind.is_dispute() == dispute);
            Amount::sum(
                lines.map(|(line, _)| Amount::new(line.signed_minor(), line.amount.currency())),
                currency,
            )
        };
        let settled = matched
            .iter()
            .any(|(line, m)| m.tender == tender.tender && line.is_funded() && !line.kind.is_dispute());
        let cause = if settled {
            OpenCause::Differs
        } else {
            OpenCause::NotSettled
        };
        let rest = tender.amount.checked_sub(sum(false)?)?;
        let disputed = sum(true)?.checked_neg()?;
        let open = [(rest, cause), (disputed, OpenCause::Disputed)];
        all.extend(
            open.into_iter()
                .filter(|(amount, _)| !amount.is_zero())
                .map(|(amount, cause)| Open {
                    tender: tender.tender.clone(),
                    brand: tender.brand,
                    amount,
                    cause,
                }),
        );
    }
    Ok(all)
}
