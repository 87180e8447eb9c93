//! Whose desk an exception lands on.

use serde::{Deserialize, Serialize};

use super::ExceptionKind;

/// Whose desk it lands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OwnerRole {
    /// The store's manager.
    Store,
    /// Sales audit and accounting.
    Finance,
    /// Who keeps items and mappings.
    Catalogue,
    /// Who runs boxes and servers.
    Operations,
    /// Who guards card data.
    Security,
}

impl OwnerRole {
    /// Every desk.
    pub const ALL: [Self; 5] = [
        Self::Store,
        Self::Finance,
        Self::Catalogue,
        Self::Operations,
        Self::Security,
    ];
}

impl ExceptionKind {
    /// Whose desk it lands on.
    #[must_use]
    pub const fn owner(self) -> OwnerRole {
        match self {
            Self::CloseMissing
            | Self::OverShort
            | Self::LotNeeded
            | Self::SerialTwice
            | Self::StockShort
            | Self::NegativeStock => OwnerRole::Store,
            Self::UnknownTender
            | Self::UnknownTax
            | Self::UnknownSku
            | Self::UnitRounding
            | Self::KitUnclear
            | Self::MissingAccount => OwnerRole::Catalogue,
            Self::Unreadable
            | Self::SegmentGap
            | Self::DayMissing
            | Self::Fork
            | Self::Clone
            | Self::RolledBack
            | Self::TailLost
            | Self::Rotten
            | Self::Undecodable
            | Self::ClockOff
            | Self::DiskFull
            | Self::SourceSilent => OwnerRole::Operations,
            Self::CardData => OwnerRole::Security,
            Self::DoesNotAddUp
            | Self::WrongCurrency
            | Self::Conflict
            | Self::TicketGap
            | Self::CloseMismatch
            | Self::OrphanApproval
            | Self::OfflineRefused
            | Self::PrintedNotTold
            | Self::PaymentWithoutTicket
            | Self::WitnessesDiffer
            | Self::TenderWithoutTerminal
            | Self::TenderDiffers
            | Self::PaymentConflict
            | Self::SettlementUnmatched
            | Self::SettlementDiffers
            | Self::Disputed
            | Self::DepositHeld
            | Self::VoidWithoutSale
            | Self::OdooRejected
            | Self::OdooChanged
            | Self::FiguresDiffer
            | Self::LockedPeriod
            | Self::TaxDiffers => OwnerRole::Finance,
        }
    }
}
