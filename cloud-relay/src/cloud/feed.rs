//! What an account is asked for, and what it offers.

use jiff::Timestamp;
use tillwire_capture::heartland_retail::Refused;
use tillwire_capture::settings::HeartlandRetailSettings;
use tillwire_proto::{Digest, Transaction};

/// A list of the account that is followed.
pub(super) enum Feed {
    /// All tickets.
    Tickets,
    /// A station's orders.
    Orders {
        station: String,
        retail: Box<HeartlandRetailSettings>,
    },
}

impl Feed {
    /// Under which it is remembered how far it is known.
    pub(super) fn name(&self, account: &str) -> String {
        match self {
            Self::Tickets => account.to_owned(),
            Self::Orders { station, .. } => format!("{account}#{station}"),
        }
    }
}

/// A sale as the account tells it, whichever list it stands in.
pub(super) struct Offered<'a> {
    pub(super) retail: &'a HeartlandRetailSettings,
    pub(super) id: &'a str,
    pub(super) updated_at: Timestamp,
    pub(super) raw: Vec<u8>,
    pub(super) read: fn(&[u8], &HeartlandRetailSettings) -> Result<Transaction, Refused>,
}

/// What a ticket says, apart from its revision: equal contents are the same ticket told again. Of bytes that are not
/// understood, the bytes.
pub(super) fn content(transaction: Option<&Transaction>, raw: &[u8]) -> Digest {
    let told = transaction.and_then(|transaction| serde_json::to_vec(transaction).ok());
    Digest::of(told.as_deref().unwrap_or(raw))
}
