//! What people do in Odoo to the relay's documents while it works on them, and afterwards.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use super::meant::Meant;
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
            _ => hands
                .find(&meant.key())
                .is_some_and(|id| self.on_document(meant, id, hands)),
        }
    }

    fn on_document(self, meant: &Meant, id: i64, hands: &mut Hands<'_, '_>) -> bool {
        let mut call = |method: &str| hands.call(meant.model(), method, &json!([[id]])).is_ok();
        match (meant, self) {
            (_, Self::Locks | Self::Unlocks) => false,
            (_, Self::Deletes) if matches!(meant, Meant::Entry { .. }) => hands.delete_entry(id).is_ok(),
            (_, Self::Deletes) => call("unlink"),
            (Meant::Entry { .. }, Self::Confirms) => call("action_post"),
            (Meant::Entry { .. }, Self::Resets) => call("button_draft"),
            (Meant::Entry { .. }, Self::Cancels) => call("button_cancel"),
            (Meant::Entry { .. }, Self::EditsAmount) => hands.edit_amounts(id, 100).is_ok(),
            (Meant::Entry { .. }, Self::EditsName) => hands.edit_reference(id, "by hand").is_ok(),
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
}
