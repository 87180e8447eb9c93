//! What people do in Odoo to the relay's documents while it works on them, and afterwards.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::meant::{Meant, OTHER_RECEIVABLE, RECEIVABLE};
use crate::odoo_sim::Hands;

/// What a person does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Posts or validates it.
    Confirms,
    /// Resets it to draft.
    Resets,
    /// Cancels it.
    Cancels,
    /// Deletes it.
    Deletes,
    /// Changes how much it says.
    EditsAmount,
    /// Changes its reference or name.
    EditsName,
    /// Locks November for everybody.
    Locks,
    /// Takes the lock away again.
    Unlocks,
}

/// Every act.
pub const ACTS: [Act; 8] = [
    Act::Confirms,
    Act::Resets,
    Act::Cancels,
    Act::Deletes,
    Act::EditsAmount,
    Act::EditsName,
    Act::Locks,
    Act::Unlocks,
];

impl Act {
    /// One of them.
    #[must_use]
    pub fn draw(rng: &mut ChaCha8Rng) -> Self {
        ACTS[rng.random_range(0..ACTS.len())]
    }

    /// Whether after it the document may be another than was meant, so that the relay may refuse to go on.
    #[must_use]
    pub const fn spoils(self) -> bool {
        match self {
            Self::Confirms | Self::Locks | Self::Unlocks => false,
            Self::Resets | Self::Cancels | Self::Deletes | Self::EditsAmount | Self::EditsName => true,
        }
    }

    /// Does it. `false` when there is no such document yet, or Odoo does not let them.
    pub fn on(self, meant: &Meant, hands: &mut Hands<'_, '_>) -> bool {
        match self {
            Self::Locks => hands
                .set_lock_date("fiscalyear_lock_date", Some("2026-11-30"))
                .is_ok(),
            Self::Unlocks => hands.set_lock_date("fiscalyear_lock_date", None).is_ok(),
            _ if matches!(meant, Meant::Payment { .. }) => self.on_payment(meant, hands),
            _ => hands
                .find(&meant.key())
                .is_some_and(|id| self.on_document(meant, id, hands)),
        }
    }

    fn on_document(self, meant: &Meant, id: i64, hands: &mut Hands<'_, '_>) -> bool {
        let mut call = |method: &str| hands.call(meant.model(), method, &json!([[id]])).is_ok();
        match (meant, self) {
            (_, Self::Locks | Self::Unlocks) => false,
            // what is no record of its own is not reached here
            (Meant::Payment { .. }, _) => false,
            (Meant::Entry { .. } | Meant::Invoice { .. }, act) => act.on_entry(id, hands),
            (Meant::Contact { .. }, act) => act.on_contact(id, hands),
            (_, Self::Deletes) => call("unlink"),
            (Meant::Goods { .. }, Self::Confirms) => call("button_validate"),
            // Odoo has no way back from a transfer that is done
            (Meant::Goods { .. }, Self::Resets) => false,
            (Meant::Goods { .. }, Self::Cancels) => call("action_cancel"),
            (Meant::Goods { .. }, Self::EditsAmount) => hands.edit_quantity(id, 9).is_ok(),
            (Meant::Goods { .. }, Self::EditsName) => {
                let vals = json!([[id], { "name": format!("BY HAND {id}") }]);
                hands.call("stock.picking", "write", &vals).is_ok()
            }
        }
    }

    fn on_entry(self, id: i64, hands: &mut Hands<'_, '_>) -> bool {
        let mut call = |method: &str| hands.call("account.move", method, &json!([[id]])).is_ok();
        match self {
            Self::Confirms => call("action_post"),
            Self::Resets => call("button_draft"),
            Self::Cancels => call("button_cancel"),
            Self::Deletes => hands.delete_entry(id).is_ok(),
            Self::EditsAmount => hands.edit_amounts(id, 100).is_ok(),
            Self::EditsName => hands.edit_reference(id, "by hand").is_ok(),
            Self::Locks | Self::Unlocks => false,
        }
    }

    fn on_contact(self, id: i64, hands: &mut Hands<'_, '_>) -> bool {
        let mut write = |vals: Value| hands.call("res.partner", "write", &json!([[id], vals])).is_ok();
        match self {
            // a contact has no state to confirm, and none to go back to
            Self::Confirms | Self::Resets | Self::Cancels | Self::Locks | Self::Unlocks => false,
            Self::Deletes => hands.delete("res.partner", id).is_ok(),
            Self::EditsName => write(json!({ "ref": format!("BY HAND {id}") })),
            Self::EditsAmount => {
                let other = json!([[["code", "=", OTHER_RECEIVABLE]]]);
                let found = hands.call("account.account", "search", &other);
                let other = found.ok().and_then(|ids| ids[0].as_i64());
                let receivable = "property_account_receivable_id";
                let vals = other.map(|other| json!([[id], { receivable: other }]));
                vals.is_some_and(|vals| hands.call("res.partner", "write", &vals).is_ok())
            }
        }
    }

    /// Has invoice and entry pay each other, or takes that back.
    fn on_payment(self, meant: &Meant, hands: &mut Hands<'_, '_>) -> bool {
        let method = match self {
            Self::Confirms => "reconcile",
            Self::Resets => "remove_move_reconcile",
            _ => return false,
        };
        let ids: Vec<i64> = meant.pays().iter().filter_map(|key| hands.find(key)).collect();
        let odoo = hands.snapshot();
        let both = odoo.moves.iter().filter(|entry| ids.contains(&entry.id));
        let lines = both.flat_map(|entry| &entry.lines);
        let owed = lines.filter(|line| line.account_code == RECEIVABLE);
        let owed: Vec<i64> = owed.map(|line| line.id).collect();
        owed.len() == 2 && hands.call("account.move.line", method, &json!([owed])).is_ok()
    }
}
