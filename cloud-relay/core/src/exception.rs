//! An exception: something that a person must see. Each has a kind, an owner, the money at risk and what may be
//! done about it. This module only describes; who saw it, signed it or closed it is the shell's state.

mod draft;
mod owner;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use draft::{CauseKey, Decision, ExceptionDraft, Signature};
pub use owner::OwnerRole;

/// What is wrong. Closed: a new cause gets a new kind, never a default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExceptionKind {
    /// The agent could not read captured bytes.
    Unreadable,
    /// A ticket whose parts do not give its totals, or with a payment still pending.
    DoesNotAddUp,
    /// An amount in another currency than the store's.
    WrongCurrency,
    /// One business key, two contents.
    Conflict,
    /// A ticket number is missing between two that were seen.
    TicketGap,
    /// The agent's close names records that the relay does not hold.
    SegmentGap,
    /// The relay's figures differ from the agent's or the register's own.
    CloseMismatch,
    /// The day is over, and a register that traded has not closed.
    CloseMissing,
    /// The store trades on this day, and no ticket of it was told.
    DayMissing,
    /// The tripwire replaced card data in captured bytes.
    CardData,
    /// A tender without an account.
    UnknownTender,
    /// A tax without an account.
    UnknownTax,
    /// Goods that Odoo does not know, or a line of goods without an item number.
    UnknownSku,
    /// Goods that move by lot or serial number, and none is told, or none that Odoo knows.
    LotNeeded,
    /// A serial number that was sold before, or came back twice.
    SerialTwice,
    /// A quantity that the product's unit in Odoo cannot hold exactly.
    UnitRounding,
    /// A kit whose parts cannot be told.
    KitUnclear,
    /// More was sold than Odoo has, and the store holds such goods.
    StockShort,
    /// More was sold than Odoo has; it was moved all the same.
    NegativeStock,
    /// Another part of a ticket or drawer movement without an account.
    MissingAccount,
    /// The terminal approved money that no ticket shows.
    OrphanApproval,
    /// A payment that the terminal approved offline was refused when it was sent on, or deleted before.
    OfflineRefused,
    /// A receipt was printed, and nobody told its sale.
    PrintedNotTold,
    /// The POS's cloud lists a payment that stands on no ticket.
    PaymentWithoutTicket,
    /// Two witnesses tell one ticket with different amounts.
    WitnessesDiffer,
    /// A card tender that no terminal answered.
    TenderWithoutTerminal,
    /// Ticket and terminal name different amounts for one payment.
    TenderDiffers,
    /// A card payment is said to have done something that it cannot have done.
    PaymentConflict,
    /// The processor settled a payment that no ticket shows.
    SettlementUnmatched,
    /// A deposit holds another amount for a tender than its ticket.
    SettlementDiffers,
    /// A deposit cannot be booked as it is told.
    DepositHeld,
    /// A cardholder's bank took a payment back.
    Disputed,
    /// A void of something never seen, or taken back before.
    VoidWithoutSale,
    /// One segment and number, two records.
    Fork,
    /// Two segments that follow one predecessor and both live.
    Clone,
    /// A disk went back to an older state.
    RolledBack,
    /// A disk lost records that the relay already held.
    TailLost,
    /// Captured bytes that a box's disk changed before they were here.
    Rotten,
    /// A record whose body the relay cannot decode.
    Undecodable,
    /// Odoo refused.
    OdooRejected,
    /// Odoo holds something else than what was posted.
    OdooChanged,
    /// Odoo has locked a business day: a posting waits, or Odoo dated it otherwise.
    LockedPeriod,
    /// Odoo computes a tax on an invoice otherwise than the POS did; the invoice has the POS's amount.
    TaxDiffers,
    /// A clock is far off.
    ClockOff,
    /// A store's disk is too full to take sales.
    DiskFull,
    /// The drawer differs from what it should hold by more than the limit, or could not be checked.
    OverShort,
    /// A source went silent.
    SourceSilent,
    /// The second calculation of a day comes to other figures than the books or the stock.
    FiguresDiffer,
}

/// What an exception keeps from going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Holds {
    /// Nothing; it is shown.
    Nothing,
    /// The stock movement of one item.
    Item,
    /// One ticket, whole: its money and its goods.
    Ticket,
    /// One effect in Odoo.
    Effect,
    /// The day: it cannot be called balanced before somebody signs.
    Balance,
    /// The day: it cannot be called complete before somebody signs.
    Completeness,
}

/// What may be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Sign the day on as it is, with a reason.
    SignOn,
    /// Say which of two contents is right.
    ChooseVersion,
    /// Add the account or item to the mapping; everything with the same cause follows.
    Map,
    /// Try again.
    Retry,
    /// Look at the captured bytes.
    ShowBytes,
    /// Seen; nothing to do.
    Acknowledge,
}

impl ExceptionKind {
    /// Every kind, for lists and metrics.
    pub const ALL: [Self; 48] = [
        Self::Unreadable,
        Self::DoesNotAddUp,
        Self::WrongCurrency,
        Self::Conflict,
        Self::TicketGap,
        Self::SegmentGap,
        Self::CloseMismatch,
        Self::CloseMissing,
        Self::DayMissing,
        Self::CardData,
        Self::UnknownTender,
        Self::UnknownTax,
        Self::UnknownSku,
        Self::LotNeeded,
        Self::SerialTwice,
        Self::UnitRounding,
        Self::KitUnclear,
        Self::StockShort,
        Self::NegativeStock,
        Self::MissingAccount,
        Self::OrphanApproval,
        Self::OfflineRefused,
        Self::PrintedNotTold,
        Self::PaymentWithoutTicket,
        Self::WitnessesDiffer,
        Self::TenderWithoutTerminal,
        Self::TenderDiffers,
        Self::PaymentConflict,
        Self::SettlementUnmatched,
        Self::SettlementDiffers,
        Self::DepositHeld,
        Self::Disputed,
        Self::VoidWithoutSale,
        Self::Fork,
        Self::Clone,
        Self::RolledBack,
        Self::TailLost,
        Self::Rotten,
        Self::Undecodable,
        Self::OdooRejected,
        Self::OdooChanged,
        Self::LockedPeriod,
        Self::TaxDiffers,
        Self::ClockOff,
        Self::DiskFull,
        Self::OverShort,
        Self::SourceSilent,
        Self::FiguresDiffer,
    ];

    /// Lower-case word, as databases, URLs and metrics write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::DoesNotAddUp => "does-not-add-up",
            Self::WrongCurrency => "wrong-currency",
            Self::Conflict => "conflict",
            Self::TicketGap => "ticket-gap",
            Self::SegmentGap => "segment-gap",
            Self::CloseMismatch => "close-mismatch",
            Self::CloseMissing => "close-missing",
            Self::DayMissing => "day-missing",
            Self::CardData => "card-data",
            Self::UnknownTender => "unknown-tender",
            Self::UnknownTax => "unknown-tax",
            Self::UnknownSku => "unknown-sku",
            Self::LotNeeded => "lot-needed",
            Self::SerialTwice => "serial-twice",
            Self::UnitRounding => "unit-rounding",
            Self::KitUnclear => "kit-unclear",
            Self::StockShort => "stock-short",
            Self::NegativeStock => "negative-stock",
            Self::MissingAccount => "missing-account",
            Self::OrphanApproval => "orphan-approval",
            Self::OfflineRefused => "offline-refused",
            Self::PrintedNotTold => "printed-not-told",
            Self::PaymentWithoutTicket => "payment-without-ticket",
            Self::WitnessesDiffer => "witnesses-differ",
            Self::TenderWithoutTerminal => "tender-without-terminal",
            Self::TenderDiffers => "tender-differs",
            Self::PaymentConflict => "payment-conflict",
            Self::SettlementUnmatched => "settlement-unmatched",
            Self::SettlementDiffers => "settlement-differs",
            Self::DepositHeld => "deposit-held",
            Self::Disputed => "disputed",
            Self::VoidWithoutSale => "void-without-sale",
            Self::Fork => "fork",
            Self::Clone => "clone",
            Self::RolledBack => "rolled-back",
            Self::TailLost => "tail-lost",
            Self::Rotten => "rotten",
            Self::Undecodable => "undecodable",
            Self::OdooRejected => "odoo-rejected",
            Self::OdooChanged => "odoo-changed",
            Self::LockedPeriod => "locked-period",
            Self::TaxDiffers => "tax-differs",
            Self::ClockOff => "clock-off",
            Self::DiskFull => "disk-full",
            Self::OverShort => "over-short",
            Self::SourceSilent => "source-silent",
            Self::FiguresDiffer => "figures-differ",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The sentence that heads it.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Unreadable => "captured bytes could not be read",
            Self::DoesNotAddUp => "ticket does not add up",
            Self::WrongCurrency => "ticket is in another currency than the store",
            Self::Conflict => "one ticket was told in two ways",
            Self::TicketGap => "ticket numbers are missing",
            Self::SegmentGap => "records of this day have not arrived",
            Self::CloseMismatch => "figures differ from the close",
            Self::CloseMissing => "register has not closed its day",
            Self::DayMissing => "nothing was told of a trading day",
            Self::CardData => "card data was found and removed at the store",
            Self::UnknownTender => "tender has no account",
            Self::UnknownTax => "tax has no account",
            Self::UnknownSku => "goods are not known in Odoo",
            Self::LotNeeded => "goods need a lot or serial number",
            Self::SerialTwice => "serial number was sold twice",
            Self::UnitRounding => "quantity does not fit the unit in Odoo",
            Self::KitUnclear => "parts of a kit cannot be told",
            Self::StockShort => "goods are held: Odoo has too few",
            Self::NegativeStock => "stock goes below zero",
            Self::MissingAccount => "no account for this movement",
            Self::OrphanApproval => "card was charged, but no ticket shows it",
            Self::OfflineRefused => "offline card payment was refused later",
            Self::PrintedNotTold => "receipt was printed, but no sale was told",
            Self::PaymentWithoutTicket => "payment stands on no ticket",
            Self::WitnessesDiffer => "witnesses tell different amounts",
            Self::TenderWithoutTerminal => "card payment was not seen at the terminal",
            Self::TenderDiffers => "ticket and terminal name different amounts",
            Self::PaymentConflict => "card payment contradicts itself",
            Self::SettlementUnmatched => "settled payment has no ticket",
            Self::SettlementDiffers => "deposit and ticket name different amounts",
            Self::DepositHeld => "deposit is not booked",
            Self::Disputed => "card payment is disputed",
            Self::VoidWithoutSale => "void without its sale",
            Self::Fork => "two records carry one number",
            Self::Clone => "two boxes continue one journal",
            Self::RolledBack => "journal went back to an older state",
            Self::TailLost => "box lost records that are safe here",
            Self::Rotten => "box's disk changed captured bytes",
            Self::Undecodable => "record could not be decoded",
            Self::OdooRejected => "Odoo refused",
            Self::OdooChanged => "Odoo holds something else than was posted",
            Self::LockedPeriod => "Odoo has locked the business day",
            Self::TaxDiffers => "Odoo computes a tax otherwise than the POS",
            Self::ClockOff => "clock is off",
            Self::DiskFull => "store's disk is full",
            Self::OverShort => "drawer does not agree",
            Self::SourceSilent => "source is silent",
            Self::FiguresDiffer => "second calculation comes to other figures",
        }
    }

    /// What it keeps from going on. One bad ticket never holds a day; doubt about what is there does.
    #[must_use]
    pub const fn holds(self) -> Holds {
        match self {
            Self::TicketGap
            | Self::SegmentGap
            | Self::CloseMismatch
            | Self::CloseMissing
            | Self::DayMissing
            | Self::Fork
            | Self::Clone => Holds::Completeness,
            Self::Conflict => Holds::Balance,
            Self::DoesNotAddUp
            | Self::WrongCurrency
            | Self::UnknownTender
            | Self::UnknownTax
            | Self::MissingAccount
            | Self::VoidWithoutSale => Holds::Ticket,
            Self::UnknownSku
            | Self::LotNeeded
            | Self::SerialTwice
            | Self::UnitRounding
            | Self::KitUnclear
            | Self::StockShort => Holds::Item,
            Self::OdooRejected | Self::OdooChanged | Self::DepositHeld | Self::FiguresDiffer => Holds::Effect,
            Self::Unreadable
            | Self::CardData
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
            | Self::NegativeStock
            | Self::RolledBack
            | Self::TailLost
            | Self::Rotten
            | Self::Undecodable
            | Self::LockedPeriod
            | Self::TaxDiffers
            | Self::ClockOff
            | Self::DiskFull
            | Self::OverShort
            | Self::SourceSilent => Holds::Nothing,
        }
    }

    /// True when it keeps the day from being posted until it is signed or gone.
    #[must_use]
    pub const fn holds_day(self) -> bool {
        matches!(self.holds(), Holds::Balance | Holds::Completeness)
    }

    /// What may be done about it.
    #[must_use]
    pub const fn actions(self) -> &'static [Action] {
        match self {
            Self::Conflict => &[Action::ChooseVersion, Action::SignOn, Action::ShowBytes],
            Self::TicketGap
            | Self::SegmentGap
            | Self::CloseMismatch
            | Self::CloseMissing
            | Self::Fork
            | Self::Clone => &[Action::SignOn, Action::ShowBytes],
            Self::UnknownTender
            | Self::UnknownTax
            | Self::UnknownSku
            | Self::UnitRounding
            | Self::MissingAccount => &[Action::Map, Action::ShowBytes],
            Self::LockedPeriod => &[Action::SignOn, Action::Acknowledge],
            Self::OdooRejected => &[Action::Retry, Action::Acknowledge],
            Self::Unreadable | Self::DoesNotAddUp | Self::WrongCurrency | Self::Undecodable => {
                &[Action::ShowBytes, Action::Retry, Action::Acknowledge]
            }
            _ => &[Action::Acknowledge, Action::ShowBytes],
        }
    }
}

impl fmt::Display for ExceptionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_own_name_and_reads_back() {
        for kind in ExceptionKind::ALL {
            assert_eq!(ExceptionKind::from_name(kind.name()), Some(kind));
            assert_eq!(
                serde_json::to_string(&kind).unwrap(),
                format!("{:?}", kind.name())
            );
            assert!(!kind.actions().is_empty());
        }
    }

    #[test]
    fn one_bad_ticket_never_holds_the_day() {
        for kind in [
            ExceptionKind::UnknownTender,
            ExceptionKind::UnknownTax,
            ExceptionKind::UnknownSku,
            ExceptionKind::Unreadable,
            ExceptionKind::DoesNotAddUp,
        ] {
            assert!(!kind.holds_day(), "{kind}");
        }
        for kind in [
            ExceptionKind::TicketGap,
            ExceptionKind::CloseMismatch,
            ExceptionKind::Fork,
        ] {
            assert!(kind.holds_day(), "{kind}");
            assert!(kind.actions().contains(&Action::SignOn));
        }
    }
}
