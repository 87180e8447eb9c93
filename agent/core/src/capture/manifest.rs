//! What can be on the wire of each adapter, said once and shown to who decides, and the acknowledgement without which an
//! adapter does not start that can meet clear card data.
//!
//! The tripwire replaces card data wherever it comes from. This is about the wire itself: a box that sits on a line with
//! clear card numbers is in scope of PCI DSS, and somebody has to have decided that.

use tillwire_proto::{LaneId, StoreId, TenantId};

use super::settings::Dialect;

/// What an adapter's wire can carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manifest {
    /// The adapter's word in the configuration.
    pub adapter: &'static str,
    /// What a well-configured store sends on it.
    pub usual: &'static str,
    /// Card data that the other end may send in clear, by its own rules and not by mistake; `None` where it never does.
    pub clear: Option<&'static str>,
}

impl Manifest {
    /// Of tickets that are pushed over HTTP.
    pub const HTTP: Self = Self {
        adapter: "http",
        usual: "tickets with card brand, last four digits and authorisation code",
        clear: None,
    };
    /// Of an account in the POS's cloud.
    pub const CLOUD: Self = Self {
        adapter: "heartland",
        usual: "tickets with card brand and last four digits",
        clear: None,
    };
    /// Of files.
    pub const FOLDER: Self = Self {
        adapter: "folder",
        usual: "tickets with tenders; no card data",
        clear: None,
    };
}

impl Dialect {
    /// What its wire can carry, after Heartland's and PAX's own descriptions of their commands.
    #[must_use]
    pub const fn manifest(&self) -> Manifest {
        let (usual, clear) = match self {
            Self::Upa(_) => (
                "amounts, masked card number, token, authorisation code",
                Some(
                    "card number, track data, card code and PIN block in the commands of integrated (not semi-integrated) use",
                ),
            ),
            Self::Pax(_) => (
                "amounts, last four digits, token, authorisation code",
                Some(
                    "card number, expiry and card code that a cashier keys at the till; track data and PIN block in commands for other cards",
                ),
            ),
            Self::Hpa(_) => ("amounts, masked card number, token, authorisation code", None),
            Self::EscPos(_) => ("receipts as printed: last four digits, authorisation code", None),
        };
        Manifest {
            adapter: self.name(),
            usual,
            clear,
        }
    }
}

/// That a person has seen what one lane's wire can carry, and wants the agent there all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledgement {
    /// The lane.
    pub lane: LaneId,
    /// Who acknowledges.
    pub by: String,
    /// When, as `YYYY-MM-DD`.
    pub date: String,
    /// The device's signature over [`Acknowledgement::statement`]: P-256, 64 bytes.
    pub seal: Vec<u8>,
}

impl Acknowledgement {
    /// The bytes that are signed: who acknowledges what, for which lane of which store. A text, a line each.
    #[must_use]
    pub fn statement(&self, tenant: &TenantId, store: &StoreId, manifest: &Manifest) -> Vec<u8> {
        let clear = manifest.clear.unwrap_or("nothing");
        format!(
            "tillwire acknowledgement 1\nstore {tenant}/{store}\nlane {}\nadapter {}\nmay carry {clear}\nby {}\non {}\n",
            self.lane, manifest.adapter, self.by, self.date
        )
        .into_bytes()
    }
}

/// Whether a name may stand in a statement: one line that says something.
#[must_use]
pub fn is_name(by: &str) -> bool {
    !by.trim().is_empty() && by.len() <= 200 && !by.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use tillwire_proto::TerminalId;

    use super::*;

    #[test]
    fn statement_says_all_that_could_be_changed() {
        let manifest = Dialect::Pax(TerminalId::new("t").unwrap()).manifest();
        let given = Acknowledgement {
            lane: LaneId::new("terminal-3").unwrap(),
            by: "J. Doe".to_owned(),
            date: "2026-11-26".to_owned(),
            seal: Vec::new(),
        };
        let (tenant, store) = (TenantId::new("maple").unwrap(), StoreId::new("austin").unwrap());
        let statement = String::from_utf8(given.statement(&tenant, &store, &manifest)).unwrap();
        for part in [
            "maple/austin",
            "terminal-3",
            "pax",
            manifest.clear.unwrap(),
            "J. Doe",
            "2026-11-26",
        ] {
            assert!(statement.contains(part), "{part}");
        }
    }

    #[test]
    fn name_is_one_line() {
        assert!(is_name("J. Doe, security"));
        for bad in ["", "  ", "J.\nlane other", "\u{7f}"] {
            assert!(!is_name(bad), "{bad:?}");
        }
    }
}
