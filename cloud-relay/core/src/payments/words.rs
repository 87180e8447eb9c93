//! The processor's words, each a closed table. A word that is not in it is told as it was found and never guessed:
//! what it would mean for money is for a person to say.

use serde::{Deserialize, Serialize};

/// A word that a table does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{field} is {found:?}, wanted one of {wanted}; ask the processor what it means before this is booked"
)]
pub struct UnknownWord {
    /// Which field.
    pub field: &'static str,
    /// As found.
    pub found: String,
    /// The words that are known.
    pub wanted: String,
}

macro_rules! words {
    ($(#[$doc:meta])* $type:ident, $field:literal, { $($(#[$about:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $type {
            $($(#[$about])* #[serde(rename = $word)] $variant,)+
        }

        impl $type {
            /// Every word.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Reads the word.
            ///
            /// # Errors
            /// [`UnknownWord`].
            pub fn read(found: &str) -> Result<Self, UnknownWord> {
                Self::ALL.iter().copied().find(|known| known.word() == found).ok_or_else(|| UnknownWord {
                    field: $field,
                    found: found.chars().take(40).collect(),
                    wanted: Self::ALL.iter().map(|known| known.word()).collect::<Vec<_>>().join(", "),
                })
            }

            /// As the processor writes it.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }
    };
}

words!(
    /// A GP-API transaction's status.
    GpStatus, "status", {
        /// Asked for.
        Initiated = "INITIATED",
        /// Not decided.
        Pending = "PENDING",
        /// Refused.
        Declined = "DECLINED",
        /// Reserved.
        Preauthorized = "PREAUTHORIZED",
        /// Taken.
        Captured = "CAPTURED",
        /// In a closed batch.
        Batched = "BATCHED",
        /// Taken back.
        Reversed = "REVERSED",
        /// Paid out.
        Funded = "FUNDED",
        /// Refused at settlement.
        Rejected = "REJECTED",
    }
);
words!(
    /// A GP-API transaction's type, of those that a till makes.
    GpType, "type", {
        /// Money taken.
        Sale = "SALE",
        /// Money given back.
        Refund = "REFUND",
    }
);
words!(
    /// A GP-API deposit's status.
    DepositStatus, "status", {
        /// At the bank.
        Funded = "FUNDED",
        /// Paid out in parts.
        SplitFunding = "SPLIT_FUNDING",
        /// Not paid out yet.
        Delayed = "DELAYED",
        /// Kept by the processor.
        Reserved = "RESERVED",
        /// Something is wrong with it.
        Irreg = "IRREG",
        /// Was kept, is at the bank now.
        Released = "RELEASED",
    }
);
words!(
    /// A dispute's status.
    DisputeStatus, "status", {
        /// Somebody looks at it.
        UnderReview = "UNDER_REVIEW",
        /// The merchant is asked.
        WithMerchant = "WITH_MERCHANT",
        /// Over.
        Closed = "CLOSED",
        /// Its money moved.
        Funded = "FUNDED",
    }
);
words!(
    /// How far a dispute is.
    DisputeStage, "stage", {
        /// Papers are asked for.
        Retrieval = "RETRIEVAL",
        /// Taken from the merchant.
        Chargeback = "CHARGEBACK",
        /// Given back to the merchant.
        Reversal = "REVERSAL",
        /// Taken again.
        SecondChargeback = "SECOND_CHARGEBACK",
        /// Argued about.
        PreArbitration = "PRE_ARBITRATION",
        /// Before the network.
        Arbitration = "ARBITRATION",
        /// Argued about.
        PreCompliance = "PRE_COMPLIANCE",
        /// Before the network.
        Compliance = "COMPLIANCE",
        /// Asked for as a favour.
        Goodfaith = "GOODFAITH",
    }
);
words!(
    /// A Portico transaction's service.
    PorticoService, "ServiceName", {
        /// Money taken from a credit card.
        CreditSale = "CreditSale",
        /// Money given back.
        CreditReturn = "CreditReturn",
        /// A payment taken back.
        CreditVoid = "CreditVoid",
        /// A payment of unknown outcome taken back.
        CreditReversal = "CreditReversal",
        /// Reserved money taken.
        CreditAddToBatch = "CreditAddToBatch",
        /// Money taken from a debit card.
        DebitSale = "DebitSale",
    }
);
words!(
    /// A Portico transaction's status.
    PorticoStatus, "TxnStatus", {
        /// Closed in a batch.
        Closed = "C",
    }
);
